"""Results of a call: built, counted, and batched."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from google.protobuf.duration_pb2 import Duration

from clarion.v1 import channel_pb2, error_pb2, messaging_pb2
from clarion.v1.channel_pb2 import ChannelType
from clarion.v1.error_pb2 import ErrorReason
from clarion.v1.messaging_pb2 import (
    DeliveryStatus,
    Result,
    SendMessagesResponse,
    SendSummary,
    StreamMessagesResponse,
)
from clarion_server.providers.contract import Outcome
from clarion_server.sending.meter import Meter

_SUCCESSFUL = messaging_pb2.DELIVERY_STATUS_SUCCESSFUL
_CHANNEL_TYPES = frozenset(channel_pb2.ChannelType.values())


Response = TypeVar("Response", SendMessagesResponse, StreamMessagesResponse)
"""An RPC's response message: both have the same events. Results are built right in it; protobuf would copy them."""


class Addressee(Protocol):
    """Whom a result is for.

    Attributes:
        index: the target's place among those of the call.
        address: the target's.
        client_ref: the target's.
        channel_type: the target's; a caller can name any number.
        attempts: how often a request to it was put on a connection.
    """

    index: int
    address: str
    client_ref: str
    channel_type: ChannelType
    attempts: int


@dataclass(slots=True)
class NotSentTo:
    """An `Addressee` to which nothing is sent."""

    index: int
    address: str
    client_ref: str
    channel_type: ChannelType
    attempts: int = 0


class Outbox(Generic[Response]):
    """Collects results into responses.

    Args:
        make: the RPC's response message.
        send_id: begins the message ids of messages that a provider accepted without giving an id.
        batch: results in a full response.

    Attributes:
        unsent: results that have not been taken.
    """

    def __init__(self, make: type[Response], send_id: str, batch: int) -> None:
        self.unsent = 0
        self._make: type[Response] = make
        self._send_id = send_id
        self._batch = batch
        self._full: deque[Response] = deque()
        self._begin()

    def _begin(self) -> None:
        self._response: Response = self._make()
        self._add: Callable[[], Result] = self._response.results.results.add
        self._room = self._batch

    def take(self) -> Response | None:
        """Return the oldest response, full or not; None when there are no results."""
        if not self._full and self._room == self._batch:
            return None
        if not self._full:
            self._full.append(self._response)
            self._begin()
        response = self._full.popleft()
        self.unsent -= len(response.results.results)
        return response

    def add(self, addressee: Addressee, outcome: Outcome) -> bool:
        """Add a result; return whether this makes a response full. Hot path."""
        # Field by field is quicker than all by name.
        made = self._add()
        try:
            made.index = addressee.index
            made.address = addressee.address
            made.channel_type = addressee.channel_type
            made.delivery_status = outcome.status
            made.origin = outcome.origin
            made.attempts = addressee.attempts
            if addressee.client_ref:
                made.client_ref = addressee.client_ref
            if outcome.status_code:
                made.status_code = outcome.status_code
            if outcome.status == _SUCCESSFUL:
                made.message_id = outcome.message_id or f"{self._send_id}-{addressee.index}"
                if outcome.updated_token:
                    made.updated_token = outcome.updated_token
            else:
                _explain(made, outcome)
        except BaseException:
            del self._response.results.results[-1]
            raise
        self.unsent += 1
        self._room -= 1
        if self._room:
            return False
        self._full.append(self._response)
        self._begin()
        return True


def _explain(made: Result, outcome: Outcome) -> None:
    made.reason = outcome.reason
    made.status_message = outcome.message
    made.provider_reason = outcome.provider_reason
    made.token_dead = outcome.token_dead
    made.updated_token = outcome.updated_token
    if outcome.token_invalid_at is not None:
        made.token_invalid_at.FromMilliseconds(outcome.token_invalid_at)
    if outcome.retry_after is not None:
        made.retry_after.FromTimedelta(dt.timedelta(seconds=outcome.retry_after))


class Tally:
    """Counts the results of a call.

    Args:
        meter: gets the counts as well, some hundred results at a time.
    """

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._delivered: defaultdict[ChannelType, int] = defaultdict(int)  # at the first attempt
        self._others: Counter[tuple[ChannelType, DeliveryStatus, ErrorReason, int]] = Counter()
        self._counts: Counter[tuple[DeliveryStatus, ErrorReason]] = Counter()

    def add(self, addressee: Addressee, outcome: Outcome) -> None:
        """Count one result. Hot path."""
        if outcome.status == _SUCCESSFUL and addressee.attempts == 1:
            self._delivered[addressee.channel_type] += 1
        else:
            self._others[addressee.channel_type, outcome.status, outcome.reason, addressee.attempts] += 1

    def flush(self) -> None:
        """Pass on what has been counted since the last time."""
        for channel_type, count in self._delivered.items():
            self._pass_on(channel_type, _SUCCESSFUL, error_pb2.ERROR_REASON_UNSPECIFIED, 1, count)
        for (channel_type, status, reason, attempts), count in self._others.items():
            self._pass_on(channel_type, status, reason, attempts, count)
        self._delivered.clear()
        self._others.clear()

    def _pass_on(
        self, channel_type: ChannelType, status: DeliveryStatus, reason: ErrorReason, attempts: int, count: int
    ) -> None:
        self._counts[status, reason] += count
        # A caller can name any number.
        known = channel_type if channel_type in _CHANNEL_TYPES else channel_pb2.CHANNEL_TYPE_UNSPECIFIED
        self._meter.results[known, status, reason] += count
        if attempts:
            self._meter.attempts[known] += count * attempts

    def summary(self, elapsed: float) -> SendSummary:
        """Return the summary of a call that took `elapsed` seconds."""
        self.flush()
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
