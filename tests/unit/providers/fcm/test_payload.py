from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarion.v1 import error_pb2, message_pb2
from clarion.v1.channel_pb2 import FCM_PRESENTATION_PINPOINT_SDK, FCM_PRESENTATION_SYSTEM, FcmPresentation
from clarion.v1.message_pb2 import FcmMessage
from clarion_server.providers.contract import Content, Outcome, Payload
from clarion_server.providers.fcm.payload import LIMIT, payload_size, render
from tests.unit.providers.fcm import golden


def _render(case: golden.Case) -> Payload:
    payload = render(case.content, case.presentation, golden.NOW)
    assert isinstance(payload, Payload), payload
    return payload


def _request(payload: Payload, token: bytes = b"TOKEN") -> dict[str, Any]:
    request: dict[str, Any] = json.loads(payload.body[: payload.hole] + token + payload.body[payload.hole :])
    return request


def _problem(raw: dict[str, Any], message: FcmMessage | None = None) -> str:
    outcome = render(Content(message or FcmMessage(), raw, {}, ""), FCM_PRESENTATION_SYSTEM, golden.NOW)
    assert isinstance(outcome, Outcome), outcome
    assert outcome.reason == error_pb2.ERROR_REASON_CONTENT_INVALID
    return outcome.message


@pytest.mark.parametrize("case", golden.ALL, ids=lambda case: case.name)
def test_golden(case: golden.Case) -> None:
    """Each content becomes exactly its message, with the address spliced in and `validateOnly` where asked."""
    payload = _render(case)
    expected: dict[str, Any] = {"message": {"token": "TOKEN", **case.expected}}
    if case.validate_only:
        expected["validateOnly"] = True
    assert _request(payload) == expected
    assert payload.headers == ((b"content-type", b"application/json"),)
    assert payload.limit == LIMIT


def test_every_field_of_the_message_is_used() -> None:
    """The golden message `FULL` sets every field that can be part of a payload."""
    unused = {"raw_content", "substitutions", "preferred_authentication_method"}
    every = {field.name for field in FcmMessage.DESCRIPTOR.fields}
    # An explicit false is set, too: the field has presence.
    assert {descriptor.name for descriptor, _ in golden.FULL.ListFields()} == every - unused


def test_equal_contents_are_equal_bytes() -> None:
    """Maps have no order in protobuf; the payload does not depend on the order of insertion."""
    forward, backward = FcmMessage(title="t"), FcmMessage(title="t")
    for key in "abcdef":
        forward.data[key] = key
    for key in reversed("abcdef"):
        backward.data[key] = key
    bodies = {
        render(Content(message, None, {}, ""), FCM_PRESENTATION_SYSTEM, 0.0).body  # type: ignore[union-attr]
        for message in (forward, backward)
    }
    assert len(bodies) == 1


def test_trace_id_wins_over_a_context_entry_of_the_same_name() -> None:
    """`pinpoint.trace_id` is the call's trace id."""
    content = Content(FcmMessage(title="t"), None, {"trace_id": "context"}, "call")
    payload = render(content, FCM_PRESENTATION_PINPOINT_SDK, 0.0)
    assert isinstance(payload, Payload)
    assert _request(payload)["message"]["data"]["pinpoint"] == '{"trace_id":"call"}'


@pytest.mark.parametrize("action", [message_pb2.ACTION_DEEP_LINK, message_pb2.ACTION_URL])
def test_an_action_whose_url_came_out_empty_is_refused(action: message_pb2.Action) -> None:
    """Variables may fill a url with nothing; a device could do nothing with that."""
    content = Content(FcmMessage(title="t", action=action, url=""), None, {}, "")
    outcome = render(content, FCM_PRESENTATION_SYSTEM, 0.0)
    assert isinstance(outcome, Outcome)
    assert outcome.reason == error_pb2.ERROR_REASON_CONTENT_INVALID
    assert outcome.message.startswith("url")


@pytest.mark.parametrize(
    ("message", "size"),
    [
        ({}, 0),
        ({"notification": {"title": "é"}}, 7),
        ({"data": {"k": "value"}}, 6),
        ({"data": {"k": "value"}, "android": {"data": {"kk": "v"}}}, 3),
        ({"notification": {"title": "a"}, "android": {"notification": {"title": "bb", "sticky": True}}}, 17),
        ({"android": {"notification": {"bodyLocArgs": ["a", "bc"]}}}, 14),
        ({"android": {"ttl": "5s"}, "apns": {"payload": {"aps": {}}}}, 0),
    ],
)
def test_size_is_keys_and_values_of_what_an_android_device_gets(message: dict[str, Any], size: int) -> None:
    """Notification and data count, as UTF-8, with Android's own in place of the general; delivery fields do not."""
    assert payload_size(message) == size


