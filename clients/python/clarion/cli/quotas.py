"""`clarion quotas`: how much the account, and each app, may do."""

from __future__ import annotations

from typing import Annotated

import typer

from clarion.cli.render import print_quotas
from clarion.cli.session import session
from clarion.v1.quota_pb2 import Quotas

commands = typer.Typer(no_args_is_help=True, help="Quotas: how much the account, and each app, may do.")

_App = Annotated[str, typer.Option("--app", metavar="APP_ID", help="Of this app. Default: of the account.")]
_Number = Annotated[int | None, typer.Option(metavar="NUMBER")]


@commands.command()
def get(context: typer.Context, *, app: _App = "") -> None:
    """Show quotas."""
    current = session(context)
    with current.client() as client:
        found = client.get_quotas(app)
    print_quotas(current, found.effective, found.set)


@commands.command("set")
def set_(
    context: typer.Context,
    *,
    app: _App = "",
    sends_per_second: _Number = None,
    burst: _Number = None,
    targets_per_call: _Number = None,
    request_size: _Number = None,
    streams_per_principal: _Number = None,
    reset: Annotated[
        list[str] | None, typer.Option(metavar="QUOTA", help="Take a quota back, such as burst; may be repeated.")
    ] = None,
) -> None:
    """Set quotas, or take them back. The others stay."""
    given = {
        "sends_per_second": sends_per_second,
        "burst": burst,
        "targets_per_call": targets_per_call,
        "request_size": request_size,
        "streams_per_principal": streams_per_principal,
    }
    wanted = {name: value for name, value in given.items() if value is not None}
    removed = [name.replace("-", "_") for name in reset or []]
    if not wanted and not removed:
        raise typer.BadParameter("give at least one quota, or --reset", param_hint="--sends-per-second")
    current = session(context)
    with current.client() as client:
        found = client.update_quotas(Quotas(**wanted), app_id=app, update_mask=[*wanted, *removed])
    print_quotas(current, found.effective, found.set)
