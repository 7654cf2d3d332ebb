"""Renders content for FCM HTTP v1: pure, from `Content` to the bytes of a `SendMessageRequest`.

docs/providers.md shows the mapping field by field. Names are camelCase throughout, as in Google's discovery document.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from clarion.v1 import error_pb2, message_pb2
from clarion.v1.channel_pb2 import FCM_PRESENTATION_PINPOINT_SDK, FcmPresentation
from clarion.v1.message_pb2 import FcmMessage
from clarion_server.providers import pinpoint
from clarion_server.providers.content_error import ContentInvalid
from clarion_server.providers.contract import Content, Outcome, Payload, refusal
from clarion_server.providers.fcm.legacy import from_legacy
from clarion_server.providers.fcm.legacy_payload import raw_for_legacy, to_legacy
from clarion_server.providers.fcm.raw import check_fields, from_v1, quoted

LIMIT = 4096
"""Bytes of keys and values that FCM takes."""

# The token comes first, so that the hole is at the same place in every body.
_HEAD = b'{"message":{"token":"'
_LEGACY_HEAD = b'{"to":"'
_TAIL = b'"'
_HEADERS = ((b"content-type", b"application/json"),)


def render(
    content: Content, presentation: FcmPresentation, now: float, *, for_legacy_api: bool = False
) -> Payload | Outcome:
    """Return the payload for a content, or why FCM would refuse it.

    Args:
        content: what the target is to get.
        presentation: the channel's; raw content is independent of it.
        now: seconds since the epoch, for what legacy raw content says in seconds from now.
        for_legacy_api: make the body of a request to the retired API. Content is checked as for HTTP v1, so that it
            may be sent there as well.
    """
    if content.raw is None and not pinpoint.has_content(content.message):
        return refusal(
            error_pb2.ERROR_REASON_CONTENT_MISSING,
            "the message has no title, body, data or image_url; silent_push sends without any",
        )
    try:
        if content.raw is not None:
            message, validate_only = _raw(content.raw, content.message, now)
        else:
            message, validate_only = _templated(content, presentation), False
        size = payload_size(message)
        if for_legacy_api:
            hole, body = len(_LEGACY_HEAD), _legacy_body(content, message, validate_only=validate_only)
        else:
            hole, body = len(_HEAD), _body(message, validate_only=validate_only)
    except ContentInvalid as error:
        return refusal(error_pb2.ERROR_REASON_CONTENT_INVALID, str(error))
    except RecursionError:
        return refusal(error_pb2.ERROR_REASON_CONTENT_INVALID, "raw_content is nested too deeply")
    if size > LIMIT:
        text = f"keys and values of notification and data have {size:,} bytes, FCM takes {LIMIT:,}"
        too_large = refusal(error_pb2.ERROR_REASON_PAYLOAD_TOO_LARGE, text)
        return replace(too_large, payload_size=size, payload_limit=LIMIT)
    return Payload(headers=_HEADERS, body=body, size=size, limit=LIMIT, hole=hole)


def payload_size(message: Mapping[str, Any]) -> int:
    """Return the bytes of keys and values that an Android device gets of a v1 message.

    FCM says "4096 bytes of keys and values" and no more. Counted are the notification (`android.notification` over
    `notification`) and the data (`android.data` instead of `data`): UTF-8 bytes of every key and of every value as
    text. What goes to Apple's and browsers' devices only is left to FCM.
    """
    android = message.get("android", {})
    notification = {**message.get("notification", {}), **android.get("notification", {})}
    data = android.get("data", message.get("data", {}))
    try:
        return sum(len(text.encode()) for part in (notification, data) for text in _texts(part))
    except UnicodeEncodeError:
        raise ContentInvalid("raw_content has half of a surrogate pair, which is no text") from None


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
    else:
        yield value if isinstance(value, str) else json.dumps(value)


def _body(message: dict[str, Any], *, validate_only: bool) -> bytes:
    return _HEAD + _rest(message) + (b',"validateOnly":true}' if validate_only else b"}")


def _legacy_body(content: Content, message: dict[str, Any], *, validate_only: bool) -> bytes:
    """Return the body for the legacy API: raw content as it is but for the recipient, else the message converted."""
    if content.raw is None:
        return _LEGACY_HEAD + _rest(to_legacy(message))
    if "fcmV1Message" in content.raw:
        raise ContentInvalid("fcmV1Message needs a service account, and the channel has a legacy key only")
    return _LEGACY_HEAD + _rest(raw_for_legacy(content.raw, message, dry_run=validate_only))


def _rest(document: dict[str, Any]) -> bytes:
    """Return what follows the address: the end of its text, and the other members of its object."""
    try:
        rest = json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    except UnicodeEncodeError:
        raise ContentInvalid("raw_content has half of a surrogate pair, which is no text") from None
    except ValueError:
        raise ContentInvalid("raw_content has NaN or Infinity, which JSON does not know") from None
    return _TAIL + (b"," if document else b"") + rest[1:]


def _templated(content: Content, presentation: FcmPresentation) -> dict[str, Any]:
    fields: FcmMessage = content.message
    for_sdk = presentation == FCM_PRESENTATION_PINPOINT_SDK
    # What nothing shows has no notification.
    shown = not fields.silent_push and bool(fields.title or fields.body)
    message: dict[str, Any]
    if shown and not for_sdk:
        message, data = _system(fields)
    else:
        message, data = {}, pinpoint.notification(fields)
    data |= pinpoint.action(fields)
    if fields.data and for_sdk:
        data |= pinpoint.json_body(fields)
    elif fields.data:
        data |= _plain_data(fields)
    message["data"] = data | pinpoint.context(content)
    android = _delivery(fields) | message.pop("android", {})
    if android:
        message["android"] = android
    check_fields(message)
    return message


def _system(fields: FcmMessage) -> tuple[dict[str, Any], dict[str, str]]:
    """Return what FCM's own library draws, and the data for what it has no place for."""
    message: dict[str, Any] = {"notification": _present(title=fields.title, body=fields.body, image=fields.image_url)}
    notification = _present(icon=fields.icon_reference, sound=fields.sound)
    if notification:
        message["android"] = {"notification": notification}
    data = {
        "pinpoint.notification.imageIconUrl": fields.image_icon_url,
        "pinpoint.notification.imageSmallIconUrl": fields.small_image_icon_url,
    }
    return message, {key: value for key, value in data.items() if value}


