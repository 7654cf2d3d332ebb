"""What the emulated APNs demands of path, headers and payload."""

from __future__ import annotations

import json
import re
from typing import Any

import h2.events
import pytest

from clarion_server.sandbox import Sandbox
from tests.integration.sandbox.clients import ALERT, PHONE, ApnsClient, FrameClient, provider_token, reason, tls

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
TOPIC = "com.example.clarion"
SILENT = {"aps": {"content-available": 1}}


async def test_good_request_is_accepted_with_an_empty_body_and_a_made_id(apns: ApnsClient) -> None:
    """A good request gets 200, no body, and an apns-id made by APNs."""
    answer = await apns.push()
    assert (answer.status_code, answer.content, answer.http_version) == (200, b"", "HTTP/2")
    assert UUID.fullmatch(answer.headers["apns-id"])
    assert "apns-unique-id" not in answer.headers


async def test_development_environment_adds_a_unique_id(apns: ApnsClient) -> None:
    """Only the development environment answers with apns-unique-id."""
    answer = await apns.push(development=True)
    assert answer.status_code == 200
    assert UUID.fullmatch(answer.headers["apns-unique-id"])


async def test_given_id_is_echoed_also_in_errors(apns: ApnsClient) -> None:
    """A canonical apns-id comes back with success and with errors."""
    given = {"apns-id": "123e4567-e89b-12d3-a456-42665544000a"}
    assert (await apns.push(headers=given)).headers["apns-id"] == given["apns-id"]
    refused = await apns.push(headers=given, body=b"")
    assert (refused.status_code, refused.headers["apns-id"]) == (400, given["apns-id"])


@pytest.mark.parametrize(
    "given", ["123E4567-E89B-12D3-A456-42665544000A", "123e4567e89b12d3a45642665544000a", "seven", ""]
)
async def test_other_ids_are_refused(apns: ApnsClient, given: str) -> None:
    """An apns-id that is no canonical lower-case UUID is refused and not echoed."""
    answer = await apns.push(headers={"apns-id": given})
    assert reason(answer) == (400, "BadMessageId")
    assert UUID.fullmatch(answer.headers["apns-id"])


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("POST", "/", (404, "BadPath")),
        ("POST", "/2/device/" + PHONE, (404, "BadPath")),
        ("POST", f"/3/device/{PHONE}/more", (404, "BadPath")),
        ("GET", "/3/device/" + PHONE, (405, "MethodNotAllowed")),
        ("PUT", "/3/device/" + PHONE, (405, "MethodNotAllowed")),
        ("POST", "/3/device/", (400, "MissingDeviceToken")),
        ("POST", "/3/device", (400, "MissingDeviceToken")),
        ("POST", "/3/device/" + "0" * 63, (400, "BadDeviceToken")),
        ("POST", "/3/device/" + "0" * 201, (400, "BadDeviceToken")),
        ("POST", "/3/device/" + "g" * 64, (400, "BadDeviceToken")),
    ],
)
async def test_method_path_and_token(apns: ApnsClient, method: str, path: str, expected: tuple[int, str]) -> None:
    """Only POST to /3/device/ and 64 to 200 hex digits is served."""
    assert reason(await apns.push(method=method, path=path)) == expected


@pytest.mark.parametrize("token", ["0" * 64, "0" * 200, PHONE[:62] + "AB"])
async def test_tokens_of_other_lengths_and_capitals_are_served(apns: ApnsClient, token: str) -> None:
    """Any length from 64 to 200 is a token, in either case."""
    assert (await apns.push(token)).status_code == 200


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"apns-expiration": "soon"}, "BadExpirationDate"),
        ({"apns-expiration": "-1"}, "BadExpirationDate"),
        ({"apns-expiration": "1800000000000"}, "BadExpirationDate"),
        ({"apns-priority": "7"}, "BadPriority"),
        ({"apns-priority": "high"}, "BadPriority"),
        ({"apns-collapse-id": "x" * 65}, "BadCollapseId"),
        ({"apns-push-type": "loud"}, "InvalidPushType"),
        ({"apns-push-type": ""}, "InvalidPushType"),
        ({"apns-topic": None}, "MissingTopic"),
        ({"apns-topic": ""}, "MissingTopic"),
        ({"apns-topic": "not a topic"}, "BadTopic"),
        ({"apns-topic": "com.example.other"}, "TopicDisallowed"),
        ({"apns-topic": TOPIC + ".voip"}, "BadTopic"),
        ({"apns-push-type": "voip"}, "BadTopic"),
        ({"apns-push-type": "liveactivity"}, "BadTopic"),
    ],
)
async def test_header_rules(apns: ApnsClient, headers: dict[str, str | None], expected: str) -> None:
    """Each bad header has its own reason."""
    assert reason(await apns.push(headers=headers)) == (400, expected)


@pytest.mark.parametrize(
    "headers",
    [
        {"apns-expiration": "0"},
        {"apns-expiration": "1800000000"},
        {"apns-priority": "10"},
        {"apns-priority": "5"},
        {"apns-priority": "1"},
        {"apns-collapse-id": "x" * 64},
        {"apns-push-type": None},
    ],
)
async def test_good_headers(apns: ApnsClient, headers: dict[str, str | None]) -> None:
    """What the rules allow is accepted; a push type is not demanded."""
    assert (await apns.push(headers=headers)).status_code == 200


