"""What the guard does around a call: audit, streams that lose their permission, health, certificates."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from clarion.v1 import app_pb2, app_pb2_grpc, channel_pb2, error_pb2, messaging_pb2_grpc
from clarion.v1.messaging_pb2 import (
    DELIVERY_STATUS_PERMANENT_FAILURE,
    DELIVERY_STATUS_SUCCESSFUL,
    DELIVERY_STATUS_TEMPORARY_FAILURE,
    SendMessagesRequest,
    SendStart,
    StreamMessagesRequest,
    Target,
    TargetBatch,
)
from clarion_server.iam_model import PrincipalKind, PrincipalRef
from clarion_server.sandbox import Sandbox, fcm_address
from tests.support.access import ALLOW_ALL, Guarded, bearer, open_guarded, reason_of
from tests.support.identities import open_issuer, server_files
from tests.support.world import World, collect, make_app, open_world, stubs

SECRETS = ("-----BEGIN", "private_key", "body-canary", "title-canary")


@asynccontextmanager
async def guarded_world(
    tmp_path: Path, users: dict[str, Any], **overrides: Any
) -> AsyncIterator[tuple[Guarded, World]]:
    """Provide sandbox and server with an app that has channels."""
    async with (
        Sandbox(tmp_path / "sandbox", record=100) as sandbox,
        open_guarded(
            tmp_path, {"admin": ALLOW_ALL, **users}, environment=sandbox.info.server_env(), **overrides
        ) as guarded,
    ):
        interceptor = _Token(guarded)
        async with grpc.aio.insecure_channel(guarded.running.address, interceptors=interceptor.all()) as channel:
            world = World(sandbox, *stubs(channel), running=guarded.running)  # type: ignore[misc]
            world.app_id = await make_app(world)
            yield guarded, world


class _Token(grpc.aio.UnaryUnaryClientInterceptor):
    """Adds an administrator's token to every unary call."""

    def __init__(self, guarded: Guarded) -> None:
        self._metadata = guarded.metadata("admin")

    def all(self) -> list[Any]:
        """Return it as a list of interceptors."""
        return [self]

    async def intercept_unary_unary(self, continuation: Any, details: Any, request: Any) -> Any:
        return await continuation(details._replace(metadata=grpc.aio.Metadata(*self._metadata)), request)


def start_of(app_id: str) -> SendStart:
    """Return the start of a send whose content must not be recorded."""
    start = SendStart(app_id=app_id, trace_id="trace-1")
    start.message.default_push_message.title = "title-canary"
    start.message.default_message.body = "body-canary"
    return start


def targets(count: int, first: int = 0) -> list[Target]:
    """Return targets of devices that get everything."""
    return [
        Target(address=fcm_address("ok", number), channel_type=channel_pb2.CHANNEL_TYPE_FCM)
        for number in range(first, first + count)
    ]


async def test_audit_of_a_send(tmp_path: Path) -> None:
    """A send's record has counts by status and the shape of the request, but no address, content or credential."""
    async with guarded_world(tmp_path, {}) as (guarded, world):
        request = SendMessagesRequest(start=start_of(world.app_id), targets=targets(7))
        call = world.messaging.SendMessages(request, metadata=guarded.metadata("admin"))
        await collect(call)
        record = guarded.audit.by_id(str(dict(await call.trailing_metadata())["x-clarion-request-id"]))
        assert record.counts == {"successful": 7}
        assert record.parameters == {
            "start.app_id": world.app_id,
            "start.trace_id": "trace-1",
            "start.message": True,
            "targets": 7,
        }
        assert (record.app_id, record.action) == (world.app_id, "mobiletargeting:SendMessages")
        assert record.duration > 0
        assert "grpc" in record.user_agent
        everything = repr(guarded.audit.records)
        info = world.sandbox.info
        secrets = [
            *SECRETS,
            *(target.address for target in targets(7)),
            info.files.apns_key.read_text().splitlines()[1],
            json.loads(info.files.service_account.read_text())["private_key"].splitlines()[1],
            guarded.metadata("admin")[0][1],
        ]
        assert "apns.signing_key" in everything, "the records of UpdateChannel are there"
        for secret in secrets:
            assert secret not in everything


