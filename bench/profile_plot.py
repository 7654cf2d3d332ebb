"""Profiles as a picture: one bar each, whose pieces are the parts of the path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from bench.drawing import (
    FAINT,
    INK,
    axis,
    bar,
    ink_on,
    key,
    key_width,
    label,
    picture,
    scale,
    swatch,
    text,
    width_of,
)
from bench.parts import NAMES

_WIDTH, _MARGIN, _TOP, _STEP, _ROW = 1000, 20, 70, 34, 22
# Between a name and its bar; between a bar and its total.
_APART, _BESIDE = 14, 8
_THREADS = "other threads"
# Neighbours differ; kindred parts have kindred colours: calls blue, admission violet, providers green, sockets brown,
# the rest of the main thread grey.
_COLOURS = dict(
    zip(
        (*NAMES, _THREADS),
        (
            *("#1f4e82", "#2f6fb3", "#8a6fb0", "#5b93cc", "#8fb5dd"),
            *("#4c8c57", "#7fb285", "#e0a458", "#b3322f"),
            *("#616e7c", "#949ea9", "#cdd3d9", "#f4e3a1"),
        ),
        strict=True,
    )
)


def svg(profiles: Sequence[tuple[str, Mapping[str, float], float]], note: str) -> str:
    """Return the picture as an SVG document.

    Args:
        profiles: name, µs by part, and µs of other threads of each.
        note: said below the title.
    """
    bottom = _TOP + _STEP * len(profiles)
    pieces = [(name, {**parts, _THREADS: threads}) for name, parts, threads in profiles]
    left = _MARGIN + max(width_of(name) for name, _ in pieces) + _APART
    room = _WIDTH - _MARGIN - left
    unit = scale(
        room, [(sum(values.values()), _BESIDE + width_of(_total(values), weight="600")) for _, values in pieces]
    )
    parts = [*axis(left, room, _TOP, bottom, unit)]
    for number, (name, values) in enumerate(pieces):
        middle = _TOP + _STEP * number + _STEP // 2
        parts += [text(left - _APART, middle + 5, name, INK, anchor="end"), *_bar(left, values, middle, unit)]
    columns = _columns()
    return picture(
        _WIDTH,
        bottom + 34 + _ROW * len(columns[0]) + 8,
        "Where the microseconds go: CPU time per notification, µs",
        note,
        [*parts, *_names(columns, bottom + 34)],
    )


def _total(values: Mapping[str, float]) -> str:
    return f"{sum(values.values()):.1f}"


def _bar(x: float, values: Mapping[str, float], middle: int, unit: float) -> Iterator[str]:
    for part, value in values.items():
        colour, width, figure = _COLOURS[part], value * unit, f"{value:.1f}"
        yield bar(x, middle, width, colour)
        if width > width_of(figure, size=12) + 4:
            yield text(x + width / 2, middle + 5, figure, ink_on(colour), anchor="middle", size=12)
        x += width
    yield from label(x + _BESIDE, middle + 5, _total(values), FAINT, weight="600")


def _columns() -> list[list[str]]:
    """Return the names of the legend in as few rows as there is room for."""
    parts, rows = list(_COLOURS), 0
    while True:
        rows += 1
        columns = [parts[at : at + rows] for at in range(0, len(parts), rows)]
        if rows == len(parts) or sum(map(_column_width, columns)) <= _WIDTH - 2 * _MARGIN:
            return columns


def _column_width(column: Sequence[str]) -> float:
    return max(map(key_width, column))


def _names(columns: Sequence[Sequence[str]], top: int) -> Iterator[str]:
    """Yield the legend; its columns are read from top to bottom, in the order of a bar's pieces."""
    x = float(_MARGIN)
    for column in columns:
        for row, part in enumerate(column):
            yield key(x, top + _ROW * row, part, swatch(_COLOURS[part]))
        x += _column_width(column)
