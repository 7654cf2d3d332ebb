"""What the pool knows of a connection, whichever protocol it speaks."""

from __future__ import annotations

from collections.abc import Sized
from typing import Protocol

from clarion_server.transport.exchange import Exchange, Failure
from clarion_server.transport.queue import FairQueue
from clarion_server.transport.settings import PoolPolicy, TransportSettings

MAX_RESPONSE_BODY = 64 * 1024


class PooledConnection(Protocol):
    """One connection of a pool, which gives it exchanges with :meth:`take`; each leaves by a call to the owner."""

    draining: bool
    answered: bool
    """Whether anything was answered on it."""
    settled: bool
    """Whether it is known how many exchanges it takes."""
    multiplexed: bool
    """Whether it carries several exchanges at a time: HTTP/2 does, HTTP/1.1 does not."""
    limit: int
    """How many exchanges it carries at a time, as far as is known."""
    refusal: str
    """Why the handshake's outcome is of no use, if so."""

    @property
    def streams(self) -> Sized:
        """The exchanges on it."""

    def room(self) -> int:
        """How many more exchanges it takes now."""

    def take(self, queue: FairQueue, count: int) -> None:
        """Send up to ``count`` (at most :meth:`room`) exchanges from the head of the queue."""

    def expire(self, now: float) -> float:
        """Settle all exchanges whose deadline has passed; returns the earliest deadline of the others."""

    def drain(self) -> None:
        """Take no more, finish what is in flight, then close."""

    def give_up(self, failure: Failure, detail: str) -> None:
        """End the connection at once."""


class ConnectionOwner(Protocol):
    """What a connection asks of its pool."""

    settings: TransportSettings
    policy: PoolPolicy
    initial_streams: int
    waiting: FairQueue

    def opened(self, connection: PooledConnection) -> None:
        """The handshake is done: requests may be given to it."""

    def refill(self, connection: PooledConnection) -> None:
        """It may have room: give it what waits."""

    def healthy(self) -> None:
        """A connection had its first answer."""

    def leaving(self, connection: PooledConnection, *, by_peer: bool, failure: Failure | None, detail: str) -> None:
        """It takes no more requests (called once). A ``failure`` says that the next will fare no better."""

    def lost(self, connection: PooledConnection) -> None:
        """The socket is closed and all exchanges are settled (called once, after ``leaving``)."""

    def went_away(self, code: str, reason: str) -> None:
        """The peer sent GOAWAY with the error code of this name; ``unknown`` if it has none."""

    def finish(self, exchange: Exchange) -> None:
        """The exchange has its outcome."""

    def fail(self, exchange: Exchange, failure: Failure, detail: str) -> None:
        """The exchange failed for good."""

    def give_back(self, exchanges: list[Exchange], reason: str) -> None:
        """These were surely not processed and may go elsewhere. In the order of submission."""

    def in_doubt(self, exchange: Exchange, failure: Failure, detail: str) -> None:
        """Nobody knows whether this was processed."""
