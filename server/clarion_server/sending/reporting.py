"""Results of a call on their way out."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Generic

import structlog

from clarion.v1.messaging_pb2 import SendSummary, Target
from clarion_server.providers.contract import Outcome
from clarion_server.sending import faults
from clarion_server.sending.check import MAX_ADDRESS_BYTES, MAX_CLIENT_REF_BYTES, fits
from clarion_server.sending.limits import Limits
from clarion_server.sending.meter import Meter
from clarion_server.sending.results import Addressee, NotSentTo, Outbox, Response, Tally

_log: Any = structlog.get_logger(__name__)


class Reporter(Generic[Response]):
    """Gives targets their results: counts them, puts them into responses, and says when there is one to be sent.

    Args:
        response: the RPC's response message.
        send_id: the call's.
        limits: the call's.
        meter: counts.
    """

    def __init__(self, response: type[Response], send_id: str, limits: Limits, meter: Meter) -> None:
        self._send_id = send_id
        self._linger_seconds = limits.linger
        self._outbox: Outbox[Response] = Outbox(response, send_id, limits.batch)
        self._tally = Tally(meter)
        self._loop = asyncio.get_running_loop()
        self._due = asyncio.Event()
        self._linger: asyncio.TimerHandle | None = None

    @property
    def unsent(self) -> int:
        """Results that have not been taken."""
        return self._outbox.unsent

    def give(self, addressee: Addressee, outcome: Outcome) -> None:
        """Give a target its result. Hot path."""
        try:
            full = self._outbox.add(addressee, outcome)
        except Exception:  # noqa: BLE001 - no target may lose its result
            _log.exception("a result cannot be expressed", send_id=self._send_id)
            outcome = faults.FAULT_AFTER_SENDING
            full = self._outbox.add(addressee, outcome)
        self._tally.add(addressee, outcome)
        if full:
            self._due.set()
        elif self._linger is None:
            self._linger = self._loop.call_later(self._linger_seconds, self._due.set)

    def refuse(self, index: int, target: Target, outcome: Outcome) -> None:
        """Give a target its result without sending to it."""
        # What was refused for its length must not make the response too long for its reader.
        address = target.address if fits(target.address, MAX_ADDRESS_BYTES) else ""
        client_ref = target.client_ref if fits(target.client_ref, MAX_CLIENT_REF_BYTES) else ""
        self.give(NotSentTo(index, address, client_ref, target.channel_type), outcome)

    def refuse_all(self, run: Sequence[Target], index: int, outcome: Outcome) -> int:
        """Give targets their results without sending to them; return how many."""
        for position, target in enumerate(run):
            self.refuse(index + position, target, outcome)
        return len(run)

    def wake(self) -> None:
        """Have `wait` return: there may be nothing more to wait for."""
        self._due.set()

    async def wait(self) -> None:
        """Wait until a response is full, or has lingered for long enough."""
        await self._due.wait()
        self._due.clear()
        self.end()

    def take(self) -> Response | None:
        """Return the oldest response, full or not; None when there are no results."""
        return self._outbox.take()

    def flush(self) -> None:
        """Have the server's counts follow."""
        self._tally.flush()

    def summary(self, elapsed: float) -> SendSummary:
        """Return the counts until now, of a call that has taken `elapsed` seconds."""
        return self._tally.summary(elapsed)

    def end(self) -> None:
        """Stop what runs by itself: the timer of results that linger."""
        if self._linger is not None:
            self._linger.cancel()
            self._linger = None
