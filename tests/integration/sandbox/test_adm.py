"""The emulated ADM and Amazon's token endpoint refuse what Amazon refuses. The client shares no code with Clarion's."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import AsyncIterator
from typing import Any, Self

import httpx
import pytest

from clarion_server.sandbox import ADM_DEVICES, Sandbox, SandboxInfo, adm_address
from tests.integration.sandbox.clients import tls
from tests.integration.sandbox.conftest import SimulatedClock

TYPES = {
    "content-type": "application/json",
    "accept": "application/json",
    "x-amzn-type-version": "com.amazon.device.messaging.ADMMessage@1.0",
    "x-amzn-accept-type": "com.amazon.device.messaging.ADMSendResult@1.0",
}


class AdmTestClient:
    """Sends to the emulated ADM: a good request, but for what a test changes."""

    def __init__(self, info: SandboxInfo) -> None:
        self.info = info
        self.http = httpx.AsyncClient(verify=tls(info), timeout=20)
        self.client = json.loads(info.files.adm_client.read_text())
        self.token = ""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *details: object) -> None:
        await self.http.aclose()

    async def ask_for_token(self, **changed: str | None) -> httpx.Response:
        """Ask for an access token; fields given as None are left out."""
        form = {"grant_type": "client_credentials", "scope": "messaging:push", **self.client, **changed}
        fields = {name: value for name, value in form.items() if value is not None}
        return await self.http.post(self.info.adm_token_endpoint, data=fields)

    async def send(
        self, body: Any = None, address: str = "", headers: dict[str, str | None] | None = None
    ) -> httpx.Response:
        """Send one message; headers given as None are left out."""
        if not self.token:
            self.token = (await self.ask_for_token()).json()["access_token"]
        changed = {**TYPES, "authorization": f"Bearer {self.token}", **(headers or {})}
        # httpx itself adds these two when they are absent.
        self.http.headers.pop("accept", None)
        return await self.http.post(
            f"{self.info.adm_endpoint}/messaging/registrations/{address or adm_address('ok', 1)}/messages",
            headers={name: value for name, value in changed.items() if value is not None},
            content=body if isinstance(body, bytes) else json.dumps({"data": {"a": "1"}} if body is None else body),
        )


@pytest.fixture
async def adm(sandbox: Sandbox) -> AsyncIterator[AdmTestClient]:
    """A client with a good access token."""
    async with AdmTestClient(sandbox.info) as client:
        yield client


def told(answer: httpx.Response) -> tuple[int, str]:
    """Return status and ADM's reason."""
    return answer.status_code, answer.json()["reason"]


def checksum(text: str) -> str:
    """Return an MD5 in base64."""
    return base64.b64encode(hashlib.md5(text.encode(), usedforsecurity=False).digest()).decode()


async def test_good_messages(sandbox: Sandbox, adm: AdmTestClient) -> None:
    """A message is accepted over HTTP/1.1; the answer has the id, the request's id and the checksum of data."""
    answer = await adm.send()
    assert (answer.status_code, answer.http_version) == (200, "HTTP/1.1")
    assert answer.json() == {"registrationID": adm_address("ok", 1)}
    assert answer.headers["x-amzn-data-md5"] == checksum("a:1")
    assert answer.headers["x-amzn-requestid"]
    for body in (
        {"data": {}, "consolidationKey": "k"},
        {"data": {"b": "2", "a": "é"}, "md5": checksum("a:é,b:2"), "expiresAfter": 60, "priority": "high"},
        {"notification": {"title": "T", "body": "B", "color": "#ff0000"}},
    ):
        assert (await adm.send(body)).status_code == 200
    assert sandbox.stats.adm.delivered == {adm_address("ok", 1): 4}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"not json", "InvalidData"),
        ([], "InvalidData"),
        ({}, "InvalidData"),
        ({"data": {}}, "InvalidData"),
        ({"data": {"a": 1}}, "InvalidData"),
        ({"data": {"a": "1"}, "novel": 1}, "InvalidData"),
        ({"data": {"a": "1"}, "priority": "urgent"}, "InvalidData"),
        ({"notification": {"title": "T"}}, "InvalidData"),
        ({"data": {"a": "1"}, "consolidationKey": "x" * 65}, "InvalidConsolidationKey"),
        ({"data": {"a": "1"}, "expiresAfter": 59}, "InvalidExpiration"),
        ({"data": {"a": "1"}, "expiresAfter": "60"}, "InvalidExpiration"),
        ({"data": {"a": "1"}, "expiresAfter": 2_678_401}, "InvalidExpiration"),
        ({"data": {"a": "1"}, "md5": "wrong"}, "InvalidChecksum"),
    ],
)
async def test_bad_bodies(adm: AdmTestClient, body: Any, reason: str) -> None:
    """Each is refused with Amazon's own word."""
    assert told(await adm.send(body)) == (400, reason)


