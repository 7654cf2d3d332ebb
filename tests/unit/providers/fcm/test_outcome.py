from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarion.v1 import error_pb2, messaging_pb2
from clarion_server.providers.contract import Outcome
from clarion_server.providers.fcm.outcome import BY_ERROR_CODE, BY_STATUS_WORD, classify

_NOW = 1_700_000_000.0  # Tue, 14 Nov 2023 22:13:20 GMT
_FCM = "type.googleapis.com/google.firebase.fcm.v1."
_RPC = "type.googleapis.com/google.rpc."
_TOKEN = "dQw4w9WgXcQ:" + "APA91b" * 24


def _classify(http: int, body: Any = None, *headers: tuple[bytes, bytes]) -> Outcome:
    return classify(http, headers, body if isinstance(body, bytes) else json.dumps(body or {}).encode(), _NOW)


def _error(http: int, status: str = "", *details: dict[str, Any], message: str = "") -> dict[str, Any]:
    return {"error": {"code": http, "message": message, "status": status, "details": list(details)}}


def _fcm_error(code: str) -> dict[str, Any]:
    return {"@type": f"{_FCM}FcmError", "errorCode": code}


def _bad_request(field: str) -> dict[str, Any]:
    return {"@type": f"{_RPC}BadRequest", "fieldViolations": [{"field": field, "description": "bad"}]}


def _short(outcome: Outcome) -> tuple[str, str, str]:
    flags = [name for name in ("token_dead", "credential_broken", "renew") if getattr(outcome, name)]
    status = messaging_pb2.DeliveryStatus.Name(outcome.status).removeprefix("DELIVERY_STATUS_")
    reason = error_pb2.ErrorReason.Name(outcome.reason).removeprefix("ERROR_REASON_")
    return status, reason, " ".join(flags)


def test_success_carries_the_name_as_message_id() -> None:
    """The `name` of an accepted message is its message id."""
    outcome = _classify(200, {"name": "projects/p/messages/0:1%2"})
    assert _short(outcome) == ("SUCCESSFUL", "UNSPECIFIED", "")
    assert outcome.message_id == "projects/p/messages/0:1%2"
    assert outcome.status_code == 200


@pytest.mark.parametrize("body", [b"", b"[]", b'{"name":7}', b'{"name":"projec'])
def test_success_without_a_readable_name_is_still_a_success(body: bytes) -> None:
    """FCM accepted it, whatever the body looks like; repeating it would deliver it twice."""
    outcome = _classify(200, body)
    assert _short(outcome) == ("SUCCESSFUL", "UNSPECIFIED", "")
    assert not outcome.message_id


_PERMANENT, _TEMPORARY, _THROTTLED = "PERMANENT_FAILURE", "TEMPORARY_FAILURE", "THROTTLED"
_BY_CODE = [
    ("UNREGISTERED", 404, "NOT_FOUND", (_PERMANENT, "ADDRESS_UNREGISTERED", "token_dead")),
    ("INVALID_ARGUMENT", 400, "INVALID_ARGUMENT", (_PERMANENT, "MESSAGE_REJECTED", "")),
    ("SENDER_ID_MISMATCH", 403, "PERMISSION_DENIED", (_PERMANENT, "ADDRESS_OF_OTHER_APP", "")),
    ("QUOTA_EXCEEDED", 429, "RESOURCE_EXHAUSTED", (_THROTTLED, "PROVIDER_THROTTLED", "")),
    ("UNAVAILABLE", 503, "UNAVAILABLE", (_TEMPORARY, "PROVIDER_UNAVAILABLE", "")),
    ("INTERNAL", 500, "INTERNAL", (_TEMPORARY, "PROVIDER_UNAVAILABLE", "")),
    ("THIRD_PARTY_AUTH_ERROR", 401, "UNAUTHENTICATED", (_PERMANENT, "CREDENTIAL_REJECTED", "")),
    ("APNS_AUTH_ERROR", 401, "UNAUTHENTICATED", (_PERMANENT, "CREDENTIAL_REJECTED", "")),
    ("UNSPECIFIED_ERROR", 400, "INVALID_ARGUMENT", (_PERMANENT, "MESSAGE_REJECTED", "")),
    ("UNSPECIFIED_ERROR", 401, "UNAUTHENTICATED", (_PERMANENT, "PROVIDER_ANSWER_UNKNOWN", "")),
    ("UNSPECIFIED_ERROR", 404, "NOT_FOUND", (_PERMANENT, "PROVIDER_ANSWER_UNKNOWN", "")),
    ("UNSPECIFIED_ERROR", 429, "RESOURCE_EXHAUSTED", (_THROTTLED, "PROVIDER_THROTTLED", "")),
    ("UNSPECIFIED_ERROR", 500, "INTERNAL", (_TEMPORARY, "PROVIDER_UNAVAILABLE", "")),
    ("A_CODE_OF_THE_FUTURE", 403, "PERMISSION_DENIED", (_PERMANENT, "PROVIDER_ANSWER_UNKNOWN", "")),
    ("A_CODE_OF_THE_FUTURE", 503, "UNAVAILABLE", (_TEMPORARY, "PROVIDER_UNAVAILABLE", "")),
    ("A_CODE_OF_THE_FUTURE", 302, "", (_TEMPORARY, "PROVIDER_ANSWER_UNKNOWN", "")),
]


