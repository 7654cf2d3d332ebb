"""`clarion iam keys`."""

from __future__ import annotations

from typing import Annotated

import typer

from clarion.cli.iam.common import print_done, print_message, print_messages
from clarion.cli.render import time_text
from clarion.cli.session import session
from clarion.iam.v1.access_keys_pb2 import AccessKey

commands = typer.Typer(no_args_is_help=True, help="Access keys, for callers that sign requests.")

_User = Annotated[str, typer.Argument(metavar="USER", help="Name of the user.")]
_KeyId = Annotated[str, typer.Argument(metavar="KEY_ID", help="Id of the key: AKIA….")]


@commands.command()
def create(context: typer.Context, user: _User) -> None:
    """Make an access key and show its secret: keep it, it cannot be shown again."""
    current = session(context)
    with current.client() as client:
        made = client.iam.create_access_key(user)
    fields = {"access key id": made.access_key.id, "secret access key": made.secret_access_key}
    print_message(current, made, fields)


@commands.command("list")
def list_(context: typer.Context, user: _User) -> None:
    """List the access keys of a user, without secrets."""
    current = session(context)
    with current.client() as client:
        keys = client.iam.list_access_keys(user)
    columns = ["ID", "ACTIVE", "CREATED (UTC)", "LAST USED (UTC)"]
    print_messages(current, keys, columns, [_row(key) for key in keys], "no access keys")


@commands.command()
def enable(context: typer.Context, user: _User, key_id: _KeyId) -> None:
    """Switch an access key on."""
    _switch(context, user, key_id, active=True)


@commands.command()
def disable(context: typer.Context, user: _User, key_id: _KeyId) -> None:
    """Switch an access key off."""
    _switch(context, user, key_id, active=False)


@commands.command()
def delete(context: typer.Context, user: _User, key_id: _KeyId) -> None:
    """Remove an access key."""
    current = session(context)
    with current.client() as client:
        client.iam.delete_access_key(user, key_id)
    print_done(current, f"{key_id} is gone")


def _switch(context: typer.Context, user: str, key_id: str, *, active: bool) -> None:
    current = session(context)
    with current.client() as client:
        key = client.iam.update_access_key(user, key_id, active=active)
    print_message(current, key, {"id": key.id, "active": "yes" if key.active else "no"})


def _row(key: AccessKey) -> list[str]:
    used = time_text(key.last_used_time) if key.HasField("last_used_time") else "never"
    return [key.id, "yes" if key.active else "no", time_text(key.create_time), used]