async def test_collapse_id_is_measured_in_bytes(sandbox: Sandbox) -> None:
    """33 characters of two bytes each are too long."""
    client = await FrameClient.connect(sandbox.info.apns_endpoint, tls(sandbox.info))
    headers = [
        ("authorization", f"bearer {provider_token(sandbox.info)}"),
        ("apns-topic", TOPIC),
        ("apns-collapse-id", "ü" * 33),
    ]
    client.request(f"/3/device/{PHONE}", headers, json.dumps(ALERT).encode())
    (data,) = await client.until(h2.events.DataReceived)
    assert json.loads(data.data) == {"reason": "BadCollapseId"}
    await client.close()


@pytest.mark.parametrize(
    ("push_type", "suffix"),
    [
        ("alert", ""),
        ("mdm", ""),
        ("voip", ".voip"),
        ("complication", ".complication"),
        ("fileprovider", ".pushkit.fileprovider"),
        ("location", ".location-query"),
        ("liveactivity", ".push-type.liveactivity"),
        ("pushtotalk", ".voip-ptt"),
        ("widgets", ".push-type.widgets"),
        ("controls", ".push-type.controls"),
    ],
)
async def test_topic_belongs_to_the_push_type(apns: ApnsClient, push_type: str, suffix: str) -> None:
    """Each push type is served with its topic."""
    headers = {"apns-push-type": push_type, "apns-topic": TOPIC + suffix}
    assert (await apns.push(headers=headers)).status_code == 200


async def test_repeated_header_is_refused(sandbox: Sandbox, apns: ApnsClient) -> None:
    """A header given twice is DuplicateHeaders."""
    answer = await apns.http.post(
        f"{sandbox.info.apns_endpoint}/3/device/{PHONE}",
        headers=[*apns.headers.items(), ("apns-priority", "10"), ("apns-priority", "10")],
        content=json.dumps(ALERT),
    )
    assert reason(answer) == (400, "DuplicateHeaders")


def padded(size: int) -> bytes:
    """Return a good payload of that many bytes."""
    empty = len(json.dumps({"aps": {"alert": ""}}))
    return json.dumps({"aps": {"alert": "x" * (size - empty)}}).encode()


@pytest.mark.parametrize(
    ("headers", "size", "status"),
    [
        ({}, 4096, 200),
        ({}, 4097, 413),
        ({}, 100_000, 413),
        ({"apns-push-type": "voip", "apns-topic": TOPIC + ".voip"}, 5120, 200),
        ({"apns-push-type": "voip", "apns-topic": TOPIC + ".voip"}, 5121, 413),
        ({"apns-push-type": None, "apns-topic": TOPIC + ".voip"}, 5120, 200),
    ],
)
async def test_payload_limit(apns: ApnsClient, headers: dict[str, str | None], size: int, status: int) -> None:
    """4096 bytes are the limit, 5120 for VoIP."""
    answer = await apns.push(headers=headers, body=padded(size))
    assert answer.status_code == status
    if status == 413:
        assert answer.json() == {"reason": "PayloadTooLarge"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b'"text"',
        b"{",
        b'{"aps":"alert"}',
        b'{"aps":{"badge":NaN}}',
        b'{"aps":{"alert":"\xff"}}',
        b'{"a":' + b"[" * 4000,
    ],
)
async def test_payload_must_be_a_json_object(apns: ApnsClient, body: bytes) -> None:
    """Nothing but a JSON object with content is a payload."""
    assert reason(await apns.push(body=body)) == (400, "PayloadEmpty")


async def test_payload_may_have_no_aps(apns: ApnsClient) -> None:
    """Device management sends payloads of its own."""
    assert (await apns.push(body={"mdm": "magic"})).status_code == 200


@pytest.mark.parametrize(
    ("priority", "payload", "expected"),
    [
        ("5", SILENT, None),
        ("10", SILENT, "BadPriority"),
        ("1", SILENT, "BadPriority"),
        (None, SILENT, "BadPriority"),
        ("5", {"aps": {"content-available": 1, "badge": 1}}, "InvalidPushType"),
        ("5", {"aps": {"content-available": 1, "alert": "x"}}, "InvalidPushType"),
        ("5", {"aps": {}, "x": 1}, "InvalidPushType"),
    ],
)
async def test_background_rules(
    apns: ApnsClient, priority: str | None, payload: dict[str, Any], expected: str | None
) -> None:
    """A background push has priority 5 and nothing but content-available."""
    answer = await apns.push(headers={"apns-push-type": "background", "apns-priority": priority}, body=payload)
    if expected is None:
        assert answer.status_code == 200
    else:
        assert reason(answer) == (400, expected)


@pytest.mark.parametrize("push_type", ["alert", None])
async def test_immediate_priority_needs_something_to_show(apns: ApnsClient, push_type: str | None) -> None:
    """Priority 10 (also by default) with only content-available is an error; priority 5 is none."""
    assert reason(await apns.push(headers={"apns-push-type": push_type}, body=SILENT)) == (400, "BadPriority")
    headers = {"apns-push-type": push_type, "apns-priority": "5"}
    assert (await apns.push(headers=headers, body=SILENT)).status_code == 200
