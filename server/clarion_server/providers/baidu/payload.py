"""Renders content for Baidu: pure, from `Content` to the parameters of `push/single_device` that it decides.

docs/providers.md shows the mapping field by field. Facts: Baidu, "REST API" and "Message structure"; AWS's guide, which
says that Pinpoint sends Baidu pushes in the raw message format.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

from clarion.v1 import error_pb2
from clarion.v1.message_pb2 import BaiduMessage
from clarion_server.providers import pinpoint
from clarion_server.providers.baidu.auth import encode
from clarion_server.providers.baidu.check import SEVEN_DAYS
from clarion_server.providers.content_error import ContentInvalid
from clarion_server.providers.contract import Content, Outcome, Payload, refusal

LIMIT = 4096
"""Bytes of `msg` that Baidu takes for Android devices."""

MESSAGE, NOTIFICATION = 0, 1
"""Values of `msg_type`: what the app gets unseen, and what Baidu's library on the device draws."""

_ANDROID = 3
#: Of every request.
HEADERS = (
    (b"content-type", b"application/x-www-form-urlencoded;charset=utf-8"),
    (b"user-agent", b"BCCS_SDK/3.0 (Linux) Python/3 (Clarion)"),
)
_ENVELOPE = frozenset({"msg", "msg_type", "msg_expires", "topic_id"})
_TOPIC = re.compile(r"[A-Za-z0-9_]{1,128}")
_TEXTS = ("title", "description", "url", "pkg_content", "target_channel_id")
_NUMBERS = {"notification_builder_id": 2**31 - 1, "notification_basic_style": 7, "open_type": 2}


def render(content: Content) -> Payload | Outcome:
    """Return the payload for a content, or why Baidu would refuse it.

    The payload's body are the parameters that sort after `channel_id`, URL-encoded and sorted; `BaiduSender` puts the
    others around them.
    """
    if content.raw is None and not pinpoint.has_content(content.message):
        return refusal(
            error_pb2.ERROR_REASON_CONTENT_MISSING,
            "the message has no title, body, data or image_url; silent_push sends without any",
        )
    try:
        parameters = _parameters(content)
    except ContentInvalid as error:
        return refusal(error_pb2.ERROR_REASON_CONTENT_INVALID, str(error))
    size = len(parameters["msg"].encode())
    if size > LIMIT:
        text = f"msg has {size:,} bytes, Baidu takes {LIMIT:,}"
        too_large = refusal(error_pb2.ERROR_REASON_PAYLOAD_TOO_LARGE, text)
        return replace(too_large, payload_size=size, payload_limit=LIMIT)
    form = "&".join(f"{key}={encode(parameters[key])}" for key in sorted(parameters))
    return Payload(headers=HEADERS, body=form.encode(), size=size, limit=LIMIT)


def _parameters(content: Content) -> dict[str, str]:
    fields: BaiduMessage = content.message
    # Baidu's own default is five hours, AWS's a week.
    expires = fields.time_to_live.seconds if fields.HasField("time_to_live") else SEVEN_DAYS
    parameters = {"device_type": str(_ANDROID), "msg_expires": str(expires), "msg_type": str(MESSAGE)}
    if content.raw is None:
        return parameters | {"msg": _json(pinpoint.data(content))}
    if "msg_type" not in content.raw:
        return parameters | {"msg": _json(content.raw)}
    return parameters | _envelope(content.raw)


def _envelope(raw: dict[str, Any]) -> dict[str, str]:
    """Return the parameters that raw content with `msg_type` gives itself."""
    for key in raw:
        if key not in _ENVELOPE:
            name = f"`{key[:64].encode('ascii', 'backslashreplace').decode()}`"
            known = ", ".join(sorted(_ENVELOPE))
            raise ContentInvalid(f"raw_content with msg_type has no {name}; it has {known}")
    kind, msg = raw["msg_type"], raw.get("msg")
    if isinstance(kind, bool) or kind not in (MESSAGE, NOTIFICATION):
        raise ContentInvalid("raw_content: msg_type must be 0 (message) or 1 (notification)")
    parameters = {"msg_type": str(kind)}
    if kind == NOTIFICATION:
        parameters["msg"] = _json(_notification(msg))
    elif isinstance(msg, (dict, str)) and msg:
        parameters["msg"] = msg if isinstance(msg, str) else _json(msg)
    else:
        raise ContentInvalid("raw_content: msg must be a JSON object or a text, and not empty")
    if raw.get("msg_expires") is not None:
        parameters["msg_expires"] = str(_integer(raw["msg_expires"], "msg_expires", SEVEN_DAYS))
    if raw.get("topic_id") is not None:
        topic = raw["topic_id"]
        if not isinstance(topic, str) or not _TOPIC.fullmatch(topic):
            raise ContentInvalid("raw_content: topic_id must be 1 to 128 letters, digits or underscores")
        parameters["topic_id"] = topic
    return parameters


def _notification(msg: Any) -> dict[str, Any]:
    """Return a notification after checking what Baidu documents of it. Keys that are new are left to Baidu."""
    if not isinstance(msg, dict):
        raise ContentInvalid("raw_content: msg of a notification must be a JSON object")
    for key in _TEXTS:
        if key in msg and not isinstance(msg[key], str):
            raise ContentInvalid(f"raw_content: msg.{key} must be a text")
    for key, most in _NUMBERS.items():
        if key in msg:
            _integer(msg[key], f"msg.{key}", most)
    if not msg.get("description"):
        raise ContentInvalid("raw_content: msg.description is what a notification says; it must not be empty")
    if "custom_content" in msg and not isinstance(msg["custom_content"], dict):
        raise ContentInvalid("raw_content: msg.custom_content must be a JSON object")
    if msg.get("open_type") == 1 and not msg.get("url"):
        raise ContentInvalid("raw_content: msg.url is needed with open_type 1")
    return msg


def _integer(value: Any, where: str, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
        raise ContentInvalid(f"raw_content: {where} must be a whole number from 0 to {most:,}")
    return value


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
