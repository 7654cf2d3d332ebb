"""Calls with fakes around them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

from clarion.v1 import channel_pb2
from clarion.v1.channel_pb2 import ChannelType
from clarion.v1.messaging_pb2 import Result, SendStart, SendSummary, StreamMessagesResponse, Target
from clarion_server.sending.breaker import Breakers
from clarion_server.sending.dispatch import SendCall
from clarion_server.sending.limits import Limits
from clarion_server.sending.meter import Meter
from clarion_server.sending.plan import Plans
from clarion_server.sending.retry import RetryPolicy
from tests.unit.sending.fakes import FakeDirectory, FakeProvider, FakeSender, channel

FCM = channel_pb2.CHANNEL_TYPE_FCM
START = SendStart(app_id="a" * 32, message={"default_message": {"body": "hello"}})


def targets(count: int, **more: Any) -> list[Target]:
    """Return targets with addresses t0, t1, …."""
    return [Target(address=f"t{number}", channel_type=FCM, **more) for number in range(count)]


class Call:
    """A call with fakes around it."""

    def __init__(self, sender: FakeSender | None = None, start: SendStart = START, **more: Any) -> None:
        self.sender = sender or FakeSender()
        self.provider = FakeProvider(self.sender)
        self.directory = FakeDirectory({FCM: channel()})
        self.start = start
        self.arguments: dict[str, Any] = {
            "send_timeout": 30.0,
            "call_deadline": float("inf"),
            "policy": RetryPolicy(),
            "limits": Limits(in_flight=50, batch=10, turn=5, turn_seconds=10.0),
            "breakers": Breakers(),
            "meter": Meter(),
            "response": StreamMessagesResponse,
            **more,
        }
        self.providers: dict[ChannelType, Any] = {FCM: self.provider}

    async def open(self) -> SendCall[StreamMessagesResponse]:
        """Return the call, ready to send."""
        plans = Plans(self.start, self.directory, self.providers)
        await plans.load()
        return SendCall("f" * 32, plans, **self.arguments)

    async def run(self, *batches: Sequence[Target]) -> tuple[list[Result], SendSummary]:
        """Send and return all results, in the order of the targets, and the summary."""
        return await collect(await self.open(), stream(*batches))


async def stream(*batches: Sequence[Target]) -> AsyncIterator[Sequence[Target]]:
    """Yield batches of targets."""
    for batch in batches:
        yield batch


async def collect(
    call: SendCall[StreamMessagesResponse], batches: AsyncIterator[Sequence[Target]]
) -> tuple[list[Result], SendSummary]:
    """Return all results, in the order of the targets, and the summary."""
    results: list[Result] = []
    summary = None
    async with asyncio.timeout(20):
        async for event in call.events(batches):
            assert summary is None, "the summary must come last"
            if event.HasField("results"):
                results += event.results.results
            else:
                summary = event.summary
    assert summary is not None
    results.sort(key=lambda result: result.index)
    return results, summary


def statuses(results: Sequence[Result]) -> list[int]:
    """Return the delivery statuses."""
    return [result.delivery_status for result in results]
