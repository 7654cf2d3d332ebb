"""What each field of a message becomes at FCM, in both presentations and APIs: in PreviewMessage and on the wire."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

import pytest

from clarion.v1 import channel_pb2, message_pb2
from clarion_server.sandbox import fcm_address
from tests.golden.conftest import Apps
from tests.support.discovery import send_problems
from tests.support.golden import Case, Soon, missing_fields, paths_in, paths_of, previewed, sent, values_in, values_of

FCM = channel_pb2.CHANNEL_TYPE_FCM
PROJECT = "clarion-sandbox"
OPEN_APP = {"pinpoint.openApp": "true"}
HELLO = {"title": "Hello", "body": "There"}
SHOWN: dict[str, Any] = {"notification": HELLO, "data": OPEN_APP}
SDK = {
    "pinpoint.campaign.campaign_id": "_DIRECT",
    "pinpoint.notification.title": "Hello",
    "pinpoint.notification.body": "There",
    "pinpoint.notification.silentPush": "0",
    **OPEN_APP,
}


def case(name: str, fcm: Mapping[str, Any], message: Mapping[str, Any], **more: Any) -> Case:
    """Return the case of an FcmMessage with title and body, and the v1 message that it becomes."""
    return Case(name, {"fcm": {**HELLO, **fcm}}, {"message": dict(message)}, **more)


def sdk(name: str, fcm: Mapping[str, Any], data: Mapping[str, str], **rest: Any) -> Case:
    """Return the same on a channel for AWS's mobile libraries: data, and what is beside them."""
    return case(f"{name}, for the SDK", fcm, {"data": dict(data), **rest}, channel="sdk")


def legacy(name: str, fcm: Mapping[str, Any], body: Mapping[str, Any]) -> Case:
    """Return the case of an FcmMessage with title and body on a channel that has a legacy key alone."""
    return Case(f"{name}, by the retired API", {"fcm": {**HELLO, **fcm}}, dict(body), channel="legacy")


def raw(name: str, content: Any, body: Mapping[str, Any], *, channel: str = "", **fcm: Any) -> Case:
    """Return the case of raw content and the whole body that it becomes, but for the address."""
    return Case(name, {"fcm": {"raw_content": json.dumps(content), **fcm}}, dict(body), channel=channel)