@pytest.mark.parametrize(("length", "fits"), [(LIMIT - 1, True), (LIMIT, False)])
def test_size_limit(length: int, *, fits: bool) -> None:
    """4,096 bytes are allowed, one more is refused with size and limit in the text."""
    content = Content(FcmMessage(), {"data": {"k": "x" * length}}, {}, "")
    result = render(content, FCM_PRESENTATION_SYSTEM, 0.0)
    if fits:
        assert isinstance(result, Payload)
        assert result.size == LIMIT
    else:
        assert isinstance(result, Outcome)
        assert result.reason == error_pb2.ERROR_REASON_PAYLOAD_TOO_LARGE
        assert "4,097" in result.message
        assert "4,096" in result.message
        assert (result.payload_size, result.payload_limit) == (LIMIT + 1, LIMIT)


def _v1(**message: Any) -> dict[str, Any]:
    return {"fcmV1Message": {"message": message}}


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ({"fcmV1Message": []}, "fcmV1Message must be a JSON object"),
        ({"fcmV1Message": {}}, "lacks message"),
        ({"fcmV1Message": {"message": 1}}, "fcmV1Message.message must be a JSON object"),
        ({"fcmV1Message": {"message": {}, "dry": 1}}, "`dry`"),
        ({"fcmV1Message": {"message": {}}, "data": {}}, "`data`"),
        ({"fcmV1Message": {"message": {}, "validate_only": "yes"}}, "validate_only"),
        (_v1(topic="t"), "fcmV1Message.message.topic"),
        (_v1(condition="t"), "fcmV1Message.message.condition"),
        (_v1(fid="t"), "fcmV1Message.message.fid"),
        (_v1(android=[]), "android must be a JSON object"),
        (_v1(notification="hello"), "notification must be a JSON object"),
        (_v1(data={"n": 1}), "data: the value of `n`"),
        (_v1(android={"data": {"n": None}}), "android.data: the value of `n`"),
        (_v1(data={"from": "x"}), "`from` is reserved"),
        (_v1(data={"": "x"}), "data has an empty key"),
        (_v1(webpush={"data": {"": "x"}}), "webpush.data has an empty key"),
        ({"data": {"": "x"}}, "data has an empty key"),
        (_v1(data={"message_type": "x"}), "`message_type` is reserved"),
        (_v1(webpush={"data": {"google.x": "x"}}), "`google.x` is reserved"),
        (_v1(android={"data": {"gcm.notification.x": "x"}}), "`gcm.notification.x` is reserved"),
        (_v1(android={"collapse_key": "a", "collapseKey": "b"}), "both spellings"),
        (_v1(data={"a": "\ud800"}), "surrogate"),
        (_v1(apns={"payload": {"n": float("nan")}}), "NaN"),
        ({"condition": "x"}, "condition names recipients"),
        ({"registration_ids": ["x"]}, "registration_ids names recipients"),
        ({"to": "/topics/x"}, "to names recipients"),
        ({"fcm_options": {}}, "`fcm_options`"),
        ({"notification": {"ticker": "x"}}, "`ticker`"),
        ({"notification": []}, "notification must be a JSON object"),
        ({"notification": {"title": {}}}, "notification.title must be a text"),
        ({"notification": {"body_loc_args": "a,b"}}, "notification.body_loc_args must be an array"),
        ({"notification": {"badge": "many"}}, "notification.badge must be a whole number"),
        ({"data": "x"}, "data must be a JSON object"),
        ({"data": {"from": "x"}}, "`from` is reserved"),
        ({"data": {"n": float("inf")}}, "NaN"),
        ({"priority": "urgent"}, "priority must be normal or high"),
        ({"time_to_live": 2419201}, "time_to_live must be a whole number from 0 to 2,419,200"),
        ({"time_to_live": -1}, "time_to_live"),
        ({"time_to_live": True}, "time_to_live"),
        ({"dry_run": "maybe"}, "dry_run must be true or false"),
        ({"content_available": 2}, "content_available must be true or false"),
    ],
)
def test_refused_raw_content(raw: dict[str, Any], words: str) -> None:
    """What FCM would refuse is refused here, and the text names the key."""
    assert words in _problem(raw)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
