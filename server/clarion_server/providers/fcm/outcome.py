"""What FCM's answers mean: a pure table.

A success is `{"name": "projects/…/messages/…"}`, an error `{"error": {"code", "message", "status", "details"}}`. Its
details may hold, in any order, an `FcmError` with an `errorCode`, a `BadRequest`, a `QuotaFailure`, an `ApnsError`.
Some errors have no details, and Google's front end answers with HTML. So `errorCode` counts first, then `status`, then
the HTTP status.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from clarion.v1 import error_pb2, messaging_pb2
from clarion.v1.error_pb2 import ErrorReason
from clarion.v1.messaging_pb2 import DeliveryStatus
from clarion_server.providers.answers import header
from clarion_server.providers.answers import json_object as _json_object
from clarion_server.providers.answers import retry_after as seconds_of
from clarion_server.providers.answers import text as _text
from clarion_server.providers.checks import clean
from clarion_server.providers.contract import Outcome

_TEMPORARY = messaging_pb2.DELIVERY_STATUS_TEMPORARY_FAILURE
_PERMANENT = messaging_pb2.DELIVERY_STATUS_PERMANENT_FAILURE
_THROTTLED = messaging_pb2.DELIVERY_STATUS_THROTTLED
_MAX_PROVIDER_REASON = 256
_MAX_MESSAGE_ID = 1024


@dataclass(frozen=True, slots=True)
class _Row:
    """One line of the table; the fields are those of `Outcome`."""

    status: DeliveryStatus
    reason: ErrorReason
    message: str
    token_dead: bool = False
    credential_broken: bool = False
    renew: bool = False


_REJECTED = _Row(_PERMANENT, error_pb2.ERROR_REASON_MESSAGE_REJECTED, "FCM refuses the message")
_TOO_LARGE = _Row(_PERMANENT, error_pb2.ERROR_REASON_PAYLOAD_TOO_LARGE, "FCM finds the message too large; shorten it")
_BAD_TOKEN = _Row(
    _PERMANENT,
    error_pb2.ERROR_REASON_ADDRESS_INVALID,
    "FCM says that the address is not a registration token; remove it",
    token_dead=True,
)
_THROTTLE = _Row(
    _THROTTLED,
    error_pb2.ERROR_REASON_PROVIDER_THROTTLED,
    "FCM's quota for the project is used up; try again after retry_after, or after a minute",
)
_DEVICE_THROTTLE = _Row(
    _THROTTLED,
    error_pb2.ERROR_REASON_DEVICE_THROTTLED,
    "too many messages to this device; try again after retry_after, or after a minute",
)
_UNAVAILABLE = _Row(
    _TEMPORARY,
    error_pb2.ERROR_REASON_PROVIDER_UNAVAILABLE,
    "FCM is overloaded or has a fault; try again after retry_after, or with growing intervals",
)
_THIRD_PARTY = _Row(
    _PERMANENT,
    error_pb2.ERROR_REASON_CREDENTIAL_REJECTED,
    "the APNs or web push credential stored in the Firebase project is bad; mend it in the Firebase console",
)
_UNAUTHENTICATED = _Row(
    _PERMANENT, error_pb2.ERROR_REASON_CREDENTIAL_REJECTED, "FCM does not accept the access token", renew=True
)
_FORBIDDEN = _Row(
    _PERMANENT,
    error_pb2.ERROR_REASON_CREDENTIAL_REJECTED,
    "the service account may not send: enable the Firebase Cloud Messaging API in its project and give it the "
    "permission cloudmessaging.messages.create",
    credential_broken=True,
)
_NO_PROJECT = _Row(
    _PERMANENT,
    error_pb2.ERROR_REASON_CREDENTIAL_REJECTED,
    "FCM knows no such project; check project_id in the service account",
    credential_broken=True,
)
_STRANGE = _Row(
    _TEMPORARY, error_pb2.ERROR_REASON_PROVIDER_ANSWER_UNKNOWN, "Clarion does not know this answer of FCM; report it"
)
_STRANGE_FOR_GOOD = _Row(_PERMANENT, _STRANGE.reason, _STRANGE.message)

# FcmError.errorCode.
_BY_ERROR_CODE = {
    "INVALID_ARGUMENT": _REJECTED,
    "UNREGISTERED": _Row(
        _PERMANENT,
        error_pb2.ERROR_REASON_ADDRESS_UNREGISTERED,
        "the device no longer has the app, or has another token; remove the address",
        token_dead=True,
    ),
    "SENDER_ID_MISMATCH": _Row(
        _PERMANENT,
        error_pb2.ERROR_REASON_ADDRESS_OF_OTHER_APP,
        "the address belongs to another Firebase project; if it hits all targets, the service account is of the "
        "wrong project",
    ),
    "QUOTA_EXCEEDED": _THROTTLE,
    "UNAVAILABLE": _UNAVAILABLE,
    "INTERNAL": _UNAVAILABLE,
    "THIRD_PARTY_AUTH_ERROR": _THIRD_PARTY,
    "APNS_AUTH_ERROR": _THIRD_PARTY,  # its name until 2019
}

# error.status, when there is no FcmError.
_BY_STATUS_WORD = {
    "INVALID_ARGUMENT": _REJECTED,
    "UNAUTHENTICATED": _UNAUTHENTICATED,
    "PERMISSION_DENIED": _FORBIDDEN,
    "NOT_FOUND": _NO_PROJECT,
    "RESOURCE_EXHAUSTED": _THROTTLE,
    "UNAVAILABLE": _UNAVAILABLE,
    "INTERNAL": _UNAVAILABLE,
    "DEADLINE_EXCEEDED": _UNAVAILABLE,
}

# The HTTP status, when there is neither. 401, 403 and 404 count only when the answer has no errorCode, and 403 and 404
# only in an answer of FCM itself: a proxy's, or one that was cut off, must not condemn the credential.
_BY_HTTP = {
    400: _REJECTED,
    413: _TOO_LARGE,
    429: _THROTTLE,
    500: _UNAVAILABLE,
    502: _UNAVAILABLE,
    503: _UNAVAILABLE,
    504: _UNAVAILABLE,
}
_BY_HTTP_WITHOUT_CODE = {401: _UNAUTHENTICATED}
_BY_HTTP_OF_FCM = {403: _FORBIDDEN, 404: _NO_PROJECT}


def classify(status: int, headers: Sequence[tuple[bytes, bytes]], body: bytes, now: float) -> Outcome:
    """Return what an answer of FCM means.

    Args:
        status: HTTP status.
        headers: all response headers, names in lower case.
        body: the body, possibly cut off.
        now: seconds since the epoch, for `retry-after` given as a date.
    """
    document = _json_object(body)
    if status == 200:
        name = document.get("name")
        return Outcome(
            status=messaging_pb2.DELIVERY_STATUS_SUCCESSFUL,
            status_code=200,
            message_id=clean(_text(name), maximum=_MAX_MESSAGE_ID),
        )
    error = document.get("error")
    answer = _Answer(status, error if isinstance(error, dict) else {})
    row = answer.row()
    retry_after = seconds_of(header(headers, b"retry-after"), now)
    return Outcome(
        status=row.status,
        reason=row.reason,
        message=row.message + answer.explanation(row),
        provider_reason=clean(answer.error_code or answer.status_word, maximum=_MAX_PROVIDER_REASON),
        status_code=status,
        token_dead=row.token_dead,
        retry_after=retry_after,
        credential_broken=row.credential_broken,
        renew=row.renew,
    )


class _Answer:
    """An error answer of FCM, read with care: nothing in it need be there, or of the right type."""

    def __init__(self, status: int, error: dict[str, Any]) -> None:
        self._status = status
        self._message = _text(error.get("message"))
        self.status_word = _text(error.get("status"))
        # Google's error object always has a code; a proxy's answer is no such object.
        self._of_fcm = bool(self.status_word) or isinstance(error.get("code"), int)
        details = error.get("details")
        self._details = [detail for detail in details if isinstance(detail, dict)] if isinstance(details, list) else []
        self.error_code = _text(self._detail("FcmError").get("errorCode"))

    def row(self) -> _Row:
        """Return the line of the table that this answer belongs to."""
        code = self.error_code
        if code in _BY_ERROR_CODE:
            row = _BY_ERROR_CODE[code]
        elif code:  # UNSPECIFIED_ERROR, or a code of the future
            row = _BY_HTTP.get(self._status) or self._unknown()
        else:
            row = (
                _BY_STATUS_WORD.get(self.status_word)
                or _BY_HTTP_WITHOUT_CODE.get(self._status)
                or (_BY_HTTP_OF_FCM.get(self._status) if self._of_fcm else None)
                or _BY_HTTP.get(self._status)
                or self._unknown()
            )
        if row is _REJECTED:
            return self._rejection()
        if row is _THROTTLE and self._names_device():
            return _DEVICE_THROTTLE
        return row

    def explanation(self, row: _Row) -> str:
        """Return what FCM itself says about a message that it refuses, without anything that looks like a token."""
        said = []
        if row is _REJECTED and self._message:
            said.append(clean(_LONG_WORD.sub("[…]", self._message), maximum=300))
        if reason := _text(self._detail("ApnsError").get("reason")):
            said.append(f"APNs: {clean(reason, maximum=64)}")
        return f" ({'; '.join(said)})" if said else ""

    def _unknown(self) -> _Row:
        return _STRANGE_FOR_GOOD if 400 <= self._status < 500 else _STRANGE

    def _rejection(self) -> _Row:
        violations = _list(self._detail("BadRequest").get("fieldViolations"))
        fields = {_text(violation.get("field")) for violation in violations}
        text = self._message.lower()
        # "The registration token is not a valid FCM registration token", "Invalid registration token …"
        if "message.token" in fields or ("registration token" in text and "valid" in text):
            return _BAD_TOKEN
        if "too big" in text or "too large" in text:
            return _TOO_LARGE
        return _REJECTED

    def _names_device(self) -> bool:
        violations = _list(self._detail("QuotaFailure").get("violations"))
        return any("device" in _text(violation.get(key)).lower() for violation in violations for key in violation)

    def _detail(self, name: str) -> dict[str, Any]:
        for detail in self._details:
            if _text(detail.get("@type")).endswith(f".{name}"):
                return detail
        return {}


# Registration tokens are much longer; names of fields have dots.
_LONG_WORD = re.compile(r"[A-Za-z0-9_:\-]{40,}")


def _list(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
