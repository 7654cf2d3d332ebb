"""Everything at once: some thousand exchanges against servers that fail at random (seeded)."""

from __future__ import annotations

import asyncio
import random

import pytest

from clarion_server.transport import Failure, PoolPolicy
from tests.transport.conftest import MakeEngine
from tests.transport.fault_server import (
    CANCEL,
    REFUSED_STREAM,
    FaultConnection,
    FaultServer,
    Request,
    Script,
    serve_all,
)

EXCHANGES = {"ngh2": 4000, "h2": 1500}


def stormy(chance: random.Random) -> Script:
    """Make a script that answers most requests, some late, and sooner or later breaks the connection."""

    async def script(connection: FaultConnection) -> None:
        connection.settings({3: chance.choice([1, 20, 100])})
        life = chance.randint(20, 400)
        held: list[Request] = []
        for _ in range(life):
            try:
                request = await asyncio.wait_for(connection.next(), 0.05)
            except TimeoutError:  # perhaps we hold all that the client may send
                for request in held:
                    connection.respond(request)
                held.clear()
                continue
            what = chance.random()
            if what < 0.03:
                connection.reset(request.stream_id, REFUSED_STREAM)
            elif what < 0.06:
                connection.process(request)
                connection.reset(request.stream_id, CANCEL)
            elif what < 0.07:
                connection.settings({3: chance.choice([1, 5, 50])})
                connection.respond(request, 200, b"ok")
            elif what < 0.10 and len(held) < 10:
                held.append(request)
            else:
                connection.respond(request, chance.choice([200, 400, 503]), b"x" * chance.randint(0, 300), pieces=2)
        end = chance.choice(["goaway", "graceful", "close", "abort", "stop"])
        if end in {"goaway", "graceful"}:
            if end == "graceful":
                connection.goaway(2**31 - 1)
            # All that was taken up to here is at most one of the held; later ones are not processed.
            connection.goaway(max((request.stream_id for request in held), default=0))
            for request in held:
                connection.respond(request)
            await connection.close()
        elif end == "stop":
            connection.answer_pings = False
            await connection.gone.wait()
        else:
            for request in held:
                connection.process(request)
            if end == "close":
                await connection.close()
            else:
                connection.abort()

    return script


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_storm(server: FaultServer, make_engine: MakeEngine, core: str, seed: int) -> None:
    """Whatever breaks: one outcome each, nothing processed twice, and no doubt about what never left.

    (The fixtures check the first two, and that what failed without doubt was not processed.)
    """
    chance = random.Random(seed)
    server.scripts = [*(stormy(random.Random(chance.random())) for _ in range(30)), serve_all]
    engine = make_engine(
        policy=PoolPolicy(max_streams=64), max_connections=3, idle_ping_after=0.1, ping_timeout=0.1, grow_after=0.0
    )
    batch = []
    for _ in range(EXCHANGES[core] // 100):
        batch += engine.send(100, body=b"b" * chance.choice([1, 300, 20_000]))
        await asyncio.sleep(chance.choice([0, 0.001]))
    await engine.finish(batch)
    assert len(server.connections) > 5
    answered = [exchange for exchange in batch if exchange.status]
    assert all(server.processed[exchange.path] == 1 for exchange in answered)
    assert len(answered) > len(batch) / 2
    in_doubt = [exchange for exchange in batch if exchange.failure and exchange.failure.ambiguous]
    assert all(server.received[exchange.path] or exchange.failure is Failure.CONNECTION_LOST for exchange in in_doubt)
    assert engine.pool.pending == 0