def _plain_data(fields: FcmMessage) -> dict[str, str]:
    """Return the caller's data for a place where Clarion has keys of its own, which would silently win."""
    for key in sorted(fields.data):
        if key == "pinpoint" or key.startswith("pinpoint."):
            raise ContentInvalid(
                f"data: the key {quoted(key)} is reserved; Clarion itself fills pinpoint and pinpoint.*, "
                "use another key or raw_content"
            )
    return {key: fields.data[key] for key in sorted(fields.data)}


def _delivery(fields: FcmMessage) -> dict[str, Any]:
    """Return the fields that say how FCM delivers, in `AndroidConfig`'s names. They apply to raw content, too."""
    android: dict[str, Any] = _present(
        collapseKey=fields.collapse_key, restrictedPackageName=fields.restricted_package_name
    )
    if fields.priority != message_pb2.PRIORITY_UNSPECIFIED:
        android["priority"] = "HIGH" if fields.priority == message_pb2.PRIORITY_HIGH else "NORMAL"
    if fields.HasField("time_to_live"):
        android["ttl"] = f"{fields.time_to_live.seconds}s"
    return android


def _raw(raw: dict[str, Any], fields: FcmMessage, now: float) -> tuple[dict[str, Any], bool]:
    if "fcmV1Message" in raw:
        return from_v1(raw, _delivery(fields))
    return from_legacy(raw, _delivery(fields), now)


def _present(**texts: str) -> dict[str, str]:
    return {key: text for key, text in texts.items() if text}
