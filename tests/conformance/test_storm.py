"""All channels at once while everything goes wrong; and one channel whose provider hangs."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from clarion.v1 import messaging_pb2
from clarion.v1.channel_pb2 import ChannelType
from clarion.v1.error_pb2 import ErrorReason
from clarion.v1.messaging_pb2 import DeliveryStatus, Result, SendStart, StreamMessagesRequest, Target, TargetBatch
from clarion_server.sandbox import Fault
from tests.conformance.bench import UNKNOWN, check_truth, open_bench, start_of
from tests.conformance.providers import ONE_A_LISTENER, Subject
from tests.support.world import World

TARGETS = 20_000
FRAME = 500
NO_REASON = "ERROR_REASON_UNSPECIFIED"

# What each listener throws at sends, besides its place in the order of requests at random. Faults that take a whole
# connection with them are counted, since up to a thousand requests are on one.
STORM: tuple[dict[str, Any], ...] = (
    {"kind": "goaway", "when": "before", "probability": 0.002},
    {"kind": "goaway", "when": "after", "probability": 0.001},
    {"kind": "refused_stream", "probability": 0.005},
    {"kind": "stream_reset", "when": "before", "probability": 0.004},
    {"kind": "stream_reset", "when": "after", "probability": 0.004},
    {"kind": "connection_reset", "when": "before", "probability": 0.005, "count": 1},
    {"kind": "connection_reset", "when": "after", "probability": 0.005, "count": 1},
    {"kind": "status", "status": 429, "retry_after": 1, "probability": 0.02},
    {"kind": "status", "status": 503, "probability": 0.02},
    {"kind": "html", "status": 502, "probability": 0.005},
    {"kind": "silence", "when": "before", "probability": 0.003},
    {"kind": "silence", "when": "after", "probability": 0.003},
    {"kind": "cut_body", "probability": 0.002},
    {"kind": "slow_body", "seconds": 0.001, "probability": 0.002},
    {"kind": "settings", "max_streams": 50, "probability": 0.0005},
)


def targets_of(subjects: Sequence[Subject], count: int, chance: random.Random) -> list[Target]:
    """Return ordinary phones of all channels, mixed."""
    targets = [
        Target(address=subject.address("ok", number // len(subjects)), channel_type=subject.channel_type)
        for number in range(count)
        for subject in (subjects[number % len(subjects)],)
    ]
    chance.shuffle(targets)
    return targets


async def frames(start: SendStart, targets: Sequence[Target]) -> AsyncIterator[StreamMessagesRequest]:
    """Yield a call's frames."""
    yield StreamMessagesRequest(start=start)
    for first in range(0, len(targets), FRAME):
        yield StreamMessagesRequest(targets=TargetBatch(targets=targets[first : first + FRAME]))


def deliveries(world: World, subjects: Sequence[Subject]) -> dict[Any, Any]:
    """Return what the providers counted, by channel type."""
    return {subject.channel_type: world.sandbox.stats[subject.listener] for subject in subjects}


