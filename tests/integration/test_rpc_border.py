"""Where calls come in and statuses go out: sizes, health, reflection, and how many calls there may be."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from grpc_status import rpc_status

from clarion.v1 import app_pb2, app_pb2_grpc, channel_pb2, channel_pb2_grpc
from clarion.v1.messaging_pb2 import SendStart, StreamMessagesRequest
from clarion_server.app import running
from clarion_server.rpc import server as rpc_server
from clarion_server.rpc.limits import MAX_REQUEST_BYTES
from clarion_server.settings import Settings
from tests.support.world import World

# gRPC's own hard limit of trailers is 16 KiB. Other clients, such as gRPC for Java, take 8 KiB.
EIGHT_KIB = [("grpc.max_metadata_size", 8192), ("grpc.absolute_max_metadata_size", 8192)]
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Provide settings of a server without a sandbox."""
    return Settings(listen="127.0.0.1:0", authentication="none", data_dir=tmp_path / "server", shutdown_grace=5)


def details_of(error: grpc.aio.AioRpcError) -> tuple[str, list[Any]]:
    """Return the reason and the violations in the status of a call."""
    status = rpc_status.from_call(error)  # type: ignore[arg-type]
    assert status is not None, error
    info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    for detail in status.details:
        detail.Unpack(info)
        detail.Unpack(bad)
    return info.reason, list(bad.field_violations)


