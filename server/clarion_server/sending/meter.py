"""What the send path counts, for metrics: plain numbers, cheap to add to and read by whoever shows them."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field

from clarion.v1.channel_pb2 import ChannelType
from clarion.v1.error_pb2 import ErrorReason
from clarion.v1.messaging_pb2 import DeliveryStatus

LATENCY_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds of the buckets, in seconds; what takes longer has a bucket of its own."""

ResultKey = tuple[ChannelType, DeliveryStatus, ErrorReason]


class Latency:
    """How long providers took to answer, from when a request was given to the pool."""

    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        self.counts = [0] * (len(LATENCY_BOUNDS) + 1)
        self.total = 0.0

    def add(self, seconds: float) -> None:
        """Count one answer. Hot path."""
        self.counts[bisect_left(LATENCY_BOUNDS, seconds)] += 1
        self.total += seconds


@dataclass(slots=True)
class Meter:
    """Counts of all calls since the server started.

    Attributes:
        results: targets that have their result, by channel type, status and reason.
        attempts: requests put on a connection, by channel type.
        retries: targets that were tried again, by channel type and the reason of the try before.
        latency: of answers, by channel type.
    """

    results: Counter[ResultKey] = field(default_factory=Counter)
    attempts: Counter[ChannelType] = field(default_factory=Counter)
    retries: Counter[tuple[ChannelType, ErrorReason]] = field(default_factory=Counter)
    latency: dict[ChannelType, Latency] = field(default_factory=dict)

    def latency_of(self, channel_type: ChannelType) -> Latency:
        """Return where answers on a channel type are counted."""
        return self.latency.setdefault(channel_type, Latency())
