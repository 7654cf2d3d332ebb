"""How long `clarion-server serve` takes from its start until health says SERVING: `python -m bench.startup`."""

from __future__ import annotations

import argparse
import os
import statistics
import sysconfig
import tempfile
import time
from pathlib import Path

from bench.children import Child, free_port
from clarion_server.rpc.probe import is_serving


def main() -> None:
    """Measure a new and an existing data folder, in turns, and print the medians."""
    parser = argparse.ArgumentParser(prog="python -m bench.startup", description=__doc__)
    parser.add_argument("--runs", type=int, default=7, help="how often each is measured (default: 7)")
    parser.add_argument("--workers", type=int, default=1, help="processes (default: 1)")
    arguments = parser.parse_args()
    figures: dict[str, list[tuple[float, float]]] = {"new data folder": [], "existing data folder": []}
    with tempfile.TemporaryDirectory() as directory:
        # The first start compiles what is not yet compiled.
        _start(Path(directory), "warm-up", arguments.workers)
        for run in range(arguments.runs):
            for samples in figures.values():
                samples.append(_start(Path(directory), f"data-{run}", arguments.workers))
    for name, samples in figures.items():
        seconds, cpu = (sorted(values) for values in zip(*samples, strict=True))
        print(
            f"{name}: serving after {statistics.median(seconds):.2f} s ({seconds[0]:.2f} to {seconds[-1]:.2f}), "
            f"of which {statistics.median(cpu):.2f} s of CPU time"
        )


def _start(directory: Path, data: str, workers: int) -> tuple[float, float]:
    """Return the seconds until a server serves, and its CPU time until then."""
    port = free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CLARION_")}
    program = str(Path(sysconfig.get_path("scripts")) / "clarion-server")
    address = f"127.0.0.1:{port}"
    command = [program, "serve", "--listen", address, "--data-dir", str(directory / data), "--workers", str(workers)]
    begin = time.monotonic()
    with Child("clarion-server", command, directory / "log", environment) as child:
        child.wait_until_listening(port)
        while not is_serving(address, 5.0):
            pass
        return time.monotonic() - begin, child.cpu()


if __name__ == "__main__":
    main()
