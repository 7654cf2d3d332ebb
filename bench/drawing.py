"""What the pictures of this folder have in common: colours, texts, bars, axes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from xml.sax.saxutils import escape

INK, FAINT, GRID = "#1f2933", "#616e7c", "#d9dee4"
_BAR = 24
_LEGEND_STEP = 84


def picture(width: int, height: int, title: str, note: str, parts: Iterable[str]) -> str:
    """Return an SVG document with a title and a line below it."""
    view = f'viewBox="0 0 {width} {height}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {view} font-family="system-ui, sans-serif">',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        text(20, 30, title, INK, size=18, weight="600"),
        text(20, 50, note, FAINT, size=12),
        *parts,
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def text(
    x: float, y: float, words: str, colour: str, *, anchor: str = "start", size: int = 13, weight: str = "400"
) -> str:
    """Return a line of text."""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}" text-anchor="{anchor}" font-size="{size}" '
        f'font-weight="{weight}">{escape(words)}</text>'
    )


def bar(x: float, middle: float, width: float, colour: str) -> str:
    """Return a horizontal bar."""
    return f'<rect x="{x:.1f}" y="{middle - _BAR / 2:g}" width="{width:.1f}" height="{_BAR}" fill="{colour}"/>'


def legend(x: float, y: float, names: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Yield a row of names with their colours."""
    for name, colour in names:
        yield f'<rect x="{x}" y="{y}" width="12" height="12" fill="{colour}"/>'
        yield text(x + 17, y + 11, name, INK, size=12)
        x += _LEGEND_STEP


def ticks(most: float) -> tuple[float, float]:
    """Return a round distance of ticks, and the first multiple of it that is not below `most`."""
    power = 10.0 ** math.floor(math.log10(most / 4))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= most / 5)
    return step, math.ceil(most / step) * step


def tick(x: float, top: float, bottom: float, label: str) -> Iterator[str]:
    """Yield a vertical line with a label below."""
    yield f'<line x1="{x:.1f}" y1="{top}" x2="{x:.1f}" y2="{bottom}" stroke="{GRID}"/>'
    yield text(x, bottom + 18, label, FAINT, anchor="middle", size=12)
