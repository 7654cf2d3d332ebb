"""What the emulated FCM demands of a request, and how its answers look."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from clarion_server.sandbox import Sandbox, fcm_address
from tests.integration.sandbox.clients import FcmClient
from tests.integration.sandbox.conftest import SimulatedClock

FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
BAD_REQUEST = "type.googleapis.com/google.rpc.BadRequest"


def status(answer: httpx.Response) -> tuple[int, str]:
    """Return the HTTP status and the google.rpc status, which must agree with the body."""
    error = answer.json()["error"]
    assert error["code"] == answer.status_code
    return answer.status_code, error["status"]


def violations(answer: httpx.Response) -> dict[str, str]:
    """Return the field violations of a 400."""
    assert status(answer) == (400, "INVALID_ARGUMENT")
    (bad_request,) = [detail for detail in answer.json()["error"]["details"] if detail["@type"] == BAD_REQUEST]
    return {violation["field"]: violation["description"] for violation in bad_request["fieldViolations"]}


async def test_good_message(fcm: FcmClient) -> None:
    """A good message gets a name in its project."""
    answer = await fcm.send_good(notification={"title": "Hello"})
    assert (answer.status_code, answer.http_version) == (200, "HTTP/2")
    assert list(answer.json()) == ["name"]
    assert re.fullmatch(r"projects/clarion-sandbox/messages/0:[0-9a-f]{32}", answer.json()["name"])


async def test_fcm_speaks_http_1_too(sandbox: Sandbox) -> None:
    """A client that offers only HTTP/1.1 is served in it, request after request on one connection."""
    async with FcmClient(sandbox.info, http2=False) as client:
        answers = [await client.send_good() for _ in range(3)]
    assert {(answer.status_code, answer.http_version) for answer in answers} == {(200, "HTTP/1.1")}
    assert sandbox.stats.fcm.connections == 1


async def test_validate_only_delivers_nothing(sandbox: Sandbox, fcm: FcmClient) -> None:
    """A dry run is answered with the fake id and reaches no device."""
    answer = await fcm.send({"token": fcm_address("ok", 1)}, validate_only=True)
    assert answer.json() == {"name": "projects/clarion-sandbox/messages/fake_message_id"}
    assert sandbox.stats.fcm.delivered == {}


@pytest.mark.parametrize("authorization", ["", "Bearer unknown", "key=legacy", "Bearer"])
async def test_access_token_is_needed(fcm: FcmClient, authorization: str) -> None:
    """Without a token of the token endpoint the answer is 401 without FCM's own code."""
    answer = await fcm.send({"token": "x"}, authorization=authorization)
    assert status(answer) == (401, "UNAUTHENTICATED")
    assert "details" not in answer.json()["error"]


async def test_access_token_expires_and_can_be_revoked(sandbox: Sandbox, fcm: FcmClient, clock: SimulatedClock) -> None:
    """A token ends after its hour by the sandbox's clock, or when it is revoked."""
    assert (await fcm.send_good()).status_code == 200
    clock.moved = 3590
    assert (await fcm.send_good()).status_code == 200
    clock.moved = 3610
    assert status(await fcm.send_good()) == (401, "UNAUTHENTICATED")
    clock.moved = 0
    assert (await fcm.send_good()).status_code == 200
    sandbox.revoke_access_tokens()
    assert status(await fcm.send_good()) == (401, "UNAUTHENTICATED")


async def test_scope_of_the_token(fcm: FcmClient) -> None:
    """A token of another scope may not send; that of the whole cloud may."""
    for scope, expected in (("drive", 403), ("cloud-platform", 200)):
        granted = await fcm.ask_for_token(scope=f"https://www.googleapis.com/auth/{scope}")
        fcm.access_token = granted.json()["access_token"]
        answer = await fcm.send_good()
        assert answer.status_code == expected
        if expected == 403:
            assert status(answer) == (403, "PERMISSION_DENIED")


async def test_wrong_project(fcm: FcmClient) -> None:
    """Another project in the URL is 404 without FCM's own code, so nobody takes the device for dead."""
    answer = await fcm.send({"token": "x"}, project="elsewhere")
    assert status(answer) == (404, "NOT_FOUND")
    assert "details" not in answer.json()["error"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/projects/clarion-sandbox/messages:send"),
        ("POST", "/v1/projects/clarion-sandbox/messages:sendAll"),
        ("POST", "/gcm/send"),
        ("POST", "/"),
    ],
)
async def test_method_and_path(fcm: FcmClient, method: str, path: str) -> None:
    """Nothing else is served."""
    assert status(await fcm.http.request(method, fcm.info.fcm_endpoint + path)) == (404, "NOT_FOUND")


