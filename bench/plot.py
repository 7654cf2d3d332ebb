"""The figures as a picture: throughput on the left, CPU time per notification on the right, latency below."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from bench.cases import WITHOUT_SERVER, Case, Setup
from bench.drawing import FAINT, INK, PAPER, axis, bar, label, legend, picture, scale, swatch, text, width_of
from bench.report import Conditions, Row, groups, singles

#: Notifications per second that one machine of 2 cores has to reach, in the case that `has_goal` names.
GOAL = 75_000

_TITLE = "Clarion's send path: server, provider and load generator on one machine"
_WIDTH, _MARGIN = 1000, 20
_TOP, _STEP, _HEADING = 98, 34, 32
# Between a name, its figure and its bar; between the two charts, where half the name of a tick has to fit too.
_APART, _BESIDE, _BETWEEN = 14, 8, 36
_DOT = 3
_ENGINE, _SERVER, _STUB, _GENERATOR, _GOAL = "#8fa3b8", "#2f6fb3", "#e0a458", "#7fb285", "#b3322f"
_ENGINE_TAIL, _TAIL = "#d0d9e2", "#a9c4e0"
_GOAL_WORDS = f"goal {GOAL:,}"


class _Chart(NamedTuple):
    """Where bars are drawn: they begin at `left`, and with all beside them end before `left + room`."""

    left: float
    room: float
    top: int
    bottom: int

    def heading(self, title: str, note: str) -> Iterator[str]:
        """Yield what stands above."""
        yield text(self.left, self.top - 20, title, INK, weight="600")
        yield text(self.left, self.top - 4, note, FAINT, size=12)

    def figure(self, middle: int, words: str) -> str:
        """Return the figure of a bar, which has its place however short the bar is."""
        return text(self.left - _BESIDE, middle + 5, words, INK, anchor="end", weight="600")

    def names(self, placed: Iterable[tuple[int, Row]], figures: float) -> Iterator[str]:
        """Yield the names of the rows, left of their figures."""
        for middle, row in placed:
            yield text(self.left - _BESIDE - figures - _APART, middle + 5, row.case.name, INK, anchor="end")


def has_goal(case: Case) -> bool:
    """Return whether `GOAL` is this case's: everything switched on, a million targets."""
    return case.kind == "stream" and case.setup == Setup(access="secured") and case.targets >= 1_000_000


