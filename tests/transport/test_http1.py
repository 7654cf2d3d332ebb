"""Peers without HTTP/2: requests go over HTTP/1.1, and what is sure and what is in doubt stays exact."""

from __future__ import annotations

import asyncio
import itertools
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trustme

from clarion_server.transport import Failure, Origin, PoolPolicy, TlsIdentity, Transport
from tests.transport.conftest import ENOUGH, HANG, SETTINGS, Engine, Sent, failures, statuses
from tests.transport.fault_server import FaultServer

POLICY = PoolPolicy(http1=True, max_http1_connections=3)
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx-id: abc\r\n\r\nok"


class Line:
    """One accepted connection; a script drives it."""

    def __init__(self, server: Http1Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.server = server
        self.writer = writer
        self._reader = reader

    async def next(self) -> str:
        """Wait for the next complete request, count it as processed, and return its head."""
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode()
        fields = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:-2])
        body = await self._reader.readexactly(int(fields["content-length"]))
        self.server.requests.append((head, body))
        self.server.processed[head.split(" ")[1]] += 1
        return head

    async def send(self, *pieces: bytes, pause: float = 0.0) -> None:
        """Send bytes, with a pause after each piece."""
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()
            await asyncio.sleep(pause)


Script = Callable[[Line], Awaitable[None]]


async def serve_all(line: Line) -> None:
    """The script without a fault."""
    while True:
        await line.next()
        await line.send(OK)


class Http1Server:
    """Accepts connections; the n-th runs the n-th script, all later ones the last."""

    def __init__(self) -> None:
        self.scripts: list[Script] = [serve_all]
        self.lines: list[Line] = []
        self.requests: list[tuple[str, bytes]] = []
        self.processed: Counter[str] = Counter()
        self.most_open = 0
        self._open = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, context: ssl.SSLContext) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=context, ssl_shutdown_timeout=1)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening and end all scripts."""
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._run(Line(self, reader, writer)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, line: Line) -> None:
        script = self.scripts[min(len(self.lines), len(self.scripts) - 1)]
        self.lines.append(line)
        self._open += 1
        self.most_open = max(self.most_open, self._open)
        try:
            with suppress(asyncio.IncompleteReadError, ConnectionError):
                await script(line)
        finally:
            self._open -= 1
            line.writer.close()


def _context(ca: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ca.issue_cert("localhost").configure_cert(context)
    return context


@pytest.fixture
async def http1_server(ca: trustme.CA) -> AsyncIterator[Http1Server]:
    """Run a server that offers HTTP/1.1 only; at the end nothing must have been processed twice."""
    context = _context(ca)
    context.set_alpn_protocols(["http/1.1"])
    server = Http1Server()
    await server.start(context)
    yield server
    await server.stop()


Make = Callable[..., Engine]


@pytest.fixture
async def make(http1_server: Http1Server, ca_file: Path) -> AsyncIterator[Make]:
    """Make engines; at the end every exchange has had one outcome, and what it says agrees with the server."""
    engines: list[Engine] = []

    def make_engine(*, policy: PoolPolicy = POLICY, port: int = 0, **settings: Any) -> Engine:
        transport = Transport(replace(SETTINGS, **settings))
        origin = Origin("localhost", port or http1_server.port, TlsIdentity(str(ca_file)))
        engine = Engine(transport, transport.pool(origin, policy), [], itertools.count())
        engines.append(engine)
        return engine

    yield make_engine
    for engine in engines:
        async with asyncio.timeout(HANG):
            await engine.transport.aclose(0)
        assert all(exchange.flow.in_flight == 0 for exchange in engine.sent), "a stream counts as taken for ever"
        for exchange in engine.sent:
            assert exchange.outcomes == (0 if exchange.cancelled else 1), exchange
            if exchange.cancelled:
                continue
            assert (exchange.status == 0) == (exchange.failure is not None)
            times = http1_server.processed[exchange.path]
            if exchange.failure is not None and not exchange.failure.ambiguous:
                assert times == 0, exchange
            elif not exchange.repeat_ambiguous:
                assert times <= 1, exchange


async def test_requests_and_answers(http1_server: Http1Server, make: Make) -> None:
    """A request has host, length and body; an answer has status first, headers and body; connections are kept."""
    engine = make(policy=PoolPolicy(http1=True, max_http1_connections=1))
    batch = await engine.run(5)
    assert statuses(batch) == [200] * 5
    assert batch[0].response_headers == ((b":status", b"200"), (b"content-length", b"2"), (b"x-id", b"abc"))
    assert batch[0].response_body == b"ok"
    assert [exchange.attempts for exchange in batch] == [1] * 5
    head, body = http1_server.requests[0]
    assert head == "POST /0 HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\n\r\n"
    assert body == b"hello"
    assert len(http1_server.lines) == 1


async def test_without_permission_it_is_no_way(http1_server: Http1Server, make: Make) -> None:
    """An origin that needs HTTP/2 does not fall back: APNs and FCM fail with the reason, and nothing was sent."""
    batch = await make(policy=PoolPolicy()).run(3)
    assert failures(batch) == [Failure.TLS_FAILED] * 3
    assert http1_server.processed.total() == 0


async def test_http2_is_preferred(server: FaultServer, make: Make) -> None:
    """Where the peer offers HTTP/2, permission for HTTP/1.1 changes nothing."""
    batch = await make(port=server.port).run(20)
    assert statuses(batch) == [200] * 20
    assert len(server.connections) == 1
    assert server.processed.total() == 20


async def test_a_peer_without_alpn(make: Make, ca: trustme.CA) -> None:
    """A peer that knows nothing of ALPN gets HTTP/1.1."""
    other = Http1Server()
    await other.start(_context(ca))
    assert statuses(await make(port=other.port).run(2)) == [200, 200]
    await other.stop()


async def test_concurrency_is_bounded(http1_server: Http1Server, make: Make) -> None:
    """Many requests share a bounded number of connections, and each request gets its own answer."""

    async def echo(line: Line) -> None:
        while True:
            path = (await line.next()).split(" ")[1].encode()
            await line.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(path), path), pause=0.005)

    http1_server.scripts = [echo]
    engine = make()
    batch = await engine.run(60)
    assert [exchange.response_body.decode() for exchange in batch] == [exchange.path for exchange in batch]
    assert http1_server.most_open == 3
    assert engine.pool.stats().opened == 3


async def test_closed_before_an_answer(http1_server: Http1Server, make: Make) -> None:
    """A request that was read and not answered is in doubt and not repeated; those behind it go elsewhere."""

    async def rude(line: Line) -> None:
        await line.next()

    http1_server.scripts = [rude, serve_all]
    batch = await make(policy=PoolPolicy(http1=True, max_http1_connections=1)).run(3)
    assert failures(batch) == [Failure.CONNECTION_LOST, None, None]
    assert [exchange.attempts for exchange in batch] == [1, 1, 1]
    assert batch[0].failure_detail == "closed by the peer"


async def test_repeats_only_when_allowed(http1_server: Http1Server, make: Make) -> None:
    """With the caller's consent what is in doubt is sent again, at most three times in all."""

    async def rude(line: Line) -> None:
        await line.next()

    http1_server.scripts = [rude, rude, serve_all]
    engine = make(policy=PoolPolicy(http1=True, max_http1_connections=1), connect_attempts=10)
    (exchange,) = await engine.run(1, repeat_ambiguous=True)
    assert (exchange.status, exchange.attempts) == (200, 3)


