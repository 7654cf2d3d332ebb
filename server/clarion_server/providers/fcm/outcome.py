"""What FCM's answers mean: a pure table.

A success is `{"name": "projects/…/messages/…"}`, an error `{"error": {"code", "message", "status", "details"}}`. Its
details may hold, in any order, an `FcmError` with an `errorCode`, a `BadRequest`, a `QuotaFailure`, an `ApnsError`.
Some errors have no details, and Google's front end answers with HTML. So `errorCode` counts first, then `status`, then
the HTTP status.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from clarion.v1 import error_pb2, messaging_pb2
from clarion.v1.error_pb2 import ErrorReason
from clarion.v1.messaging_pb2 import DeliveryStatus
from clarion_server.providers.answers import json_object as _json_object
from clarion_server.providers.answers import text as _text
from clarion_server.providers.checks import clean
from clarion_server.providers.contract import Outcome
from clarion_server.providers.fcm import legacy_outcome, token_endpoint
from clarion_server.providers.outcomes import ANY_OTHER, MINUTE, Row, Tables, retry_after, success

_NO_REASON = error_pb2.ERROR_REASON_UNSPECIFIED
_SUCCESSFUL = messaging_pb2.DELIVERY_STATUS_SUCCESSFUL
_TEMPORARY = messaging_pb2.DELIVERY_STATUS_TEMPORARY_FAILURE
_PERMANENT = messaging_pb2.DELIVERY_STATUS_PERMANENT_FAILURE
_THROTTLED = messaging_pb2.DELIVERY_STATUS_THROTTLED
_MAX_PROVIDER_REASON = 256
_MAX_MESSAGE_ID = 1024


def _row(http: str, answer: str, reason: ErrorReason, message: str, status: DeliveryStatus = _PERMANENT) -> Row:
    return Row(http, answer, reason, message, status)


_REJECTED = _row("400", "INVALID_ARGUMENT", error_pb2.ERROR_REASON_MESSAGE_REJECTED, "FCM refuses the message")
_TOO_LARGE = _row(
    "400",
    "INVALID_ARGUMENT (the text says that it is too big)",
    error_pb2.ERROR_REASON_PAYLOAD_TOO_LARGE,
    "FCM finds the message too large; shorten it",
)
_BAD_TOKEN = replace(
    _row(
        "400",
        "INVALID_ARGUMENT (names `message.token`, or calls the registration token invalid)",
        error_pb2.ERROR_REASON_ADDRESS_INVALID,
        "FCM says that the address is not a registration token; remove it",
    ),
    token_dead=True,
)
_UNREGISTERED = replace(
    _row(
        "404",
        "UNREGISTERED",
        error_pb2.ERROR_REASON_ADDRESS_UNREGISTERED,
        "the device no longer has the app, or has another token; remove the address",
    ),
    token_dead=True,
)
_OTHER_SENDER = _row(
    "403",
    "SENDER_ID_MISMATCH",
    error_pb2.ERROR_REASON_ADDRESS_OF_OTHER_APP,
    "the address belongs to another Firebase project; if it hits all targets, the service account is of the wrong "
    "project",
)
_THROTTLE = replace(
    _row(
        "429",
        "QUOTA_EXCEEDED",
        error_pb2.ERROR_REASON_PROVIDER_THROTTLED,
        "FCM's quota for the project is used up; try again after retry_after, or after a minute",
        _THROTTLED,
    ),
    repeat=True,
    least_pause=MINUTE,
)
_DEVICE_THROTTLE = replace(
    _THROTTLE,
    answer="QUOTA_EXCEEDED (QuotaFailure names the device)",
    reason=error_pb2.ERROR_REASON_DEVICE_THROTTLED,
    message="too many messages to this device; try again after retry_after, or after a minute",
)
_UNAVAILABLE = replace(
    _row(
        "503",
        "UNAVAILABLE",
        error_pb2.ERROR_REASON_PROVIDER_UNAVAILABLE,
        "FCM is overloaded or has a fault; try again after retry_after, or with growing intervals",
        _TEMPORARY,
    ),
    repeat=True,
)
# FCM answers so as well when it took more than five seconds: the message may have gone out.
_INTERNAL = replace(_UNAVAILABLE, http="500", answer="INTERNAL", repeat=False)
_THIRD_PARTY = _row(
    "401",
    "THIRD_PARTY_AUTH_ERROR",
    error_pb2.ERROR_REASON_CREDENTIAL_REJECTED,
    "the APNs or web push credential stored in the Firebase project is bad; mend it in the Firebase console",
)
_UNAUTHENTICATED = replace(
    _row(
        "401",
        "UNAUTHENTICATED",
        error_pb2.ERROR_REASON_CREDENTIAL_REJECTED,
        "FCM does not accept the access token",
    ),
    renew=True,
)
_FORBIDDEN = replace(
    _row(
        "403",
        "PERMISSION_DENIED",
        error_pb2.ERROR_REASON_CREDENTIAL_REJECTED,
        "the service account may not send: enable the Firebase Cloud Messaging API in its project and give it the "
        "permission cloudmessaging.messages.create",
    ),
    credential_broken=True,
)
_NO_PROJECT = replace(
    _row(
        "404",
        "NOT_FOUND",
        error_pb2.ERROR_REASON_CREDENTIAL_REJECTED,
        "FCM knows no such project; check project_id in the service account",
    ),
    credential_broken=True,
)
_STRANGE = _row(
    "other",
    ANY_OTHER,
    error_pb2.ERROR_REASON_PROVIDER_ANSWER_UNKNOWN,
    "Clarion does not know this answer of FCM; report it",
    _TEMPORARY,
)
_STRANGE_FOR_GOOD = replace(_STRANGE, http="400-499", status=_PERMANENT)

#: By FcmError.errorCode, which counts first. UNSPECIFIED_ERROR and codes of the future go by HTTP status.
BY_ERROR_CODE: Mapping[str, Row] = {
    row.answer: row
    for row in (
        _REJECTED,
        _UNREGISTERED,
        _OTHER_SENDER,
        _THROTTLE,
        _UNAVAILABLE,
        _INTERNAL,
        _THIRD_PARTY,
        replace(_THIRD_PARTY, answer="APNS_AUTH_ERROR"),  # its name until 2019
    )
}

#: By error.status, when there is no FcmError.
BY_STATUS_WORD: Mapping[str, Row] = {
    row.answer: row
    for row in (
        _REJECTED,
        _UNAUTHENTICATED,
        _FORBIDDEN,
        _NO_PROJECT,
        replace(_THROTTLE, answer="RESOURCE_EXHAUSTED"),
        _UNAVAILABLE,
        _INTERNAL,
        replace(_INTERNAL, http="504", answer="DEADLINE_EXCEEDED"),
    )
}

# By HTTP status, when there is neither. 401, 403 and 404 count only when the answer has no errorCode, and 403 and 404
# only in an answer of FCM itself: a proxy's, or one that was cut off, must not condemn the credential.
_BY_HTTP: Mapping[int, Row] = {
    int(row.http): row
    for row in (
        replace(_REJECTED, answer=ANY_OTHER),
        replace(_TOO_LARGE, http="413", answer=ANY_OTHER),
        replace(_THROTTLE, answer=ANY_OTHER),
        replace(_INTERNAL, answer=ANY_OTHER),
        replace(_INTERNAL, http="502", answer=ANY_OTHER),
        replace(_UNAVAILABLE, answer=ANY_OTHER),
        replace(_INTERNAL, http="504", answer=ANY_OTHER),
    )
}
_OF_FCM = "(no word, in Google's error object)"
_BY_HTTP_WITHOUT_CODE: Mapping[int, Row] = {401: replace(_UNAUTHENTICATED, answer=ANY_OTHER)}
_BY_HTTP_OF_FCM: Mapping[int, Row] = {
    403: replace(_FORBIDDEN, answer=_OF_FCM),
    404: replace(_NO_PROJECT, answer=_OF_FCM),
}

TABLES: Tables = {
    "FCM HTTP v1, by `FcmError.errorCode`": (
        success(),
        *BY_ERROR_CODE.values(),
        _BAD_TOKEN,
        _TOO_LARGE,
        _DEVICE_THROTTLE,
        *(replace(row, answer="UNSPECIFIED_ERROR, or a code of the future") for row in _BY_HTTP.values()),
    ),
    "FCM HTTP v1, without an errorCode, by `error.status`": tuple(BY_STATUS_WORD.values()),
    "FCM HTTP v1, with neither, by HTTP status": (
        *_BY_HTTP.values(),
        *_BY_HTTP_WITHOUT_CODE.values(),
        *_BY_HTTP_OF_FCM.values(),
        _STRANGE_FOR_GOOD,
        _STRANGE,
    ),
    "FCM legacy HTTP (retired)": legacy_outcome.ROWS,
    "Google's token endpoint": token_endpoint.ROWS,
}


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
        name = clean(_text(document.get("name")), maximum=_MAX_MESSAGE_ID)
        # By position, which is quicker than by name.
        return Outcome(_SUCCESSFUL, _NO_REASON, messaging_pb2.ORIGIN_PROVIDER, "", "", 200, name)
    error = document.get("error")
    answer = _Answer(status, error if isinstance(error, dict) else {})
    row = answer.row()
    return Outcome(
        status=row.status,
        reason=row.reason,
        message=row.message + answer.explanation(row),
        provider_reason=clean(answer.error_code or answer.status_word, maximum=_MAX_PROVIDER_REASON),
        status_code=status,
        token_dead=row.token_dead,
        retry_after=retry_after(headers, now),
        credential_broken=row.credential_broken,
        renew=row.renew,
        repeat=row.repeat,
        least_pause=row.least_pause,
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

    def row(self) -> Row:
        """Return the line of the table that this answer belongs to."""
        code = self.error_code
        if code in BY_ERROR_CODE:
            row = BY_ERROR_CODE[code]
        elif code:  # UNSPECIFIED_ERROR, or a code of the future
            row = _BY_HTTP.get(self._status) or self._unknown()
        else:
            row = (
                BY_STATUS_WORD.get(self.status_word)
                or _BY_HTTP_WITHOUT_CODE.get(self._status)
                or (_BY_HTTP_OF_FCM.get(self._status) if self._of_fcm else None)
                or _BY_HTTP.get(self._status)
                or self._unknown()
            )
        if row.reason == _REJECTED.reason:
            return self._rejection()
        if row.reason == _THROTTLE.reason and self._names_device():
            return _DEVICE_THROTTLE
        return row

    def explanation(self, row: Row) -> str:
        """Return what FCM itself says about a message that it refuses, without anything that looks like a token."""
        said = []
        if row.reason == _REJECTED.reason and self._message:
            said.append(clean(_LONG_WORD.sub("[…]", self._message), maximum=300))
        if reason := _text(self._detail("ApnsError").get("reason")):
            said.append(f"APNs: {clean(reason, maximum=64)}")
        return f" ({'; '.join(said)})" if said else ""

    def _unknown(self) -> Row:
        return _STRANGE_FOR_GOOD if 400 <= self._status < 500 else _STRANGE

    def _rejection(self) -> Row:
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
