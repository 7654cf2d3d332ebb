from __future__ import annotations

import asyncio
import itertools
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import trustme

from clarion_server.transport import (
    Exchange,
    Failure,
    Origin,
    Pool,
    PoolPolicy,
    TlsIdentity,
    Transport,
    TransportSettings,
)
from tests.transport.fault_server import FaultServer

HANG = 30.0  # seconds after which a wait counts as a hang
#: Seconds that a request has to reach the server on a connection that there is, where the test needs that it does.
ENOUGH = 1.0

#: Times short enough for tests; each test replaces what it is about.
SETTINGS = TransportSettings(
    max_connections=2,
    connect_timeout=5,
    idle_ping_after=20,
    ping_timeout=20,
    min_cool_down=0.01,
    max_cool_down=0.05,
    refused_pause=0.01,
    shutdown_timeout=0.5,
)


class Sent(Exchange):
    """An exchange that counts its outcomes."""

    __slots__ = ("finished", "outcomes", "path")

    def __init__(self, path: str, body: bytes, deadline: float, *, repeat_ambiguous: bool) -> None:
        headers = [
            (b":method", b"POST"),
            (b":scheme", b"https"),
            (b":authority", b"localhost"),
            (b":path", path.encode()),
        ]
        super().__init__(headers, body, deadline, repeat_ambiguous=repeat_ambiguous)
        self.path = path
        self.outcomes = 0
        self.finished = asyncio.Event()

    def done(self) -> None:
        self.outcomes += 1
        self.finished.set()


@dataclass
class Engine:
    """A transport with one pool to the fault server (or another port), and all that went through it."""

    transport: Transport
    pool: Pool
    sent: list[Sent]
    numbers: itertools.count[int]

    def send(
        self, count: int = 1, *, body: bytes = b"hello", within: float = HANG, repeat_ambiguous: bool = False
    ) -> list[Sent]:
        """Submit exchanges, each with a path of its own."""
        deadline = asyncio.get_running_loop().time() + within
        batch = [
            Sent(f"/{next(self.numbers)}", body, deadline, repeat_ambiguous=repeat_ambiguous) for _ in range(count)
        ]
        self.sent += batch
        for exchange in batch:
            self.pool.submit(exchange)
            assert exchange.outcomes == 0  # never from inside submit()
        return batch

    async def finish(self, batch: Sequence[Sent]) -> None:
        """Wait for the outcome of all of them."""
        async with asyncio.timeout(HANG):
            for exchange in batch:
                await exchange.finished.wait()

    async def run(self, count: int = 1, **options: object) -> list[Sent]:
        """Submit and wait."""
        batch = self.send(count, **options)  # type: ignore[arg-type]
        await self.finish(batch)
        return batch


def statuses(batch: Sequence[Sent]) -> list[int]:
    """The HTTP status of each."""
    return [exchange.status for exchange in batch]


def failures(batch: Sequence[Sent]) -> list[Failure | None]:
    """The failure of each."""
    return [exchange.failure for exchange in batch]


@pytest.fixture(scope="session")
def ca() -> trustme.CA:
    """Make the authority that the servers' certificates come from."""
    return trustme.CA()


@pytest.fixture(scope="session")
def ca_file(ca: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the authority's certificate to a file."""
    path = tmp_path_factory.mktemp("transport") / "ca.pem"
    ca.cert_pem.write_to_path(str(path))
    return path


@pytest.fixture
def server_context(ca: trustme.CA) -> ssl.SSLContext:
    """Make the fault server's TLS context; tests change it before the first connection."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ca.issue_cert("localhost").configure_cert(context)
    context.set_alpn_protocols(["h2"])
    return context


@pytest.fixture
async def server(server_context: ssl.SSLContext) -> AsyncIterator[FaultServer]:
    """Run a fault server; at the end nothing must have been processed twice."""
    server = FaultServer(server_context)
    await server.start()
    yield server
    await server.stop()
    assert not server.errors
    twice = [path for path, count in server.processed.items() if count > 1]
    assert server.repeats_allowed or not twice


@pytest.fixture(params=["ngh2", "h2"])
def core(request: pytest.FixtureRequest) -> str:
    """Name the HTTP/2 core: every test runs with each."""
    return str(request.param)


MakeEngine = Callable[..., Engine]


@pytest.fixture
async def make_engine(core: str, server: FaultServer, ca_file: Path) -> AsyncIterator[MakeEngine]:
    """Make engines that send to the fault server; at the end every exchange must have had exactly one outcome."""
    engines: list[Engine] = []

    def make(*, origin: Origin | None = None, policy: PoolPolicy | None = None, **settings: object) -> Engine:
        transport = Transport(replace(SETTINGS, **settings), core=core)  # type: ignore[arg-type]
        origin = origin or Origin("localhost", server.port, TlsIdentity(str(ca_file)))
        engine = Engine(transport, transport.pool(origin, policy), [], itertools.count(len(engines) * 1_000_000))
        engines.append(engine)
        return engine

    yield make
    for engine in engines:
        async with asyncio.timeout(HANG):
            await engine.transport.aclose(0)
        assert all(exchange.flow.in_flight == 0 for exchange in engine.sent), "a stream counts as taken for ever"
        for exchange in engine.sent:
            assert exchange.outcomes == (0 if exchange.cancelled else 1), exchange
            if exchange.cancelled:
                continue
            assert (exchange.status == 0) == (exchange.failure is not None)
            # What certainly was not processed indeed was not; what was answered was, exactly once.
            if exchange.failure is not None and not exchange.failure.ambiguous:
                assert server.processed[exchange.path] == 0, exchange
