"""What the pictures of this folder have in common: colours, texts, bars, axes, legends."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from xml.sax.saxutils import escape

INK, FAINT, GRID, PAPER = "#1f2933", "#616e7c", "#d9dee4", "#ffffff"
_BAR = 24
_MARK = 12
# Widths of characters in parts of the font's size, rounded up: of DejaVu Sans, the widest that a reader is likely to
# have as `system-ui`.
_WIDTHS = {
    letter: width
    for letters, width in (("'Iijl", 0.3), (" ,-./:;f|", 0.37), ("!()[]rt", 0.43), ("csz", 0.55), ("%@MWmw", 1.0))
    for letter in letters
}
_CAPITAL, _OTHER, _BOLDER = 0.79, 0.64, 1.15


def picture(width: int, height: int, title: str, note: str, parts: Iterable[str]) -> str:
    """Return an SVG document with a title and a line below it."""
    view = f'viewBox="0 0 {width} {height}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {view} font-family="system-ui, sans-serif">',
        f'<rect width="{width}" height="{height}" fill="{PAPER}"/>',
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


def width_of(words: str, *, size: int = 13, weight: str = "400") -> float:
    """Return the room that a line of text takes at most; which font it has is up to the reader's system."""
    widths = (_WIDTHS.get(letter, _CAPITAL if letter.isupper() else _OTHER) for letter in words)
    return sum(widths) * size * (1 if weight == "400" else _BOLDER)


def label(x: float, y: float, words: str, colour: str, *, size: int = 13, weight: str = "400") -> Iterator[str]:
    """Yield a line of text that covers the grid behind it."""
    width = width_of(words, size=size, weight=weight)
    yield f'<rect x="{x - 3:.1f}" y="{y - size:.1f}" width="{width + 6:.1f}" height="{size + 5}" fill="{PAPER}"/>'
    yield text(x, y, words, colour, size=size, weight=weight)


def ink_on(fill: str) -> str:
    """Return the colour of a text on this fill: the one of the two that stands out more."""
    return max((PAPER, INK), key=lambda colour: contrast(colour, fill))


def contrast(colour: str, other: str) -> float:
    """Return the contrast of two colours as WCAG defines it, from 1 to 21."""
    low, high = sorted((_luminance(colour), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: str) -> float:
    shares = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    linear = (share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares)
    return sum(value * weight for value, weight in zip(linear, (0.2126, 0.7152, 0.0722), strict=True))


def bar(x: float, middle: float, width: float, colour: str) -> str:
    """Return a horizontal bar."""
    return f'<rect x="{x:.1f}" y="{middle - _BAR / 2:g}" width="{width:.1f}" height="{_BAR}" fill="{colour}"/>'


def swatch(colour: str) -> str:
    """Return a square, for `key` and `legend`."""
    return f'<rect width="{_MARK}" height="{_MARK}" fill="{colour}"/>'


def key(x: float, y: float, name: str, mark: str) -> str:
    """Return what a mark, of 12 by 12 from the origin on, stands for."""
    named = text(_MARK + 5, _MARK - 1, name, INK, size=12)
    return f'<g transform="translate({x:.1f} {y:.1f})">{mark}{named}</g>'


def key_width(name: str) -> float:
    """Return the room that `key` takes with the distance to the next one."""
    return _MARK + 5 + width_of(name, size=12) + 18


def legend(x: float, y: float, names: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Yield a row of names with their marks."""
    for name, mark in names:
        yield key(x, y, name, mark)
        x += key_width(name)


def ticks(most: float) -> tuple[float, float]:
    """Return a round distance of ticks, and the first multiple of it that is not below `most`."""
    power = 10.0 ** math.floor(math.log10(most / 4))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= most / 5)
    return step, math.ceil(most / step) * step


def tick(x: float, top: float, bottom: float, name: str) -> Iterator[str]:
    """Yield a vertical line with its name below."""
    yield f'<line x1="{x:.1f}" y1="{top}" x2="{x:.1f}" y2="{bottom}" stroke="{GRID}"/>'
    yield text(x, bottom + 18, name, FAINT, anchor="middle", size=12)


def scale(room: float, ends: Iterable[tuple[float, float]]) -> float:
    """Return how wide 1 is drawn, so that all ends within the room.

    Args:
        room: for the longest bar and what stands beside it.
        ends: value of each bar, and the room that is needed beside it.
    """
    return min((room - beside) / value for value, beside in ends if value)


def axis(
    left: float, room: float, top: float, bottom: float, unit: float, *, say: Callable[[float], str] = "{:g}".format
) -> Iterator[str]:
    """Yield ticks from 0 to as far as the room goes; `unit` is how wide 1 is drawn."""
    step, _ = ticks(room / unit)
    for number in range(math.floor(room / unit / step) + 1):
        yield from tick(left + number * step * unit, top, bottom, say(number * step))
