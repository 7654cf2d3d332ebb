"""What each answer of APNs becomes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarion.v1 import error_pb2 as err
from clarion.v1 import messaging_pb2 as msg
from clarion_server.providers.apns.outcome import ROWS, classify
from clarion_server.providers.contract import Outcome
from clarion_server.transport import Exchange

_P = msg.DELIVERY_STATUS_PERMANENT_FAILURE
_T = msg.DELIVERY_STATUS_TEMPORARY_FAILURE
_LATER = msg.DELIVERY_STATUS_THROTTLED

_INVALID = err.ERROR_REASON_ADDRESS_INVALID
_UNREGISTERED = err.ERROR_REASON_ADDRESS_UNREGISTERED
_OTHER_APP = err.ERROR_REASON_ADDRESS_OF_OTHER_APP
_CREDENTIAL = err.ERROR_REASON_CREDENTIAL_REJECTED
_MESSAGE = err.ERROR_REASON_MESSAGE_REJECTED
_TOO_LARGE = err.ERROR_REASON_PAYLOAD_TOO_LARGE
_DEVICE = err.ERROR_REASON_DEVICE_THROTTLED
_PROVIDER = err.ERROR_REASON_PROVIDER_THROTTLED
_DOWN = err.ERROR_REASON_PROVIDER_UNAVAILABLE
_UNKNOWN = err.ERROR_REASON_PROVIDER_ANSWER_UNKNOWN

TABLE = {(int(row.http), row.answer): row for row in ROWS if row.answer}
_NOW = 1_700_000_000.0

# status, Apple's reason, delivery status, reason, flags: dead token, broken credential, renew the token, repeat
_EXPECTED = [
    (400, "BadCollapseId", _P, _MESSAGE, ""),
    (400, "BadDeviceToken", _P, _INVALID, ""),
    (400, "BadExpirationDate", _P, _MESSAGE, ""),
    (400, "BadMessageId", _P, _MESSAGE, ""),
    (400, "BadPriority", _P, _MESSAGE, ""),
    (400, "BadTopic", _P, _MESSAGE, ""),
    (400, "DeviceTokenNotForTopic", _P, _OTHER_APP, ""),
    (400, "DuplicateHeaders", _P, _MESSAGE, ""),
    (400, "IdleTimeout", _T, _DOWN, "repeat"),
    (400, "InvalidPushType", _P, _MESSAGE, ""),
    (400, "MissingDeviceToken", _P, _MESSAGE, ""),
    (400, "MissingTopic", _P, _MESSAGE, ""),
    (400, "PayloadEmpty", _P, _MESSAGE, ""),
    (400, "TopicDisallowed", _P, _CREDENTIAL, "broken"),
    (403, "BadCertificate", _P, _CREDENTIAL, "broken"),
    (403, "BadCertificateEnvironment", _P, _CREDENTIAL, "broken"),
    (403, "BadEnvironmentKeyIdInToken", _P, _CREDENTIAL, "broken"),
    (403, "BadEnvironmentKeyInToken", _P, _CREDENTIAL, "broken"),
    (403, "ExpiredProviderToken", _P, _CREDENTIAL, "renew"),
    (403, "Forbidden", _P, _CREDENTIAL, "broken"),
    (403, "InvalidProviderToken", _P, _CREDENTIAL, "broken"),
    (403, "MissingProviderToken", _P, _CREDENTIAL, "broken"),
    (403, "UnrelatedKeyIdInToken", _T, _DOWN, "repeat"),
    (404, "BadPath", _P, _MESSAGE, ""),
    (405, "MethodNotAllowed", _P, _MESSAGE, ""),
    (410, "ExpiredToken", _P, _UNREGISTERED, "dead"),
    (410, "Unregistered", _P, _UNREGISTERED, "dead"),
    (413, "PayloadTooLarge", _P, _TOO_LARGE, ""),
    (429, "TooManyProviderTokenUpdates", _LATER, _PROVIDER, ""),
    (429, "TooManyRequests", _LATER, _DEVICE, "repeat"),
    (500, "InternalServerError", _T, _DOWN, ""),
    (503, "ServiceUnavailable", _T, _DOWN, "repeat"),
    (503, "Shutdown", _T, _DOWN, "repeat"),
]


def _classify(status: int, body: bytes = b"", **headers: bytes) -> Outcome:
    exchange = Exchange((), b"", 0.0)
    exchange.status = status
    exchange.response_headers = tuple((name.replace("_", "-").encode(), value) for name, value in headers.items())
    exchange.response_body = body
    return classify(exchange, _NOW)


def _answer(status: int, **members: Any) -> Outcome:
    return _classify(status, json.dumps(members).encode())


def _flags(outcome: Outcome) -> str:
    marks = {
        "dead": outcome.token_dead,
        "broken": outcome.credential_broken,
        "renew": outcome.renew,
        "repeat": outcome.repeat,
    }
    return " ".join(name for name, is_set in marks.items() if is_set)


@pytest.mark.parametrize(("status", "reason", "delivery", "expected", "flags"), _EXPECTED)
def test_every_documented_reason(
    status: int, reason: str, delivery: msg.DeliveryStatus, expected: err.ErrorReason, flags: str
) -> None:
    """Each documented reason has its delivery status, reason and consequences, and a text for people."""
    outcome = _answer(status, reason=reason)
    assert (outcome.status, outcome.reason, _flags(outcome)) == (delivery, expected, flags)
    assert outcome.provider_reason == reason
    assert outcome.status_code == status
    assert outcome.origin == msg.ORIGIN_PROVIDER
    assert outcome.message


def test_the_table_is_tested_whole() -> None:
    """The cases above are all rows of the table."""
    assert {(status, reason) for status, reason, *_ in _EXPECTED} == set(TABLE)


def test_success_has_the_message_id() -> None:
    """200 is success, with the id from the header apns-id and no text."""
    outcome = _classify(200, apns_id=b"0f0f")
    assert outcome == Outcome(status=msg.DELIVERY_STATUS_SUCCESSFUL, status_code=200, message_id="0f0f")
    assert _classify(200).message_id == ""


def test_retry_after_is_read() -> None:
    """What an answer asks to wait is told, in seconds, also when it is a date; a success asks nothing."""
    assert _classify(429, retry_after=b"7").retry_after == 7.0
    assert _classify(503, retry_after=b"Tue, 14 Nov 2023 22:14:20 GMT").retry_after == 60.0
    assert _classify(503).retry_after is None


def test_the_timestamp_of_a_dead_token_is_in_milliseconds() -> None:
    """410 tells since when the address is dead; what is no such time is no time."""
    outcome = _answer(410, reason="Unregistered", timestamp=1_700_000_000_123)
    assert outcome.token_invalid_at == 1_700_000_000_123
    for odd in (None, "1700000000123", True, 1e12, -1, 253_402_300_800_000, 10**30, -(10**30)):
        assert _answer(410, reason="Unregistered", timestamp=odd).token_invalid_at is None
    assert _answer(403, reason="Forbidden", timestamp=1_700_000_000_123).token_invalid_at is None


@pytest.mark.parametrize(
    ("status", "delivery", "reason"),
    [
        (301, _T, _UNKNOWN),
        (400, _P, _UNKNOWN),
        (403, _P, _UNKNOWN),
        (410, _P, _UNKNOWN),
        (413, _P, _TOO_LARGE),
        (429, _LATER, _PROVIDER),
        (500, _T, _DOWN),
        (502, _T, _DOWN),
        (503, _T, _DOWN),
        (600, _T, _UNKNOWN),
    ],
)
@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b'{"reason":7}', b'{"reason":"New"}', b"\xff", b"[" * 60_000, b"9" * 5000]
)
def test_what_is_not_known_degrades(
    status: int, delivery: msg.DeliveryStatus, reason: err.ErrorReason, body: bytes
) -> None:
    """An unknown reason, or a body that is no JSON object, is judged by status alone and condemns nothing."""
    outcome = _classify(status, body)
    expected = "repeat" if status in {429, 503} else ""
    assert (outcome.status, outcome.reason, _flags(outcome)) == (delivery, reason, expected)
    assert outcome.provider_reason == ("New" if b"New" in body else "")


@pytest.mark.parametrize("reason", ["BadChannelId", "ChannelNotRegistered", "MissingPushType", "TopicMismatch"])
@pytest.mark.parametrize("status", [400, 403, 404, 500])
def test_reasons_of_broadcast_channels(status: int, reason: str) -> None:
    """Reasons that only a broadcast has are told as a fault of ours, and condemn nothing."""
    outcome = _answer(status, reason=reason)
    expected = (_P, _MESSAGE) if status < 500 else (_T, _DOWN)
    assert (outcome.status, outcome.reason) == expected
    assert outcome.provider_reason == reason
    assert not outcome.token_dead
    assert not outcome.credential_broken


@given(status=st.integers(201, 599), reason=st.sampled_from(sorted({reason for _, reason in TABLE})))
def test_a_reason_with_a_foreign_status_condemns_nothing(status: int, reason: str) -> None:
    """Addresses die and credentials break only by the documented pairs of status and reason."""
    if (status, reason) not in TABLE:
        assert _flags(_answer(status, reason=reason)) in {"", "repeat"}


def test_a_long_reason_is_cut() -> None:
    """What the provider says is kept to 256 characters."""
    assert _answer(400, reason="x" * 5000).provider_reason == "x" * 256


def test_texts_of_an_answer_can_be_sent_on() -> None:
    """JSON may hold lone surrogates, protobuf may not; and the message id is cut to 1,024 characters."""
    outcome = _classify(400, b'{"reason":"\\ud800Bad"}')
    assert outcome.provider_reason == "?Bad"
    exchange = Exchange([], b"", 60.0)
    exchange.status = 200
    exchange.response_headers = [(b"apns-id", b"\xff" + b"x" * 5000)]
    message_id = classify(exchange, _NOW).message_id
    assert len(message_id) == 1024
    message_id.encode()
