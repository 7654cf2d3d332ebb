"""What the answers of ADM mean: one table with all reasons that Amazon documents, and a rule for all others.

A success is `{"registrationID": …}` with the address to use from now on, an error `{"reason": …}`. Facts: Amazon, "Send
a message". Which reason is permanent, and which condemns an address, is our reading of it.
"""

from __future__ import annotations

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
_MAX_ADDRESS = 4096

_PERMANENT = msg.DELIVERY_STATUS_PERMANENT_FAILURE
_TEMPORARY = msg.DELIVERY_STATUS_TEMPORARY_FAILURE
_THROTTLED = msg.DELIVERY_STATUS_THROTTLED


@dataclass(frozen=True, slots=True)
class Row:
    """What one reason means; see `Outcome` for the attributes.

    `repeat` is the narrower of two words: Amazon allows a repetition after 500, too, but then ADM may have accepted the
    message before it failed.
    """

    reason: ErrorReason
    message: str
    status: DeliveryStatus = _PERMANENT
    token_dead: bool = False
    credential_broken: bool = False
    renew: bool = False
    repeat: bool = False


def _message(text: str) -> Row:
    return Row(err.ERROR_REASON_MESSAGE_REJECTED, text)


_TOO_LARGE = Row(err.ERROR_REASON_PAYLOAD_TOO_LARGE, "ADM finds the message too large: 6,144 bytes")
_TOKEN_EXPIRED = Row(err.ERROR_REASON_CREDENTIAL_REJECTED, "ADM calls the access token expired or invalid", renew=True)
_THROTTLE = Row(
    err.ERROR_REASON_PROVIDER_THROTTLED,
    "ADM asks for fewer messages; try again after retry_after, or after a minute",
    status=_THROTTLED,
    repeat=True,
)
_FAULT = Row(
    err.ERROR_REASON_PROVIDER_UNAVAILABLE,
    "ADM has a fault; try again after retry_after, or with growing intervals",
    status=_TEMPORARY,
)
_UNAVAILABLE = Row(
    err.ERROR_REASON_PROVIDER_UNAVAILABLE,
    "ADM is not available; try again after retry_after, or with growing intervals",
    status=_TEMPORARY,
    repeat=True,
)

#: By HTTP status and reason. A reason that comes with another status than the documented one is unknown.
TABLE: Mapping[tuple[int, str], Row] = {
    (400, "InvalidRegistrationId"): Row(
        err.ERROR_REASON_ADDRESS_INVALID,
        "ADM does not know the address for this security profile; remove it. If it hits all addresses, the channel has"
        " the security profile of another app",
        token_dead=True,
    ),
    (400, "InvalidData"): _message("ADM refuses data: its keys and values must be texts"),
    (400, "InvalidConsolidationKey"): _message("ADM refuses consolidation_key: it may have up to 64 characters"),
    (400, "InvalidExpiration"): _message("ADM refuses expires_after: 1 minute to 31 days"),
    (400, "InvalidChecksum"): _message("ADM computes another checksum of data; this is a fault in Clarion: report it"),
    (400, "InvalidType"): _message("ADM refuses the type headers; this is a fault in Clarion: report it"),
    (400, "Unregistered"): Row(
        err.ERROR_REASON_ADDRESS_UNREGISTERED, "the device no longer has the app; remove the address", token_dead=True
    ),
    (401, "AccessTokenExpired"): _TOKEN_EXPIRED,
    (413, "MessageTooLarge"): _TOO_LARGE,
    (429, "MaxRateExceeded"): _THROTTLE,
}

#: By HTTP status, when there is no reason, or an unknown one.
BY_HTTP: Mapping[int, Row] = {
    401: _TOKEN_EXPIRED,
    408: _FAULT,
    413: _TOO_LARGE,
    429: _THROTTLE,
    500: _FAULT,
    502: _FAULT,
    503: _UNAVAILABLE,
    504: _FAULT,
}

# Only in an answer of ADM itself: a wrong endpoint or a proxy answers 404, too.
_NOT_FOUND = Row(err.ERROR_REASON_ADDRESS_INVALID, "ADM does not find the address; check channel and address")


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
    row = TABLE.get((status, reason)) or BY_HTTP.get(status) or _degraded(status, known_form=bool(document))
    return Outcome(
        status=row.status,
        reason=row.reason,
        message=row.message,
        provider_reason=reason,
        status_code=status,
        token_dead=row.token_dead,
        retry_after=answers.retry_after(answers.header(headers, b"retry-after"), now),
        credential_broken=row.credential_broken,
        renew=row.renew,
        repeat=row.repeat,
    )


def _degraded(status: int, *, known_form: bool) -> Row:
    """Return what a status means of which Amazon says nothing. Never condemns address or credential."""
    if status == 404 and known_form:
        return _NOT_FOUND
    if 500 <= status <= 599:
        return _FAULT
    return Row(
        err.ERROR_REASON_PROVIDER_ANSWER_UNKNOWN,
        f"ADM answered {status} in a way that Clarion does not know; report it",
        status=_PERMANENT if 400 <= status <= 499 else _TEMPORARY,
    )
