"""The soak as a picture: memory and descriptors over time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from xml.sax.saxutils import escape

_WIDTH, _HEIGHT, _LEFT, _RIGHT = 960, 470, 70, 930
_FONT = "system-ui, sans-serif"
_INK, _FAINT, _GRID, _MEMORY, _DESCRIPTORS = "#1f2933", "#616e7c", "#d9dee4", "#2f6fb3", "#b3322f"


def svg(points: Sequence[Mapping[str, float]], note: str, warm: float) -> str:
    """Return the picture as an SVG document.

    Args:
        points: with `seconds`, `sent`, `rss` (bytes) and `descriptors`.
        note: said below the title.
        warm: share of the time that is warm-up.
    """
    end = points[-1]["seconds"]
    title = f"{points[-1]['sent'] / 1e6:,.1f} million notifications in {end / 60:.0f} minutes of mixed traffic"
    memory = [(point["seconds"], point["rss"] / 2**20) for point in points]
    descriptors = [(point["seconds"], point["descriptors"]) for point in points]
    x = _LEFT + warm * (_RIGHT - _LEFT)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="{_FONT}">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>',
        _text(20, 30, title, size=18, weight="600"),
        _text(20, 50, note, colour=_FAINT, size=12),
        f'<rect x="{_LEFT}" y="90" width="{x - _LEFT:.1f}" height="330" fill="#f3f5f7"/>',
        _text(x - 6, 106, "warm-up", colour=_FAINT, size=12, anchor="end"),
        *_chart(memory, end, top=90, bottom=210, name="server's memory, MiB", colour=_MEMORY),
        *_chart(descriptors, end, top=290, bottom=420, name="open descriptors", colour=_DESCRIPTORS),
        *_minutes(end),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _minutes(end: float) -> Iterator[str]:
    for sixth in range(7):
        x = _LEFT + (_RIGHT - _LEFT) * sixth / 6
        yield _text(x, 440, f"{end * sixth / 360:.0f} min", colour=_FAINT, size=12, anchor="middle")


def _chart(
    values: Sequence[tuple[float, float]], end: float, *, top: int, bottom: int, name: str, colour: str
) -> Iterator[str]:
    most = max(value for _, value in values) * 1.15
    yield _text(_LEFT, top - 8, name, colour=colour, weight="600")
    for share in (0.0, 0.5, 1.0):
        y = bottom - share * (bottom - top)
        yield f'<line x1="{_LEFT}" y1="{y}" x2="{_RIGHT}" y2="{y}" stroke="{_GRID}"/>'
        yield _text(_LEFT - 8, y + 4, f"{most * share:.0f}", colour=_FAINT, size=12, anchor="end")
    path = " ".join(
        f"{_LEFT + (_RIGHT - _LEFT) * seconds / end:.1f},{bottom - (bottom - top) * value / most:.1f}"
        for seconds, value in values
    )
    yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'


def _text(
    x: float, y: float, text: str, *, colour: str = _INK, size: int = 13, weight: str = "400", anchor: str = "start"
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}" text-anchor="{anchor}" font-size="{size}" '
        f'font-weight="{weight}">{escape(text)}</text>'
    )
