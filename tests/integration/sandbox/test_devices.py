"""The simulated devices: what their table says is what they do."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import h2.events
import pytest

from clarion_server.providers.emulation import DeviceBehaviour, DeviceTable
from clarion_server.sandbox import (
    ADM_DEVICES,
    APNS_DEVICES,
    BAIDU_DEVICES,
    FCM_DEVICES,
    Sandbox,
    adm_address,
    apns_address,
    baidu_address,
    fcm_address,
)
from tests.integration.sandbox.clients import ALERT, ApnsClient, FcmClient, FrameClient, tls

Headers = list[tuple[str, str]]

ANSWERED_AT_ONCE = {
    provider: [behaviour for behaviour in table if behaviour.delay == 0.0]
    for provider, table in (("apns", APNS_DEVICES), ("fcm", FCM_DEVICES))
}


@pytest.mark.parametrize("behaviour", ANSWERED_AT_ONCE["apns"], ids=lambda behaviour: behaviour.name)
async def test_apns_device(sandbox: Sandbox, apns: ApnsClient, behaviour: DeviceBehaviour) -> None:
    """Production answers as the table says, and counts the outcome."""
    answer = await apns.push(apns_address(behaviour.name, 7))
    assert answer.status_code == behaviour.status
    if behaviour.reason:
        assert answer.json()["reason"] == behaviour.reason
        assert sandbox.stats.apns.outcomes == {behaviour.reason: 1}
    if behaviour.status == 410:
        ago = time.time() - answer.json()["timestamp"] / 1000
        assert 3590 < ago < 3700
    else:
        assert "timestamp" not in answer.text


async def test_token_of_a_development_build(apns: ApnsClient) -> None:
    """The same address is refused in production and served in development."""
    address = apns_address("wrong-environment", 1)
    assert (await apns.push(address)).json() == {"reason": "BadDeviceToken"}
    assert (await apns.push(address, development=True)).status_code == 200


@pytest.mark.parametrize("behaviour", ANSWERED_AT_ONCE["fcm"], ids=lambda behaviour: behaviour.name)
async def test_fcm_device(sandbox: Sandbox, fcm: FcmClient, behaviour: DeviceBehaviour) -> None:
    """FCM answers as the table says, with its own error code and Retry-After."""
    answer = await fcm.send({"token": fcm_address(behaviour.name, 7)})
    assert answer.status_code == behaviour.status
    assert answer.headers.get("retry-after") == (str(behaviour.retry_after) if behaviour.retry_after else None)
    if behaviour.reason:
        codes = [detail.get("errorCode") for detail in answer.json()["error"]["details"]]
        assert behaviour.reason in codes
        assert sandbox.stats.fcm.outcomes[behaviour.reason] == 1
    if behaviour.name == "bad-gateway":
        assert answer.headers["content-type"].startswith("text/html")
    if behaviour.name == "malformed":
        assert '"field": "message.token"' in answer.text


async def answered_in_order(client: FrameClient, requests: dict[str, tuple[str, bytes]], head: Headers) -> list[str]:
    """Send path and body of each device at once; return the devices in the order of their answers, the silent last."""
    await client.until(h2.events.SettingsAcknowledged)
    streams = {client.request(path, head, body): name for name, (path, body) in requests.items()}
    ended = await client.until(h2.events.StreamEnded, len(requests) - 1)
    await client.close()
    order = [streams.pop(event.stream_id) for event in ended if event.stream_id in streams]
    return order + list(streams.values())


ORDER = ["ok", "slow-500ms", "slow", "silent"]


async def test_slow_and_silent_apns_devices(sandbox: Sandbox) -> None:
    """On one connection slow devices are answered after ordinary ones that came later; silent ones never."""
    info = sandbox.info
    files = info.files
    client = await FrameClient.connect(
        info.apns_endpoint, tls(info, files.apns_certificate, files.apns_certificate_key)
    )
    body = json.dumps(ALERT).encode()
    requests = {name: (f"/3/device/{apns_address(name, 2)}", body) for name in reversed(ORDER)}
    assert await answered_in_order(client, requests, [("apns-topic", info.bundle_id)]) == ORDER
    assert sandbox.stats.apns.outcomes == {"accepted": 3, "silent": 1}


async def test_slow_and_silent_fcm_devices(sandbox: Sandbox, fcm: FcmClient) -> None:
    """The same holds for FCM."""
    token = (await fcm.ask_for_token()).json()["access_token"]
    client = await FrameClient.connect(sandbox.info.fcm_endpoint, tls(sandbox.info))
    path = f"/v1/projects/{sandbox.info.project_id}/messages:send"
    requests = {
        name: (path, json.dumps({"message": {"token": fcm_address(name, 2)}}).encode()) for name in reversed(ORDER)
    }
    assert await answered_in_order(client, requests, [("authorization", f"Bearer {token}")]) == ORDER
    assert sandbox.stats.fcm.outcomes == {"token issued": 1, "accepted": 3, "silent": 1}


@pytest.mark.parametrize(
    ("table", "address"),
    [
        (APNS_DEVICES, apns_address),
        (FCM_DEVICES, fcm_address),
        (ADM_DEVICES, adm_address),
        (BAIDU_DEVICES, baidu_address),
    ],
)
def test_addresses_have_their_behaviour(table: DeviceTable, address: Callable[[str, int], str]) -> None:
    """Each generated address is found as its behaviour, and numbers make different ones."""
    for behaviour in table:
        addresses = {address(behaviour.name, number) for number in range(100)}
        assert len(addresses) == 100
        assert {table.find(item, "production") for item in addresses} == {behaviour}
    assert table.find("abcd" * 16) is None
    with pytest.raises(ValueError, match="there are: ok, unregistered"):
        address("drowned", 1)
    with pytest.raises(ValueError, match="number"):
        address("ok", -1)


def in_words(behaviour: DeviceBehaviour) -> tuple[str, ...]:
    """Return a behaviour as a row of the document."""
    answer = f"{behaviour.status} `{behaviour.reason}`" if behaviour.reason else str(behaviour.status)
    if behaviour.retry_after:
        answer += f", `retry-after: {behaviour.retry_after}`"
    if behaviour.delay is None:
        answer = "none"
    return (f"`{behaviour.prefix}`", f"`{behaviour.name}`", answer, behaviour.description)


def test_document_has_the_tables() -> None:
    """docs/sandbox.md shows every behaviour as the code has it, and no other."""
    text = (Path(__file__).parents[3] / "docs" / "sandbox.md").read_text()
    for heading, table in (
        ("APNs devices", APNS_DEVICES),
        ("FCM devices", FCM_DEVICES),
        ("ADM devices", ADM_DEVICES),
        ("Baidu devices", BAIDU_DEVICES),
    ):
        section = text.partition(f"### {heading}\n")[2].partition("\n#")[0]
        lines = [line for line in section.splitlines() if line.startswith("|")]
        rows = [tuple(cell.strip() for cell in line.split("|")[1:-1]) for line in lines]
        assert rows[2:] == [in_words(behaviour) for behaviour in table]