async def refusal(call: Any) -> grpc.aio.AioRpcError:
    """Return the error of a call that is refused as invalid."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:  # noqa: PT012 - unary calls are awaited, streams read
        if isinstance(call, AsyncIterable):
            async for _ in call:
                pass
        else:
            await call
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT, caught.value
    return caught.value


def app_with_tags(character: str) -> app_pb2.CreateAppRequest:
    """Return a request with 50 tags, each wrong in three ways, with keys as long as they may be."""
    keys = [f"aws:{number:02d}{character * 122}" for number in range(50)]
    return app_pb2.CreateAppRequest(name="x", tags=dict.fromkeys(keys, "\0" + character * 300))


@pytest.mark.parametrize("options", [[], EIGHT_KIB], ids=["stock", "8 KiB"])
async def test_many_violations_reach_the_client(settings: Settings, options: list[tuple[str, int]]) -> None:
    """More violations than trailers can hold are summed up in the last one, with ASCII and other texts alike."""
    mask = {"paths": ["nonsense"] * 100}
    wrong = channel_pb2.UpdateChannelRequest(
        app_id="0" * 32, channel={"type": channel_pb2.CHANNEL_TYPE_APNS, "apns": {}}, update_mask=mask
    )
    async with running(settings) as server, grpc.aio.insecure_channel(server.address, options=options) as channel:
        apps = app_pb2_grpc.AppServiceStub(channel)
        error = await refusal(channel_pb2_grpc.ChannelServiceStub(channel).UpdateChannel(wrong))
        _, violations = details_of(error)
        assert violations[0].field == "update_mask.paths[0]"
        assert violations[-1].field == f"update_mask.paths[{len(violations) - 1}]"
        assert violations[-1].description.startswith(f"and {100 - len(violations) + 1} more")
        for character in ("k", "é", "中", "🎈"):
            error = await refusal(apps.CreateApp(app_with_tags(character)))
            _, violations = details_of(error)
            assert violations[0].field.startswith('tags["aws:00')
            assert violations[-1].description.startswith(f"and {150 - len(violations) + 1} more")
            assert len(error.details() or "") <= 500
            assert character * 50 not in str(error), "long keys are not quoted in full"


@pytest.mark.parametrize(
    ("kind", "method"),
    [
        ("unary_unary", "AppService/CreateApp"),
        ("unary_unary", "MessagingService/PreviewMessage"),
        ("unary_stream", "MessagingService/SendMessages"),
        ("stream_stream", "MessagingService/StreamMessages"),
    ],
)
async def test_large_requests_are_refused_undecoded(settings: Settings, kind: str, method: str) -> None:
    """A request over 4 MiB is refused by its size alone: these bytes are no protobuf, and nobody looks.

    Of 4 MiB, it is looked at.
    """
    async with running(settings) as server, grpc.aio.insecure_channel(server.address) as channel:
        call = getattr(channel, kind)(f"/clarion.v1.{method}")
        errors = []
        for size in (MAX_REQUEST_BYTES, MAX_REQUEST_BYTES + 1):
            request = b"\xff" * size
            errors.append(await refusal(call([request] if kind == "stream_stream" else request)))
    reasons = [(reason, violation.reason) for reason, [violation] in map(details_of, errors)]
    assert reasons == [
        ("ERROR_REASON_REQUEST_INVALID", "ERROR_REASON_FIELD_MALFORMED"),
        ("ERROR_REASON_REQUEST_TOO_LARGE", "ERROR_REASON_FIELD_TOO_LONG"),
    ]
    assert "StreamMessages" in (errors[1].details() or "")


async def test_writer_of_large_frames_gets_the_status(world: World) -> None:
    """A client that goes on writing large frames, between others, sees why its stream failed."""
    large = StreamMessagesRequest(start=SendStart(app_id="x" * (MAX_REQUEST_BYTES + 1)))

    async def frames() -> AsyncIterator[StreamMessagesRequest]:
        for _ in range(4):
            yield large
            yield StreamMessagesRequest()

    reason, _ = details_of(await refusal(world.messaging.StreamMessages(frames())))
    assert reason == "ERROR_REASON_REQUEST_TOO_LARGE"


async def test_health_is_watched(settings: Settings) -> None:
    """A watcher of health is told SERVING first, and NOT_SERVING when the server stops."""
    stopping = asyncio.Event()
    address: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def serve() -> None:
        async with running(settings) as server:
            address.set_result(server.address)
            await stopping.wait()

    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        group.create_task(serve())
        async with grpc.aio.insecure_channel(await address) as channel:
            stub: Any = health_pb2_grpc.HealthStub(channel)
            watches = [
                aiter(stub.Watch(health_pb2.HealthCheckRequest(service=name)))
                for name in ("", "clarion.v1.MessagingService")
            ]
            assert [(await anext(watch)).status for watch in watches] == [SERVING, SERVING]
            stopping.set()
            assert [(await anext(watch)).status for watch in watches] == [NOT_SERVING, NOT_SERVING]


async def test_reflection(settings: Settings) -> None:
    """Reflection lists the services and describes Clarion's."""
    requests = [
        reflection_pb2.ServerReflectionRequest(list_services="*"),
        reflection_pb2.ServerReflectionRequest(file_containing_symbol="clarion.v1.AppService"),
    ]
    async with running(settings) as server, grpc.aio.insecure_channel(server.address) as channel:
        stub: Any = reflection_pb2_grpc.ServerReflectionStub(channel)  # type: ignore[arg-type]
        listed, described = [answer async for answer in stub.ServerReflectionInfo(requests)]
    names = {each.name for each in listed.list_services_response.service}
    assert names == {
        *rpc_server.SERVICE_NAMES,
        "grpc.health.v1.Health",
        "grpc.reflection.v1alpha.ServerReflection",
    }
    assert described.file_descriptor_response.file_descriptor_proto


async def test_too_many_calls_are_refused(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls over the limit are refused at once, not queued, and there is room again when others have ended."""
    monkeypatch.setattr(rpc_server, "_MAX_CALLS", 3)
    async with running(settings) as server, grpc.aio.insecure_channel(server.address) as channel:
        health: Any = health_pb2_grpc.HealthStub(channel)
        apps = app_pb2_grpc.AppServiceStub(channel)
        watches = [health.Watch(health_pb2.HealthCheckRequest()) for _ in range(3)]
        for watch in watches:
            await watch.read()
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await apps.ListApps(app_pb2.ListAppsRequest())
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        watches[0].cancel()
        async with asyncio.timeout(60):
            while True:
                try:
                    await apps.ListApps(app_pb2.ListAppsRequest())
                    break
                except grpc.aio.AioRpcError as error:
                    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED  # noqa: PT017 - until it is noticed
                    await asyncio.sleep(0.02)
        for watch in watches:
            watch.cancel()
