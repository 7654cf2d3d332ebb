"""`clarion iam users`."""

from __future__ import annotations

from typing import Annotated

import typer

from clarion.cli.iam.common import Force, PrincipalName, Tags, print_message, print_messages, user_fields
from clarion.cli.pairs import pairs
from clarion.cli.render import print_tags, tags_text, time_text
from clarion.cli.session import bad_usage, session

commands = typer.Typer(no_args_is_help=True, help="Users: people and programs that call in their own name.")

_Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the user.")]


@commands.command()
def create(
    context: typer.Context,
    name: _Name,
    *,
    tag: Tags = None,
    boundary: Annotated[str, typer.Option(metavar="POLICY_ARN", help="Managed policy that limits the user.")] = "",
) -> None:
    """Make a user. It can do nothing until it has a policy or is in a group that has one."""
    current = session(context)
    with current.client() as client:
        user = client.iam.create_user(name, tags=pairs(tag or [], "--tag"), permissions_boundary=boundary)
    print_message(current, user, user_fields(user))


@commands.command("list")
def list_(context: typer.Context) -> None:
    """List all users, oldest first."""
    current = session(context)
    with current.client() as client:
        users = list(client.iam.list_users())
    rows = [[user.name, user.arn, time_text(user.create_time), tags_text(user.tags)] for user in users]
    columns = ["NAME", "ARN", "CREATED (UTC)", "TAGS"]
    print_messages(current, users, columns, rows, "no users; make one with: clarion iam users create NAME")


@commands.command()
def get(context: typer.Context, name: _Name) -> None:
    """Show a user."""
    current = session(context)
    with current.client() as client:
        user = client.iam.get_user(name)
    print_message(current, user, user_fields(user))


@commands.command()
def rename(context: typer.Context, name: _Name, new_name: Annotated[str, typer.Argument(help="The new name.")]) -> None:
    """Give a user another name; its tokens stop working."""
    current = session(context)
    with current.client() as client:
        user = client.iam.rename_user(name, new_name)
    print_message(current, user, user_fields(user))


@commands.command()
def delete(context: typer.Context, name: _Name, *, force: Force = False) -> None:
    """Remove a user."""
    current = session(context)
    with current.client() as client:
        user = client.iam.delete_user(name, force=force)
    print_message(current, user, user_fields(user))


def tag(
    context: typer.Context,
    principal: PrincipalName,
    tags: Annotated[list[str], typer.Argument(metavar="KEY=VALUE...", help="Tags.")],
) -> None:
    """Add tags to a user (user/NAME) or role (role/NAME), or change their values."""
    current = session(context)
    with current.client() as client, bad_usage("PRINCIPAL"):
        print_tags(current, client.iam.tag_principal(principal, pairs(tags, "KEY=VALUE")))


def untag(
    context: typer.Context,
    principal: PrincipalName,
    keys: Annotated[list[str], typer.Argument(metavar="KEY...", help="Keys of the tags.")],
) -> None:
    """Remove tags from a user (user/NAME) or role (role/NAME)."""
    current = session(context)
    with current.client() as client, bad_usage("PRINCIPAL"):
        print_tags(current, client.iam.untag_principal(principal, keys))
