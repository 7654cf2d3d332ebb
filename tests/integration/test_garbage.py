"""What a call leaves behind: nothing that waits for the garbage collector, whose pauses all calls would feel."""

from __future__ import annotations

import asyncio
import gc
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from clarion.v1.channel_pb2 import CHANNEL_TYPE_APNS, CHANNEL_TYPE_FCM
from clarion.v1.messaging_pb2 import SendStart, StreamMessagesRequest, Target, TargetBatch
from clarion_server.sandbox import apns_address, fcm_address
from tests.support.world import World, open_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """Yield a server and a sandbox."""
    async with open_world(tmp_path) as opened:
        yield opened


@contextmanager
def collected() -> Iterator[Counter[str]]:
    """Count by type the server's objects that only the collector can free, when the block has ended."""
    found: Counter[str] = Counter()
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        yield found
        gc.collect()
        names = [f"{type(each).__module__}.{type(each).__qualname__}" for each in gc.garbage]
        found.update(name for name in names if name.startswith("clarion_server."))
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


async def settled() -> None:
    """Return when gRPC has done with calls that have ended."""
    await asyncio.sleep(0.2)


@pytest.mark.parametrize("streamed", [False, True], ids=["SendMessages", "StreamMessages"])
async def test_calls_leave_no_garbage_in_circles(world: World, *, streamed: bool) -> None:
    """When a call has ended, all that the server made for it is freed at once."""
    start = SendStart(app_id=world.app_id, message={"default_push_message": {"title": "Hi", "body": "there"}})
    targets = [
        Target(address=apns_address("ok", 1), channel_type=CHANNEL_TYPE_APNS),
        Target(address=fcm_address("ok", 1), channel_type=CHANNEL_TYPE_FCM),
        Target(address="malformed", channel_type=CHANNEL_TYPE_FCM),
    ]

    async def send() -> None:
        if streamed:
            await world.stream(start, [targets, targets])
        else:
            await world.send(start, targets)

    await send()  # opens connections, and gets tokens
    await settled()
    with collected() as found:
        for _ in range(3):
            await send()
        await settled()
    assert not found


async def test_a_caller_that_leaves_leaves_no_garbage_in_circles(world: World) -> None:
    """The same for a stream whose caller goes away without an end, when some of its targets have been sent to."""
    start = SendStart(app_id=world.app_id, message={"default_push_message": {"title": "Hi", "body": "there"}})
    targets = [Target(address=apns_address("ok", 1), channel_type=CHANNEL_TYPE_APNS)]

    async def leave() -> None:
        call = world.messaging.StreamMessages()
        await call.write(StreamMessagesRequest(start=start))
        await call.write(StreamMessagesRequest(targets=TargetBatch(targets=targets)))
        async for response in call:
            if response.HasField("results"):
                break
        call.cancel()
        await settled()

    await leave()
    with collected() as found:
        await leave()
    assert not found
