"""The emulated Baidu refuses what Baidu refuses. The client shares no code with Clarion's."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any, Self
from urllib.parse import quote_plus, urlencode

import httpx
import pytest

from clarion_server.sandbox import BAIDU_DEVICES, Sandbox, SandboxInfo, baidu_address
from tests.integration.sandbox.clients import tls
from tests.integration.sandbox.conftest import SimulatedClock

PATH = "/rest/3.0/push/single_device"
HEADERS = {
    "content-type": "application/x-www-form-urlencoded;charset=utf-8",
    "user-agent": "BCCS_SDK/3.0 (Linux) Python/3.11 (a test)",
}


class BaiduTestClient:
    """Sends to the emulated Baidu: a good request, but for what a test changes."""

    def __init__(self, info: SandboxInfo, clock: SimulatedClock, *, http2: bool = True) -> None:
        self.info = info
        self.clock = clock
        self.http = httpx.AsyncClient(http2=http2, verify=tls(info), timeout=20)
        self.keys = json.loads(info.files.baidu_keys.read_text())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *details: object) -> None:
        await self.http.aclose()

    def parameters(self, changed: Mapping[str, str | None]) -> dict[str, str]:
        """Return signed parameters; those given as None are left out."""
        good = {
            "apikey": self.keys["api_key"],
            "channel_id": baidu_address("ok", 1),
            "msg": '{"a":"b *~ä"}',
            "timestamp": str(int(self.clock())),
        }
        values = {name: value for name, value in {**good, **changed}.items() if value is not None}
        if "sign" not in changed:
            joined = "".join(f"{name}={values[name]}" for name in sorted(values))
            text = f"POST{self.info.baidu_endpoint}{PATH}{joined}{self.keys['secret_key']}"
            encoded = quote_plus(text).replace("~", "%7E").encode()
            values["sign"] = hashlib.md5(encoded, usedforsecurity=False).hexdigest()
        return values

    async def send(
        self, changed: Mapping[str, str | None] | None = None, *, headers: dict[str, str] | None = None, body: str = ""
    ) -> httpx.Response:
        """Send one message."""
        return await self.http.post(
            self.info.baidu_endpoint + PATH,
            headers={**HEADERS, **(headers or {})},
            content=body or urlencode(self.parameters(changed or {})),
        )


@pytest.fixture
async def baidu(sandbox: Sandbox, clock: SimulatedClock) -> AsyncIterator[BaiduTestClient]:
    """A client with the right keys."""
    async with BaiduTestClient(sandbox.info, clock) as client:
        yield client


def code(answer: httpx.Response) -> int:
    """Return Baidu's error code."""
    document = answer.json()
    assert document["error_msg"]
    assert isinstance(document["request_id"], int)
    return int(document["error_code"])


@pytest.mark.parametrize("http2", [True, False])
async def test_good_messages(sandbox: Sandbox, clock: SimulatedClock, *, http2: bool) -> None:
    """Messages and notifications are accepted over HTTP/2 and HTTP/1.1; the answer has a message id and a time."""
    async with BaiduTestClient(sandbox.info, clock, http2=http2) as client:
        answer = await client.send()
        assert (answer.status_code, answer.http_version) == (200, "HTTP/2" if http2 else "HTTP/1.1")
        params = answer.json()["response_params"]
        assert params["msg_id"].isdigit()
        assert abs(params["send_time"] - clock()) < 60
        notification = json.dumps({"description": "D", "title": "T", "open_type": 1, "url": "https://a.example"})
        more: dict[str, str | None] = {"msg_expires": "0", "topic_id": "news", "device_type": "3"}
        assert (await client.send({"msg": notification, "msg_type": "1", **more})).status_code == 200
    assert sandbox.stats.baidu.delivered == {baidu_address("ok", 1): 2}


@pytest.mark.parametrize(
    "changed",
    [
        {"msg": None},
        {"channel_id": None},
        {"channel_id": "user:1"},
        {"novel": "1"},
        {"msg": ""},
        {"msg": "x" * 4097},
        {"msg_type": "2"},
        {"msg_type": "1", "msg": "no json"},
        {"msg_type": "1", "msg": "{}"},
        {"msg_type": "1", "msg": '{"description":"D","open_type":1}'},
        {"msg_type": "1", "msg": '{"description":"D","custom_content":"x"}'},
        {"msg_expires": "604801"},
        {"msg_expires": "-1"},
        {"device_type": "4"},
        {"deploy_status": "1"},
        {"topic_id": "a b"},
        {"timestamp": "soon"},
    ],
    ids=str,
)
async def test_bad_parameters(baidu: BaiduTestClient, changed: dict[str, str | None]) -> None:
    """Parameters that are missing, unknown or out of bounds are 30602."""
    answer = await baidu.send(changed)
    assert (answer.status_code, code(answer)) == (400, 30602)


async def test_repeated_parameters_and_other_bodies(baidu: BaiduTestClient) -> None:
    """A parameter twice, a body that is no form, and another content type are 30602."""
    form = urlencode(baidu.parameters({}))
    assert code(await baidu.send(body=f"{form}&msg=x")) == 30602
    assert code(await baidu.send(body="no form")) == 30602
    assert code(await baidu.send(headers={"content-type": "application/json"})) == 30602


async def test_identity(baidu: BaiduTestClient) -> None:
    """A wrong key, a wrong signature, something unsigned, and a foreign User-Agent are 30603."""
    for changed in ({"apikey": "other"}, {"sign": "0" * 32}):
        answer = await baidu.send(changed)
        assert (answer.status_code, code(answer)) == (401, 30603)
    unsigned = urlencode(baidu.parameters({}) | {"msg_expires": "5"})
    assert code(await baidu.send(body=unsigned)) == 30603
    for agent in ("python-httpx/1", "", "BCCS_SDK/3.0"):
        assert code(await baidu.send(headers={"user-agent": agent})) == 30603


async def test_times(baidu: BaiduTestClient, clock: SimulatedClock) -> None:
    """A signature counts for ten minutes, or up to `expires`."""
    now = int(clock())
    assert (await baidu.send({"timestamp": str(now - 590)})).status_code == 200
    for changed in ({"timestamp": str(now - 700)}, {"timestamp": str(now + 700)}, {"expires": str(now - 10)}):
        answer = await baidu.send(changed)
        assert (answer.status_code, code(answer)) == (408, 30606)
    assert (await baidu.send({"expires": str(now + 60)})).status_code == 200


@pytest.mark.parametrize(
    "behaviour", [each for each in BAIDU_DEVICES if each.delay == 0.0], ids=lambda behaviour: behaviour.name
)
async def test_devices(baidu: BaiduTestClient, behaviour: Any) -> None:
    """Each simulated device answers as its table says."""
    answer = await baidu.send({"channel_id": baidu_address(behaviour.name, 7)})
    assert answer.status_code == behaviour.status
    if behaviour.reason:
        assert code(answer) == int(behaviour.reason)
    if behaviour.name in {"bad-gateway", "unavailable"}:
        assert answer.headers["content-type"] == "text/html"


async def test_paths_and_methods(baidu: BaiduTestClient) -> None:
    """Pushes are POST only, and there is no other path."""
    assert code(await baidu.http.get(baidu.info.baidu_endpoint + PATH)) == 30601
    assert (await baidu.http.post(f"{baidu.info.baidu_endpoint}/rest/3.0/push/all")).status_code == 404