@pytest.mark.parametrize("repeat_ambiguous", [False, True])
async def test_storm(tmp_path: Path, sandbox_keys: Path, *, repeat_ambiguous: bool) -> None:
    """20,000 targets, faults at random: each has one result, and every success was delivered exactly once.

    None was delivered twice, and what failed for sure was not delivered at all. If the caller has asked for repeats in
    doubt, none was delivered more often than it was tried, and every success at least once.
    """
    chance = random.Random(20)
    async with open_bench(tmp_path, sandbox_keys, ONE_A_LISTENER) as world:
        faults = world.sandbox.faults
        for subject in ONE_A_LISTENER:
            storm = (Fault(path=subject.path, seed=chance.randrange(2**32), **fault) for fault in STORM)
            faults.add(subject.listener, *(fault for fault in storm if subject.http2 or not fault.trait.http2_only))
        targets = targets_of(ONE_A_LISTENER, TARGETS, chance)
        start = start_of(world.app_id, 10.0, repeat_ambiguous=repeat_ambiguous)
        results: list[Result] = []
        async for response in world.messaging.StreamMessages(frames(start, targets)):
            results += response.results.results

        assert sorted(result.index for result in results) == list(range(TARGETS))
        assert all(result.address == targets[result.index or 0].address for result in results)
        stats = deliveries(world, ONE_A_LISTENER)
        check_truth(results, stats, repeats=repeat_ambiguous)
        fates = Counter(
            (
                ChannelType.Name(result.channel_type),
                DeliveryStatus.Name(result.delivery_status),
                ErrorReason.Name(result.reason),
            )
            for result in results
        )
        for subject in ONE_A_LISTENER:
            good = fates[ChannelType.Name(subject.channel_type), "DELIVERY_STATUS_SUCCESSFUL", NO_REASON]
            assert good > TARGETS / len(ONE_A_LISTENER) / 4, fates
        assert any(result.delivery_status == UNKNOWN for result in results)
        blown = [fault for listed in faults.as_json().values() for fault in listed]
        # By chance one may spare a listener: how many requests there are depends on how long others hold them up.
        struck = {fault["kind"] for fault in blown if fault["struck"]}
        assert {fault["kind"] for fault in blown} - struck <= {"settings"}, "the storm has blown"


@pytest.mark.parametrize("subject", ONE_A_LISTENER, ids=lambda subject: subject.name)
async def test_a_provider_that_hangs_up(tmp_path: Path, sandbox_keys: Path, subject: Subject) -> None:
    """When one connection after the other is lost with its requests, the channel soon pauses: most are not tried.

    Thousands wait meanwhile. That they have waited since before the first connection was lost does not count.
    """
    async with open_bench(tmp_path, sandbox_keys, [subject]) as world:
        fault = {"kind": "connection_reset", "when": "before", "path": subject.path}
        world.sandbox.faults.add(subject.listener, Fault.model_validate(fault))
        results: list[Result] = []
        targets = targets_of([subject], TARGETS, random.Random(22))
        async for response in world.messaging.StreamMessages(frames(start_of(world.app_id, 60.0), targets)):
            results += response.results.results
        reasons = Counter(ErrorReason.Name(result.reason) for result in results)
        lost = reasons.pop("ERROR_REASON_CONNECTION_LOST")
        assert 0 < lost < TARGETS / 2
        # With HTTP/1.1 a connection that closes instead of answering has failed; after two what waits is told so.
        reasons.pop("ERROR_REASON_CONNECT_FAILED", None)
        assert reasons.keys() == {"ERROR_REASON_NOT_TRIED_PROVIDER_FAILING"}
        assert world.sandbox.stats[subject.listener].delivered == {}


@pytest.mark.parametrize("blocked", ONE_A_LISTENER, ids=lambda subject: subject.name)
async def test_a_provider_that_hangs(tmp_path: Path, sandbox_keys: Path, blocked: Subject) -> None:
    """While one provider takes requests and never answers, all targets of the other channels get theirs.

    All in one call, 20,000 targets: as long as the provider holds what was sent to it, all others are delivered. What
    was not sent to it at all may be given up earlier.
    """
    async with open_bench(tmp_path, sandbox_keys, ONE_A_LISTENER) as world:
        world.sandbox.faults.add(blocked.listener, Fault.model_validate({"kind": "silence", "path": blocked.path}))
        targets = targets_of(ONE_A_LISTENER, TARGETS, random.Random(21))
        others = sum(target.channel_type != blocked.channel_type for target in targets)
        call = world.messaging.StreamMessages(frames(start_of(world.app_id, 60.0), targets))
        finished = Counter[int]()
        async for response in call:
            for result in response.results.results:
                if result.channel_type != blocked.channel_type:
                    finished[result.delivery_status] += 1
                else:
                    assert result.attempts == 0, f"the blocked channel's sends end after {finished.total()} of {others}"
                    assert result.delivery_status == messaging_pb2.DELIVERY_STATUS_TEMPORARY_FAILURE
            if finished.total() == others:
                break
        call.cancel()
        assert finished == {messaging_pb2.DELIVERY_STATUS_SUCCESSFUL: others}
        assert world.sandbox.stats[blocked.listener].delivered == {}
