"""What Baidu's answers mean: every error code there is, and what is none of them."""

from __future__ import annotations

import json

import pytest

from clarion.v1 import error_pb2 as err
from clarion.v1 import messaging_pb2 as msg
from clarion_server.providers.baidu.outcome import CODES as ROWS
from clarion_server.providers.baidu.outcome import classify
from clarion_server.providers.contract import Outcome

_PERMANENT = msg.DELIVERY_STATUS_PERMANENT_FAILURE
_TEMPORARY = msg.DELIVERY_STATUS_TEMPORARY_FAILURE
_THROTTLED = msg.DELIVERY_STATUS_THROTTLED
_REJECTED = (_PERMANENT, err.ERROR_REASON_MESSAGE_REJECTED, False, False, False, False)
_APP = (_PERMANENT, err.ERROR_REASON_CREDENTIAL_REJECTED, False, True, False, False)
_ADDRESS = (_PERMANENT, err.ERROR_REASON_ADDRESS_INVALID, False, False, False, False)

# Error code: delivery status, reason, token dead, credential broken, renew, repeat.
CODES = {
    30600: (_TEMPORARY, err.ERROR_REASON_PROVIDER_UNAVAILABLE, False, False, False, False),
    30601: _REJECTED,
    30602: _REJECTED,
    30603: _APP,
    30604: (_THROTTLED, err.ERROR_REASON_PROVIDER_THROTTLED, False, False, False, False),
    30605: _ADDRESS,
    30606: (_PERMANENT, err.ERROR_REASON_CREDENTIAL_REJECTED, False, False, True, False),
    30607: _ADDRESS,
    30608: (_PERMANENT, err.ERROR_REASON_ADDRESS_UNREGISTERED, True, False, False, False),
    30609: _REJECTED,
    30610: _REJECTED,
    30611: _REJECTED,
    30612: _APP,
    30613: _APP,
    30614: _REJECTED,
    30615: _REJECTED,
    30616: _APP,
    30617: _REJECTED,
    30618: _APP,
    30699: (_THROTTLED, err.ERROR_REASON_PROVIDER_THROTTLED, False, False, False, True),
    40002: _REJECTED,
    110001: _REJECTED,
}
DEGRADED = {
    400: (_PERMANENT, err.ERROR_REASON_PROVIDER_ANSWER_UNKNOWN),
    401: (_PERMANENT, err.ERROR_REASON_PROVIDER_ANSWER_UNKNOWN),
    404: (_PERMANENT, err.ERROR_REASON_PROVIDER_ANSWER_UNKNOWN),
    408: (_TEMPORARY, err.ERROR_REASON_PROVIDER_UNAVAILABLE),
    429: (_THROTTLED, err.ERROR_REASON_PROVIDER_THROTTLED),
    500: (_TEMPORARY, err.ERROR_REASON_PROVIDER_UNAVAILABLE),
    502: (_TEMPORARY, err.ERROR_REASON_PROVIDER_UNAVAILABLE),
    503: (_TEMPORARY, err.ERROR_REASON_PROVIDER_UNAVAILABLE),
    302: (_TEMPORARY, err.ERROR_REASON_PROVIDER_ANSWER_UNKNOWN),
}


def _classify(status: int, document: object) -> Outcome:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return classify(status, ((b":status", b"%d" % status),), body, 1_700_000_000.0)


@pytest.mark.parametrize("status", [200, 400, 500])
@pytest.mark.parametrize("code", CODES)
def test_error_codes(code: int, status: int) -> None:
    """The error code counts, whatever the HTTP status, which is known for few of them."""
    outcome = _classify(status, {"request_id": 1, "error_code": code, "error_msg": "words"})
    assert (
        outcome.status,
        outcome.reason,
        outcome.token_dead,
        outcome.credential_broken,
        outcome.renew,
        outcome.repeat,
    ) == CODES[code]
    assert (outcome.status_code, outcome.provider_reason) == (status, str(code))
    assert outcome.message


def test_the_table_has_no_other_rows() -> None:
    """Table and documentation are the same set, and only one code condemns an address."""
    assert [int(row.answer) for row in ROWS] == list(CODES)
    assert [row.answer for row in ROWS if row.token_dead] == ["30608"]


@pytest.mark.parametrize("status", DEGRADED)
@pytest.mark.parametrize("body", [{"error_code": 39999}, b"<html>", b"", {"error_code": "30608"}, {"error_code": True}])
def test_what_has_no_known_code(status: int, body: object) -> None:
    """Without a code that is known the HTTP status counts, and condemns neither address nor credential."""
    outcome = _classify(status, body)
    assert (outcome.status, outcome.reason) == DEGRADED[status]
    assert not outcome.token_dead
    assert not outcome.credential_broken


@pytest.mark.parametrize(
    ("msg_id", "told"), [("123", "123"), (123, "123"), (None, ""), ([], ""), (True, ""), ("x" * 2000, "x" * 1024)]
)
def test_success(msg_id: object, told: str) -> None:
    """A success has Baidu's message id, which comes as a number or a text."""
    outcome = _classify(200, {"request_id": 1, "response_params": {"msg_id": msg_id, "send_time": 1}})
    assert (outcome.status, outcome.message_id) == (msg.DELIVERY_STATUS_SUCCESSFUL, told)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", {"response_params": 1}, b"[" * 100_000])
def test_strange_successes(body: object) -> None:
    """Whatever else the body is, nothing raises."""
    assert _classify(200, body).status == msg.DELIVERY_STATUS_SUCCESSFUL


def test_what_baidu_says_is_told_without_secrets() -> None:
    """Baidu's own words about a refused message are told, without what could be an address or a key."""
    outcome = _classify(400, {"error_code": 30602, "error_msg": "bad channel_id 4099091116498016469"})
    assert "bad channel_id […]" in outcome.message
    assert "4099091116498016469" not in outcome.message
