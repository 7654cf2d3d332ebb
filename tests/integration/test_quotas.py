"""Quotas over gRPC: told, set, and kept."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from google.rpc import error_details_pb2
from grpc_status import rpc_status

import clarion
from clarion.v1 import app_pb2, channel_pb2, error_pb2, messaging_pb2, messaging_pb2_grpc, quota_pb2, quota_pb2_grpc
from clarion.v1.messaging_pb2 import SendMessagesRequest, SendStart, StreamMessagesRequest, Target, TargetBatch
from clarion.v1.quota_pb2 import GetQuotasRequest, Quotas, UpdateQuotasRequest
from clarion_server.app import running
from clarion_server.sandbox import fcm_address
from clarion_server.settings import load
from tests.support.process import run_client_command
from tests.support.world import World, collect, open_world

FCM = channel_pb2.CHANNEL_TYPE_FCM
OK, THROTTLED = messaging_pb2.DELIVERY_STATUS_SUCCESSFUL, messaging_pb2.DELIVERY_STATUS_THROTTLED


@pytest.fixture
async def channel(world: World) -> AsyncIterator[grpc.aio.Channel]:
    """Provide a connection to the server."""
    async with grpc.aio.insecure_channel(world.server.address) as channel:
        yield channel


@pytest.fixture
def quotas(channel: grpc.aio.Channel) -> Any:
    """Provide QuotaService."""
    return quota_pb2_grpc.QuotaServiceStub(channel)


def targets(count: int) -> list[Target]:
    """Return targets to which sending succeeds."""
    return [Target(address=fcm_address("ok", number), channel_type=FCM) for number in range(count)]


def start(world: World) -> SendStart:
    """Return what a call says once."""
    return SendStart(app_id=world.app_id, message={"default_message": {"body": "hello"}})


async def refusal(call: Any) -> tuple[grpc.StatusCode, str, Any]:
    """Return code and reason of a call that fails, and its status."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    call_: Any = caught.value
    status = rpc_status.from_call(call_)
    assert status is not None
    return caught.value.code(), details(status, error_details_pb2.ErrorInfo)[0].reason, status


def details(status: Any, kind: Any) -> list[Any]:
    """Return the details of a kind."""
    return [kind.FromString(each.value) for each in status.details if each.Is(kind.DESCRIPTOR)]


async def test_defaults(world: World, quotas: Any) -> None:
    """The account has AWS's 25,000 sends per second; an app has no limit of its own."""
    answer = await quotas.GetQuotas(GetQuotasRequest())
    assert answer.effective == Quotas(
        sends_per_second=25_000,
        burst=25_000,
        targets_per_call=10_000,
        request_size=4 * 1024 * 1024,
        streams_per_principal=1000,
    )
    assert answer.set == Quotas()
    answer = await quotas.GetQuotas(GetQuotasRequest(app_id=world.app_id))
    assert not answer.effective.HasField("sends_per_second")
    assert answer.effective.targets_per_call == 10_000


async def test_set_and_take_back(world: World, quotas: Any) -> None:
    """What is given is set; with a mask, what is named but not given is taken back."""
    answer = await quotas.UpdateQuotas(UpdateQuotasRequest(quotas=Quotas(sends_per_second=50, burst=5)))
    assert (answer.effective.sends_per_second, answer.effective.burst) == (50, 5)
    mask = FieldMask(paths=["burst", "targets_per_call"])
    answer = await quotas.UpdateQuotas(UpdateQuotasRequest(quotas=Quotas(targets_per_call=9), update_mask=mask))
    assert answer.set == Quotas(sends_per_second=50, targets_per_call=9)
    assert answer.effective.burst == 50
    answer = await quotas.UpdateQuotas(UpdateQuotasRequest(app_id=world.app_id, quotas=Quotas(burst=3)))
    assert answer.set == Quotas(burst=3)
    assert answer.effective.targets_per_call == 9


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (UpdateQuotasRequest(), "quotas"),
        (UpdateQuotasRequest(quotas=Quotas(sends_per_second=0)), "quotas.sends_per_second"),
        (UpdateQuotasRequest(quotas=Quotas(burst=-1)), "quotas.burst"),
        (UpdateQuotasRequest(quotas=Quotas(targets_per_call=10_001)), "quotas.targets_per_call"),
        (UpdateQuotasRequest(quotas=Quotas(request_size=1023)), "quotas.request_size"),
        (UpdateQuotasRequest(update_mask=FieldMask(paths=["rate"])), "update_mask.paths[0]"),
        (UpdateQuotasRequest(quotas=Quotas(burst=1), update_mask=FieldMask(paths=["request_size"])), "quotas.burst"),
        (
            UpdateQuotasRequest(app_id="a" * 32, quotas=Quotas(streams_per_principal=1)),
            "quotas.streams_per_principal",
        ),
    ],
)
async def test_wrong_requests(quotas: Any, request_: UpdateQuotasRequest, field: str) -> None:
    """Each is refused, naming the field."""
    code, reason, status = await refusal(quotas.UpdateQuotas(request_))
    assert (code, reason) == (grpc.StatusCode.INVALID_ARGUMENT, "ERROR_REASON_REQUEST_INVALID")
    assert details(status, error_details_pb2.BadRequest)[0].field_violations[0].field == field


