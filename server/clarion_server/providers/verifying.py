"""Asking a provider whether it accepts a credential, with one request that reaches no device."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from clarion.v1 import channel_pb2, error_pb2, messaging_pb2
from clarion.v1.error_pb2 import ErrorReason
from clarion_server.providers.contract import HttpRequest, Outcome, Payload, Sender, Verification
from clarion_server.transport import Exchange, Failure, Pool

# Seconds for the provider's answer.
_TIMEOUT = 15.0

_VALID = channel_pb2.VERDICT_VALID
_INVALID = channel_pb2.VERDICT_INVALID
_UNKNOWN = channel_pb2.VERDICT_UNKNOWN

_REASONS: dict[Failure, ErrorReason] = {
    Failure.NAME_NOT_RESOLVED: error_pb2.ERROR_REASON_NAME_NOT_RESOLVED,
    Failure.CONNECT_FAILED: error_pb2.ERROR_REASON_CONNECT_FAILED,
    Failure.TLS_FAILED: error_pb2.ERROR_REASON_TLS_FAILED,
    Failure.REFUSED: error_pb2.ERROR_REASON_REQUEST_REFUSED,
    Failure.ANSWER_TIMED_OUT: error_pb2.ERROR_REASON_ANSWER_TIMEOUT,
    Failure.NOT_SENT_DEADLINE: error_pb2.ERROR_REASON_NOT_TRIED_TIMEOUT,
    Failure.POOL_CLOSED: error_pb2.ERROR_REASON_SHUTTING_DOWN,
}


class _Question(Exchange):
    """A single request that somebody waits for."""

    __slots__ = ("answered",)

    def __init__(self, request: HttpRequest, deadline: float) -> None:
        super().__init__(request.headers, request.body, deadline)
        self.answered = asyncio.Event()

    def done(self) -> None:
        """Wake who waits."""
        self.answered.set()


async def ask(pool: Pool, request: HttpRequest) -> Exchange:
    """Send one request and return it with its answer, or with what is known about its fate."""
    question = _Question(request, asyncio.get_running_loop().time() + _TIMEOUT)
    pool.submit(question)
    try:
        await question.answered.wait()
    finally:
        question.cancelled = True
    return question


async def try_credential(
    sender: Sender, payload: Payload, address: str, judge: Callable[[Outcome], Verification]
) -> Verification:
    """Send one request with a sender and judge the answer.

    Args:
        sender: has the credential.
        payload: what reaches no device.
        address: likewise.
        judge: what the provider's answer says about the credential.
    """
    for may_renew in (True, False):
        refused = await sender.authorize()
        if refused is not None:
            return of_refusal(refused)
        request = sender.request(payload, address)
        if isinstance(request, Outcome):
            return of_refusal(request)
        exchange = await ask(sender.pool, request)
        if exchange.failure is not None:
            return of_failure(exchange.failure, exchange.failure_detail)
        outcome = sender.classify(exchange)
        if not (outcome.renew and may_renew):
            return judge(outcome)
        sender.renew()
    raise AssertionError("the second answer is judged in any case")


def valid(outcome: Outcome, message: str) -> Verification:
    """Return that the provider accepted the credential."""
    return Verification(_VALID, message, status_code=outcome.status_code, provider_reason=outcome.provider_reason)


def of_refusal(outcome: Outcome) -> Verification:
    """Return what an outcome that is no success says: that the credential is broken, or nothing."""
    broken = outcome.credential_broken or outcome.renew or outcome.reason in _CONDEMNING
    return Verification(
        _INVALID if broken else _UNKNOWN,
        outcome.message,
        outcome.reason,
        outcome.status_code,
        outcome.provider_reason,
    )


_CONDEMNING = frozenset({error_pb2.ERROR_REASON_CREDENTIAL_EXPIRED, error_pb2.ERROR_REASON_CREDENTIAL_REJECTED})


def of_failure(failure: Failure, detail: str) -> Verification:
    """Return that the provider could not be asked."""
    reason = _REASONS.get(failure, error_pb2.ERROR_REASON_CONNECTION_LOST)
    text = f"cannot tell: the provider could not be asked ({failure.value}{': ' if detail else ''}{detail})"
    if failure is Failure.TLS_FAILED:
        text += "; with a certificate this may mean that the provider does not accept it"
    return Verification(_UNKNOWN, text, reason)


def is_success(outcome: Outcome) -> bool:
    """Return whether the provider took the message."""
    return outcome.status == messaging_pb2.DELIVERY_STATUS_SUCCESSFUL


def cannot_tell(message: str) -> Verification:
    """Return that nothing can be said, and why."""
    return Verification(_UNKNOWN, message, error_pb2.ERROR_REASON_CHANNEL_UNAVAILABLE)