_TEXTS = {
    "icon_reference": "ic_table",
    "image_icon_url": "https://img.example.com/large.png",
    "image_url": "https://img.example.com/hero.png",
    "small_image_icon_url": "https://img.example.com/small.png",
    "sound": "chime",
}
_DELIVERY = {
    "collapse_key": "table",
    "priority": "PRIORITY_HIGH",
    "restricted_package_name": "com.example.tables",
    "time_to_live": "90.9s",
}
_ANDROID = {
    "collapseKey": "table",
    "priority": "HIGH",
    "restrictedPackageName": "com.example.tables",
    "ttl": "90s",
}
_LEGACY_DELIVERY = {
    "collapse_key": "table",
    "priority": "high",
    "restricted_package_name": "com.example.tables",
    "time_to_live": 90,
}
_LEGACY_SHOWN = {"notification": HELLO, "data": OPEN_APP}
# Every key of the legacy API that can be converted, with values as texts where it took both.
_LEGACY_RAW = {
    "to": "another-device",
    "collapse_key": "c",
    "content_available": True,
    "data": {"text": "x", "number": 1, "flag": True, "nothing": None, "object": {"a": [1.5]}},
    "delay_while_idle": True,
    "dry_run": False,
    "mutable_content": 1,
    "notification": {
        "title": "T",
        "body": "B",
        "image": "https://i",
        "android_channel_id": "ch",
        "body_loc_args": '["a"]',
        "body_loc_key": "bk",
        "click_action": "CLICK",
        "color": "#00ff00",
        "icon": "ic",
        "sound": "ping",
        "tag": "t",
        "title_loc_args": ["b"],
        "title_loc_key": "tk",
        "badge": "3",
        "subtitle": "S",
    },
    "priority": "high",
    "restricted_package_name": "com.example",
    "time_to_live": "60",
}
_LEGACY_CONVERTED = {
    "notification": {"title": "T", "body": "B", "image": "https://i"},
    "data": {"text": "x", "number": "1", "flag": "true", "nothing": "null", "object": '{"a":[1.5]}'},
    "android": {
        "collapseKey": "c",
        "priority": "HIGH",
        "restrictedPackageName": "com.example",
        "ttl": "60s",
        "notification": {
            "channelId": "ch",
            "bodyLocArgs": ["a"],
            "bodyLocKey": "bk",
            "clickAction": "CLICK",
            "color": "#00ff00",
            "icon": "ic",
            "sound": "ping",
            "tag": "t",
            "titleLocArgs": ["b"],
            "titleLocKey": "tk",
        },
    },
    "apns": {
        "headers": {"apns-priority": "10", "apns-expiration": Soon(60)},
        "payload": {
            "aps": {"badge": 3, "alert": {"subtitle": "S"}, "content-available": 1, "mutable-content": 1},
        },
    },
}
_V1_RAW = {
    "fcmV1Message": {
        "validate_only": True,
        "message": {
            "token": "another-device",
            "notification": {"title": "{{t}}"},
            "data": {"k": "v"},
            "android": {"direct_boot_ok": True, "notification": {"channel_id": "ch", "vibrate_timings": ["0.5s"]}},
            "apns": {"payload": {"aps": {"badge": 1}}},
            "webpush": {"headers": {"TTL": "60"}, "fcm_options": {"link": "https://l"}},
        },
    }
}
_V1_SENT = {
    "validateOnly": True,
    "message": {
        "notification": {"title": "Filled"},
        "data": {"k": "v"},
        "android": {
            **_ANDROID,
            "directBootOk": True,
            "notification": {"channelId": "ch", "vibrateTimings": ["0.5s"]},
        },
        "apns": {"payload": {"aps": {"badge": 1}}},
        "webpush": {"headers": {"TTL": "60"}, "fcmOptions": {"link": "https://l"}},
    },
}
_CONTEXT = {"context": {"tier": "gold"}, "trace_id": "t-1"}
_PINPOINT = {"pinpoint": '{"tier":"gold","trace_id":"t-1"}'}

