"""Deadlines, silence and pings."""

from __future__ import annotations

import asyncio

from clarion_server.transport import Failure, PoolPolicy
from tests.transport.conftest import ENOUGH, MakeEngine, failures, statuses
from tests.transport.fault_server import CANCEL, FaultConnection, FaultServer, serve_all


async def test_deadline_of_a_sent_request(server: FaultServer, make_engine: MakeEngine) -> None:
    """Without an answer by its deadline a request is in doubt and its stream reset; the connection goes on."""

    async def forgetful(connection: FaultConnection) -> None:
        connection.settings({3: 10})
        connection.respond(await connection.next())
        connection.process(await connection.next())
        await connection.until(lambda: bool(connection.resets))
        assert connection.resets == [(3, CANCEL)]
        connection.respond(await connection.next())
        await connection.gone.wait()

    server.scripts = [forgetful]
    engine = make_engine()
    await engine.run()
    start = asyncio.get_running_loop().time()
    (exchange,) = await engine.run(within=ENOUGH)
    assert exchange.failure is Failure.ANSWER_TIMED_OUT
    assert asyncio.get_running_loop().time() >= start + ENOUGH  # never early
    assert statuses(await engine.run()) == [200]
    assert len(server.connections) == 1


async def test_when_a_request_was_put_on_a_connection(server: FaultServer, make_engine: MakeEngine) -> None:
    """`sent_at` is when it was put on the connection that carried it last, after the wait for a stream; else 0."""

    async def one_at_a_time(connection: FaultConnection) -> None:
        connection.settings({3: 1})
        connection.respond(await connection.next())
        connection.respond(await connection.next())
        connection.goaway(3)
        await connection.gone.wait()

    server.scripts = [one_at_a_time, serve_all]
    engine = make_engine(max_connections=1)
    begun = asyncio.get_running_loop().time()
    batch = await engine.run(3)
    (late,) = await engine.run(within=-1)
    assert statuses(batch) == [200] * 3
    times = [exchange.sent_at for exchange in batch]
    assert begun <= times[0] < times[1] < times[2] <= asyncio.get_running_loop().time()
    assert late.sent_at == 0.0


async def test_deadline_of_a_queued_request(server: FaultServer, make_engine: MakeEngine) -> None:
    """A request that found no free stream by its deadline was surely not sent."""

    async def busy(connection: FaultConnection) -> None:
        connection.settings({3: 1})
        connection.respond(await connection.next())
        connection.process(await connection.next())
        await connection.gone.wait()

    server.scripts = [busy]
    engine = make_engine(max_connections=1)
    await engine.run()
    batch = engine.send()
    batch += await engine.run(3, within=0.1)
    batch += await engine.run(1, within=-1)  # late from the start
    assert failures(batch) == [None] + [Failure.NOT_SENT_DEADLINE] * 4
    assert [exchange.attempts for exchange in batch] == [1, 0, 0, 0, 0]
    assert server.received.total() == 2


async def test_deadline_of_an_incomplete_upload(server: FaultServer, make_engine: MakeEngine) -> None:
    """A request that could not leave completely by its deadline was surely not processed."""

    async def narrow(connection: FaultConnection) -> None:
        connection.grant_windows = False
        connection.settings({3: 10})
        connection.respond(await connection.next())
        await connection.gone.wait()

    server.scripts = [narrow]
    engine = make_engine()
    await engine.run()
    (exchange,) = await engine.run(body=b"x" * 100_000, within=ENOUGH)
    assert exchange.failure is Failure.NOT_SENT_DEADLINE
    assert exchange.attempts == 1
    assert server.received.total() == 1


async def test_slow_drip_does_not_outlast_the_deadline(server: FaultServer, make_engine: MakeEngine) -> None:
    """An answer whose body drips on for ever ends at the deadline, with its status and what there is."""

    async def drip(connection: FaultConnection) -> None:
        connection.settings({3: 10})
        connection.respond(await connection.next())
        request = await connection.next()
        connection.process(request)
        connection.respond_headers(request, 503, end=False)
        while not connection.resets:
            connection.respond_data(request, b".", end=False)
            await asyncio.sleep(0.01)
        await connection.gone.wait()

    server.scripts = [drip]
    engine = make_engine()
    await engine.run()
    (exchange,) = await engine.run(within=ENOUGH)
    assert (exchange.status, exchange.failure) == (503, None)
    assert set(exchange.response_body) == {ord(".")}
    assert exchange.failure_detail == "answer cut short: deadline"