async def test_a_peer_that_never_answers_fails_what_waits(http1_server: Http1Server, make: Make) -> None:
    """After some connections in a row that ended without an answer, what waits fails as surely not sent."""

    async def rude(line: Line) -> None:
        await line.next()

    http1_server.scripts = [rude]
    engine = make(policy=PoolPolicy(http1=True, max_http1_connections=1), connect_attempts=2)
    batch = await engine.run(10)
    assert failures(batch) == [Failure.CONNECTION_LOST] * 2 + [Failure.CONNECT_FAILED] * 8


async def test_closed_after_each_answer(http1_server: Http1Server, make: Make) -> None:
    """A peer that keeps no connections, and says so or not, costs a connection per request and nothing else."""

    async def says_so(line: Line) -> None:
        await line.next()
        await line.send(OK.replace(b"x-id: abc", b"connection: close"))

    async def until_the_end(line: Line) -> None:
        await line.next()
        await line.send(b"HTTP/1.1 200 OK\r\n\r\nno length")

    async def old(line: Line) -> None:
        await line.next()
        await line.send(b"HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n")

    http1_server.scripts = [says_so, until_the_end, old, serve_all]
    batch = await make(policy=PoolPolicy(http1=True, max_http1_connections=1)).run(4)
    assert statuses(batch) == [200] * 4
    assert [exchange.response_body for exchange in batch] == [b"ok", b"no length", b"", b"ok"]
    assert [exchange.failure_detail for exchange in batch] == [""] * 4
    assert len(http1_server.lines) == 4