@pytest.mark.parametrize("body", [b"", b"{", b'{"message":NaN}', b"\xff", b'{"message":' + b"[" * 100_000])
async def test_body_must_be_json(fcm: FcmClient, body: bytes) -> None:
    """What is not JSON is an invalid argument."""
    assert status(await fcm.send(body)) == (400, "INVALID_ARGUMENT")


EVERYTHING: dict[str, Any] = {
    "data": {"a": "1"},
    "notification": {"title": "t", "body": "b", "image": "https://example.com/i.png"},
    "fcmOptions": {"analyticsLabel": "label"},
    "android": {
        "collapseKey": "c",
        "priority": "high",
        "ttl": "3600.5s",
        "restricted_package_name": "com.example",
        "data": {"b": "2"},
        "direct_boot_ok": True,
        "notification": {
            "color": "#00ff7f",
            "titleLocArgs": ["x"],
            "event_time": "2026-01-02T03:04:05.678Z",
            "notification_priority": "PRIORITY_MAX",
            "vibrate_timings": ["0.5s", "1s"],
            "visibility": "SECRET",
            "notification_count": 3,
            "light_settings": {"color": {"red": 1, "alpha": 0.5}, "light_on_duration": "1s"},
            "proxy": "DENY",
            "sticky": None,
        },
    },
    "webpush": {"headers": {"TTL": "1"}, "data": {}, "notification": {"any": [1]}, "fcm_options": {"link": "/"}},
    "apns": {
        "headers": {"apns-priority": "5"},
        "payload": {"aps": {"badge": 1}, "custom": {"n": 1}},
        "fcm_options": {"image": "https://example.com"},
        "live_activity_token": "t",
    },
}


async def test_every_part_of_the_schema_is_accepted(fcm: FcmClient) -> None:
    """Fields of all kinds, in camelCase and snake_case, with null for absent."""
    answer = await fcm.send_good(**EVERYTHING)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    ("fields", "field", "text"),
    [
        ({"colour": 1}, "message", "Unknown name \"colour\" at 'message': Cannot find field."),
        ({"android": {"Ttl": "1s"}}, "message.android", 'Unknown name "Ttl"'),
        ({"notification": {"sound": "x"}}, "message.notification", 'Unknown name "sound"'),
        ({"data": {"a": 1}}, "message.data[0].value", "Invalid value at 'message.data[0].value' (TYPE_STRING), 1"),
        ({"data": {"a": "1", "b": {"c": 1}}}, "message.data[1].value", "(TYPE_STRING)"),
        ({"data": ["a"]}, "message.data", "Invalid value"),
        ({"notification": "Hello"}, "message.notification", 'fcm.v1.Notification), "Hello"'),
        ({"notification": {"title": 5}}, "message.notification.title", "(TYPE_STRING), 5"),
        ({"android": {"priority": "URGENT"}}, "message.android.priority", "AndroidMessagePriority"),
        ({"android": {"ttl": 60}}, "message.android.ttl", "protobuf.Duration"),
        ({"android": {"ttl": "60"}}, "message.android.ttl", "protobuf.Duration"),
        ({"android": {"directBootOk": "yes"}}, "message.android.direct_boot_ok", "TYPE_BOOL"),
        (
            {"android": {"notification": {"notification_count": 1.5}}},
            "message.android.notification.notification_count",
            "TYPE_INT32",
        ),
        (
            {"android": {"notification": {"body_loc_args": ["a", 2]}}},
            "message.android.notification.body_loc_args[1]",
            "(TYPE_STRING), 2",
        ),
        (
            {"android": {"notification": {"body_loc_args": "a"}}},
            "message.android.notification.body_loc_args",
            "Invalid value",
        ),
        (
            {"android": {"notification": {"event_time": "yesterday"}}},
            "message.android.notification.event_time",
            "protobuf.Timestamp",
        ),
        (
            {"android": {"notification": {"light_settings": {"color": {"red": "full"}}}}},
            "message.android.notification.light_settings.color.red",
            "TYPE_FLOAT",
        ),
        ({"apns": {"payload": []}}, "message.apns.payload", "protobuf.Struct"),
        ({"apns": {"headers": {"apns-priority": 5}}}, "message.apns.headers[0].value", "TYPE_STRING"),
        ({"fcm_options": {}, "fcmOptions": {}}, "message.fcm_options", "given twice"),
    ],
)
async def test_schema_violations(fcm: FcmClient, fields: dict[str, Any], field: str, text: str) -> None:
    """What the schema does not have is refused with the field's path, and without FCM's own code."""
    answer = await fcm.send_good(**fields)
    assert text in violations(answer)[field]
    assert [detail["@type"] for detail in answer.json()["error"]["details"]] == [BAD_REQUEST]


