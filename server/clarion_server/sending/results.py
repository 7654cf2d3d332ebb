"""Results of a call: built, counted, and batched."""

from __future__ import annotations

import datetime as dt
from collections import Counter

from google.protobuf.duration_pb2 import Duration

from clarion.v1 import messaging_pb2
from clarion.v1.error_pb2 import ErrorReason
from clarion.v1.messaging_pb2 import DeliveryStatus, Result, SendSummary, Target
from clarion_server.providers.contract import Outcome

_SUCCESSFUL = messaging_pb2.DELIVERY_STATUS_SUCCESSFUL


def result(index: int, target: Target, outcome: Outcome, *, attempts: int, fallback_id: str) -> Result:
    """Return the result of a target.

    Args:
        index: the target's position in the call.
        target: the target.
        outcome: what became of it.
        attempts: how often its request was put on a connection.
        fallback_id: message id for when the provider accepted the message without giving one.
    """
    made = Result(
        index=index,
        address=target.address,
        channel_type=target.channel_type,
        delivery_status=outcome.status,
        origin=outcome.origin,
        attempts=attempts,
    )
    if target.client_ref:
        made.client_ref = target.client_ref
    if outcome.status_code:
        made.status_code = outcome.status_code
    if outcome.status == _SUCCESSFUL:
        made.message_id = outcome.message_id or fallback_id
    else:
        made.reason = outcome.reason
        made.status_message = outcome.message
        made.provider_reason = outcome.provider_reason
        made.token_dead = outcome.token_dead
        if outcome.token_invalid_at is not None:
            made.token_invalid_at.FromDatetime(outcome.token_invalid_at)
        if outcome.retry_after is not None:
            made.retry_after.FromTimedelta(dt.timedelta(seconds=outcome.retry_after))
    if outcome.updated_token:
        made.updated_token = outcome.updated_token
    return made


class Tally:
    """Counts results by status and reason."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[DeliveryStatus, ErrorReason]] = Counter()

    def add(self, outcome: Outcome) -> None:
        """Count one result."""
        self._counts[outcome.status, outcome.reason] += 1

    def summary(self, elapsed: float) -> SendSummary:
        """Return the summary of a call that took `elapsed` seconds."""
        statuses: Counter[DeliveryStatus] = Counter()
        reasons: Counter[ErrorReason] = Counter()
        for (status, reason), count in self._counts.items():
            statuses[status] += count
            if reason:
                reasons[reason] += count
        duration = Duration()
        duration.FromTimedelta(dt.timedelta(seconds=elapsed))
        return SendSummary(
            total=statuses.total(),
            by_status=[
                messaging_pb2.StatusCount(delivery_status=status, count=count)
                for status, count in statuses.most_common()
            ],
            by_reason=[
                messaging_pb2.ReasonCount(reason=reason, count=count) for reason, count in reasons.most_common()
            ],
            elapsed=duration,
        )
