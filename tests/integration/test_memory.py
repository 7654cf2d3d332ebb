"""The server's memory does not grow with the number of targets."""

from __future__ import annotations

import shlex
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest

from clarion.v1 import app_pb2, app_pb2_grpc, channel_pb2, channel_pb2_grpc, messaging_pb2, messaging_pb2_grpc
from clarion.v1.messaging_pb2 import SendStart, StreamMessagesRequest, Target, TargetBatch
from clarion_server.sandbox import fcm_address
from tests.support.process import Process, clarion_server

FCM = channel_pb2.CHANNEL_TYPE_FCM
BATCH = 500
FEW, MANY = 5_000, 200_000
MAX_GROWTH = 64 * 1024
"""KiB. To keep all targets of the long call takes more than 80 MiB; 10 are usual while none are kept."""
CLIENT_REF = "r" * 122
"""With six digits behind it, the longest that is allowed, so that targets and results are large."""


@pytest.mark.skipif(sys.platform != "linux", reason="reads the memory of a process from /proc")
async def test_memory_is_bounded(tmp_path: Path) -> None:
    """A call with 200,000 targets makes the server's resident memory no more than 64 MiB larger than one with 5,000."""
    directory = tmp_path / "sandbox"
    ports = [
        f"--{name}=0"
        for name in ("apns-port", "apns-sandbox-port", "fcm-port", "adm-port", "baidu-port", "control-port")
    ]
    with clarion_server(
        "sandbox", f"--dir={directory}", *ports, output=tmp_path / "sandbox.log", fresh=True
    ) as sandbox:
        sandbox.wait_for("sandbox is running")
        lines = (directory / "server.env").read_text().splitlines()
        environment = dict(shlex.split(line)[0].split("=", 1) for line in lines)
        environment["CLARION_SENDS_PER_SECOND"] = "10000000"
        with clarion_server(
            "serve",
            "--listen=127.0.0.1:0",
            f"--data-dir={tmp_path / 'data'}",
            output=tmp_path / "server.log",
            fresh=True,
            environment=environment,
        ) as server:
            address = server.wait_for(r"serves gRPC on (\S+:\d+)")[1]
            async with grpc.aio.insecure_channel(address) as channel:
                app_id = await app_with_fcm(channel, directory)
                await send(channel, app_id, FEW)
                before = peak_memory(server)
                await send(channel, app_id, MANY)
            after = peak_memory(server)
    assert after - before < MAX_GROWTH, f"grew from {before} to {after} KiB"


async def app_with_fcm(channel: grpc.aio.Channel, directory: Path) -> str:
    """Make an app with the sandbox's service account; return its id."""
    app = (await app_pb2_grpc.AppServiceStub(channel).CreateApp(app_pb2.CreateAppRequest(name="x"))).app
    account = channel_pb2.FcmServiceAccount(json=(directory / "fcm-service-account.json").read_text())
    settings = channel_pb2.ChannelSettings(type=FCM, fcm=channel_pb2.FcmSettings(service_account=account))
    request = channel_pb2.UpdateChannelRequest(app_id=app.id, channel=settings)
    await channel_pb2_grpc.ChannelServiceStub(channel).UpdateChannel(request)
    return str(app.id)


async def send(channel: grpc.aio.Channel, app_id: str, total: int) -> None:
    """Send to as many targets as fast as the server takes them, and see that all succeed."""

    async def frames() -> AsyncIterator[StreamMessagesRequest]:
        yield StreamMessagesRequest(start=SendStart(app_id=app_id, message={"default_message": {"body": "x"}}))
        for first in range(0, total, BATCH):
            targets = [
                Target(address=fcm_address("ok", number), channel_type=FCM, client_ref=f"{CLIENT_REF}{number:06d}")
                for number in range(first, first + BATCH)
            ]
            yield StreamMessagesRequest(targets=TargetBatch(targets=targets))

    call = messaging_pb2_grpc.MessagingServiceStub(channel).StreamMessages(frames())
    counts = [
        (each.delivery_status, each.count)
        async for event in call
        for each in event.summary.by_status  # only the last event has it
    ]
    assert counts == [(messaging_pb2.DELIVERY_STATUS_SUCCESSFUL, total)]


def peak_memory(process: Process) -> int:
    """Return the most memory, in KiB, that the process ever had resident (VmHWM, see proc(5))."""
    status = Path(f"/proc/{process._process.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])
