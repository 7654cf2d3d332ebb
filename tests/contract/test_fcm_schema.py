"""What we send to FCM, against Google's own description of the API; and that the description can refuse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format

from clarion.v1 import channel_pb2
from clarion.v1.channel_pb2 import FCM_PRESENTATION_PINPOINT_SDK, FCM_PRESENTATION_SYSTEM, FcmPresentation
from clarion.v1.messaging_pb2 import SendMessagesRequest
from clarion_server.providers.contract import Content, Outcome, Payload
from clarion_server.providers.fcm.payload import render
from clarion_server.sending.resolve import Resolver
from clarion_server.sending.tailoring import tailoring
from tests.support.discovery import schemas, send_problems
from tests.unit.providers.fcm import golden

_EXAMPLES = Path(__file__).parents[2] / "examples"
_FILES = sorted(path.name for path in _EXAMPLES.glob("*.json"))
_EXPECTED = [
    "all-providers.json",
    "apns-game-invitation.json",
    "apns-live-activity.json",
    "fcm-plain.json",
    "fcm-raw-legacy.json",
    "fcm-raw-v1.json",
    "safari-url-args.json",
]


def _body(payload: Payload) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(payload.body[: payload.hole] + b"TOKEN" + payload.body[payload.hole :])
    return body


def _example(name: str) -> SendMessagesRequest:
    return json_format.Parse((_EXAMPLES / name).read_text(encoding="utf-8"), SendMessagesRequest())


@pytest.mark.parametrize("case", golden.ALL, ids=lambda case: case.name)
def test_golden_payloads(case: golden.Case) -> None:
    """Google's description knows every name, type, enum and format of every golden payload."""
    payload = render(case.content, case.presentation, golden.NOW)
    assert isinstance(payload, Payload)
    assert send_problems(_body(payload)) == []


def test_the_examples_are_all_there() -> None:
    """A file that is renamed or added is noticed here."""
    assert _FILES == _EXPECTED


@pytest.mark.parametrize("name", _EXPECTED)
def test_examples_are_requests(name: str) -> None:
    """Each file is the JSON of a SendMessagesRequest, with the placeholder of the README and real targets."""
    request = _example(name)
    assert request.start.app_id == "APP_ID"
    assert request.targets
    for target in request.targets:
        assert target.address
        assert target.channel_type != channel_pb2.CHANNEL_TYPE_UNSPECIFIED


@pytest.mark.parametrize("presentation", [FCM_PRESENTATION_SYSTEM, FCM_PRESENTATION_PINPOINT_SDK])
@pytest.mark.parametrize("name", _EXPECTED)
def test_examples_to_fcm(name: str, presentation: FcmPresentation) -> None:
    """What each example's FCM targets get is within Google's description."""
    request = _example(name)
    resolver = Resolver(request.start, "fcm")
    for target in request.targets:
        if target.channel_type != channel_pb2.CHANNEL_TYPE_FCM:
            continue
        own = tailoring(target.overrides) if target.HasField("overrides") else None
        assert not isinstance(own, Outcome), own
        content = resolver.resolve(own)
        assert isinstance(content, Content), content
        payload = render(content, presentation, golden.NOW)
        assert isinstance(payload, Payload), payload
        assert send_problems(_body(payload)) == []


def test_the_v1_example_has_every_field_of_an_android_notification() -> None:
    """The file is the place to look up how a field is written, so none may be missing."""
    raw = json.loads(_example("fcm-raw-v1.json").start.message.fcm.raw_content)
    message = raw["fcmV1Message"]["message"]
    assert set(message) == {"notification", "android", "apns", "webpush", "data"}
    assert message["android"]["ttl"] == "10023.32s"
    given = {key.replace("_", "").lower() for key in message["android"]["notification"]}
    from_google = {key.lower() for key in _schema("AndroidNotification")}
    assert given == from_google - {"bypassproxynotification"}  # deprecated
    assert {"content-state", "stale-date", "dismissal-date", "event", "timestamp", "attributes-type"} <= set(
        message["apns"]["payload"]["aps"]
    )


def _schema(name: str) -> dict[str, Any]:
    properties: dict[str, Any] = schemas()[name]["properties"]
    return properties


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        ({"tokn": "t"}, "tokn: Google knows no such field in Message"),
        ({"token": 1}, "message.token: must be of type string, is int"),
        ({"token": "t", "data": {"n": 1}}, "message.data['n']: must be of type string"),
        ({"token": "t", "android": {"ttl": "5"}}, "message.android.ttl: '5' is no google-duration"),
        ({"token": "t", "android": {"priority": "urgent"}}, "is none of NORMAL, HIGH"),
        ({"token": "t", "android": {"notification": {"visibility": "public"}}}, "is none of VISIBILITY_UNSPECIFIED"),
        ({"token": "t", "android": {"notification": {"notification_count": True}}}, "must be of type integer"),
        ({"token": "t", "android": {"notification": {"notification_count": 2**31}}}, "is no int32"),
        ({"token": "t", "android": {"notification": {"event_time": "today"}}}, "is no google-datetime"),
        ({"token": "t", "android": {"notification": {"body_loc_args": "a"}}}, "must be of type array"),
        (
            {"token": "t", "android": {"notification": {"body_loc_args": [1]}}},
            "body_loc_args[0]: must be of type string",
        ),
        ({"token": "t", "android": {"collapse_key": "a", "collapseKey": "a"}}, "is there twice"),
        ({"token": "t", "android": {}, "androidV2": {}}, "excludes android"),
        ({"token": "t", "name": "n"}, "is output only"),
        ({"token": "t", "topic": "n"}, "has 2"),
        ({}, "has 0"),
    ],
)
def test_the_description_refuses(message: dict[str, Any], problem: str) -> None:
    """The check that our payloads pass can fail, for each kind of mistake."""
    problems = send_problems({"message": message})
    assert problems
    assert any(problem in text for text in problems), problems


def test_both_spellings_of_names_are_known() -> None:
    """Google's parser takes camelCase and snake_case."""
    for android in ({"collapse_key": "a"}, {"collapseKey": "a"}):
        assert send_problems({"message": {"token": "t", "android": android}, "validate_only": True}) == []
