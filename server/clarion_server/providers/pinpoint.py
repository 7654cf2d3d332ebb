"""The flat keys that AWS's mobile libraries draw notifications from: the same for FCM, ADM and Baidu. Pure.

Facts: the source of those libraries; they read these keys in just this spelling, and every value as text.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from clarion.v1 import message_pb2
from clarion.v1.message_pb2 import AdmMessage, BaiduMessage, FcmMessage
from clarion_server.providers.content_error import ContentInvalid
from clarion_server.providers.contract import Content

Fields = FcmMessage | AdmMessage | BaiduMessage

# The libraries ignore a message without a campaign; this is the campaign of direct sends.
_CAMPAIGN = {"pinpoint.campaign.campaign_id": "_DIRECT"}


def data(content: Content) -> dict[str, str]:
    """Return all keys for a content without raw content.

    Raises:
        ContentInvalid: the action needs a url.
    """
    fields: Fields = content.message
    return notification(fields) | action(fields) | json_body(fields) | context(content)


def has_content(fields: Fields) -> bool:
    """Return whether there is anything to show or to hand to the app."""
    return bool(fields.title or fields.body or fields.data or fields.image_url or fields.silent_push)


def notification(fields: Fields) -> dict[str, str]:
    """Return the keys of what is drawn. An empty text is as if it were absent."""
    texts = {
        "pinpoint.notification.title": fields.title,
        "pinpoint.notification.body": fields.body,
        "pinpoint.notification.silentPush": "1" if fields.silent_push else "0",
        "pinpoint.notification.sound": fields.sound,
        "pinpoint.notification.icon": fields.icon_reference,
        "pinpoint.notification.imageUrl": fields.image_url,
        "pinpoint.notification.imageIconUrl": fields.image_icon_url,
        "pinpoint.notification.imageSmallIconUrl": fields.small_image_icon_url,
    }
    return _CAMPAIGN | {key: text for key, text in texts.items() if text}


def action(fields: Fields) -> dict[str, str]:
    """Return the key of what a tap does.

    Raises:
        ContentInvalid: it needs a url.
    """
    if fields.action in (message_pb2.ACTION_UNSPECIFIED, message_pb2.ACTION_OPEN_APP):
        return {"pinpoint.openApp": "true"}
    if not fields.url:
        raise ContentInvalid("url is empty; the action needs one")
    return {"pinpoint.deeplink" if fields.action == message_pb2.ACTION_DEEP_LINK else "pinpoint.url": fields.url}


def json_body(fields: Fields) -> dict[str, str]:
    """Return the key of the caller's data."""
    return {"pinpoint.jsonBody": _json_text(fields.data)} if fields.data else {}


def context(content: Content) -> dict[str, str]:
    """Return the key of context and trace id."""
    entries = dict(content.context)
    if content.trace_id:
        entries["trace_id"] = content.trace_id
    return {"pinpoint": _json_text(entries)} if entries else {}


def _json_text(value: Mapping[str, str]) -> str:
    # Sorted: a protobuf map has no order of its own, and equal messages should be equal bytes.
    return json.dumps(dict(value), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
