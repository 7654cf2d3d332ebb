"""What ADM's answers mean: every reason of Amazon's documentation, and what is none of them."""

from __future__ import annotations

import json

import pytest

from clarion.v1 import error_pb2 as err
from clarion.v1 import messaging_pb2 as msg
from clarion_server.providers.adm.outcome import ROWS, classify
from clarion_server.providers.contract import Outcome

NOW = 1_700_000_000.0
_PERMANENT = msg.DELIVERY_STATUS_PERMANENT_FAILURE
_TEMPORARY = msg.DELIVERY_STATUS_TEMPORARY_FAILURE
_THROTTLED = msg.DELIVERY_STATUS_THROTTLED
_REJECTED = err.ERROR_REASON_MESSAGE_REJECTED

# Status and reason: delivery status, reason, token dead, credential broken, renew, repeat.
DOCUMENTED = {
    (400, "InvalidRegistrationId"): (_PERMANENT, err.ERROR_REASON_ADDRESS_INVALID, True, False, False, False),
    (400, "InvalidData"): (_PERMANENT, _REJECTED, False, False, False, False),
    (400, "InvalidConsolidationKey"): (_PERMANENT, _REJECTED, False, False, False, False),
    (400, "InvalidExpiration"): (_PERMANENT, _REJECTED, False, False, False, False),
    (400, "InvalidChecksum"): (_PERMANENT, _REJECTED, False, False, False, False),
    (400, "InvalidType"): (_PERMANENT, _REJECTED, False, False, False, False),
    (400, "Unregistered"): (_PERMANENT, err.ERROR_REASON_ADDRESS_UNREGISTERED, True, False, False, False),
    (401, "AccessTokenExpired"): (_PERMANENT, err.ERROR_REASON_CREDENTIAL_REJECTED, False, False, True, False),
    (413, "MessageTooLarge"): (_PERMANENT, err.ERROR_REASON_PAYLOAD_TOO_LARGE, False, False, False, False),
    (429, "MaxRateExceeded"): (_THROTTLED, err.ERROR_REASON_PROVIDER_THROTTLED, False, False, False, True),
    (500, ""): (_TEMPORARY, err.ERROR_REASON_PROVIDER_UNAVAILABLE, False, False, False, False),
    (503, ""): (_TEMPORARY, err.ERROR_REASON_PROVIDER_UNAVAILABLE, False, False, False, True),
}
# What is not documented degrades by its status and condemns nothing.
DEGRADED = {
    (400, "Novel"): (_PERMANENT, err.ERROR_REASON_PROVIDER_ANSWER_UNKNOWN),
    (403, ""): (_PERMANENT, err.ERROR_REASON_PROVIDER_ANSWER_UNKNOWN),
    (404, "NotFound"): (_PERMANENT, err.ERROR_REASON_ADDRESS_INVALID),
    (404, ""): (_PERMANENT, err.ERROR_REASON_PROVIDER_ANSWER_UNKNOWN),
    (408, ""): (_TEMPORARY, err.ERROR_REASON_PROVIDER_UNAVAILABLE),
    (413, ""): (_PERMANENT, err.ERROR_REASON_PAYLOAD_TOO_LARGE),
    (429, ""): (_THROTTLED, err.ERROR_REASON_PROVIDER_THROTTLED),
    (500, "Unregistered"): (_TEMPORARY, err.ERROR_REASON_PROVIDER_UNAVAILABLE),
    (599, ""): (_TEMPORARY, err.ERROR_REASON_PROVIDER_UNAVAILABLE),
    (302, ""): (_TEMPORARY, err.ERROR_REASON_PROVIDER_ANSWER_UNKNOWN),
}


def _classify(status: int, body: bytes, *headers: tuple[bytes, bytes], address: str = "id-1") -> Outcome:
    return classify(status, ((b":status", b"%d" % status), *headers), body, address=address, now=NOW)


def _body(reason: str) -> bytes:
    return json.dumps({"reason": reason}).encode() if reason else b""


@pytest.mark.parametrize("row", DOCUMENTED, ids=str)
def test_documented_reasons(row: tuple[int, str]) -> None:
    """Each documented answer has its meaning, names its reason and says something to people."""
    status, reason = row
    outcome = _classify(status, _body(reason))
    assert (
        outcome.status,
        outcome.reason,
        outcome.token_dead,
        outcome.credential_broken,
        outcome.renew,
        outcome.repeat,
    ) == DOCUMENTED[row]
    assert (outcome.status_code, outcome.provider_reason) == row
    assert outcome.message


def test_the_table_has_no_other_rows() -> None:
    """Table and documentation are the same set."""
    assert {(int(row.http), row.answer) for row in ROWS if row.message} == {row for row in DOCUMENTED if row[1]}


@pytest.mark.parametrize("row", DEGRADED, ids=str)
def test_what_is_not_documented(row: tuple[int, str]) -> None:
    """An unknown reason, or one with another status than the documented, condemns neither address nor credential."""
    outcome = _classify(row[0], _body(row[1]))
    assert (outcome.status, outcome.reason) == DEGRADED[row]
    assert not outcome.token_dead
    assert not outcome.credential_broken


def test_success() -> None:
    """A success has the request id; the canonical id is told only when it is another than the one used."""
    headers = (b"x-amzn-requestid", b"req-1")
    same = _classify(200, b'{"registrationID": "id-1"}', headers)
    assert (same.status, same.message_id, same.updated_token) == (msg.DELIVERY_STATUS_SUCCESSFUL, "req-1", "")
    other = _classify(200, b'{"registrationID": "id-2"}', headers)
    assert (other.status, other.updated_token) == (msg.DELIVERY_STATUS_SUCCESSFUL, "id-2")


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[1]", b"<html>", b'{"registrationID": 7}', b'{"registrationID": ""}', b"[" * 100_000],
)
def test_strange_bodies(body: bytes) -> None:
    """Whatever the body is, the status counts and nothing raises."""
    outcome = _classify(200, body)
    assert (outcome.status, outcome.updated_token) == (msg.DELIVERY_STATUS_SUCCESSFUL, "")
    assert _classify(503, body).status == _TEMPORARY


@pytest.mark.parametrize(
    ("value", "seconds"),
    [(b"60", 60.0), (b"Tue, 14 Nov 2023 22:14:20 GMT", 60.0), (b"soon", None), (b"-1", None), (b"999999999", 604800.0)],
)
def test_retry_after(value: bytes, seconds: float | None) -> None:
    """Seconds or a date, at most a week; nonsense is nothing."""
    assert _classify(429, _body("MaxRateExceeded"), (b"retry-after", value)).retry_after == seconds
