"""What the answers of Amazon's token endpoint mean."""

from __future__ import annotations

import json

import pytest

from clarion.v1 import error_pb2 as err
from clarion.v1 import messaging_pb2 as msg
from clarion_server.providers.adm.auth import ROWS, read_answer
from clarion_server.providers.contract import Outcome
from clarion_server.providers.token_client import AccessToken

NOW = 1_700_000_000.0
_BROKEN = (msg.DELIVERY_STATUS_PERMANENT_FAILURE, err.ERROR_REASON_CREDENTIAL_REJECTED, True)
_OURS = (msg.DELIVERY_STATUS_PERMANENT_FAILURE, err.ERROR_REASON_PROVIDER_ANSWER_UNKNOWN, False)

ERRORS = {
    (401, "invalid_client"): _BROKEN,
    (400, "invalid_scope"): _BROKEN,
    (400, "unauthorized_client"): _BROKEN,
    (400, "invalid_request"): _OURS,
    (400, "unsupported_grant_type"): _OURS,
}


@pytest.mark.parametrize("row", ERRORS, ids=str)
def test_errors(row: tuple[int, str]) -> None:
    """Each error of OAuth has its meaning; only those of the security profile break the credential."""
    status, error = row
    outcome = read_answer(status, json.dumps({"error": error, "error_description": "x"}).encode(), None, NOW)
    assert isinstance(outcome, Outcome)
    assert (outcome.status, outcome.reason, outcome.credential_broken) == ERRORS[row]
    assert (outcome.status_code, outcome.provider_reason) == row


def test_the_table_has_no_other_rows() -> None:
    """Table and documentation are the same set."""
    assert {row.answer for row in ROWS if not row.answer.startswith("(")} == {error for _, error in ERRORS}


@pytest.mark.parametrize(
    ("status", "delivery", "reason"),
    [
        (429, msg.DELIVERY_STATUS_THROTTLED, err.ERROR_REASON_PROVIDER_THROTTLED),
        (500, msg.DELIVERY_STATUS_TEMPORARY_FAILURE, err.ERROR_REASON_PROVIDER_UNAVAILABLE),
        (503, msg.DELIVERY_STATUS_TEMPORARY_FAILURE, err.ERROR_REASON_PROVIDER_UNAVAILABLE),
        (403, msg.DELIVERY_STATUS_TEMPORARY_FAILURE, err.ERROR_REASON_PROVIDER_ANSWER_UNKNOWN),
    ],
)
@pytest.mark.parametrize("body", [b"", b"<html>", b'{"error": "novel"}', b'{"error": 5}'])
def test_what_may_pass(status: int, delivery: msg.DeliveryStatus, reason: err.ErrorReason, body: bytes) -> None:
    """Overload, faults and what is no OAuth answer leave the credential alone; a wait that is asked for is told."""
    outcome = read_answer(status, body, 30.0, NOW)
    assert isinstance(outcome, Outcome)
    assert (outcome.status, outcome.reason, outcome.credential_broken) == (delivery, reason, False)
    assert outcome.retry_after == (None if status == 403 else 30.0)


def test_a_token() -> None:
    """A good answer is a token with its end; one without a usable token is none."""
    good = {"access_token": "Atc|x", "expires_in": 3600, "scope": "messaging:push", "token_type": "Bearer"}
    assert read_answer(200, json.dumps(good).encode(), None, NOW) == AccessToken("Atc|x", NOW + 3600)
    for bad in (b"", b"{}", b'{"access_token": ""}', b'{"access_token": "a b"}'):
        outcome = read_answer(200, bad, None, NOW)
        assert isinstance(outcome, Outcome)
        assert outcome.reason == err.ERROR_REASON_PROVIDER_ANSWER_UNKNOWN
