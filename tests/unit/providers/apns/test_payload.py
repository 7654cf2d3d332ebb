"""The exact bytes that each field of a message becomes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from hypothesis import given
from hypothesis import strategies as st

from clarion.v1 import channel_pb2, message_pb2
from clarion.v1 import error_pb2 as err
from clarion.v1.channel_pb2 import ChannelType
from clarion.v1.message_pb2 import ApnsMessage
from clarion_server.providers.apns.payload import LIMIT, PUSH_TYPES, render
from clarion_server.providers.contract import Content, Outcome, Payload

_APNS = channel_pb2.CHANNEL_TYPE_APNS
_VOIP = channel_pb2.CHANNEL_TYPE_APNS_VOIP
_PUSH_ALERT = message_pb2.APNS_PUSH_TYPE_ALERT
_PUSH_BACKGROUND = message_pb2.APNS_PUSH_TYPE_BACKGROUND
_NOW = 1_900_000_000.75


def _render(
    message: ApnsMessage | None = None,
    raw: dict[str, Any] | None = None,
    *,
    context: dict[str, str] | None = None,
    trace_id: str = "",
    channel_type: ChannelType = _APNS,
    bundle_id: str = "com.example.app",
    topics: frozenset[str] = frozenset(),
) -> Payload | Outcome:
    content = Content(message or ApnsMessage(), raw, context or {}, trace_id)
    return render(content, channel_type=channel_type, bundle_id=bundle_id, now=_NOW, topics=topics)


def _payload(*args: Any, **kwargs: Any) -> Payload:
    payload = _render(*args, **kwargs)
    assert isinstance(payload, Payload), payload
    return payload


def _headers(*args: Any, **kwargs: Any) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in _payload(*args, **kwargs).headers}


def _refused(*args: Any, **kwargs: Any) -> tuple[err.ErrorReason, str]:
    outcome = _render(*args, **kwargs)
    assert isinstance(outcome, Outcome), outcome
    return outcome.reason, outcome.message


_DATA = ',"data":{"pinpoint":{}}}'

_GOLDEN: dict[str, tuple[ApnsMessage, str]] = {
    "body": (ApnsMessage(body="Hi"), '{"aps":{"alert":{"body":"Hi"}}' + _DATA),
    "title": (ApnsMessage(title="T"), '{"aps":{"alert":{"title":"T"}}' + _DATA),
    "title and body": (ApnsMessage(title="T", body="B"), '{"aps":{"alert":{"title":"T","body":"B"}}' + _DATA),
    "UTF-8, not escaped": (ApnsMessage(body='é"\n😀'), '{"aps":{"alert":{"body":"é\\"\\n😀"}}' + _DATA),
    "badge": (ApnsMessage(badge=7), '{"aps":{"badge":7}' + _DATA),
    "badge 0": (ApnsMessage(badge=0), '{"aps":{"badge":0}' + _DATA),
    "sound": (ApnsMessage(sound="default"), '{"aps":{"sound":"default"}' + _DATA),
    "category": (ApnsMessage(body="B", category="GAME"), '{"aps":{"alert":{"body":"B"},"category":"GAME"}' + _DATA),
    "thread_id": (ApnsMessage(body="B", thread_id="t"), '{"aps":{"alert":{"body":"B"},"thread-id":"t"}' + _DATA),
    "media_url": (
        ApnsMessage(body="B", media_url="https://e.test/i.png"),
        '{"aps":{"alert":{"body":"B"},"mutable-content":1},"data":{"pinpoint":{},"media-url":"https://e.test/i.png"}}',
    ),
    "open app": (
        ApnsMessage(body="B", action=message_pb2.ACTION_OPEN_APP, url="https://e.test"),
        '{"aps":{"alert":{"body":"B"}}' + _DATA,
    ),
    "deep link": (
        ApnsMessage(body="B", action=message_pb2.ACTION_DEEP_LINK, url="app://x"),
        '{"aps":{"alert":{"body":"B"}},"data":{"pinpoint":{"deeplink":"app://x"}}}',
    ),
    "URL": (
        ApnsMessage(body="B", action=message_pb2.ACTION_URL, url="https://e.test"),
        '{"aps":{"alert":{"body":"B"}},"data":{"pinpoint":{"deeplink":"https://e.test"}}}',
    ),
    "data": (
        ApnsMessage(body="B", data={"k": "v", "a": "1"}),
        '{"aps":{"alert":{"body":"B"}},"data":{"pinpoint":{"jsonBody":{"a":"1","k":"v"}}}}',
    ),
    "silent push": (
        ApnsMessage(silent_push=True, title="T", body="B", badge=1, sound="s", data={"k": "v"}),
        '{"aps":{"content-available":1},"data":{"pinpoint":{"jsonBody":{"k":"v"}}}}',
    ),
    "background": (
        ApnsMessage(push_type=message_pb2.APNS_PUSH_TYPE_BACKGROUND),
        '{"aps":{"content-available":1}' + _DATA,
    ),
    "background with media": (
        ApnsMessage(push_type=message_pb2.APNS_PUSH_TYPE_BACKGROUND, media_url="u"),
        '{"aps":{"mutable-content":1,"content-available":1},"data":{"pinpoint":{},"media-url":"u"}}',
    ),
    "empty texts are left out": (
        ApnsMessage(title="", body="B", sound="", category="", thread_id="", media_url="", collapse_id=""),
        '{"aps":{"alert":{"body":"B"}}' + _DATA,
    ),
}


@pytest.mark.parametrize("name", _GOLDEN)
def test_golden_bodies(name: str) -> None:
    """Each field becomes exactly these bytes: compact JSON in UTF-8."""
    message, expected = _GOLDEN[name]
    payload = _payload(message)
    assert payload.body.decode() == expected
    assert payload.size == len(expected.encode())
    assert (payload.limit, payload.hole) == (4096, -1)


def test_context_and_trace_id_join_pinpoint() -> None:
    """Context comes first, and what the message itself sets is stronger."""
    message = ApnsMessage(body="B", action=message_pb2.ACTION_DEEP_LINK, url="app://x")
    context = {"campaign": "c", "deeplink": "app://other", "trace_id": "other"}
    document = json.loads(_payload(message, context=context, trace_id="t-1").body)
    assert document["data"] == {"pinpoint": {"campaign": "c", "deeplink": "app://x", "trace_id": "t-1"}}


def test_default_headers() -> None:
    """A plain message is an alert with priority 10 for the bundle id, without expiration and collapse id."""
    assert _payload(ApnsMessage(body="B")).headers == (
        (b"apns-topic", b"com.example.app"),
        (b"apns-push-type", b"alert"),
        (b"apns-priority", b"10"),
    )


_TOPICS = {
    "ALERT": ("alert", ""),
    "BACKGROUND": ("background", ""),
    "VOIP": ("voip", ".voip"),
    "COMPLICATION": ("complication", ".complication"),
    "FILE_PROVIDER": ("fileprovider", ".pushkit.fileprovider"),
    "MDM": ("mdm", ""),
    "LOCATION": ("location", ".location-query"),
    "LIVE_ACTIVITY": ("liveactivity", ".push-type.liveactivity"),
    "PUSH_TO_TALK": ("pushtotalk", ".voip-ptt"),
    "WIDGETS": ("widgets", ".push-type.widgets"),
    "CONTROLS": ("controls", ".push-type.controls"),
}


@pytest.mark.parametrize("name", _TOPICS)
def test_push_types_and_topics(name: str) -> None:
    """Each push type has its word and its topic; the VoIP one has a limit of its own."""
    word, suffix = _TOPICS[name]
    raw = {"aps": {"content-available": 1}}
    message = ApnsMessage(push_type=f"APNS_PUSH_TYPE_{name}", priority=message_pb2.PRIORITY_NORMAL)
    payload = _payload(message, raw=raw)
    headers = dict(payload.headers)
    assert headers[b"apns-push-type"].decode() == word
    assert headers[b"apns-topic"].decode() == f"com.example.app{suffix}"
    assert payload.limit == (5120 if name == "VOIP" else 4096)


def test_every_push_type_is_tested() -> None:
    """The cases above are all push types of the API but the unspecified one."""
    names = {name.removeprefix("APNS_PUSH_TYPE_") for name in message_pb2.ApnsPushType.keys()}  # noqa: SIM118
    assert set(_TOPICS) == names - {"UNSPECIFIED"}
    assert len(PUSH_TYPES) == len(_TOPICS)


@pytest.mark.parametrize(
    ("priority", "expected"),
    [("PRIORITY_UNSPECIFIED", "10"), ("PRIORITY_LOW", "1"), ("PRIORITY_NORMAL", "5"), ("PRIORITY_HIGH", "10")],
)
def test_priorities(priority: message_pb2.Priority, expected: str) -> None:
    """Priorities become Apple's numbers, and a background push has 5 whatever it says."""
    assert _headers(ApnsMessage(body="B", priority=priority))["apns-priority"] == expected
    assert _headers(ApnsMessage(silent_push=True, priority=priority))["apns-priority"] == "5"
    background = {"aps": {"content-available": 1}}
    assert _headers(ApnsMessage(priority=priority), raw=background)["apns-priority"] == "5"


