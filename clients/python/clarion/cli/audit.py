"""`clarion audit`: who did what."""

from __future__ import annotations

import itertools
import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from clarion.cli.render import print_events
from clarion.cli.session import session

commands = typer.Typer(no_args_is_help=True, help="See who did what on the server.")

_AGO = re.compile(r"([0-9]{1,6})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


@commands.callback()
def group() -> None:
    """Keep `lookup` a command of its own, though it is the only one."""


@commands.command()
def lookup(
    context: typer.Context,
    *,
    since: Annotated[
        str, typer.Option(metavar="TIME", help="Events from then on: 2026-05-04T12:00 (UTC), or 90m, 2h, 7d ago.")
    ] = "",
    until: Annotated[str, typer.Option(metavar="TIME", help="Events before then, in the same forms.")] = "",
    principal: Annotated[str, typer.Option(metavar="ARN", help="Events of this principal.")] = "",
    action: Annotated[str, typer.Option(help="Events of this action, such as mobiletargeting:SendMessages.")] = "",
    resource: Annotated[str, typer.Option(metavar="ARN", help="Events about this resource.")] = "",
    app: Annotated[str, typer.Option(metavar="APP_ID", help="Events about this app.")] = "",
    outcome: Annotated[str, typer.Option(metavar="STATUS", help="Events that ended so: OK, PERMISSION_DENIED, …")] = "",
    request: Annotated[str, typer.Option(metavar="ID", help="The event of this request.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="At most so many events.")] = 100,
) -> None:
    """Show audit events that match all given filters, newest first."""
    current = session(context)
    now = datetime.now(UTC)
    with current.client() as client:
        events = client.lookup_events(
            start_time=_moment(since, now, "--since"),
            end_time=_moment(until, now, "--until"),
            principal_arn=principal,
            action=action,
            resource=resource,
            app_id=app,
            outcome=outcome.upper(),
            request_id=request,
            page_size=min(limit, 1000),
        )
        print_events(current, itertools.islice(events, limit))


def _moment(text: str, now: datetime, option: str) -> datetime | None:
    if not text:
        return None
    try:
        if ago := _AGO.fullmatch(text):
            return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise typer.BadParameter(
            f"{text!r} is no time; give 2026-05-04T12:00, or 90m, 2h, 7d for so long ago", param_hint=option
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
