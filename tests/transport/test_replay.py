"""What moves to another connection, and what must not."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from clarion_server.transport import Failure
from tests.transport.conftest import MakeEngine, failures, statuses
from tests.transport.fault_server import ENHANCE_YOUR_CALM, REFUSED_STREAM, FaultConnection, FaultServer, serve_all


@pytest.mark.parametrize("graceful", [False, True])
async def test_goaway_splits_at_its_last_id(server: FaultServer, make_engine: MakeEngine, *, graceful: bool) -> None:
    """Streams up to GOAWAY's last id are answered where they are, those above once elsewhere; none is in doubt."""
    moved_are_answered = asyncio.Event()

    async def leave(connection: FaultConnection) -> None:
        connection.settings({3: 100})
        requests = await connection.take(50)
        for request in requests[:10]:
            connection.respond(request)
        if graceful:  # RFC 9113, section 6.8: first announce, then name the last id
            connection.goaway(2**31 - 1)
        connection.goaway(requests[29].stream_id)
        await moved_are_answered.wait()
        for request in requests[10:30]:
            connection.respond(request)
        await connection.gone.wait()

    server.scripts = [leave, serve_all]
    engine = make_engine()
    batch = engine.send(50)
    await engine.finish(batch[:10] + batch[30:])
    assert engine.pool.pending == 20
    moved_are_answered.set()
    await engine.finish(batch)
    assert statuses(batch) == [200] * 50
    assert [exchange.attempts for exchange in batch] == [1] * 30 + [2] * 20
    assert server.processed.total() == 50
    assert len(server.connections) == 2


async def test_goaway_then_close_leaves_the_included_in_doubt(server: FaultServer, make_engine: MakeEngine) -> None:
    """A connection that ends after GOAWAY without the answers it owed leaves exactly those in doubt."""

    async def leave(connection: FaultConnection) -> None:
        connection.settings({3: 100})
        requests = await connection.take(20)
        for request in requests[:15]:
            connection.process(request)
        connection.goaway(requests[14].stream_id, ENHANCE_YOUR_CALM, b'{"reason":"Shutdown"}')
        await connection.close()

    server.scripts = [leave, serve_all]
    engine = make_engine()
    batch = await engine.run(20)
    assert failures(batch) == [Failure.CONNECTION_LOST] * 15 + [None] * 5
    assert "GOAWAY ENHANCE_YOUR_CALM Shutdown" in batch[0].failure_detail
    stats = engine.pool.stats()
    assert (stats.goaways, stats.last_goaway) == ({"ENHANCE_YOUR_CALM": 1}, "GOAWAY ENHANCE_YOUR_CALM Shutdown")
    assert stats.returned == 5


async def test_goaway_reason_reaches_the_caller(server: FaultServer, make_engine: MakeEngine) -> None:
    """A peer that refuses every connection with a reason, as APNs does, fails the requests with that reason."""

    async def refuse(connection: FaultConnection) -> None:
        connection.settings({3: 100})
        await connection.next()
        connection.goaway(0, 0x1, b'{"reason":"BadCertificate"}')
        await connection.close()

    server.scripts = [refuse]
    batch = await make_engine().run(5)
    assert failures(batch) == [Failure.REFUSED] * 5
    assert {exchange.failure_detail for exchange in batch} == {"GOAWAY PROTOCOL_ERROR BadCertificate"}


async def test_goaway_text_that_looks_like_a_token_is_hidden(server: FaultServer, make_engine: MakeEngine) -> None:
    """GOAWAY debug data cannot carry a device address into results and logs."""
    address = "0123456789abcdef" * 4

    async def refuse(connection: FaultConnection) -> None:
        connection.settings({3: 100})
        await connection.next()
        connection.goaway(0, 0x1, f"no such device {address}\n".encode())
        await connection.close()

    server.scripts = [refuse]
    (exchange,) = await make_engine().run()
    assert address not in exchange.failure_detail
    assert "no such device" in exchange.failure_detail


async def test_refused_streams_are_sent_again(server: FaultServer, make_engine: MakeEngine) -> None:
    """REFUSED_STREAM is no outcome: the request is sent again and answered."""
    seen: Counter[str] = Counter()

    async def choosy(connection: FaultConnection) -> None:
        connection.settings({3: 100})
        while True:
            request = await connection.next()
            seen[request.path] += 1
            if seen[request.path] <= int(request.path[1:]) % 4:
                connection.reset(request.stream_id, REFUSED_STREAM)
            else:
                connection.respond(request)

    server.scripts = [choosy]
    batch = await make_engine().run(40)
    assert statuses(batch) == [200] * 40
    assert [exchange.attempts for exchange in batch] == [1, 2, 3, 4] * 10