_KEYS = st.sampled_from(
    [
        *("notification", "data", "android", "android_v2", "apns", "webpush", "headers", "payload", "ttl", "token"),
        *("priority", "topic", "title", "badge", "body_loc_args", "time_to_live", "dry_run", "to", "fcm_options"),
    ]
)
_OBJECT = st.recursive(
    st.dictionaries(_KEYS, _JSON, max_size=4), lambda inner: st.dictionaries(_KEYS, inner, max_size=4), max_leaves=6
)


@given(_OBJECT, st.booleans())
def test_whatever_raw_content_holds_there_is_an_answer(raw: dict[str, Any], v1: bool) -> None:  # noqa: FBT001
    """Any JSON object gives a payload that is JSON, or a refusal; never an exception."""
    raw = {"fcmV1Message": {"message": raw}} if v1 else raw
    result = render(Content(golden.FULL, raw, {}, ""), FCM_PRESENTATION_SYSTEM, golden.NOW)
    if isinstance(result, Payload):
        assert _request(result)["message"]["token"] == "TOKEN"
    else:
        assert result.message


@pytest.mark.parametrize("key", ["from", "message_type", "google.x", "gcm.notification.y"])
def test_reserved_data_keys_of_templated_messages(key: str) -> None:
    """Plain data with a key that FCM reserves is refused before it is sent, naming the key."""
    content = Content(FcmMessage(title="t", data={key: "v"}), None, {}, "")
    outcome = render(content, FCM_PRESENTATION_SYSTEM, 0)
    assert isinstance(outcome, Outcome)
    assert outcome.reason == error_pb2.ERROR_REASON_CONTENT_INVALID
    assert key in outcome.message
    assert not isinstance(render(content, FCM_PRESENTATION_PINPOINT_SDK, 0), Outcome), "there it is inside jsonBody"


def test_an_empty_data_key_is_refused() -> None:
    """FCM takes no empty key in data; inside jsonBody it is just JSON."""
    content = Content(FcmMessage(title="t", data={"": "v"}), None, {}, "")
    outcome = render(content, FCM_PRESENTATION_SYSTEM, 0)
    assert isinstance(outcome, Outcome)
    assert outcome.reason == error_pb2.ERROR_REASON_CONTENT_INVALID
    assert "data has an empty key" in outcome.message
    assert isinstance(render(content, FCM_PRESENTATION_PINPOINT_SDK, 0), Payload)


@pytest.mark.parametrize("key", ["pinpoint", "pinpoint.", "pinpoint.openApp", "pinpoint.of.the.caller"])
@pytest.mark.parametrize(
    "fields", [FcmMessage(title="t"), FcmMessage(), FcmMessage(silent_push=True)], ids=["shown", "data", "silent"]
)
def test_clarions_own_data_keys(fields: FcmMessage, key: str) -> None:
    """Plain data with a key that Clarion fills is refused by name, not overwritten; raw content may have it."""
    message = FcmMessage(data={"a": "b", key: "v"})
    message.MergeFrom(fields)
    content = Content(message, None, {}, "")
    outcome = render(content, FCM_PRESENTATION_SYSTEM, 0)
    assert isinstance(outcome, Outcome)
    assert outcome.reason == error_pb2.ERROR_REASON_CONTENT_INVALID
    assert f"`{key}`" in outcome.message
    assert isinstance(render(content, FCM_PRESENTATION_PINPOINT_SDK, 0), Payload), "there it is inside jsonBody"
    for raw in ({"data": {key: "v"}}, _v1(data={key: "v"})):
        payload = render(Content(FcmMessage(), raw, {}, ""), FCM_PRESENTATION_SYSTEM, 0)
        assert isinstance(payload, Payload)
        assert _request(payload)["message"]["data"] == {key: "v"}


@pytest.mark.parametrize("presentation", [FCM_PRESENTATION_SYSTEM, FCM_PRESENTATION_PINPOINT_SDK])
@pytest.mark.parametrize(
    "message",
    [
        FcmMessage(),
        FcmMessage(title="", body=""),
        FcmMessage(priority=message_pb2.PRIORITY_HIGH, collapse_key="c"),
        FcmMessage(sound="s", icon_reference="i", image_icon_url="u", silent_push=False),
    ],
)
def test_a_message_without_content(message: FcmMessage, presentation: FcmPresentation) -> None:
    """What has nothing for the device, and is not silent, is refused instead of sent as an empty message."""
    outcome = render(Content(message, None, {"k": "v"}, "t"), presentation, 0)
    assert isinstance(outcome, Outcome)
    assert outcome.reason == error_pb2.ERROR_REASON_CONTENT_MISSING
    assert "silent_push" in outcome.message
