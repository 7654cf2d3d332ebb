"""One target on its way, and the turns in which many of them go."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from clarion_server.providers.contract import Outcome, Payload
from clarion_server.transport import Exchange

if TYPE_CHECKING:  # a lane carries deliveries
    from clarion_server.sending.lane import Lane


class Turn:
    """Says when to let the event loop's other work have a turn: after so many targets, or so many seconds.

    Args:
        targets: at most so many.
        seconds: rendering can take milliseconds for a single target.

    Attributes:
        left: targets until it is over; who sees to one takes it off.
        until: `loop.time()` at which it is over.
    """

    __slots__ = ("_loop", "_seconds", "_targets", "left", "until")

    def __init__(self, targets: int, seconds: float) -> None:
        self._targets = targets
        self._seconds = seconds
        self._loop = asyncio.get_running_loop()
        self.begin()

    def begin(self) -> None:
        """Begin a turn."""
        self.left = self._targets
        self.until = self._loop.time() + self._seconds

    def over(self) -> bool:
        """Return whether the turn is over."""
        return self.left <= 0 or self._loop.time() >= self.until


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
        lane: how it is sent.
        index: the target's place among those of the call.
        address: the target's.
        client_ref: the target's.
        channel_type: the target's.
        payload: what is sent, without the address.
        before: what became of earlier tries, None for the first.
        submitted_at: when the run of targets in which its request was given to the pool began.
    """

    __slots__ = (
        "address",
        "before",
        "channel_type",
        "client_ref",
        "generation",
        "index",
        "lane",
        "payload",
        "renewed",
        "submitted_at",
    )

    def __init__(  # noqa: PLR0917 - by position is quicker
        self,
        lane: Lane,
        index: int,
        address: str,
        client_ref: str,
        payload: Payload,
        deadline: float,
    ) -> None:
        # One is made for every target, and this is quicker than super() and names.
        Exchange.__init__(self, (), b"", deadline, lane.repeat_ambiguous, lane.flow)
        self.lane = lane
        self.index = index
        self.address = address
        self.client_ref = client_ref
        self.channel_type = lane.channel_type
        self.payload = payload
        self.renewed = False
        self.generation = 0
        self.before: Before | None = None
        self.submitted_at = 0.0

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
