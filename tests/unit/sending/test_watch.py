"""A call whose caller may not send any more, seen while nothing comes from the caller: idle, or all is sent already."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from clarion.v1.error_pb2 import (
    ERROR_REASON_CALLER_EXPIRED,
    ERROR_REASON_CHANNEL_DISABLED,
    ERROR_REASON_PERMISSION_WITHDRAWN,
)
from clarion.v1.messaging_pb2 import Result, Target
from clarion_server.errors import AccessDenied, ClarionError, TokenExpired
from clarion_server.providers.contract import Outcome
from clarion_server.sending import faults
from tests.unit.sending.calls import FCM, Call, collect, stream, targets
from tests.unit.sending.fakes import FakeSender, accept, channel


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clarion_server.sending.watch._INTERVAL", 0.02)
    monkeypatch.setattr("clarion_server.sending.dispatch._RECHECK", 0.0)


class Permission:
    """What `still_allowed` answers: the test may withdraw it."""

    def __init__(self) -> None:
        self.withdrawn: Outcome | None = None
        self.asked = 0

    async def __call__(self) -> Outcome | None:
        self.asked += 1
        return self.withdrawn


@pytest.mark.parametrize(
    ("outcome", "error"), [(faults.CALLER_EXPIRED, TokenExpired), (faults.PERMISSION_WITHDRAWN, AccessDenied)]
)
async def test_an_idle_stream_ends(outcome: Outcome, error: type[ClarionError]) -> None:
    """While the caller sends nothing, the call ends with the error of a new one, after the results of all targets."""
    permission = Permission()
    call = await Call(still_allowed=permission).open()
    seen: list[Result] = []

    async def frames() -> AsyncIterator[Sequence[Target]]:
        yield targets(30)
        await asyncio.Event().wait()

    with pytest.raises(error):  # noqa: PT012 - what came before the error counts
        async with asyncio.timeout(20):
            async for event in call.events(frames()):
                seen += event.results.results
                if len(seen) == 30:
                    permission.withdrawn = outcome
    assert [result.reason for result in seen] == [0] * 30


async def test_an_idle_stream_whose_caller_may_send_stays() -> None:
    """It is asked about again and again, and goes on when there are targets again."""
    permission = Permission()

    async def frames() -> AsyncIterator[Sequence[Target]]:
        yield targets(3)
        while permission.asked < 5:  # noqa: ASYNC110 - a number has no event
            await asyncio.sleep(0.01)
        yield targets(3)

    results, _ = await collect(await Call(still_allowed=permission).open(), frames())
    assert [result.reason for result in results] == [0] * 6


async def test_what_still_waits_when_the_caller_has_sent_all() -> None:
    """After the last frame, targets that wait for room are not sent when the permission goes; those under way are."""
    permission = Permission()
    sender = FakeSender(answer=lambda _: None)
    call = await Call(sender, still_allowed=permission).open()
    refused: list[Result] = []
    answered: list[Result] = []

    async def withdraw() -> None:
        while len(sender.pool.submitted) < 50:  # noqa: ASYNC110 - the fake pool has no event
            await asyncio.sleep(0)
        await asyncio.sleep(0.01)  # now all of them are on a connection
        permission.withdrawn = faults.CALLER_EXPIRED

    withdrawing = asyncio.create_task(withdraw())
    async with asyncio.timeout(20):
        async for event in call.events(stream(targets(100))):
            for result in event.results.results:
                (refused if result.reason else answered).append(result)
            if len(refused) == 50 and not answered:
                for exchange in list(sender.pool.submitted):
                    accept(exchange)
                    exchange.done()
            if event.HasField("summary"):
                assert event.summary.total == 100
    await withdrawing
    assert {result.reason for result in refused} == {ERROR_REASON_CALLER_EXPIRED}
    assert (len(refused), len(answered), len(sender.pool.submitted)) == (50, 50, 50)


async def test_a_frame_after_idleness_is_not_sent_by_what_was_true_before() -> None:
    """A channel that was disabled while the caller sent nothing takes no target of the next frame."""
    call = Call()

    async def frames() -> AsyncIterator[Sequence[Target]]:
        yield targets(4)
        await asyncio.sleep(0.01)
        call.directory.found = {FCM: channel(enabled=False, version=2)}
        await asyncio.sleep(0.2)
        yield targets(4)

    results, _ = await collect(await call.open(), frames())
    assert [result.reason for result in results] == [0] * 4 + [ERROR_REASON_CHANNEL_DISABLED] * 4


async def test_a_permission_that_cannot_be_found_out() -> None:
    """A look that fails is no reason to end: the call goes on with what it knows, and its results come."""
    fails: Any = RuntimeError("x")

    async def still_allowed() -> Outcome | None:
        raise fails

    call = Call(still_allowed=still_allowed)
    opened = await call.open()
    opened._refresh_at = float("inf")  # the intake itself does not look

    async def frames() -> AsyncIterator[Sequence[Target]]:
        yield targets(3)
        opened._refresh_at = 0.0
        await asyncio.sleep(0.1)
        opened._refresh_at = float("inf")
        yield targets(3)

    results, _ = await collect(opened, frames())
    assert len(results) == 6
    assert ERROR_REASON_PERMISSION_WITHDRAWN not in {result.reason for result in results}