async def test_closed_while_idle(http1_server: Http1Server, make: Make) -> None:
    """A kept connection that the peer closes while nothing is on it harms no request."""

    async def once(line: Line) -> None:
        await line.next()
        await line.send(OK)

    http1_server.scripts = [once]
    engine = make(policy=PoolPolicy(http1=True, max_http1_connections=1))
    for _ in range(3):
        assert statuses(await engine.run(1)) == [200]
        async with asyncio.timeout(HANG):
            while engine.pool.stats().connections:  # noqa: ASYNC110 - has no event
                await asyncio.sleep(0.005)
    assert len(http1_server.lines) == 3


async def test_answer_in_pieces(http1_server: Http1Server, make: Make) -> None:
    """Chunked answers, answers byte by byte, and interim answers are put together."""

    async def pieces(line: Line) -> None:
        await line.next()
        await line.send(
            b"HTTP/1.1 100 Continue\r\n\r\n",
            b"HTTP/1.1 400 Bad",
            b' Request\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{"rea',
            b'\r\n7\r\nson":1}\r\n0\r\n\r\n',
            pause=0.01,
        )
        await line.next()
        await line.send(*(bytes([byte]) for byte in OK))

    http1_server.scripts = [pieces]
    batch = await make(policy=PoolPolicy(http1=True, max_http1_connections=1)).run(2)
    assert statuses(batch) == [400, 200]
    assert [exchange.response_body for exchange in batch] == [b'{"reason":1}', b"ok"]


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 503 No\r\ncontent-length: 100\r\n\r\nhalf",
        b"HTTP/1.1 503 No\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n5\r\n",
    ],
    ids=["length", "chunked"],
)
async def test_cut_short(http1_server: Http1Server, make: Make, answer: bytes) -> None:
    """When an answer ends in its body, status and what came of the body stand."""

    async def cut(line: Line) -> None:
        await line.next()
        await line.send(answer)

    http1_server.scripts = [cut]
    (exchange,) = await make().run(1)
    assert (exchange.status, exchange.response_body) == (503, b"half")
    assert exchange.failure_detail.startswith("answer cut short")


