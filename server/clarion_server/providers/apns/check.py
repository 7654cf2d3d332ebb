"""Checks a caller's `ApnsMessage` before anything is sent."""

from __future__ import annotations

from clarion.v1 import error_pb2 as err
from clarion.v1 import message_pb2
from clarion.v1.message_pb2 import ApnsMessage
from clarion_server.errors import FieldViolation
from clarion_server.providers.apns.payload import MAX_COLLAPSE_ID
from clarion_server.providers.checks import duration, found, header_problem, raw_content, utf8_length

_THIRTY_DAYS = 30 * 24 * 3600


def check_message(message: ApnsMessage) -> list[FieldViolation]:
    """Return what is wrong with the bounds of single fields, and between fields of this message; paths start at it.

    What only shows when weaker messages are merged in, or variables filled, is found by `payload.render`.
    """
    violations = found(
        _badge(message),
        _collapse_id(message),
        raw_content("raw_content", message.raw_content) if message.HasField("raw_content") else None,
        _silent_push(message),
    )
    if message.HasField("time_to_live"):
        words = "0 seconds to 30 days"
        violations += found(
            duration("time_to_live", message.time_to_live, minimum=0, maximum=_THIRTY_DAYS, words=words)
        )
    return violations


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