@pytest.mark.parametrize(
    ("ttl", "expected"),
    [
        (Duration(seconds=60), "1900000060"),
        (Duration(seconds=60, nanos=999_999_999), "1900000060"),
        (Duration(), "0"),
        (Duration(nanos=999_999_999), "0"),
    ],
)
def test_time_to_live_becomes_a_point_in_time(ttl: Duration, expected: str) -> None:
    """The expiration is now plus the whole seconds of time_to_live; none left means one attempt, which is 0."""
    assert _headers(ApnsMessage(body="B", time_to_live=ttl))["apns-expiration"] == expected


def test_collapse_id_is_checked_after_variables() -> None:
    """64 bytes of UTF-8 fit into the header, more do not, and a control character never gets there."""
    assert _headers(ApnsMessage(body="B", collapse_id="é" * 32))["apns-collapse-id"] == "é" * 32
    for wrong, expected in [("é" * 33, "66 bytes"), ("a\nb", "control character"), (" a", "space")]:
        reason, message = _refused(ApnsMessage(body="B", collapse_id=wrong))
        assert reason == err.ERROR_REASON_CONTENT_INVALID
        assert expected in message


@pytest.mark.parametrize(
    ("raw", "push_type"),
    [
        ({"aps": {"alert": "x"}}, "alert"),
        ({"aps": {"content-available": 1}}, "background"),
        ({"aps": {"content-available": 1, "alert": None}}, "background"),
        ({"aps": {"content-available": 0}}, "alert"),
        ({"aps": {"content-available": [1]}}, "alert"),
        ({"aps": {"content-available": 1, "badge": 0}}, "alert"),
        ({"aps": {"content-available": 1, "sound": "s"}}, "alert"),
        ({"mdm": "x"}, "alert"),
    ],
)
def test_the_push_type_of_raw_content(raw: dict[str, Any], push_type: str) -> None:
    """Unless the message names one, raw content that the user does not notice is a background push."""
    assert _headers(raw=raw)["apns-push-type"] == push_type


