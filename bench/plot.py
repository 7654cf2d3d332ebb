"""The figures as a picture: throughput on the left, CPU time per notification on the right, latency below."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bench.cases import WITHOUT_SERVER
from bench.drawing import FAINT, INK, bar, legend, picture, text, tick, ticks
from bench.report import Conditions, Row, groups, singles

#: Notifications per second that one machine of 2 cores has to reach.
GOAL = 75_000

_TITLE = "Clarion's send path: server, provider and load generator on one machine"
_WIDTH = 1000
_TOP, _STEP, _HEADING = 104, 40, 34
_LEFT, _PANEL, _GAP = 275, 315, 70
# A bar must be so wide for its number to stand in it: a rate, a CPU time.
_SHORT, _SHORT_CPU = 60, 40
_ENGINE, _SERVER, _STUB, _GENERATOR, _GOAL = "#8fa3b8", "#2f6fb3", "#e0a458", "#7fb285", "#b3322f"
_TAIL = "#a9c4e0"


def svg(table: Sequence[Row], conditions: Conditions) -> str:
    """Return the picture as an SVG document."""
    placed = list(_placed(table))
    bottom = placed[-1][0] + _STEP // 2 + 4 if placed else _TOP
    shown = [row for _, row in placed]
    alone = singles(table)
    latency_top = bottom + 96
    height = latency_top + (_STEP * len(alone) + 60 if alone else 0) + 20
    parts = [
        *_headings(table),
        *(text(_LEFT - 14, middle + 5, row.case.name, INK, anchor="end") for middle, row in placed),
        *(_throughput(placed, shown, bottom) if placed else ()),
        *(_cpu(placed, shown, bottom) if placed else ()),
        *(_latency(alone, latency_top) if alone else ()),
    ]
    return picture(_WIDTH, height, _TITLE, str(conditions), parts)


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
        yield name, [row for row in members if row.case.targets > 1]


def _headings(table: Sequence[Row]) -> Iterator[str]:
    y = _TOP
    for name, members in _drawn(table):
        yield text(20, y + _HEADING - 8, name, FAINT, size=12, weight="600")
        y += _HEADING + _STEP * len(members)


def _throughput(placed: Sequence[tuple[int, Row]], shown: Sequence[Row], bottom: int) -> Iterator[str]:
    step, most = ticks(max(GOAL, *(max(row.rates) for row in shown)))
    scale = _PANEL / most
    yield text(_LEFT, 84, "notifications per second (dots: single runs)", INK, weight="600")
    for at in range(0, round(most) + 1, round(step)):
        yield from tick(_LEFT + at * scale, _TOP, bottom, f"{at // 1000}k" if at else "0")
    for middle, row in placed:
        yield bar(_LEFT, middle, row.rate * scale, _ENGINE if row.case.kind == "engine" else _SERVER)
        # Beside a bar that is too short for it, and for the dots of its runs.
        inside = min(row.rates) * scale > _SHORT
        x = _LEFT + (8 if inside else max(row.rates) * scale + 12)
        yield text(x, middle + 5, f"{row.rate:,.0f}", "#ffffff" if inside else INK, weight="600")
        for rate in row.rates:
            yield f'<circle cx="{_LEFT + rate * scale:.1f}" cy="{middle}" r="3" fill="none" stroke="{INK}"/>'
    goal = _LEFT + GOAL * scale
    yield (
        f'<line x1="{goal:.1f}" y1="{_TOP}" x2="{goal:.1f}" y2="{bottom}" stroke="{_GOAL}" stroke-width="1.5" '
        'stroke-dasharray="5 4"/>'
    )
    yield text(goal, _TOP - 4, f"goal {GOAL:,}", _GOAL, anchor="middle", size=12)


def _cpu(placed: Sequence[tuple[int, Row]], shown: Sequence[Row], bottom: int) -> Iterator[str]:
    left = _LEFT + _PANEL + _GAP
    step, most = ticks(max(row.sender_us + row.stub_us + (row.generator_us or 0) for row in shown))
    scale = _PANEL / most
    yield text(left, 84, "CPU time per notification, µs", INK, weight="600")
    for number in range(round(most / step) + 1):
        yield from tick(left + number * step * scale, _TOP, bottom, f"{number * step:g}")
    for middle, row in placed:
        x = float(left)
        sender = _ENGINE if row.case.kind == "engine" else _SERVER
        for value, colour in ((row.sender_us, sender), (row.stub_us, _STUB), (row.generator_us or 0, _GENERATOR)):
            yield bar(x, middle, value * scale, colour)
            if value * scale > _SHORT_CPU:
                yield text(x + 6, middle + 5, f"{value:.1f}", "#ffffff", weight="600")
            x += value * scale
    names = (("engine", _ENGINE), ("server", _SERVER), ("provider", _STUB), ("generator", _GENERATOR))
    yield from legend(left, bottom + 38, names)


def _latency(alone: Sequence[Row], top: int) -> Iterator[str]:
    step, most = ticks(max(row.p99_ms or 0 for row in alone))
    panel = 2 * _PANEL + _GAP
    scale = panel / most
    bottom = top + _STEP * len(alone)
    yield text(_LEFT, top - 12, "one target a call: milliseconds until its result", INK, weight="600")
    for number in range(round(most / step) + 1):
        yield from tick(_LEFT + number * step * scale, top, bottom, f"{number * step:g}")
    for number, row in enumerate(alone):
        middle = top + _STEP * number + _STEP // 2
        median, tail = row.p50_ms or 0, row.p99_ms or 0
        yield text(_LEFT - 14, middle + 5, row.case.name, INK, anchor="end")
        yield bar(_LEFT, middle, tail * scale, _TAIL)
        yield bar(_LEFT, middle, median * scale, _ENGINE if row.case.kind in WITHOUT_SERVER else _SERVER)
        yield text(_LEFT + tail * scale + 8, middle + 5, f"{median:.2f} / {tail:.2f}", INK, size=12)
    yield from legend(_LEFT, bottom + 32, (("median", _SERVER), ("99 %", _TAIL)))
