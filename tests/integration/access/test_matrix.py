"""Every RPC that the server has, called by everybody who may not, and by one who may."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import descriptor_pool, message_factory
from google.protobuf.message import Message

from clarion.v1 import app_pb2, app_pb2_grpc, channel_pb2
from clarion.v1.messaging_pb2 import SendStart
from clarion_server.access.actions import ACTIONS, RULES
from clarion_server.access.signing_keys import create_signing_keys
from clarion_server.access_model import CredentialType
from clarion_server.app import own_tokens
from clarion_server.iam_model import PrincipalKind, PrincipalRef
from clarion_server.rpc.audited import PARAMETERS
from clarion_server.rpc.server import SERVICE_NAMES
from tests.support.access import ALLOW_ALL, Guarded, bearer, open_guarded, reason_of

TAG = {"StringEquals": {"aws:ResourceTag/team": "a"}}
USERS: dict[str, Any] = {
    "admin": ALLOW_ALL,
    "denied": [ALLOW_ALL, {"Effect": "Deny", "Action": "*", "Resource": "*"}],
    # To be narrowed to an app of its own when there is one.
    "neighbour": {"Effect": "Allow", "Action": "*", "Resource": "arn:aws:mobiletargeting:*:*:apps/none"},
    "tagged": {**ALLOW_ALL, "Condition": TAG},
}
ROLE = "arn:aws:iam::000000000000:role/role"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"AWS": "000000000000"}, "Action": "sts:*"}],
}
# Who one is, everybody may ask, as at AWS: not even an explicit denial keeps anybody from it.
FREE = "clarion.iam.v1.IamService/GetCallerIdentity"
UNAUTHENTICATED, DENIED = grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED
# What each case must end with: status, reason, who is in the audit record.
CASES = {
    "no identity": (UNAUTHENTICATED, "TOKEN_REQUIRED", "anonymous"),
    "expired": (UNAUTHENTICATED, "TOKEN_EXPIRED", "anonymous"),
    "wrong audience": (UNAUTHENTICATED, "TOKEN_INVALID", "anonymous"),
    "wrong key": (UNAUTHENTICATED, "TOKEN_INVALID", "anonymous"),
    "explicit deny": (DENIED, "ACCESS_DENIED", "denied"),
    "other app": (DENIED, "ACCESS_DENIED", "neighbour"),
    "missing tag": (DENIED, "ACCESS_DENIED", "tagged"),
    "allowed": (grpc.StatusCode.OK, "", "admin"),
}


@dataclasses.dataclass(frozen=True)
class Method:
    """An RPC of the server, found by its description."""

    service: str
    name: str
    request_type: Any
    response_type: Any
    streams_in: bool
    streams_out: bool

    @property
    def full_name(self) -> str:
        return f"{self.service}/{self.name}"

    async def call(self, channel: grpc.aio.Channel, request: Message, metadata: Any) -> tuple[grpc.StatusCode, Any]:
        """Call it; return the status, and the call or its error."""
        coders = {
            "request_serializer": self.request_type.SerializeToString,
            "response_deserializer": self.response_type.FromString,
        }
        path = f"/{self.full_name}"
        if self.streams_in:
            call: Any = channel.stream_stream(path, **coders)(iter([request]), metadata=metadata)
        elif self.streams_out:
            call = channel.unary_stream(path, **coders)(request, metadata=metadata)
        else:
            call = channel.unary_unary(path, **coders)(request, metadata=metadata)
        try:
            if self.streams_out:
                async for _ in call:
                    pass
            else:
                await call
        except grpc.aio.AioRpcError as error:
            return error.code(), error
        return await call.code(), call


def methods() -> Iterator[Method]:
    """Yield every RPC of the services that the server serves."""
    pool = descriptor_pool.Default()
    for name in SERVICE_NAMES:
        service = pool.FindServiceByName(name)
        for method in service.methods:
            yield Method(
                name,
                method.name,
                message_factory.GetMessageClass(method.input_type),
                message_factory.GetMessageClass(method.output_type),
                method.client_streaming,
                method.server_streaming,
            )


ALL = {method.full_name: method for method in methods()}


@pytest.fixture
async def guarded(tmp_path: Path) -> AsyncIterator[Guarded]:
    """Provide a server with the users of the matrix."""
    async with open_guarded(tmp_path, USERS) as opened:
        role = PrincipalRef(PrincipalKind.ROLE, "role")
        await opened.iam.create_principal(role, tags={}, trust_policy=json.dumps(TRUST))
        yield opened


async def make_app(guarded: Guarded) -> str:
    """Make an app with an FCM channel, without credentials."""
    stub = app_pb2_grpc.AppServiceStub(guarded.channel)
    admin = guarded.metadata("admin")
    app_id = (await stub.CreateApp(app_pb2.CreateAppRequest(name="x", tags={"k": "v"}), metadata=admin)).app.id
    update = ALL["clarion.v1.ChannelService/UpdateChannel"]
    code, told = await update.call(guarded.channel, request_for(update, app_id), admin)
    assert code is grpc.StatusCode.OK, told
    return str(app_id)


def request_for(method: Method, app_id: str) -> Any:
    """Return a request about an app: one that is right as far as this test knows how, for any method."""
    request: Any = method.request_type()
    fields = request.DESCRIPTOR.fields_by_name
    if "app_id" in fields:
        request.app_id = app_id
    if "start" in fields:
        request.start.CopyFrom(SendStart(app_id=app_id))
        request.start.message.default_message.body = "b"
    if "targets" in fields and not method.streams_in:
        request.targets.add(address="d", channel_type=channel_pb2.CHANNEL_TYPE_FCM)
    if "channel" in fields:
        request.channel.type = channel_pb2.CHANNEL_TYPE_FCM
        request.channel.enabled = True
    if "type" in fields and "app_id" in fields:
        request.type = channel_pb2.CHANNEL_TYPE_FCM
    if "name" in fields:
        request.name = "y"
    if "role_arn" in fields:
        request.role_arn = ROLE
        request.session_name = "session"
    if "quotas" in fields:
        request.quotas.burst = 1000
    if "tags" in fields:
        request.tags["k"] = "v"
    if "tag_keys" in fields:
        request.tag_keys.append("k")
    return request


def test_every_rpc_has_an_action_and_audited_fields() -> None:
    """An RPC without an action, or without a list of the fields that its audit record shows, is found here."""
    assert set(ALL) == set(RULES)
    assert {method.request_type.DESCRIPTOR.full_name for method in ALL.values()} == set(PARAMETERS)


def metadata_of(guarded: Guarded, case: str, elsewhere: Path) -> Any:
    """Return the metadata of a case's calls."""
    admin = guarded.identity("admin")
    if case == "no identity":
        return ()
    if case == "expired":
        return bearer(own_tokens(guarded.settings).issue(admin, -60)[0])
    if case == "wrong audience":
        other = guarded.settings.model_copy(update={"token_audience": "elsewhere"})
        return bearer(own_tokens(other).issue(admin, 600)[0])
    if case == "wrong key":
        other = guarded.settings.model_copy(update={"signing_keys_file": elsewhere / "other.json"})
        create_signing_keys(other.signing_keys)
        return bearer(own_tokens(other).issue(admin, 600)[0])
    return guarded.metadata(CASES[case][2])


