"""No secret, token or device address is left behind in database, WAL, audit records, logs and metrics.

With everything on: authentication, policies, audit in the table and as lines, metrics.
"""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
import urllib.request
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import grpc
import pytest

from clarion.audit.v1 import audit_pb2, audit_pb2_grpc
from clarion.iam.v1 import access_keys_pb2, iam_pb2_grpc, principals_pb2, sessions_pb2
from clarion.v1 import app_pb2, app_pb2_grpc, channel_pb2
from clarion.v1.channel_pb2 import ChannelSettings, UpdateChannelRequest
from clarion.v1.messaging_pb2 import PreviewMessageRequest, SendStart, Target
from clarion_server.sandbox import Sandbox, apns_address, fcm_address
from tests.integration.iam.conftest import ACCOUNT, trust
from tests.support.access import channel_with, first_token
from tests.support.leaks import database_files, find_leaks
from tests.support.postgresql import PostgreSQL
from tests.support.process import clarion_server
from tests.support.world import World, make_app, stubs

FATES_APNS = ("ok", "unregistered", "malformed", "throttled", "internal", "wrong-topic", "unavailable")
FATES_FCM = ("ok", "unregistered", "wrong-project", "throttled", "unavailable", "internal")


def addresses() -> dict[str, Any]:
    """Return addresses with a random part, by address the channel type."""
    number = secrets.randbelow(10**6)
    found: dict[str, Any] = {}
    for fate in FATES_APNS:
        found[apns_address(fate, number)] = channel_pb2.CHANNEL_TYPE_APNS
        found[apns_address(fate, number + 1)] = channel_pb2.CHANNEL_TYPE_APNS_SANDBOX
    for fate in FATES_FCM:
        found[fcm_address(fate, number)] = channel_pb2.CHANNEL_TYPE_FCM
    found["not-a-token-" + secrets.token_hex(8)] = channel_pb2.CHANNEL_TYPE_APNS
    found["amzn1.adm-registration.v2." + secrets.token_hex(8)] = channel_pb2.CHANNEL_TYPE_ADM
    return found


async def use_everything(world: World, given: dict[str, str], targets: dict[str, Any]) -> None:
    """Make each kind of credential known to the server, rightly and wrongly, and send to all addresses."""
    world.app_id = await make_app(world)
    info = world.sandbox.info
    p12 = channel_pb2.Pkcs12Certificate(
        content=info.files.apns_p12.read_bytes(), password=json.loads(info.files.settings.read_text())["p12_password"]
    )
    good = [
        ChannelSettings(
            type=channel_pb2.CHANNEL_TYPE_APNS,
            apns=channel_pb2.ApnsSettings(certificate=channel_pb2.ApnsCertificate(pkcs12=p12)),
        ),
        ChannelSettings(
            type=channel_pb2.CHANNEL_TYPE_FCM,
            fcm=channel_pb2.FcmSettings(legacy_key=channel_pb2.FcmLegacyKey(server_key=given["legacy key"])),
        ),
        ChannelSettings(
            type=channel_pb2.CHANNEL_TYPE_ADM,
            adm=channel_pb2.AdmSettings(
                client=channel_pb2.AdmClient(client_id="client", client_secret=given["client secret"])
            ),
        ),
        ChannelSettings(
            type=channel_pb2.CHANNEL_TYPE_BAIDU,
            baidu=channel_pb2.BaiduSettings(
                key_pair=channel_pb2.BaiduKeyPair(api_key="api", secret_key=given["baidu secret"])
            ),
        ),
    ]
    for settings in good:
        await world.channels.UpdateChannel(UpdateChannelRequest(app_id=world.app_id, channel=settings))
    p12.password = given["wrong password"]
    key = channel_pb2.ApnsSigningKey(private_key=given["broken key"], key_id="x", team_id="y")
    account = channel_pb2.FcmServiceAccount(json=json.dumps({"private_key": given["broken account"]}))
    bad = [
        ChannelSettings(
            type=channel_pb2.CHANNEL_TYPE_APNS_VOIP,
            apns=channel_pb2.ApnsSettings(certificate=channel_pb2.ApnsCertificate(pkcs12=p12), signing_key=key),
        ),
        ChannelSettings(type=channel_pb2.CHANNEL_TYPE_FCM, fcm=channel_pb2.FcmSettings(service_account=account)),
    ]
    for settings in bad:
        try:
            await world.channels.UpdateChannel(UpdateChannelRequest(app_id=world.app_id, channel=settings))
        except grpc.aio.AioRpcError as error:
            shown = str(error)
            assert not [name for name, secret in given.items() if secret in shown]
        else:
            raise AssertionError("a broken credential was accepted")
    start = SendStart(app_id=world.app_id, message={"default_message": {"body": given["body"]}})
    start.options.send_timeout.seconds = 5  # some fates are repeated for as long as there is time
    list_of_targets = [Target(address=address, channel_type=kind) for address, kind in targets.items()]
    await world.messaging.PreviewMessage(PreviewMessageRequest(start=start, targets=list_of_targets))
    results, _ = await world.send(start, list_of_targets)
    streamed, _ = await world.stream(start, [list_of_targets[:5], list_of_targets[5:]])
    assert len(results) == len(streamed) == len(targets)
    for result in (*results, *streamed):
        assert result.address not in result.status_message, "texts are logged by callers"


