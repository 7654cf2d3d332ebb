"""`clarion iam roles`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from clarion.cli.iam.common import (
    DocumentFile,
    Force,
    Tags,
    print_message,
    print_messages,
    read_document,
    role_fields,
)
from clarion.cli.pairs import pairs
from clarion.cli.render import tags_text
from clarion.cli.session import session

commands = typer.Typer(no_args_is_help=True, help="Roles: identities that others take on for a while.")

_Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the role.")]
_MaxSession = Annotated[
    int | None, typer.Option(metavar="SECONDS", help="How long a session may last, 3,600 to 43,200.")
]


@commands.command()
def create(
    context: typer.Context,
    name: _Name,
    trust_policy: DocumentFile,
    *,
    description: Annotated[str, typer.Option(help="For people.")] = "",
    max_session: _MaxSession = None,
    tag: Tags = None,
    boundary: Annotated[str, typer.Option(metavar="POLICY_ARN", help="Managed policy that limits the role.")] = "",
) -> None:
    """Make a role; FILE says who may assume it."""
    current = session(context)
    with current.client() as client:
        role = client.iam.create_role(
            name,
            read_document(trust_policy),
            description=description,
            max_session=max_session,
            tags=pairs(tag or [], "--tag"),
            permissions_boundary=boundary,
        )
    print_message(current, role, role_fields(role))


@commands.command("list")
def list_(context: typer.Context) -> None:
    """List all roles, oldest first."""
    current = session(context)
    with current.client() as client:
        roles = list(client.iam.list_roles())
    rows = [[role.name, role.arn, role.description, tags_text(role.tags)] for role in roles]
    print_messages(current, roles, ["NAME", "ARN", "DESCRIPTION", "TAGS"], rows, "no roles")


@commands.command()
def get(context: typer.Context, name: _Name) -> None:
    """Show a role with its trust policy."""
    current = session(context)
    with current.client() as client:
        role = client.iam.get_role(name)
    print_message(current, role, role_fields(role))


@commands.command()
def update(
    context: typer.Context,
    name: _Name,
    *,
    trust_policy: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Who may assume it; `-` reads standard input.")
    ] = None,
    description: Annotated[str | None, typer.Option(help="For people; empty removes it.")] = None,
    max_session: _MaxSession = None,
) -> None:
    """Change what is given: the trust policy, or the rest."""
    current = session(context)
    with current.client() as client:
        role = client.iam.update_role(
            name,
            trust_policy=None if trust_policy is None else read_document(trust_policy),
            description=description,
            max_session=max_session,
        )
    print_message(current, role, role_fields(role))


@commands.command()
def delete(context: typer.Context, name: _Name, *, force: Force = False) -> None:
    """Remove a role; its sessions can do nothing any more."""
    current = session(context)
    with current.client() as client:
        role = client.iam.delete_role(name, force=force)
    print_message(current, role, role_fields(role))
