"""Cases that ADM and Baidu share: the flat keys that AWS's mobile libraries draw notifications from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tests.support.golden import Case

HELLO = {"title": "Hello", "body": "There"}
_CAMPAIGN = {"pinpoint.campaign.campaign_id": "_DIRECT"}
_LOUD = {**_CAMPAIGN, "pinpoint.notification.silentPush": "0"}
_TITLE = {"pinpoint.notification.title": "Hello", "pinpoint.notification.body": "There"}
OPEN_APP = {"pinpoint.openApp": "true"}
SHOWN = {**_LOUD, **_TITLE, **OPEN_APP}
"""What becomes of title and body alone."""

Wrap = Callable[[Mapping[str, str]], Mapping[str, Any]]
"""Puts the keys into the body that the provider gets."""


def cases(name: str, wrap: Wrap) -> Iterator[Case]:
    """Yield the cases of what a message says, for a provider whose field in `Message` has this name."""

    def case(title: str, fields: Mapping[str, Any], keys: Mapping[str, str], **more: Any) -> Case:
        return Case(title, {name: dict(fields)}, wrap(keys), **more)

    opened = {**_LOUD, **_TITLE}
    yield case("title and body", HELLO, SHOWN)
    yield case(
        "texts as they are",
        {"title": "Grüße ~*+& %41", "body": 'quotes " \\ and\nlines 👋'},
        {
            **_LOUD,
            **OPEN_APP,
            "pinpoint.notification.title": "Grüße ~*+& %41",
            "pinpoint.notification.body": 'quotes " \\ and\nlines 👋',
        },
    )
    yield case(
        "icons and sound",
        {
            **HELLO,
            "icon_reference": "ic_table",
            "image_icon_url": "https://img.example.com/large.png",
            "image_url": "https://img.example.com/hero.png",
            "small_image_icon_url": "https://img.example.com/small.png",
            "sound": "chime",
        },
        {
            **SHOWN,
            "pinpoint.notification.icon": "ic_table",
            "pinpoint.notification.imageIconUrl": "https://img.example.com/large.png",
            "pinpoint.notification.imageUrl": "https://img.example.com/hero.png",
            "pinpoint.notification.imageSmallIconUrl": "https://img.example.com/small.png",
            "pinpoint.notification.sound": "chime",
        },
    )
    yield case("action open app", {**HELLO, "action": "ACTION_OPEN_APP", "url": "https://u"}, SHOWN)
    yield case(
        "action url", {**HELLO, "action": "ACTION_URL", "url": "https://u"}, {**opened, "pinpoint.url": "https://u"}
    )
    yield case(
        "action deep link",
        {**HELLO, "action": "ACTION_DEEP_LINK", "url": "app://x"},
        {**opened, "pinpoint.deeplink": "app://x"},
    )
    yield case(
        "data",
        {**HELLO, "data": {"k": "{{v}}", "a": "b"}, "substitutions": {"v": {"values": ["1"]}}},
        {**SHOWN, "pinpoint.jsonBody": '{"a":"b","k":"1"}'},
    )
    yield case(
        "silent",
        {"silent_push": True, "data": {"k": "v"}},
        {
            **_CAMPAIGN,
            **OPEN_APP,
            "pinpoint.notification.silentPush": "1",
            "pinpoint.jsonBody": '{"k":"v"}',
        },
    )
    yield case("not silent", {**HELLO, "silent_push": False}, SHOWN)
    yield case(
        "context and trace id",
        HELLO,
        {**SHOWN, "pinpoint": '{"tier":"gold","trace_id":"t-1"}'},
        start={"context": {"tier": "gold"}, "trace_id": "t-1"},
    )
    yield Case(
        "default message",
        {"default_message": {"body": "Hi {{n}}", "substitutions": {"n": {"values": ["Ann"]}}}},
        wrap({**_LOUD, **OPEN_APP, "pinpoint.notification.body": "Hi Ann"}),
    )
    yield Case(
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
        wrap(
            {
                **_LOUD,
                "pinpoint.notification.title": "T",
                "pinpoint.notification.body": "B",
                "pinpoint.url": "https://u",
                "pinpoint.jsonBody": '{"k":"v"}',
            }
        ),
    )
    yield Case(
        "the provider's message and the target's overrides win",
        {"default_push_message": {"title": "T", "body": "B"}, name: {"body": "A {{n}}"}},
        wrap(
            {
                **_LOUD,
                **OPEN_APP,
                "pinpoint.notification.title": "O",
                "pinpoint.notification.body": "A Zoë",
                "pinpoint": '{"c":"1"}',
            }
        ),
        target={"overrides": {"title": "O", "substitutions": {"n": {"values": ["Zoë"]}}, "context": {"c": "1"}}},
    )
