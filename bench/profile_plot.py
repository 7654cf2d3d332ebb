"""Profiles as a picture: one bar each, whose pieces are the parts of the path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from bench.drawing import FAINT, INK, bar, picture, text, tick, ticks
from bench.parts import NAMES

_WIDTH, _LEFT, _RIGHT, _TOP, _STEP = 1000, 250, 960, 84, 40
_COLUMNS, _ROW = 4, 24
_THREADS = "other threads"
# Neighbours differ; kindred parts have kindred colours: calls blue, admission violet, providers green, sockets brown,
# the rest grey.
_COLOURS = dict(
    zip(
        (*NAMES, _THREADS),
        (
            *("#1f4e82", "#2f6fb3", "#8a6fb0", "#5b93cc", "#8fb5dd"),
            *("#4c8c57", "#7fb285", "#e0a458", "#b3322f"),
            *("#616e7c", "#8fa3b8", "#b8c4d0", "#d9dee4"),
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
    step, most = ticks(max(sum(values.values()) for _, values in pieces))
    scale = (_RIGHT - _LEFT) / most
    parts = [
        mark
        for number in range(round(most / step) + 1)
        for mark in tick(_LEFT + number * step * scale, _TOP, bottom, f"{number * step:g}")
    ]
    for number, (name, values) in enumerate(pieces):
        parts += _bar(name, values, _TOP + _STEP * number + _STEP // 2, scale)
    height = bottom + 40 + _ROW * -(-len(_COLOURS) // _COLUMNS)
    parts += _names(bottom + 40)
    return picture(_WIDTH, height, "Where the microseconds go: CPU time per notification, µs", note, parts)


def _bar(name: str, values: Mapping[str, float], middle: int, scale: float) -> Iterator[str]:
    yield text(_LEFT - 14, middle + 5, name, INK, anchor="end")
    x = float(_LEFT)
    for part, value in values.items():
        yield bar(x, middle, value * scale, _COLOURS[part])
        if value * scale > 26:
            yield text(x + value * scale / 2, middle + 5, f"{value:.1f}", "#ffffff", anchor="middle", size=12)
        x += value * scale
    yield text(x + 8, middle + 5, f"{sum(values.values()):.1f}", FAINT, weight="600")


def _names(top: int) -> Iterator[str]:
    for number, (part, colour) in enumerate(_COLOURS.items()):
        x, y = 20 + 240 * (number % _COLUMNS), top + _ROW * (number // _COLUMNS)
        yield f'<rect x="{x}" y="{y}" width="12" height="12" fill="{colour}"/>'
        yield text(x + 17, y + 11, part, INK, size=12)
