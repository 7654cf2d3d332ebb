"""What the answers of APNs mean: one table with all reasons that Apple documents, and rows for all others.

Facts: Apple, "Handling notification responses from APNs". Which reason is permanent, and which condemns an address or a
credential, is our reading of it. An address is called dead only by the two 410 reasons: `BadDeviceToken` may also mean
the other environment, and what is wrong with a credential or a topic never condemns an address.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from clarion.v1 import error_pb2 as err
from clarion.v1 import messaging_pb2 as msg
from clarion.v1.error_pb2 import ErrorReason
from clarion.v1.messaging_pb2 import DeliveryStatus
from clarion_server.providers.answers import json_object
from clarion_server.providers.checks import clean
from clarion_server.providers.contract import Outcome
from clarion_server.providers.outcomes import ANY_OTHER, Row, Tables, retry_after, success
from clarion_server.transport import Exchange

_MAX_PROVIDER_REASON = 256
_MAX_MESSAGE_ID = 1024
_YEAR_10000 = 253_402_300_800_000  # milliseconds since the epoch

_PERMANENT = msg.DELIVERY_STATUS_PERMANENT_FAILURE
_TEMPORARY = msg.DELIVERY_STATUS_TEMPORARY_FAILURE
_THROTTLED = msg.DELIVERY_STATUS_THROTTLED
_NO_REASON = err.ERROR_REASON_UNSPECIFIED


def _row(http: int, answer: str, reason: ErrorReason, message: str, status: DeliveryStatus = _PERMANENT) -> Row:
    return Row(str(http), answer, reason, message, status)


def _message(http: int, answer: str, text: str) -> Row:
    return _row(http, answer, err.ERROR_REASON_MESSAGE_REJECTED, text)


def _our_fault(http: int, answer: str, text: str) -> Row:
    return _message(http, answer, f"{text}; this is a fault in Clarion: report it")


def _credential(http: int, answer: str, text: str) -> Row:
    return replace(_row(http, answer, err.ERROR_REASON_CREDENTIAL_REJECTED, text), credential_broken=True)


def _unavailable(http: int, answer: str, text: str, *, repeat: bool) -> Row:
    return replace(_row(http, answer, err.ERROR_REASON_PROVIDER_UNAVAILABLE, text, _TEMPORARY), repeat=repeat)


_WRONG_ENVIRONMENT = (
    "the signing key is for the other environment: production keys do not work on *_SANDBOX channels, nor the reverse"
)
_TOO_LARGE = _row(
    413,
    "PayloadTooLarge",
    err.ERROR_REASON_PAYLOAD_TOO_LARGE,
    "APNs finds the payload too large: 4,096 bytes, VoIP 5,120",
)

#: All reasons that Apple documents. One that comes with another HTTP status than this one is unknown. Two temporary
#: ones are not to be repeated: a fault in APNs (500) may have come after the notification was taken, and after too many
#: token updates the connection stays refused for longer than any call lasts.
ROWS: tuple[Row, ...] = (
    success(),
    _message(400, "BadCollapseId", "APNs refuses collapse_id: it may have up to 64 bytes"),
    _row(
        400,
        "BadDeviceToken",
        err.ERROR_REASON_ADDRESS_INVALID,
        "APNs does not know the address here: it is malformed or belongs to the other environment (production or"
        " sandbox); if it hits many addresses, the channel type is wrong",
    ),
    _message(400, "BadExpirationDate", "APNs refuses the expiration that followed from time_to_live"),
    _our_fault(400, "BadMessageId", "APNs refuses the message id"),
    _message(400, "BadPriority", "APNs refuses the priority for this content"),
    _message(400, "BadTopic", "APNs refuses the topic: check the channel's bundle_id and the push type"),
    _row(
        400,
        "DeviceTokenNotForTopic",
        err.ERROR_REASON_ADDRESS_OF_OTHER_APP,
        "the address belongs to another app or topic: if it hits all addresses, the channel's bundle_id or the push"
        " type is wrong",
    ),
    _our_fault(400, "DuplicateHeaders", "APNs got a header twice"),
    _unavailable(400, "IdleTimeout", "APNs closed the connection as idle; try again", repeat=True),
    _message(400, "InvalidPushType", "APNs refuses the push type"),
    _our_fault(400, "MissingDeviceToken", "APNs got no device token"),
    _message(400, "MissingTopic", "APNs needs a topic: set bundle_id of the channel"),
    _message(400, "PayloadEmpty", "APNs got an empty payload"),
    _credential(
        400,
        "TopicDisallowed",
        "the credential may not push to this topic: check bundle_id of the channel, the push type, and for which app"
        " the credential was made",
    ),
    _credential(403, "BadCertificate", "APNs does not accept the certificate: renew it"),
    _credential(
        403,
        "BadCertificateEnvironment",
        "the certificate is for the other environment: a development certificate works on *_SANDBOX channels only",
    ),
    _credential(403, "BadEnvironmentKeyIdInToken", _WRONG_ENVIRONMENT),
    _credential(403, "BadEnvironmentKeyInToken", _WRONG_ENVIRONMENT),
    replace(
        _row(
            403,
            "ExpiredProviderToken",
            err.ERROR_REASON_CREDENTIAL_REJECTED,
            "APNs calls the provider token too old: if it goes on, the clock of the server is wrong",
        ),
        renew=True,
    ),
    _credential(403, "Forbidden", "APNs does not allow this with this credential"),
    _credential(
        403,
        "InvalidProviderToken",
        "APNs does not accept the provider token: check that signing key, key_id and team_id belong together, that the"
        " key was not revoked, and the server's clock",
    ),
    _credential(403, "MissingProviderToken", "APNs saw neither a certificate nor a provider token"),
    _unavailable(
        403, "UnrelatedKeyIdInToken", "APNs has bound this connection to another signing key; try again", repeat=True
    ),
    _our_fault(404, "BadPath", "APNs refuses the path of the request"),
    _our_fault(405, "MethodNotAllowed", "APNs refuses the method of the request"),
    replace(
        _row(410, "ExpiredToken", err.ERROR_REASON_ADDRESS_UNREGISTERED, "the address has expired; remove it"),
        token_dead=True,
    ),
    replace(
        _row(
            410,
            "Unregistered",
            err.ERROR_REASON_ADDRESS_UNREGISTERED,
            "the device no longer has the app, or has another address; remove this one",
        ),
        token_dead=True,
    ),
    _TOO_LARGE,
    _row(
        429,
        "TooManyProviderTokenUpdates",
        err.ERROR_REASON_PROVIDER_THROTTLED,
        "APNs has seen too many different provider tokens of this key: let only Clarion send with it, and wait 20"
        " minutes",
        _THROTTLED,
    ),
    replace(
        _row(
            429,
            "TooManyRequests",
            err.ERROR_REASON_DEVICE_THROTTLED,
            "too many notifications to this device in a row",
            _THROTTLED,
        ),
        repeat=True,
    ),
    _unavailable(
        500,
        "InternalServerError",
        "APNs has a fault; Apple asks to wait 15 minutes before the next try",
        repeat=False,
    ),
    _unavailable(
        503,
        "ServiceUnavailable",
        "APNs is not available; Apple asks to wait 15 minutes before the next try",
        repeat=True,
    ),
    _unavailable(503, "Shutdown", "this server of APNs is shutting down; try again", repeat=True),
)

# Of broadcast channels, which Clarion does not use; known from client libraries, the HTTP status of most is not.
_BROADCASTS: tuple[Row, ...] = tuple(
    replace(
        _our_fault(400, word, "APNs speaks of a broadcast channel, and Clarion sends to none"),
        http="400-499",
    )
    for word in (
        "BadChannelId",
        "CannotCreateChannelConfig",
        "ChannelNotRegistered",
        "FeatureNotEnabled",
        "MissingChannelId",
        "MissingPushType",
        "TopicMismatch",
    )
)

#: For a reason that is unknown, absent, or comes with another HTTP status. Never condemns address or credential.
_DEGRADED: tuple[Row, ...] = (
    replace(_TOO_LARGE, answer=ANY_OTHER),
    replace(
        _row(
            429,
            ANY_OTHER,
            err.ERROR_REASON_PROVIDER_THROTTLED,
            "APNs asks for fewer requests; try later",
            _THROTTLED,
        ),
        repeat=True,
    ),
    _unavailable(503, ANY_OTHER, "APNs is not available; try again later", repeat=True),
)
_OTHER_5XX = replace(_unavailable(500, ANY_OTHER, "APNs has a fault; try again later", repeat=False), http="500-599")
_UNKNOWN = Row(
    "400-499",
    ANY_OTHER,
    err.ERROR_REASON_PROVIDER_ANSWER_UNKNOWN,
    "APNs answered in a way that Clarion does not know; report it",
)
_UNKNOWN_ELSE = replace(_UNKNOWN, http="other", status=_TEMPORARY)

TABLES: Tables = {"APNs": (*ROWS, *_BROADCASTS, *_DEGRADED, _OTHER_5XX, _UNKNOWN, _UNKNOWN_ELSE)}

_BY_ANSWER: Mapping[tuple[int, str], Row] = {(int(row.http), row.answer): row for row in ROWS}
_BY_WORD: Mapping[str, Row] = {row.answer: row for row in _BROADCASTS}
_BY_STATUS: Mapping[int, Row] = {int(row.http): row for row in _DEGRADED}


def accepted(exchange: Exchange) -> Outcome:
    """Return what a 200 means. Hot path."""
    identifier = ""
    for name, value in exchange.response_headers:
        if name == b"apns-id":
            identifier = value.decode("ascii", "replace")[:_MAX_MESSAGE_ID]
            break
    # By position, which is quicker than by name.
    return Outcome(msg.DELIVERY_STATUS_SUCCESSFUL, _NO_REASON, msg.ORIGIN_PROVIDER, "", "", 200, identifier)


def classify(exchange: Exchange, now: float) -> Outcome:
    """Return what an answer means. Pure; never raises, whatever the body is.

    Args:
        exchange: with its answer.
        now: seconds since the epoch, for `retry-after` given as a date.
    """
    status = exchange.status
    if status == 200:
        return accepted(exchange)
    body = json_object(exchange.response_body)
    word = body.get("reason")
    provider_reason = clean(word, maximum=_MAX_PROVIDER_REASON) if isinstance(word, str) else ""
    row = _BY_ANSWER.get((status, provider_reason)) or _degraded(status, provider_reason)
    return Outcome(
        status=row.status,
        reason=row.reason,
        message=row.message,
        provider_reason=provider_reason,
        status_code=status,
        token_dead=row.token_dead,
        token_invalid_at=_milliseconds(body.get("timestamp")) if row.token_dead else None,
        retry_after=retry_after(exchange.response_headers, now),
        credential_broken=row.credential_broken,
        renew=row.renew,
        repeat=row.repeat,
    )


def _degraded(status: int, reason: str) -> Row:
    row = _BY_STATUS.get(status)
    if row is not None:
        return row
    if 500 <= status <= 599:
        return _OTHER_5XX
    return _BY_WORD.get(reason, _UNKNOWN) if 400 <= status <= 499 else _UNKNOWN_ELSE


def _milliseconds(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _YEAR_10000 else None
