"""What the answers of APNs mean: one table with all reasons that Apple documents, and a rule for all others.

Facts: Apple, "Handling notification responses from APNs". Which reason is permanent, and which condemns an address or a
credential, is our reading of it. An address is called dead only by the two 410 reasons: `BadDeviceToken` may also mean
the other environment, and what is wrong with a credential or a topic never condemns an address.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from clarion.v1 import error_pb2 as err
from clarion.v1 import messaging_pb2 as msg
from clarion.v1.error_pb2 import ErrorReason
from clarion.v1.messaging_pb2 import DeliveryStatus
from clarion_server.providers.checks import clean
from clarion_server.providers.contract import Outcome
from clarion_server.transport import Exchange

_MAX_PROVIDER_REASON = 256
_MAX_MESSAGE_ID = 1024

_PERMANENT = msg.DELIVERY_STATUS_PERMANENT_FAILURE
_TEMPORARY = msg.DELIVERY_STATUS_TEMPORARY_FAILURE
_THROTTLED = msg.DELIVERY_STATUS_THROTTLED


@dataclass(frozen=True, slots=True)
class Row:
    """What one reason means; see `Outcome` for the attributes."""

    reason: ErrorReason
    message: str
    status: DeliveryStatus = _PERMANENT
    token_dead: bool = False
    credential_broken: bool = False
    renew: bool = False


def _message(text: str) -> Row:
    return Row(err.ERROR_REASON_MESSAGE_REJECTED, text)


def _our_fault(text: str) -> Row:
    return Row(err.ERROR_REASON_MESSAGE_REJECTED, f"{text}; this is a fault in Clarion: report it")


def _credential(text: str) -> Row:
    return Row(err.ERROR_REASON_CREDENTIAL_REJECTED, text, credential_broken=True)


def _unavailable(text: str) -> Row:
    return Row(err.ERROR_REASON_PROVIDER_UNAVAILABLE, text, status=_TEMPORARY)


_WRONG_ENVIRONMENT = _credential(
    "the signing key is for the other environment: production keys do not work on *_SANDBOX channels, nor the reverse"
)

#: By HTTP status and reason. A reason that comes with another status than the documented one is unknown.
TABLE: Mapping[tuple[int, str], Row] = {
    (400, "BadCollapseId"): _message("APNs refuses collapse_id: it may have up to 64 bytes"),
    (400, "BadDeviceToken"): Row(
        err.ERROR_REASON_ADDRESS_INVALID,
        "APNs does not know the address here: it is malformed or belongs to the other environment (production or"
        " sandbox); if it hits many addresses, the channel type is wrong",
    ),
    (400, "BadExpirationDate"): _message("APNs refuses the expiration that followed from time_to_live"),
    (400, "BadMessageId"): _our_fault("APNs refuses the message id"),
    (400, "BadPriority"): _message("APNs refuses the priority for this content"),
    (400, "BadTopic"): _message("APNs refuses the topic: check the channel's bundle_id and the push type"),
    (400, "DeviceTokenNotForTopic"): Row(
        err.ERROR_REASON_ADDRESS_OF_OTHER_APP,
        "the address belongs to another app or topic: if it hits all addresses, the channel's bundle_id or the push"
        " type is wrong",
    ),
    (400, "DuplicateHeaders"): _our_fault("APNs got a header twice"),
    (400, "IdleTimeout"): _unavailable("APNs closed the connection as idle; try again"),
    (400, "InvalidPushType"): _message("APNs refuses the push type"),
    (400, "MissingDeviceToken"): _our_fault("APNs got no device token"),
    (400, "MissingTopic"): _message("APNs needs a topic: set bundle_id of the channel"),
    (400, "PayloadEmpty"): _message("APNs got an empty payload"),
    (400, "TopicDisallowed"): _credential(
        "the credential may not push to this topic: check bundle_id of the channel, the push type, and for which app"
        " the credential was made"
    ),
    (403, "BadCertificate"): _credential("APNs does not accept the certificate: renew it"),
    (403, "BadCertificateEnvironment"): _credential(
        "the certificate is for the other environment: a development certificate works on *_SANDBOX channels only"
    ),
    (403, "BadEnvironmentKeyIdInToken"): _WRONG_ENVIRONMENT,
    (403, "BadEnvironmentKeyInToken"): _WRONG_ENVIRONMENT,
    (403, "ExpiredProviderToken"): Row(
        err.ERROR_REASON_CREDENTIAL_REJECTED,
        "APNs calls the provider token too old: if it goes on, the clock of the server is wrong",
        renew=True,
    ),
    (403, "Forbidden"): _credential("APNs does not allow this with this credential"),
    (403, "InvalidProviderToken"): _credential(
        "APNs does not accept the provider token: check that signing key, key_id and team_id belong together, that the"
        " key was not revoked, and the server's clock"
    ),
    (403, "MissingProviderToken"): _credential("APNs saw neither a certificate nor a provider token"),
    (403, "UnrelatedKeyIdInToken"): _unavailable("APNs has bound this connection to another signing key; try again"),
    (404, "BadPath"): _our_fault("APNs refuses the path of the request"),
    (405, "MethodNotAllowed"): _our_fault("APNs refuses the method of the request"),
    (410, "ExpiredToken"): Row(
        err.ERROR_REASON_ADDRESS_UNREGISTERED, "the address has expired; remove it", token_dead=True
    ),
    (410, "Unregistered"): Row(
        err.ERROR_REASON_ADDRESS_UNREGISTERED,
        "the device no longer has the app, or has another address; remove this one",
        token_dead=True,
    ),
    (413, "PayloadTooLarge"): Row(
        err.ERROR_REASON_PAYLOAD_TOO_LARGE, "APNs finds the payload too large: 4,096 bytes, VoIP 5,120"
    ),
    (429, "TooManyProviderTokenUpdates"): Row(
        err.ERROR_REASON_PROVIDER_THROTTLED,
        "APNs has seen too many different provider tokens of this key: let only Clarion send with it, and wait 20"
        " minutes",
        status=_THROTTLED,
    ),
    (429, "TooManyRequests"): Row(
        err.ERROR_REASON_DEVICE_THROTTLED, "too many notifications to this device in a row", status=_THROTTLED
    ),
    (500, "InternalServerError"): _unavailable("APNs has a fault; Apple asks to wait 15 minutes before the next try"),
    (503, "ServiceUnavailable"): _unavailable(
        "APNs is not available; Apple asks to wait 15 minutes before the next try"
    ),
    (503, "Shutdown"): _unavailable("this server of APNs is shutting down; try again"),
}


def classify(exchange: Exchange) -> Outcome:
    """Return what an answer means. Pure; never raises, whatever the body is."""
    status = exchange.status
    if status == 200:
        return Outcome(
            status=msg.DELIVERY_STATUS_SUCCESSFUL,
            status_code=200,
            message_id=_header(exchange, b"apns-id")[:_MAX_MESSAGE_ID],
        )
    body = _body(exchange.response_body)
    word = body.get("reason")
    provider_reason = clean(word, maximum=_MAX_PROVIDER_REASON) if isinstance(word, str) else ""
    row = TABLE.get((status, provider_reason)) or _degraded(status)
    return Outcome(
        status=row.status,
        reason=row.reason,
        message=row.message,
        provider_reason=provider_reason,
        status_code=status,
        token_dead=row.token_dead,
        token_invalid_at=_milliseconds(body.get("timestamp")) if row.token_dead else None,
        credential_broken=row.credential_broken,
        renew=row.renew,
    )


def _degraded(status: int) -> Row:
    """Return what a status means when its reason is unknown or unreadable. Never condemns address or credential."""
    if status == 413:
        return TABLE[413, "PayloadTooLarge"]
    if status == 429:
        return Row(err.ERROR_REASON_PROVIDER_THROTTLED, "APNs asks for fewer requests; try later", status=_THROTTLED)
    if 500 <= status <= 599:
        return _unavailable(f"APNs answered {status}; try again later")
    return Row(
        err.ERROR_REASON_PROVIDER_ANSWER_UNKNOWN,
        f"APNs answered {status} in a way that Clarion does not know",
        status=_PERMANENT if 400 <= status <= 499 else _TEMPORARY,
    )


def _header(exchange: Exchange, name: bytes) -> str:
    for key, value in exchange.response_headers:
        if key == name:
            return value.decode("ascii", "replace")
    return ""


def _body(content: bytes) -> Mapping[str, Any]:
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _milliseconds(value: object) -> datetime | None:
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    try:
        return datetime.fromtimestamp(value / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None
