"""A server that asks who calls, while its database is away or hangs: known callers go on sending."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from clarion.iam.v1 import iam_pb2_grpc, policies_pb2
from clarion.v1 import app_pb2, app_pb2_grpc, channel_pb2
from clarion.v1.messaging_pb2 import SendStart, Target
from clarion_server.sandbox import Sandbox, fcm_address
from tests.support.access import channel_with, first_token
from tests.support.postgresql import PostgreSQL, postgresql_server
from tests.support.process import clarion_server
from tests.support.world import World, make_app, stubs

HANG = 120


@pytest.fixture
def postgresql_of_its_own() -> Iterator[PostgreSQL]:
    """Provide a PostgreSQL that the test may stop."""
    with postgresql_server() as server:
        yield server


async def sent(world: World) -> bool:
    """Send to one device; return whether it was accepted."""
    start = SendStart(app_id=world.app_id, message={"default_message": {"body": "B"}})
    target = Target(address=fcm_address("ok", 1), channel_type=channel_pb2.CHANNEL_TYPE_FCM)
    async with asyncio.timeout(HANG):
        results, _ = await world.send(start, [target])
    return results[0].delivery_status == 1


async def close(world: World, channel: grpc.aio.Channel, *, closed: bool) -> None:
    """Deny everybody to send, or take that back, by a policy of the app."""
    iam = iam_pb2_grpc.IamServiceStub(channel)
    if not closed:
        await iam.DeleteAppPolicy(policies_pb2.DeleteAppPolicyRequest(app_id=world.app_id))
        return
    statement = {"Effect": "Deny", "Principal": "*", "Action": "mobiletargeting:SendMessages", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    await iam.PutAppPolicy(policies_pb2.PutAppPolicyRequest(app_id=world.app_id, document=document))


async def test_known_callers_go_on(tmp_path: Path, postgresql_of_its_own: PostgreSQL) -> None:
    """While it is away, and while it hangs, calls are let in and denied by what is known; afterwards changes count."""
    database = postgresql_of_its_own
    environment = {"CLARION_AUTHENTICATION": "required", "CLARION_DATABASE_URL": database.create_database()}
    token = first_token(tmp_path / "data", environment)
    async with Sandbox(tmp_path / "sandbox") as sandbox:
        environment |= sandbox.info.server_env()
        arguments = ("serve", "--listen", "127.0.0.1:0", "--data-dir", str(tmp_path / "data"))
        with clarion_server(*arguments, output=tmp_path / "log", environment=environment) as server:
            address = (await asyncio.to_thread(server.wait_for, r"serves gRPC on (\S+:\d+)"))[1]
            async with channel_with(address, token) as channel, channel_with(address, "none") as nobody:
                world = World(sandbox, *stubs(channel))
                world.app_id = await make_app(world)
                assert await sent(world)
                for hang in (False, True):
                    if hang:
                        database.freeze(signal.SIGSTOP)
                    else:
                        database.stop(signal.SIGINT)
                    try:
                        for _ in range(3):
                            await asyncio.sleep(1.1)  # what is known is older than a second each time
                            assert await sent(world)
                        with pytest.raises(grpc.aio.AioRpcError) as caught:
                            await app_pb2_grpc.AppServiceStub(nobody).ListApps(app_pb2.ListAppsRequest())
                        assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
                    finally:
                        if hang:
                            database.freeze(signal.SIGCONT)
                        else:
                            database.start()
                    await close(world, channel, closed=True)
                    with pytest.raises(grpc.aio.AioRpcError) as caught:
                        await sent(world)
                    assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED
                    await close(world, channel, closed=False)
                    assert await sent(world)
            server.send(signal.SIGTERM)
            assert await asyncio.to_thread(server.wait) == 0
            assert "Traceback" not in server.text()
            assert token not in server.text()
