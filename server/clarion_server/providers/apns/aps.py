"""The parts of the `aps` object that follow from a message. Pure.

Facts: Apple, "Generating a remote notification", "Starting and updating Live Activities with ActivityKit push
notifications", and for websites the Safari push notification guide.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.struct_pb2 import Struct

from clarion.v1 import message_pb2
from clarion.v1.message_pb2 import ApnsLiveActivity, ApnsLocalization, ApnsMessage

INTERRUPTION_LEVELS = {
    message_pb2.APNS_INTERRUPTION_LEVEL_PASSIVE: "passive",
    message_pb2.APNS_INTERRUPTION_LEVEL_ACTIVE: "active",
    message_pb2.APNS_INTERRUPTION_LEVEL_TIME_SENSITIVE: "time-sensitive",
    message_pb2.APNS_INTERRUPTION_LEVEL_CRITICAL: "critical",
}
EVENTS = {
    message_pb2.APNS_LIVE_ACTIVITY_EVENT_START: "start",
    message_pb2.APNS_LIVE_ACTIVITY_EVENT_UPDATE: "update",
    message_pb2.APNS_LIVE_ACTIVITY_EVENT_END: "end",
}
# Doubles beyond it are not exact, whole or not.
_EXACT = 2.0**53


def visible(message: ApnsMessage, *, website: bool) -> dict[str, Any]:
    """Return what the user may notice, and how; `website` adds what a website push must have."""
    aps: dict[str, Any] = {}
    if alert := _alert(message):
        aps["alert"] = alert
    if message.HasField("badge"):
        aps["badge"] = message.badge
    if message.HasField("critical_sound"):
        volume = message.critical_sound.volume if message.critical_sound.HasField("volume") else 1.0
        aps["sound"] = {"critical": 1, "name": message.sound or "default", "volume": _number(volume)}
    elif message.sound:
        aps["sound"] = message.sound
    texts = (
        ("category", message.category),
        ("thread-id", message.thread_id),
        ("target-content-id", message.target_content_id),
        ("filter-criteria", message.filter_criteria),
        ("interruption-level", INTERRUPTION_LEVELS.get(message.interruption_level, "")),
    )
    aps.update(_present(texts))
    if message.HasField("relevance_score"):
        aps["relevance-score"] = _number(message.relevance_score)
    if message.mutable_content if message.HasField("mutable_content") else message.media_url:
        aps["mutable-content"] = 1
    if website or message.url_args:
        aps["url-args"] = list(message.url_args)
    return aps


def live_activity(activity: ApnsLiveActivity, now: float) -> dict[str, Any]:
    """Return the keys of a Live Activity; `now` (seconds since the epoch) is its time unless it says another."""
    aps: dict[str, Any] = {
        "timestamp": activity.timestamp.seconds if activity.HasField("timestamp") else int(now),
        "event": EVENTS.get(activity.event, ""),
    }
    if activity.HasField("content_state"):
        aps["content-state"] = _document(activity.content_state)
    if activity.HasField("stale_date"):
        aps["stale-date"] = activity.stale_date.seconds
    if activity.HasField("dismissal_date"):
        aps["dismissal-date"] = activity.dismissal_date.seconds
    if activity.attributes_type:
        aps["attributes-type"] = activity.attributes_type
    if activity.HasField("attributes"):
        aps["attributes"] = _document(activity.attributes)
    if activity.input_push_token:
        aps["input-push-token"] = 1
    if activity.input_push_channel:
        aps["input-push-channel"] = activity.input_push_channel
    return aps


def _alert(message: ApnsMessage) -> dict[str, Any]:
    alert: dict[str, Any] = _present(
        (
            ("title", message.title),
            ("subtitle", message.subtitle),
            ("body", message.body),
            ("launch-image", message.launch_image),
            ("action", message.action_label),
        )
    )
    return alert | _localized(message.localization)


def _localized(localization: ApnsLocalization) -> dict[str, Any]:
    alert: dict[str, Any] = {}
    for name, key, arguments in (
        ("title-loc", localization.title_key, localization.title_args),
        ("subtitle-loc", localization.subtitle_key, localization.subtitle_args),
        ("loc", localization.body_key, localization.body_args),
    ):
        if key:
            alert[f"{name}-key"] = key
            if arguments:
                alert[f"{name}-args"] = list(arguments)
    return alert


def _present(texts: Iterable[tuple[str, str]]) -> dict[str, str]:
    return {key: text for key, text in texts if text}


def _number(value: float) -> float:
    """Return a number as JSON should write it: whole ones without a decimal point."""
    return int(value) if value.is_integer() and abs(value) <= _EXACT else value


def _document(struct: Struct) -> dict[str, Any]:
    """Return a JSON object, keys sorted: a protobuf map has no order, and equal messages render to equal bytes."""
    plain = _sorted(MessageToDict(struct))
    return plain if isinstance(plain, dict) else {}


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [_sorted(item) for item in value]
    return _number(value) if isinstance(value, float) else value