@pytest.mark.parametrize(("code", "http", "status", "expected"), _BY_CODE)
def test_error_code_counts_first(code: str, http: int, status: str, expected: tuple[str, str, str]) -> None:
    """`FcmError.errorCode` decides; UNSPECIFIED_ERROR and unknown codes go by HTTP status, never by address or key."""
    outcome = _classify(http, _error(http, status, _fcm_error(code)))
    assert _short(outcome) == expected
    assert outcome.provider_reason == code
    assert outcome.status_code == http
    assert outcome.origin == messaging_pb2.ORIGIN_PROVIDER
    assert outcome.message


_WITHOUT_CODE = [
    (401, "UNAUTHENTICATED", (_PERMANENT, "CREDENTIAL_REJECTED", "renew")),
    (401, "", (_PERMANENT, "CREDENTIAL_REJECTED", "renew")),
    (403, "PERMISSION_DENIED", (_PERMANENT, "CREDENTIAL_REJECTED", "credential_broken")),
    (403, "", (_PERMANENT, "CREDENTIAL_REJECTED", "credential_broken")),
    (404, "NOT_FOUND", (_PERMANENT, "CREDENTIAL_REJECTED", "credential_broken")),
    (404, "", (_PERMANENT, "CREDENTIAL_REJECTED", "credential_broken")),
    (400, "INVALID_ARGUMENT", (_PERMANENT, "MESSAGE_REJECTED", "")),
    (400, "", (_PERMANENT, "MESSAGE_REJECTED", "")),
    (413, "", (_PERMANENT, "PAYLOAD_TOO_LARGE", "")),
    (429, "RESOURCE_EXHAUSTED", (_THROTTLED, "PROVIDER_THROTTLED", "")),
    (429, "", (_THROTTLED, "PROVIDER_THROTTLED", "")),
    (500, "INTERNAL", (_TEMPORARY, "PROVIDER_UNAVAILABLE", "")),
    (503, "UNAVAILABLE", (_TEMPORARY, "PROVIDER_UNAVAILABLE", "")),
    (504, "DEADLINE_EXCEEDED", (_TEMPORARY, "PROVIDER_UNAVAILABLE", "")),
    (418, "", (_PERMANENT, "PROVIDER_ANSWER_UNKNOWN", "")),
    (501, "", (_TEMPORARY, "PROVIDER_ANSWER_UNKNOWN", "")),
    (302, "", (_TEMPORARY, "PROVIDER_ANSWER_UNKNOWN", "")),
]


@pytest.mark.parametrize(("http", "status", "expected"), _WITHOUT_CODE)
def test_without_error_code_the_status_counts(http: int, status: str, expected: tuple[str, str, str]) -> None:
    """Without `FcmError`, `status` counts, then the HTTP status; no such answer ever marks an address dead."""
    outcome = _classify(http, _error(http, status))
    assert _short(outcome) == expected
    assert outcome.provider_reason == status


