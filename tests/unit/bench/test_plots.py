import re
from collections.abc import Callable
from dataclasses import replace
from itertools import combinations
from typing import NamedTuple
from xml.etree import ElementTree as ET

import pytest

from bench import plot, profile_plot
from bench.cases import SINGLE, suite
from bench.drawing import FAINT, PAPER, contrast, ink_on, width_of
from bench.parts import NAMES
from bench.report import Conditions, Row

_CONDITIONS = Conditions(core="ngh2", runs=3, load=0.9)
_LONG = "StreamMessages, 1,000,000 targets, nghttpd"


class _Text(NamedTuple):
    words: str
    left: float
    right: float
    y: float


def _row(name: str) -> Row:
    case = next(case for case in suite() if case.name == name)
    alone = case.group == SINGLE
    return Row(
        case=case,
        rate=80_000,
        rates=[79_000, 80_000, 81_000],
        sender_us=6.6 if case.kind == "engine" else 11.7,
        stub_us=2.6,
        generator_us=0.7,
        first_ms=15,
        rss=120,
        p50_ms=2.83 if alone else None,
        p99_ms=4.71 if alone else None,
    )


def _table(change: Callable[[Row], Row] = lambda row: row) -> list[Row]:
    return [change(_row(case.name)) for case in suite()]


def _extreme(row: Row) -> Row:
    if row.case.kind == "engine":
        return replace(row, rate=1_234_567, rates=[4_000, 1_234_567, 1_500_000], sender_us=0.1)
    return replace(row, rate=12, rates=[11, 12], sender_us=12_345.6, p50_ms=0.01, p99_ms=12_345.67)


def _long(row: Row) -> Row:
    return replace(row, case=replace(row.case, name=_LONG)) if row.case.name == "StreamMessages, nghttpd" else row


def _profile(**other: float) -> tuple[str, dict[str, float], float]:
    return _LONG, dict.fromkeys(NAMES, 0.1) | {"nghttp2": 1.2, "other": 1.2} | other, 1.3


def _texts(picture: str) -> list[_Text]:
    """Return what is written, and where it is at most."""
    texts = []
    for group in ET.fromstring(picture).iter():
        moved = re.findall(r"[\d.]+", group.get("transform", "")) or (0, 0)
        for found in group.findall("{*}text"):
            size = int(found.attrib["font-size"])
            width = width_of(found.text or "", size=size, weight=found.attrib["font-weight"])
            left = float(found.attrib["x"]) - {"start": 0, "middle": 0.5, "end": 1}[found.attrib["text-anchor"]] * width
            left += float(moved[0])
            texts.append(_Text(found.text or "", left, left + width, float(found.attrib["y"]) + float(moved[1])))
    return texts


_PICTURES: dict[str, Callable[[], str]] = {
    "results": lambda: plot.svg(_table(), _CONDITIONS),
    "extreme figures": lambda: plot.svg(_table(_extreme), _CONDITIONS),
    "long names": lambda: plot.svg(_table(_long), _CONDITIONS),
    "latency alone": lambda: plot.svg([_row("400 calls/s")], _CONDITIONS),
    "no latency": lambda: plot.svg([_row("TLS"), _row("bare: 1 target a call"), _row("1 app")], _CONDITIONS),
    "profile": lambda: profile_plot.svg([_profile(), _profile(nghttp2=28.0)], str(_CONDITIONS)),
    "extreme profile": lambda: profile_plot.svg([_profile(nghttp2=98_765.4), _profile()], str(_CONDITIONS)),
}


@pytest.fixture(params=_PICTURES)
def picture(request: pytest.FixtureRequest) -> str:
    """Return each of the pictures."""
    return _PICTURES[request.param]()


def test_no_text_is_cut_or_covers_another(picture: str) -> None:
    """Whatever the figures and the names, all of it can be read."""
    texts = _texts(picture)
    height = float(ET.fromstring(picture).attrib["viewBox"].split()[3])
    assert [text for text in texts if text.left < 0 or text.right > 1000 or text.y > height] == []
    overlapping = [
        (one.words, other.words)
        for one, other in combinations(texts, 2)
        if abs(one.y - other.y) < 10 and one.left < other.right and other.left < one.right
    ]
    assert overlapping == []


def test_every_bar_of_cpu_time_has_its_figure() -> None:
    """The bare engine's too, which is short: the ratio of server and engine is what the chart is for."""
    words = [text.words for text in _texts(plot.svg([_row("bare engine"), _row("1,000 apps")], _CONDITIONS))]
    assert {"6.6", "11.7"} <= set(words)


def test_the_goal_is_one_cases() -> None:
    """It is drawn across that row alone, and not at all where the case was not measured."""
    assert [case.name for case in suite() if plot.has_goal(case)] == ["secured: 1,000,000 targets"]
    words = [text.words for text in _texts(plot.svg(_table(), _CONDITIONS))]
    assert sum("goal" in word for word in words) == 2, "beside the bar and in the legend"
    assert "goal" not in plot.svg([_row("TLS")], _CONDITIONS)


def _fills(picture: str) -> tuple[set[str], set[str]]:
    """Return the fills of bars, and those of the legend."""
    root = ET.fromstring(picture)
    squares = {found.attrib["fill"] for group in root.findall("{*}g") for found in group.findall("{*}rect")}
    return {found.attrib["fill"] for found in root.findall("{*}rect")} - {PAPER}, squares


def test_every_colour_is_in_the_legend(picture: str) -> None:
    """No bar is drawn in a colour of which the legend says nothing."""
    bars, squares = _fills(picture)
    assert bars <= squares


def test_parts_of_a_profile_can_be_told_apart() -> None:
    """No two colours are nearly equal, and a figure stands out from its piece."""
    _, colours = _fills(profile_plot.svg([_profile()], ""))
    assert len(colours) == len(NAMES) + 1
    for one, other in combinations(colours, 2):
        distance = sum((int(one[at : at + 2], 16) - int(other[at : at + 2], 16)) ** 2 for at in (1, 3, 5)) ** 0.5
        assert distance > 40, (one, other)
    assert min(contrast(ink_on(colour), colour) for colour in colours) > 3.8


def test_the_grid_does_not_cross_a_total() -> None:
    """A total has paper behind it, drawn after the grid."""
    root = ET.fromstring(profile_plot.svg([_profile(), _profile(nghttp2=28.0)], ""))
    drawn = list(root)
    totals = [at for at, found in enumerate(drawn) if found.get("fill") == FAINT and found.get("font-weight") == "600"]
    assert len(totals) == 2
    last_line = max(at for at, found in enumerate(drawn) if found.tag.endswith("line"))
    for at in totals:
        behind = drawn[at - 1]
        assert behind.get("fill") == PAPER
        assert at - 1 > last_line