async def test_html_error(http1_server: Http1Server, make: Make) -> None:
    """A page of HTML is an answer like others, and at most 64 KiB of it are kept."""

    async def page(line: Line) -> None:
        await line.next()
        body = b"<html>" + bytes(100_000)
        await line.send(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
        await line.next()
        await line.send(OK)

    http1_server.scripts = [page]
    batch = await make(policy=PoolPolicy(http1=True, max_http1_connections=1)).run(2)
    assert statuses(batch) == [502, 200]
    assert len(batch[0].response_body) == 64 * 1024


@pytest.mark.parametrize("answer", [b"\x00\x01garbage\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n", OK + b"more"])
async def test_what_is_no_http(http1_server: Http1Server, make: Make, answer: bytes) -> None:
    """Bytes that are no HTTP end their connection: what it carried is in doubt, unless its answer was complete."""

    async def garbage(line: Line) -> None:
        await line.next()
        await line.send(answer)
        await line.next()

    http1_server.scripts = [garbage, serve_all]
    batch = await make(policy=PoolPolicy(http1=True, max_http1_connections=1)).run(2)
    complete = answer.startswith(OK)
    assert failures(batch) == [None if complete else Failure.PROTOCOL_ERROR, None]
    assert len(http1_server.lines) == 2


async def test_when_a_request_was_put_on_a_connection(make: Make) -> None:
    """`sent_at` tells it: after the wait for the connection."""
    engine = make(policy=PoolPolicy(http1=True, max_http1_connections=1))
    begun = asyncio.get_running_loop().time()
    times = [exchange.sent_at for exchange in await engine.run(3)]
    assert begun <= times[0] < times[1] < times[2] <= asyncio.get_running_loop().time()


async def test_deadlines(http1_server: Http1Server, make: Make) -> None:
    """What left and has no answer in time is in doubt, what still waits was not sent; the connection is not reused."""

    async def silent(line: Line) -> None:
        await line.next()
        await line.send(OK)
        await line.next()
        await asyncio.Event().wait()

    http1_server.scripts = [silent, serve_all]
    engine = make(policy=PoolPolicy(http1=True, max_http1_connections=1), deadline_interval=0.01)
    await engine.run(1)
    batch = await engine.run(3, within=ENOUGH)
    assert failures(batch) == [Failure.ANSWER_TIMED_OUT] + [Failure.NOT_SENT_DEADLINE] * 2
    assert statuses(await engine.run(1)) == [200]
    assert len(http1_server.lines) == 2


async def test_slow_drip(http1_server: Http1Server, make: Make) -> None:
    """A body that never ends is given up at the deadline; its status stands."""

    async def drip(line: Line) -> None:
        await line.next()
        await line.send(OK)
        await line.next()
        await line.send(b"HTTP/1.1 200 OK\r\ncontent-length: 10000\r\n\r\n", *[b"x"] * 10_000, pause=0.01)

    http1_server.scripts = [drip]
    engine = make(policy=PoolPolicy(http1=True, max_http1_connections=1), deadline_interval=0.01)
    await engine.run(1)
    (exchange,) = await engine.run(1, within=ENOUGH)
    assert exchange.status == 200
    assert exchange.failure_detail == "answer cut short: deadline"


async def test_nobody_listens(make: Make) -> None:
    """A refused connection fails what waits as never sent."""
    assert failures(await make(port=1).run(3)) == [Failure.CONNECT_FAILED] * 3


async def test_a_bad_request_is_not_sent(http1_server: Http1Server, make: Make) -> None:
    """What HTTP/1.1 cannot express fails alone; those behind it go out on the same connection."""
    engine = make(policy=PoolPolicy(http1=True, max_http1_connections=1))
    deadline = asyncio.get_running_loop().time() + HANG
    bad = Sent("/bad", b"", deadline, repeat_ambiguous=False)
    bad.headers = [*bad.headers, (b"x-bad", b"line\r\nbreak")]
    engine.sent.append(bad)
    engine.pool.submit(bad)
    good = await engine.run(1)
    await engine.finish([bad])
    assert failures([bad, *good]) == [Failure.INVALID_REQUEST, None]
    assert "break" not in bad.failure_detail  # it may be a secret
    assert len(http1_server.lines) == 1


async def test_cancelled_ones_are_not_sent(http1_server: Http1Server, make: Make) -> None:
    """What is cancelled while it waits never leaves."""
    engine = make(policy=PoolPolicy(http1=True, max_http1_connections=1))
    batch = engine.send(3)
    batch[1].cancelled = True
    await engine.finish([batch[0], batch[2]])
    assert http1_server.processed == {batch[0].path: 1, batch[2].path: 1}


async def test_idle_and_old_connections_close(http1_server: Http1Server, make: Make) -> None:
    """A connection without requests is closed after its idle time, before the peer does it."""
    engine = make(http1_idle_timeout=0.05)
    assert statuses(await engine.run(1)) == [200]
    async with asyncio.timeout(HANG):
        while engine.pool.stats().connections or engine.pool.stats().draining:  # noqa: ASYNC110 - has no event
            await asyncio.sleep(0.005)
    assert engine.pool.stats().lost == 0
    assert statuses(await engine.run(1)) == [200]


@pytest.mark.parametrize("grace", [0.0, HANG])
async def test_the_end(http1_server: Http1Server, make: Make, grace: float) -> None:
    """At the end what is under way gets the grace time, and is in doubt after it; what waits was not sent."""
    answer = asyncio.Event()

    async def slow(line: Line) -> None:
        await line.next()
        await answer.wait()
        await line.send(OK)

    http1_server.scripts = [slow]
    engine = make(policy=PoolPolicy(http1=True, max_http1_connections=1))
    batch = engine.send(2)
    async with asyncio.timeout(HANG):
        while not http1_server.processed:  # noqa: ASYNC110 - has no event
            await asyncio.sleep(0.005)
    closing = asyncio.create_task(engine.transport.aclose(grace))
    await engine.finish(batch[1:])
    answer.set()
    await closing
    assert failures(batch) == [None if grace else Failure.CONNECTION_LOST, Failure.POOL_CLOSED]


async def test_storm(http1_server: Http1Server, make: Make) -> None:
    """Among peers that close, break and stall at random every request has one outcome, and none is processed twice."""
    numbers = itertools.count()

    async def moody(line: Line) -> None:
        while True:
            await line.next()
            mood = next(numbers) % 11
            if mood == 3:
                return
            if mood == 5:
                await line.send(b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nhalf")
                return
            if mood == 7:
                await line.send(b"nonsense\r\n\r\n")
                return
            await line.send(OK if mood != 9 else OK.replace(b"x-id: abc", b"connection: close"))

    http1_server.scripts = [moody]
    batch = await make().run(400)
    assert {exchange.failure for exchange in batch} == {None, Failure.CONNECTION_LOST, Failure.PROTOCOL_ERROR}
    assert max(http1_server.processed.values()) == 1
