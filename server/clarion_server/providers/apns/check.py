"""Checks a caller's `ApnsMessage` before anything is sent."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from google.protobuf.json_format import MessageToDict, SerializeToJsonError
from google.protobuf.struct_pb2 import Struct
from google.protobuf.timestamp_pb2 import Timestamp

from clarion.v1 import error_pb2 as err
from clarion.v1 import message_pb2
from clarion.v1.message_pb2 import ApnsLiveActivity, ApnsMessage
from clarion_server.errors import FieldViolation
from clarion_server.providers.apns.payload import MAX_COLLAPSE_ID
from clarion_server.providers.checks import (
    MAX_RAW_CONTENT,
    duration,
    found,
    header_problem,
    raw_content,
    too_long,
    utf8_length,
)

_THIRTY_DAYS = 30 * 24 * 3600
_MAX_LIST = 100
_LAST_SECOND = 253_402_300_799
_TO_START = ("attributes_type", "attributes")


def check_message(message: ApnsMessage) -> list[FieldViolation]:
    """Return what is wrong with the bounds of single fields, and between fields of this message; paths start at it.

    What only shows when weaker messages are merged in, or variables filled, is found by `payload.render`.
    """
    violations = found(
        _badge(message),
        _collapse_id(message),
        raw_content("raw_content", message.raw_content) if message.HasField("raw_content") else None,
        _silent_push(message),
        _relevance_score(message),
        _volume(message),
        *(_too_many(path, list_) for path, list_ in _lists(message)),
    )
    if message.HasField("live_activity"):
        violations += [each.under("live_activity") for each in live_activity_problems(message.live_activity)]
        violations += found(_other_push_type(message))
    if message.HasField("time_to_live"):
        words = "0 seconds to 30 days"
        violations += found(
            duration("time_to_live", message.time_to_live, minimum=0, maximum=_THIRTY_DAYS, words=words)
        )
    return violations


def _relevance_score(message: ApnsMessage) -> FieldViolation | None:
    score = message.relevance_score
    if message.HasField("live_activity") or message.push_type == message_pb2.APNS_PUSH_TYPE_LIVE_ACTIVITY:
        good, words = math.isfinite(score), "a finite number"
    else:
        good, words = 0 <= score <= 1, "from 0 to 1"
    if good:
        return None
    return FieldViolation("relevance_score", err.ERROR_REASON_FIELD_OUT_OF_RANGE, f"must be {words}")


def _volume(message: ApnsMessage) -> FieldViolation | None:
    if 0 <= message.critical_sound.volume <= 1:
        return None
    return FieldViolation("critical_sound.volume", err.ERROR_REASON_FIELD_OUT_OF_RANGE, "must be from 0 to 1")


def _lists(message: ApnsMessage) -> Iterator[tuple[str, Sequence[str]]]:
    yield "url_args", message.url_args
    localization = message.localization
    yield "localization.title_args", localization.title_args
    yield "localization.subtitle_args", localization.subtitle_args
    yield "localization.body_args", localization.body_args


def _too_many(path: str, values: Sequence[str]) -> FieldViolation | None:
    if len(values) <= _MAX_LIST:
        return None
    return too_long(path, f"has {len(values)} entries; the most is {_MAX_LIST}")


def _other_push_type(message: ApnsMessage) -> FieldViolation | None:
    if message.push_type in {message_pb2.APNS_PUSH_TYPE_UNSPECIFIED, message_pb2.APNS_PUSH_TYPE_LIVE_ACTIVITY}:
        return None
    text = "contradicts push_type, which is another one than APNS_PUSH_TYPE_LIVE_ACTIVITY: leave one of them out"
    return FieldViolation("live_activity", err.ERROR_REASON_FIELD_CONFLICT, text)


def live_activity_problems(activity: ApnsLiveActivity) -> Iterator[FieldViolation]:
    """Yield what is wrong with a Live Activity; paths start at it."""
    event = activity.event
    if event == message_pb2.APNS_LIVE_ACTIVITY_EVENT_UNSPECIFIED:
        yield FieldViolation("event", err.ERROR_REASON_FIELD_REQUIRED, "is required: start, update or end")
        return
    ends, starts = (
        event == message_pb2.APNS_LIVE_ACTIVITY_EVENT_END,
        event == message_pb2.APNS_LIVE_ACTIVITY_EVENT_START,
    )
    if not ends and not activity.HasField("content_state"):
        text = "is required, unless the activity ends; it may be an empty object"
        yield FieldViolation("content_state", err.ERROR_REASON_FIELD_REQUIRED, text)
    if not ends and activity.HasField("dismissal_date"):
        text = "is for APNS_LIVE_ACTIVITY_EVENT_END only"
        yield FieldViolation("dismissal_date", err.ERROR_REASON_FIELD_CONFLICT, text)
    present = {descriptor.name for descriptor, _ in activity.ListFields()}
    for name in _TO_START:
        if starts and name not in present:
            yield FieldViolation(name, err.ERROR_REASON_FIELD_REQUIRED, "is required to start a Live Activity")
    for name in (*_TO_START, "input_push_token", "input_push_channel"):
        if not starts and name in present:
            text = "is for APNS_LIVE_ACTIVITY_EVENT_START only"
            yield FieldViolation(name, err.ERROR_REASON_FIELD_CONFLICT, text)
    yield from found(*(_json(name, getattr(activity, name)) for name in ("content_state", "attributes")))
    yield from found(*(_time(name, getattr(activity, name)) for name in ("timestamp", "stale_date", "dismissal_date")))


def _json(path: str, value: Struct) -> FieldViolation | None:
    if value.ByteSize() > MAX_RAW_CONTENT:
        return too_long(path, "has more than 64 KiB")
    try:
        MessageToDict(value)
    except (ValueError, SerializeToJsonError):
        text = "holds a number that is NaN or infinite, which JSON does not know"
        return FieldViolation(path, err.ERROR_REASON_JSON_INVALID, text)
    return None


def _time(path: str, value: Timestamp) -> FieldViolation | None:
    if 0 <= value.seconds <= _LAST_SECOND:
        return None
    return FieldViolation(path, err.ERROR_REASON_FIELD_OUT_OF_RANGE, "must be between the years 1970 and 9999")


def _badge(message: ApnsMessage) -> FieldViolation | None:
    if message.badge >= 0:
        return None
    return FieldViolation("badge", err.ERROR_REASON_FIELD_OUT_OF_RANGE, "must be 0 to 2147483647; 0 removes the badge")


def _collapse_id(message: ApnsMessage) -> FieldViolation | None:
    if not message.HasField("collapse_id"):
        return None
    value = message.collapse_id
    # How long a variable's value is shows when it is filled.
    if "{{" not in value and (violation := utf8_length("collapse_id", value, maximum=MAX_COLLAPSE_ID)):
        return violation
    if problem := header_problem(value):
        return FieldViolation("collapse_id", err.ERROR_REASON_FIELD_MALFORMED, f"{problem}, which APNs cannot take")
    return None


def _silent_push(message: ApnsMessage) -> FieldViolation | None:
    if message.silent_push and message.push_type == message_pb2.APNS_PUSH_TYPE_ALERT:
        text = "contradicts push_type APNS_PUSH_TYPE_ALERT: leave one of them out"
        return FieldViolation("silent_push", err.ERROR_REASON_FIELD_CONFLICT, text)
    loud = message.HasField("silent_push") and not message.silent_push
    if loud and message.push_type == message_pb2.APNS_PUSH_TYPE_BACKGROUND:
        text = "is false, and push_type APNS_PUSH_TYPE_BACKGROUND delivers silently: leave one of them out"
        return FieldViolation("silent_push", err.ERROR_REASON_FIELD_CONFLICT, text)
    return None