@pytest.mark.parametrize(
    ("http", "status", "code", "repeated"),
    [
        (429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED", True),
        (429, "", "", True),
        (503, "UNAVAILABLE", "UNAVAILABLE", True),
        (503, "UNAVAILABLE", "", True),
        (503, "", "", True),
        (500, "INTERNAL", "INTERNAL", False),
        (500, "", "", False),
        (502, "", "", False),
        (504, "DEADLINE_EXCEEDED", "", False),
        (400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", False),
        (401, "UNAUTHENTICATED", "", False),
        (404, "NOT_FOUND", "UNREGISTERED", False),
    ],
)
def test_only_what_surely_was_not_processed_may_be_repeated(
    http: int, status: str, code: str, *, repeated: bool
) -> None:
    """Throttled and unavailable: yes. FCM's own faults and time-outs may come after the message went out: no."""
    details = [_fcm_error(code)] if code else []
    assert _classify(http, _error(http, status, *details)).repeat is repeated


@pytest.mark.parametrize("http", [502, 503, 504])
def test_html_of_the_front_end(http: int) -> None:
    """Google's front end answers with HTML when it has a fault: temporary, and nothing of it is repeated."""
    outcome = _classify(http, b"<!DOCTYPE html><title>Error</title>")
    assert _short(outcome) == (_TEMPORARY, "PROVIDER_UNAVAILABLE", "")
    assert "html" not in outcome.message.lower()


@pytest.mark.parametrize("reverse", [False, True])
def test_a_violation_of_the_token_field_means_a_dead_address(*, reverse: bool) -> None:
    """INVALID_ARGUMENT kills an address only if it names `message.token`, wherever in the details that stands."""
    details = [_fcm_error("INVALID_ARGUMENT"), _bad_request("message.token")]
    if reverse:
        details.reverse()
    outcome = _classify(400, _error(400, "INVALID_ARGUMENT", *details))
    assert _short(outcome) == (_PERMANENT, "ADDRESS_INVALID", "token_dead")


@pytest.mark.parametrize(
    "message",
    ["The registration token is not a valid FCM registration token", "Invalid registration token provided"],
)
def test_a_message_that_calls_the_token_invalid_means_a_dead_address(message: str) -> None:
    """Without details the text tells, in the wordings that FCM uses."""
    outcome = _classify(400, _error(400, "INVALID_ARGUMENT", message=message))
    assert _short(outcome) == (_PERMANENT, "ADDRESS_INVALID", "token_dead")


def test_a_violation_of_another_field_is_the_message_s_fault() -> None:
    """The address lives on, and the text says what FCM said."""
    said = "Invalid value at 'message.data[0].value' (TYPE_STRING), 12"
    body = _error(400, "INVALID_ARGUMENT", _bad_request("message.data[0].value"), message=said)
    outcome = _classify(400, body)
    assert _short(outcome) == (_PERMANENT, "MESSAGE_REJECTED", "")
    assert said in outcome.message


def test_too_big() -> None:
    """FCM's own verdict on the size has the same reason as ours."""
    outcome = _classify(400, _error(400, "INVALID_ARGUMENT", message="Android message is too big"))
    assert _short(outcome) == (_PERMANENT, "PAYLOAD_TOO_LARGE", "")


def test_no_token_of_the_answer_gets_into_the_text() -> None:
    """An answer that quotes the registration token does not bring it into results and logs."""
    body = _error(400, "INVALID_ARGUMENT", _fcm_error("INVALID_ARGUMENT"), message=f"{_TOKEN} has a problem")
    outcome = _classify(400, body)
    assert "has a problem" in outcome.message
    assert _TOKEN not in repr(outcome)


def test_quota_of_one_device() -> None:
    """QuotaFailure tells the device's quota from the project's."""
    details = [
        {"@type": f"{_RPC}QuotaFailure", "violations": [{"subject": "device:x", "description": "too fast"}]},
        _fcm_error("QUOTA_EXCEEDED"),
    ]
    outcome = _classify(429, _error(429, "RESOURCE_EXHAUSTED", *details))
    assert _short(outcome) == (_THROTTLED, "DEVICE_THROTTLED", "")


def test_apns_reason_is_told() -> None:
    """When Apple refused, its reason helps to mend the Firebase project."""
    details = [
        {"@type": f"{_FCM}ApnsError", "statusCode": 403, "reason": "InvalidProviderToken"},
        _fcm_error("THIRD_PARTY_AUTH_ERROR"),
    ]
    outcome = _classify(401, _error(401, "UNAUTHENTICATED", *details))
    assert "InvalidProviderToken" in outcome.message
    assert not outcome.renew
    assert not outcome.credential_broken


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (b"30", 30.0),
        (b" 0 ", 0.0),
        (b"Tue, 14 Nov 2023 22:14:20 GMT", 60.0),
        (b"Tue, 14 Nov 2023 22:00:00 GMT", 0.0),
        (b"999999999", 604800.0),
        (b"soon", None),
        (b"-5", None),
        (b"\xff", None),
    ],
)
def test_retry_after(header: bytes, seconds: float | None) -> None:
    """Seconds or an HTTP date; never negative, at most a week; nonsense is as if it were not there."""
    outcome = _classify(503, _error(503, "UNAVAILABLE"), (b":status", b"503"), (b"retry-after", header))
    assert outcome.retry_after == seconds