async def test_refusal_for_ever_is_bounded(server: FaultServer, make_engine: MakeEngine) -> None:
    """A request that is refused every time fails as surely not processed, after a bounded number of attempts."""

    async def never(connection: FaultConnection) -> None:
        connection.settings({3: 100})
        while True:
            connection.reset((await connection.next()).stream_id, REFUSED_STREAM)

    server.scripts = [never]
    batch = await make_engine().run(10)
    assert failures(batch) == [Failure.REFUSED] * 10
    assert {exchange.attempts for exchange in batch} == {6}
    assert batch[0].failure_detail == "RST_STREAM REFUSED_STREAM"


@pytest.mark.parametrize("how", ["close", "reset"])
async def test_lost_connection_leaves_what_was_sent_in_doubt(
    server: FaultServer, make_engine: MakeEngine, how: str
) -> None:
    """When the connection ends after the requests left, just those are in doubt; the queue goes to a new one."""

    async def die(connection: FaultConnection) -> None:
        connection.settings({3: 10})
        requests = await connection.take(10)
        for request in requests[:4]:
            connection.respond(request)
        await connection.until(lambda: len(connection.open) == 10)  # the freed streams are in use again
        for request in connection.open.values():
            if request.complete:
                connection.process(request)
        if how == "close":
            await connection.close()
        else:
            connection.abort()

    server.scripts = [die, serve_all]
    batch = await make_engine(max_connections=1).run(50)
    lost = [exchange for exchange in batch if exchange.failure]
    assert failures(lost) == [Failure.CONNECTION_LOST] * 10
    assert statuses([exchange for exchange in batch if not exchange.failure]) == [200] * 40
    assert all(exchange.attempts == 1 for exchange in batch)


async def test_opt_in_repeats_what_is_in_doubt(server: FaultServer, make_engine: MakeEngine) -> None:
    """With repeat_ambiguous a request in doubt is sent again, three times in all at most."""
    server.repeats_allowed = True

    async def die(connection: FaultConnection) -> None:
        connection.settings({3: 10})
        connection.process(await connection.next())
        await connection.close()

    server.scripts = [die, die, serve_all]
    engine = make_engine()
    (exchange,) = await engine.run(repeat_ambiguous=True)
    assert (exchange.status, exchange.attempts, server.processed["/0"]) == (200, 3, 3)
    assert exchange.doubt is Failure.CONNECTION_LOST
    server.scripts = [die]
    await engine.transport.aclose(0)
    (sure,) = await make_engine().run()
    assert (sure.failure, sure.doubt) == (Failure.CONNECTION_LOST, None)
    (unlucky,) = await make_engine().run(repeat_ambiguous=True)
    assert (unlucky.failure, unlucky.attempts) == (Failure.CONNECTION_LOST, 3)


async def test_closed_before_settings(server: FaultServer, make_engine: MakeEngine) -> None:
    """Only the one request that may be sent before SETTINGS is in doubt; the others wait for a better connection."""

    async def slam(connection: FaultConnection) -> None:
        connection.process(await connection.next())
        await connection.close()

    server.scripts = [slam, serve_all]
    batch = await make_engine().run(30)
    assert failures(batch) == [Failure.CONNECTION_LOST] + [None] * 29
    assert "before SETTINGS" in batch[0].failure_detail


async def test_always_closed_before_settings(server: FaultServer, make_engine: MakeEngine) -> None:
    """A peer that never begins HTTP/2 counts as not connected: the queue does not wait for its deadlines."""

    async def slam(connection: FaultConnection) -> None:
        connection.process(await connection.next())
        await connection.close()

    server.scripts = [slam]
    batch = await make_engine().run(30)
    assert failures(batch) == [Failure.CONNECTION_LOST] * 2 + [Failure.CONNECT_FAILED] * 28


@pytest.mark.parametrize("how", ["close", "reset", "goaway"])
async def test_incomplete_uploads_are_sent_again(server: FaultServer, make_engine: MakeEngine, how: str) -> None:
    """A request whose body could not leave completely was not processed: it moves, and arrives once."""

    async def narrow(connection: FaultConnection) -> None:
        connection.grant_windows = False  # 64 KiB for all of them together
        connection.settings({3: 100})
        await connection.until(lambda: len(connection.open) == 20)
        if how == "goaway":
            connection.goaway(2**31 - 1)
        if how == "reset":
            connection.abort()
        else:
            await connection.close()

    async def wide(connection: FaultConnection) -> None:
        connection.settings({3: 100})
        while True:
            request = await connection.next()
            assert request.body == b"z" * 70_000
            connection.respond(request)

    server.scripts = [narrow, wide]
    engine = make_engine(max_connections=1)
    batch = await engine.run(20, body=b"z" * 70_000)
    assert statuses(batch) == [200] * 20
    assert all(exchange.attempts == 2 for exchange in batch)
    assert server.received.total() == 20
