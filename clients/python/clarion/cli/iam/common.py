"""What the commands of identity management share: arguments, documents, printing."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

import typer
from google.protobuf import json_format
from google.protobuf.message import Message

from clarion.cli.render import print_fields, print_json, table, tags_text, time_text
from clarion.cli.session import Output, Session, bad_usage
from clarion.iam.v1.principals_pb2 import Group, Role, User

PrincipalName = Annotated[str, typer.Argument(metavar="PRINCIPAL", help="user/NAME, group/NAME or role/NAME.")]
PolicyArn = Annotated[
    str, typer.Argument(metavar="POLICY_ARN", help="ARN of a managed policy, as `clarion iam policies list` shows it.")
]
DocumentFile = Annotated[
    Path, typer.Argument(metavar="FILE", help="File with the policy document in JSON; `-` reads standard input.")
]
Tags = Annotated[list[str] | None, typer.Option("--tag", metavar="KEY=VALUE", help="A tag; may be repeated.")]
Force = Annotated[bool, typer.Option("--force", help="Also when it has something; that goes with it.")]


def read_document(file: Path) -> str:
    """Return the text of a policy document."""
    with bad_usage("FILE"):
        return sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")


def print_message(session: Session, message: Message, fields: dict[str, str]) -> None:
    """Print one thing: its fields for people, or all of it as JSON."""
    if session.output is Output.JSON:
        print_json(session, json_format.MessageToDict(message))
    else:
        print_fields(session, fields)


def print_messages(
    session: Session,
    messages: Iterable[Message],
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    nothing: str,
) -> None:
    """Print several things: a table for people, or all of them as JSON."""
    if session.output is Output.JSON:
        print_json(session, [json_format.MessageToDict(message) for message in messages])
        return
    cells = list(rows)
    if cells:
        session.out.print(table(columns, cells))
    else:
        session.err.print(nothing)


def print_done(session: Session, text: str) -> None:
    """Tell that something was done, where it does not disturb programs."""
    session.err.print(text)


def user_fields(user: User) -> dict[str, str]:
    """Return what people see of a user."""
    return {
        "name": user.name,
        "id": user.id,
        "arn": user.arn,
        "tags": tags_text(user.tags) or "none",
        "boundary": user.permissions_boundary or "none",
        "created": time_text(user.create_time),
    }


def group_fields(group: Group) -> dict[str, str]:
    """Return what people see of a group."""
    return {"name": group.name, "id": group.id, "arn": group.arn, "created": time_text(group.create_time)}


def role_fields(role: Role) -> dict[str, str]:
    """Return what people see of a role."""
    return {
        "name": role.name,
        "id": role.id,
        "arn": role.arn,
        "description": role.description or "none",
        "max session": f"{role.max_session_duration.seconds} s",
        "tags": tags_text(role.tags) or "none",
        "boundary": role.permissions_boundary or "none",
        "created": time_text(role.create_time),
        "version": str(role.version),
        "trust": role.trust_policy,
    }