def test_raw_content_replaces_the_body_and_nothing_else() -> None:
    """The body is the raw content, keys in its order and without context; header fields of the message still apply."""
    raw = {"z": [1, 2.5, None], "aps": {"url-args": [""], "alert": {"title": "é"}}}
    message = ApnsMessage(
        title="T", body="B", badge=1, data={"a": "b"}, collapse_id="c", priority=message_pb2.PRIORITY_NORMAL
    )
    payload = _payload(message, raw=raw, context={"k": "v"}, trace_id="t")
    assert payload.body.decode() == '{"z":[1,2.5,null],"aps":{"url-args":[""],"alert":{"title":"é"}}}'
    assert dict(payload.headers)[b"apns-collapse-id"] == b"c"
    assert dict(payload.headers)[b"apns-priority"] == b"5"


@pytest.mark.parametrize(
    ("message", "raw", "expected"),
    [
        (ApnsMessage(push_type=_PUSH_BACKGROUND), {"aps": {"content-available": 1, "alert": "x"}}, "aps.alert"),
        (ApnsMessage(silent_push=True), {"aps": {"badge": 1, "sound": "s"}}, "aps.badge and aps.sound"),
        (ApnsMessage(push_type=_PUSH_BACKGROUND, body="B", badge=1), None, "aps.alert and aps.badge"),
        (ApnsMessage(), {"aps": "x"}, "aps is not a JSON object"),
        (ApnsMessage(push_type=_PUSH_BACKGROUND), {"aps": []}, "aps is not a JSON object"),
        (ApnsMessage(push_type=_PUSH_BACKGROUND), {"k": "v"}, "aps.content-available, and it must be the number 1"),
        (ApnsMessage(push_type=_PUSH_BACKGROUND), {"aps": {"content-available": 0}}, "aps.content-available"),
        (ApnsMessage(silent_push=True), {"aps": {}}, "aps.content-available"),
        (ApnsMessage(), {"aps": {"content-available": "1"}}, "aps.content-available"),
        (ApnsMessage(silent_push=True, push_type=_PUSH_ALERT), None, "silent_push"),
        (ApnsMessage(push_type=_PUSH_ALERT), {"aps": {"content-available": 1}}, "priority 10"),
        (ApnsMessage(push_type=message_pb2.APNS_PUSH_TYPE_MDM, body="B"), None, '{"mdm": "…"}'),
        (ApnsMessage(body="B", action=message_pb2.ACTION_URL), None, "ACTION_URL"),
        (ApnsMessage(body="B", action=message_pb2.ACTION_DEEP_LINK), None, "ACTION_DEEP_LINK"),
        (ApnsMessage(), {"aps": {"alert": "\ud800"}}, "half a character"),
    ],
)
def test_contradictions_name_what_contradicts(message: ApnsMessage, raw: dict[str, Any] | None, expected: str) -> None:
    """What APNs would refuse is refused, and the text names the key."""
    reason, text = _refused(message, raw=raw)
    assert reason == err.ERROR_REASON_CONTENT_INVALID
    assert expected in text


