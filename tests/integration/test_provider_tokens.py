"""Provider tokens across processes: what APNs sees of several servers with one key."""

from __future__ import annotations

from pathlib import Path

import grpc

from clarion.v1 import app_pb2, app_pb2_grpc, channel_pb2, channel_pb2_grpc, messaging_pb2, messaging_pb2_grpc
from clarion.v1.messaging_pb2 import SendMessagesRequest, SendStart, Target
from clarion_server.providers.apns.auth import BUCKET
from clarion_server.sandbox import Sandbox, apns_address
from clarion_server.sandbox.files import SandboxInfo
from tests.support.process import clarion_server

SERVING = r"serves gRPC on (\S+:\d+)"


async def _send(address: str, info: SandboxInfo, number: int) -> None:
    """Set up an app on a server, and send to one device; it must succeed."""
    key = channel_pb2.ApnsSigningKey(
        private_key=info.files.apns_key.read_text(), key_id=info.key_id, team_id=info.team_id
    )
    settings = channel_pb2.ChannelSettings(
        type=channel_pb2.CHANNEL_TYPE_APNS,
        apns=channel_pb2.ApnsSettings(bundle_id=info.bundle_id, signing_key=key),
    )
    async with grpc.aio.insecure_channel(address) as channel:
        app = (await app_pb2_grpc.AppServiceStub(channel).CreateApp(app_pb2.CreateAppRequest(name="x"))).app
        await channel_pb2_grpc.ChannelServiceStub(channel).UpdateChannel(
            channel_pb2.UpdateChannelRequest(app_id=app.id, channel=settings)
        )
        request = SendMessagesRequest(
            start=SendStart(app_id=app.id, message={"default_message": {"body": "x"}}),
            targets=[Target(address=apns_address("ok", number), channel_type=channel_pb2.CHANNEL_TYPE_APNS)],
        )
        async for event in messaging_pb2_grpc.MessagingServiceStub(channel).SendMessages(request):
            for result in event.results.results:
                assert result.delivery_status == messaging_pb2.DELIVERY_STATUS_SUCCESSFUL, result


async def test_two_processes_present_the_same_token(tmp_path: Path) -> None:
    """Two servers with the same key, each with a database of its own, present byte-identical tokens to APNs."""
    async with Sandbox(tmp_path / "sandbox", record=True) as sandbox:
        tokens: dict[int, set[str]] = {}
        with (
            clarion_server(
                *("serve", "--listen", "127.0.0.1:0", "--data-dir", str(tmp_path / "one")),
                output=tmp_path / "one.log",
                environment=sandbox.info.server_env(),
            ) as one,
            clarion_server(
                *("serve", "--listen", "127.0.0.1:0", "--data-dir", str(tmp_path / "two")),
                output=tmp_path / "two.log",
                environment=sandbox.info.server_env(),
            ) as two,
        ):
            # The third send is there for the case that a 35-minute period begins between the first two.
            for number, server in enumerate((one, two, one)):
                await _send(server.wait_for(SERVING)[1], sandbox.info, number)
                (token,) = {request.headers["authorization"] for request in sandbox.requests}
                tokens[number] = {token}
                sandbox.requests.clear()
    assert all(token.startswith("bearer ey") for (token,) in tokens.values())
    assert tokens[1] in (tokens[0], tokens[2]), f"a period of {BUCKET} s began twice"
