"""`python -m bench`: measures, prints a table, and with --write brings README.md and results.svg up to date."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from bench import page, plot, report
from bench.cases import Case, suite
from bench.children import ChildFailed, unwind_on_signals
from bench.measure import Sample, rounds

_HERE = Path(__file__).parent
# The pure Python core takes some 35 times as long.
_SLOW_SCALE = 0.05
_QUICK_SCALE = 0.02


def main() -> int:
    """Run the benchmark; return its code.

    0; 1 when a measurement is invalid or failed, also because something is not installed; 2 when there is nothing to
    measure, or no way; 130 when interrupted.
    """
    arguments = _parse()
    if not Path("/proc/self/stat").exists():
        return _complain("CPU time and memory are read from /proc: this needs Linux", 2)
    cases = _cases(arguments)
    if arguments.list:
        for case in cases:
            print(f"{case.group:30} {case.name}")
        return 0
    if not cases:
        return _complain("no case has such a name; --list shows them", 2)
    unwind_on_signals()
    runs: int = arguments.runs or (1 if arguments.quick else 5)
    conditions = report.Conditions(core=arguments.core, runs=runs, load=os.getloadavg()[0])
    samples: list[Sample] = []
    try:
        for number, measured in enumerate(rounds(cases, runs, arguments.core), 1):
            samples += measured
            print(f"run {number} of {runs} done", flush=True)
    except ChildFailed as failed:
        return _complain(str(failed), 1)
    except KeyboardInterrupt:
        return _complain("interrupted", 130)
    faults = [f"{sample.case.name}: {fault}" for sample in samples for fault in sample.figures.faults]
    if faults:
        return _complain("\n".join(["INVALID: not every target had exactly the result expected", *faults]), 1)
    rows = report.rows(samples)
    print(f"\n{report.terminal(rows, conditions)}")
    if arguments.write:
        page.fill("results", report.markdown(rows, conditions))
        (_HERE / "results.svg").write_text(plot.svg(rows, conditions), encoding="utf-8")
        print(f"\nwritten: {page.README}, {_HERE / 'results.svg'}")
    return 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Measure the server against HTTP/2 servers in C on loopback."
    )
    parser.add_argument("--runs", type=_positive, help="how often everything is measured (default: 5, quick: 1)")
    parser.add_argument("--only", nargs="+", metavar="TEXT", help="cases whose name or group has one of these texts")
    parser.add_argument("--list", action="store_true", help="show the cases, and measure nothing")
    parser.add_argument("--quick", action="store_true", help="small numbers, to see that it works")
    parser.add_argument("--core", choices=("ngh2", "h2"), default="ngh2", help="HTTP/2 implementation that sends")
    parser.add_argument("--write", action="store_true", help="bring bench/README.md and results.svg up to date")
    arguments = parser.parse_args()
    if arguments.write and (arguments.quick or arguments.core != "ngh2" or arguments.only):
        parser.error("--write is for the whole benchmark: leave --quick, --only and --core out")
    return arguments


def _cases(arguments: argparse.Namespace) -> list[Case]:
    scale = _QUICK_SCALE if arguments.quick else _SLOW_SCALE if arguments.core == "h2" else 1.0
    wanted = arguments.only
    return [case for case in suite(scale) if not wanted or any(text in f"{case.group} {case.name}" for text in wanted)]


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def _complain(text: str, code: int) -> int:
    print(f"bench: {text}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