@pytest.mark.parametrize(
    "message",
    [
        ApnsMessage(),
        ApnsMessage(title="", body=""),
        ApnsMessage(data={"a": "b"}),
        ApnsMessage(category="c", thread_id="t", media_url="u"),
        ApnsMessage(push_type=message_pb2.APNS_PUSH_TYPE_FILE_PROVIDER),
        ApnsMessage(push_type=message_pb2.APNS_PUSH_TYPE_LIVE_ACTIVITY, body="B"),
    ],
)
def test_a_message_that_shows_nothing_has_no_content(message: ApnsMessage) -> None:
    """Without anything to notice, and not silent, there is nothing to send."""
    assert _refused(message)[0] == err.ERROR_REASON_CONTENT_MISSING


def test_data_is_content_enough_for_pushes_that_show_nothing() -> None:
    """A VoIP push may carry data or context alone."""
    assert json.loads(_payload(ApnsMessage(data={"call": "1"}), channel_type=_VOIP).body)["aps"] == {}
    assert _payload(context={"call": "1"}, channel_type=_VOIP).limit == 5120


def test_voip_channels_send_voip_only() -> None:
    """On a VoIP channel the push type is voip by itself, and another one is refused."""
    headers = _headers(ApnsMessage(body="B"), channel_type=_VOIP)
    assert (headers["apns-push-type"], headers["apns-topic"]) == ("voip", "com.example.app.voip")
    activity = {"event": message_pb2.APNS_LIVE_ACTIVITY_EVENT_END}
    for message in (ApnsMessage(body="B", push_type=_PUSH_ALERT), ApnsMessage(body="B", live_activity=activity)):
        assert _refused(message, channel_type=_VOIP)[0] == err.ERROR_REASON_CONTENT_INVALID


@pytest.mark.parametrize("push_type", [message_pb2.APNS_PUSH_TYPE_WIDGETS, message_pb2.APNS_PUSH_TYPE_CONTROLS])
def test_widgets_and_controls_need_no_text(push_type: message_pb2.ApnsPushType) -> None:
    """What makes the app read its content again says so, and shows nothing."""
    document = json.loads(_payload(ApnsMessage(push_type=push_type)).body)
    assert document["aps"] == {"content-changed": True}


def test_a_location_query_needs_nothing() -> None:
    """It asks for something, and has nothing to say."""
    assert _payload(ApnsMessage(push_type=message_pb2.APNS_PUSH_TYPE_LOCATION)).body == b'{"aps":{}' + _DATA.encode()


def test_a_website_gets_alerts_only() -> None:
    """The id of a website is its topic; its pushes always have url-args, and no other push type has a topic there."""
    website = {"bundle_id": "web.com.example"}
    payload = _payload(ApnsMessage(title="T", body="B"), **website)
    assert dict(payload.headers)[b"apns-topic"] == b"web.com.example"
    assert json.loads(payload.body)["aps"]["url-args"] == []
    document = json.loads(_payload(ApnsMessage(body="B", url_args=["a", "b"], action_label="View"), **website).body)
    assert document["aps"] == {"alert": {"body": "B", "action": "View"}, "url-args": ["a", "b"]}
    reason, text = _refused(ApnsMessage(silent_push=True), **website)
    assert reason == err.ERROR_REASON_CONTENT_INVALID
    assert "website" in text


def test_a_topic_that_the_certificate_does_not_list_is_refused() -> None:
    """With a list of topics the answer is known before anything is sent, and says what the certificate is for."""
    topics = frozenset({"com.example.app", "com.example.app.voip"})
    assert dict(_payload(ApnsMessage(body="B"), topics=topics).headers)[b"apns-topic"] == b"com.example.app"
    assert _payload(ApnsMessage(body="B"), channel_type=_VOIP, topics=topics).limit == 5120
    message = ApnsMessage(body="B", push_type=message_pb2.APNS_PUSH_TYPE_COMPLICATION)
    reason, text = _refused(message, topics=topics)
    assert reason == err.ERROR_REASON_TOPIC_NOT_CERTIFIED
    assert "com.example.app.complication" in text
    assert "com.example.app, com.example.app.voip" in text


