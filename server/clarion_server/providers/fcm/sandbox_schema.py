"""The request schema of FCM v1's `messages:send`, and the check of a JSON document against it.

Facts: FCM's v1 discovery document, revision 20261023 (a test compares the table with it), and the JSON mapping of
protocol buffers: field names in lowerCamelCase or snake_case, `null` means absent.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Scalar:
    """A type without parts.

    Attributes:
        name: how an error calls it.
        accepts: tells whether a JSON value is one.
    """

    name: str
    accepts: Callable[[Any], bool]


@dataclass(frozen=True, slots=True)
class Enum:
    """One of a set of names; upper and lower case are the same."""

    name: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Repeated:
    """A list of scalars."""

    item: Scalar


@dataclass(frozen=True, slots=True)
class Message:
    """A JSON object with known fields, named in snake_case."""

    name: str
    fields: Mapping[str, Scalar | Enum | Repeated | Message]


@dataclass(frozen=True, slots=True)
class Violation:
    """What is wrong with a field: its path in snake_case, and why in a sentence."""

    field: str
    description: str


_DURATION = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,9})?s")
_TIMESTAMP = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})"
)
_INTEGER = re.compile(r"-?[0-9]{1,10}")
_CAMEL = re.compile(r"(?<=[a-z0-9])[A-Z]")
_TYPE = "type.googleapis.com/google.firebase.fcm.v1."


def _is_int32(value: Any) -> bool:
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        value = int(value)
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and value == value // 1
        and -(2**31) <= value < 2**31
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_string_map(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(item, str) for item in value.values())


STRING = Scalar("TYPE_STRING", lambda value: isinstance(value, str))
BOOL = Scalar("TYPE_BOOL", lambda value: isinstance(value, bool))
INT32 = Scalar("TYPE_INT32", _is_int32)
FLOAT = Scalar("TYPE_FLOAT", _is_number)
DURATION = Scalar(
    "type.googleapis.com/google.protobuf.Duration",
    lambda value: isinstance(value, str) and _DURATION.fullmatch(value) is not None,
)
TIMESTAMP = Scalar(
    "type.googleapis.com/google.protobuf.Timestamp",
    lambda value: isinstance(value, str) and _TIMESTAMP.fullmatch(value) is not None,
)
STRUCT = Scalar("type.googleapis.com/google.protobuf.Struct", lambda value: isinstance(value, dict))
STRING_MAP = Scalar("TYPE_MESSAGE", _is_string_map)

_FCM_OPTIONS = Message("FcmOptions", {"analytics_label": STRING})
_LIGHT_SETTINGS = Message(
    "LightSettings",
    {
        "color": Message("Color", dict.fromkeys(("red", "green", "blue", "alpha"), FLOAT)),
        "light_on_duration": DURATION,
        "light_off_duration": DURATION,
    },
)
# What AndroidNotification and its second version have in common.
_ANDROID_NOTIFICATION: dict[str, Scalar | Enum | Repeated | Message] = {
    "title": STRING,
    "body": STRING,
    "icon": STRING,
    "color": STRING,
    "sound": STRING,
    "tag": STRING,
    "click_action": STRING,
    "body_loc_key": STRING,
    "body_loc_args": Repeated(STRING),
    "title_loc_key": STRING,
    "title_loc_args": Repeated(STRING),
    "channel_id": STRING,
    "ticker": STRING,
    "sticky": BOOL,
    "event_time": TIMESTAMP,
    "local_only": BOOL,
    "notification_priority": Enum(
        "AndroidNotification.NotificationPriority",
        tuple(f"PRIORITY_{name}" for name in ("UNSPECIFIED", "MIN", "LOW", "DEFAULT", "HIGH", "MAX")),
    ),
    "default_sound": BOOL,
    "default_vibrate_timings": BOOL,
    "default_light_settings": BOOL,
    "vibrate_timings": Repeated(DURATION),
    "visibility": Enum("AndroidNotification.Visibility", ("VISIBILITY_UNSPECIFIED", "PRIVATE", "PUBLIC", "SECRET")),
    "notification_count": INT32,
    "light_settings": _LIGHT_SETTINGS,
    "image": STRING,
}
_ANDROID: dict[str, Scalar | Enum | Repeated | Message] = {
    "collapse_key": STRING,
    "ttl": DURATION,
    "restricted_package_name": STRING,
    "data": STRING_MAP,
    "fcm_options": _FCM_OPTIONS,
    "direct_boot_ok": BOOL,
    "bandwidth_constrained_ok": BOOL,
    "restricted_satellite_ok": BOOL,
}
MESSAGE = Message(
    "Message",
    {
        "name": STRING,
        "token": STRING,
        "fid": STRING,
        "topic": STRING,
        "condition": STRING,
        "data": STRING_MAP,
        "notification": Message("Notification", dict.fromkeys(("title", "body", "image"), STRING)),
        "android": Message(
            "AndroidConfig",
            {
                **_ANDROID,
                "priority": Enum("AndroidMessagePriority", ("NORMAL", "HIGH")),
                "notification": Message(
                    "AndroidNotification",
                    {
                        **_ANDROID_NOTIFICATION,
                        "bypass_proxy_notification": BOOL,
                        "proxy": Enum(
                            "AndroidNotification.Proxy",
                            ("PROXY_UNSPECIFIED", "ALLOW", "DENY", "IF_PRIORITY_LOWERED"),
                        ),
                    },
                ),
            },
        ),
        "android_v2": Message(
            "AndroidConfigV2",
            {
                **_ANDROID,
                "background_sync": Message("AndroidBackgroundSyncMessage", {}),
                "remote_notification": Message(
                    "AndroidRemoteNotification",
                    {
                        "mutable_content": BOOL,
                        "use_as_v1_data_message": BOOL,
                        "notification": Message("AndroidNotificationV2", {**_ANDROID_NOTIFICATION, "id": INT32}),
                    },
                ),
            },
        ),
        "webpush": Message(
            "WebpushConfig",
            {
                "headers": STRING_MAP,
                "data": STRING_MAP,
                "notification": STRUCT,
                "fcm_options": Message("WebpushFcmOptions", {"link": STRING, "analytics_label": STRING}),
            },
        ),
        "apns": Message(
            "ApnsConfig",
            {
                "headers": STRING_MAP,
                "payload": STRUCT,
                "fcm_options": Message("ApnsFcmOptions", {"image": STRING, "analytics_label": STRING}),
                "live_activity_token": STRING,
            },
        ),
        "fcm_options": _FCM_OPTIONS,
    },
)
REQUEST = Message("SendMessageRequest", {"message": MESSAGE, "validate_only": BOOL})


def snake_case(name: str) -> str:
    """Return a field's name in snake_case: `titleLocKey` and `title_loc_key` are both `title_loc_key`."""
    return _CAMEL.sub(lambda match: "_" + match[0].lower(), name)


