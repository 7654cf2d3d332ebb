"""Streams, flow control, back-pressure, cancelling, closing."""

from __future__ import annotations

import asyncio

from clarion_server.transport import Failure, PoolPolicy
from tests.transport.conftest import HANG, MakeEngine, failures, statuses
from tests.transport.fault_server import FaultConnection, FaultServer, serve_all


async def test_one_stream_until_the_peer_allows_more(server: FaultServer, make_engine: MakeEngine) -> None:
    """As APNs does with provider tokens: one stream until a request was accepted, then a thousand."""

    async def apns(connection: FaultConnection) -> None:
        request = await connection.next()  # before any SETTINGS
        await asyncio.sleep(0.05)
        assert connection.most_open == 1
        connection.settings({3: 1})
        await asyncio.sleep(0.05)
        assert connection.most_open == 1
        connection.settings({3: 1000})
        connection.respond(request)
        requests = await connection.take(1000)
        for request in requests:
            connection.respond(request)
        while True:
            connection.respond(await connection.next())

    server.scripts = [apns]
    batch = await make_engine(max_connections=1).run(1200)
    assert statuses(batch) == [200] * 1200
    assert server.connections[0].most_open == 1000


async def test_own_limit_is_kept(server: FaultServer, make_engine: MakeEngine) -> None:
    """PoolPolicy.max_streams bounds a connection whose peer sets no limit."""

    async def unlimited(connection: FaultConnection) -> None:
        connection.settings({})
        while True:
            for request in await connection.take(7):
                connection.respond(request)

    server.scripts = [unlimited]
    batch = await make_engine(policy=PoolPolicy(max_streams=7), max_connections=1).run(70)
    assert statuses(batch) == [200] * 70
    assert server.connections[0].most_open == 7


async def test_limit_lowered_in_mid_flight(server: FaultServer, make_engine: MakeEngine) -> None:
    """After SETTINGS lower the limit no stream is opened until fewer are open; raised again, it is used."""
    most = []

    async def lower(connection: FaultConnection) -> None:
        connection.settings({3: 50})
        requests = await connection.take(50)
        connection.settings({3: 5})
        for request in requests[:44]:
            connection.respond(request)
        # A complete request must not come before another answer. (What came would be the 7th open one.)
        await asyncio.sleep(0.05)
        assert len(connection.open) == 6
        for request in requests[44:]:
            connection.respond(request)
        connection.most_open = 0
        for _ in range(10):
            for request in await connection.take(5):
                connection.respond(request)
        most.append(connection.most_open)
        connection.settings({3: 20})
        connection.most_open = 0
        while server.processed.total() < 200:
            for request in await connection.take(20):
                connection.respond(request)
        most.append(connection.most_open)
        await connection.gone.wait()

    server.scripts = [lower]
    batch = await make_engine(max_connections=1).run(200)
    assert statuses(batch) == [200] * 200
    assert most == [5, 20]


async def test_limit_of_zero_is_waited_out(server: FaultServer, make_engine: MakeEngine) -> None:
    """A peer that allows no stream for a while gets none, and the requests go when it allows them."""

    async def closed_for_now(connection: FaultConnection) -> None:
        connection.settings({3: 0})
        first = await connection.next()  # sent before SETTINGS arrived
        connection.respond(first)
        await asyncio.sleep(0.05)
        assert not connection.open
        connection.settings({3: 10})
        while True:
            connection.respond(await connection.next())

    server.scripts = [closed_for_now]
    assert statuses(await make_engine(max_connections=1).run(30)) == [200] * 30


async def test_requests_leave_while_the_peer_is_silent(server: FaultServer, make_engine: MakeEngine) -> None:
    """A request leaves at once, whether or not the peer sends something between it and the one before."""
    arrived: asyncio.Queue[str] = asyncio.Queue()

    async def quiet(connection: FaultConnection) -> None:
        connection.grant_windows = False
        connection.settings({3: 100})
        requests = []
        for _ in range(10):
            requests.append(await connection.next())
            arrived.put_nowait(requests[-1].path)
        for request in requests:
            connection.respond(request)
        await connection.gone.wait()

    server.scripts = [quiet]
    engine = make_engine(max_connections=1)
    batch = []
    for _ in range(10):
        batch += engine.send()
        async with asyncio.timeout(HANG):
            assert await arrived.get() == batch[-1].path
    await engine.finish(batch)
    assert statuses(batch) == [200] * 10


async def test_peer_that_stops_reading(server: FaultServer, make_engine: MakeEngine) -> None:
    """Back-pressure holds what does not fit the socket; when the peer reads on, all of it arrives."""
    resume = asyncio.Event()

    async def stuck(connection: FaultConnection) -> None:
        connection.settings({3: 1000, 4: 2**31 - 1})
        connection.window(0, 2**31 - 1 - 65535)
        connection.grant_windows = False
        connection.respond(await connection.next())
        connection.reading.clear()
        await resume.wait()
        connection.reading.set()
        while True:
            connection.respond(await connection.next())

    server.scripts = [stuck]
    engine = make_engine(max_connections=1)
    await engine.run()
    batch = engine.send(300, body=b"w" * 100_000)  # 30 MB: more than all buffers between us
    await asyncio.sleep(0.2)
    later = engine.send(10)
    assert engine.pool.pending == 310
    await asyncio.sleep(0.05)
    assert engine.pool.stats().queued >= 10  # held back here, not piled up in the socket
    resume.set()
    await engine.finish(batch + later)
    assert statuses(batch + later) == [200] * 310


