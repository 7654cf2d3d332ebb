"""The parts of the path in instructions of the processor, which a busy machine does not change.

`python -m bench.instructions` runs each part of `bench.path` under Valgrind's cachegrind, once with its targets and
once with twice as many; the difference is what a target takes, to a few parts in a thousand. It sees neither the
system nor the memory: what saves instructions has to save time as well (`bench.path`). In the transport's figure is the
server that answers.
"""

from __future__ import annotations

import argparse
import math
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from bench import path
from clarion_server.__main__ import set_up_collector
from clarion_server.sending.limits import Limits

_COUNTED = re.compile(r"I\s+refs:\s+([\d,]+)")


def main() -> int:
    """Measure all in turn, and print a table; return 0, or 1 when a run failed."""
    parser = argparse.ArgumentParser(prog="python -m bench.instructions", description=__doc__)
    parser.add_argument("--part", help=argparse.SUPPRESS)
    parser.add_argument("--times", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    # Nothing may depend on the clock, which under Valgrind goes on much faster than the program.
    parts = path.parts(Limits(turn_seconds=math.inf, linger=3600.0))
    if arguments.part is not None:
        set_up_collector()
        for _ in range(arguments.times):
            parts[arguments.part]()
        return 0
    if shutil.which("valgrind") is None:
        print("bench: there is no valgrind; on Debian: apt-get install valgrind", file=sys.stderr)
        return 1
    print("| | instructions per target |\n| --- | ---: |")
    for name in parts:
        try:
            once, twice = _count(name, 1), _count(name, 2)
        except subprocess.CalledProcessError as failed:
            print(f"bench: {name}: {failed}\n{failed.stderr}", file=sys.stderr)
            return 1
        print(f"| {name} | {(twice - once) / path.TARGETS:,.0f} |", flush=True)
    return 0


def _count(part: str, times: int) -> int:
    cachegrind = ("valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null")
    done = subprocess.run(
        [*cachegrind, sys.executable, "-m", "bench.instructions", f"--part={part}", f"--times={times}"],
        cwd=Path(__file__).parents[1],
        # Sets and dictionaries have the same order each time.
        env={**os.environ, "PYTHONHASHSEED": "0"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    )
    counted = _COUNTED.search(done.stderr)
    if counted is None:
        raise AssertionError(f"cachegrind counted nothing: {done.stderr}")
    return int(counted[1].replace(",", ""))


if __name__ == "__main__":
    sys.exit(main())
