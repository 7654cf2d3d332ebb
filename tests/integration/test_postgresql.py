"""Real server processes on a real PostgreSQL: several on one database, and what happens when it goes away."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import pytest

from clarion.v1 import app_pb2, channel_pb2, error_pb2
from clarion.v1.channel_pb2 import ChannelSettings, ListChannelsRequest, UpdateChannelRequest
from clarion.v1.messaging_pb2 import Result, SendStart, StreamMessagesRequest, Target, TargetBatch
from clarion_server.sandbox import Sandbox, apns_address, fcm_address
from tests.support.postgresql import PostgreSQL, postgresql_server
from tests.support.process import Process, clarion_server, run_server_command
from tests.support.world import World, make_app, stubs

APNS, FCM = channel_pb2.CHANNEL_TYPE_APNS, channel_pb2.CHANNEL_TYPE_FCM
HANG = 120


@pytest.fixture
def own_postgresql() -> Iterator[PostgreSQL]:
    """Provide a PostgreSQL that the test may stop."""
    with postgresql_server() as server:
        yield server


@dataclass
class Servers:
    """Server processes on one database, each with a connection.

    Attributes:
        processes: them.
        worlds: their stubs, with one sandbox; the first one's `app_id` is an app with channels.
        environment: what they were started with.
        data: their data folder, with the keyring.
    """

    processes: list[Process]
    worlds: list[World]
    environment: dict[str, str]
    data: Path

    async def run(self, *arguments: str) -> str:
        """Run `clarion-server` with these servers' settings to its end and return what it says."""
        ended = await asyncio.to_thread(
            run_server_command,
            *arguments,
            environment={"CLARION_DATA_DIR": str(self.data), **self.environment},
        )
        assert ended.returncode == 0, ended.stderr
        return ended.stdout.strip()


async def servers(directory: Path, url: str, count: int) -> AsyncIterator[Servers]:
    """Start a sandbox and servers that share data folder and database; stop them at the end."""
    data = directory / "data"
    async with Sandbox(directory / "sandbox") as sandbox:
        environment = {**sandbox.info.server_env(), "CLARION_DATABASE_URL": url}
        with ExitStack() as stack:
            processes = [
                stack.enter_context(
                    clarion_server(
                        *("serve", "--listen", "127.0.0.1:0", "--data-dir", str(data)),
                        output=directory / f"log{number}",
                        environment=environment,
                    )
                )
                for number in range(count)
            ]
            addresses = [
                (await asyncio.to_thread(process.wait_for, r"serves gRPC on (\S+:\d+)"))[1] for process in processes
            ]
            channels = [grpc.aio.insecure_channel(address) for address in addresses]
            worlds = [World(sandbox, *stubs(channel)) for channel in channels]
            worlds[0].app_id = await make_app(worlds[0])
            yield Servers(processes, worlds, environment, data)
            for channel in channels:
                await channel.close()
            for process in processes:
                process.send(signal.SIGTERM)
            for process in processes:
                assert await asyncio.to_thread(process.wait) == 0, process.text()
                assert "Traceback" not in process.text()


@pytest.fixture
async def pair(tmp_path: Path, postgresql: PostgreSQL) -> AsyncIterator[Servers]:
    """Provide two servers on one database, started at the same time on an empty one."""
    async for started in servers(tmp_path, postgresql.create_database(), 2):
        yield started


@pytest.fixture
async def single(tmp_path: Path, own_postgresql: PostgreSQL) -> AsyncIterator[Servers]:
    """Provide a server on a PostgreSQL of its own."""
    async for started in servers(tmp_path, own_postgresql.create_database(), 1):
        yield started


def start(app_id: str) -> SendStart:
    """Return what a send says once."""
    return SendStart(app_id=app_id, message={"default_message": {"body": "B"}})


async def one(world: World, app_id: str, channel_type: Any = FCM) -> Result:
    """Send to one device and return its result."""
    address = fcm_address("ok", 1) if channel_type == FCM else apns_address("ok", 1)
    results, _ = await world.send(start(app_id), [Target(address=address, channel_type=channel_type)])
    return results[0]


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait for a condition."""
    async with asyncio.timeout(HANG):
        while not await condition():  # noqa: ASYNC110 - another process brings it about
            await asyncio.sleep(0.02)


async def sends(world: World, app_id: str, *, enabled: bool) -> bool:
    """Return whether a server takes the app's FCM channel for enabled, or disabled."""
    result = await one(world, app_id)
    assert result.delivery_status == 1 or reason_of(result) == "ERROR_REASON_CHANNEL_DISABLED"
    return (result.delivery_status == 1) == enabled


