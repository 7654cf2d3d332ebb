"""The emulated legacy API of FCM: as strict as it was."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from clarion_server.sandbox import Sandbox, fcm_address
from tests.integration.sandbox.clients import FcmClient

PHONE = fcm_address("ok", 1)


class Legacy:
    """Sends to the legacy API: a good request, but for what a test changes."""

    def __init__(self, client: FcmClient) -> None:
        self._client = client
        self._key = client.info.files.fcm_legacy_key.read_text()

    async def send(
        self,
        body: Any = None,
        *,
        key: str | None = None,
        content_type: str = "application/json",
        method: str = "POST",
        content: bytes | None = None,
        **fields: Any,
    ) -> httpx.Response:
        """Send one request."""
        document = {"to": PHONE, "notification": {"title": "T"}, **fields} if body is None else body
        return await self._client.http.request(
            method,
            f"{self._client.info.fcm_endpoint}/fcm/send",
            headers={"authorization": f"key={self._key if key is None else key}", "content-type": content_type},
            **({"json": document} if content is None else {"content": content}),
        )


@pytest.fixture
def legacy(fcm: FcmClient) -> Legacy:
    """A client with the right key."""
    return Legacy(fcm)


def result(response: httpx.Response) -> dict[str, Any]:
    """Return the only result of an answer, whose counters must agree with it."""
    assert response.status_code == 200
    document = response.json()
    (only,) = document["results"]
    failed = "error" in only
    assert (document["success"], document["failure"]) == (int(not failed), int(failed))
    assert document["canonical_ids"] == int("registration_id" in only)
    assert isinstance(document["multicast_id"], int)
    return dict(only)


async def test_success(legacy: Legacy, sandbox: Sandbox) -> None:
    """A good message has a message id, and is delivered."""
    only = result(await legacy.send(data={"k": 1}, priority="high", time_to_live=60, collapse_key="c"))
    assert set(only) == {"message_id"}
    assert sandbox.stats.fcm.delivered == {PHONE: 1}


async def test_dry_run_delivers_nothing(legacy: Legacy, sandbox: Sandbox) -> None:
    """It is answered as if it had been delivered."""
    assert "message_id" in result(await legacy.send(dry_run=True))
    assert sandbox.stats.fcm.delivered == {}


async def test_a_replaced_address(legacy: Legacy) -> None:
    """The answer names the address to use from now on."""
    only = result(await legacy.send(to="sim-moved-000007"))
    assert only["registration_id"] == "sim-ok-000007"
    assert only["message_id"]


@pytest.mark.parametrize(
    ("behaviour", "error"),
    [
        ("unregistered", "NotRegistered"),
        ("malformed", "InvalidRegistration"),
        ("wrong-project", "MismatchSenderId"),
        ("throttled", "DeviceMessageRateExceeded"),
        ("internal", "InternalServerError"),
        ("unavailable", "Unavailable"),
        ("third-party-auth", "InvalidApnsCredential"),
    ],
)
async def test_devices(legacy: Legacy, behaviour: str, error: str) -> None:
    """The simulated devices behave as with HTTP v1, in the words of the legacy API."""
    answer = await legacy.send(to=fcm_address(behaviour, 1))
    assert result(answer) == {"error": error}
    assert ("retry-after" in answer.headers) == (behaviour in {"throttled", "unavailable"})


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"to": ""}, "MissingRegistration"),
        ({"to": "a b"}, "InvalidRegistration"),
        ({"data": {"from": "x"}}, "InvalidDataKey"),
        ({"data": {"google.x": "x"}}, "InvalidDataKey"),
        ({"data": {"gcm": "x"}}, "InvalidDataKey"),
        ({"time_to_live": 2419201}, "InvalidTtl"),
        ({"time_to_live": -1}, "InvalidTtl"),
        ({"priority": "urgent"}, "InvalidParameters"),
        ({"data": {"k": "x" * 4096}}, "MessageTooBig"),
    ],
)
async def test_bad_messages(legacy: Legacy, fields: dict[str, Any], error: str) -> None:
    """A message that is wrong has its error within a 200."""
    assert result(await legacy.send(**fields)) == {"error": error}


@pytest.mark.parametrize(
    "request_",
    [
        {"content": b"{"},
        {"content": b"\xff"},
        {"body": []},
        {"content_type": "text/plain"},
        {"time_to_live": "60"},
        {"dry_run": 1},
        {"priority": 5},
        {"unknown": 1},
        {"to": "/topics/news"},
        {"registration_ids": ["a"]},
    ],
)
async def test_bad_requests(legacy: Legacy, request_: dict[str, Any]) -> None:
    """A request that is wrong as a whole is refused with 400 and a text."""
    answer = await legacy.send(**request_)
    assert answer.status_code == 400
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.text


async def test_a_wrong_key(legacy: Legacy, sandbox: Sandbox) -> None:
    """Only the project's own key may send; the answer is HTML."""
    for key in ("", "AAAA", "ä"):
        answer = await legacy.send(key=key.encode("ascii", "replace").decode())
        assert answer.status_code == 401
        assert answer.headers["content-type"].startswith("text/html")
    assert (await legacy.send(method="GET")).status_code == 405
    assert sandbox.stats.fcm.accepted == 0
