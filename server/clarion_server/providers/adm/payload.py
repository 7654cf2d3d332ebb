"""Renders content for ADM: pure, from `Content` to the bytes of a message.

docs/providers.md shows the mapping field by field. Facts: Amazon, "Send a message" (Amazon Device Messaging).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from clarion.v1 import error_pb2
from clarion.v1.message_pb2 import AdmMessage
from clarion_server.providers import pinpoint
from clarion_server.providers.adm.check import MAX_CONSOLIDATION_KEY, MINUTE, MONTH, checksum
from clarion_server.providers.content_error import ContentInvalid
from clarion_server.providers.contract import Content, Outcome, Payload, refusal

LIMIT = 6 * 1024
"""Bytes of data and notification, as JSON, that ADM takes."""

_HEADERS = (
    (b"content-type", b"application/json"),
    (b"accept", b"application/json"),
    (b"x-amzn-type-version", b"com.amazon.device.messaging.ADMMessage@1.0"),
    (b"x-amzn-accept-type", b"com.amazon.device.messaging.ADMSendResult@1.0"),
)
_BODY_KEYS = frozenset({"data", "notification", "consolidationKey", "expiresAfter", "md5", "priority"})
_PRIORITIES = frozenset({"normal", "high"})


def render(content: Content) -> Payload | Outcome:
    """Return the payload for a content, or why ADM would refuse it."""
    if content.raw is None and not pinpoint.has_content(content.message):
        return refusal(
            error_pb2.ERROR_REASON_CONTENT_MISSING,
            "the message has no title, body, data or image_url; silent_push sends without any",
        )
    try:
        body = _message(content)
        size = sum(len(_json(body[key])) for key in ("data", "notification") if key in body)
        rendered = _json(body)
    except ContentInvalid as error:
        return refusal(error_pb2.ERROR_REASON_CONTENT_INVALID, str(error))
    if size > LIMIT:
        text = f"data and notification have {size:,} bytes of JSON, ADM takes {LIMIT:,}"
        too_large = refusal(error_pb2.ERROR_REASON_PAYLOAD_TOO_LARGE, text)
        return replace(too_large, payload_size=size, payload_limit=LIMIT)
    return Payload(headers=_HEADERS, body=rendered, size=size, limit=LIMIT)


def _message(content: Content) -> dict[str, Any]:
    """Return the body: what is sent, and how ADM is to deliver it."""
    body = _delivery(content.message)
    body |= {"data": pinpoint.data(content)} if content.raw is None else _raw(content.raw)
    if "notification" not in body:
        if body["data"]:
            # Not beside a notification: whether ADM's checksum covers that is not documented.
            body["md5"] = checksum(body["data"])
        elif "consolidationKey" not in body:
            raise ContentInvalid("raw_content: data is empty, which ADM takes only with a consolidation_key")
    return body


def _delivery(fields: AdmMessage) -> dict[str, Any]:
    """Return the fields that say how ADM delivers. They apply to raw content, too."""
    delivery: dict[str, Any] = {}
    if fields.consolidation_key:
        delivery["consolidationKey"] = _consolidation_key(fields.consolidation_key, "consolidation_key")
    if fields.HasField("expires_after"):
        delivery["expiresAfter"] = fields.expires_after.seconds
    return delivery


def _raw(raw: dict[str, Any]) -> dict[str, Any]:
    """Return the body for raw content: a body of ADM itself if it has an object `data` or `notification`, else data."""
    if not any(isinstance(raw.get(key), dict) for key in ("data", "notification")):
        return {"data": _texts(raw, "raw_content")}
    for key in raw:
        if key not in _BODY_KEYS:
            known = ", ".join(sorted(_BODY_KEYS))
            raise ContentInvalid(f"raw_content: a message of ADM has no {_quoted(key)}; it has {known}")
    data = raw.get("data")
    if data is not None and not isinstance(data, dict):
        raise ContentInvalid("raw_content: data must be a JSON object")
    body: dict[str, Any] = {"data": _texts(data or {}, "data")}
    if raw.get("notification") is not None:
        body["notification"] = _notification(raw["notification"])
    if raw.get("consolidationKey") is not None:
        body["consolidationKey"] = _consolidation_key(raw["consolidationKey"], "consolidationKey")
    if raw.get("expiresAfter") is not None:
        body["expiresAfter"] = _expires_after(raw["expiresAfter"])
    if raw.get("priority") is not None:
        if raw["priority"] not in _PRIORITIES:
            raise ContentInvalid("raw_content: priority must be normal or high")
        body["priority"] = raw["priority"]
    if raw.get("md5") is not None and raw["md5"] != checksum(body["data"]):
        raise ContentInvalid("raw_content: md5 is not the checksum of data; leave it out, Clarion adds it")
    return body


def _texts(data: Mapping[str, Any], where: str) -> dict[str, str]:
    """Return data with texts for values: ADM takes no others; AWS's own examples have numbers and booleans."""
    if "" in data:
        raise ContentInvalid(f'{where} has an empty key (""); name it')
    # Sorted: equal messages should be equal bytes.
    return {key: data[key] if isinstance(data[key], str) else _json(data[key]).decode() for key in sorted(data)}


def _notification(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ContentInvalid("raw_content: notification must be a JSON object")
    for key in ("title", "body"):
        if not isinstance(value.get(key), str) or not value[key]:
            raise ContentInvalid(f"raw_content: notification needs {key}, a text")
    return value


def _consolidation_key(value: Any, where: str) -> str:
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_CONSOLIDATION_KEY:
        raise ContentInvalid(f"{where} must be a text of 1 to {MAX_CONSOLIDATION_KEY} characters")
    return value


def _expires_after(value: Any) -> int:
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}", value):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not MINUTE <= value <= MONTH:
        raise ContentInvalid(f"raw_content: expiresAfter must be a whole number from {MINUTE} to {MONTH:,} seconds")
    return value


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def _quoted(key: str) -> str:
    return f"`{key[:64].encode('ascii', 'backslashreplace').decode()}`"