def reason_of(result: Result) -> str:
    """Return the name of a result's reason."""
    return error_pb2.ErrorReason.Name(result.reason)


async def test_servers_see_each_others_changes(pair: Servers) -> None:
    """A channel that one server changes, the other one sends through as changed: disabled, enabled, deleted, new."""
    first, second = pair.worlds
    app_id = first.app_id
    assert (await one(second, app_id)).delivery_status == 1
    for enabled in (False, True, False, True):
        settings = ChannelSettings(type=FCM, enabled=enabled)
        await first.channels.UpdateChannel(UpdateChannelRequest(app_id=app_id, channel=settings))

        await until(partial(sends, second, app_id, enabled=enabled))
    await first.channels.DeleteChannel(channel_pb2.DeleteChannelRequest(app_id=app_id, type=FCM))

    async def gone() -> bool:
        return reason_of(await one(second, app_id)) == "ERROR_REASON_CHANNEL_NOT_FOUND"

    await until(gone)
    await second.apps.DeleteApp(app_pb2.DeleteAppRequest(app_id=app_id))

    async def no_app() -> bool:
        try:
            await one(first, app_id)
        except grpc.aio.AioRpcError as error:
            return error.code() is grpc.StatusCode.NOT_FOUND
        return False

    await until(no_app)


async def test_a_change_stops_a_stream_on_the_other_server(pair: Servers) -> None:
    """A stream that runs on one server ends for the targets of a channel that the other one disables."""
    first, second = pair.worlds
    settings = ChannelSettings(type=FCM, enabled=False)
    seen: list[Result] = []
    disabled = asyncio.Event()

    async def frames() -> AsyncIterator[StreamMessagesRequest]:
        yield StreamMessagesRequest(start=start(first.app_id))
        number = 0
        while not disabled.is_set():
            targets = [Target(address=fcm_address("ok", number + each), channel_type=FCM) for each in range(20)]
            number += 20
            yield StreamMessagesRequest(targets=TargetBatch(targets=targets))
            await asyncio.sleep(0.05)

    async with asyncio.timeout(HANG):
        async for event in second.messaging.StreamMessages(frames()):
            had_some = bool(seen)
            seen += event.results.results
            if seen and not had_some:
                await first.channels.UpdateChannel(UpdateChannelRequest(app_id=first.app_id, channel=settings))
            if any(reason_of(result) == "ERROR_REASON_CHANNEL_DISABLED" for result in event.results.results):
                disabled.set()
    assert {reason_of(result) for result in seen} == {"ERROR_REASON_UNSPECIFIED", "ERROR_REASON_CHANNEL_DISABLED"}