class SqliteDatabase:
    """Where SQLite keeps what the server stores."""

    def __init__(self, directory: Path) -> None:
        self._file = directory / "data" / "clarion.db"
        self.environment: dict[str, str] = {}
        self.secrets: list[str] = []

    def files(self) -> list[Path]:
        """Return the files to search. While the server runs: the WAL holds what the database does not yet."""
        found = database_files(self._file)
        assert any(path.name.endswith("-wal") for path in found)
        return found


class PostgreSQLDatabase:
    """Where PostgreSQL keeps what the server stores, and a dump of it."""

    def __init__(self, directory: Path, server: PostgreSQL) -> None:
        self._server, self._url = server, server.create_database()
        self._dump = directory / "dump.sql"
        self.environment = {"CLARION_DATABASE_URL": self._url}
        self.secrets = [server.password]

    def files(self) -> list[Path]:
        """Return the files to search."""
        self._dump.write_bytes(self._server.dump(self._url))
        return [self._dump, *self._server.files(self._url)]


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> SqliteDatabase | PostgreSQLDatabase:
    """Provide an empty database."""
    if request.param == "sqlite":
        return SqliteDatabase(tmp_path)
    return PostgreSQLDatabase(tmp_path, request.getfixturevalue("postgresql"))


def master_keys(keyring: Path) -> Iterable[bytes]:
    """Return the keys of a keyring file."""
    return [base64.b64decode(key) for key in json.loads(keyring.read_text())["keys"].values()]


async def use_identities(channel: grpc.aio.Channel, address: str, me: str, targets: Iterable[str]) -> list[str]:
    """Make an access key, a session and another user's token; call with them, rightly and wrongly; return all secrets.

    What a caller puts where it does not belong is there too: a token that is none, and an address as an app's id.
    """
    iam = iam_pb2_grpc.IamServiceStub(channel)
    key = await iam.CreateAccessKey(access_keys_pb2.CreateAccessKeyRequest(user_name="root"))
    role = principals_pb2.CreateRoleRequest(role_name="worker", trust_policy=trust(f"arn:aws:iam::{ACCOUNT}:user/root"))
    arn = (await iam.CreateRole(role)).role.arn
    assume = sessions_pb2.AssumeRoleRequest(role_arn=arn, session_name="s-1")
    session = (await iam.AssumeRole(assume)).token
    altered = f"{me[:-8]}{'A' * 8}"
    first = next(iter(targets))
    for token, code in (
        (session, grpc.StatusCode.PERMISSION_DENIED),
        (altered, grpc.StatusCode.UNAUTHENTICATED),
        ("no-token-" + secrets.token_hex(8), grpc.StatusCode.UNAUTHENTICATED),
        (me, grpc.StatusCode.NOT_FOUND),
    ):
        async with channel_with(address, token) as other:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await app_pb2_grpc.AppServiceStub(other).GetApp(app_pb2.GetAppRequest(app_id=first))
            assert caught.value.code() is code
            assert first not in str(caught.value)
    return [key.secret_access_key, me, session, altered]


async def audited(channel: grpc.aio.Channel, name: str) -> list[Any]:
    """Return all records of the table, once the one of the app that was made last is there."""
    stub = audit_pb2_grpc.AuditServiceStub(channel)
    async with asyncio.timeout(60):
        while True:
            answer = await stub.LookupEvents(audit_pb2.LookupEventsRequest(page_size=1000))
            if name in str(answer):
                return list(answer.events)
            await asyncio.sleep(0.05)


def scrape(address: str, page: Path) -> None:
    """Write the metrics to a file."""
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=60) as answer:
        page.write_bytes(answer.read())