async def test_who_changed_a_channel(tmp_path: Path) -> None:
    """A channel tells the ARN of who changed it."""
    async with guarded_world(tmp_path, {}) as (guarded, world):
        request = channel_pb2.GetChannelRequest(app_id=world.app_id, type=channel_pb2.CHANNEL_TYPE_FCM)
        channel = (await world.channels.GetChannel(request)).channel
        assert channel.updated_by == guarded.identity("admin").arn


async def stopped_stream(guarded: Guarded, world: World, metadata: Any, stop: Any) -> tuple[list[Any], Any, list[str]]:
    """Stream targets until the permission has gone, then some more; return results, summary, and reasons."""
    begun, stopped = asyncio.Event(), asyncio.Event()

    async def frames() -> AsyncIterator[StreamMessagesRequest]:
        yield StreamMessagesRequest(start=start_of(world.app_id))
        # One answers after two seconds: a call that waits for nothing would be ended as an idle one.
        slow = Target(address=fcm_address("slow", 49), channel_type=channel_pb2.CHANNEL_TYPE_FCM)
        yield StreamMessagesRequest(targets=TargetBatch(targets=[*targets(49), slow]))
        await begun.wait()  # else it could be gone before it was asked for
        await stop()
        number = 50
        while not stopped.is_set():
            yield StreamMessagesRequest(targets=TargetBatch(targets=targets(1, number)))
            number += 1
            await asyncio.sleep(0.02)
        yield StreamMessagesRequest(targets=TargetBatch(targets=targets(500, number)))

    call = world.messaging.StreamMessages(frames(), metadata=metadata)
    results: list[Any] = []
    summary = None
    async for event in call:
        results += event.results.results
        if results:
            begun.set()
        if any(result.reason for result in event.results.results):
            stopped.set()
        if event.HasField("summary"):
            summary = event.summary
    results.sort(key=lambda result: result.index)
    assert await call.code() is grpc.StatusCode.OK
    reasons = [error_pb2.ErrorReason.Name(result.reason) for result in results]
    return results, summary, reasons


@pytest.mark.parametrize("why", ["expired", "withdrawn", "user removed"])
async def test_a_stream_stops_when_its_caller_may_not_any_more(tmp_path: Path, why: str) -> None:
    """What was sent before has its result, everything after it a result that says why, and the summary counts both."""
    async with guarded_world(tmp_path, {"sender": ALLOW_ALL}, token_leeway=0.0) as (guarded, world):

        async def stop() -> None:
            if why == "withdrawn":
                await guarded.put_policy("sender")
            elif why == "user removed":
                await guarded.iam.delete_principal(PrincipalRef(PrincipalKind.USER, "sender"), force=True)

        metadata = guarded.metadata("sender", 2 if why == "expired" else 600)
        results, summary, reasons = await stopped_stream(guarded, world, metadata, stop)
        expected = "ERROR_REASON_CALLER_EXPIRED" if why == "expired" else "ERROR_REASON_PERMISSION_WITHDRAWN"
        first = reasons.index(expected)
        assert first >= 50
        assert {result.delivery_status for result in results[:first]} == {DELIVERY_STATUS_SUCCESSFUL}
        assert set(reasons[first:]) == {expected}
        status = DELIVERY_STATUS_TEMPORARY_FAILURE if why == "expired" else DELIVERY_STATUS_PERMANENT_FAILURE
        assert {result.delivery_status for result in results[first:]} == {status}
        assert len(reasons[first:]) >= 500
        assert [result.index for result in results] == list(range(len(results)))
        assert summary.total == len(results)
        with pytest.raises(grpc.aio.AioRpcError):
            await collect(
                world.messaging.SendMessages(
                    SendMessagesRequest(start=start_of(world.app_id), targets=targets(1)), metadata=metadata
                )
            )


