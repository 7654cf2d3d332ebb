"""What the conformance tests work with: a server, the sandbox, channels, and the truth about deliveries."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from clarion.v1 import app_pb2, channel_pb2, messaging_pb2
from clarion.v1.message_pb2 import DefaultPushMessage, Message
from clarion.v1.messaging_pb2 import DeliveryStatus, Result, SendOptions, SendStart, Target
from clarion_server.sandbox import Fault, ListenerStats
from tests.conformance.providers import Subject
from tests.support.world import World, open_world

SUCCESSFUL = messaging_pb2.DELIVERY_STATUS_SUCCESSFUL
UNKNOWN = messaging_pb2.DELIVERY_STATUS_UNKNOWN_FAILURE


@dataclass
class Bench:
    """One channel of a running server.

    Attributes:
        world: everything.
        subject: the channel under test.
    """

    world: World
    subject: Subject

    @property
    def stats(self) -> ListenerStats:
        """What the provider has counted."""
        return self.world.sandbox.stats[self.subject.listener]

    def addresses(self, behaviour: str, count: int, first: int = 1) -> list[str]:
        """Return addresses of devices that behave like this."""
        return [self.subject.address(behaviour, number) for number in range(first, first + count)]

    async def send(self, addresses: Sequence[str], *, seconds: float = 30.0, body: str = "there") -> list[Result]:
        """Send to all within so many seconds each; return the results in order, once it is sure that they are true."""
        start = start_of(self.world.app_id, seconds, body)
        results, summary = await self.world.send(
            start, [Target(address=address, channel_type=self.subject.channel_type) for address in addresses]
        )
        assert [result.address for result in results] == list(addresses)
        assert summary.total == len(addresses)
        check_truth(results, {self.subject.channel_type: self.stats})
        return results

    def add(self, **fault: object) -> None:
        """Switch on a fault; one that strikes requests strikes sends only."""
        self.world.sandbox.faults.add(self.subject.listener, self.limited(Fault.model_validate(fault)))

    def limited(self, fault: Fault) -> Fault:
        """Return a fault that does not strike requests for tokens."""
        strikes_requests = fault.trait.stage == "request"
        return fault.model_copy(update={"path": self.subject.path}) if strikes_requests else fault

    async def disconnect(self) -> None:
        """Reset the provider's connections, and wait until the server has seen it."""
        self.world.sandbox.disconnect(self.subject.listener)
        transport = self.world.server.transport
        await eventually(lambda: not any(stats.connections + stats.draining for stats in transport.stats().values()))


def start_of(app_id: str, send_timeout: float, body: str = "there", *, repeat_ambiguous: bool = False) -> SendStart:
    """Return the start of a call."""
    options = SendOptions()
    options.send_timeout.FromMilliseconds(int(send_timeout * 1000))
    options.retry_policy.repeat_ambiguous = repeat_ambiguous
    message = Message(default_push_message=DefaultPushMessage(title="Hi", body=body))
    return SendStart(app_id=app_id, message=message, options=options)


def check_truth(
    results: Iterable[Result], stats: dict[channel_pb2.ChannelType, ListenerStats], *, repeats: bool = False
) -> None:
    """Check that every result says what really happened to its address, as the provider has counted it.

    With `repeats` the caller has asked for what may deliver twice: then more than one delivery is no lie, but more than
    attempts are.

    Raises:
        AssertionError: a success that was not delivered exactly once, or a delivery that its result denies.
    """
    lies = Counter[tuple[str, int]]()
    for result in results:
        delivered = stats[result.channel_type].delivered.get(result.address, 0)
        attempts = result.attempts or 0
        most = attempts if repeats else min(attempts, 1)
        if result.delivery_status == SUCCESSFUL:
            true = 1 <= delivered <= most
        elif result.delivery_status == UNKNOWN:
            true = delivered <= most
        else:
            true = delivered == 0
        if not true:
            lies[DeliveryStatus.Name(result.delivery_status), delivered] += 1
    assert not lies, f"results by status and real deliveries: {dict(lies)}"


async def eventually(condition: Callable[[], object], seconds: float = 30) -> None:
    """Wait until something that no event tells of has happened."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.01)


@asynccontextmanager
async def open_bench(directory: Path, keys: Path, subjects: Sequence[Subject]) -> AsyncIterator[World]:
    """Start sandbox and server, with an app that has the channels of these subjects and no others."""

    async def make(world: World) -> str:
        app = (await world.apps.CreateApp(app_pb2.CreateAppRequest(name="Conformance"))).app
        for subject in subjects:
            await world.channels.UpdateChannel(
                channel_pb2.UpdateChannelRequest(app_id=app.id, channel=subject.settings(world.sandbox.info))
            )
        return str(app.id)

    async with open_world(directory, keys=keys, app=make) as world:
        yield world
