"""A provider that hangs does not hold up the others, in whole calls over real sockets."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from clarion.v1 import channel_pb2, error_pb2, messaging_pb2
from clarion.v1.messaging_pb2 import Result, SendStart, StreamMessagesRequest, Target, TargetBatch
from clarion_server.sandbox import Fault, FaultKind, apns_address, fcm_address
from tests.support.world import make_app, open_world

APNS = channel_pb2.CHANNEL_TYPE_APNS
FCM = channel_pb2.CHANNEL_TYPE_FCM
SUCCESSFUL = messaging_pb2.DELIVERY_STATUS_SUCCESSFUL
UNKNOWN = messaging_pb2.DELIVERY_STATUS_UNKNOWN_FAILURE
TEMPORARY = messaging_pb2.DELIVERY_STATUS_TEMPORARY_FAILURE


async def test_blocked_provider(tmp_path: Path, sandbox_keys: Path) -> None:
    """While FCM answers nothing at all, every APNs target is delivered, before any of FCM's time is over.

    Each FCM target has one result: unknown for those that were sent, temporary for all that were not.
    """
    total, frame = 12_000, 500
    async with open_world(tmp_path, keys=sandbox_keys, max_in_flight=1000) as world:
        start = SendStart(app_id=world.app_id, message={"default_message": {"body": "hello"}})
        start.options.send_timeout.FromSeconds(8)

        async def frames() -> AsyncIterator[StreamMessagesRequest]:
            yield StreamMessagesRequest(start=start)
            for first in range(0, total, frame):
                batch = [
                    Target(address=apns_address("ok", number), channel_type=APNS)
                    if number % 2
                    else Target(address=fcm_address("silent", number), channel_type=FCM)
                    for number in range(first, first + frame)
                ]
                yield StreamMessagesRequest(targets=TargetBatch(targets=batch))

        results: list[Result] = []
        delivered_when_fcm_timed_out = -1
        async for response in world.messaging.StreamMessages(frames()):
            for result in response.results.results:
                results.append(result)
                if result.reason == error_pb2.ERROR_REASON_ANSWER_TIMEOUT and delivered_when_fcm_timed_out < 0:
                    delivered_when_fcm_timed_out = world.sandbox.stats.apns.accepted
        assert Counter(result.index for result in results) == Counter(range(total))
        apns = [result for result in results if result.channel_type == APNS]
        assert {result.delivery_status for result in apns} == {SUCCESSFUL}
        assert delivered_when_fcm_timed_out == total // 2
        fcm = [result for result in results if result.channel_type == FCM]
        assert {result.delivery_status for result in fcm} == {UNKNOWN, TEMPORARY}
        sent = [result for result in fcm if result.delivery_status == UNKNOWN]
        assert len(sent) == world.sandbox.stats.fcm.requests - 1, "the other one was for the access token"
        assert {result.reason for result in fcm if result.delivery_status == TEMPORARY} <= {
            error_pb2.ERROR_REASON_NOT_TRIED_CONGESTED,
            error_pb2.ERROR_REASON_NOT_TRIED_PROVIDER_FAILING,
            error_pb2.ERROR_REASON_NOT_TRIED_TIMEOUT,
        }


async def test_slow_app_does_not_take_the_pool_from_others(tmp_path: Path, sandbox_keys: Path) -> None:
    """Two apps share FCM's connections; one whose requests hang leaves the other enough of them."""
    async with open_world(tmp_path, keys=sandbox_keys, max_connections=1) as world:
        other = await make_app(world)
        start = SendStart(app_id=world.app_id, message={"default_message": {"body": "hello"}})
        start.options.send_timeout.FromSeconds(20)
        good = [Target(address=fcm_address("ok", number), channel_type=FCM) for number in range(300)]
        # Both have been seen: from now on none may hold all streams.
        await world.send(start, good[:1])
        await world.send(SendStart(app_id=other, message=start.message), good[:1])
        hanging = [Target(address=fcm_address("silent", number), channel_type=FCM) for number in range(1000)]
        hung = asyncio.create_task(world.send(start, hanging))
        async with asyncio.timeout(30):
            while world.sandbox.stats.fcm.requests < 50:  # noqa: ASYNC110 - the sandbox has no event
                await asyncio.sleep(0.05)
            await asyncio.sleep(0.5)
        results, _ = await world.send(SendStart(app_id=other, message=start.message), good)
        assert {result.delivery_status for result in results} == {SUCCESSFUL}
        assert not hung.done(), "the other app did not wait for it"
        hung.cancel()
        await asyncio.gather(hung, return_exceptions=True)


async def test_health_tells_which_provider_is_ill(tmp_path: Path, sandbox_keys: Path) -> None:
    """While FCM only fails, health checks say so of FCM alone, not of the server; then it is well again."""

    async def state(service: str) -> str:
        answer = await stub.Check(health_pb2.HealthCheckRequest(service=service))
        return str(health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status))

    async def send(channel_type: channel_pb2.ChannelType, address: str) -> None:
        start = SendStart(app_id=world.app_id, message={"default_message": {"body": "hello"}})
        start.options.retry_policy.max_attempts = 1
        await world.send(start, [Target(address=address, channel_type=channel_type)])

    async with (
        open_world(tmp_path, keys=sandbox_keys) as world,
        grpc.aio.insecure_channel(world.server.address) as channel,
    ):
        stub: Any = health_pb2_grpc.HealthStub(channel)
        for name in ("APNS", "APNS_SANDBOX", "APNS_VOIP", "APNS_VOIP_SANDBOX", "FCM", "ADM", "BAIDU"):
            assert await state(f"clarion.provider.{name}") == "SERVING"
        world.sandbox.faults.add("fcm", Fault(kind=FaultKind.STATUS, status=503, path="/v1/"))
        await send(APNS, apns_address("ok", 1))
        async with asyncio.timeout(30):
            while await state("clarion.provider.FCM") != "NOT_SERVING":
                await send(FCM, fcm_address("ok", 1))
                await asyncio.sleep(0.05)
        assert await state("clarion.provider.APNS") == await state("") == "SERVING"
        world.sandbox.faults.clear()
        async with asyncio.timeout(30):
            while await state("clarion.provider.FCM") != "SERVING":
                await send(FCM, fcm_address("ok", 2))
                await asyncio.sleep(0.05)
