"""What becomes ADM's message, and what is refused before ADM does it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration

from clarion.v1 import error_pb2 as err
from clarion.v1 import message_pb2
from clarion.v1.message_pb2 import AdmMessage
from clarion_server.providers.adm.check import checksum
from clarion_server.providers.adm.payload import render
from clarion_server.providers.contract import Content, Outcome, Payload


def _body(message: AdmMessage | None = None, raw: dict[str, Any] | None = None, **context: str) -> dict[str, Any]:
    payload = render(Content(message or AdmMessage(), raw, context, ""))
    assert isinstance(payload, Payload), payload
    document = json.loads(payload.body)
    assert isinstance(document, dict)
    return document


def _refused(message: AdmMessage | None = None, raw: dict[str, Any] | None = None) -> Outcome:
    outcome = render(Content(message or AdmMessage(), raw, {}, ""))
    assert isinstance(outcome, Outcome)
    return outcome


BASE = {"pinpoint.campaign.campaign_id": "_DIRECT", "pinpoint.notification.silentPush": "0"}
OPEN = {"pinpoint.openApp": "true"}


@pytest.mark.parametrize(
    ("message", "data"),
    [
        (AdmMessage(body="B"), BASE | OPEN | {"pinpoint.notification.body": "B"}),
        (AdmMessage(silent_push=True), BASE | OPEN | {"pinpoint.notification.silentPush": "1"}),
        (AdmMessage(data={"b": "2", "a": "1"}), BASE | OPEN | {"pinpoint.jsonBody": '{"a":"1","b":"2"}'}),
        (
            AdmMessage(title="T", action=message_pb2.ACTION_URL, url="https://a.example"),
            BASE | {"pinpoint.notification.title": "T", "pinpoint.url": "https://a.example"},
        ),
        (
            AdmMessage(title="T", action=message_pb2.ACTION_DEEP_LINK, url="app://x"),
            BASE | {"pinpoint.notification.title": "T", "pinpoint.deeplink": "app://x"},
        ),
    ],
    ids=["body", "silent", "data", "url", "deep link"],
)
def test_templated(message: AdmMessage, data: dict[str, str]) -> None:
    """The keys that AWS's library reads, and a checksum of them; nothing else when nothing else is said."""
    assert _body(message) == {"data": data, "md5": checksum(data)}


def test_context_and_trace_id() -> None:
    """They are one JSON text under `pinpoint`."""
    payload = render(Content(AdmMessage(body="B"), None, {"journey": "j"}, "t"))
    assert isinstance(payload, Payload)
    assert json.loads(payload.body)["data"]["pinpoint"] == '{"journey":"j","trace_id":"t"}'


def test_equal_messages_are_equal_bytes() -> None:
    """A map has no order of its own."""
    one = render(Content(AdmMessage(data={"a": "1", "b": "2"}), None, {"x": "1", "y": "2"}, ""))
    two = render(Content(AdmMessage(data={"b": "2", "a": "1"}), None, {"y": "2", "x": "1"}, ""))
    assert one == two


@pytest.mark.parametrize(
    ("raw", "data"),
    [
        (
            {"a": "x", "b": 0, "c": True, "d": None, "e": [1, "ä"]},
            {"a": "x", "b": "0", "c": "true", "d": "null", "e": '[1,"ä"]'},
        ),
        ({"data": "a text"}, {"data": "a text"}),
        ({"data": {"a": 1}}, {"a": "1"}),
        ({"priority": "high"}, {"priority": "high"}),
    ],
    ids=["flat", "a key called data", "own form", "a key called priority"],
)
def test_raw_data(raw: dict[str, Any], data: dict[str, str]) -> None:
    """Without an object called data or notification, raw content is data; values become texts."""
    assert _body(raw=raw) == {"data": data, "md5": checksum(data)}