async def test_different_deadlines_are_told_apart(server: FaultServer, make_engine: MakeEngine) -> None:
    """Submitted in any order, those with the shorter deadline fail first."""

    async def silent(connection: FaultConnection) -> None:
        connection.settings({3: 10})
        while True:
            connection.process(await connection.next())

    server.scripts = [silent]
    engine = make_engine(deadline_interval=0.01)
    order: list[str] = []
    batch = [engine.send(within=within)[0] for within in (0.4, 0.1, 0.3, 0.2)]

    async def watch(path: str, event: asyncio.Event) -> None:
        await event.wait()
        order.append(path)

    await asyncio.gather(*(watch(exchange.path, exchange.finished) for exchange in batch))
    assert order == ["/1", "/3", "/2", "/0"]


async def test_silent_connection_is_pinged_then_replaced(server: FaultServer, make_engine: MakeEngine) -> None:
    """A connection that answers neither requests nor PING is given up: in doubt is what left, the rest moves."""

    async def dead(connection: FaultConnection) -> None:
        connection.answer_pings = False
        connection.settings({3: 5})
        for request in await connection.take(5):
            connection.process(request)
        await connection.gone.wait()

    server.scripts = [dead, serve_all]
    batch = await make_engine(max_connections=1, idle_ping_after=0.1, ping_timeout=0.1).run(20)
    assert failures(batch) == [Failure.CONNECTION_LOST] * 5 + [None] * 15
    assert batch[0].failure_detail == "silent, PING unanswered"
    assert server.connections[0].pings == 1


async def test_slow_peer_that_answers_pings_is_kept(server: FaultServer, make_engine: MakeEngine) -> None:
    """PING answers keep a slow connection, with no more pings between requests than the policy allows (FCM: 2)."""

    async def slow(connection: FaultConnection) -> None:
        connection.settings({3: 5})
        for request in await connection.take(3):
            await connection.until(lambda: connection.pings == 2)
            await asyncio.sleep(0.3)
            connection.respond(request)
        await connection.gone.wait()

    server.scripts = [slow]
    engine = make_engine(policy=PoolPolicy(max_pings_between_requests=2), idle_ping_after=0.04, ping_timeout=0.5)
    batch = await engine.run(3)
    assert statuses(batch) == [200] * 3
    assert server.connections[0].pings == 2
    assert len(server.connections) == 1


async def test_idle_connection_is_not_pinged(server: FaultServer, make_engine: MakeEngine) -> None:
    """Without a request in flight there are no pings."""
    engine = make_engine(idle_ping_after=0.02, ping_timeout=0.02)
    await engine.run()
    await asyncio.sleep(0.2)
    assert server.connections[0].pings == 0
    assert statuses(await engine.run()) == [200]
    assert len(server.connections) == 1


async def test_dead_connection_is_found_by_requests_that_time_out(server: FaultServer, make_engine: MakeEngine) -> None:
    """Requests with deadlines shorter than the ping's do not keep a dead connection in use for ever."""

    async def dead(connection: FaultConnection) -> None:
        connection.answer_pings = False
        connection.settings({3: 5})
        connection.respond(await connection.next())
        while True:
            connection.process(await connection.next())

    server.scripts = [dead, serve_all]
    engine = make_engine(idle_ping_after=2 * ENOUGH, ping_timeout=0.1, deadline_interval=0.02)
    assert statuses(await engine.run()) == [200]
    outcome = failures(await engine.run(within=ENOUGH))
    assert outcome == [Failure.ANSWER_TIMED_OUT]
    await server.connections[0].gone.wait()
    assert statuses(await engine.run()) == [200]
    assert len(server.connections) == 2


async def test_stuck_peer_without_window_is_given_up(server: FaultServer, make_engine: MakeEngine) -> None:
    """A peer that stops reading and sending is given up; what the socket had not taken moves elsewhere."""

    async def stuck(connection: FaultConnection) -> None:
        connection.settings({3: 1000, 4: 2**31 - 1})
        connection.window(0, 2**31 - 1 - 65535)
        connection.respond(await connection.next())
        connection.reading.clear()
        await connection.gone.wait()

    server.scripts = [stuck, serve_all]
    engine = make_engine(max_connections=1, idle_ping_after=0.3, ping_timeout=0.2)
    await engine.run()
    batch = engine.send(300, body=b"w" * 100_000)
    await asyncio.sleep(0.1)
    later = engine.send(20)  # while the socket takes nothing
    await engine.finish(batch + later)
    assert statuses(later) == [200] * 20
    assert set(failures(batch)) <= {None, Failure.CONNECTION_LOST}
