"""How long `clarion-server serve` takes from its start until health says SERVING: `python -m bench.startup`.

With --write the table in README.md is brought up to date.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from bench import page
from bench.children import Child, ChildFailed, free_port, unwind_on_signals
from bench.database import running_postgresql
from bench.report import Conditions
from clarion_server.rpc.probe import is_serving

_NEW, _EXISTING = "new data folder", "existing data folder"
_POSTGRESQL, _WORKERS = "existing database on PostgreSQL", "existing data folder, two workers"


class Start(NamedTuple):
    """Seconds until a server served, and its CPU time until then, of all its processes."""

    seconds: float
    cpu: float


def main() -> int:
    """Measure all cases in turns, and print the medians; return 0, or 1 when a process failed."""
    parser = argparse.ArgumentParser(prog="python -m bench.startup", description=__doc__)
    parser.add_argument("--runs", type=int, default=9, help="how often each is measured (default: 9)")
    parser.add_argument("--write", action="store_true", help="bring the table in bench/README.md up to date")
    arguments = parser.parse_args()
    unwind_on_signals()
    conditions = Conditions(runs=arguments.runs, load=os.getloadavg()[0], parties="server and PostgreSQL")
    try:
        with tempfile.TemporaryDirectory() as directory, running_postgresql() as postgresql:
            samples = measure(Path(directory), postgresql.create_database(), arguments.runs)
    except ChildFailed as failed:
        print(f"bench: {failed}", file=sys.stderr)
        return 1
    text = f"{conditions.sentence()}\n\n{table(samples)}"
    print(text)
    if arguments.write:
        page.fill("startup", text)
    return 0


def measure(directory: Path, database_url: str, runs: int) -> dict[str, list[Start]]:
    """Start servers, in turns, and return what each start took, by case.

    Args:
        directory: for data and logs, empty.
        database_url: of an empty PostgreSQL database.
        runs: how often each case is measured.
    """
    samples: dict[str, list[Start]] = {name: [] for name in (_NEW, _EXISTING, _POSTGRESQL, _WORKERS)}
    postgresql = {"CLARION_DATABASE_URL": database_url}
    # These compile what is not compiled yet, and make the folder and the database that exist from now on.
    start(directory, "existing", {})
    start(directory, "postgresql", postgresql)
    for run in range(runs):
        samples[_NEW].append(start(directory, f"new-{run}", {}))
        samples[_EXISTING].append(start(directory, "existing", {}))
        samples[_POSTGRESQL].append(start(directory, "postgresql", postgresql))
        samples[_WORKERS].append(start(directory, "existing", {"CLARION_WORKERS": "2"}))
    return samples


def start(directory: Path, data: str, settings: Mapping[str, str]) -> Start:
    """Start a server, wait until it serves, and end it."""
    port = free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CLARION_")}
    program = str(Path(sysconfig.get_path("scripts")) / "clarion-server")
    address = f"127.0.0.1:{port}"
    command = [program, "serve", "--listen", address, "--data-dir", str(directory / data)]
    begin = time.monotonic()
    with Child("clarion-server", command, directory / "log", {**environment, **settings}) as child:
        child.wait_until_listening(port, pause=0.005)
        while not is_serving(address, 5.0):
            pass
        return Start(time.monotonic() - begin, child.cpu())


def table(samples: Mapping[str, Iterable[Start]]) -> str:
    """Return the medians as a table in Markdown."""
    lines = ["| `clarion-server serve` | s until SERVING | lowest to highest | CPU s |", "| --- | ---: | ---: | ---: |"]
    for name, starts in samples.items():
        seconds, cpu = (sorted(values) for values in zip(*starts, strict=True))
        spread = f"{seconds[0]:.2f} to {seconds[-1]:.2f}"
        lines.append(f"| {name} | {statistics.median(seconds):.2f} | {spread} | {statistics.median(cpu):.2f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