async def test_cancelled_while_queued_is_never_sent(server: FaultServer, make_engine: MakeEngine) -> None:
    """A queued exchange that is cancelled is dropped without done(); the others are not disturbed."""
    engine = make_engine()
    batch = engine.send(20)
    for exchange in batch[::2]:
        exchange.cancelled = True
    await engine.finish(batch[1::2])
    assert statuses(batch[1::2]) == [200] * 10
    assert engine.pool.pending == 0
    assert server.received.total() == 10


async def test_cancelled_are_swept_from_a_stuck_queue(server: FaultServer, make_engine: MakeEngine) -> None:
    """Cancelled exchanges do not fill the queue of a pool that cannot send."""

    async def none(connection: FaultConnection) -> None:
        await connection.gone.wait()

    server.scripts = [none]
    engine = make_engine(max_connections=1)
    engine.send(1)
    waiting = engine.send(100)
    for exchange in waiting:
        exchange.cancelled = True
    (late,) = await engine.run(within=0.1)
    assert late.failure is Failure.NOT_SENT_DEADLINE
    assert engine.pool.pending == 1


async def test_close_lets_what_is_in_flight_finish(server: FaultServer, make_engine: MakeEngine) -> None:
    """aclose() fails what waits, waits for the answers to what was sent, says GOAWAY, and takes nothing more."""
    requests_are_there = asyncio.Event()

    async def slow(connection: FaultConnection) -> None:
        connection.settings({3: 5})
        requests = await connection.take(5)
        requests_are_there.set()
        await asyncio.sleep(0.1)
        for request in requests:
            connection.respond(request)
        await connection.until(lambda: connection.goaways > 0)
        await connection.close()

    server.scripts = [slow]
    engine = make_engine(max_connections=1)
    batch = engine.send(12)
    await requests_are_there.wait()
    await engine.transport.aclose(HANG)
    assert statuses(batch[:5]) == [200] * 5
    assert failures(batch[5:]) == [Failure.POOL_CLOSED] * 7
    assert server.connections[0].goaways == 1
    (late,) = await engine.run()
    assert late.failure is Failure.POOL_CLOSED
    assert server.received.total() == 5


async def test_close_does_not_wait_longer_than_its_grace(server: FaultServer, make_engine: MakeEngine) -> None:
    """After the grace what was sent is in doubt; what had not left completely is known not to be processed."""
    both_are_there = asyncio.Event()

    async def silent(connection: FaultConnection) -> None:
        connection.grant_windows = False
        connection.settings({3: 10})
        connection.process(await connection.next())
        await connection.until(lambda: len(connection.open) == 2)
        both_are_there.set()
        await connection.gone.wait()

    server.scripts = [silent]
    engine = make_engine()
    sent = engine.send()
    stuck = engine.send(body=b"x" * 200_000)
    await both_are_there.wait()
    await engine.transport.aclose(0.05)
    assert failures(sent + stuck) == [Failure.CONNECTION_LOST, Failure.POOL_CLOSED]
    assert engine.pool.stats().connections == engine.pool.stats().draining == 0


async def test_retired_connections_drain(server: FaultServer, make_engine: MakeEngine) -> None:
    """After retire() old connections finish what they began, and new requests use new connections."""
    release, all_are_there = asyncio.Event(), asyncio.Event()

    async def holding(connection: FaultConnection) -> None:
        connection.settings({3: 5})
        requests = await connection.take(5)
        all_are_there.set()
        await release.wait()
        for request in requests:
            connection.respond(request)
        await connection.gone.wait()

    server.scripts = [holding, serve_all]
    engine = make_engine()
    old = engine.send(5)
    await all_are_there.wait()
    (origin,) = engine.transport.stats()
    engine.transport.retire(origin, "ExpiredProviderToken")
    new = await engine.run(5)
    assert statuses(new) == [200] * 5
    stats = engine.transport.stats()[origin]
    assert (stats.connections, stats.draining, stats.in_flight, stats.opened) == (1, 1, 5, 2)
    release.set()
    await engine.finish(old)
    assert statuses(old) == [200] * 5
    await server.connections[0].gone.wait()
    assert server.connections[0].goaways == 1


async def test_old_and_idle_connections_are_replaced_on_demand(server: FaultServer, make_engine: MakeEngine) -> None:
    """A connection past its age or idle time closes; the next request opens another."""
    for settings in ({"max_connection_age": 0.05, "ping_timeout": 0.1}, {"idle_timeout": 0.05}):
        seen = len(server.connections)
        engine = make_engine(**settings)
        assert statuses(await engine.run()) == [200]
        await server.connections[seen].gone.wait()
        assert server.connections[seen].pings == 0
        assert statuses(await engine.run()) == [200]
        assert len(server.connections) == seen + 2


async def test_a_few_requests_go_to_one_connection(server: FaultServer, make_engine: MakeEngine) -> None:
    """Requests that fit into one write are not spread over the connections that are open."""
    begun: list[FaultConnection] = []
    both = asyncio.Event()
    counts: dict[FaultConnection, int] = {}

    async def widens(connection: FaultConnection) -> None:
        connection.settings({3: 1})
        (first,) = await connection.take(1)
        begun.append(connection)
        if len(begun) == 2:
            both.set()
        await both.wait()
        connection.settings({3: 100})
        connection.respond(first)
        counts[connection] = 0
        while True:
            connection.respond(await connection.next())
            counts[connection] += 1

    server.scripts = [widens]
    engine = make_engine()
    await engine.run(2)
    batch = await engine.run(50)
    assert statuses(batch) == [200] * 50
    assert sorted(counts.values()) == [0, 50]