def read_message(document: Any, schema: Message, path: str = "") -> tuple[dict[str, Any], list[Violation]]:
    """Check a JSON value against a schema.

    Returns:
        The document with its known fields under their snake_case names and without nulls, and everything wrong with
        it. The document is complete only if nothing is wrong.
    """
    if not isinstance(document, dict):
        return {}, [_invalid(path, _TYPE + schema.name, document)]
    result: dict[str, Any] = {}
    violations: list[Violation] = []
    for given, value in document.items():
        name = given if given in schema.fields else snake_case(given)
        field = schema.fields.get(name)
        if field is None:
            place = f" at '{path}'" if path else ""
            text = f'Invalid JSON payload received. Unknown name "{given}"{place}: Cannot find field.'
            violations.append(Violation(path, text))
        elif value is not None:
            at = f"{path}.{name}" if path else name
            if name in result:
                violations.append(Violation(at, f"Invalid value at '{at}': the field is given twice."))
            elif isinstance(field, Message):
                result[name], inner = read_message(value, field, at)
                violations += inner
            else:
                result[name] = value
                violations += _check_value(value, field, at)
    return result, violations


def _check_value(value: Any, field: Scalar | Enum | Repeated, at: str) -> Iterator[Violation]:
    if isinstance(field, Scalar):
        if field.accepts(value):
            return
        if field is STRING_MAP and isinstance(value, dict):
            for index, item in enumerate(value.values()):
                if not isinstance(item, str):
                    yield _invalid(f"{at}[{index}].value", STRING.name, item)
        else:
            yield _invalid(at, field.name, value)
    elif isinstance(field, Enum):
        if not isinstance(value, str) or value.upper() not in field.values:
            yield _invalid(at, _TYPE + field.name, value)
    elif not isinstance(value, list):
        yield _invalid(at, field.item.name, value)
    else:
        for index, item in enumerate(value):
            yield from _check_value(item, field.item, f"{at}[{index}]")


def _invalid(at: str, type_name: str, value: Any) -> Violation:
    shown = f'"{value}"' if isinstance(value, str) else str(value)
    return Violation(at, f"Invalid value at '{at}' ({type_name}), {shown[:80]}")
