"""One target on its way, and the turns in which many of them go."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from clarion.v1.messaging_pb2 import Target
from clarion_server.providers.contract import Outcome
from clarion_server.transport import Exchange

if TYPE_CHECKING:  # a lane carries deliveries
    from clarion_server.sending.lane import Lane


class Turn:
    """Says when to let the event loop's other work have a turn: after so many targets, or so many seconds.

    Args:
        targets: at most so many.
        seconds: rendering can take milliseconds for a single target.
    """

    def __init__(self, targets: int, seconds: float) -> None:
        self._targets = targets
        self._seconds = seconds
        self._loop = asyncio.get_running_loop()
        self.begin()

    def begin(self) -> None:
        """Begin a turn."""
        self._left = self._targets
        self._until = self._loop.time() + self._seconds

    def over(self) -> bool:
        """Return True when the turn is over; else count one target."""
        if not self._left or self._loop.time() >= self._until:
            return True
        self._left -= 1
        return False


@dataclass(frozen=True, slots=True)
class Before:
    """Earlier tries of a delivery.

    Attributes:
        tries: how many.
        attempts: of them together.
        outcome: of the latest.
    """

    tries: int
    attempts: int
    outcome: Outcome


class Delivery(Exchange):
    """One target on its way. Its `attempts` are 0 as long as nothing of it has been put on a connection.

    Attributes:
        before: what became of earlier tries, None for the first.
        sent_at: when the request was given to the pool.
    """

    __slots__ = ("before", "generation", "index", "lane", "renewed", "sent_at", "target")

    def __init__(self, lane: Lane, index: int, target: Target, deadline: float, *, repeat_ambiguous: bool) -> None:
        super().__init__((), b"", deadline, repeat_ambiguous=repeat_ambiguous, flow=lane.breaker.flow)
        self.lane = lane
        self.index = index
        self.target = target
        self.renewed = False
        self.generation = 0
        self.before: Before | None = None
        self.sent_at = 0.0

    @property
    def has_left(self) -> bool:
        """Whether this try may have been put on a connection."""
        return self.attempts > (self.before.attempts if self.before is not None else 0)

    def not_sent(self, outcome: Outcome) -> Outcome:
        """Return the result when this try is not made after all: that of the one before, or `outcome`."""
        return self.before.outcome if self.before is not None else outcome

    def done(self) -> None:
        """Take the transport's answer."""
        self.lane.answered(self)
