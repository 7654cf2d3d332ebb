"""Checks raw content that is a request of the HTTP v1 API (key `fcmV1Message`), and messages of both kinds: pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from clarion_server.providers.content_error import ContentInvalid

# Objects whose keys are the caller's own; all others in a v1 request hold field names.
_FREE = frozenset({"data", "headers", "payload"})
_FREE_PATH = "webpush.notification"
_OBJECTS = (
    "notification",
    "data",
    "android",
    "android.notification",
    "android.data",
    "androidV2",
    "androidV2.data",
    "webpush",
    "webpush.data",
    "webpush.headers",
    "webpush.notification",
    "apns",
    "apns.headers",
    "apns.payload",
    "fcmOptions",
)
_TEXT_MAPS = ("data", "android.data", "androidV2.data", "webpush.data", "webpush.headers", "apns.headers")
_DATA_MAPS = ("data", "android.data", "androidV2.data", "webpush.data")


def from_v1(raw: dict[str, Any], delivery: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
    """Return message and `validateOnly` of raw content with `fcmV1Message`.

    Field names are turned into camelCase, everything else is passed on as it is. Whether Google knows a field is left
    to Google: it adds some now and then.

    Args:
        raw: the raw content.
        delivery: fields of `AndroidConfig` that the caller's message says; they apply unless the raw content says them.

    Raises:
        ContentInvalid: FCM would refuse it, or it names recipients of its own.
    """
    only_known(raw, {"fcmV1Message"}, "raw_content", "beside fcmV1Message")
    request = _camel_keys(as_object(raw["fcmV1Message"], "fcmV1Message"), "", "fcmV1Message")
    only_known(request, {"message", "validateOnly"}, "fcmV1Message", "in a SendMessageRequest")
    validate_only = request.get("validateOnly", False)
    if not isinstance(validate_only, bool):
        raise ContentInvalid("fcmV1Message.validate_only must be true or false")
    if "message" not in request:
        raise ContentInvalid("fcmV1Message lacks message")
    message = as_object(request["message"], "fcmV1Message.message")
    for recipient in ("topic", "condition", "fid"):
        if recipient in message:
            raise ContentInvalid(
                f"fcmV1Message.message.{recipient} names a recipient; the call's targets are the recipients"
            )
    message.pop("token", None)  # every target puts its own address there
    message.pop("name", None)  # output only
    check_fields(message)
    if "androidV2" in message:
        # Google refuses both together, and this one has no priority.
        config, delivery = "androidV2", {key: value for key, value in delivery.items() if key != "priority"}
    else:
        config = "android"
    if delivery or config in message:
        message[config] = {**delivery, **message.get(config, {})}
    return message, validate_only


def check_fields(message: dict[str, Any]) -> None:
    """Raise `ContentInvalid` for objects that are none, values that are no texts, empty and reserved keys in data."""
    for path in _OBJECTS:
        value = _at(message, path)
        if value is not None:
            as_object(value, path)
    for path in _TEXT_MAPS:
        for key, value in (_at(message, path) or {}).items():
            if not isinstance(value, str):
                raise ContentInvalid(f"{path}: the value of {quoted(key)} must be a text; FCM takes no other")
    for path in _DATA_MAPS:
        for key in _at(message, path) or {}:
            if not key:
                raise ContentInvalid(f'{path} has an empty key (""), which FCM refuses; name it')
            if key in {"from", "message_type"} or key.startswith(("google.", "gcm.notification.")):
                raise ContentInvalid(
                    f"{path}: the key {quoted(key)} is reserved; "
                    "FCM refuses from, message_type, google.* and gcm.notification.*"
                )


def _at(message: dict[str, Any], path: str) -> Any:
    value: Any = message
    for key in path.split("."):
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def _camel_keys(fields: dict[str, Any], path: str, where: str) -> dict[str, Any]:
    """Return an object of fields with camelCase names and without nulls, at every depth where names are Google's."""
    result: dict[str, Any] = {}
    for key, value in fields.items():
        if value is None:  # in protobuf's JSON the same as absent
            continue
        name = re.sub(r"(?<=[a-z0-9])_([a-z0-9])", lambda match: match[1].upper(), key)
        if name in result:
            raise ContentInvalid(f"{where} has {quoted(key)} twice, in both spellings")
        here = f"{path}.{name}" if path else name
        fields_within = isinstance(value, dict) and name not in _FREE and not here.endswith(_FREE_PATH)
        result[name] = _camel_keys(value, here, f"{where}.{key}") if fields_within else value
    return result


def only_known(given: Mapping[str, Any], known: frozenset[str] | set[str], where: str, what: str) -> None:
    """Raise `ContentInvalid` for a key that is not known."""
    for key in given:
        if key not in known:
            raise ContentInvalid(f"{where}: there is no {quoted(key)} {what}")


def quoted(key: str) -> str:
    """Return a key of the caller for a message, bounded and in ASCII."""
    return f"`{key[:64].encode('ascii', 'backslashreplace').decode()}`"


def as_object(value: Any, where: str) -> dict[str, Any]:
    """Return a JSON object, or raise `ContentInvalid`."""
    if not isinstance(value, dict):
        raise ContentInvalid(f"{where} must be a JSON object")
    return value