def svg(table: Sequence[Row], conditions: Conditions) -> str:
    """Return the picture as an SVG document."""
    placed = list(_placed(table))
    alone = singles(table)
    drawn = [row for _, row in placed]
    rates, times, latencies = _widest(drawn, _rate), _widest(drawn, _time), _widest(alone, _times)
    left = _MARGIN + _APART + _BESIDE + max(_names(drawn) + rates, _names(alone) + latencies)
    room = (_WIDTH - _MARGIN - left - _BETWEEN - times - _BESIDE) / 2
    bottom = placed[-1][0] + _STEP // 2 + 2 if placed else _TOP
    parts = []
    end = _TOP
    if placed:
        throughput = _Chart(left, room, _TOP, bottom)
        cpu = _Chart(_WIDTH - _MARGIN - room, room, _TOP, bottom)
        parts += [*_headings(table), *throughput.names(placed, rates), *_throughput(placed, throughput)]
        parts += [*_cpu(placed, cpu), *_legend(placed, bottom + 34)]
        end = bottom + 46
    if alone:
        top = end + 60 if placed else _TOP
        latency = _Chart(left, _WIDTH - _MARGIN - left, top, top + _STEP * len(alone))
        lines = [(top + _STEP * number + _STEP // 2, row) for number, row in enumerate(alone)]
        parts += [*latency.names(lines, latencies), *_latency(lines, latency)]
        end = latency.bottom + 46
    return picture(_WIDTH, end + _MARGIN, _TITLE, str(conditions), parts)


def _rate(row: Row) -> str:
    return f"{row.rate:,.0f}"


def _time(row: Row) -> str:
    return f"{row.sender_us:.1f}"


def _times(row: Row) -> str:
    return f"{row.p50_ms or 0:.2f} / {row.p99_ms or 0:.2f}"


def _names(rows: Iterable[Row]) -> float:
    return max((width_of(row.case.name) for row in rows), default=0)


def _widest(rows: Iterable[Row], figure: Callable[[Row], str]) -> float:
    return max((width_of(figure(row), weight="600") for row in rows), default=0)


def _placed(table: Sequence[Row]) -> Iterator[tuple[int, Row]]:
    """Yield each row with the middle of its bar."""
    y = _TOP
    for _, members in _drawn(table):
        y += _HEADING
        for row in members:
            yield y + _STEP // 2, row
            y += _STEP


def _drawn(table: Sequence[Row]) -> Iterator[tuple[str, list[Row]]]:
    """Yield what the bars show: a target a call costs a hundred times as much, and would make all others vanish."""
    for name, members in groups(table):
        if drawn := [row for row in members if row.case.targets > 1]:
            yield name, drawn


def _headings(table: Sequence[Row]) -> Iterator[str]:
    y = _TOP
    for name, members in _drawn(table):
        yield text(_MARGIN, y + _HEADING - 6, name, FAINT, size=12, weight="600")
        y += _HEADING + _STEP * len(members)


def _throughput(placed: Sequence[tuple[int, Row]], chart: _Chart) -> Iterator[str]:
    beside_goal = 2 * _BESIDE + width_of(_GOAL_WORDS, size=12)
    ends = [(max(row.rates), _DOT + 1.0) for _, row in placed]
    ends += [(max(GOAL, *row.rates), beside_goal) for _, row in placed if has_goal(row.case)]
    unit = scale(chart.room, ends)
    yield from chart.heading("notifications per second", "bar and figure: median")
    yield from axis(*chart, unit, say=lambda rate: f"{rate / 1000:g}k" if rate else "0")
    for middle, row in placed:
        yield bar(chart.left, middle, row.rate * unit, _ENGINE if row.case.kind == "engine" else _SERVER)
        yield chart.figure(middle, _rate(row))
        if has_goal(row.case):
            yield _goal(chart.left + GOAL * unit, middle - _STEP / 2, middle + _STEP / 2)
            x = chart.left + max(GOAL, *row.rates) * unit
            yield from label(x + 2 * _BESIDE - 3, middle + 5, _GOAL_WORDS, _GOAL, size=12)
        for rate in row.rates:
            yield _run(chart.left + rate * unit, middle)


def _run(x: float, y: float) -> str:
    return f'<circle cx="{x:.1f}" cy="{y}" r="{_DOT}" fill="{PAPER}" stroke="{INK}"/>'


def _goal(x: float, top: float, bottom: float) -> str:
    """Return a line that can be seen on a bar too."""
    line = f'<line x1="{x:.1f}" y1="{top:g}" x2="{x:.1f}" y2="{bottom:g}"'
    return (
        f'{line} stroke="{PAPER}" stroke-width="4"/>{line} stroke="{_GOAL}" stroke-width="2" stroke-dasharray="5 2"/>'
    )


def _cpu(placed: Sequence[tuple[int, Row]], chart: _Chart) -> Iterator[str]:
    unit = scale(chart.room, [(row.sender_us + row.stub_us + (row.generator_us or 0), 0) for _, row in placed])
    yield from chart.heading("CPU time per notification, µs", "figure: bare engine or server")
    yield from axis(*chart, unit)
    for middle, row in placed:
        x = chart.left
        sender = _ENGINE if row.case.kind == "engine" else _SERVER
        for value, colour in ((row.sender_us, sender), (row.stub_us, _STUB), (row.generator_us or 0, _GENERATOR)):
            yield bar(x, middle, value * unit, colour)
            x += value * unit
        yield chart.figure(middle, _time(row))


def _legend(placed: Sequence[tuple[int, Row]], y: int) -> Iterator[str]:
    bars = (("bare engine", _ENGINE), ("server", _SERVER), ("provider", _STUB), ("load generator", _GENERATOR))
    names = [(name, swatch(colour)) for name, colour in bars]
    names.append(("a single run", _run(6, 6)))
    if any(has_goal(row.case) for _, row in placed):
        names.append(("goal: everything switched on, a million targets", _goal(6, -2, 14)))
    yield from legend(_MARGIN, y, names)


def _latency(placed: Sequence[tuple[int, Row]], chart: _Chart) -> Iterator[str]:
    unit = scale(chart.room, [(max(row.p50_ms or 0, row.p99_ms or 0), 0) for _, row in placed])
    yield from chart.heading("one target a call: milliseconds until its result", "figures: median / 99 %")
    yield from axis(*chart, unit)
    for middle, row in placed:
        median, tail = (_ENGINE, _ENGINE_TAIL) if row.case.kind in WITHOUT_SERVER else (_SERVER, _TAIL)
        yield bar(chart.left, middle, (row.p99_ms or 0) * unit, tail)
        yield bar(chart.left, middle, (row.p50_ms or 0) * unit, median)
        yield chart.figure(middle, _times(row))
    names = (
        ("server: median", _SERVER),
        ("server: 99 %", _TAIL),
        ("without the server: median", _ENGINE),
        ("without the server: 99 %", _ENGINE_TAIL),
    )
    yield from legend(_MARGIN, chart.bottom + 34, [(name, swatch(colour)) for name, colour in names])
