"""What the answers of Baidu mean: one table with all error codes that Baidu has, and a rule for all others.

A success is `{"request_id", "response_params": {"msg_id", "send_time"}}`, an error `{"request_id", "error_code",
"error_msg"}`. The error code counts; the HTTP status only where there is none. The codes are those of Baidu's SDKs, and
not all of them were seen in answers to servers. Which is permanent, and which condemns an address or a credential, is
our reading of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from clarion.v1 import error_pb2 as err
from clarion.v1 import messaging_pb2 as msg
from clarion.v1.error_pb2 import ErrorReason
from clarion.v1.messaging_pb2 import DeliveryStatus
from clarion_server.providers import answers
from clarion_server.providers.checks import clean
from clarion_server.providers.contract import Outcome

_MAX_PROVIDER_REASON = 256
_MAX_MESSAGE_ID = 1024

_PERMANENT = msg.DELIVERY_STATUS_PERMANENT_FAILURE
_TEMPORARY = msg.DELIVERY_STATUS_TEMPORARY_FAILURE
_THROTTLED = msg.DELIVERY_STATUS_THROTTLED


@dataclass(frozen=True, slots=True)
class Row:
    """What one error code means; see `Outcome` for the attributes."""

    reason: ErrorReason
    message: str
    status: DeliveryStatus = _PERMANENT
    token_dead: bool = False
    credential_broken: bool = False
    renew: bool = False
    repeat: bool = False


def _message(text: str) -> Row:
    return Row(err.ERROR_REASON_MESSAGE_REJECTED, text)


def _app(text: str) -> Row:
    return Row(err.ERROR_REASON_CREDENTIAL_REJECTED, text, credential_broken=True)


def _address(text: str) -> Row:
    return Row(err.ERROR_REASON_ADDRESS_INVALID, text)


_FAULT = Row(
    err.ERROR_REASON_PROVIDER_UNAVAILABLE,
    "Baidu has a fault; try again with growing intervals",
    status=_TEMPORARY,
)
_UNAVAILABLE = Row(
    err.ERROR_REASON_PROVIDER_UNAVAILABLE,
    "Baidu is not available; try again with growing intervals",
    status=_TEMPORARY,
    repeat=True,
)
_THROTTLE = Row(
    err.ERROR_REASON_PROVIDER_THROTTLED,
    "Baidu asks for fewer requests; try again later",
    status=_THROTTLED,
    repeat=True,
)

#: By error code.
TABLE: Mapping[int, Row] = {
    # The fault may have come after the message was accepted: not repeated.
    30600: _FAULT,
    30601: _message("Baidu refuses the method of the request; this is a fault in Clarion: report it"),
    30602: _message("Baidu refuses a parameter; it says the same of an address that is malformed"),
    30603: _app("Baidu does not accept the signature: check api_key and secret_key"),
    30604: Row(
        err.ERROR_REASON_PROVIDER_THROTTLED,
        "the app's quota at Baidu is used up: send no more today, or have it raised",
        status=_THROTTLED,
    ),
    30605: _address("Baidu does not find the recipient; check channel and address"),
    30606: Row(
        err.ERROR_REASON_CREDENTIAL_REJECTED,
        "Baidu calls the request's timestamp too old: if it goes on, the clock of the server is wrong",
        renew=True,
    ),
    30607: _address("the device's connection to Baidu has timed out: its app must call startWork again"),
    30608: Row(
        err.ERROR_REASON_ADDRESS_UNREGISTERED,
        "Baidu no longer knows the device under this address; remove it until the app reports a new one",
        token_dead=True,
    ),
    30609: _message("Baidu finds the device bound too often"),
    30610: _message("Baidu calls the request a duplicate"),
    30611: _message("Baidu does not know the group"),
    30612: _app("Baidu forbids the app to push until it is on a white list: ask Baidu"),
    30613: _app("the app is not set up for push: do so in Baidu's console"),
    30614: _message("the user has too many tags at Baidu"),
    30615: _message("the app has too many tags at Baidu"),
    30616: _app("the app may not push to single devices: ask Baidu for it"),
    30617: _message("the app may not push to many devices at once; Clarion does not: report it"),
    30618: _app("the app is not approved for push: see Baidu's console"),
    30699: _THROTTLE,
    40002: _message("Baidu has no information on the light app"),
    110001: _message("the user has blocked this app's pushes"),
}

#: By HTTP status, when there is no error code, or an unknown one. None of them condemns the credential.
BY_HTTP: Mapping[int, Row] = {408: _FAULT, 429: _THROTTLE, 500: _FAULT, 502: _FAULT, 503: _UNAVAILABLE, 504: _FAULT}


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
    row = TABLE.get(code) or BY_HTTP.get(status) or _degraded(status)
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
        retry_after=answers.retry_after(answers.header(headers, b"retry-after"), now),
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
    if 500 <= status <= 599:
        return _FAULT
    return Row(
        err.ERROR_REASON_PROVIDER_ANSWER_UNKNOWN,
        f"Baidu answered {status} in a way that Clarion does not know; report it",
        status=_PERMANENT if 400 <= status <= 499 else _TEMPORARY,
    )
