"""The soak as a picture: memory and descriptors over time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from bench.drawing import FAINT, GRID, INK, picture, text, tick, ticks
from bench.soak_outcome import Outcome

_WIDTH, _HEIGHT, _LEFT, _RIGHT = 1000, 500, 70, 970
_TOP, _BOTTOM = 106, 465
_SHADE, _MEMORY, _DESCRIPTORS = "#f3f5f7", "#2f6fb3", "#b3322f"


class _Chart(NamedTuple):
    """Where values are drawn; `right` and `most` are the values at the right and at the top."""

    top: int
    bottom: int
    right: float
    most: float

    def line(self, values: Sequence[tuple[float, float]], style: str) -> str:
        """Return a line through them."""
        path = " ".join(f"{self._x(across):.1f},{self._y(up):.1f}" for across, up in values)
        return f'<polyline points="{path}" fill="none" {style}/>'

    def frame(self, name: str, colour: str, step: float) -> Iterator[str]:
        """Yield name and scale."""
        yield text(_LEFT, self.top - 12, name, colour, weight="600")
        for number in range(round(self.most / step) + 1):
            y = self._y(number * step)
            yield f'<line x1="{_LEFT}" y1="{y:.1f}" x2="{_RIGHT}" y2="{y:.1f}" stroke="{GRID}"/>'
            yield text(_LEFT - 8, y + 4, f"{number * step:g}", FAINT, size=12, anchor="end")

    def _x(self, value: float) -> float:
        return _LEFT + (_RIGHT - _LEFT) * value / self.right

    def _y(self, value: float) -> float:
        return self.bottom - (self.bottom - self.top) * value / self.most


def svg(outcome: Outcome) -> str:
    """Return the picture as an SVG document."""
    points = [*outcome.busy, *outcome.rest]
    minutes = points[-1].seconds / 60
    constant, slope = outcome.line()
    memory_step, memory_most = ticks(max(point.rss for point in points))
    count_step, count_most = ticks(max(point.descriptors for point in points))
    memory = _Chart(114, 270, minutes, memory_most)
    descriptors = _Chart(320, _BOTTOM - 20, minutes, count_most)
    fitted = [(point.seconds / 60, constant + slope * point.sent / 1e6) for point in outcome.warm]
    parts = [
        *_shade(0, outcome.warm[0].seconds / 60 / minutes, "warm-up"),
        *_shade(outcome.busy[-1].seconds / 60 / minutes, 1, "at rest"),
        *_minutes(minutes),
        *memory.frame("server's memory, MiB", _MEMORY, memory_step),
        *descriptors.frame("server's open descriptors", _DESCRIPTORS, count_step),
        memory.line([(point.seconds / 60, point.rss) for point in points], f'stroke="{_MEMORY}" stroke-width="2"'),
        memory.line(fitted, f'stroke="{INK}" stroke-width="1.5" stroke-dasharray="5 4"'),
        descriptors.line(
            [(point.seconds / 60, point.descriptors) for point in points],
            f'stroke="{_DESCRIPTORS}" stroke-width="1.5"',
        ),
    ]
    note = (
        f"dashed: the memory after warm-up, {slope:+.2f} MiB per million notifications; "
        f"all processes took {outcome.cpu:.0%} of the machine"
    )
    return picture(_WIDTH, _HEIGHT, outcome.title(), note, parts)


def _shade(begin: float, end: float, name: str) -> Iterator[str]:
    left, right = (_LEFT + (_RIGHT - _LEFT) * share for share in (begin, end))
    yield (
        f'<rect x="{left:.1f}" y="{_TOP}" width="{right - left:.1f}" height="{_BOTTOM - _TOP - 20}" fill="{_SHADE}"/>'
    )
    yield text(right - 6, _TOP + 16, name, FAINT, size=12, anchor="end")


def _minutes(end: float) -> Iterator[str]:
    step, _ = ticks(end)
    for number in range(int(end / step) + 1):
        x = _LEFT + (_RIGHT - _LEFT) * number * step / end
        yield from tick(x, _TOP, _BOTTOM - 20, f"{number * step:g} min")
