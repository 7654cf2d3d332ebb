"""Medians, and how they are shown."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from bench.cases import SINGLE, Case
from bench.measure import Sample


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """Under which it was measured.

    Attributes:
        core: HTTP/2 implementation that sends; empty where nothing is sent.
        runs: how often everything was measured.
        load: the machine's load average of the last minute before the start: what else it was busy with.
        parties: who shared the machine.
    """

    core: str = ""
    runs: int
    load: float
    parties: str = "server, provider and load generator"

    def __str__(self) -> str:
        """Return it in one line."""
        cores = len(os.sched_getaffinity(0))
        python = ".".join(platform.python_version_tuple()[:2])
        times = "one run" if self.runs == 1 else f"medians of {self.runs} runs"
        machine = f"one machine with {cores} cores for {self.parties}"
        text = f"{times}; {machine}; load average before the start {self.load:.1f}; Python {python}"
        return f"{text}; {self.core}" if self.core else text

    def sentence(self) -> str:
        """Return it as a sentence."""
        text = str(self)
        return f"{text[0].upper()}{text[1:]}."


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Medians of one case over all runs.

    Attributes:
        case: what was measured.
        rate: notifications per second.
        rates: of each run.
        sender_us: CPU time of server or bare engine per notification, in µs.
        stub_us: that of the provider's stand-in.
        generator_us: that of the load generator, None where there is none.
        first_ms: time until a call's first result, in ms; None where there are no calls.
        rss: most memory of server or bare engine up to then, in MiB.
        p50_ms: of single sends, else None.
        p99_ms: of single sends, else None.
    """

    case: Case
    rate: float
    rates: Sequence[float]
    sender_us: float
    stub_us: float
    generator_us: float | None
    first_ms: float | None
    rss: float
    p50_ms: float | None
    p99_ms: float | None


def rows(samples: Iterable[Sample]) -> list[Row]:
    """Return the medians of each case, in the order of the cases."""
    by_case: dict[Case, list[Sample]] = {}
    for sample in samples:
        by_case.setdefault(sample.case, []).append(sample)
    return [_row(case, of_case) for case, of_case in by_case.items()]


def _row(case: Case, samples: Sequence[Sample]) -> Row:
    def median(value: Callable[[Sample], float | None], factor: float) -> float | None:
        values = [found for sample in samples if (found := value(sample)) is not None]
        return statistics.median(values) * factor if values else None

    def per_notification(value: Callable[[Sample], float]) -> float:
        return statistics.median(value(sample) / sample.figures.sent for sample in samples) * 1e6

    generated = [sample.generator_cpu / sample.figures.sent for sample in samples if sample.generator_cpu is not None]
    return Row(
        case=case,
        rate=statistics.median(sample.rate for sample in samples),
        rates=[sample.rate for sample in samples],
        sender_us=per_notification(lambda sample: sample.sender_cpu),
        stub_us=per_notification(lambda sample: sample.stub_cpu),
        generator_us=statistics.median(generated) * 1e6 if generated else None,
        first_ms=median(lambda sample: sample.figures.first_result, 1e3),
        rss=statistics.median(sample.sender_rss for sample in samples) / 2**20,
        p50_ms=median(lambda sample: sample.figures.p50, 1e3),
        p99_ms=median(lambda sample: sample.figures.p99, 1e3),
    )


def groups(table: Iterable[Row]) -> Iterator[tuple[str, list[Row]]]:
    """Yield the groups of rows whose throughput means something: all but the single sends, whose rate is given."""
    for name, members in groupby(table, key=lambda row: row.case.group):
        if name != SINGLE:
            yield name, list(members)


def singles(table: Iterable[Row]) -> list[Row]:
    """Return the single sends."""
    return [row for row in table if row.case.group == SINGLE]


_TITLES = (
    "",
    "targets",
    "notifications/s",
    "lowest to highest",
    "sender CPU µs",
    "provider CPU µs",
    "generator CPU µs",
    "first result ms",
    "peak RSS MiB",
)
_SINGLE_TITLES = ("one target a call", "p50 ms", "p99 ms", "server CPU µs a call")
_NONE = "-"


def _cells(row: Row) -> tuple[str, ...]:
    case = row.case
    times = case.calls * case.streams
    return (
        case.name,
        f"{case.targets:,}" if times == 1 else f"{times:,} x {case.targets:,}",
        f"{row.rate:,.0f}",
        f"{min(row.rates):,.0f} to {max(row.rates):,.0f}",
        f"{row.sender_us:.1f}",
        f"{row.stub_us:.1f}",
        _NONE if row.generator_us is None else f"{row.generator_us:.1f}",
        _NONE if row.first_ms is None else f"{row.first_ms:.1f}",
        f"{row.rss:.0f}",
    )


def _single_cells(row: Row) -> tuple[str, ...]:
    return (row.case.name, f"{row.p50_ms:.2f}", f"{row.p99_ms:.2f}", f"{row.sender_us:.0f}")


def terminal(table: Sequence[Row], conditions: Conditions) -> str:
    """Return the figures for a terminal."""
    lines: list[tuple[str, ...]] = []
    for name, members in groups(table):
        lines += [(name.upper(), *[""] * (len(_TITLES) - 1)), *map(_cells, members)]
    text = []
    if lines:
        text += [*_aligned([_TITLES, *lines]), ""]
    if alone := singles(table):
        text += [*_aligned([_SINGLE_TITLES, *map(_single_cells, alone)]), ""]
    text += ["CPU: per notification; sender: server or bare engine", str(conditions)]
    return "\n".join(text)


def _aligned(lines: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return ["  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])]).rstrip() for line in lines]


def markdown(table: Sequence[Row], conditions: Conditions) -> str:
    """Return the figures for README.md."""
    text = [conditions.sentence(), "", "![Throughput, CPU time and latency](results.svg)", ""]
    lines: list[Sequence[str]] = [_TITLES, ("---", *["---:"] * (len(_TITLES) - 1))]
    for name, members in groups(table):
        lines += [(f"**{name}**", *[""] * (len(_TITLES) - 1)), *map(_cells, members)]
    text += [_table_line(line) for line in lines]
    text += ["", _table_line(_SINGLE_TITLES), _table_line(("---", *["---:"] * (len(_SINGLE_TITLES) - 1)))]
    text += [_table_line(_single_cells(row)) for row in singles(table)]
    return "\n".join(text)


def _table_line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