CASES = [
    case("title and body", {}, SHOWN),
    case("title alone", {"body": ""}, {"notification": {"title": "Hello"}, "data": OPEN_APP}),
    case("image", {"image_url": "https://i"}, {"notification": {**HELLO, "image": "https://i"}, "data": OPEN_APP}),
    case(
        "icons and sound",
        _TEXTS,
        {
            "notification": {**HELLO, "image": _TEXTS["image_url"]},
            "android": {"notification": {"icon": "ic_table", "sound": "chime"}},
            "data": {
                **OPEN_APP,
                "pinpoint.notification.imageIconUrl": _TEXTS["image_icon_url"],
                "pinpoint.notification.imageSmallIconUrl": _TEXTS["small_image_icon_url"],
            },
        },
    ),
    sdk("title and body", {}, SDK),
    sdk(
        "icons and sound",
        _TEXTS,
        {
            **SDK,
            "pinpoint.notification.icon": "ic_table",
            "pinpoint.notification.imageIconUrl": _TEXTS["image_icon_url"],
            "pinpoint.notification.imageSmallIconUrl": _TEXTS["small_image_icon_url"],
            "pinpoint.notification.imageUrl": _TEXTS["image_url"],
            "pinpoint.notification.sound": "chime",
        },
    ),
    case("open app", {"action": "ACTION_OPEN_APP", "url": "https://u"}, SHOWN),
    case("url", {"action": "ACTION_URL", "url": "https://u"}, {**SHOWN, "data": {"pinpoint.url": "https://u"}}),
    case(
        "deep link",
        {"action": "ACTION_DEEP_LINK", "url": "app://x"},
        {**SHOWN, "data": {"pinpoint.deeplink": "app://x"}},
    ),
    sdk("open app", {"action": "ACTION_OPEN_APP"}, SDK),
    sdk(
        "url",
        {"action": "ACTION_URL", "url": "https://u"},
        {**{key: value for key, value in SDK.items() if key not in OPEN_APP}, "pinpoint.url": "https://u"},
    ),
    sdk(
        "deep link",
        {"action": "ACTION_DEEP_LINK", "url": "app://x"},
        {**{key: value for key, value in SDK.items() if key not in OPEN_APP}, "pinpoint.deeplink": "app://x"},
    ),
    case(
        "data",
        {"data": {"k": "{{v}}"}, "substitutions": {"v": {"values": ["1"]}}},
        {**SHOWN, "data": {**OPEN_APP, "k": "1"}},
    ),
    sdk("data", {"data": {"k": "v", "a": "b"}}, {**SDK, "pinpoint.jsonBody": '{"a":"b","k":"v"}'}),
    case("context and trace id", {}, {**SHOWN, "data": {**OPEN_APP, **_PINPOINT}}, start=_CONTEXT),
    dataclasses.replace(sdk("context and trace id", {}, {**SDK, **_PINPOINT}), start=_CONTEXT),
    case("delivery", _DELIVERY, {**SHOWN, "android": _ANDROID}),
    sdk("delivery", _DELIVERY, SDK, android=_ANDROID),
    case("priority low", {"priority": "PRIORITY_LOW"}, {**SHOWN, "android": {"priority": "NORMAL"}}),
    case("priority normal", {"priority": "PRIORITY_NORMAL"}, {**SHOWN, "android": {"priority": "NORMAL"}}),
    case("now or never", {"time_to_live": "0s"}, {**SHOWN, "android": {"ttl": "0s"}}),
    case("silent", {"silent_push": True}, {"data": {**SDK, "pinpoint.notification.silentPush": "1"}}),
    sdk("silent", {"silent_push": True}, {**SDK, "pinpoint.notification.silentPush": "1"}),
    sdk("not silent", {"silent_push": False}, SDK),
    case(
        "preferred service account",
        {"preferred_authentication_method": "FCM_AUTHENTICATION_METHOD_SERVICE_ACCOUNT"},
        SHOWN,
    ),
    case(
        "preferred legacy key where there is a service account",
        {"preferred_authentication_method": "FCM_AUTHENTICATION_METHOD_LEGACY_KEY", **_DELIVERY},
        {**SHOWN, "android": _ANDROID},
        channel="both",
    ),
    legacy("title and body", {}, _LEGACY_SHOWN),
    legacy(
        "icons and sound",
        {**_TEXTS, "preferred_authentication_method": "FCM_AUTHENTICATION_METHOD_LEGACY_KEY"},
        {
            "notification": {**HELLO, "image": _TEXTS["image_url"], "icon": "ic_table", "sound": "chime"},
            "data": {
                **OPEN_APP,
                "pinpoint.notification.imageIconUrl": _TEXTS["image_icon_url"],
                "pinpoint.notification.imageSmallIconUrl": _TEXTS["small_image_icon_url"],
            },
        },
    ),
    legacy("delivery", _DELIVERY, {**_LEGACY_SHOWN, **_LEGACY_DELIVERY}),
    legacy("priority low", {"priority": "PRIORITY_LOW"}, {**_LEGACY_SHOWN, "priority": "normal"}),
    legacy(
        "silent",
        {"silent_push": True, "data": {"k": "v"}, "time_to_live": "0s"},
        {"data": {**SDK, "pinpoint.notification.silentPush": "1", "k": "v"}, "time_to_live": 0},
    ),
    raw("legacy raw content, key by key", _LEGACY_RAW, {"message": _LEGACY_CONVERTED}),
    raw("legacy raw content where both are", _LEGACY_RAW, {"message": _LEGACY_CONVERTED}, channel="both"),
    raw(
        "legacy raw content by the retired API",
        _LEGACY_RAW,
        {
            "collapse_key": "c",
            "content_available": True,
            "data": _LEGACY_RAW["data"],
            "mutable_content": True,
            "notification": _LEGACY_RAW["notification"],
            "priority": "high",
            "restricted_package_name": "com.example",
            "time_to_live": 60,
        },
        channel="legacy",
    ),
    raw(
        "priority in Apple's words",
        {"priority": 5, "data": {"k": "v"}},
        {
            "message": {
                "data": {"k": "v"},
                "android": {"priority": "NORMAL"},
                "apns": {"headers": {"apns-priority": "5"}},
            }
        },
    ),
    raw("priority in Apple's words by the retired API", {"priority": "10"}, {"priority": "high"}, channel="legacy"),
    raw(
        "dry run",
        {"dry_run": True, "notification": {"title": "T"}},
        {"message": {"notification": {"title": "T"}}, "validateOnly": True},
    ),
    raw("dry run by the retired API", {"dry_run": "true"}, {"dry_run": True}, channel="legacy"),
    raw("fcmV1Message", _V1_RAW, _V1_SENT, **_DELIVERY, substitutions={"t": {"values": ["Filled"]}}, title="not sent"),
    Case(
        "default message",
        {"default_message": {"body": "Hi {{n}}", "substitutions": {"n": {"values": ["Ann"]}}}},
        {"message": {"notification": {"body": "Hi Ann"}, "data": OPEN_APP}},
    ),
    Case(
        "default push message",
        {
            "default_message": {"body": "weaker"},
            "default_push_message": {
                "action": "ACTION_URL",
                "body": "{{b}}",
                "data": {"k": "v"},
                "silent_push": False,
                "substitutions": {"b": {"values": ["B"]}},
                "title": "T",
                "url": "https://u",
            },
        },
        {"message": {"notification": {"title": "T", "body": "B"}, "data": {"k": "v", "pinpoint.url": "https://u"}}},
    ),
    Case(
        "the provider's message and the target's overrides win",
        {"default_push_message": {"title": "T", "body": "B"}, "fcm": {"body": "F"}},
        {"message": {"notification": {"title": "O", "body": "F"}, "data": {**OPEN_APP, "pinpoint": '{"c":"1"}'}}},
        target={"overrides": {"title": "O", "context": {"c": "1"}}},
    ),
]


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_golden(apps: Apps, case: Case) -> None:
    """PreviewMessage and the sandbox see exactly this body, which Google's own description of v1 allows."""
    app_id = apps.ids[case.channel or "plain"]
    address = fcm_address("ok", 7)
    before = await previewed(apps.world, app_id, case, address, FCM)
    after = await sent(apps.world, app_id, case, address, FCM)
    retired = case.channel == "legacy"
    path = "/fcm/send" if retired else f"/v1/projects/{PROJECT}/messages:send"
    assert after.scheme == ("key" if retired else "Bearer")
    for seen in (before, after):
        assert seen.url.endswith(path)
        assert {name: value for name, value in seen.headers.items() if name != "content-length"} == {
            "content-type": "application/json"
        }
        if not retired:
            assert send_problems(seen.body) == []
        recipient = seen.body if retired else seen.body["message"]
        assert recipient.pop("to" if retired else "token") == address
        assert seen.body == case.body


def test_every_field_is_in_a_case() -> None:
    """Each field of FcmMessage and of the default messages is part of some case above, in both presentations."""
    assert not missing_fields(CASES, "fcm", message_pb2.FcmMessage.DESCRIPTOR)
    known = set(paths_of(message_pb2.FcmMessage.DESCRIPTOR, ".fcm"))
    # What raw content, substitutions and the choice of a credential become does not depend on the presentation.
    elsewhere = {".fcm.raw_content", ".fcm.substitutions", ".fcm.preferred_authentication_method"}
    for channel in ("", "sdk"):
        covered = {path for case in CASES if case.channel == channel for path in paths_in(case.proto(), "")}
        missing = known - elsewhere - covered
        assert not missing, channel


def test_every_enum_value_is_in_a_case() -> None:
    """Each action, priority and authentication method of the API is part of some case above."""
    known = set(values_of(message_pb2.FcmMessage.DESCRIPTOR))
    assert known <= values_in(CASES, "fcm"), sorted(known - values_in(CASES, "fcm"))