@pytest.mark.parametrize("why", ["expired", "withdrawn"])
async def test_an_idle_stream_ends_when_its_caller_may_not_any_more(tmp_path: Path, why: str) -> None:
    """It ends as a new call would, after its results, although its client sends nothing; the record says so."""
    async with guarded_world(tmp_path, {"sender": ALLOW_ALL}, token_leeway=0.0) as (guarded, world):
        metadata = guarded.metadata("sender", 2 if why == "expired" else 600)
        call: Any = world.messaging.StreamMessages(metadata=metadata)
        await call.write(StreamMessagesRequest(start=start_of(world.app_id)))
        await call.write(StreamMessagesRequest(targets=TargetBatch(targets=targets(20))))
        seen = 0
        with pytest.raises(grpc.aio.AioRpcError) as caught:  # noqa: PT012 - what came before the error counts
            async for event in call:
                seen += len(event.results.results)
                if seen == 20 and why == "withdrawn":
                    await guarded.put_policy("sender")
        assert seen == 20
        assert reason_of(caught.value) == ("TOKEN_EXPIRED" if why == "expired" else "ACCESS_DENIED")
        record = guarded.audit.by_id(str(dict(caught.value.trailing_metadata())["x-clarion-request-id"]))
        assert record.outcome == ("UNAUTHENTICATED" if why == "expired" else "PERMISSION_DENIED")
        assert record.counts == {"successful": 20}


async def test_a_denied_stream_tells_why_although_its_client_writes(tmp_path: Path) -> None:
    """A client that goes on writing to a denied stream sees PERMISSION_DENIED, not a broken stream."""
    async with open_guarded(tmp_path, {"nobody": []}) as guarded:

        async def frames() -> AsyncIterator[StreamMessagesRequest]:
            yield StreamMessagesRequest(start=SendStart(app_id="0" * 32))
            for _ in range(200):
                yield StreamMessagesRequest(targets=TargetBatch(targets=targets(100)))

        stub = messaging_pb2_grpc.MessagingServiceStub(guarded.channel)
        for metadata, reason in ((guarded.metadata("nobody"), "ACCESS_DENIED"), (None, "TOKEN_REQUIRED")):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await collect(stub.StreamMessages(frames(), metadata=metadata))
            assert reason_of(caught.value) == reason


async def test_records_of_calls_that_end_otherwise(tmp_path: Path) -> None:
    """A wrong request, and one that is no protobuf, have records with what they ended with."""
    async with open_guarded(tmp_path, {"admin": ALLOW_ALL}) as guarded:
        admin = guarded.metadata("admin")
        apps = app_pb2_grpc.AppServiceStub(guarded.channel)
        with pytest.raises(grpc.aio.AioRpcError):
            await apps.CreateApp(app_pb2.CreateAppRequest(), metadata=admin)
        raw: Any = guarded.channel.unary_unary("/clarion.v1.AppService/CreateApp")
        for metadata in (admin, ()):
            with pytest.raises(grpc.aio.AioRpcError):
                await raw(b"\xff\xff", metadata=metadata)
        with pytest.raises(grpc.aio.AioRpcError):
            await apps.GetApp(app_pb2.GetAppRequest(app_id="f" * 64), metadata=admin)
        told = [(record.outcome, record.reason.removeprefix("ERROR_REASON_")) for record in guarded.audit.records]
        assert told == [
            ("INVALID_ARGUMENT", "REQUEST_INVALID"),
            ("INVALID_ARGUMENT", "REQUEST_INVALID"),
            ("UNAUTHENTICATED", "TOKEN_REQUIRED"),
            ("NOT_FOUND", "APP_NOT_FOUND"),
        ]
        # An id that cannot be one may be a device's address, given by mistake.
        assert "f" * 64 not in repr(guarded.audit.records)
        assert [record.identity.name for record in guarded.audit.records] == ["admin", "admin", "", "admin"]


