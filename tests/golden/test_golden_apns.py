"""What each field of a message becomes at APNs: in PreviewMessage, and on the wire."""

from __future__ import annotations

from typing import Any

import pytest

from clarion.v1 import channel_pb2, message_pb2
from clarion_server.sandbox import apns_address
from tests.golden.conftest import Apps
from tests.support.golden import Case, Soon, missing_fields, previewed, sent, values_in, values_of

BUNDLE = "com.example.clarion"
PINPOINT: dict[str, Any] = {"data": {"pinpoint": {}}}

# Channels by name: app, channel type, and what proves identity.
CHANNELS = {
    "": ("plain", channel_pb2.CHANNEL_TYPE_APNS, "bearer"),
    "sandbox": ("plain", channel_pb2.CHANNEL_TYPE_APNS_SANDBOX, "bearer"),
    "voip": ("plain", channel_pb2.CHANNEL_TYPE_APNS_VOIP, "bearer"),
    "voip sandbox": ("plain", channel_pb2.CHANNEL_TYPE_APNS_VOIP_SANDBOX, "bearer"),
    "certificate": ("plain", channel_pb2.CHANNEL_TYPE_APNS, ""),
    "voip certificate": ("plain", channel_pb2.CHANNEL_TYPE_APNS_VOIP, ""),
    "website": ("website", channel_pb2.CHANNEL_TYPE_APNS, ""),
}
CERTIFICATE = "APNS_AUTHENTICATION_METHOD_CERTIFICATE"


def headers(topic: str = "", push_type: str = "alert", priority: str = "10", **more: Any) -> dict[str, Any]:
    """Return the headers of a push to the app's topic with this ending."""
    named = {name.replace("_", "-"): value for name, value in more.items()}
    return {"apns-topic": BUNDLE + topic, "apns-push-type": push_type, "apns-priority": priority, **named}


def case(name: str, apns: dict[str, Any], aps: dict[str, Any], data: Any = None, **more: Any) -> Case:
    """Return the case of an ApnsMessage and its `aps`; headers are those of a plain alert unless said otherwise."""
    more.setdefault("headers", headers())
    return Case(name, {"apns": apns}, {"aps": aps, **(PINPOINT if data is None else {"data": data})}, **more)


HI = {"alert": {"body": "Hi"}}
_LIVE = {"priority": "PRIORITY_NORMAL"}
_LIVE_HEADERS = headers(".push-type.liveactivity", "liveactivity", "5")


def typed(name: str, push_type: str, topic: str, aps: dict[str, Any] | None = None, priority: str = "10") -> Case:
    """Return the case of a push type."""
    expected = HI if aps is None else aps
    apns = {"push_type": f"APNS_PUSH_TYPE_{name}", **({"body": "Hi"} if aps is None else {})}
    return case(f"push type {name}", apns, expected, headers=headers(topic, push_type, priority))


