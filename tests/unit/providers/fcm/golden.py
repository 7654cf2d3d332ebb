"""Contents and the exact messages that they become: the body's `message`, without the token."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from google.protobuf.duration_pb2 import Duration

from clarion.v1 import message_pb2
from clarion.v1.channel_pb2 import FCM_PRESENTATION_PINPOINT_SDK, FCM_PRESENTATION_SYSTEM, FcmPresentation
from clarion.v1.message_pb2 import FcmMessage
from clarion_server.providers.contract import Content

NOW = 1_700_000_000.0


@dataclass(frozen=True)
class Case:
    """One golden payload."""

    name: str
    expected: dict[str, Any]
    message: FcmMessage = field(default_factory=FcmMessage)
    raw: dict[str, Any] | None = None
    presentation: FcmPresentation = FCM_PRESENTATION_SYSTEM
    context: dict[str, str] = field(default_factory=dict)
    trace_id: str = ""
    validate_only: bool = False

    @property
    def content(self) -> Content:
        """The content as the send path hands it to the provider."""
        return Content(self.message, self.raw, self.context, self.trace_id)


FULL = FcmMessage(
    action=message_pb2.ACTION_DEEP_LINK,
    body="Your table is ready",
    collapse_key="table",
    data={"seat": "7", "area": "garden"},
    icon_reference="ic_table",
    image_icon_url="https://img.example.com/large.png",
    image_url="https://img.example.com/hero.png",
    priority=message_pb2.PRIORITY_HIGH,
    restricted_package_name="com.example.tables",
    silent_push=False,
    small_image_icon_url="https://img.example.com/small.png",
    sound="chime",
    time_to_live=Duration(seconds=90, nanos=900_000_000),
    title="Grüße",
    url="tables://7",
)
_PLAIN = FcmMessage(title="Hello", body="There")
_OPEN_APP = {"pinpoint.openApp": "true"}
_CAMPAIGN = {"pinpoint.campaign.campaign_id": "_DIRECT"}
_SHOWN = {"notification": {"title": "Hello", "body": "There"}, "data": _OPEN_APP}
_DELIVERY = {
    "collapseKey": "table",
    "restrictedPackageName": "com.example.tables",
    "priority": "HIGH",
    "ttl": "90s",
}
_PINPOINT_TEXTS = {
    **_CAMPAIGN,
    "pinpoint.notification.title": "Hello",
    "pinpoint.notification.body": "There",
}


def _plain(**fields: Any) -> FcmMessage:
    message = FcmMessage(**fields)
    message.MergeFrom(_PLAIN)
    return message


SYSTEM = [
    Case(
        "every field",
        {
            "notification": {
                "title": "Grüße",
                "body": "Your table is ready",
                "image": "https://img.example.com/hero.png",
            },
            "data": {
                "pinpoint.notification.imageIconUrl": "https://img.example.com/large.png",
                "pinpoint.notification.imageSmallIconUrl": "https://img.example.com/small.png",
                "pinpoint.deeplink": "tables://7",
                "area": "garden",
                "seat": "7",
                "pinpoint": '{"tier":"gold","trace_id":"trace-1"}',
            },
            "android": {**_DELIVERY, "notification": {"icon": "ic_table", "sound": "chime"}},
        },
        FULL,
        context={"tier": "gold"},
        trace_id="trace-1",
    ),
    Case("title and body", _SHOWN, _PLAIN),
    Case("title alone", {"notification": {"title": "Hello"}, "data": _OPEN_APP}, FcmMessage(title="Hello")),
    Case(
        "image",
        {**_SHOWN, "notification": {**_SHOWN["notification"], "image": "https://i"}},
        _plain(image_url="https://i"),
    ),
    Case("icon", {**_SHOWN, "android": {"notification": {"icon": "ic"}}}, _plain(icon_reference="ic")),
    Case("sound", {**_SHOWN, "android": {"notification": {"sound": "ping"}}}, _plain(sound="ping")),
    Case(
        "action URL",
        {**_SHOWN, "data": {"pinpoint.url": "https://u"}},
        _plain(action=message_pb2.ACTION_URL, url="https://u"),
    ),
    Case("action OPEN_APP ignores url", _SHOWN, _plain(action=message_pb2.ACTION_OPEN_APP, url="https://u")),
    Case("priority low", {**_SHOWN, "android": {"priority": "NORMAL"}}, _plain(priority=message_pb2.PRIORITY_LOW)),
    Case(
        "priority normal", {**_SHOWN, "android": {"priority": "NORMAL"}}, _plain(priority=message_pb2.PRIORITY_NORMAL)
    ),
    Case("now or never", {**_SHOWN, "android": {"ttl": "0s"}}, _plain(time_to_live=Duration())),
    Case("trace id", {**_SHOWN, "data": {**_OPEN_APP, "pinpoint": '{"trace_id":"t"}'}}, _PLAIN, trace_id="t"),
    Case(
        "data only: nothing to draw",
        {
            "data": {
                **_CAMPAIGN,
                "pinpoint.notification.silentPush": "0",
                **_OPEN_APP,
                "k": "v",
            }
        },
        FcmMessage(data={"k": "v"}),
    ),
    Case(
        "data beside Clarion's own keys",
        {**_SHOWN, "data": {**_OPEN_APP, "k": "v", "pinpointed": "p"}},
        _plain(data={"k": "v", "pinpointed": "p"}),
    ),
    Case(
        "image alone: nothing to draw",
        {
            "data": {
                **_CAMPAIGN,
                "pinpoint.notification.silentPush": "0",
                "pinpoint.notification.imageUrl": "https://i",
                **_OPEN_APP,
            }
        },
        FcmMessage(image_url="https://i"),
    ),
    Case(
        "silent push without anything",
        {"data": {**_CAMPAIGN, "pinpoint.notification.silentPush": "1", **_OPEN_APP}},
        FcmMessage(silent_push=True),
    ),
]

_SDK_ALL = {
    **_CAMPAIGN,
    "pinpoint.notification.title": "Grüße",
    "pinpoint.notification.body": "Your table is ready",
    "pinpoint.notification.silentPush": "0",
    "pinpoint.notification.sound": "chime",
    "pinpoint.notification.icon": "ic_table",
    "pinpoint.notification.imageUrl": "https://img.example.com/hero.png",
    "pinpoint.notification.imageIconUrl": "https://img.example.com/large.png",
    "pinpoint.notification.imageSmallIconUrl": "https://img.example.com/small.png",
    "pinpoint.deeplink": "tables://7",
    "pinpoint.jsonBody": '{"area":"garden","seat":"7"}',
    "pinpoint": '{"tier":"gold","trace_id":"trace-1"}',
}
_SILENT = {
    "data": {**_PINPOINT_TEXTS, "pinpoint.notification.silentPush": "1", **_OPEN_APP},
}

PINPOINT_SDK = [
    Case(
        "every field",
        {"data": _SDK_ALL, "android": _DELIVERY},
        FULL,
        presentation=FCM_PRESENTATION_PINPOINT_SDK,
        context={"tier": "gold"},
        trace_id="trace-1",
    ),
    Case(
        "title and body",
        {"data": {**_PINPOINT_TEXTS, "pinpoint.notification.silentPush": "0", **_OPEN_APP}},
        _PLAIN,
        presentation=FCM_PRESENTATION_PINPOINT_SDK,
    ),
    Case("silent", _SILENT, _plain(silent_push=True), presentation=FCM_PRESENTATION_PINPOINT_SDK),
    Case("silent in SYSTEM, the same", _SILENT, _plain(silent_push=True)),
    Case(
        "silent in SYSTEM, with plain data",
        {"data": {**_SILENT["data"], "k": "v"}},
        _plain(silent_push=True, data={"k": "v"}),
    ),
]

LEGACY = [
    Case("empty", {}, raw={}),
    Case("to is replaced", {}, raw={"to": "another-device"}),
    Case("null is absent", {}, raw={"collapse_key": None, "notification": None}),
    Case("delay_while_idle is dropped", {}, raw={"delay_while_idle": True}),
    Case("collapse_key", {"android": {"collapseKey": "c"}}, raw={"collapse_key": "c"}),
    Case(
        "restricted_package_name",
        {"android": {"restrictedPackageName": "com.example"}},
        raw={"restricted_package_name": "com.example"},
    ),
    Case(
        "priority normal",
        {"android": {"priority": "NORMAL"}, "apns": {"headers": {"apns-priority": "5"}}},
        raw={"priority": "normal"},
    ),
    Case("priority high, data only", {"android": {"priority": "HIGH"}}, raw={"priority": "high"}),
    Case(
        "priority high with a notification",
        {
            "notification": {"title": "t"},
            "android": {"priority": "HIGH"},
            "apns": {"headers": {"apns-priority": "10"}},
        },
        raw={"priority": "HIGH", "notification": {"title": "t"}},
    ),
    Case(
        "time_to_live",
        {"android": {"ttl": "60s"}, "apns": {"headers": {"apns-expiration": "1700000060"}}},
        raw={"time_to_live": 60},
    ),
    Case(
        "time_to_live 0",
        {"android": {"ttl": "0s"}, "apns": {"headers": {"apns-expiration": "0"}}},
        raw={"time_to_live": "0"},
    ),
    Case("dry_run", {}, raw={"dry_run": True}, validate_only=True),
    Case(
        "data becomes text",
        {"data": {"a": "x", "b": "1", "c": "true", "d": "null", "e": '{"f":[1.5]}', "g": "12345678901234567890"}},
        raw={"data": {"a": "x", "b": 1, "c": True, "d": None, "e": {"f": [1.5]}, "g": 12345678901234567890}},
    ),
    Case(
        "content_available, mutable_content",
        {"apns": {"payload": {"aps": {"content-available": 1, "mutable-content": 1}}}},
        raw={"content_available": True, "mutable_content": 1},
    ),
    Case("content_available false", {}, raw={"content_available": False}),
    *[
        Case(
            f"notification.{old}",
            {"android": {"notification": {new: "#00ff00"}}},
            raw={"notification": {old: "#00ff00"}},
        )
        for old, new in {
            "android_channel_id": "channelId",
            "body_loc_key": "bodyLocKey",
            "click_action": "clickAction",
            "color": "color",
            "icon": "icon",
            "sound": "sound",
            "tag": "tag",
            "title_loc_key": "titleLocKey",
        }.items()
    ],
    *[
        Case(f"notification.{key}", {"notification": {key: "x"}}, raw={"notification": {key: "x"}})
        for key in ("title", "body", "image")
    ],
    Case(
        "notification.*_loc_args as an array",
        {"android": {"notification": {"bodyLocArgs": ["a", "1"], "titleLocArgs": []}}},
        raw={"notification": {"body_loc_args": ["a", 1], "title_loc_args": []}},
    ),
    Case(
        "notification.*_loc_args as JSON in a text",
        {"android": {"notification": {"bodyLocArgs": ["a", "b"]}}},
        raw={"notification": {"body_loc_args": '["a","b"]'}},
    ),
    Case(
        "notification.badge and subtitle",
        {"apns": {"payload": {"aps": {"badge": 3, "alert": {"subtitle": "s"}}}}},
        raw={"notification": {"badge": "3", "subtitle": "s"}},
    ),
    Case(
        "the message's own delivery fields apply",
        {
            "notification": {"title": "t"},
            "android": _DELIVERY,
            "apns": {"headers": {"apns-priority": "10", "apns-expiration": "1700000090"}},
        },
        FULL,
        raw={"notification": {"title": "t"}},
    ),
    Case(
        "raw content's delivery fields win",
        {
            "android": {"collapseKey": "r", "restrictedPackageName": "com.raw", "priority": "NORMAL", "ttl": "5s"},
            "apns": {"headers": {"apns-priority": "5", "apns-expiration": "1700000005"}},
        },
        FULL,
        raw={"collapse_key": "r", "restricted_package_name": "com.raw", "priority": "normal", "time_to_live": 5},
    ),
]

V1 = [
    Case("empty message", {}, raw={"fcmV1Message": {"message": {}}}),
    Case("token is replaced", {}, raw={"fcmV1Message": {"message": {"token": "x", "name": "y"}}}),
    Case(
        "validate_only, in both spellings of names",
        {"notification": {"title": "t"}, "android": {"notification": {"channelId": "c", "clickAction": "a"}}},
        raw={
            "fcmV1Message": {
                "validate_only": True,
                "message": {
                    "notification": {"title": "t"},
                    "android": {"notification": {"channel_id": "c", "clickAction": "a"}},
                },
            }
        },
        validate_only=True,
    ),
    Case(
        "the caller's own keys stay as they are",
        {
            "data": {"my_key": "v"},
            "android": {"data": {"my_key": "v"}},
            "webpush": {
                "headers": {"my_key": "v"},
                "data": {"my_key": "v"},
                "notification": {"require_interaction": True, "actions": [{"my_key": None}]},
                "fcmOptions": {"analyticsLabel": "l"},
            },
            "apns": {"headers": {"my_key": "v"}, "payload": {"my_key": {"a_b": None}}},
        },
        raw={
            "fcmV1Message": {
                "message": {
                    "data": {"my_key": "v"},
                    "android": {"data": {"my_key": "v"}},
                    "webpush": {
                        "headers": {"my_key": "v"},
                        "data": {"my_key": "v"},
                        "notification": {"require_interaction": True, "actions": [{"my_key": None}]},
                        "fcm_options": {"analytics_label": "l"},
                    },
                    "apns": {"headers": {"my_key": "v"}, "payload": {"my_key": {"a_b": None}}},
                }
            }
        },
    ),
    Case(
        "null is absent",
        {"android": {}},
        raw={"fcmV1Message": {"message": {"data": None, "android": {"ttl": None}}}},
    ),
    Case(
        "the message's own delivery fields apply",
        {"data": {"a": "b"}, "android": _DELIVERY},
        FULL,
        raw={"fcmV1Message": {"message": {"data": {"a": "b"}}}},
    ),
    Case(
        "raw content's delivery fields win, field by field",
        {"android": {**_DELIVERY, "ttl": "3.5s", "collapseKey": "r"}},
        FULL,
        raw={"fcmV1Message": {"message": {"android": {"ttl": "3.5s", "collapse_key": "r"}}}},
    ),
    Case(
        "android_v2 takes them too, but has no priority",
        {
            "androidV2": {
                "collapseKey": "table",
                "restrictedPackageName": "com.example.tables",
                "ttl": "90s",
                "backgroundSync": {},
            }
        },
        FULL,
        raw={"fcmV1Message": {"message": {"android_v2": {"background_sync": {}}}}},
    ),
]

ALL = [*SYSTEM, *PINPOINT_SDK, *LEGACY, *V1]
