"""The main job, end to end: gRPC, send engine, sandbox, over real sockets."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from clarion.v1 import channel_pb2, error_pb2, messaging_pb2
from clarion.v1.messaging_pb2 import (
    PreviewMessageRequest,
    SendMessagesRequest,
    SendOptions,
    SendStart,
    StreamMessagesRequest,
    Target,
    TargetBatch,
)
from clarion_server.sandbox import apns_address, fcm_address
from tests.support.world import World, open_world

APNS = channel_pb2.CHANNEL_TYPE_APNS
APNS_SANDBOX = channel_pb2.CHANNEL_TYPE_APNS_SANDBOX
FCM = channel_pb2.CHANNEL_TYPE_FCM
SUCCESSFUL = messaging_pb2.DELIVERY_STATUS_SUCCESSFUL
THROTTLED = messaging_pb2.DELIVERY_STATUS_THROTTLED
TEMPORARY = messaging_pb2.DELIVERY_STATUS_TEMPORARY_FAILURE
PERMANENT = messaging_pb2.DELIVERY_STATUS_PERMANENT_FAILURE
UNKNOWN = messaging_pb2.DELIVERY_STATUS_UNKNOWN_FAILURE


def start(world: World, **more: object) -> SendStart:
    """Return the start of a plain call."""
    arguments: dict[str, object] = {"message": {"default_push_message": {"title": "Hi", "body": "there"}}, **more}
    return SendStart(app_id=world.app_id, **arguments)  # type: ignore[arg-type]


def phones(count: int) -> list[Target]:
    """Return ordinary phones, half of them Apple's."""
    return [
        Target(address=apns_address("ok", number), channel_type=APNS)
        if number % 2
        else Target(address=fcm_address("ok", number), channel_type=FCM)
        for number in range(count)
    ]


def reason_of(error: grpc.aio.AioRpcError) -> str:
    """Return the reason in a failed call's details, without its prefix."""
    status = rpc_status.from_call(error)  # type: ignore[arg-type]
    assert status is not None
    for detail in status.details:
        info = error_details_pb2.ErrorInfo()
        if detail.Unpack(info):
            return str(info.reason).removeprefix("ERROR_REASON_")
    raise AssertionError("no ErrorInfo")


async def test_every_fate(world: World) -> None:
    """Each simulated fate arrives as the result that the contract promises, and nothing else is delivered."""
    fates = [
        (Target(address=apns_address("ok", 1), channel_type=APNS), SUCCESSFUL, 0, 200),
        (Target(address=fcm_address("ok", 1), channel_type=FCM), SUCCESSFUL, 0, 200),
        (Target(address=apns_address("ok", 2), channel_type=APNS_SANDBOX), SUCCESSFUL, 0, 200),
        (
            Target(address=apns_address("unregistered", 1), channel_type=APNS),
            PERMANENT,
            error_pb2.ERROR_REASON_ADDRESS_UNREGISTERED,
            410,
        ),
        (
            Target(address=apns_address("wrong-environment", 1), channel_type=APNS),
            PERMANENT,
            error_pb2.ERROR_REASON_ADDRESS_INVALID,
            400,
        ),
        (Target(address=apns_address("wrong-environment", 1), channel_type=APNS_SANDBOX), SUCCESSFUL, 0, 200),
        (
            Target(address=apns_address("wrong-topic", 1), channel_type=APNS),
            PERMANENT,
            error_pb2.ERROR_REASON_ADDRESS_OF_OTHER_APP,
            400,
        ),
        (
            Target(address=apns_address("throttled", 1), channel_type=APNS),
            THROTTLED,
            error_pb2.ERROR_REASON_DEVICE_THROTTLED,
            429,
        ),
        (
            Target(address=apns_address("unavailable", 1), channel_type=APNS),
            TEMPORARY,
            error_pb2.ERROR_REASON_PROVIDER_UNAVAILABLE,
            503,
        ),
        (
            Target(address=fcm_address("unregistered", 1), channel_type=FCM),
            PERMANENT,
            error_pb2.ERROR_REASON_ADDRESS_UNREGISTERED,
            404,
        ),
        (
            Target(address=fcm_address("wrong-project", 1), channel_type=FCM),
            PERMANENT,
            error_pb2.ERROR_REASON_ADDRESS_OF_OTHER_APP,
            403,
        ),
        (
            Target(address="not hex", channel_type=APNS),
            PERMANENT,
            error_pb2.ERROR_REASON_ADDRESS_MALFORMED,
            0,
        ),
        (
            Target(address="x", channel_type=channel_pb2.CHANNEL_TYPE_ADM),
            PERMANENT,
            error_pb2.ERROR_REASON_CHANNEL_NOT_FOUND,
            0,
        ),
    ]
    results, summary = await world.send(start(world), [target for target, *_ in fates])
    found = [(result.delivery_status, result.reason, result.status_code) for result in results]
    assert found == [(status, reason, code) for _, status, reason, code in fates]
    dead = [result.index for result in results if result.token_dead]
    assert dead == [3, 9], "only what is certainly gone"
    assert results[3].token_invalid_at.seconds > 0
    assert summary.total == len(fates)
    assert sum(each.count for each in summary.by_status) == len(fates)
    stats = world.sandbox.stats
    assert (stats.apns.accepted, stats.apns_sandbox.accepted, stats.fcm.accepted) == (1, 2, 1)


