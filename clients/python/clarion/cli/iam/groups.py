"""`clarion iam groups`."""

from __future__ import annotations

from typing import Annotated

import typer

from clarion.cli.iam.common import Force, group_fields, print_done, print_message, print_messages
from clarion.cli.render import tags_text, time_text
from clarion.cli.session import session

commands = typer.Typer(no_args_is_help=True, help="Groups: their members have their policies.")

_Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the group.")]
_User = Annotated[str, typer.Argument(metavar="USER", help="Name of the user.")]


@commands.command()
def create(context: typer.Context, name: _Name) -> None:
    """Make a group."""
    current = session(context)
    with current.client() as client:
        group = client.iam.create_group(name)
    print_message(current, group, group_fields(group))


@commands.command("list")
def list_(context: typer.Context) -> None:
    """List all groups, oldest first."""
    current = session(context)
    with current.client() as client:
        groups = list(client.iam.list_groups())
    rows = [[group.name, group.arn, time_text(group.create_time)] for group in groups]
    print_messages(current, groups, ["NAME", "ARN", "CREATED (UTC)"], rows, "no groups")


@commands.command()
def delete(context: typer.Context, name: _Name, *, force: Force = False) -> None:
    """Remove a group."""
    current = session(context)
    with current.client() as client:
        group = client.iam.delete_group(name, force=force)
    print_message(current, group, group_fields(group))


@commands.command()
def add(context: typer.Context, name: _Name, user: _User) -> None:
    """Make a user a member."""
    current = session(context)
    with current.client() as client:
        client.iam.add_user_to_group(name, user)
    print_done(current, f"{user} is a member of {name}")


@commands.command()
def remove(context: typer.Context, name: _Name, user: _User) -> None:
    """End a membership."""
    current = session(context)
    with current.client() as client:
        client.iam.remove_user_from_group(name, user)
    print_done(current, f"{user} is no member of {name} any more")


@commands.command()
def members(context: typer.Context, name: _Name) -> None:
    """List the users of a group."""
    current = session(context)
    with current.client() as client:
        users = list(client.iam.list_group_members(name))
    rows = [[user.name, user.arn, tags_text(user.tags)] for user in users]
    print_messages(current, users, ["NAME", "ARN", "TAGS"], rows, "no members")