def test_raw_own_form() -> None:
    """ADM's own form is taken key by key; what the message says about delivery applies where it says nothing."""
    message = AdmMessage(consolidation_key="weak", expires_after=Duration(seconds=300, nanos=1))
    raw = {"data": {"a": "1"}, "consolidationKey": "strong", "priority": "normal", "md5": checksum({"a": "1"})}
    assert _body(message, raw) == {
        "data": {"a": "1"},
        "consolidationKey": "strong",
        "expiresAfter": 300,
        "priority": "normal",
        "md5": checksum({"a": "1"}),
    }
    assert _body(AdmMessage(consolidation_key="k"), {}) == {"data": {}, "consolidationKey": "k"}
    notification = {"title": "T", "body": "B", "title_loc_args": ["x"]}
    assert _body(raw={"notification": notification}) == {"data": {}, "notification": notification}


@pytest.mark.parametrize(
    ("raw", "word"),
    [
        ({"data": {}, "extra": 1}, "`extra`"),
        ({}, "data is empty"),
        ({"data": {}, "priority": "high"}, "data is empty"),
        ({"data": {"": "x"}}, "empty key"),
        ({"": "x"}, "empty key"),
        ({"data": [], "notification": {"title": "T", "body": "B"}}, "data must be"),
        ({"data": {}, "notification": "x"}, "notification must be"),
        ({"notification": {"title": "T"}}, "notification needs body"),
        ({"notification": {"title": "", "body": "B"}}, "notification needs title"),
        ({"data": {}, "consolidationKey": ""}, "consolidationKey"),
        ({"data": {}, "consolidationKey": "x" * 65}, "consolidationKey"),
        ({"data": {}, "consolidationKey": 5}, "consolidationKey"),
        ({"data": {}, "expiresAfter": 59}, "expiresAfter"),
        ({"data": {}, "expiresAfter": 2_678_401}, "expiresAfter"),
        ({"data": {}, "expiresAfter": True}, "expiresAfter"),
        ({"data": {}, "expiresAfter": "soon"}, "expiresAfter"),
        ({"data": {}, "priority": "urgent"}, "priority"),
        ({"data": {"a": "1"}, "md5": "x"}, "md5"),
    ],
)
def test_raw_that_adm_would_refuse(raw: dict[str, Any], word: str) -> None:
    """Each is refused with the key that is wrong."""
    outcome = _refused(raw=raw)
    assert outcome.reason == err.ERROR_REASON_CONTENT_INVALID
    assert word in outcome.message


def test_filled_variables_are_checked() -> None:
    """A consolidation key that grew too long when its variables were filled is refused."""
    outcome = _refused(AdmMessage(body="B", consolidation_key="x" * 65))
    assert outcome.reason == err.ERROR_REASON_CONTENT_INVALID
    assert "consolidation_key" in outcome.message


@pytest.mark.parametrize("message", [AdmMessage(), AdmMessage(sound="s"), AdmMessage(title="")])
def test_nothing_to_send(message: AdmMessage) -> None:
    """A message without content is refused."""
    assert _refused(message).reason == err.ERROR_REASON_CONTENT_MISSING


def test_an_action_needs_its_url() -> None:
    """Without one it is refused."""
    outcome = _refused(AdmMessage(body="B", action=message_pb2.ACTION_URL))
    assert outcome.reason == err.ERROR_REASON_CONTENT_INVALID


def test_size() -> None:
    """6,144 bytes of JSON of data and notification are sent, one more is refused with size and limit."""
    frame = len('{"k":""}')
    payload = render(Content(AdmMessage(), {"k": "x" * (6144 - frame)}, {}, ""))
    assert isinstance(payload, Payload)
    assert (payload.size, payload.limit) == (6144, 6144)
    outcome = _refused(raw={"k": "x" * (6145 - frame)})
    assert outcome.reason == err.ERROR_REASON_PAYLOAD_TOO_LARGE
    assert (outcome.payload_size, outcome.payload_limit) == (6145, 6144)
