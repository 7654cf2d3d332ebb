"""One round of measurements: the bare engine, then a fresh server with each kind of call."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.children import ChildFailed
from bench.figures import Figures
from bench.server import Server, running_server
from bench.stub import Stub, running_stub

ENGINE = "bare engine"
SINGLE = "single targets"
# Connections are open and code is warm when the clock starts. Notifications.
_WARM_UP = 5000
_MAX_SECONDS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is measured.

    Attributes:
        core: HTTP/2 implementation that sends, `ngh2` or `h2`.
        targets: of the StreamMessages call, and of the bare engine.
        call_targets: of each SendMessages call.
        calls: SendMessages calls.
        rate: single sends a second.
        singles: single sends.
        load: the machine's load average of the last minute before the start: what else it is busy with.
    """

    core: str
    targets: int
    call_targets: int = 10_000
    calls: int
    rate: int = 100
    singles: int
    load: float

    @property
    def stream(self) -> str:
        """Name of the StreamMessages case."""
        return f"StreamMessages, {self.targets:,} targets"

    @property
    def unary(self) -> str:
        """Name of the SendMessages case."""
        return f"SendMessages, {self.calls} calls of {self.call_targets:,} targets"

    @property
    def single(self) -> str:
        """Name of the case of single sends."""
        return f"{SINGLE}, {self.rate} calls/s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One measurement of one case.

    Attributes:
        case: its name.
        figures: what the sending process said.
        sender_cpu: CPU seconds of the process that is measured, the server or the bare engine.
        sender_rss: most memory that was resident in it, in bytes.
        stub_cpu: CPU seconds of the stub.
        generator_cpu: CPU seconds of the load generator; None for the bare engine, which has none.
    """

    case: str
    figures: Figures
    sender_cpu: float
    sender_rss: int
    stub_cpu: float
    generator_cpu: float | None

    @property
    def rate(self) -> float:
        """Notifications per second."""
        return self.figures.sent / self.figures.seconds


def rounds(plan: Plan, runs: int, nghttpd: str) -> Iterator[list[Sample]]:
    """Measure `runs` times, everything in turn, so that a slow minute of the machine hits all cases alike.

    Raises:
        ChildFailed: a process did not do its work.
    """
    with tempfile.TemporaryDirectory(prefix="clarion-bench-") as folder:
        directory = Path(folder)
        with running_stub(nghttpd, directory / "stub") as stub:
            for number in range(runs):
                yield [_engine(plan, stub), *_server(plan, stub, directory / f"server-{number}")]


def _engine(plan: Plan, stub: Stub) -> Sample:
    command = ["bench.engine", "--endpoint", stub.endpoint, "--ca-file", str(stub.ca_file), "--core", plan.core]
    warm_up = min(_WARM_UP, plan.targets)
    before = stub.child.cpu()
    figures = _run([*command, "--requests", str(plan.targets), "--warm-up", str(warm_up)])
    # The stub's share of the warm-up, which this includes, is as large as that of what is measured.
    stub_cpu = (stub.child.cpu() - before) * figures.sent / (figures.sent + warm_up)
    return Sample(
        case=ENGINE,
        figures=figures,
        sender_cpu=figures.cpu,
        sender_rss=figures.peak_rss,
        stub_cpu=stub_cpu,
        generator_cpu=None,
    )


def _server(plan: Plan, stub: Stub, directory: Path) -> Iterator[Sample]:
    with running_server(stub, directory, plan.core) as server:
        _run(_load(server, "stream", targets=min(_WARM_UP, plan.targets)))
        # First what is sensitive to memory that others leave behind.
        yield _sample(plan.stream, server, stub, _load(server, "stream", targets=plan.targets))
        yield _sample(plan.unary, server, stub, _load(server, "unary", targets=plan.call_targets, calls=plan.calls))
        yield _sample(plan.single, server, stub, [*_load(server, "single", calls=plan.singles), f"--rate={plan.rate}"])


def _load(server: Server, kind: str, *, targets: int = 1, calls: int = 1) -> list[str]:
    where = [f"--server={server.address}", f"--app={server.app_id}"]
    return ["bench.load", kind, *where, f"--targets={targets}", f"--calls={calls}"]


def _sample(case: str, server: Server, stub: Stub, command: list[str]) -> Sample:
    # Before and after the generator's whole life: while it starts and checks, server and stub do nothing.
    before, stub_before = server.child.cpu(), stub.child.cpu()
    figures = _run(command)
    return Sample(
        case=case,
        figures=figures,
        sender_cpu=server.child.cpu() - before,
        sender_rss=server.child.peak_rss(),
        stub_cpu=stub.child.cpu() - stub_before,
        generator_cpu=figures.cpu,
    )


def _run(module: list[str]) -> Figures:
    """Run one of this package's programs and return its figures."""
    # On any exception, Ctrl-C included, subprocess.run kills it.
    done = subprocess.run(
        [sys.executable, "-m", *module],
        cwd=Path(__file__).parents[1],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_MAX_SECONDS,
        check=False,
        start_new_session=True,
    )
    if done.returncode:
        raise ChildFailed(f"{module[0]} ended with code {done.returncode}:\n{done.stderr}")
    return Figures.from_json(done.stdout)