CASES = [
    case("title and body", {"title": "T", "body": "Grüße 👋"}, {"alert": {"title": "T", "body": "Grüße 👋"}}),
    case("subtitle", {"title": "T", "subtitle": "S"}, {"alert": {"title": "T", "subtitle": "S"}}),
    case("badge", {"badge": 7}, {"badge": 7}),
    case("badge 0 removes it", {"badge": 0}, {"badge": 0}),
    case("no badge, no change", {"body": "Hi"}, HI),
    case("sound", {"sound": "default"}, {"sound": "default"}),
    case(
        "critical sound",
        {"body": "Hi", "sound": "siren.caf", "critical_sound": {"volume": 0.5}},
        {**HI, "sound": {"critical": 1, "name": "siren.caf", "volume": 0.5}},
    ),
    case(
        "critical sound by default",
        {"body": "Hi", "critical_sound": {}},
        {**HI, "sound": {"critical": 1, "name": "default", "volume": 1}},
    ),
    case("category", {"body": "Hi", "category": "GAME"}, {**HI, "category": "GAME"}),
    case("thread id", {"body": "Hi", "thread_id": "t-1"}, {**HI, "thread-id": "t-1"}),
    case("collapse id", {"body": "Hi", "collapse_id": "c-1"}, HI, headers=headers(apns_collapse_id="c-1")),
    case(
        "collapse id of 64 bytes",
        {"body": "Hi", "collapse_id": "x" * 64},
        HI,
        headers=headers(apns_collapse_id="x" * 64),
    ),
    case("time to live", {"body": "Hi", "time_to_live": "90.9s"}, HI, headers=headers(apns_expiration=Soon(90))),
    case("time to live 0", {"body": "Hi", "time_to_live": "0s"}, HI, headers=headers(apns_expiration="0")),
    case("priority low", {"body": "Hi", "priority": "PRIORITY_LOW"}, HI, headers=headers(priority="1")),
    case("priority normal", {"body": "Hi", "priority": "PRIORITY_NORMAL"}, HI, headers=headers(priority="5")),
    case("priority high", {"body": "Hi", "priority": "PRIORITY_HIGH"}, HI),
    case(
        "silent push has priority 5 whatever it says",
        {"silent_push": True, "priority": "PRIORITY_HIGH", "title": "T", "body": "B", "badge": 1, "sound": "s"},
        {"content-available": 1},
        headers=headers("", "background", "5"),
    ),
    case(
        "media makes it mutable",
        {"body": "Hi", "media_url": "https://m.example/i.png"},
        {**HI, "mutable-content": 1},
        {"pinpoint": {}, "media-url": "https://m.example/i.png"},
    ),
    case("mutable content", {"body": "Hi", "mutable_content": True}, {**HI, "mutable-content": 1}),
    case(
        "media without mutable content",
        {"body": "Hi", "mutable_content": False, "media_url": "u"},
        HI,
        {"pinpoint": {}, "media-url": "u"},
    ),
    case("action open app", {"body": "Hi", "action": "ACTION_OPEN_APP", "url": "https://u"}, HI),
    case(
        "action deep link",
        {"body": "Hi", "action": "ACTION_DEEP_LINK", "url": "app://x"},
        HI,
        {"pinpoint": {"deeplink": "app://x"}},
    ),
    case(
        "action url",
        {"body": "Hi", "action": "ACTION_URL", "url": "https://u"},
        HI,
        {"pinpoint": {"deeplink": "https://u"}},
    ),
    case("data", {"body": "Hi", "data": {"k": "v", "n": "1"}}, HI, {"pinpoint": {"jsonBody": {"k": "v", "n": "1"}}}),
    case(
        "context and trace id",
        {"body": "Hi"},
        HI,
        {"pinpoint": {"tier": "gold", "trace_id": "t-1"}},
        start={"context": {"tier": "gold"}, "trace_id": "t-1"},
    ),
    *(
        case(
            f"interruption level {level}",
            {"body": "Hi", "interruption_level": f"APNS_INTERRUPTION_LEVEL_{level}"},
            {**HI, "interruption-level": word},
        )
        for level, word in {
            "PASSIVE": "passive",
            "ACTIVE": "active",
            "TIME_SENSITIVE": "time-sensitive",
            "CRITICAL": "critical",
        }.items()
    ),
    case("relevance score", {"body": "Hi", "relevance_score": 0.25}, {**HI, "relevance-score": 0.25}),
    case("relevance score 0", {"body": "Hi", "relevance_score": 0}, {**HI, "relevance-score": 0}),
    case("target content", {"body": "Hi", "target_content_id": "w-1"}, {**HI, "target-content-id": "w-1"}),
    case("filter criteria", {"body": "Hi", "filter_criteria": "work"}, {**HI, "filter-criteria": "work"}),
    case("launch image", {"body": "Hi", "launch_image": "l.png"}, {"alert": {"body": "Hi", "launch-image": "l.png"}}),
    case(
        "localization",
        {
            "localization": {
                "title_key": "T",
                "title_args": ["a"],
                "subtitle_key": "S",
                "subtitle_args": ["b"],
                "body_key": "B",
                "body_args": ["c", "{{name}}"],
            },
            "substitutions": {"name": {"values": ["Ann"]}},
        },
        {
            "alert": {
                "title-loc-key": "T",
                "title-loc-args": ["a"],
                "subtitle-loc-key": "S",
                "subtitle-loc-args": ["b"],
                "loc-key": "B",
                "loc-args": ["c", "Ann"],
            }
        },
    ),
    typed("ALERT", "alert", ""),
    typed("BACKGROUND", "background", "", {"content-available": 1}, "5"),
    typed("COMPLICATION", "complication", ".complication"),
    typed("FILE_PROVIDER", "fileprovider", ".pushkit.fileprovider"),
    typed("LOCATION", "location", ".location-query"),
    typed("PUSH_TO_TALK", "pushtotalk", ".voip-ptt"),
    typed("WIDGETS", "widgets", ".push-type.widgets", {"content-changed": True}),
    typed("CONTROLS", "controls", ".push-type.controls", {"content-changed": True}),
    typed("VOIP", "voip", ".voip"),
    Case(
        "push type MDM",
        {"apns": {"push_type": "APNS_PUSH_TYPE_MDM", "raw_content": '{"mdm":"magic"}'}},
        {"mdm": "magic"},
        headers("", "mdm"),
    ),
    case("voip channel", {"body": "Hi"}, HI, headers=headers(".voip", "voip"), channel="voip"),
    case("voip channel, sandbox", {"body": "Hi"}, HI, headers=headers(".voip", "voip"), channel="voip sandbox"),
    case(
        "voip channel with data of more than 4,096 bytes",
        {"data": {"call": "x" * 5000}},
        {},
        {"pinpoint": {"jsonBody": {"call": "x" * 5000}}},
        headers=headers(".voip", "voip"),
        channel="voip",
    ),
    case(
        "voip channel with the certificate",
        {"body": "Hi", "preferred_authentication_method": CERTIFICATE},
        HI,
        headers=headers(".voip", "voip"),
        channel="voip certificate",
    ),
    case("sandbox channel", {"body": "Hi"}, HI, channel="sandbox"),
    case(
        "preferred certificate",
        {"body": "Hi", "preferred_authentication_method": CERTIFICATE},
        HI,
        channel="certificate",
    ),
    case(
        "preferred signing key",
        {"body": "Hi", "preferred_authentication_method": "APNS_AUTHENTICATION_METHOD_SIGNING_KEY"},
        HI,
    ),
    case(
        "live activity starts",
        {
            **_LIVE,
            "title": "Match",
            "body": "Kick-off",
            "sound": "whistle",
            "relevance_score": 75,
            "live_activity": {
                "event": "APNS_LIVE_ACTIVITY_EVENT_START",
                "timestamp": "2026-01-02T03:04:05Z",
                "content_state": {"home": 0, "rate": 0.5, "team": "{{team}}", "list": [1, {"a": None}]},
                "stale_date": "2026-01-02T04:00:00Z",
                "attributes_type": "MatchAttributes",
                "attributes": {"id": 7, "live": True},
                "input_push_token": True,
                "input_push_channel": "dHN0LXNyY2gtY2hubA==",
            },
            "substitutions": {"team": {"values": ["Reds"]}},
        },
        {
            "alert": {"title": "Match", "body": "Kick-off"},
            "sound": "whistle",
            "relevance-score": 75,
            "timestamp": 1767323045,
            "event": "start",
            "content-state": {"home": 0, "list": [1, {"a": None}], "rate": 0.5, "team": "Reds"},
            "stale-date": 1767326400,
            "attributes-type": "MatchAttributes",
            "attributes": {"id": 7, "live": True},
            "input-push-token": 1,
            "input-push-channel": "dHN0LXNyY2gtY2hubA==",
        },
        headers=_LIVE_HEADERS,
    ),
    case(
        "live activity changes",
        {**_LIVE, "live_activity": {"event": "APNS_LIVE_ACTIVITY_EVENT_UPDATE", "content_state": {}}},
        {"timestamp": Soon(), "event": "update", "content-state": {}},
        headers=_LIVE_HEADERS,
    ),
    case(
        "live activity ends",
        {
            **_LIVE,
            "push_type": "APNS_PUSH_TYPE_LIVE_ACTIVITY",
            "live_activity": {
                "event": "APNS_LIVE_ACTIVITY_EVENT_END",
                "timestamp": "2026-01-02T03:04:05Z",
                "dismissal_date": "2026-01-02T05:00:00Z",
            },
        },
        {"timestamp": 1767323045, "event": "end", "dismissal-date": 1767330000},
        headers=_LIVE_HEADERS,
    ),
    case(
        "website",
        {
            "title": "T",
            "body": "B",
            "action_label": "View",
            "url_args": ["{{page}}", "2"],
            "substitutions": {"page": {"values": ["one"]}},
        },
        {"alert": {"title": "T", "body": "B", "action": "View"}, "url-args": ["one", "2"]},
        headers={**headers(), "apns-topic": f"web.{BUNDLE}"},
        channel="website",
    ),
    case(
        "website without arguments",
        {"title": "T", "body": "B"},
        {"alert": {"title": "T", "body": "B"}, "url-args": []},
        headers={**headers(), "apns-topic": f"web.{BUNDLE}"},
        channel="website",
    ),
    Case(
        "raw content is the payload, header fields still apply",
        {
            "apns": {
                "raw_content": '{"aps":{"alert":{"title":"{{t}}"},"badge":0},"z":[1,2.5,null]}',
                "title": "not sent",
                "collapse_id": "c",
                "time_to_live": "0s",
                "priority": "PRIORITY_NORMAL",
                "substitutions": {"t": {"values": ["Filled"]}},
            }
        },
        {"aps": {"alert": {"title": "Filled"}, "badge": 0}, "z": [1, 2.5, None]},
        headers(priority="5", apns_expiration="0", apns_collapse_id="c"),
    ),
    Case(
        "raw content unseen is a background push",
        {"apns": {"raw_content": '{"aps":{"content-available":1},"k":"v"}'}},
        {"aps": {"content-available": 1}, "k": "v"},
        headers("", "background", "5"),
    ),
    Case(
        "default message",
        {"default_message": {"body": "Hi {{n}}", "substitutions": {"n": {"values": ["Ann", "Bob"]}}}},
        {"aps": {"alert": {"body": "Hi Ann, Bob"}}, **PINPOINT},
        headers(),
    ),
    Case(
        "default push message",
        {
            "default_message": {"body": "weaker"},
            "default_push_message": {
                "action": "ACTION_DEEP_LINK",
                "body": "{{b}}",
                "data": {"k": "v"},
                "silent_push": False,
                "substitutions": {"b": {"values": ["B"]}},
                "title": "T",
                "url": "app://x",
            },
        },
        {
            "aps": {"alert": {"title": "T", "body": "B"}},
            "data": {"pinpoint": {"deeplink": "app://x", "jsonBody": {"k": "v"}}},
        },
        headers(),
    ),
    Case(
        "default push message, silent",
        {"default_push_message": {"silent_push": True, "data": {"k": "v"}}},
        {"aps": {"content-available": 1}, "data": {"pinpoint": {"jsonBody": {"k": "v"}}}},
        headers("", "background", "5"),
    ),
    Case(
        "the provider's message and the target's overrides win",
        {
            "default_push_message": {"title": "T", "body": "B", "data": {"weak": "1"}},
            "apns": {"body": "A", "data": {"k": "{{v}}"}},
        },
        {
            "aps": {"alert": {"title": "O", "body": "A"}},
            "data": {"pinpoint": {"c": "1", "jsonBody": {"k": "V"}}},
        },
        headers(),
        target={"overrides": {"title": "O", "substitutions": {"v": {"values": ["V"]}}, "context": {"c": "1"}}},
    ),
]


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_golden(apps: Apps, case: Case) -> None:
    """PreviewMessage and the sandbox see exactly these headers and this body, proved with the credential asked for."""
    app, channel_type, scheme = CHANNELS[case.channel]
    address = apns_address("ok", 7)
    before = await previewed(apps.world, apps.ids[app], case, address, channel_type)
    after = await sent(apps.world, apps.ids[app], case, address, channel_type)
    for seen in (before, after):
        assert seen.url.endswith(f"/3/device/{address}")
        assert {name: value for name, value in seen.headers.items() if name != "content-length"} == case.headers
        assert seen.body == case.body
    assert after.scheme == scheme


def test_every_field_is_in_a_case() -> None:
    """Each field of ApnsMessage and of the default messages, at any depth, is part of some case above."""
    assert not missing_fields(CASES, "apns", message_pb2.ApnsMessage.DESCRIPTOR)


def test_every_enum_value_is_in_a_case() -> None:
    """Each push type, priority, action, … of the API is part of some case above."""
    known = set(values_of(message_pb2.ApnsMessage.DESCRIPTOR))
    assert known <= values_in(CASES, "apns"), sorted(known - values_in(CASES, "apns"))


def test_a_wrong_expectation_fails() -> None:
    """The stand-in for the time of a test is not equal to just anything."""
    assert Soon() != 0
    assert Soon(90) != "0"
    assert Soon() != 99_999_999_999
    assert Soon() != True  # noqa: E712 - JSON's true is no time
