"""Two server processes on one database: what one changes, the other goes by, within about a second and unasked."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest

from clarion.iam.v1 import iam_pb2_grpc, policies_pb2, principals_pb2
from clarion.v1 import app_pb2, app_pb2_grpc, channel_pb2, error_pb2, quota_pb2, quota_pb2_grpc
from clarion.v1.messaging_pb2 import SendStart, StreamMessagesRequest, Target, TargetBatch
from clarion_server.sandbox import Sandbox, fcm_address
from tests.support.access import channel_with, first_token
from tests.support.process import Process, clarion_server, run_server_command
from tests.support.world import World, make_app, stubs

FCM = channel_pb2.CHANNEL_TYPE_FCM
HANG = 120
_log = logging.getLogger(__name__)
SENDER = principals_pb2.Principal(user_name="sender")


@dataclass
class Site:
    """Two processes, with an app that has channels.

    Attributes:
        admin: a connection of the administrator to the first.
        first: stubs of the administrator at the first.
        second: stubs of the user `sender`, who may send, at the second.
        environment: of both.
    """

    admin: grpc.aio.Channel
    first: World
    second: World
    environment: dict[str, str]

    async def allow(self, effect: str) -> None:
        """Give the sender a policy, at the first."""
        statement = {"Effect": effect, "Action": "mobiletargeting:SendMessages", "Resource": "*"}
        request = policies_pb2.PutInlinePolicyRequest(
            principal=SENDER,
            policy_name="send",
            document=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
        )
        await iam_pb2_grpc.IamServiceStub(self.admin).PutInlinePolicy(request)

    async def send(self, count: int = 1) -> str:
        """Send at the second; return the gRPC status of a call that fails, else the reason of its first result."""
        try:
            results, _ = await self.second.send(start(self.first.app_id), targets(count))
        except grpc.aio.AioRpcError as error:
            return str(error.code().name)
        return error_pb2.ErrorReason.Name(results[0].reason).removeprefix("ERROR_REASON_")


def start(app_id: str) -> SendStart:
    """Return what a send says once."""
    return SendStart(app_id=app_id, message={"default_message": {"body": "B"}})


def targets(count: int, first: int = 0) -> list[Target]:
    """Return targets of devices that get everything."""
    return [Target(address=fcm_address("ok", number), channel_type=FCM) for number in range(first, first + count)]


@pytest.fixture(params=["sqlite", "postgresql"])
async def site(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Site]:
    """Provide two processes."""
    environment = {"CLARION_DATA_DIR": str(tmp_path / "data"), "CLARION_AUTHENTICATION": "required"}
    if request.param == "postgresql":
        environment["CLARION_DATABASE_URL"] = request.getfixturevalue("postgresql").create_database()
    token = first_token(tmp_path / "data", environment)
    async with Sandbox(tmp_path / "sandbox") as sandbox, AsyncExitStack() as channels:
        environment |= sandbox.info.server_env()
        with ExitStack() as stack:
            processes: list[Process] = []
            for number in range(2):
                started = clarion_server(
                    *("serve", "--listen", "127.0.0.1:0"), output=tmp_path / f"log{number}", environment=environment
                )
                processes.append(stack.enter_context(started))
            found = [await asyncio.to_thread(each.wait_for, r"serves gRPC on (\S+:\d+)") for each in processes]
            admin = await channels.enter_async_context(channel_with(found[0][1], token))
            first = World(sandbox, *stubs(admin))
            first.app_id = await make_app(first)
            await iam_pb2_grpc.IamServiceStub(admin).CreateUser(principals_pb2.CreateUserRequest(user_name="sender"))
            sender = (await asyncio.to_thread(command, environment, "tokens", "issue", "--user", "sender")).stdout
            other = await channels.enter_async_context(channel_with(found[1][1], sender.strip()))
            opened = Site(admin, first, World(sandbox, *stubs(other)), environment)
            await opened.allow("Allow")
            await until(opened.send, "UNSPECIFIED")
            yield opened
            for process in processes:
                process.send(signal.SIGTERM)
            for process in processes:
                assert await asyncio.to_thread(process.wait) == 0, process.text()
                assert "Traceback" not in process.text()


def command(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `clarion-server` with the servers' settings to its end."""
    ended = run_server_command(*arguments, environment=environment)
    assert ended.returncode == 0, ended.stderr
    return ended


async def until(ask: Callable[[], Awaitable[str]], expected: str) -> float:
    """Ask until the answer is the expected one; return the seconds that it took."""
    began = time.monotonic()
    async with asyncio.timeout(HANG):
        while await ask() != expected:  # noqa: ASYNC110 - another process brings it about
            await asyncio.sleep(0.02)
    return time.monotonic() - began


