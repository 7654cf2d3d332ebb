"""Where the microseconds go: samples of the server while it sends, by part of the path.

`python -m bench.profile` runs a case of the benchmark on one server: once alone, for the CPU time of a notification,
and five times while py-spy looks at its main thread 200 times a second, C code included, for the shares. For each look
py-spy stops the process for a moment. That makes it slower: more piles up meanwhile, so that work done once per turn of
the loop is seen somewhat too seldom.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import page
from bench.cases import Case, suite
from bench.children import Child, ChildFailed, unwind_on_signals
from bench.database import running_postgresql
from bench.figures import Figures
from bench.measure import engine_command, load_command, run, warm_up
from bench.parts import IDLE, NAMES, attribute
from bench.profile_plot import svg
from bench.report import Conditions
from bench.server import running_server
from bench.stub import Certificate, Stub, make_certificate, running_provider

_PICTURE = Path(__file__).with_name("profile.svg")
_DEFAULT = (
    "bare engine",
    "StreamMessages, 200,000 targets",
    "secured: StreamMessages",
    "a message for each",
    "SendMessages, 100 targets",
)
_RATE = 200
# A case takes a few seconds: so often it is run for some thousand samples.
_TIMES = 5
_ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """Where the CPU time of a case went.

    Attributes:
        case: what was running.
        samples: of the main thread at work.
        parts: CPU time of the main thread per notification in µs, by part; it adds up to that of the main thread.
        threads: the same for all other threads together.
    """

    case: Case
    samples: int
    parts: dict[str, float]
    threads: float

    @property
    def total(self) -> float:
        """CPU time of the process per notification in µs."""
        return sum(self.parts.values()) + self.threads


@dataclass(frozen=True, slots=True)
class _Spy:
    """Takes samples of processes; everything goes below `directory`."""

    program: str
    directory: Path

    @contextmanager
    def watching(self, pid: int) -> Iterator[Path]:
        """Take samples of a process within the `with` block; the file is there when it has been left.

        Raises:
            ChildFailed: py-spy may not look, or failed.
        """
        with self._recording("--pid", str(pid)) as (spy, folded):
            spy.wait_until_said("Sampling")
            yield folded
            spy.stop()
        self._check(folded)

    def run(self, command: list[str]) -> Path:
        """Run a program from its start to its end, and return the file.

        Raises:
            ChildFailed: py-spy may not look, or failed.
        """
        with self._recording("--", *command) as (spy, folded):
            spy.wait()
        self._check(folded)
        return folded

    @contextmanager
    def _recording(self, *what: str) -> Iterator[tuple[Child, Path]]:
        folded = self.directory / "folded"
        options = ["--rate", str(_RATE), "--native", "--format", "raw", "--output", str(folded)]
        environment = os.environ | {"PYTHONPATH": str(_ROOT)}
        with Child("py-spy", [self.program, "record", *options, *what], self._log, environment) as spy:
            yield spy, folded

    def _check(self, folded: Path) -> None:
        if not folded.exists():
            raise ChildFailed(f"py-spy has taken no samples:\n{self._log.read_text(errors='replace')}")

    @property
    def _log(self) -> Path:
        return self.directory / "py-spy.log"


def main() -> int:
    """Profile as the command line says; return 0, 1 when it failed, 2 without py-spy."""
    parser = argparse.ArgumentParser(prog="python -m bench.profile", description=__doc__)
    parser.add_argument("--case", nargs="+", default=_DEFAULT, help=f"by name (default: {'; '.join(_DEFAULT)})")
    parser.add_argument("--list", action="store_true", help="show the cases, and profile nothing")
    parser.add_argument("--write", action="store_true", help="bring bench/README.md and bench/profile.svg up to date")
    arguments = parser.parse_args()
    # What is sampled is one process.
    known = {case.name: case for case in suite() if case.setup.workers == 1 and case.kind != "grpc-single"}
    if arguments.list:
        print("\n".join(known))
        return 0
    if unknown := [name for name in arguments.case if name not in known]:
        parser.error(f"no such case: {', '.join(unknown)}; --list shows them")
    program = shutil.which("py-spy", path=os.pathsep.join((sysconfig.get_path("scripts"), os.environ.get("PATH", ""))))
    if program is None:
        print("bench: needs py-spy (make setup)", file=sys.stderr)
        return 2
    conditions = Conditions(core="ngh2", runs=1, load=os.getloadavg()[0])
    profiles = []
    unwind_on_signals()
    try:
        for name in arguments.case:
            with tempfile.TemporaryDirectory(prefix="clarion-profile-") as folder:
                profiles.append(_profile(known[name], _Spy(program, Path(folder))))
            print(f"\n{terminal(profiles[-1])}", flush=True)
    except ChildFailed as failed:
        print(f"bench: {failed}", file=sys.stderr)
        return 1
    if arguments.write:
        _PICTURE.write_text(
            svg([(p.case.name, p.parts, p.threads) for p in profiles], str(conditions)), encoding="utf-8"
        )
        page.fill("profile", markdown(profiles, conditions))
        print(f"\nwritten: {page.README}, {_PICTURE}")
    return 0


def _profile(case: Case, spy: _Spy) -> Profile:
    directory = spy.directory
    certificate = make_certificate(directory)
    with ExitStack() as stack:
        stub = stack.enter_context(running_provider(case.setup, certificate, directory / "provider"))
        if case.kind in {"engine", "engine-single"}:
            return _engine(case, stub, spy)
        url = ""
        if case.setup.database == "postgresql":
            url = stack.enter_context(running_postgresql()).create_database()
        return _server(case, stub, spy, certificate, url)


def _server(case: Case, stub: Stub, spy: _Spy, certificate: Certificate, database_url: str) -> Profile:
    running = running_server(
        case.setup, stub, spy.directory / "server", "ngh2", certificate=certificate, database_url=database_url
    )
    with running as server:
        child, command = server.child, load_command(case, server)
        warm_up(server, case.setup)
        before, main_before = child.cpu(), child.main_thread_cpu()
        sent = _checked(run(command)).sent
        whole, of_main = child.cpu() - before, child.main_thread_cpu() - main_before
        with spy.watching(child.pids()[0]) as folded:
            for _ in range(_TIMES):
                _checked(run(command))
    return _made(case, folded, of_main / sent * 1e6, (whole - of_main) / sent * 1e6)


def _engine(case: Case, stub: Stub, spy: _Spy) -> Profile:
    command = engine_command(case, stub, "ngh2")
    figures = _checked(run(command))
    # Twice as many, for about as many samples as of a server; its start is no part of the samples that count.
    folded = spy.run([sys.executable, "-m", *command, "--requests", str(2 * _TIMES * case.targets)])
    return _made(case, folded, figures.cpu / figures.sent * 1e6, 0.0)


def _checked(figures: Figures) -> Figures:
    if figures.faults:
        raise ChildFailed(f"INVALID: not every target had exactly the result expected: {'; '.join(figures.faults)}")
    return figures


def _made(case: Case, folded: Path, main: float, threads: float) -> Profile:
    counts = attribute(folded.read_text(encoding="utf-8").splitlines())
    del counts[IDLE]
    samples = counts.total()
    if not samples:
        raise ChildFailed("py-spy saw the main thread never at work")
    return Profile(
        case=case, samples=samples, parts={name: main * counts[name] / samples for name in NAMES}, threads=threads
    )


def terminal(profile: Profile) -> str:
    """Return the table of a profile for a terminal."""
    main = sum(profile.parts.values())
    lines = [f"{profile.case.name}: {profile.total:.1f} µs of CPU time per notification ({profile.samples:,} samples)"]
    lines += [f"  {name:30}{value / main:>7.1%}{value:>8.2f} µs" for name, value in profile.parts.items()]
    lines.append(f"  {'other threads':30}{'':7}{profile.threads:>8.2f} µs")
    return "\n".join(lines)


def markdown(profiles: list[Profile], conditions: Conditions) -> str:
    """Return the tables for README.md: a column for each profile."""
    rows = [
        ["µs of CPU time per notification", *(profile.case.name for profile in profiles)],
        ["---", *("---:" for _ in profiles)],
        *([name, *(f"{profile.parts[name]:.2f}" for profile in profiles)] for name in NAMES),
        ["other threads", *(f"{profile.threads:.2f}" for profile in profiles)],
        ["**all**", *(f"**{profile.total:.1f}**" for profile in profiles)],
        ["samples", *(f"{profile.samples:,}" for profile in profiles)],
    ]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    where = str(conditions)
    return f"{where[0].upper()}{where[1:]}.\n\n![CPU time of a notification by part]({_PICTURE.name})\n\n{table}"


if __name__ == "__main__":
    sys.exit(main())
