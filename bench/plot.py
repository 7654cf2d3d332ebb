"""The figures as a picture: throughput on the left, CPU time per notification on the right."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from xml.sax.saxutils import escape

from bench.measure import ENGINE, Plan
from bench.report import Row, bulk, conditions

#: Notifications per second that one server process has to reach on 2 cores.
GOAL = 40_000

_WIDTH = 960
_TOP, _STEP, _BAR = 92, 64, 28
_LEFT, _PANEL, _GAP = 230, 310, 70
_INK, _FAINT, _GRID = "#1f2933", "#616e7c", "#d9dee4"
_ENGINE, _SERVER, _STUB, _GENERATOR, _GOAL = "#8fa3b8", "#2f6fb3", "#e0a458", "#7fb285", "#b3322f"


def svg(table: Sequence[Row], plan: Plan, runs: int) -> str:
    """Return the picture as an SVG document."""
    shown = bulk(table)
    bottom = _TOP + _STEP * len(shown)
    height = bottom + 92
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" font-family="system-ui, sans-serif">',
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>',
        *_labels(shown),
        *_throughput(shown, bottom),
        *_cpu(shown, bottom),
        _text(20, height - 14, conditions(plan, runs), _FAINT, size=12),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _labels(shown: Sequence[Row]) -> Iterator[str]:
    yield _text(20, 28, "One clarion-server process against nghttpd on loopback", _INK, size=17, weight="600")
    for number, row in enumerate(shown):
        kind, _, detail = row.case.partition(", ")
        middle = _middle(number)
        yield _text(_LEFT - 14, middle + (-2 if detail else 5), kind, _INK, anchor="end")
        if detail:
            yield _text(_LEFT - 14, middle + 14, detail, _FAINT, anchor="end", size=12)


def _throughput(shown: Sequence[Row], bottom: int) -> Iterator[str]:
    step, most = _ticks(max(GOAL, *(max(row.rates) for row in shown)))
    scale = _PANEL / most
    yield _text(_LEFT, 64, "notifications per second (dots: single runs)", _INK, weight="600")
    for tick in range(0, round(most) + 1, round(step)):
        yield from _tick(_LEFT + tick * scale, bottom, f"{tick // 1000}k" if tick else "0")
    for number, row in enumerate(shown):
        middle = _middle(number)
        colour = _ENGINE if row.case == ENGINE else _SERVER
        yield _bar(_LEFT, middle, row.rate * scale, colour)
        yield _text(_LEFT + 8, middle + 5, f"{row.rate:,.0f}", "#ffffff", weight="600")
        for rate in row.rates:
            yield f'<circle cx="{_LEFT + rate * scale:.1f}" cy="{middle}" r="3" fill="none" stroke="{_INK}"/>'
    goal = _LEFT + GOAL * scale
    yield (
        f'<line x1="{goal:.1f}" y1="{_TOP}" x2="{goal:.1f}" y2="{bottom}" stroke="{_GOAL}" stroke-width="1.5" '
        'stroke-dasharray="5 4"/>'
    )
    yield _text(goal, _TOP - 6, f"goal {GOAL:,}", _GOAL, anchor="middle", size=12)


def _cpu(shown: Sequence[Row], bottom: int) -> Iterator[str]:
    left = _LEFT + _PANEL + _GAP
    step, most = _ticks(max(row.sender_us + row.stub_us + (row.generator_us or 0) for row in shown))
    scale = _PANEL / most
    yield _text(left, 64, "CPU time per notification, µs", _INK, weight="600")
    for number in range(round(most / step) + 1):
        yield from _tick(left + number * step * scale, bottom, f"{number * step:g}")
    for number, row in enumerate(shown):
        middle = _middle(number)
        x = float(left)
        sender = _ENGINE if row.case == ENGINE else _SERVER
        for value, colour in ((row.sender_us, sender), (row.stub_us, _STUB), (row.generator_us or 0, _GENERATOR)):
            yield _bar(x, middle, value * scale, colour)
            if value * scale > 30:
                yield _text(x + 6, middle + 5, f"{value:.1f}", "#ffffff", weight="600")
            x += value * scale
    x = left
    for name, colour in (("engine", _ENGINE), ("server", _SERVER), ("stub", _STUB), ("generator", _GENERATOR)):
        yield f'<rect x="{x}" y="{bottom + 38}" width="12" height="12" fill="{colour}"/>'
        yield _text(x + 17, bottom + 49, name, _INK, size=12)
        x += 76


def _ticks(most: float) -> tuple[float, float]:
    """Return a round distance of ticks, and the first multiple of it that is not below `most`."""
    power = 10.0 ** math.floor(math.log10(most / 4))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= most / 5)
    return step, math.ceil(most / step) * step


def _middle(number: int) -> int:
    return _TOP + _STEP * number + _STEP // 2


def _tick(x: float, bottom: int, label: str) -> Iterator[str]:
    yield f'<line x1="{x:.1f}" y1="{_TOP}" x2="{x:.1f}" y2="{bottom}" stroke="{_GRID}"/>'
    yield _text(x, bottom + 18, label, _FAINT, anchor="middle", size=12)


def _bar(x: float, middle: int, width: float, colour: str) -> str:
    return f'<rect x="{x:.1f}" y="{middle - _BAR // 2}" width="{width:.1f}" height="{_BAR}" fill="{colour}"/>'


def _text(
    x: float, y: float, text: str, colour: str, *, anchor: str = "start", size: int = 13, weight: str = "400"
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}" text-anchor="{anchor}" font-size="{size}" '
        f'font-weight="{weight}">{escape(text)}</text>'
    )
