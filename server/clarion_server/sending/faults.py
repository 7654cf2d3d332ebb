"""What a transport failure means for a target: one pure table."""

from __future__ import annotations

from dataclasses import replace

from clarion.v1 import error_pb2, messaging_pb2
from clarion.v1.error_pb2 import ErrorReason
from clarion.v1.messaging_pb2 import DeliveryStatus, Origin
from clarion_server.errors import AccessDenied, ClarionError, TokenExpired
from clarion_server.providers.contract import Outcome
from clarion_server.transport import Failure

_TEMPORARY = messaging_pb2.DELIVERY_STATUS_TEMPORARY_FAILURE
_PERMANENT = messaging_pb2.DELIVERY_STATUS_PERMANENT_FAILURE
_UNKNOWN = messaging_pb2.DELIVERY_STATUS_UNKNOWN_FAILURE
_GATEWAY = messaging_pb2.ORIGIN_GATEWAY
_TRANSPORT = messaging_pb2.ORIGIN_TRANSPORT

_TABLE: dict[Failure, tuple[DeliveryStatus, ErrorReason, Origin, str]] = {
    Failure.NAME_NOT_RESOLVED: (
        _TEMPORARY,
        error_pb2.ERROR_REASON_NAME_NOT_RESOLVED,
        _TRANSPORT,
        "the provider's host name has no address; check DNS",
    ),
    Failure.CONNECT_FAILED: (
        _TEMPORARY,
        error_pb2.ERROR_REASON_CONNECT_FAILED,
        _TRANSPORT,
        "no connection to the provider; check network and firewall",
    ),
    Failure.TLS_FAILED: (
        _TEMPORARY,
        error_pb2.ERROR_REASON_TLS_FAILED,
        _TRANSPORT,
        "no TLS with the provider; check the trust store, proxies in between, and our certificate",
    ),
    Failure.NOT_SENT_DEADLINE: (
        _TEMPORARY,
        error_pb2.ERROR_REASON_NOT_TRIED_TIMEOUT,
        _GATEWAY,
        "its time was over before it was sent; allow more time or send to fewer at once",
    ),
    Failure.POOL_CLOSED: (
        _TEMPORARY,
        error_pb2.ERROR_REASON_SHUTTING_DOWN,
        _GATEWAY,
        "the server stopped before it was sent; try again",
    ),
    Failure.REFUSED: (
        _TEMPORARY,
        error_pb2.ERROR_REASON_REQUEST_REFUSED,
        _TRANSPORT,
        "the provider's end refused it on several connections; try again later",
    ),
    Failure.INVALID_REQUEST: (
        _PERMANENT,
        error_pb2.ERROR_REASON_INTERNAL,
        _GATEWAY,
        "the request cannot be put into HTTP; report it",
    ),
    Failure.ANSWER_TIMED_OUT: (
        _UNKNOWN,
        error_pb2.ERROR_REASON_ANSWER_TIMEOUT,
        _TRANSPORT,
        "it was sent, and no answer came in time; it may have been delivered",
    ),
    Failure.CONNECTION_LOST: (
        _UNKNOWN,
        error_pb2.ERROR_REASON_CONNECTION_LOST,
        _TRANSPORT,
        "it was sent, and the connection died before the answer; it may have been delivered",
    ),
    Failure.STREAM_RESET: (
        _UNKNOWN,
        error_pb2.ERROR_REASON_CONNECTION_LOST,
        _TRANSPORT,
        "it was sent, and the provider's end reset it without an answer; it may have been delivered",
    ),
    Failure.PROTOCOL_ERROR: (
        _UNKNOWN,
        error_pb2.ERROR_REASON_CONNECTION_LOST,
        _TRANSPORT,
        "it was sent, and what came back is not HTTP; it may have been delivered",
    ),
}


# Surely not processed, and the way to the provider may soon be open again.
_REPEATED = frozenset({Failure.NAME_NOT_RESOLVED, Failure.CONNECT_FAILED, Failure.TLS_FAILED, Failure.REFUSED})


def outcome_of(failure: Failure, detail: str) -> Outcome:
    """Return what a failure of the transport means for its target; `detail` is added to the text."""
    status, reason, origin, text = _TABLE[failure]
    return Outcome(
        status=status,
        reason=reason,
        origin=origin,
        message=f"{text} ({detail})" if detail else text,
        repeat=failure in _REPEATED,
    )


