"""What the answers of Baidu mean: one table with all error codes that Baidu has, and a rule for all others.

A success is `{"request_id", "response_params": {"msg_id", "send_time"}}`, an error `{"request_id", "error_code",
"error_msg"}`. The error code counts; the HTTP status only where there is none. The codes are those of Baidu's SDKs, and
not all of them were seen in answers to servers. Which is permanent, and which condemns an address or a credential, is
our reading of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from clarion.v1 import error_pb2 as err
from clarion.v1 import messaging_pb2 as msg
from clarion.v1.error_pb2 import ErrorReason
from clarion.v1.messaging_pb2 import DeliveryStatus
from clarion_server.providers import answers
from clarion_server.providers.checks import clean
from clarion_server.providers.contract import Outcome
from clarion_server.providers.outcomes import ANY_OTHER, Row, Tables, retry_after, success

_MAX_PROVIDER_REASON = 256
_MAX_MESSAGE_ID = 1024

_PERMANENT = msg.DELIVERY_STATUS_PERMANENT_FAILURE
_TEMPORARY = msg.DELIVERY_STATUS_TEMPORARY_FAILURE
_THROTTLED = msg.DELIVERY_STATUS_THROTTLED


def _row(http: str, answer: str, reason: ErrorReason, message: str, status: DeliveryStatus = _PERMANENT) -> Row:
    return Row(http, answer, reason, message, status)


def _code(code: int, reason: ErrorReason, text: str, status: DeliveryStatus = _PERMANENT) -> Row:
    return _row("any", str(code), reason, text, status)


def _message(code: int, text: str) -> Row:
    return _code(code, err.ERROR_REASON_MESSAGE_REJECTED, text)


def _app(code: int, text: str) -> Row:
    return replace(_code(code, err.ERROR_REASON_CREDENTIAL_REJECTED, text), credential_broken=True)


def _address(code: int, text: str) -> Row:
    return _code(code, err.ERROR_REASON_ADDRESS_INVALID, text)


# The fault may have come after the message was accepted: not repeated.
_FAULT = _row(
    "500",
    ANY_OTHER,
    err.ERROR_REASON_PROVIDER_UNAVAILABLE,
    "Baidu has a fault; try again with growing intervals",
    _TEMPORARY,
)
_UNAVAILABLE = replace(
    _FAULT, http="503", message="Baidu is not available; try again with growing intervals", repeat=True
)
_THROTTLE = replace(
    _row(
        "429",
        ANY_OTHER,
        err.ERROR_REASON_PROVIDER_THROTTLED,
        "Baidu asks for fewer requests; try again later",
        _THROTTLED,
    ),
    repeat=True,
)

#: All error codes that Baidu has.
CODES: tuple[Row, ...] = (
    replace(_FAULT, http="any", answer="30600"),
    _message(30601, "Baidu refuses the method of the request; this is a fault in Clarion: report it"),
    _message(30602, "Baidu refuses a parameter; it says the same of an address that is malformed"),
    _app(30603, "Baidu does not accept the signature: check api_key and secret_key"),
    _code(
        30604,
        err.ERROR_REASON_PROVIDER_THROTTLED,
        "the app's quota at Baidu is used up: send no more today, or have it raised",
        _THROTTLED,
    ),
    _address(30605, "Baidu does not find the recipient; check channel and address"),
    replace(
        _code(
            30606,
            err.ERROR_REASON_CREDENTIAL_REJECTED,
            "Baidu calls the request's timestamp too old: if it goes on, the clock of the server is wrong",
        ),
        renew=True,
    ),
    _address(30607, "the device's connection to Baidu has timed out: its app must call startWork again"),
    replace(
        _code(
            30608,
            err.ERROR_REASON_ADDRESS_UNREGISTERED,
            "Baidu no longer knows the device under this address; remove it until the app reports a new one",
        ),
        token_dead=True,
    ),
    _message(30609, "Baidu finds the device bound too often"),
    _message(30610, "Baidu calls the request a duplicate"),
    _message(30611, "Baidu does not know the group"),
    _app(30612, "Baidu forbids the app to push until it is on a white list: ask Baidu"),
    _app(30613, "the app is not set up for push: do so in Baidu's console"),
    _message(30614, "the user has too many tags at Baidu"),
    _message(30615, "the app has too many tags at Baidu"),
    _app(30616, "the app may not push to single devices: ask Baidu for it"),
    _message(30617, "the app may not push to many devices at once; Clarion does not: report it"),
    _app(30618, "the app is not approved for push: see Baidu's console"),
    replace(_THROTTLE, http="any", answer="30699"),
    _message(40002, "Baidu has no information on the light app"),
    _message(110001, "the user has blocked this app's pushes"),
)

#: By HTTP status, when there is no error code, or an unknown one. None of them condemns address or credential.
_DEGRADED: tuple[Row, ...] = (replace(_FAULT, http="408"), _THROTTLE, _UNAVAILABLE)
_OTHER_5XX = replace(_FAULT, http="500-599")
_UNKNOWN = _row(
    "400-499",
    ANY_OTHER,
    err.ERROR_REASON_PROVIDER_ANSWER_UNKNOWN,
    "Baidu answered in a way that Clarion does not know; report it",
)
_UNKNOWN_ELSE = replace(_UNKNOWN, http="other", status=_TEMPORARY)

TABLES: Tables = {"Baidu, by `error_code`": (success(), *CODES, *_DEGRADED, _OTHER_5XX, _UNKNOWN, _UNKNOWN_ELSE)}

_BY_CODE: Mapping[int, Row] = {int(row.answer): row for row in CODES}
_BY_STATUS: Mapping[int, Row] = {int(row.http): row for row in _DEGRADED}


def classify(status: int, headers: Sequence[tuple[bytes, bytes]], body: bytes, now: float) -> Outcome:
    """Return what an answer means. Pure; never raises, whatever the body is.

    Args:
        status: HTTP status.
        headers: all response headers, names in lower case.
        body: the body, possibly cut off.
        now: seconds since the epoch, for `retry-after` given as a date.
    """
    document = answers.json_object(body)
    code = document.get("error_code")
    code = code if isinstance(code, int) and not isinstance(code, bool) else 0
    if status == 200 and not code:
        params = document.get("response_params")
        return Outcome(
            status=msg.DELIVERY_STATUS_SUCCESSFUL,
            status_code=200,
            message_id=_message_id(params.get("msg_id") if isinstance(params, dict) else None),
        )
    row = _BY_CODE.get(code) or _degraded(status)
    said = answers.text(document.get("error_msg"))
    return Outcome(
        status=row.status,
        reason=row.reason,
        message=f"{row.message} ({_masked(said)})"
        if said and row.reason == err.ERROR_REASON_MESSAGE_REJECTED
        else row.message,
        provider_reason=clean(str(code), maximum=_MAX_PROVIDER_REASON) if code else "",
        status_code=status,
        token_dead=row.token_dead,
        retry_after=retry_after(headers, now),
        credential_broken=row.credential_broken,
        renew=row.renew,
        repeat=row.repeat,
    )


def _message_id(value: object) -> str:
    """Return the id, which Baidu's page shows as a number and its SDKs as a text."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**40:
        return str(value)
    return clean(answers.text(value), maximum=_MAX_MESSAGE_ID)


def _masked(text: str) -> str:
    """Return what Baidu says, without anything that could be an address, a key or a signature."""
    return clean(re.sub(r"[A-Za-z0-9_\-]{12,}", "[…]", text), maximum=200)


def _degraded(status: int) -> Row:
    row = _BY_STATUS.get(status)
    if row is not None:
        return row
    if 500 <= status <= 599:
        return _OTHER_5XX
    return _UNKNOWN if 400 <= status <= 499 else _UNKNOWN_ELSE
