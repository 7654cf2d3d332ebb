"""What the answers of FCM's legacy HTTP API mean: a pure table. RETIRED: Google has shut that API down.

It answers 200 also when a target failed: `{"multicast_id", "success", "failure", "canonical_ids", "results"}`, with one
result for each target, `{"message_id"}` and perhaps `registration_id`, or `{"error"}`. Requests that are wrong as a
whole have an HTTP status and a text.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from clarion.v1 import error_pb2, messaging_pb2
from clarion.v1.error_pb2 import ErrorReason
from clarion_server.providers.checks import clean
from clarion_server.providers.contract import Outcome
from clarion_server.providers.outcomes import ANY_OTHER, MINUTE, Row, retry_after, success

_TEMPORARY = messaging_pb2.DELIVERY_STATUS_TEMPORARY_FAILURE
_THROTTLED = messaging_pb2.DELIVERY_STATUS_THROTTLED
_UNKNOWN_FATE = messaging_pb2.DELIVERY_STATUS_UNKNOWN_FAILURE
_MAX_TEXT = 256
_MAX_ID = 1024
_MAX_ADDRESS = 4096

_ACCEPTED = success("message_id")
_MOVED = success("message_id and registration_id", replaces_token=True)


def _error(word: str, reason: ErrorReason, message: str) -> Row:
    return Row("200", word, reason, message)


def _rejected(word: str, message: str) -> Row:
    return _error(word, error_pb2.ERROR_REASON_MESSAGE_REJECTED, message)


_UNAVAILABLE = replace(
    _error(
        "Unavailable",
        error_pb2.ERROR_REASON_PROVIDER_UNAVAILABLE,
        "FCM is overloaded or has a fault; try again after retry_after, or with growing intervals",
    ),
    status=_TEMPORARY,
    repeat=True,
)
# It may have failed after the message had gone out.
_INTERNAL = replace(_UNAVAILABLE, answer="InternalServerError", repeat=False)
_BUSY = Row(
    "429",
    ANY_OTHER,
    error_pb2.ERROR_REASON_PROVIDER_THROTTLED,
    "FCM asks for fewer requests; try again after retry_after, or after a minute",
    _THROTTLED,
    repeat=True,
    least_pause=MINUTE,
)

#: `results[0].error`.
_BY_ERROR: Mapping[str, Row] = {
    row.answer: row
    for row in (
        _rejected("MissingRegistration", "FCM got no address; this is a fault in Clarion: report it"),
        replace(
            _error(
                "InvalidRegistration",
                error_pb2.ERROR_REASON_ADDRESS_INVALID,
                "FCM says that the address is not a registration token; remove it",
            ),
            token_dead=True,
        ),
        replace(
            _error(
                "NotRegistered",
                error_pb2.ERROR_REASON_ADDRESS_UNREGISTERED,
                "the device no longer has the app, or has another token; remove the address",
            ),
            token_dead=True,
        ),
        _error(
            "MismatchSenderId",
            error_pb2.ERROR_REASON_ADDRESS_OF_OTHER_APP,
            "the address belongs to another sender; if it hits all targets, the legacy key is of the wrong project",
        ),
        _rejected("InvalidPackageName", "the address belongs to another app than restricted_package_name names"),
        replace(
            _rejected("MessageTooBig", "FCM finds the message too large; shorten it"),
            reason=error_pb2.ERROR_REASON_PAYLOAD_TOO_LARGE,
        ),
        _rejected("InvalidDataKey", "FCM refuses a key of data: from, gcm, or one that begins with google"),
        _rejected("InvalidTtl", "FCM refuses time_to_live: it may be 0 to 28 days"),
        _rejected("InvalidParameters", "FCM refuses the message"),
        _error(
            "InvalidApnsCredential",
            error_pb2.ERROR_REASON_CREDENTIAL_REJECTED,
            "the APNs credential stored in the Firebase project is bad; mend it in the Firebase console",
        ),
        _UNAVAILABLE,
        _INTERNAL,
        replace(
            _error(
                "DeviceMessageRateExceeded",
                error_pb2.ERROR_REASON_DEVICE_THROTTLED,
                "too many messages to this device; wait before the next",
            ),
            status=_THROTTLED,
        ),
        replace(
            _error(
                "TopicsMessageRateExceeded",
                error_pb2.ERROR_REASON_PROVIDER_THROTTLED,
                "too many messages to subscribers of one topic; wait before the next",
            ),
            status=_THROTTLED,
        ),
    )
}
_UNKNOWN_ERROR = _error(
    "(any other error)",
    error_pb2.ERROR_REASON_PROVIDER_ANSWER_UNKNOWN,
    "Clarion does not know this answer of FCM; report it",
)
_UNREADABLE = Row(
    "200",
    "(no results that can be read)",
    error_pb2.ERROR_REASON_PROVIDER_ANSWER_UNKNOWN,
    "FCM accepted the request and did not say what became of the message",
    _UNKNOWN_FATE,
)

_BY_HTTP: Mapping[int, Row] = {
    int(row.http): row
    for row in (
        Row("400", ANY_OTHER, error_pb2.ERROR_REASON_MESSAGE_REJECTED, "FCM refuses the message"),
        Row(
            "401",
            ANY_OTHER,
            error_pb2.ERROR_REASON_CREDENTIAL_REJECTED,
            "FCM does not accept the legacy key; give the channel a service account",
            credential_broken=True,
        ),
        Row(
            "404",
            ANY_OTHER,
            error_pb2.ERROR_REASON_CREDENTIAL_REJECTED,
            "the legacy API is not there: Google has shut it down; give the channel a service account",
            credential_broken=True,
        ),
        _BUSY,
        replace(_INTERNAL, http="500", answer=ANY_OTHER),
        replace(_INTERNAL, http="502", answer=ANY_OTHER),
        replace(_UNAVAILABLE, http="503", answer=ANY_OTHER),
        replace(_INTERNAL, http="504", answer=ANY_OTHER),
    )
}
_OTHER_5XX = replace(_INTERNAL, http="500-599", answer=ANY_OTHER)
_STRANGE_FOR_GOOD = replace(_UNKNOWN_ERROR, http="400-499", answer=ANY_OTHER)
_STRANGE = replace(_STRANGE_FOR_GOOD, http="other", status=_TEMPORARY)

ROWS: tuple[Row, ...] = (
    _ACCEPTED,
    _MOVED,
    *_BY_ERROR.values(),
    _UNKNOWN_ERROR,
    _UNREADABLE,
    *_BY_HTTP.values(),
    _OTHER_5XX,
    _STRANGE_FOR_GOOD,
    _STRANGE,
)
"""All answers of the legacy API."""


def classify(status: int, headers: Sequence[tuple[bytes, bytes]], body: bytes, now: float) -> Outcome:
    """Return what an answer of the legacy API to a request for one address means.

    Args:
        status: HTTP status.
        headers: all response headers, names in lower case.
        body: the body, possibly cut off.
        now: seconds since the epoch, for `retry-after` given as a date.
    """
    result = _only_result(body) if status == 200 else {}
    row, word = _row(status, result)
    moved = row is _MOVED
    return Outcome(
        status=row.status,
        reason=row.reason,
        message=row.message,
        provider_reason=clean(word, maximum=_MAX_TEXT),
        status_code=status,
        message_id=clean(_text(result.get("message_id")), maximum=_MAX_ID),
        updated_token=clean(_text(result.get("registration_id")), maximum=_MAX_ADDRESS) if moved else "",
        token_dead=row.token_dead,
        retry_after=retry_after(headers, now),
        credential_broken=row.credential_broken,
        repeat=row.repeat,
        least_pause=row.least_pause,
    )


def _row(status: int, result: Mapping[str, Any]) -> tuple[Row, str]:
    """Return the row of an answer, and the provider's word that led to it."""
    if status == 200:
        if error := _text(result.get("error")):
            return _BY_ERROR.get(error, _UNKNOWN_ERROR), error
        if not result.get("message_id"):
            return _UNREADABLE, ""
        return (_MOVED if _text(result.get("registration_id")) else _ACCEPTED), ""
    if row := _BY_HTTP.get(status):
        return row, ""
    if 500 <= status <= 599:
        return _OTHER_5XX, ""
    return (_STRANGE_FOR_GOOD if 400 <= status <= 499 else _STRANGE), ""


def _only_result(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    results = document.get("results") if isinstance(document, dict) else None
    first = results[0] if isinstance(results, list) and len(results) == 1 else None
    return first if isinstance(first, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