def test_no_retry_after() -> None:
    """None when FCM asked nothing, also for throttling: the rule of thumb is in the text."""
    outcome = _classify(429, _error(429, "RESOURCE_EXHAUSTED"))
    assert outcome.retry_after is None
    assert "minute" in outcome.message


_JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["error", "status", "details", "@type", "errorCode", "fieldViolations", "field", "message"]
            ),
            inner | st.sampled_from([f"{_FCM}FcmError", f"{_RPC}BadRequest", f"{_RPC}QuotaFailure"]),
            max_size=4,
        )
    ),
    max_leaves=10,
)


@given(st.integers(200, 599), _JSON | st.binary(max_size=20), st.binary(max_size=10))
def test_any_answer_has_an_outcome(http: int, body: Any, retry_after: bytes) -> None:
    """Nothing in an answer needs to be there or of the right type."""
    outcome = _classify(http, body, (b"retry-after", retry_after))
    assert outcome.status_code == http
    assert (outcome.status == messaging_pb2.DELIVERY_STATUS_SUCCESSFUL) == (http == 200)


@pytest.mark.parametrize("http", [403, 404])
@pytest.mark.parametrize(
    "body", [b"", b'{"error":{"code":404,"mess', b"<html>blocked</html>", b"{}", b'{"error":{}}', b'{"error":"no"}']
)
def test_an_answer_that_is_not_of_fcm_condemns_nothing(http: int, body: bytes) -> None:
    """What a proxy says, or what was cut off, does not break the credential: only Google's error object does."""
    assert _short(_classify(http, body)) == (_PERMANENT, "PROVIDER_ANSWER_UNKNOWN", "")


@pytest.mark.parametrize("http", [200, 400, 403])
def test_texts_of_an_answer_can_be_sent_on(http: int) -> None:
    """JSON may hold lone surrogates, protobuf may not; and all texts are bounded."""
    odd = "\ud800" + "x " * 3000
    apns = {"@type": f"{_FCM}ApnsError", "reason": odd}
    outcome = _classify(http, {"name": odd, **_error(http, odd, apns, message=odd)})
    result = messaging_pb2.Result(
        provider_reason=outcome.provider_reason, message_id=outcome.message_id, status_message=outcome.message
    )
    assert len(result.provider_reason) <= 256
    assert len(result.message_id) <= 1024
    assert len(result.status_message) <= 1024


def test_every_code_and_word_is_tested() -> None:
    """The cases above are all codes and words of the tables."""
    assert set(BY_ERROR_CODE) <= {code for code, *_ in _BY_CODE}
    assert set(BY_STATUS_WORD) - {"UNAVAILABLE"} <= {status for _, status, _ in _WITHOUT_CODE}
