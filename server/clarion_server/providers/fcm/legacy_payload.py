"""Makes bodies for FCM's legacy HTTP API: pure. RETIRED: Google has shut that API down.

The other way round than `legacy.py`, and only for what Clarion itself renders; the caller's raw content is in the
legacy form already.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# Names of HTTP v1 (as `payload.py` uses them) and of the legacy API.
_NOTIFICATION = {"title": "title", "body": "body", "image": "image"}
_ANDROID_NOTIFICATION = {"icon": "icon", "sound": "sound"}
_FLAGS = {"content_available": "content-available", "mutable_content": "mutable-content"}
_ANDROID = {"collapseKey": "collapse_key", "restrictedPackageName": "restricted_package_name"}


def to_legacy(message: Mapping[str, Any]) -> dict[str, Any]:
    """Return the legacy form, without a recipient, of a templated v1 message."""
    android = message.get("android", {})
    notification = _renamed(message.get("notification", {}), _NOTIFICATION)
    notification |= _renamed(android.get("notification", {}), _ANDROID_NOTIFICATION)
    body: dict[str, Any] = delivery(android)
    if notification:
        body["notification"] = notification
    if message.get("data"):
        body["data"] = message["data"]
    return body


def raw_for_legacy(raw: Mapping[str, Any], message: Mapping[str, Any], *, dry_run: bool) -> dict[str, Any]:
    """Return raw content without a recipient, its values in the form that the API takes.

    Args:
        raw: a body of the legacy API; notification and data are passed on as they are.
        message: what `legacy.from_legacy` made of it: it has read numbers and flags that were given as texts, and has
            what the caller's message says about delivery.
        dry_run: likewise.
    """
    body = delivery(message.get("android", {}))
    aps = message.get("apns", {}).get("payload", {}).get("aps", {})
    body |= {key: True for key, name in _FLAGS.items() if aps.get(name)}
    if dry_run:
        body["dry_run"] = True
    return body | {key: raw[key] for key in ("notification", "data") if raw.get(key) is not None}


def delivery(android: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `AndroidConfig` says about delivery in legacy names; `ttl` is in whole seconds."""
    body: dict[str, Any] = _renamed(android, _ANDROID)
    if "priority" in android:
        body["priority"] = android["priority"].lower()
    if "ttl" in android:
        body["time_to_live"] = int(android["ttl"].removesuffix("s"))
    return body


def _renamed(fields: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {name: fields[key] for key, name in names.items() if key in fields}