async def test_apps_that_do_not_exist(quotas: Any) -> None:
    """They have no quotas."""
    for app_id in ("a" * 32, "*"):
        for call in (
            quotas.GetQuotas(GetQuotasRequest(app_id=app_id)),
            quotas.UpdateQuotas(UpdateQuotasRequest(app_id=app_id, quotas=Quotas(burst=1))),
        ):
            assert (await refusal(call))[:2] == (grpc.StatusCode.NOT_FOUND, "ERROR_REASON_APP_NOT_FOUND")


async def test_a_call_is_paced(world: World, quotas: Any) -> None:
    """A stream takes as long as the quota of its app makes it, and every target is sent to."""
    await quotas.UpdateQuotas(UpdateQuotasRequest(app_id=world.app_id, quotas=Quotas(sends_per_second=500, burst=100)))
    began = time.monotonic()
    results, _ = await world.stream(start(world), [targets(300), targets(300)])
    assert Counter(each.delivery_status for each in results) == {OK: 600}
    # Not a bound of the machine: 500 targets over the burst cannot come in faster at 500 a second.
    assert time.monotonic() - began >= 0.99


async def test_what_does_not_fit_before_the_deadline(world: World, quotas: Any) -> None:
    """It is THROTTLED, target by target, with reason and retry_after; the call itself is complete."""
    await quotas.UpdateQuotas(UpdateQuotasRequest(app_id=world.app_id, quotas=Quotas(sends_per_second=1, burst=5)))
    request = SendMessagesRequest(start=start(world), targets=targets(40))
    results, summary = await collect(world.messaging.SendMessages(request, timeout=6))
    counts = Counter(each.delivery_status for each in results)
    assert counts[OK] >= 5
    assert counts[OK] + counts[THROTTLED] == 40 == summary.total
    refused = [each for each in results if each.delivery_status == THROTTLED]
    assert {each.reason for each in refused} == {error_pb2.ERROR_REASON_SEND_QUOTA_EXCEEDED}
    assert all(each.retry_after.ToMilliseconds() >= 1000 for each in refused)


async def test_a_change_counts_for_a_running_call(world: World, quotas: Any) -> None:
    """A call that a quota holds up goes on when the quota is raised."""
    await quotas.UpdateQuotas(UpdateQuotasRequest(app_id=world.app_id, quotas=Quotas(sends_per_second=1, burst=1)))
    running_call = asyncio.create_task(world.stream(start(world), [targets(500)]))
    await asyncio.sleep(0.3)
    assert not running_call.done()
    await quotas.UpdateQuotas(UpdateQuotasRequest(app_id=world.app_id, quotas=Quotas(sends_per_second=100_000)))
    await quotas.UpdateQuotas(UpdateQuotasRequest(app_id=world.app_id, update_mask=FieldMask(paths=["burst"])))
    async with asyncio.timeout(60):
        results, _ = await running_call
    assert Counter(each.delivery_status for each in results) == {OK: 500}


async def test_too_much_in_one_call(world: World, quotas: Any) -> None:
    """More targets, or bytes, than the quota are refused with RESOURCE_EXHAUSTED and the quota's name."""
    await quotas.UpdateQuotas(UpdateQuotasRequest(quotas=Quotas(targets_per_call=10, request_size=1024)))
    many = SendMessagesRequest(start=start(world), targets=targets(11))
    large = SendMessagesRequest(start=start(world), targets=[Target(address="x" * 1024, channel_type=FCM)])
    for request, quota in ((many, "targets_per_call"), (large, "request_size")):
        code, reason, status = await refusal(collect(world.messaging.SendMessages(request)))
        assert (code, reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "ERROR_REASON_QUOTA_EXCEEDED")
        assert details(status, error_details_pb2.QuotaFailure)[0].violations[0].subject == quota
        assert not details(status, error_details_pb2.RetryInfo), "it would not pass later either"


async def test_a_frame_that_is_too_large(world: World, quotas: Any) -> None:
    """Targets before it have their results; then the call ends with RESOURCE_EXHAUSTED."""
    await quotas.UpdateQuotas(UpdateQuotasRequest(quotas=Quotas(request_size=1024)))

    async def frames() -> AsyncIterator[StreamMessagesRequest]:
        yield StreamMessagesRequest(start=start(world))
        yield StreamMessagesRequest(targets=TargetBatch(targets=targets(3)))
        yield StreamMessagesRequest(targets=TargetBatch(targets=targets(300)))

    seen: list[Any] = []

    async def read() -> None:
        async for event in world.messaging.StreamMessages(frames()):
            seen.extend(event.results.results)

    code, reason, _ = await refusal(read())
    assert (code, reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "ERROR_REASON_QUOTA_EXCEEDED")
    assert [each.delivery_status for each in seen] == [OK] * 3


