"""What is refused in an `ApnsMessage` before anything is sent."""

from __future__ import annotations

import pytest
from google.protobuf.duration_pb2 import Duration

from clarion.v1 import error_pb2 as err
from clarion.v1 import message_pb2
from clarion.v1.message_pb2 import ApnsMessage
from clarion_server.providers.apns.check import check_message

_ALERT = message_pb2.APNS_PUSH_TYPE_ALERT
_BACKGROUND = message_pb2.APNS_PUSH_TYPE_BACKGROUND
_DAY = 24 * 3600
_RANGE = err.ERROR_REASON_FIELD_OUT_OF_RANGE
_MALFORMED = err.ERROR_REASON_FIELD_MALFORMED
_CONFLICT = err.ERROR_REASON_FIELD_CONFLICT
_JSON = err.ERROR_REASON_JSON_INVALID


@pytest.mark.parametrize(
    ("message", "path", "reason"),
    [
        (ApnsMessage(badge=-1), "badge", _RANGE),
        (ApnsMessage(collapse_id=""), "collapse_id", err.ERROR_REASON_FIELD_REQUIRED),
        (ApnsMessage(collapse_id="é" * 33), "collapse_id", err.ERROR_REASON_FIELD_TOO_LONG),
        (ApnsMessage(collapse_id="a\r\nb: c"), "collapse_id", _MALFORMED),
        (ApnsMessage(collapse_id="a "), "collapse_id", _MALFORMED),
        (ApnsMessage(time_to_live=Duration(seconds=-1)), "time_to_live", _RANGE),
        (ApnsMessage(time_to_live=Duration(nanos=-1)), "time_to_live", _RANGE),
        (ApnsMessage(time_to_live=Duration(seconds=30 * _DAY, nanos=1)), "time_to_live", _RANGE),
        (ApnsMessage(time_to_live=Duration(seconds=1, nanos=-1)), "time_to_live", _MALFORMED),
        (ApnsMessage(time_to_live=Duration(nanos=10**9)), "time_to_live", _MALFORMED),
        (ApnsMessage(silent_push=True, push_type=_ALERT), "silent_push", _CONFLICT),
        (ApnsMessage(silent_push=False, push_type=_BACKGROUND), "silent_push", _CONFLICT),
        (ApnsMessage(raw_content=""), "raw_content", _JSON),
        (ApnsMessage(raw_content="[]"), "raw_content", _JSON),
        (ApnsMessage(raw_content="{'aps': 1}"), "raw_content", _JSON),
        (ApnsMessage(raw_content='{"a":"' + "x" * 65536 + '"}'), "raw_content", err.ERROR_REASON_FIELD_TOO_LONG),
    ],
)
def test_what_is_out_of_bounds(message: ApnsMessage, path: str, reason: err.ErrorReason) -> None:
    """Each bound of the API's description is held, at its field and with its reason."""
    assert [(violation.path, violation.reason) for violation in check_message(message)] == [(path, reason)]


@pytest.mark.parametrize(
    "message",
    [
        ApnsMessage(),
        ApnsMessage(badge=0),
        ApnsMessage(badge=2**31 - 1),
        ApnsMessage(collapse_id="é" * 32),
        ApnsMessage(collapse_id="order-{{" + "n" * 64 + "}}"),
        ApnsMessage(time_to_live=Duration()),
        ApnsMessage(time_to_live=Duration(seconds=30 * _DAY)),
        ApnsMessage(silent_push=True, push_type=_BACKGROUND),
        ApnsMessage(silent_push=False, push_type=_ALERT),
        ApnsMessage(raw_content='{"aps":{"url-args":[""]}}'),
    ],
)
def test_what_is_within(message: ApnsMessage) -> None:
    """The bounds themselves are allowed, and what only variables decide is left for later."""
    assert check_message(message) == []


def test_broken_json_is_told_with_its_place() -> None:
    """The text names line and column."""
    (violation,) = check_message(ApnsMessage(raw_content='{\n "aps": }'))
    assert "line 2, column 9" in violation.message