@pytest.mark.parametrize("case", CASES)
async def test_matrix(guarded: Guarded, case: str, tmp_path: Path) -> None:
    """Every RPC ends as it must for this caller, and leaves exactly one audit record that says so."""
    expected, reason, who = CASES[case]
    metadata = metadata_of(guarded, case, tmp_path)
    app_id = ""
    for method in ALL.values():
        if not app_id or method.service == "clarion.v1.AppService":
            app_id = await make_app(guarded)
        before = len(guarded.audit.records)
        code, told = await method.call(guarded.channel, request_for(method, app_id), metadata)
        context = f"{method.full_name}: {told}"
        (record,) = guarded.audit.records[before:]
        trailers = (
            told.trailing_metadata() if isinstance(told, grpc.aio.AioRpcError) else await told.trailing_metadata()
        )
        assert dict(trailers)["x-clarion-request-id"] == record.id, context
        if case == "allowed" and method.service != "clarion.v1.AppService" and code is not grpc.StatusCode.OK:
            # Let in; this test's request was not good enough for the method.
            assert code not in {UNAUTHENTICATED, DENIED, grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN}, context
            assert not method.service.startswith("clarion.v1."), context
        elif method.full_name == FREE and expected is DENIED:
            assert code is grpc.StatusCode.OK, context
        else:
            assert code is expected, context
            assert (reason_of(told) if reason else "") == reason, context
        assert record.outcome == code.name, context
        assert record.method == method.full_name
        assert record.identity.arn == ("anonymous" if who == "anonymous" else guarded.identity(who).arn), context
        assert record.identity.credential is (CredentialType.NONE if who == "anonymous" else CredentialType.TOKEN)
        assert (record.source, record.action.partition(":")[0]) != ("", "")
        if code is DENIED:
            words = f"is not authorized to perform: {record.action} on resource: {record.resource} "
            assert words in told.details(), context
            assert record.action in ACTIONS
            assert record.reason == "ERROR_REASON_ACCESS_DENIED"
            ends = "with an explicit deny in an identity-based policy" if case == "explicit deny" else "because no "
            assert ends in told.details(), context


async def test_denials_tell_nothing_about_what_exists(guarded: Guarded) -> None:
    """Who may not gets the same answer about an app that there is and one that there is not, but for the name."""
    app_id = await make_app(guarded)
    for method in ALL.values():
        if method.service.startswith("clarion.v1."):
            answers = set()
            for each in (app_id, "0" * 32):
                code, told = await method.call(
                    guarded.channel, request_for(method, each), guarded.metadata("neighbour")
                )
                answers.add((code, told.details().replace(each, "APP")))
            assert len(answers) == 1, answers


async def test_own_app_and_tag(guarded: Guarded) -> None:
    """A policy for one app lets in to that app only; one for a tag, to apps that have it, from the moment they do."""
    stub = app_pb2_grpc.AppServiceStub(guarded.channel)
    own, other = await make_app(guarded), await make_app(guarded)
    resource = f"arn:aws:mobiletargeting:us-east-1:000000000000:apps/{own}"
    await guarded.put_policy("neighbour", {"Effect": "Allow", "Action": "*", "Resource": [resource, f"{resource}/*"]})
    get = ALL["clarion.v1.AppService/GetApp"]

    async def code(user: str, app_id: str) -> grpc.StatusCode:
        return (await get.call(guarded.channel, request_for(get, app_id), guarded.metadata(user)))[0]

    await changes_are_seen(lambda: code("neighbour", own), grpc.StatusCode.OK)
    assert await code("neighbour", other) is DENIED
    assert await code("tagged", own) is DENIED
    await stub.TagApp(app_pb2.TagAppRequest(app_id=own, tags={"team": "a"}), metadata=guarded.metadata("admin"))
    assert await code("tagged", own) is grpc.StatusCode.OK
    assert await code("tagged", other) is DENIED


async def changes_are_seen(ask: Any, expected: grpc.StatusCode) -> None:
    """Ask until the answer is the expected one: what another process changed is seen within about a second."""
    for _ in range(100):
        if await ask() is expected:
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"never {expected}")