async def test_too_many_calls_of_a_principal(world: World, quotas: Any) -> None:
    """One more than the quota is refused, with the time after which to try again; then there is room again."""
    await quotas.UpdateQuotas(UpdateQuotasRequest(quotas=Quotas(streams_per_principal=1)))
    stream = world.messaging.StreamMessages()
    await stream.write(StreamMessagesRequest(start=start(world)))
    first: Any = await stream.read()
    assert first.HasField("started")
    another = SendMessagesRequest(start=start(world), targets=targets(1))
    code, reason, status = await refusal(collect(world.messaging.SendMessages(another)))
    assert (code, reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "ERROR_REASON_TOO_MANY_STREAMS")
    assert details(status, error_details_pb2.RetryInfo)[0].retry_delay.seconds == 1
    await stream.done_writing()
    while (await stream.read()) is not grpc.aio.EOF:
        pass
    assert (await world.send(start(world), targets(1)))[1].total == 1


async def test_two_processes(tmp_path: Path, sandbox_keys: Path) -> None:
    """A change made at one server counts at another that shares its database, without a restart."""
    async with open_world(tmp_path, keys=sandbox_keys) as world:
        settings = load(
            world.sandbox.info.server_env(),
            listen="127.0.0.1:0",
            data_dir=tmp_path / "server",
            authentication="none",
        )
        async with running(settings) as second, grpc.aio.insecure_channel(second.address) as there:
            async with grpc.aio.insecure_channel(world.server.address) as here:
                await quota_pb2_grpc.QuotaServiceStub(here).UpdateQuotas(
                    UpdateQuotasRequest(app_id=world.app_id, quotas=Quotas(targets_per_call=1))
                )
            messaging = messaging_pb2_grpc.MessagingServiceStub(there)
            request = SendMessagesRequest(start=start(world), targets=targets(2))
            code = None
            async with asyncio.timeout(30):
                while code is None:
                    try:
                        await collect(messaging.SendMessages(request))
                    except grpc.aio.AioRpcError as error:
                        code = error.code()
                    await asyncio.sleep(0.05)
            assert code is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_the_python_clients(world: World) -> None:
    """Both tell and set quotas; a refused call is `LimitExceeded` with its reason."""
    address, app_id = world.server.address, world.app_id
    async with clarion.AsyncClient(address) as client:
        answer = await client.update_quotas(Quotas(targets_per_call=2), app_id=app_id)
        assert answer.effective.targets_per_call == 2
        assert (await client.get_quotas(app_id)).set == Quotas(targets_per_call=2)

    def plain() -> Quotas:
        with clarion.Client(address) as client:
            client.update_quotas(Quotas(), app_id=app_id, update_mask=["targets_per_call"])
            return client.get_quotas(app_id).set

    assert await asyncio.to_thread(plain) == Quotas()
    async with clarion.AsyncClient(address) as client:
        await client.update_quotas(Quotas(request_size=1024))
        many = [(fcm_address("ok", number), "FCM") for number in range(100)]
        with pytest.raises(clarion.LimitExceeded) as caught:
            await client.send(app_id, clarion.message(body="x"), many).wait()
        assert caught.value.reason == "ERROR_REASON_QUOTA_EXCEEDED"


async def test_the_command_line(world: World) -> None:
    """`clarion quotas` shows what is in force and what was set, sets, and takes back."""

    async def command(*arguments: str) -> subprocess.CompletedProcess[str]:
        server = ("--server", world.server.address)
        fresh = arguments == ("quotas", "get")
        return await asyncio.to_thread(run_client_command, *server, *arguments, environment=os.environ, fresh=fresh)

    shown = (await command("quotas", "get")).stdout
    assert "sends per second" in shown
    assert "25,000" in shown
    assert "set here" not in shown
    shown = (await command("quotas", "set", "--app", world.app_id, "--sends-per-second", "9", "--burst", "3")).stdout
    assert "9, set here" in shown
    answer = await command("--output", "json", "quotas", "set", "--app", world.app_id, "--reset", "burst")
    assert json.loads(answer.stdout)["set"] == {"sendsPerSecond": 9}
    assert (await command("quotas", "set")).returncode == 2


async def test_quotas_of_an_app_go_with_it(world: World, quotas: Any) -> None:
    """After an app is deleted it has none."""
    await quotas.UpdateQuotas(UpdateQuotasRequest(app_id=world.app_id, quotas=Quotas(burst=3)))
    await world.apps.DeleteApp(app_pb2.DeleteAppRequest(app_id=world.app_id))
    code, _, _ = await refusal(quotas.GetQuotas(quota_pb2.GetQuotasRequest(app_id=world.app_id)))
    assert code is grpc.StatusCode.NOT_FOUND