async def test_no_answer_is_unknown(world: World) -> None:
    """A device that never answers is UNKNOWN_FAILURE after send_timeout; the others do not wait for it."""
    targets = [Target(address=fcm_address("silent", 1), channel_type=FCM), *phones(10)]
    options = SendOptions()
    options.send_timeout.FromMilliseconds(500)
    call = world.messaging.SendMessages(SendMessagesRequest(start=start(world, options=options), targets=targets))
    batches: list[list[int]] = [[result.index for result in response.results.results] async for response in call]
    order = [index for batch in batches for index in batch]
    assert sorted(order) == list(range(11))
    assert order[-1] == 0
    results, _ = await world.send(start(world, options=options), targets[:1])
    assert (results[0].delivery_status, results[0].reason) == (UNKNOWN, error_pb2.ERROR_REASON_ANSWER_TIMEOUT)


async def test_fifty_thousand_stream_through(world: World) -> None:
    """Results flow while targets still arrive, every target has exactly one, and the summary adds up."""
    total, frame = 50_000, 500
    sandbox = world.sandbox.stats
    seen_at_first_result = 0

    async def frames() -> AsyncIterator[StreamMessagesRequest]:
        yield StreamMessagesRequest(start=start(world))
        for first in range(0, total, frame):
            batch = [
                Target(
                    address=fcm_address("unregistered" if number % 10 == 0 else "ok", number),
                    channel_type=FCM,
                    client_ref=str(number),
                )
                for number in range(first, first + frame)
            ]
            yield StreamMessagesRequest(targets=TargetBatch(targets=batch))

    seen: Counter[int] = Counter()
    statuses: Counter[int] = Counter()
    summary = None
    async for response in world.messaging.StreamMessages(frames()):
        if response.WhichOneof("event") == "results":
            seen_at_first_result = seen_at_first_result or sandbox.fcm.requests
            for result in response.results.results:
                assert result.client_ref == str(result.index)
                seen[result.index] += 1
                statuses[result.delivery_status] += 1
        elif response.WhichOneof("event") == "summary":
            summary = response.summary
    assert seen == Counter(range(total))
    assert statuses == {SUCCESSFUL: total * 9 // 10, PERMANENT: total // 10}
    assert summary is not None
    assert summary.total == total
    assert {each.delivery_status: each.count for each in summary.by_status} == statuses
    assert {each.reason: each.count for each in summary.by_reason} == {
        error_pb2.ERROR_REASON_ADDRESS_UNREGISTERED: total // 10
    }
    assert sandbox.fcm.accepted + sandbox.fcm.outcomes["UNREGISTERED"] == total, "nothing was sent twice"
    assert set(sandbox.fcm.delivered.values()) == {1}
    assert 0 < seen_at_first_result < total / 10


async def test_limits_name_the_way_out(world: World) -> None:
    """SendMessages over its limits says so, and names StreamMessages."""
    too_many = SendMessagesRequest(start=start(world), targets=phones(10_001))
    too_large = SendMessagesRequest(
        start=start(world), targets=[Target(address="a" * 4000, channel_type=FCM) for _ in range(1100)]
    )
    for request, reason in ((too_many, "TOO_MANY_TARGETS"), (too_large, "REQUEST_TOO_LARGE")):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            async for _ in world.messaging.SendMessages(request):
                pass
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert reason_of(caught.value) == reason
        assert "StreamMessages" in (caught.value.details() or "")
    assert world.sandbox.stats.fcm.requests == 0


@pytest.mark.parametrize(
    ("frames", "reason"),
    [
        ([], "STREAM_OUT_OF_ORDER"),
        (["targets"], "STREAM_OUT_OF_ORDER"),
        (["start", "start"], "STREAM_OUT_OF_ORDER"),
        (["start", "targets", "nothing"], "STREAM_OUT_OF_ORDER"),
        (["nothing"], "STREAM_OUT_OF_ORDER"),
        (["start", "targets", "too many"], "TOO_MANY_TARGETS"),
    ],
)
async def test_frames_out_of_order(world: World, frames: list[str], reason: str) -> None:
    """Frames that must not come fail the call, after the results of the targets before them."""
    kinds = {
        "start": StreamMessagesRequest(start=start(world)),
        "targets": StreamMessagesRequest(targets=TargetBatch(targets=phones(20))),
        "nothing": StreamMessagesRequest(),
        "too many": StreamMessagesRequest(targets=TargetBatch(targets=[Target()] * 10_001)),
    }
    results = 0
    with pytest.raises(grpc.aio.AioRpcError) as caught:  # noqa: PT012 - what came before the error counts
        async for response in world.messaging.StreamMessages(iter([kinds[name] for name in frames])):
            results += len(response.results.results)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert reason_of(caught.value) == reason
    assert results == (20 if frames[:2] == ["start", "targets"] else 0)


async def test_stream_without_targets(world: World) -> None:
    """A stream with a start and no targets is complete, with a summary of zero; an empty frame is no error."""
    nothing: list[list[list[Target]]] = [[], [[]]]
    for batches in nothing:
        results, summary = await world.stream(start(world), batches)
        assert (results, summary.total) == ([], 0)


async def test_caller_that_leaves_stops_the_sending(world: World) -> None:
    """When the client cancels, the rest of its targets is not sent."""

    async def frames() -> AsyncIterator[StreamMessagesRequest]:
        yield StreamMessagesRequest(start=start(world))
        while True:
            yield StreamMessagesRequest(targets=TargetBatch(targets=phones(100)))

    call = world.messaging.StreamMessages(frames())
    async for response in call:
        if response.WhichOneof("event") == "results":
            break
    call.cancel()
    await asyncio.sleep(0.5)
    sent = world.sandbox.stats.fcm.requests
    await asyncio.sleep(0.5)
    assert world.sandbox.stats.fcm.requests == sent
    results, _ = await world.send(start(world), phones(2))
    assert [result.delivery_status for result in results] == [SUCCESSFUL] * 2, "the server goes on"


async def test_deadline_leaves_time_for_the_results(world: World) -> None:
    """Targets that cannot be sent within the call's deadline get a result that says so, before the deadline."""
    targets = [Target(address=fcm_address("silent", number), channel_type=FCM) for number in range(3)]
    request = SendMessagesRequest(start=start(world), targets=targets)
    reasons = [
        result.reason
        async for response in world.messaging.SendMessages(request, timeout=5)
        for result in response.results.results
    ]
    assert reasons == [error_pb2.ERROR_REASON_ANSWER_TIMEOUT] * 3


async def test_disabled_and_changed_channels(world: World) -> None:
    """A channel that is disabled refuses the next call's targets, and enabling it needs no credentials again."""
    for enabled, reason in ((False, error_pb2.ERROR_REASON_CHANNEL_DISABLED), (True, 0)):
        await world.channels.UpdateChannel(
            channel_pb2.UpdateChannelRequest(
                app_id=world.app_id, channel=channel_pb2.ChannelSettings(type=FCM, enabled=enabled)
            )
        )
        results, _ = await world.send(start(world), [Target(address=fcm_address("ok", 1), channel_type=FCM)])
        assert [result.reason for result in results] == [reason]


async def test_preview_is_what_is_sent(world: World) -> None:
    """PreviewMessage shows byte for byte what the provider then gets, with proofs of identity masked."""
    call = start(world, context={"k": "v"}, trace_id="trace-1")
    targets = [
        Target(address=apns_address("ok", 7), channel_type=APNS, overrides={"title": "Mine"}),
        Target(address=fcm_address("ok", 7), channel_type=FCM),
        Target(address="zz", channel_type=APNS),
    ]
    previews = (await world.messaging.PreviewMessage(PreviewMessageRequest(start=call, targets=targets))).previews
    assert world.sandbox.stats.apns.requests == world.sandbox.stats.fcm.requests == 0
    assert [preview.WhichOneof("outcome") for preview in previews] == ["request", "request", "failure"]
    assert previews[2].failure.reason == error_pb2.ERROR_REASON_ADDRESS_MALFORMED
    await world.send(call, targets)
    by_path = {request.path: request for request in world.sandbox.requests}
    for preview in previews[:2]:
        path = "/" + preview.request.url.split("/", 3)[3]
        sent = by_path[path]
        assert preview.request.method == "POST"
        assert preview.request.body.encode() == sent.body
        assert 0 < preview.payload_size <= preview.payload_limit
        for header in preview.request.headers:
            expected = "***" if header.name == "authorization" else sent.headers[header.name]
            assert header.value == expected
        assert "authorization" in {header.name for header in preview.request.headers}


async def test_unknown_app(world: World) -> None:
    """An app that does not exist fails the call, whatever is wrong with the targets."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await world.send(SendStart(app_id="0" * 32, message={"default_message": {"body": "x"}}), [Target()])
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    assert reason_of(caught.value) == "APP_NOT_FOUND"


async def test_with_the_other_http2_core(tmp_path: Path, sandbox_keys: Path) -> None:
    """The server sends as well with the pure Python implementation of HTTP/2, chosen by a setting."""
    async with open_world(tmp_path, keys=sandbox_keys, http2_core="h2") as world:
        results, _ = await world.send(start(world), [*phones(50), Target(address="ab", channel_type=APNS_SANDBOX)])
        assert [result.delivery_status for result in results] == [SUCCESSFUL] * 50 + [PERMANENT]
        assert results[50].provider_reason == "BadDeviceToken"


@pytest.mark.parametrize("core", ["ngh2", "h2"])
async def test_renewed_token_loses_nothing(
    tmp_path: Path, sandbox_keys: Path, core: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When FCM suddenly refuses the access token, a new one is fetched, and every answer after that is read right."""
    # A token that was just fetched is not the one that is refused; here it is.
    monkeypatch.setattr("clarion_server.providers.access_tokens._YOUNG", 0.0)
    async with open_world(tmp_path, keys=sandbox_keys, http2_core=core) as world:
        await world.send(start(world), phones(2))
        world.sandbox.revoke_access_tokens()
        targets = [Target(address=fcm_address("unregistered", 1), channel_type=FCM), *phones(200)]
        results, _ = await world.send(start(world), targets)
    assert (results[0].reason, results[0].token_dead) == (error_pb2.ERROR_REASON_ADDRESS_UNREGISTERED, True)
    assert [result.delivery_status for result in results[1:]] == [SUCCESSFUL] * 200
    assert all(result.message_id.startswith("projects/") for result in results[1::2])
    assert {result.attempts for result in results} <= {1, 2}


async def test_preview_shows_the_size_of_what_is_too_large(world: World) -> None:
    """For a payload that is too large, the preview has its size and the limit beside the failure."""
    call = start(world, message={"default_message": {"body": "x" * 5000}})
    targets = [
        Target(address=apns_address("ok", 1), channel_type=APNS),
        Target(address=fcm_address("ok", 1), channel_type=FCM),
    ]
    previews = (await world.messaging.PreviewMessage(PreviewMessageRequest(start=call, targets=targets))).previews
    for preview in previews:
        assert preview.failure.reason == error_pb2.ERROR_REASON_PAYLOAD_TOO_LARGE
        assert (preview.payload_limit, preview.payload_size > 5000) == (4096, True)
