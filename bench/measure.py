"""Runs the cases: each on a server of its set-up, against the stand-in that it needs."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from bench import grpc_floor
from bench.cases import WITHOUT_SERVER, Case, Setup
from bench.children import ChildFailed
from bench.database import running_postgresql
from bench.figures import Figures
from bench.server import Server, running_server
from bench.stub import Certificate, Stub, make_certificate, running_provider

# Connections are open and code is warm when the clock starts. Notifications.
_WARM_UP = 5000
_MAX_SECONDS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One measurement of one case.

    Attributes:
        case: what was measured.
        figures: what the sending process said.
        sender_cpu: CPU seconds of what is measured, the server with all its processes or the bare engine.
        sender_rss: most memory that was resident in it, in bytes.
        stub_cpu: CPU seconds of the stand-in.
        generator_cpu: CPU seconds of the load generator; None for the bare engine, which has none.
    """

    case: Case
    figures: Figures
    sender_cpu: float
    sender_rss: int
    stub_cpu: float
    generator_cpu: float | None

    @property
    def rate(self) -> float:
        """Notifications per second."""
        return self.figures.sent / self.figures.seconds


def rounds(cases: Sequence[Case], runs: int, core: str) -> Iterator[list[Sample]]:
    """Measure `runs` times, everything in turn, so that a slow minute of the machine hits all cases alike.

    Raises:
        ChildFailed: a process did not do its work.
    """
    with tempfile.TemporaryDirectory(prefix="clarion-bench-") as folder, ExitStack() as stack:
        directory = Path(folder)
        lab = _Lab(cases, core, directory, stack)
        for number in range(runs):
            yield list(lab.round(directory / f"run-{number}"))


class _Lab:
    """Stand-ins, certificate and database of a run of the benchmark."""

    def __init__(self, cases: Sequence[Case], core: str, directory: Path, stack: ExitStack) -> None:
        self._cases = cases
        self._core = core
        self._certificate: Certificate = make_certificate(directory)
        self._stubs: dict[tuple[str, int], Stub] = {}
        for provider, setup in {_provider(case.setup): case.setup for case in cases}.items():
            running = running_provider(setup, self._certificate, directory / f"{setup.provider}-{setup.delay}")
            self._stubs[provider] = stack.enter_context(running)
        wanted = any(case.setup.database == "postgresql" for case in cases)
        self._postgres = stack.enter_context(running_postgresql()) if wanted else None

    def round(self, directory: Path) -> Iterator[Sample]:
        """Measure every case once."""
        directory.mkdir()
        for setup, cases in groupby(self._cases, key=lambda case: case.setup):
            stub = self._stubs[_provider(setup)]
            together = list(cases)
            for case in together:
                if case.kind in {"engine", "engine-single"}:
                    yield self._engine(case, stub)
                elif case.kind == "grpc-single":
                    with grpc_floor.running(directory) as floor:
                        yield _sample(case, floor, stub)
            of_server = [case for case in together if case.kind not in WITHOUT_SERVER]
            if of_server:
                yield from self._server(setup, of_server, stub, directory)

    def _engine(self, case: Case, stub: Stub) -> Sample:
        before = stub.child.cpu()
        figures = run(engine_command(case, stub, self._core))
        # The stub's share of the warm-up, which this includes, is as large as that of what is measured.
        stub_cpu = (stub.child.cpu() - before) * figures.sent / (figures.sent + min(_WARM_UP, case.targets))
        return Sample(
            case=case,
            figures=figures,
            sender_cpu=figures.cpu,
            sender_rss=figures.peak_rss,
            stub_cpu=stub_cpu,
            generator_cpu=None,
        )

    def _server(self, setup: Setup, cases: Sequence[Case], stub: Stub, directory: Path) -> Iterator[Sample]:
        taken = sum(1 for _ in directory.iterdir())
        database_url = self._postgres.create_database() if self._postgres and setup.database == "postgresql" else ""
        running = running_server(
            setup,
            stub,
            directory / f"{taken}-{setup.name}",
            self._core,
            certificate=self._certificate,
            database_url=database_url,
        )
        with running as server:
            warm_up(server, setup)
            for case in cases:
                yield _sample(case, server, stub)


def _provider(setup: Setup) -> tuple[str, int]:
    return setup.provider, setup.delay


def engine_command(case: Case, stub: Stub, core: str) -> list[str]:
    """Return what `run` runs to let the bare engine send what the case says."""
    return [
        *("bench.engine", "--endpoint", stub.endpoint, "--ca-file", str(stub.ca_file), "--core", core),
        *("--requests", str(case.targets), "--warm-up", str(min(_WARM_UP, case.targets))),
        *([f"--rate={case.rate}"] if case.rate else []),
    ]


def _load(server: Server, kind: str, setup: Setup) -> list[str]:
    tls = [f"--ca-file={server.ca_file}"] if server.ca_file else []
    token = [f"--token-file={server.token_file}"] if server.token_file else []
    where = [f"--server={server.address}", f"--apps={server.apps}", f"--channel={setup.channel}"]
    return ["bench.load", kind, *where, *tls, *token]


def warm_up(server: Server, setup: Setup) -> None:
    """Let every worker open its connections."""
    run([*_load(server, "stream", setup), f"--targets={_WARM_UP}", f"--streams={setup.workers}"])


def load_command(case: Case, server: Server) -> list[str]:
    """Return what `run` runs to send what the case says."""
    return [
        *_load(server, "single" if case.kind == "grpc-single" else case.kind, case.setup),
        f"--targets={case.targets}",
        f"--calls={case.calls}",
        f"--streams={case.streams}",
        f"--failing={case.failing}",
        *([f"--rate={case.rate}"] if case.rate else []),
        *(["--personalised"] if case.personalised else []),
    ]


def _sample(case: Case, server: Server, stub: Stub) -> Sample:
    # Before and after the generator's whole life: while it starts and checks, server and stub do nothing.
    before, stub_before = server.child.cpu(), stub.child.cpu()
    figures = run(load_command(case, server))
    return Sample(
        case=case,
        figures=figures,
        sender_cpu=server.child.cpu() - before,
        sender_rss=server.child.peak_rss(),
        stub_cpu=stub.child.cpu() - stub_before,
        generator_cpu=figures.cpu,
    )


def run(module: list[str]) -> Figures:
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
        raise ChildFailed(f"{' '.join(module[:2])} ended with code {done.returncode}:\n{done.stderr}")
    return Figures.from_json(done.stdout)
