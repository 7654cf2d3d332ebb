"""A call over four channels whose providers do everything that they should not."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from clarion.v1 import channel_pb2, error_pb2, messaging_pb2
from clarion.v1.channel_pb2 import ChannelType
from clarion.v1.messaging_pb2 import Result, Target
from clarion_server.providers.contract import Outcome
from clarion_server.sending.breaker import Breakers, BreakerSettings
from clarion_server.sending.limits import Limits
from clarion_server.transport import Exchange, Failure
from tests.unit.sending.calls import Call
from tests.unit.sending.fakes import ACCEPTED, FakeProvider, FakeSender, channel

TYPES: tuple[ChannelType, ...] = (
    channel_pb2.CHANNEL_TYPE_APNS,
    channel_pb2.CHANNEL_TYPE_APNS_SANDBOX,
    channel_pb2.CHANNEL_TYPE_FCM,
    channel_pb2.CHANNEL_TYPE_ADM,
)
NOT_PROCESSED = (Failure.CONNECT_FAILED, Failure.REFUSED, Failure.TLS_FAILED)
IN_DOUBT = (Failure.CONNECTION_LOST, Failure.STREAM_RESET)


class Stormy(FakeSender):
    """Answers at random: at once or later, with success, faults, throttling, or not at all until the time is over.

    Args:
        chance: decides.
        trouble: from 0 to 1, how much of it.
        delivered: counts what it acted on, by address.
    """

    def __init__(self, chance: random.Random, trouble: float, delivered: Counter[str]) -> None:
        super().__init__(self._act)
        self._chance = chance
        self._trouble = trouble
        self._delivered = delivered
        self.classify = self._classify  # type: ignore[method-assign]

    def _act(self, exchange: Exchange) -> None:
        delay = self._chance.choice([0.0, 0.001, 0.02])
        asyncio.get_running_loop().call_later(delay, self._finish, exchange)

    def _finish(self, exchange: Exchange) -> None:
        address = dict(exchange.headers)[b":path"].decode()
        if self._chance.random() >= self._trouble:
            self._delivered[address] += 1
            exchange.status = 200
        else:
            kind = self._chance.randrange(5)
            if kind == 0:
                exchange.status = 503
            elif kind == 1:
                exchange.status = 429
            elif kind == 2:
                exchange.failure = self._chance.choice(NOT_PROCESSED)
            else:
                self._delivered[address] += self._chance.randrange(2)
                exchange.failure = Failure.ANSWER_TIMED_OUT if kind == 3 else self._chance.choice(IN_DOUBT)
        exchange.done()

    def _classify(self, exchange: Exchange) -> Outcome:
        if exchange.status == 200:
            return ACCEPTED
        throttled = exchange.status == 429
        return Outcome(
            status=messaging_pb2.DELIVERY_STATUS_THROTTLED
            if throttled
            else messaging_pb2.DELIVERY_STATUS_TEMPORARY_FAILURE,
            reason=error_pb2.ERROR_REASON_PROVIDER_THROTTLED
            if throttled
            else error_pb2.ERROR_REASON_PROVIDER_UNAVAILABLE,
            status_code=exchange.status,
            retry_after=self._chance.choice([None, 0.01, 0.05]) if throttled else None,
            repeat=True,
        )


@pytest.mark.parametrize("seed", range(4))
async def test_storm(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever comes: one result for each target, nothing twice but what is in doubt, and success means delivered."""
    monkeypatch.setattr("clarion_server.sending.retry._FIRST_PAUSE", 0.01)
    chance = random.Random(seed)
    delivered: Counter[str] = Counter()
    call = Call(
        limits=Limits(in_flight=200, batch=20, turn=10, stall=0.2),
        breakers=Breakers(BreakerSettings(faults=10, span=0.05, first_pause=0.05, longest_pause=0.2)),
        send_timeout=3.0,
    )
    call.directory.found = {each: channel(each) for each in TYPES}
    for each, trouble in zip(TYPES, (0.0, 0.3, 0.7, 1.0), strict=True):
        call.providers[each] = FakeProvider(Stormy(chance, trouble, delivered))
    targets = [
        Target(address=f"a{number}", channel_type=chance.choices(TYPES, (1, 3, 1, 2))[0]) for number in range(4000)
    ]

    async def frames() -> AsyncIterator[Sequence[Target]]:
        for first in range(0, len(targets), 100):
            yield targets[first : first + 100]
            await asyncio.sleep(chance.choice([0, 0, 0.01]))

    results: list[Result] = []
    summary: Any = None
    async with asyncio.timeout(60):
        async for event in (await call.open()).events(frames()):
            results += event.results.results
            summary = event.summary if event.HasField("summary") else None
            await asyncio.sleep(chance.choice([0, 0, 0, 0.02]))
    assert Counter(result.index for result in results) == Counter(range(len(targets)))
    assert summary.total == len(targets)
    for result in results:
        count = delivered[result.address]
        if result.delivery_status == messaging_pb2.DELIVERY_STATUS_SUCCESSFUL:
            assert count == 1
        elif result.delivery_status != messaging_pb2.DELIVERY_STATUS_UNKNOWN_FAILURE:
            assert count == 0
        else:
            assert count <= 1
    well = [result for result in results if result.channel_type == TYPES[0]]
    assert {result.delivery_status for result in well} == {messaging_pb2.DELIVERY_STATUS_SUCCESSFUL}
    assert call.arguments["meter"].results.total() == len(targets)
