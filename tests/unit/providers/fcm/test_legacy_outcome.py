"""What each answer of FCM's retired API becomes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarion.v1 import error_pb2, messaging_pb2
from clarion_server.providers.contract import Outcome
from clarion_server.providers.fcm.legacy_outcome import ROWS, classify

_NOW = 1_700_000_000.0
_P, _T, _LATER = "PERMANENT_FAILURE", "TEMPORARY_FAILURE", "THROTTLED"
_ERRORS = {
    "MissingRegistration": (_P, "MESSAGE_REJECTED", ""),
    "InvalidRegistration": (_P, "ADDRESS_INVALID", "token_dead"),
    "NotRegistered": (_P, "ADDRESS_UNREGISTERED", "token_dead"),
    "MismatchSenderId": (_P, "ADDRESS_OF_OTHER_APP", ""),
    "InvalidPackageName": (_P, "MESSAGE_REJECTED", ""),
    "MessageTooBig": (_P, "PAYLOAD_TOO_LARGE", ""),
    "InvalidDataKey": (_P, "MESSAGE_REJECTED", ""),
    "InvalidTtl": (_P, "MESSAGE_REJECTED", ""),
    "InvalidParameters": (_P, "MESSAGE_REJECTED", ""),
    "InvalidApnsCredential": (_P, "CREDENTIAL_REJECTED", ""),
    "Unavailable": (_T, "PROVIDER_UNAVAILABLE", "repeat"),
    "InternalServerError": (_T, "PROVIDER_UNAVAILABLE", ""),
    "DeviceMessageRateExceeded": (_LATER, "DEVICE_THROTTLED", ""),
    "TopicsMessageRateExceeded": (_LATER, "PROVIDER_THROTTLED", ""),
    "AnErrorOfTheFuture": (_P, "PROVIDER_ANSWER_UNKNOWN", ""),
}
_STATUS = {
    400: (_P, "MESSAGE_REJECTED", ""),
    401: (_P, "CREDENTIAL_REJECTED", "credential_broken"),
    403: (_P, "PROVIDER_ANSWER_UNKNOWN", ""),
    404: (_P, "CREDENTIAL_REJECTED", "credential_broken"),
    429: (_LATER, "PROVIDER_THROTTLED", "repeat"),
    500: (_T, "PROVIDER_UNAVAILABLE", ""),
    502: (_T, "PROVIDER_UNAVAILABLE", ""),
    503: (_T, "PROVIDER_UNAVAILABLE", "repeat"),
    504: (_T, "PROVIDER_UNAVAILABLE", ""),
    599: (_T, "PROVIDER_UNAVAILABLE", ""),
    302: (_T, "PROVIDER_ANSWER_UNKNOWN", ""),
}


def _classify(status: int, body: Any = None, *headers: tuple[bytes, bytes]) -> Outcome:
    return classify(status, headers, body if isinstance(body, bytes) else json.dumps(body).encode(), _NOW)


def _one(**result: Any) -> dict[str, Any]:
    return {"multicast_id": 1, "success": 1, "failure": 0, "canonical_ids": 0, "results": [result]}


def _short(outcome: Outcome) -> tuple[str, str, str]:
    flags = ("token_dead", "credential_broken", "renew", "repeat")
    status = messaging_pb2.DeliveryStatus.Name(outcome.status).removeprefix("DELIVERY_STATUS_")
    reason = error_pb2.ErrorReason.Name(outcome.reason).removeprefix("ERROR_REASON_")
    return status, reason, " ".join(name for name in flags if getattr(outcome, name))


def test_success() -> None:
    """A result with a message id is a success, and tells no other address."""
    outcome = _classify(200, _one(message_id="0:1"))
    assert _short(outcome) == ("SUCCESSFUL", "UNSPECIFIED", "")
    assert (outcome.message_id, outcome.updated_token) == ("0:1", "")


def test_a_canonical_id_is_the_updated_token() -> None:
    """The address that FCM names is the one to use from now on; the message was delivered all the same."""
    outcome = _classify(200, _one(message_id="0:1", registration_id="new"))
    assert _short(outcome) == ("SUCCESSFUL", "UNSPECIFIED", "")
    assert outcome.updated_token == "new"


@pytest.mark.parametrize("error", _ERRORS)
def test_errors_of_a_result(error: str) -> None:
    """200 is no success when the result has an error."""
    outcome = _classify(200, _one(error=error), (b"retry-after", b"9"))
    assert _short(outcome) == _ERRORS[error]
    assert outcome.provider_reason == error
    assert outcome.retry_after == 9.0
    assert outcome.message


@pytest.mark.parametrize("status", _STATUS)
def test_statuses(status: int) -> None:
    """Other statuses are about the request, the key or FCM, whatever the body is; never about the address."""
    for body in (b"<html>", b"", _one(error="NotRegistered")):
        assert _short(_classify(status, body)) == _STATUS[status]


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"results":[]}', b'{"results":[{},{}]}', b'{"results":[7]}'])
def test_a_success_that_cannot_be_read_is_of_unknown_fate(body: bytes) -> None:
    """FCM may have delivered: repeating could double it."""
    outcome = _classify(200, body)
    assert _short(outcome) == ("UNKNOWN_FAILURE", "PROVIDER_ANSWER_UNKNOWN", "")


@given(st.integers(200, 599), st.binary(max_size=30) | st.dictionaries(st.text(max_size=9), st.none() | st.text()))
def test_any_answer_has_an_outcome(status: int, body: Any) -> None:
    """Nothing in an answer needs to be there or of the right type."""
    assert _classify(status, body).status_code == status
    assert _classify(200, {"results": [body]}).status_code == 200 if isinstance(body, dict) else True


def test_all_errors_are_tested() -> None:
    """The cases above are all words of the table."""
    words = {row.answer for row in ROWS if row.http == "200" and row.answer.isalpha()}
    assert words == set(_ERRORS) - {"AnErrorOfTheFuture"}
