"""A call that a quota holds up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from clarion.v1 import error_pb2, messaging_pb2
from clarion.v1.messaging_pb2 import Target
from clarion_server.sending.limits import Limits
from tests.unit.sending.calls import Call, collect, statuses, stream, targets

OK, THROTTLED = messaging_pb2.DELIVERY_STATUS_SUCCESSFUL, messaging_pb2.DELIVERY_STATUS_THROTTLED


class _Pacer:
    """Grants what the test puts in."""

    def __init__(self, tokens: int) -> None:
        self.tokens = tokens
        self.asked = 0

    def take(self, wanted: int) -> int:
        self.asked += 1
        granted = min(self.tokens, wanted)
        self.tokens -= granted
        return granted

    def wait(self, targets: int) -> float:
        return targets / 10


async def test_a_quota_is_asked_for_a_turn_not_for_a_target() -> None:
    """Three hundred targets in one frame are three questions when a turn has a hundred."""
    pacer = _Pacer(10_000)
    results, _ = await Call(pacer=pacer, limits=Limits(turn=100)).run(targets(300))
    assert statuses(results) == [OK] * 300
    assert (pacer.asked, pacer.tokens) == (3, 9_700)


async def test_targets_wait_for_their_quota() -> None:
    """What the quota does not let in waits, and is sent when it does."""
    pacer = _Pacer(3)
    call = await Call(pacer=pacer).open()
    running = asyncio.create_task(collect(call, stream(targets(8))))
    await asyncio.sleep(0.05)
    assert pacer.tokens == 0
    assert not running.done()
    pacer.tokens = 5
    results, summary = await running
    assert statuses(results) == [OK] * 8
    assert summary.total == 8


async def test_what_cannot_be_sent_in_time_is_throttled() -> None:
    """At the call's deadline those without their turn get THROTTLED, with reason, and each a time to try again."""
    deadline = asyncio.get_running_loop().time() + 0.2
    results, summary = await Call(pacer=_Pacer(3), call_deadline=deadline).run(targets(4), targets(16))
    assert statuses(results) == [OK] * 3 + [THROTTLED] * 17
    refused = results[3:]
    assert {each.reason for each in refused} == {error_pb2.ERROR_REASON_SEND_QUOTA_EXCEEDED}
    assert {each.origin for each in refused} == {messaging_pb2.ORIGIN_GATEWAY}
    assert {each.attempts for each in refused} == {0}
    waits = [each.retry_after.ToMilliseconds() for each in refused]
    assert waits == sorted(waits)
    assert waits[0] == 1000
    assert waits[-1] == 1700
    assert summary.by_reason[0].count == 17


async def test_throttled_stays_throttled() -> None:
    """Quota that comes after the deadline sends no later target of the call: none is sent out of turn."""
    pacer = _Pacer(0)
    call = await Call(pacer=pacer, call_deadline=asyncio.get_running_loop().time() + 0.1).open()
    more = asyncio.Event()

    async def batches() -> AsyncIterator[Sequence[Target]]:
        yield targets(2)
        await more.wait()
        yield targets(2)

    running = asyncio.create_task(collect(call, batches()))
    await asyncio.sleep(0.2)
    pacer.tokens = 100
    more.set()
    results, _ = await running
    assert statuses(results) == [THROTTLED] * 4
    assert pacer.tokens == 100


async def test_stopping_does_not_wait_for_a_quota() -> None:
    """When the server stops, those that wait for their turn get a result that says so, at once."""
    call = await Call(pacer=_Pacer(1)).open()
    running = asyncio.create_task(collect(call, stream(targets(4))))
    await asyncio.sleep(0.05)
    call.stop()
    results, _ = await running
    assert [each.reason for each in results[1:]] == [error_pb2.ERROR_REASON_SHUTTING_DOWN] * 3


async def test_what_waited_is_not_sent_by_what_was_true_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """A channel that is removed while a target waits for its quota is not sent on."""
    monkeypatch.setattr("clarion_server.sending.dispatch._RECHECK", 0.0)
    pacer = _Pacer(1)
    around = Call(pacer=pacer)
    call = await around.open()
    running = asyncio.create_task(collect(call, stream(targets(3))))
    await asyncio.sleep(0.1)
    around.directory.found = {}
    await asyncio.sleep(0.2)
    pacer.tokens = 2
    results, _ = await running
    gone = error_pb2.ERROR_REASON_CHANNEL_NOT_FOUND
    assert [each.reason for each in results] == [error_pb2.ERROR_REASON_UNSPECIFIED, gone, gone]