async def test_record_of_a_send_that_its_caller_leaves(tmp_path: Path) -> None:
    """A send whose caller leaves, or whose time is over, is recorded as such, with the counts until then."""
    async with guarded_world(tmp_path, {}) as (guarded, world):
        silent = Target(address=fcm_address("silent", 1), channel_type=channel_pb2.CHANNEL_TYPE_FCM)
        request = SendMessagesRequest(start=start_of(world.app_id), targets=[*targets(3), silent])
        before = len(guarded.audit.records)
        call = world.messaging.SendMessages(request, metadata=guarded.metadata("admin"))
        async for event in call:
            if event.results.results:
                break
        call.cancel()
        while len(guarded.audit.records) == before:  # noqa: ASYNC110 - a list has no event
            await asyncio.sleep(0.01)
        record = guarded.audit.records[before]
        assert (record.outcome, record.reason) == ("CANCELLED", "")
        assert record.counts == {"successful": 3}


async def test_health_and_reflection_ask_nobody(tmp_path: Path) -> None:
    """Health checks and grpcurl's questions about the API are answered without a token, and leave no record."""
    async with open_guarded(tmp_path, {}) as guarded:
        health: Any = health_pb2_grpc.HealthStub(guarded.channel)
        answer = await health.Check(health_pb2.HealthCheckRequest())
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
        request = reflection_pb2.ServerReflectionRequest(list_services="")
        channel: Any = guarded.channel
        stub: Any = reflection_pb2_grpc.ServerReflectionStub(channel)
        async for reflected in stub.ServerReflectionInfo(iter([request])):
            assert "clarion.v1.AppService" in str(reflected)
        assert not guarded.audit.records


async def test_client_certificate_is_the_caller(tmp_path: Path) -> None:
    """Over mTLS, without a token, the certificate's user is who calls; policies see a secure transport."""
    files = server_files(tmp_path / "tls")
    secure = {**ALLOW_ALL, "Condition": {"Bool": {"aws:SecureTransport": "true"}}}
    certificate, key = files.authority.issue("ignored", uris=("spiffe://prod/ann",))
    async with open_guarded(tmp_path, {"ann": secure}, **files.settings(client_certificates=True)) as guarded:
        port = guarded.running.address.rpartition(":")[2]
        credentials = grpc.ssl_channel_credentials(files.authority.pem, key, certificate)
        async with grpc.aio.secure_channel(f"localhost:{port}", credentials) as channel:
            stub = app_pb2_grpc.AppServiceStub(channel)
            await stub.ListApps(app_pb2.ListAppsRequest())
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await stub.ListApps(app_pb2.ListAppsRequest(), metadata=bearer("nonsense"))
            assert reason_of(caught.value) == "TOKEN_INVALID"
        (record, _) = guarded.audit.records
        assert record.identity.arn == guarded.identity("ann").arn
        assert record.identity.credential.value == "client_certificate"


async def test_optional_client_certificates(tmp_path: Path) -> None:
    """Clients with certificates use the second address, and must have one there; the first takes tokens."""
    files = server_files(tmp_path / "tls")
    certificate, key = files.authority.issue("ann")
    chosen = files.settings(client_certificates=True) | {
        "tls_client_certificates": "optional",
        "client_certificate_listen": "127.0.0.1:0",
    }
    async with open_guarded(tmp_path, {"ann": ALLOW_ALL}, **chosen) as guarded:

        async def ask(address: str, certificate: bytes | None, key: bytes | None, metadata: Any) -> str:
            target = f"localhost:{address.rpartition(':')[2]}"
            credentials = grpc.ssl_channel_credentials(files.authority.pem, key, certificate)
            async with grpc.aio.secure_channel(target, credentials) as channel:
                stub = app_pb2_grpc.AppServiceStub(channel)
                try:
                    await stub.ListApps(app_pb2.ListAppsRequest(), metadata=metadata, timeout=5)
                except grpc.aio.AioRpcError as error:
                    return error.code().name
                return "OK"

        first, second = guarded.running.address, guarded.running.server.client_address
        assert await ask(first, None, None, guarded.metadata("ann")) == "OK"
        assert await ask(first, certificate, key, None) == "UNAUTHENTICATED"
        assert await ask(second, certificate, key, None) == "OK"
        assert await ask(second, None, None, guarded.metadata("ann")) == "UNAVAILABLE"