async def test_unknown_name_beside_the_message(fcm: FcmClient) -> None:
    """The top level has a schema too."""
    assert 'Unknown name "dry_run"' in violations(await fcm.send({"token": "x"}, dry_run=True))[""]


@pytest.mark.parametrize(
    ("message", "field", "text"),
    [
        ({}, "message", "Recipient of the message is not set."),
        ({"token": "a", "topic": "b"}, "message", "already set. Cannot set 'topic'"),
        ({"token": "a", "fid": "b"}, "message", "already set. Cannot set 'fid'"),
        ({"token": ""}, "message.token", "Invalid registration token"),
        ({"token": "two words"}, "message.token", "Invalid registration token"),
        ({"topic": "/topics/news"}, "message.topic", "Invalid topic name"),
        ({"condition": "true"}, "message.condition", "Invalid condition"),
        ({"token": "a", "data": {"from": "x"}}, "message.data", "key: from"),
        ({"token": "a", "data": {"message_type": "x"}}, "message.data", "key: message_type"),
        ({"token": "a", "data": {"google.x": "x"}}, "message.data", "key: google.x"),
        ({"token": "a", "data": {"gcm.notification.x": "x"}}, "message.data", "key: gcm.notification.x"),
        ({"token": "a", "android": {"data": {"from": "x"}}}, "message.android.data", "key: from"),
        ({"token": "a", "android": {"ttl": "2419201s"}}, "message.android.ttl", "between 0s and 2419200s"),
        ({"token": "a", "android": {"ttl": "-1s"}}, "message.android.ttl", "between"),
        (
            {"token": "a", "android": {"notification": {"color": "red"}}},
            "message.android.notification.color",
            "#rrggbb",
        ),
        ({"token": "a", "android": {}, "android_v2": {}}, "message", "exclude each other"),
        ({"token": "a", "apns": {"headers": {"apns-priority": "9"}}}, "message.apns.headers", "apns-priority"),
        ({"token": "a", "apns": {"payload": {"aps": 1}}}, "message.apns.payload", "aps must be an object"),
    ],
)
async def test_rules_beyond_the_schema(fcm: FcmClient, message: dict[str, Any], field: str, text: str) -> None:
    """What FCM itself refuses carries FCM's own code as well."""
    answer = await fcm.send(message)
    assert text in violations(answer)[field]
    assert {"@type": FCM_ERROR, "errorCode": "INVALID_ARGUMENT"} in answer.json()["error"]["details"]


@pytest.mark.parametrize("target", [{"fid": "f"}, {"topic": "news"}, {"condition": "'a' in topics && 'b' in topics"}])
async def test_other_targets(fcm: FcmClient, target: dict[str, str]) -> None:
    """Installation ids, topics and conditions are targets as well."""
    assert (await fcm.send(target)).status_code == 200


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ({"token": "a", "data": {"k": "x" * 4095}}, 200),
        ({"token": "a", "data": {"k": "x" * 4096}}, 400),
        ({"token": "a", "data": {"k": "ü" * 2048}}, 400),
        ({"token": "a", "data": {"k": "x" * 4000}, "notification": {"body": "y" * 92}}, 400),
        ({"token": "a", "data": {"k": "x" * 5000}, "android": {"data": {"k": "v"}}}, 200),
        ({"topic": "a", "data": {"k": "x" * 2048}}, 400),
        ({"token": "a", "apns": {"payload": {"aps": {"alert": "x" * 4096}}}}, 400),
        ({"token": "a", "data": {"k": "\ud800"}}, 200),
    ],
)
async def test_payload_limit(fcm: FcmClient, message: dict[str, Any], code: int) -> None:
    """4096 bytes of keys and values, 2048 to a topic; beyond that a plain 400 without details."""
    answer = await fcm.send(message)
    assert answer.status_code == code
    if code == 400:
        assert status(answer) == (400, "INVALID_ARGUMENT")
        assert "details" not in answer.json()["error"]
