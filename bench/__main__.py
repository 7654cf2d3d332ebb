"""`python -m bench`: measures, prints a table, and with --write brings README.md and throughput.svg up to date."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path
from types import FrameType

from bench import plot, report
from bench.children import ChildFailed
from bench.measure import Plan, Sample, rounds
from bench.stub import find_nghttpd

_HERE = Path(__file__).parent


def main() -> int:
    """Run the benchmark; return 0, 1 when a measurement is invalid or failed, 2 when something has to be installed."""
    arguments = _parse()
    nghttpd = find_nghttpd()
    if nghttpd is None:
        return _complain("nghttpd is not installed; get it with: apt-get install nghttp2-server", 2)
    if not Path("/proc/self/stat").exists():
        return _complain("CPU time and memory are read from /proc: this needs Linux", 2)
    # Like Ctrl-C they unwind the stack, which ends the children.
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, _leave)
    plan = _plan(arguments)
    runs: int = arguments.runs or (1 if arguments.quick else 5)
    samples: list[Sample] = []
    try:
        for number, measured in enumerate(rounds(plan, runs, nghttpd), 1):
            samples += measured
            rates = ", ".join(f"{sample.case} {sample.rate:,.0f}/s" for sample in measured[:3])
            print(f"run {number} of {runs}: {rates}", flush=True)
    except ChildFailed as failed:
        return _complain(str(failed), 1)
    except KeyboardInterrupt:
        return _complain("interrupted", 130)
    faults = [f"{sample.case}: {fault}" for sample in samples for fault in sample.figures.faults]
    if faults:
        return _complain("\n".join(["INVALID: not every target had exactly one successful result", *faults]), 1)
    rows = report.rows(samples)
    print(f"\n{report.terminal(rows, plan, runs)}")
    if arguments.write:
        report.write(_HERE / "README.md", rows, plan, runs)
        (_HERE / "throughput.svg").write_text(plot.svg(rows, plan, runs), encoding="utf-8")
        print(f"\nwritten: {_HERE / 'README.md'}, {_HERE / 'throughput.svg'}")
    return 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Measure one server process against a C HTTP/2 server on loopback."
    )
    parser.add_argument("--runs", type=_positive, help="how often everything is measured (default: 5, quick: 1)")
    parser.add_argument(
        "--targets", type=_positive, help="targets of StreamMessages (default: 200,000; quick or core h2: 20,000)"
    )
    parser.add_argument("--quick", action="store_true", help="some seconds, to see that it works")
    parser.add_argument("--core", choices=("ngh2", "h2"), default="ngh2", help="HTTP/2 implementation that sends")
    parser.add_argument("--write", action="store_true", help="bring bench/README.md and throughput.svg up to date")
    arguments = parser.parse_args()
    if arguments.write and (arguments.quick or arguments.core != "ngh2"):
        parser.error("--write is for the whole benchmark: leave --quick and --core out")
    return arguments


def _plan(arguments: argparse.Namespace) -> Plan:
    small = arguments.quick or arguments.core == "h2"
    return Plan(
        core=arguments.core,
        targets=arguments.targets or (20_000 if small else 200_000),
        calls=2 if small else 5,
        singles=100 if arguments.quick else 500,
        load=os.getloadavg()[0],
    )


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def _complain(text: str, code: int) -> int:
    print(f"bench: {text}", file=sys.stderr)
    return code


def _leave(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