async def test_too_large(adm: AdmTestClient) -> None:
    """6,144 bytes of JSON of data are accepted, one more is not."""
    frame = len('{"a":""}')
    assert (await adm.send({"data": {"a": "x" * (6144 - frame)}})).status_code == 200
    assert told(await adm.send({"data": {"a": "x" * (6145 - frame)}})) == (413, "MessageTooLarge")


@pytest.mark.parametrize("name", ["content-type", "x-amzn-type-version", "x-amzn-accept-type", "accept"])
async def test_type_headers(adm: AdmTestClient, name: str) -> None:
    """Each of the four headers must be there with its value."""
    assert told(await adm.send(headers={name: "text/plain"})) == (400, "InvalidType")
    assert told(await adm.send(headers={name: None})) == (400, "InvalidType")


async def test_access_tokens(sandbox: Sandbox, adm: AdmTestClient, clock: SimulatedClock) -> None:
    """A token must be one that was issued, is good for an hour, and can be revoked."""
    for wrong in ("", "Bearer", "Bearer x", "Basic x"):
        assert told(await adm.send(headers={"authorization": wrong})) == (401, "AccessTokenExpired")
    assert (await adm.send()).status_code == 200
    clock.moved = 3599
    assert (await adm.send()).status_code == 200
    clock.moved = 3601
    assert told(await adm.send()) == (401, "AccessTokenExpired")
    adm.token = ""
    assert (await adm.send()).status_code == 200
    sandbox.revoke_access_tokens()
    assert told(await adm.send()) == (401, "AccessTokenExpired")


@pytest.mark.parametrize(
    ("changed", "answer"),
    [
        ({"client_secret": "wrong"}, (401, "invalid_client")),
        ({"client_id": "wrong"}, (401, "invalid_client")),
        ({"scope": "profile"}, (400, "invalid_scope")),
        ({"grant_type": "password"}, (400, "unsupported_grant_type")),
        ({"scope": None}, (400, "invalid_request")),
        ({"client_secret": None}, (400, "invalid_request")),
    ],
)
async def test_token_endpoint(adm: AdmTestClient, changed: dict[str, str | None], answer: tuple[int, str]) -> None:
    """The token endpoint refuses with OAuth's words."""
    response = await adm.ask_for_token(**changed)
    assert (response.status_code, response.json()["error"]) == answer
    good = (await adm.ask_for_token()).json()
    assert (good["expires_in"], good["scope"], good["token_type"]) == (3600, "messaging:push", "Bearer")


@pytest.mark.parametrize(
    "behaviour", [each for each in ADM_DEVICES if each.delay == 0.0], ids=lambda behaviour: behaviour.name
)
async def test_devices(adm: AdmTestClient, behaviour: Any) -> None:
    """Each simulated device answers as its table says."""
    answer = await adm.send(address=adm_address(behaviour.name, 7))
    assert answer.status_code == behaviour.status
    assert answer.headers.get("retry-after") == (str(behaviour.retry_after) if behaviour.retry_after else None)
    if behaviour.reason:
        assert answer.json() == {"reason": behaviour.reason}
    if behaviour.name == "replaced":
        assert answer.json() == {"registrationID": adm_address("ok", 7)}
    if behaviour.name == "bad-gateway":
        assert answer.headers["content-type"] == "text/html"


async def test_paths_and_methods(adm: AdmTestClient) -> None:
    """There is nothing but the two paths."""
    for path in ("/", "/messaging/registrations//messages", "/messaging/registrations/a/b/messages"):
        assert (await adm.http.post(adm.info.adm_endpoint + path)).status_code == 404
    assert (await adm.http.get(f"{adm.info.adm_endpoint}/messaging/registrations/a/messages")).status_code == 404
