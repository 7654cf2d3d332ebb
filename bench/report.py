"""Medians, and how they are shown."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.measure import SINGLE, Plan, Sample

_BEGIN = "<!-- results: written by `python -m bench --write` -->"
_END = "<!-- end of results -->"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Medians of one case over all runs.

    Attributes:
        case: its name.
        rate: notifications per second.
        rates: of each run.
        sender_us: CPU time of server or bare engine per notification, in µs.
        stub_us: that of the stub.
        generator_us: that of the load generator, None where there is none.
        first_ms: time until a call's first result, in ms; None where there are no calls.
        rss: most memory of server or bare engine up to then, in MiB.
        p50_ms: of single sends, else None.
        p99_ms: of single sends, else None.
    """

    case: str
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
    by_case: dict[str, list[Sample]] = {}
    for sample in samples:
        by_case.setdefault(sample.case, []).append(sample)
    return [_row(case, of_case) for case, of_case in by_case.items()]


def _row(case: str, samples: Sequence[Sample]) -> Row:
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


def bulk(table: Iterable[Row]) -> list[Row]:
    """Return the rows whose throughput means something: all but the single sends, whose rate is given."""
    return [row for row in table if not row.case.startswith(SINGLE)]


def conditions(plan: Plan, runs: int) -> str:
    """Return in one line what was measured where."""
    cores = len(os.sched_getaffinity(0))
    python = ".".join(platform.python_version_tuple()[:2])
    times = "one run" if runs == 1 else f"medians of {runs} runs"
    machine = f"one machine with {cores} cores for server, stub and load generator"
    return f"{times}; {machine}; load average before the start {plan.load:.1f}; Python {python}; {plan.core}"


_TITLES = (
    "",
    "notifications/s",
    "lowest to highest",
    "sender CPU µs",
    "stub CPU µs",
    "generator CPU µs",
    "first result ms",
    "peak RSS MiB",
)
_NONE = "-"


def _cells(row: Row) -> tuple[str, ...]:
    return (
        row.case,
        f"{row.rate:,.0f}",
        f"{min(row.rates):,.0f} to {max(row.rates):,.0f}",
        f"{row.sender_us:.1f}",
        f"{row.stub_us:.1f}",
        _NONE if row.generator_us is None else f"{row.generator_us:.1f}",
        _NONE if row.first_ms is None else f"{row.first_ms:.1f}",
        f"{row.rss:.0f}",
    )


def _latency(table: Iterable[Row]) -> str:
    return "\n".join(
        f"{row.case}: first result after {row.p50_ms:.1f} ms (p50), {row.p99_ms:.1f} ms (p99); "
        f"server CPU {row.sender_us / 1e3:.1f} ms a call"
        for row in table
        if row.p50_ms is not None
    )


def terminal(table: Sequence[Row], plan: Plan, runs: int) -> str:
    """Return the figures for a terminal."""
    lines = [_TITLES, *(_cells(row) for row in bulk(table))]
    widths = [max(len(line[column]) for line in lines) for column in range(len(_TITLES))]
    text = ["  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])]) for line in lines]
    note = f"CPU: per notification; sender: server or bare engine\n{conditions(plan, runs)}"
    return "\n".join([*text, "", _latency(table), note])


def markdown(table: Sequence[Row], plan: Plan, runs: int) -> str:
    """Return the figures for README.md."""
    lines = [_TITLES, ("---", *["---:"] * (len(_TITLES) - 1)), *(_cells(row) for row in bulk(table))]
    text = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    where = conditions(plan, runs)
    return f"{where[0].upper()}{where[1:]}.\n\n{text}\n\n{_latency(table)}.\n\n![Throughput and CPU](throughput.svg)"


def write(readme: Path, table: Sequence[Row], plan: Plan, runs: int) -> None:
    """Replace the results in README.md."""
    before, _, rest = readme.read_text(encoding="utf-8").partition(_BEGIN)
    after = rest.partition(_END)[2]
    assert after, f"{readme} has lost its marks {_BEGIN!r} and {_END!r}"
    readme.write_text(f"{before}{_BEGIN}\n{markdown(table, plan, runs)}\n{_END}{after}", encoding="utf-8")
