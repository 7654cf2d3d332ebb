"""Converts raw content in the form of FCM's legacy API into a v1 message, key by key: pure.

docs/providers.md shows the table. Google has shut the legacy API down; its bodies live on in what callers send.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from clarion_server.providers.content_error import ContentInvalid
from clarion_server.providers.fcm.raw import as_object, check_fields, only_known

_NOT_CONVERTED = "in the legacy API that can be converted; see fcmV1Message"
_MAX_TTL = 28 * 24 * 3600
_PRIORITIES = {"normal": "NORMAL", "5": "NORMAL", "high": "HIGH", "10": "HIGH"}
_LEGACY_KEYS = frozenset(
    {
        "to",  # replaced by the target's address
        "collapse_key",
        "content_available",
        "data",
        "delay_while_idle",  # Google ignored it for years before the end; dropped
        "dry_run",
        "mutable_content",
        "notification",
        "priority",
        "restricted_package_name",
        "time_to_live",
    }
)
_COMMON = frozenset({"title", "body", "image"})
_ANDROID_TEXTS = {
    "android_channel_id": "channelId",
    "body_loc_key": "bodyLocKey",
    "click_action": "clickAction",
    "color": "color",
    "icon": "icon",
    "sound": "sound",
    "tag": "tag",
    "title_loc_key": "titleLocKey",
}
_ANDROID_LISTS = {"body_loc_args": "bodyLocArgs", "title_loc_args": "titleLocArgs"}
_NOTIFICATION_KEYS = _COMMON | _ANDROID_TEXTS.keys() | _ANDROID_LISTS.keys() | {"badge", "subtitle"}


def from_legacy(raw: dict[str, Any], delivery: Mapping[str, Any], now: float) -> tuple[dict[str, Any], bool]:
    """Return message and `validateOnly` of raw content in the form of the legacy API.

    Args:
        raw: the raw content.
        delivery: fields of `AndroidConfig` that the caller's message says; they apply unless the raw content says them.
        now: seconds since the epoch, for the expiration of notifications on Apple's devices.

    Raises:
        ContentInvalid: a key is unknown or its value is not what the legacy API took.
    """
    for key in ("condition", "registration_ids", "to"):
        if key in raw and (key != "to" or str(raw[key]).startswith("/topics/")):
            raise ContentInvalid(f"{key} names recipients; the call's targets are the recipients")
    only_known(raw, _LEGACY_KEYS, "raw_content", _NOT_CONVERTED)
    return _Legacy(raw, delivery, now).convert()


class _Legacy:
    """One conversion; each method fills a part of the message."""

    def __init__(self, raw: dict[str, Any], delivery: Mapping[str, Any], now: float) -> None:
        self._raw = {key: value for key, value in raw.items() if value is not None}
        self._now = now
        self._notification: dict[str, Any] = {}
        self._android: dict[str, Any] = dict(delivery)
        self._android_notification: dict[str, Any] = {}
        self._apns_headers: dict[str, str] = {}
        self._aps: dict[str, Any] = {}

    def convert(self) -> tuple[dict[str, Any], bool]:
        """Return message and `validateOnly`."""
        raw = self._raw
        for key, name in (("collapse_key", "collapseKey"), ("restricted_package_name", "restrictedPackageName")):
            if key in raw:
                self._android[name] = _text(raw[key], key)
        self._convert_notification()
        self._convert_delivery()
        for key, name in (("content_available", "content-available"), ("mutable_content", "mutable-content")):
            if _flag(raw, key):
                self._aps[name] = 1
        message: dict[str, Any] = {}
        if self._notification:
            message["notification"] = self._notification
        if "data" in raw:
            message["data"] = {
                key: value if isinstance(value, str) else _json(value)
                for key, value in as_object(raw["data"], "data").items()
            }
        if self._android_notification:
            self._android["notification"] = self._android_notification
        if self._android:
            message["android"] = self._android
        apns: dict[str, Any] = {}
        if self._apns_headers:
            apns["headers"] = self._apns_headers
        if self._aps:
            apns["payload"] = {"aps": self._aps}
        if apns:
            message["apns"] = apns
        check_fields(message)
        return message, _flag(raw, "dry_run")

    def _convert_delivery(self) -> None:
        if "priority" in self._raw:
            word = str(self._raw["priority"]).lower()
            if word not in _PRIORITIES:
                raise ContentInvalid("priority must be normal or high")
            self._android["priority"] = _PRIORITIES[word]
        if "time_to_live" in self._raw:
            self._android["ttl"] = f"{_integer(self._raw['time_to_live'], 'time_to_live', 0, _MAX_TTL)}s"
        # The legacy API meant Apple's devices, too. FCM refuses urgency for what they would get as data only.
        priority, ttl = self._android.get("priority"), self._android.get("ttl")
        if priority == "NORMAL" or (priority == "HIGH" and "notification" in self._raw):
            self._apns_headers["apns-priority"] = "10" if priority == "HIGH" else "5"
        if ttl is not None:
            seconds = int(ttl[:-1])
            self._apns_headers["apns-expiration"] = str(int(self._now) + seconds if seconds else 0)

    def _convert_notification(self) -> None:
        if "notification" not in self._raw:
            return
        given = as_object(self._raw["notification"], "notification")
        only_known(given, _NOTIFICATION_KEYS, "notification", _NOT_CONVERTED)
        for key, value in given.items():
            path = f"notification.{key}"
            if value is None:
                continue
            if key in _COMMON:
                self._notification[key] = _text(value, path)
            elif key in _ANDROID_TEXTS:
                self._android_notification[_ANDROID_TEXTS[key]] = _text(value, path)
            elif key in _ANDROID_LISTS:
                self._android_notification[_ANDROID_LISTS[key]] = _text_list(value, path)
            elif key == "badge":
                self._aps["badge"] = _integer(value, path, 0, 2**31 - 1)
            else:
                self._aps["alert"] = {"subtitle": _text(value, path)}


def _text(value: Any, where: str) -> str:
    if isinstance(value, (dict, list)):
        raise ContentInvalid(f"{where} must be a text")
    return value if isinstance(value, str) else _json(value)


def _text_list(value: Any, where: str) -> list[str]:
    if isinstance(value, str):
        # The legacy API's documentation asked for the array as a text.
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise ContentInvalid(f"{where} must be an array of texts, or one as JSON in a text") from None
    if not isinstance(value, list):
        raise ContentInvalid(f"{where} must be an array of texts, or one as JSON in a text")
    return [_text(item, where) for item in value]


def _integer(value: Any, where: str, low: int, high: int) -> int:
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,10}", value):
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise ContentInvalid(f"{where} must be a whole number from {low:,} to {high:,}")
    return value


def _flag(raw: Mapping[str, Any], key: str) -> bool:
    value = raw.get(key, False)
    if value in (True, 1, "true", "1"):
        return True
    if value in (False, 0, "false", "0"):
        return False
    raise ContentInvalid(f"{key} must be true or false")


def _json(value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    except ValueError:
        raise ContentInvalid("raw_content has NaN or Infinity, which JSON does not know") from None