# Of permanent failures that a provider tells, these say nothing of whether an earlier request could have been accepted.
_NOT_ABOUT_THE_TARGET = frozenset(
    {error_pb2.ERROR_REASON_CREDENTIAL_REJECTED, error_pb2.ERROR_REASON_PROVIDER_ANSWER_UNKNOWN}
)


def in_doubt(doubt: Failure, outcome: Outcome) -> Outcome:
    """Return the outcome of a target of which an earlier attempt may have been delivered.

    A success stays one, and so does the provider's word that it accepts neither this address nor this message. All else
    must not claim that nothing was delivered.

    Args:
        doubt: why the earlier attempt has no answer.
        outcome: of the latest attempt, or of one that was not made.
    """
    if outcome.status in {messaging_pb2.DELIVERY_STATUS_SUCCESSFUL, _UNKNOWN}:
        return outcome
    told = outcome.status == _PERMANENT and outcome.origin == messaging_pb2.ORIGIN_PROVIDER
    if told and outcome.reason not in _NOT_ABOUT_THE_TARGET:
        return outcome
    _, reason, origin, _ = _TABLE[doubt]
    return replace(
        outcome,
        status=_UNKNOWN,
        reason=reason,
        origin=origin,
        message="an earlier attempt was sent and has no answer; it may have been delivered. What came after it: "
        + outcome.message,
    )


NOT_TRIED_TIMEOUT = outcome_of(Failure.NOT_SENT_DEADLINE, "")
SHUT_DOWN = outcome_of(Failure.POOL_CLOSED, "")
STOPPED_WAITING = Outcome(
    status=_UNKNOWN,
    reason=error_pb2.ERROR_REASON_ANSWER_TIMEOUT,
    origin=_TRANSPORT,
    message="it was sent, and the server stopped before the answer; it may have been delivered",
)
CONGESTED = Outcome(
    status=_TEMPORARY,
    reason=error_pb2.ERROR_REASON_NOT_TRIED_CONGESTED,
    origin=_GATEWAY,
    message="not tried: the provider has answered nothing on this channel for some seconds, and the call holds as many"
    " targets as it may; try again later",
)
CALLER_EXPIRED = Outcome(
    status=_TEMPORARY,
    reason=error_pb2.ERROR_REASON_CALLER_EXPIRED,
    origin=_GATEWAY,
    message="not tried: the caller's token ended while the call was running; send to it again with a new one",
)
PERMISSION_WITHDRAWN = Outcome(
    status=_PERMANENT,
    reason=error_pb2.ERROR_REASON_PERMISSION_WITHDRAWN,
    origin=_GATEWAY,
    message="not tried: the caller lost the permission to send while the call was running",
)


def end_of_call(revoked: Outcome) -> ClarionError:
    """Return the error that ends a call whose further targets would have this outcome."""
    if revoked.reason == error_pb2.ERROR_REASON_CALLER_EXPIRED:
        return TokenExpired()
    return AccessDenied("the caller lost the permission to send while the call was running")


def over_quota(retry_after: float) -> Outcome:
    """Return the outcome of targets that did not get their turn before the call's deadline, because of a quota."""
    return Outcome(
        status=messaging_pb2.DELIVERY_STATUS_THROTTLED,
        reason=error_pb2.ERROR_REASON_SEND_QUOTA_EXCEEDED,
        origin=_GATEWAY,
        message="the quota of sends per second left no room for it before the call's deadline; nothing was sent; "
        "try again after retry_after",
        retry_after=retry_after,
    )


FAULT = Outcome(
    status=_TEMPORARY,
    reason=error_pb2.ERROR_REASON_INTERNAL,
    origin=_GATEWAY,
    message="a fault in Clarion, nothing was sent; the server's log has the cause",
)
FAULT_AFTER_SENDING = Outcome(
    status=_UNKNOWN,
    reason=error_pb2.ERROR_REASON_INTERNAL,
    origin=_GATEWAY,
    message="a fault in Clarion after it was sent; it may have been delivered; the server's log has the cause",
)
