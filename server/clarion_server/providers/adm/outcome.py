"""What the answers of ADM mean: one table with all reasons that Amazon documents, and a rule for all others.

A success is `{"registrationID": …}` with the address to use from now on, an error `{"reason": …}`. Facts: Amazon, "Send
a message". Which reason is permanent, and which condemns an address, is our reading of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from clarion.v1 import error_pb2 as err
from clarion.v1 import messaging_pb2 as msg
from clarion.v1.error_pb2 import ErrorReason
from clarion.v1.messaging_pb2 import DeliveryStatus
from clarion_server.providers import answers
from clarion_server.providers.adm import auth
from clarion_server.providers.checks import clean
from clarion_server.providers.contract import Outcome
from clarion_server.providers.outcomes import ANY_OTHER, MINUTE, Row, Tables, retry_after, success

_MAX_PROVIDER_REASON = 256
_MAX_MESSAGE_ID = 1024
_MAX_ADDRESS = 4096

_PERMANENT = msg.DELIVERY_STATUS_PERMANENT_FAILURE
_TEMPORARY = msg.DELIVERY_STATUS_TEMPORARY_FAILURE
_THROTTLED = msg.DELIVERY_STATUS_THROTTLED


def _row(http: int, answer: str, reason: ErrorReason, message: str, status: DeliveryStatus = _PERMANENT) -> Row:
    return Row(str(http), answer, reason, message, status)


def _message(answer: str, text: str) -> Row:
    return _row(400, answer, err.ERROR_REASON_MESSAGE_REJECTED, text)


_TOO_LARGE = _row(
    413, "MessageTooLarge", err.ERROR_REASON_PAYLOAD_TOO_LARGE, "ADM finds the message too large: 6,144 bytes"
)
_TOKEN_EXPIRED = replace(
    _row(
        401,
        "AccessTokenExpired",
        err.ERROR_REASON_CREDENTIAL_REJECTED,
        "ADM calls the access token expired or invalid",
    ),
    renew=True,
)
_THROTTLE = replace(
    _row(
        429,
        "MaxRateExceeded",
        err.ERROR_REASON_PROVIDER_THROTTLED,
        "ADM asks for fewer messages; try again after retry_after, or after a minute",
        _THROTTLED,
    ),
    repeat=True,
    least_pause=MINUTE,
)
# Amazon allows a repetition after 500, too, but then ADM may have accepted the message before it failed.
_FAULT = _row(
    500,
    ANY_OTHER,
    err.ERROR_REASON_PROVIDER_UNAVAILABLE,
    "ADM has a fault; try again after retry_after, or with growing intervals",
    _TEMPORARY,
)
_UNAVAILABLE = replace(
    _FAULT,
    http="503",
    message="ADM is not available; try again after retry_after, or with growing intervals",
    repeat=True,
)

#: All reasons that Amazon documents. One that comes with another HTTP status than this one is unknown.
ROWS: tuple[Row, ...] = (
    success(),
    success("`registrationID` is another than the one used", replaces_token=True),
    replace(
        _row(
            400,
            "InvalidRegistrationId",
            err.ERROR_REASON_ADDRESS_INVALID,
            "ADM does not know the address for this security profile; remove it. If it hits all addresses, the channel"
            " has the security profile of another app",
        ),
        token_dead=True,
    ),
    _message("InvalidData", "ADM refuses data: its keys and values must be texts"),
    _message("InvalidConsolidationKey", "ADM refuses consolidation_key: it may have up to 64 characters"),
    _message("InvalidExpiration", "ADM refuses expires_after: 1 minute to 31 days"),
    _message("InvalidChecksum", "ADM computes another checksum of data; this is a fault in Clarion: report it"),
    _message("InvalidType", "ADM refuses the type headers; this is a fault in Clarion: report it"),
    replace(
        _row(
            400,
            "Unregistered",
            err.ERROR_REASON_ADDRESS_UNREGISTERED,
            "the device no longer has the app; remove the address",
        ),
        token_dead=True,
    ),
    _TOKEN_EXPIRED,
    _TOO_LARGE,
    _THROTTLE,
)

#: When there is no reason, or one that is unknown or comes with another status. None of them condemns anything.
_DEGRADED: tuple[Row, ...] = (
    replace(_TOKEN_EXPIRED, answer=ANY_OTHER),
    replace(_FAULT, http="408"),
    replace(_TOO_LARGE, answer=ANY_OTHER),
    replace(_THROTTLE, answer=ANY_OTHER),
    _UNAVAILABLE,
)
# Only in an answer of ADM itself: a wrong endpoint or a proxy answers 404, too.
_NOT_FOUND = _row(
    404,
    "(any other, in an object)",
    err.ERROR_REASON_ADDRESS_INVALID,
    "ADM does not find the address; check channel and address",
)
_OTHER_5XX = replace(_FAULT, http="500-599")
_UNKNOWN = Row(
    "400-499",
    ANY_OTHER,
    err.ERROR_REASON_PROVIDER_ANSWER_UNKNOWN,
    "ADM answered in a way that Clarion does not know; report it",
)
_UNKNOWN_ELSE = replace(_UNKNOWN, http="other", status=_TEMPORARY)

TABLES: Tables = {
    "ADM": (*ROWS, *_DEGRADED, _NOT_FOUND, _OTHER_5XX, _UNKNOWN, _UNKNOWN_ELSE),
    "Amazon's token endpoint": auth.ROWS,
}

_BY_ANSWER: Mapping[tuple[int, str], Row] = {(int(row.http), row.answer): row for row in ROWS if row.message}
_BY_STATUS: Mapping[int, Row] = {int(row.http): row for row in _DEGRADED}


def classify(status: int, headers: Sequence[tuple[bytes, bytes]], body: bytes, *, address: str, now: float) -> Outcome:
    """Return what an answer means. Pure; never raises, whatever the body is.

    Args:
        status: HTTP status.
        headers: all response headers, names in lower case.
        body: the body, possibly cut off.
        address: the registration id that was used.
        now: seconds since the epoch, for `retry-after` given as a date.
    """
    document = answers.json_object(body)
    request_id = clean(answers.header(headers, b"x-amzn-requestid"), maximum=_MAX_MESSAGE_ID)
    if status == 200:
        canonical = answers.text(document.get("registrationID"))
        replaced = 0 < len(canonical) <= _MAX_ADDRESS and canonical != address
        return Outcome(
            status=msg.DELIVERY_STATUS_SUCCESSFUL,
            status_code=200,
            message_id=request_id,
            updated_token=clean(canonical, maximum=_MAX_ADDRESS) if replaced else "",
        )
    reason = clean(answers.text(document.get("reason")), maximum=_MAX_PROVIDER_REASON)
    row = _BY_ANSWER.get((status, reason)) or _degraded(status, known_form=bool(document))
    return Outcome(
        status=row.status,
        reason=row.reason,
        message=row.message,
        provider_reason=reason,
        status_code=status,
        token_dead=row.token_dead,
        retry_after=retry_after(headers, now),
        credential_broken=row.credential_broken,
        renew=row.renew,
        repeat=row.repeat,
        least_pause=row.least_pause,
    )


def _degraded(status: int, *, known_form: bool) -> Row:
    row = _BY_STATUS.get(status)
    if row is not None:
        return row
    if status == 404 and known_form:
        return _NOT_FOUND
    if 500 <= status <= 599:
        return _OTHER_5XX
    return _UNKNOWN if 400 <= status <= 499 else _UNKNOWN_ELSE