async def follow_tags(site: Site) -> None:
    """Check that a condition on the app's tag follows the tag that the other process sets and takes away."""
    statement = {
        "Effect": "Deny",
        "Action": "*",
        "Resource": "*",
        "Condition": {"StringEquals": {"aws:ResourceTag/closed": "yes"}},
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    await iam_pb2_grpc.IamServiceStub(site.admin).PutInlinePolicy(
        policies_pb2.PutInlinePolicyRequest(principal=SENDER, policy_name="closed", document=document)
    )
    apps = app_pb2_grpc.AppServiceStub(site.admin)
    app_id = site.first.app_id
    assert await site.send() == "UNSPECIFIED"
    await apps.TagApp(app_pb2.TagAppRequest(app_id=app_id, tags={"closed": "yes"}))
    await until(site.send, "PERMISSION_DENIED")
    await apps.UntagApp(app_pb2.UntagAppRequest(app_id=app_id, tag_keys=["closed"]))
    await until(site.send, "UNSPECIFIED")


async def test_changes_at_one_server_count_at_the_other(site: Site) -> None:
    """Policies, tags, quotas and channels that one process changes decide at the other one, back and forth."""
    quotas = quota_pb2_grpc.QuotaServiceStub(site.admin)
    app_id = site.first.app_id
    took: dict[str, float] = {}
    for _ in range(3):
        await site.allow("Deny")
        took["policy denied"] = await until(site.send, "PERMISSION_DENIED")
        await site.allow("Allow")
        took["policy allowed"] = await until(site.send, "UNSPECIFIED")
        limits = quota_pb2.Quotas(targets_per_call=1)
        await quotas.UpdateQuotas(quota_pb2.UpdateQuotasRequest(app_id=app_id, quotas=limits))
        took["quota set"] = await until(lambda: site.send(2), "RESOURCE_EXHAUSTED")
        limits = quota_pb2.Quotas(targets_per_call=10)
        await quotas.UpdateQuotas(quota_pb2.UpdateQuotasRequest(app_id=app_id, quotas=limits))
        took["quota raised"] = await until(lambda: site.send(2), "UNSPECIFIED")
        for enabled, expected in ((False, "CHANNEL_DISABLED"), (True, "UNSPECIFIED")):
            settings = channel_pb2.ChannelSettings(type=FCM, enabled=enabled)
            await site.first.channels.UpdateChannel(channel_pb2.UpdateChannelRequest(app_id=app_id, channel=settings))
            took[f"channel enabled {enabled}"] = await until(site.send, expected)
    await follow_tags(site)
    _log.info("seconds until it was seen: %s", {what: round(seconds, 2) for what, seconds in took.items()})


async def test_a_rotated_key_counts_at_both(site: Site) -> None:
    """After `keys rotate` and the removal of the old key, both go on, and read what the other one seals."""
    old = (await asyncio.to_thread(command, site.environment, "keys", "list")).stdout.split()[0]
    new = (await asyncio.to_thread(command, site.environment, "keys", "rotate")).stdout.strip()
    await asyncio.to_thread(command, site.environment, "keys", "remove", old)
    account = channel_pb2.FcmServiceAccount(json=site.first.sandbox.info.files.service_account.read_text())
    settings = channel_pb2.ChannelSettings(type=FCM, fcm=channel_pb2.FcmSettings(service_account=account))
    for _ in range(2):
        await site.first.channels.DeleteChannel(channel_pb2.DeleteChannelRequest(app_id=site.first.app_id, type=FCM))
        await until(site.send, "CHANNEL_NOT_FOUND")
        await site.first.channels.UpdateChannel(
            channel_pb2.UpdateChannelRequest(app_id=site.first.app_id, channel=settings)
        )
        await until(site.send, "UNSPECIFIED")
    listed = (await asyncio.to_thread(command, site.environment, "keys", "list")).stdout
    assert listed.split()[:2] == [new, "active"]
    assert old not in listed


async def test_a_policy_withdrawn_at_one_server_stops_a_stream_at_the_other(site: Site) -> None:
    """Targets after that get results that say so; the summary counts them all."""
    stopped = asyncio.Event()
    withdrawn = asyncio.Event()

    async def frames() -> AsyncIterator[StreamMessagesRequest]:
        yield StreamMessagesRequest(start=start(site.first.app_id))
        number = 0
        while not stopped.is_set():
            yield StreamMessagesRequest(targets=TargetBatch(targets=targets(5, number)))
            number += 5
            await asyncio.sleep(0.05)
        yield StreamMessagesRequest(targets=TargetBatch(targets=targets(100, number)))

    reasons: list[str] = []
    total = 0
    async with asyncio.timeout(HANG):
        async for event in site.second.messaging.StreamMessages(frames()):
            if event.results.results and not withdrawn.is_set():
                withdrawn.set()
                await site.allow("Deny")
            reasons += [error_pb2.ErrorReason.Name(each.reason) for each in event.results.results]
            if reasons and reasons[-1] == "ERROR_REASON_PERMISSION_WITHDRAWN":
                stopped.set()
            total = max(total, event.summary.total)
    assert set(reasons) == {"ERROR_REASON_UNSPECIFIED", "ERROR_REASON_PERMISSION_WITHDRAWN"}
    assert total == len(reasons)
    assert await site.send() == "PERMISSION_DENIED"
