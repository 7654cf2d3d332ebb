"""Flows that share a pool, on real connections."""

from __future__ import annotations

import asyncio

from clarion_server.transport import Failure, Flow
from tests.transport.conftest import HANG, Engine, MakeEngine, Sent, failures, statuses
from tests.transport.fault_server import INTERNAL_ERROR, MAX_CONCURRENT_STREAMS, FaultConnection, FaultServer


def send(engine: Engine, flow: Flow, count: int, *, body: bytes, within: float = HANG) -> list[Sent]:
    """Submit exchanges of a flow."""
    deadline = asyncio.get_running_loop().time() + within
    batch = [Sent(f"/{next(engine.numbers)}", body, deadline, repeat_ambiguous=False) for _ in range(count)]
    for exchange in batch:
        exchange.flow = flow
        engine.pool.submit(exchange)
    engine.sent += batch
    return batch


async def answer_the_good(connection: FaultConnection) -> None:
    """Answer what says `good`, and nothing else."""
    connection.settings({MAX_CONCURRENT_STREAMS: 20})
    while True:
        request = await connection.next()
        if request.body == b"good":
            connection.respond(request)


async def test_flow_that_hangs_leaves_streams_to_others(server: FaultServer, make_engine: MakeEngine) -> None:
    """A flow whose requests are never answered does not take the last streams; another one's all come through."""
    server.scripts = [answer_the_good]
    engine = make_engine(max_connections=1)
    good, hanging = Flow(), Flow()
    for flow in (good, hanging):  # from now on the pool knows that it is shared
        await engine.finish(send(engine, flow, 1, body=b"good"))
    stuck = send(engine, hanging, 100, body=b"bad", within=5.0)
    async with asyncio.timeout(HANG):
        while hanging.in_flight < 15:  # noqa: ASYNC110 - the pool has no event
            await asyncio.sleep(0.01)
    batch = send(engine, good, 100, body=b"good")
    await engine.finish(batch)
    assert statuses(batch) == [200] * 100
    assert not any(exchange.outcomes for exchange in stuck)
    assert hanging.in_flight == 15
    await engine.finish(stuck)
    assert set(failures(stuck)) == {Failure.ANSWER_TIMED_OUT, Failure.NOT_SENT_DEADLINE}
    assert (good.in_flight, hanging.in_flight, engine.pool.pending) == (0, 0, 0)


async def test_streams_are_counted_whatever_ends_them(server: FaultServer, make_engine: MakeEngine) -> None:
    """Answers, resets, refusals, GOAWAY and lost connections all give a flow its streams back."""

    async def trouble(connection: FaultConnection) -> None:
        connection.settings({MAX_CONCURRENT_STREAMS: 100})
        requests = await connection.take(8)
        connection.respond(requests[0])
        connection.reset(requests[1].stream_id, INTERNAL_ERROR)
        connection.reset(requests[2].stream_id, 0x7)
        connection.respond_headers(requests[3], 200, end=False)
        connection.process(requests[3])
        connection.reset(requests[3].stream_id, INTERNAL_ERROR)
        connection.goaway(requests[5].stream_id)
        await asyncio.sleep(0.1)
        connection.abort()

    async def well(connection: FaultConnection) -> None:
        connection.settings({MAX_CONCURRENT_STREAMS: 100})
        while True:
            connection.respond(await connection.next())

    server.scripts = [trouble, well]
    engine = make_engine(max_connections=1)
    flow = Flow()
    batch = send(engine, flow, 8, body=b"x")
    await engine.finish(batch)
    assert {Failure.STREAM_RESET, Failure.CONNECTION_LOST} <= set(failures(batch))
    assert flow.in_flight == 0
    assert not flow.queue