def known_to_provider(sandbox: Sandbox, sandbox_files: Any) -> list[str | bytes]:
    """Return what the server was given to prove itself with, and the tokens that it was seen with."""
    account = json.loads(sandbox_files.service_account.read_text())
    key_text = sandbox_files.apns_key.read_text()
    tokens = {
        request.headers["authorization"].split()[1]
        for request in sandbox.requests
        if "authorization" in request.headers
    }
    assert tokens, "provider tokens were seen"
    return [
        *(key_text, "".join(key_text.splitlines()[1:-1]), account["private_key"]),
        *(sandbox_files.apns_p12.read_bytes(), json.loads(sandbox_files.settings.read_text())["p12_password"]),
        *(sandbox_files.apns_certificate_key.read_text(), *tokens),
    ]


async def test_nothing_is_left_behind(tmp_path: Path, database: SqliteDatabase | PostgreSQLDatabase) -> None:
    """After every kind of credential, call and failure, a search of all that is kept finds none of the secrets."""
    names = ("legacy key", "client secret", "baidu secret", "wrong password", "broken key", "broken account", "body")
    given = {name: secrets.token_urlsafe(24) for name in names}
    targets = addresses()
    data, log, lines, page = (tmp_path / name for name in ("data", "log", "audit.jsonl", "metrics"))
    planted = secrets.token_hex(16)
    me = first_token(data, database.environment)
    async with Sandbox(tmp_path / "sandbox", record=1000) as sandbox:
        environment = {
            **sandbox.info.server_env(),
            **database.environment,
            "CLARION_AUTHENTICATION": "required",
            "CLARION_AUDIT_FILE": str(lines),
            "CLARION_METRICS_LISTEN": "127.0.0.1:0",
            "CLARION_LOG_LEVEL": "debug",
            "CLARION_LOG_FORMAT": "json",
        }
        with clarion_server(
            "serve", "--listen", "127.0.0.1:0", "--data-dir", str(data), output=log, environment=environment
        ) as server:
            address = server.wait_for(r"serves gRPC on (\S+:\d+)")[1]
            async with channel_with(address, me) as channel:
                world = World(sandbox, *stubs(channel))
                await use_everything(world, given, targets)
                identities = await use_identities(channel, address, me, targets)
                await world.apps.CreateApp(app_pb2.CreateAppRequest(name=planted))
                events = await audited(channel, planted)
            metrics = server.wait_for(r'"address": ?"([^"]+)", "event": ?"serving metrics"')[1]
            await asyncio.to_thread(scrape, metrics, page)
            keys = json.loads((data / "signing-keys.json").read_text())
            hidden: list[str | bytes] = [
                *[*given.values(), *targets, *identities, *database.secrets],
                *master_keys(data / "keyring.json"),
                *(text for text in texts(keys) if len(text) > 40),
                *known_to_provider(sandbox, sandbox.info.files),
            ]
            kept = database.files()
            assert find_leaks([*kept, log, lines, page], hidden) == []
            check_what_was_searched(kept, lines, page, events, planted)
            canary = tmp_path / "canary"
            for secret in hidden:
                canary.write_bytes(b"x" + (secret.encode() if isinstance(secret, str) else secret))
                assert find_leaks([canary], [secret]), "the search must find what is there"


def check_what_was_searched(kept: list[Path], lines: Path, page: Path, events: list[Any], planted: str) -> None:
    """Check that the search looked where records, content of tables, and counts are."""
    assert find_leaks(kept, [planted]), "what is stored must be found where the search looks"
    written = [json.loads(line) for line in lines.read_text().splitlines()]
    methods = {line["method"].rpartition("/")[2] for line in written}
    assert methods >= {"SendMessages", "StreamMessages", "PreviewMessage", "UpdateChannel", "CreateAccessKey", "GetApp"}
    outcomes = {line["outcome"] for line in written}
    assert outcomes >= {"OK", "INVALID_ARGUMENT", "NOT_FOUND", "PERMISSION_DENIED", "UNAUTHENTICATED"}
    assert {event.id for event in events} <= {line["id"] for line in written}
    assert len(events) > 15
    assert find_leaks(kept, [events[-1].id]), "the table's records are where the search looks"
    assert "clarion_" in page.read_text()
    assert "SendMessages" in page.read_text()


def texts(value: Any) -> Iterable[str]:
    """Return all texts in a JSON value."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [text for each in value for text in texts(each)]
    return [value] if isinstance(value, str) else []