def test_without_bundle_id_there_is_no_topic() -> None:
    """A channel without bundle id says so."""
    reason, message = _refused(ApnsMessage(body="B"), bundle_id="")
    assert reason == err.ERROR_REASON_CONTENT_INVALID
    assert "bundle_id" in message


@pytest.mark.parametrize(("channel_type", "limit"), [(_APNS, 4096), (_VOIP, 5120)])
def test_the_limit_is_exact(channel_type: ChannelType, limit: int) -> None:
    """A payload of just the limit goes, one byte more does not, and the text names both sizes."""
    empty = len(_payload(ApnsMessage(body="x"), channel_type=channel_type).body) - 1
    assert _payload(ApnsMessage(body="x" * (limit - empty)), channel_type=channel_type).size == limit
    outcome = _render(ApnsMessage(body="x" * (limit - empty + 1)), channel_type=channel_type)
    assert isinstance(outcome, Outcome)
    assert outcome.reason == err.ERROR_REASON_PAYLOAD_TOO_LARGE
    assert str(limit + 1) in outcome.message
    assert str(limit) in outcome.message
    assert (outcome.payload_size, outcome.payload_limit) == (limit + 1, limit)


_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)


_EVENTS = (
    message_pb2.APNS_LIVE_ACTIVITY_EVENT_START,
    message_pb2.APNS_LIVE_ACTIVITY_EVENT_UPDATE,
    message_pb2.APNS_LIVE_ACTIVITY_EVENT_END,
)
_JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | _TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=5,
)


@st.composite
def _messages(draw: st.DrawFn) -> ApnsMessage:
    message = ApnsMessage(
        action=draw(st.sampled_from(message_pb2.Action.keys())),
        priority=draw(st.sampled_from(message_pb2.Priority.keys())),
        push_type=draw(st.sampled_from(message_pb2.ApnsPushType.keys())),
        interruption_level=draw(st.sampled_from(message_pb2.ApnsInterruptionLevel.keys())),
        url_args=draw(st.lists(_TEXT, max_size=3)),
    )
    texts = "body title subtitle sound category collapse_id media_url thread_id url target_content_id filter_criteria"
    for name in (*texts.split(), "action_label", "launch_image"):
        if draw(st.booleans()):
            setattr(message, name, draw(_TEXT))
    if draw(st.booleans()):
        message.badge = draw(st.integers(0, 2**31 - 1))
    if draw(st.booleans()):
        message.silent_push = draw(st.booleans())
    if draw(st.booleans()):
        message.time_to_live.seconds = draw(st.integers(0, 30 * 86400))
    if draw(st.booleans()):
        message.relevance_score = draw(st.floats())
    if draw(st.booleans()):
        message.critical_sound.volume = draw(st.floats(0, 1))
    if draw(st.booleans()):
        message.live_activity.event = draw(st.sampled_from(_EVENTS))
        message.live_activity.content_state.update(draw(st.dictionaries(_TEXT, _JSON, max_size=3)))
    message.data.update(draw(st.dictionaries(_TEXT, _TEXT, max_size=5)))
    return message


@given(message=_messages(), context=st.dictionaries(_TEXT, _TEXT, max_size=3), voip=st.booleans())
def test_whatever_the_message(message: ApnsMessage, context: dict[str, str], *, voip: bool) -> None:
    """Every message becomes JSON within the limit with fitting headers, or an outcome that says why not."""
    rendered = _render(message, context=context, channel_type=_VOIP if voip else _APNS)
    if isinstance(rendered, Outcome):
        assert rendered.reason in {
            err.ERROR_REASON_CONTENT_INVALID,
            err.ERROR_REASON_CONTENT_MISSING,
            err.ERROR_REASON_PAYLOAD_TOO_LARGE,
        }
        assert rendered.message
        return
    assert len(rendered.body) == rendered.size <= rendered.limit
    document = json.loads(rendered.body)
    assert isinstance(document["data"]["pinpoint"], dict)
    headers = dict(rendered.headers)
    assert len(headers) == len(rendered.headers)
    assert all(value and not set(value) & set(range(0x20)) for value in headers.values())
    if headers[b"apns-push-type"] == b"background":
        assert headers[b"apns-priority"] == b"5"
        assert document["aps"]["content-available"] == 1
        assert not {"alert", "badge", "sound"} & set(document["aps"])
    assert rendered.limit >= LIMIT