async def fails(call: Awaitable[Any]) -> None:
    """Check that a call says that the database is away, and when to try again."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert "the database does not answer" in str(caught.value.details())
    trailers = dict(caught.value.trailing_metadata() or ())
    assert b"ERROR_REASON_STORE_UNAVAILABLE" in bytes(trailers["grpc-status-details-bin"])


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT])
async def test_a_database_that_goes_away_and_comes_back(
    single: Servers, own_postgresql: PostgreSQL, how: signal.Signals
) -> None:
    """While it is away, known channels send and all else says so; when it is back, all works in the same process."""
    (world,) = single.worlds
    (process,) = single.processes
    unknown = str((await world.apps.CreateApp(app_pb2.CreateAppRequest(name="never sent through"))).app.id)
    assert (await one(world, world.app_id)).delivery_status == 1
    for _ in range(2):
        own_postgresql.stop(how)
        rename = app_pb2.UpdateAppRequest(app_id=world.app_id, name="New")
        await fails(world.apps.UpdateApp(rename))
        await fails(world.channels.ListChannels(ListChannelsRequest(app_id=world.app_id)))
        await fails(one(world, unknown))
        for _ in range(5):
            assert (await one(world, world.app_id)).delivery_status == 1
            assert (await one(world, world.app_id, APNS)).delivery_status == 1
            await asyncio.sleep(0.3)
        assert await single.run("health", "--server", address_of(process)) == "serving"
        own_postgresql.start()
        await world.apps.UpdateApp(rename)
        settings = ChannelSettings(type=FCM, enabled=False)
        await world.channels.UpdateChannel(UpdateChannelRequest(app_id=world.app_id, channel=settings))
        assert reason_of(await one(world, world.app_id)) == "ERROR_REASON_CHANNEL_DISABLED"
        settings.enabled = True
        await world.channels.UpdateChannel(UpdateChannelRequest(app_id=world.app_id, channel=settings))
        assert (await one(world, world.app_id)).delivery_status == 1
    log = process.text()
    assert log.count("the database does not answer") == log.count("the database answers again") == 2
    assert own_postgresql.password not in log


def address_of(process: Process) -> str:
    """Return where a server serves."""
    return process.wait_for(r"serves gRPC on (\S+:\d+)")[1]


async def test_a_database_that_hangs_does_not_stop_sends(single: Servers, own_postgresql: PostgreSQL) -> None:
    """While the database takes connections but answers nothing, known channels send; afterwards all works again."""
    (world,) = single.worlds
    assert (await one(world, world.app_id)).delivery_status == 1
    own_postgresql.freeze(signal.SIGSTOP)
    try:
        for _ in range(4):
            await asyncio.sleep(0.6)
            async with asyncio.timeout(HANG):
                assert (await one(world, world.app_id)).delivery_status == 1
    finally:
        own_postgresql.freeze(signal.SIGCONT)
    await world.apps.UpdateApp(app_pb2.UpdateAppRequest(app_id=world.app_id, name="New"))
    assert (await one(world, world.app_id)).delivery_status == 1


async def test_a_send_outlives_key_rotation_and_database_restarts(single: Servers, own_postgresql: PostgreSQL) -> None:
    """Every address of a stream of 50,000 has its one result though keys rotate and the database restarts meanwhile."""
    total = 50_000
    (world,) = single.worlds
    results: list[Result] = []

    async def upset() -> None:
        old = (await single.run("keys", "list")).split()[0]
        new = await single.run("keys", "rotate")
        for how in (signal.SIGINT, signal.SIGQUIT):
            own_postgresql.stop(how)
            received = len(results)
            await asyncio.sleep(2.0)
            assert len(results) > received, "the stream stood still while the database was away"
            own_postgresql.start()
        await single.run("keys", "remove", old)
        assert (await single.run("keys", "list")).split() == [new, "active", "3", "secrets"]

    async def frames() -> AsyncIterator[StreamMessagesRequest]:
        yield StreamMessagesRequest(start=start(world.app_id))
        first = 0
        while first < total:
            # While keys and database change, slowly, so that the stream lasts as long as that.
            slow = first >= 15_000 and not upsetting.done()
            count = 0 if slow and first >= 45_000 else 50 if slow else min(500, total - first)
            if count:
                yield StreamMessagesRequest(targets=TargetBatch(targets=targets(first, count)))
            first += count
            await asyncio.sleep(0.05 if slow else 0)

    upsetting = asyncio.create_task(upset())
    summary = None
    async with asyncio.timeout(600):
        async for event in world.messaging.StreamMessages(frames()):
            results += event.results.results
            summary = event.summary if event.WhichOneof("event") == "summary" else summary
        await upsetting
    assert summary is not None
    assert summary.total == total
    assert sorted(result.index for result in results) == list(range(total))
    assert [result for result in results if result.delivery_status != 1] == []
    # What is stored opens with the new key, in this process and after a change.
    settings = ChannelSettings(type=FCM, enabled=True)
    await world.channels.UpdateChannel(UpdateChannelRequest(app_id=world.app_id, channel=settings))
    for channel_type in (FCM, APNS):
        assert (await one(world, world.app_id, channel_type)).delivery_status == 1


def targets(first: int, count: int) -> Sequence[Target]:
    """Return targets on three channels in turn."""
    made = []
    for number in range(first, first + count):
        kind = (FCM, APNS, channel_pb2.CHANNEL_TYPE_APNS_SANDBOX)[number % 3]
        address = fcm_address("ok", number) if kind == FCM else apns_address("ok", number)
        made.append(Target(address=address, channel_type=kind))
    return made
