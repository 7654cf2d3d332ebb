"""Counts and prints the results of a send, while they come and at the end."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from clarion.cli.hints import hint
from clarion.cli.render import short_address, table
from clarion.messages import enum_name
from clarion.v1 import channel_pb2, error_pb2, messaging_pb2
from clarion.v1.messaging_pb2 import Result

FEW = 20
_LINES_EVERY = 5.0
_STYLES: dict[int, str] = {
    messaging_pb2.DELIVERY_STATUS_SUCCESSFUL: "green",
    messaging_pb2.DELIVERY_STATUS_THROTTLED: "yellow",
    messaging_pb2.DELIVERY_STATUS_TEMPORARY_FAILURE: "yellow",
    messaging_pb2.DELIVERY_STATUS_UNKNOWN_FAILURE: "magenta",
}


class Tally:
    """Counts results by status and reason, and keeps a few to show.

    Attributes:
        total: how many results there were.
        counts: (delivery status, reason) → how many.
    """

    def __init__(self) -> None:
        self.total = 0
        self.counts: Counter[tuple[int, int]] = Counter()
        self._first: list[Result] = []
        self._failures: dict[tuple[int, int], Result] = {}

    def add(self, result: Result) -> None:
        """Count one result."""
        kind = (result.delivery_status, result.reason)
        self.total += 1
        self.counts[kind] += 1
        if self.total <= FEW:
            self._first.append(result)
        if self.counts[kind] == 1 and result.delivery_status != messaging_pb2.DELIVERY_STATUS_SUCCESSFUL:
            self._failures[kind] = result

    @property
    def successful(self) -> int:
        """How many were accepted by their provider."""
        return self.counts[messaging_pb2.DELIVERY_STATUS_SUCCESSFUL, error_pb2.ERROR_REASON_UNSPECIFIED]

    @property
    def samples(self) -> list[Result]:
        """The results worth a table of their own: all if they are few, else one of each kind of failure."""
        chosen = self._first if self.total <= FEW else self._failures.values()
        return sorted(chosen, key=lambda result: result.index)

    def line(self) -> Text:
        """Return the counts by status on one line."""
        by_status: Counter[int] = Counter()
        for (status, _), count in self.counts.items():
            by_status[status] += count
        parts = [
            Text(f"{count:,} {status_name(status).lower().replace('_', ' ')}", style=_style(status))
            for status, count in by_status.most_common()
        ]
        return Text(", ").join(parts)


def status_name(status: int) -> str:
    """Return the short name of a delivery status, such as `THROTTLED`."""
    return enum_name(messaging_pb2.DeliveryStatus, status)


def reason_name(reason: int) -> str:
    """Return the short name of a reason, such as `ADDRESS_UNREGISTERED`; empty for none."""
    return enum_name(error_pb2.ErrorReason, reason) if reason else ""


def plain_line(result: Result) -> str:
    """Return a result as one line of six fields between tabs.

    They are index, status, reason, channel, address, and the message id or what is wrong.
    """
    fields = (
        str(result.index),
        status_name(result.delivery_status),
        reason_name(result.reason) or "-",
        enum_name(channel_pb2.ChannelType, result.channel_type),
        result.address,
        result.message_id or result.status_message,
    )
    return "\t".join(field.replace("\t", " ").replace("\n", " ") for field in fields)


def results_table(tally: Tally) -> RenderableType:
    """Return a table of single results."""
    rows: list[list[str | Text]] = [
        [
            str(result.index),
            enum_name(channel_pb2.ChannelType, result.channel_type),
            short_address(result.address),
            Text(status_name(result.delivery_status), style=_style(result.delivery_status)),
            result.message_id or result.status_message,
        ]
        for result in tally.samples
    ]
    few = tally.total <= FEW
    title = "results" if few else "one example of each failure (all results: --results FILE)"
    drawn = table(["#", "CHANNEL", "ADDRESS", "STATUS", "MESSAGE ID OR PROBLEM"], rows, right=["#"], fixed=["ADDRESS"])
    return Group(Text(title, style="bold"), drawn)


def summary_table(tally: Tally) -> Table:
    """Return a table of the counts by status and reason, with what helps."""
    rows: list[list[str | Text]] = [
        [
            Text(status_name(status), style=_style(status)),
            reason_name(reason),
            f"{count:,}",
            hint(reason),
        ]
        for (status, reason), count in tally.counts.most_common()
    ]
    return table(["STATUS", "REASON", "COUNT", "WHAT HELPS"], rows, right=["COUNT"])


class LiveCounts:
    """Shows how a send goes on: a bar on a terminal, a line now and then anywhere else.

    Args:
        console: where.
        tally: what is counted.
        total: returns how many targets there are, None while that is not known.
    """

    def __init__(self, console: Console, tally: Tally, total: Callable[[], int | None]) -> None:
        self._console = console
        self._tally = tally
        self._total = total
        self._next_line = time.monotonic() + _LINES_EVERY
        self._live: Live | None = None
        self._progress = Progress(
            TextColumn("sending"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
        )
        self._task = self._progress.add_task("", total=total())

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live = Live(get_renderable=self._render, console=self._console, refresh_per_second=8, transient=True)
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def tick(self) -> None:
        """Show something new if it is time; cheap, for every result."""
        if self._live is None and time.monotonic() >= self._next_line:
            self._next_line = time.monotonic() + _LINES_EVERY
            total = self._total()
            of = "" if total is None else f" of {total:,}"
            self._console.print(Text(f"{self._tally.total:,}{of}: ").append_text(self._tally.line()))

    def _render(self) -> RenderableType:
        self._progress.update(self._task, completed=self._tally.total, total=self._total())
        return Group(self._progress, self._tally.line())


def _style(status: int) -> str:
    return _STYLES.get(status, "red")