async def test_tokens_of_another_issuer(tmp_path: Path) -> None:
    """A token of a trusted issuer lets its user in; when the issuer's keys cannot be had, the call is unavailable."""
    async with open_issuer() as source:
        source.answers = False
        async with open_guarded(tmp_path, {"ann": ALLOW_ALL}, issuers=[source.settings()]) as guarded:
            stub = app_pb2_grpc.AppServiceStub(guarded.channel)
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await stub.ListApps(app_pb2.ListAppsRequest(), metadata=bearer(source.token()))
            assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
            assert reason_of(caught.value) == "IDENTITY_UNAVAILABLE"
        source.answers = True
        async with open_guarded(tmp_path / "2", {"ann": ALLOW_ALL}, issuers=[source.settings()]) as guarded:
            stub = app_pb2_grpc.AppServiceStub(guarded.channel)
            await stub.ListApps(app_pb2.ListAppsRequest(), metadata=bearer(source.token()))
            (record,) = guarded.audit.records
            assert (record.identity.name, record.identity.credential.value) == ("ann", "oidc_token")


async def test_without_authentication(tmp_path: Path, sandbox_keys: Path) -> None:
    """A server without authentication lets everybody in as nobody in particular, also with a token, and records it."""
    async with open_world(tmp_path, keys=sandbox_keys) as world:
        channels = await world.channels.ListChannels(
            channel_pb2.ListChannelsRequest(app_id=world.app_id), metadata=bearer("anything")
        )
        assert {channel.updated_by for channel in channels.channels} == {"anonymous"}


async def test_two_headers(tmp_path: Path) -> None:
    """Of two authorization headers none is believed."""
    async with open_guarded(tmp_path, {"admin": ALLOW_ALL}) as guarded:
        stub = app_pb2_grpc.AppServiceStub(guarded.channel)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.ListApps(app_pb2.ListAppsRequest(), metadata=guarded.metadata("admin") * 2)
        assert reason_of(caught.value) == "TOKEN_INVALID"


async def test_unix_socket(tmp_path: Path) -> None:
    """Over a Unix socket calls are authenticated like others; there is no address, which conditions see as absent."""
    local = {**ALLOW_ALL, "Condition": {"Null": {"aws:SourceIp": "true"}}}
    with tempfile.TemporaryDirectory(dir="/tmp") as short:  # such a path has at most 107 characters
        async with open_guarded(tmp_path, {"ann": local}, listen=f"unix:{short}/c.sock") as guarded:
            stub = app_pb2_grpc.AppServiceStub(guarded.channel)
            await stub.ListApps(app_pb2.ListAppsRequest(), metadata=guarded.metadata("ann"))
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await stub.ListApps(app_pb2.ListAppsRequest())
            assert reason_of(caught.value) == "TOKEN_REQUIRED"
            assert [record.source for record in guarded.audit.records] == ["unix", "unix"]


async def test_source_address(tmp_path: Path) -> None:
    """Conditions on the caller's address see the one of its connection."""
    here = {**ALLOW_ALL, "Condition": {"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}}}
    there = {**ALLOW_ALL, "Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}}
    async with open_guarded(tmp_path, {"here": here, "there": there}) as guarded:
        stub = app_pb2_grpc.AppServiceStub(guarded.channel)
        await stub.ListApps(app_pb2.ListAppsRequest(), metadata=guarded.metadata("here"))
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.ListApps(app_pb2.ListAppsRequest(), metadata=guarded.metadata("there"))
        assert reason_of(caught.value) == "ACCESS_DENIED"
        assert [record.source for record in guarded.audit.records] == ["127.0.0.1", "127.0.0.1"]
