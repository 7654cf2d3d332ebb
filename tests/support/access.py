"""A server that asks who calls, with users whom a test gives policies."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from clarion_server.access.names import user_arn
from clarion_server.access.signing_keys import create_signing_keys
from clarion_server.access_model import CredentialType, Identity, IdentityKind
from clarion_server.app import Running, own_tokens, running
from clarion_server.iam_model import PrincipalKind, PrincipalRef
from clarion_server.settings import Settings, load
from clarion_server.store import Database, SqlIamStore
from tests.support.identities import KeptAudit
from tests.support.process import run_server_command

ALLOW_ALL = {"Effect": "Allow", "Action": "*", "Resource": "*"}


@dataclass
class Guarded:
    """A server that asks who calls.

    Attributes:
        settings: of the server.
        audit: keeps its records.
        iam: its identity data, changed behind its back as another process would.
        running: the server.
        channel: to it, without a token.
    """

    settings: Settings
    audit: KeptAudit
    iam: SqlIamStore
    running: Running
    channel: grpc.aio.Channel

    def identity(self, user: str) -> Identity:
        """Return a user of the server."""
        account = self.settings.account
        return Identity(user_arn(account, user), account, IdentityKind.USER, user, CredentialType.TOKEN)

    def token(self, user: str, seconds: int = 600) -> str:
        """Return a token of a user."""
        return own_tokens(self.settings).issue(self.identity(user), seconds)[0]

    def metadata(self, user: str, seconds: int = 600) -> tuple[tuple[str, str], ...]:
        """Return the metadata of a user's calls."""
        return bearer(self.token(user, seconds))

    async def put_policy(self, user: str, *statements: Mapping[str, Any]) -> None:
        """Give a user a policy in the place of the one that it has."""
        await put_policy(self.iam, user, *statements)


def bearer(token: str) -> tuple[tuple[str, str], ...]:
    """Return the metadata with a token."""
    return (("authorization", f"Bearer {token}"),)


async def put_policy(iam: SqlIamStore, user: str, *statements: Mapping[str, Any]) -> None:
    """Give a user a policy in the place of the one that it has."""
    document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
    await iam.put_inline(PrincipalRef(PrincipalKind.USER, user), "test", document)


class _UnaryUnary(grpc.aio.UnaryUnaryClientInterceptor):
    def __init__(self, metadata: tuple[tuple[str, str], ...]) -> None:
        self._metadata = metadata

    async def intercept_unary_unary(self, continuation: Any, details: Any, request: Any) -> Any:
        return await continuation(details._replace(metadata=grpc.aio.Metadata(*self._metadata)), request)


class _UnaryStream(grpc.aio.UnaryStreamClientInterceptor):
    def __init__(self, metadata: tuple[tuple[str, str], ...]) -> None:
        self._metadata = metadata

    async def intercept_unary_stream(self, continuation: Any, details: Any, request: Any) -> Any:
        return await continuation(details._replace(metadata=grpc.aio.Metadata(*self._metadata)), request)


class _StreamStream(grpc.aio.StreamStreamClientInterceptor):
    def __init__(self, metadata: tuple[tuple[str, str], ...]) -> None:
        self._metadata = metadata

    async def intercept_stream_stream(self, continuation: Any, details: Any, requests: Any) -> Any:
        return await continuation(details._replace(metadata=grpc.aio.Metadata(*self._metadata)), requests)


def channel_with(address: str, token: str) -> grpc.aio.Channel:
    """Return a connection without TLS on which every call carries a token."""
    metadata = bearer(token)
    interceptors: list[Any] = [_UnaryUnary(metadata), _UnaryStream(metadata), _StreamStream(metadata)]
    return grpc.aio.insecure_channel(address, interceptors=interceptors)


def first_token(data: Path, environment: Mapping[str, str] = MappingProxyType({})) -> str:
    """Make the first administrator by `clarion-server init`, and return the token that it prints."""
    made = run_server_command("init", "--user", "root", environment={**environment, "CLARION_DATA_DIR": str(data)})
    assert made.returncode == 0, made.stderr
    return made.stdout.strip()


@asynccontextmanager
async def open_guarded(
    directory: Path, users: Mapping[str, Mapping[str, Any] | list[Mapping[str, Any]]], **overrides: Any
) -> AsyncIterator[Guarded]:
    """Start a server on SQLite with users and the statements of their policies; `overrides` are settings."""
    chosen = {"listen": "127.0.0.1:0", "data_dir": directory / "server", "shutdown_grace": 5.0, **overrides}
    environment = chosen.pop("environment", {})
    settings = load(environment, **chosen)
    create_signing_keys(settings.signing_keys)
    database = Database(settings.database)
    await database.migrate()
    iam = SqlIamStore(database)
    for name, statements in users.items():
        await iam.create_principal(PrincipalRef(PrincipalKind.USER, name), tags={})
        await put_policy(iam, name, *(statements if isinstance(statements, list) else [statements]))
    audit = KeptAudit()
    try:
        async with running(settings, audit=audit) as server, grpc.aio.insecure_channel(server.address) as channel:
            yield Guarded(settings, audit, iam, server, channel)
    finally:
        await database.close()


def reason_of(error: grpc.aio.AioRpcError) -> str:
    """Return the reason in the status of a failed call, without its prefix."""
    status = rpc_status.from_call(error)  # type: ignore[arg-type]
    info = error_details_pb2.ErrorInfo()
    assert status is not None, error
    assert any(detail.Unpack(info) for detail in status.details), error
    return str(info.reason).removeprefix("ERROR_REASON_")
