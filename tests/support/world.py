"""A whole world for a test: sandbox, server, and a channel to it, all in this process, over real sockets."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc

from clarion.v1 import app_pb2, app_pb2_grpc, channel_pb2, channel_pb2_grpc, messaging_pb2_grpc
from clarion.v1.messaging_pb2 import (
    Result,
    SendMessagesRequest,
    SendStart,
    SendSummary,
    StreamMessagesRequest,
    Target,
    TargetBatch,
)
from clarion_server.app import Running, running
from clarion_server.sandbox import Sandbox
from clarion_server.settings import load
from tests.support.empty_database import put_sqlite
from tests.support.left_behind import check_left_behind

if TYPE_CHECKING:
    from clarion.v1.app_pb2_grpc import AppServiceAsyncStub
    from clarion.v1.channel_pb2_grpc import ChannelServiceAsyncStub
    from clarion.v1.messaging_pb2_grpc import MessagingServiceAsyncStub


@dataclasses.dataclass
class World:
    """Sandbox, server, and stubs.

    Attributes:
        sandbox: the emulated providers.
        apps, channels, messaging: stubs.
        running: the server, when it runs in this process.
        app_id: an app with APNs (signing key), APNs sandbox (certificate) and FCM channels.
    """

    sandbox: Sandbox
    apps: AppServiceAsyncStub
    channels: ChannelServiceAsyncStub
    messaging: MessagingServiceAsyncStub
    running: Running | None = None
    app_id: str = ""

    @property
    def server(self) -> Running:
        """The server, when it runs in this process."""
        assert self.running is not None
        return self.running

    async def send(self, start: SendStart, targets: Iterable[Target]) -> tuple[list[Result], SendSummary]:
        """Call SendMessages; return the results in the order of the targets, and the summary."""
        return await collect(self.messaging.SendMessages(SendMessagesRequest(start=start, targets=targets)))

    async def stream(self, start: SendStart, batches: Iterable[Sequence[Target]]) -> tuple[list[Result], SendSummary]:
        """Call StreamMessages; return the results in the order of the targets, and the summary."""

        async def frames() -> AsyncIterator[StreamMessagesRequest]:
            yield StreamMessagesRequest(start=start)
            for batch in batches:
                yield StreamMessagesRequest(targets=TargetBatch(targets=batch))

        return await collect(self.messaging.StreamMessages(frames()))


async def collect(call: Any) -> tuple[list[Result], SendSummary]:
    """Return a call's results in the order of the targets, and its summary."""
    results: list[Result] = []
    summary = None
    async for response in call:
        event = response.WhichOneof("event")
        if event == "results":
            results += response.results.results
        elif event == "summary":
            summary = response.summary
    assert summary is not None, "the call ended without a summary"
    results.sort(key=lambda result: result.index)
    return results, summary


def stubs(channel: grpc.aio.Channel) -> Any:
    """Return the stubs of a channel, in the order in which `World` takes them."""
    return (
        app_pb2_grpc.AppServiceStub(channel),
        channel_pb2_grpc.ChannelServiceStub(channel),
        messaging_pb2_grpc.MessagingServiceStub(channel),
    )


async def add_adm_and_baidu(world: World) -> None:
    """Give the app channels to ADM and Baidu, with the sandbox's credentials."""
    client = json.loads(world.sandbox.info.files.adm_client.read_text())
    keys = json.loads(world.sandbox.info.files.baidu_keys.read_text())
    for settings in (
        channel_pb2.ChannelSettings(
            type=channel_pb2.CHANNEL_TYPE_ADM, adm=channel_pb2.AdmSettings(client=channel_pb2.AdmClient(**client))
        ),
        channel_pb2.ChannelSettings(
            type=channel_pb2.CHANNEL_TYPE_BAIDU,
            baidu=channel_pb2.BaiduSettings(key_pair=channel_pb2.BaiduKeyPair(**keys)),
        ),
    ):
        await world.channels.UpdateChannel(channel_pb2.UpdateChannelRequest(app_id=world.app_id, channel=settings))


async def make_app(world: World) -> str:
    """Make an app with the sandbox's credentials."""
    app = (await world.apps.CreateApp(app_pb2.CreateAppRequest(name="Test"))).app
    info = world.sandbox.info
    key = channel_pb2.ApnsSigningKey(
        private_key=info.files.apns_key.read_text(), key_id=info.key_id, team_id=info.team_id
    )
    certificate = channel_pb2.PemCertificate(
        certificate=info.files.apns_certificate.read_text(), private_key=info.files.apns_certificate_key.read_text()
    )
    wanted = (
        channel_pb2.ChannelSettings(
            type=channel_pb2.CHANNEL_TYPE_APNS,
            apns=channel_pb2.ApnsSettings(bundle_id=info.bundle_id, signing_key=key),
        ),
        channel_pb2.ChannelSettings(
            type=channel_pb2.CHANNEL_TYPE_APNS_SANDBOX,
            apns=channel_pb2.ApnsSettings(
                bundle_id=info.bundle_id, certificate=channel_pb2.ApnsCertificate(pem=certificate)
            ),
        ),
        channel_pb2.ChannelSettings(
            type=channel_pb2.CHANNEL_TYPE_FCM,
            fcm=channel_pb2.FcmSettings(
                service_account=channel_pb2.FcmServiceAccount(json=info.files.service_account.read_text())
            ),
        ),
    )
    for settings in wanted:
        await world.channels.UpdateChannel(channel_pb2.UpdateChannelRequest(app_id=app.id, channel=settings))
    return str(app.id)


@asynccontextmanager
async def open_world(
    directory: Path,
    *,
    keys: Path | None = None,
    app: Callable[[World], Awaitable[str]] = make_app,
    **overrides: Any,
) -> AsyncIterator[World]:
    """Start sandbox and server with everything below `directory`; `overrides` are settings of the server.

    `app` makes the app and returns its id.

    Quick, if a folder `keys` is given: the sandbox takes its keys from there, if there are some, and the server finds a
    database with empty tables. Else both are made, as on a new machine.
    """
    if keys is not None and "database_url" not in overrides:
        put_sqlite(directory / "server" / "clarion.db")
    async with Sandbox(keys or directory / "sandbox", record=100) as sandbox:
        files = sandbox.info.files  # a test may end the sandbox
        settings = load(
            sandbox.info.server_env(),
            listen="127.0.0.1:0",
            data_dir=directory / "server",
            shutdown_grace=5,
            **{"authentication": "none", **overrides},
        )
        async with running(settings) as server, grpc.aio.insecure_channel(server.address) as channel:
            world = World(sandbox, *stubs(channel))
            world.running = server
            world.app_id = await app(world)
            yield world
            await asyncio.to_thread(check_left_behind, sandbox, files, settings)
