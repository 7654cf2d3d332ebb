"""One channel within one call, while it sends: requests out, answers in, and the wait for a proof of identity."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, Protocol

import structlog

from clarion.v1.messaging_pb2 import Target
from clarion_server.providers.contract import Outcome
from clarion_server.sending import faults
from clarion_server.sending.plan import Plan, rejected_again
from clarion_server.transport import Exchange

_log: Any = structlog.get_logger(__name__)

# A long call asks its senders this often whether their tokens are still good. Seconds.
_RECHECK = 1.0


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


class Delivery(Exchange):
    """One target on its way. Its `attempts` are 0 as long as nothing of it has been put on a connection."""

    __slots__ = ("generation", "index", "lane", "renewed", "target")

    def __init__(self, lane: Lane, index: int, target: Target, deadline: float, *, repeat_ambiguous: bool) -> None:
        super().__init__((), b"", deadline, repeat_ambiguous=repeat_ambiguous)
        self.lane = lane
        self.index = index
        self.target = target
        self.renewed = False
        self.generation = 0

    def done(self) -> None:
        """Take the transport's answer."""
        self.lane.answered(self)


class LaneOwner(Protocol):
    """The call that a lane belongs to."""

    def conclude(self, delivery: Delivery, outcome: Outcome) -> None:
        """Give a delivery its result; nothing happens if it has one already."""

    def withdraw(self, lane: Lane, outcome: Outcome) -> None:
        """Give this result to all deliveries of a lane of which nothing has been sent."""


class Lane:
    """Sends a call's deliveries on one channel.

    Args:
        plan: how.
        owner: takes results.
        send_id: the call's, for logs.
        turn: targets that are sent before the event loop's other work gets a turn.
        turn_seconds: or so long.
    """

    def __init__(self, plan: Plan, owner: LaneOwner, send_id: str, *, turn: int, turn_seconds: float) -> None:
        self.plan = plan
        self._owner = owner
        self._send_id = send_id
        self._turn = turn
        self._turn_seconds = turn_seconds
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[Delivery] = deque()
        self._task: asyncio.Task[None] | None = None
        self._authorized_until = 0.0
        self._generation = 0
        self._closed = False
        self._stopped = False

    def send(self, delivery: Delivery) -> None:
        """Send a delivery, once our identity can be proved."""
        if self._task is None and self._loop.time() < self._authorized_until:
            self._submit(delivery)
        else:
            self._wait(delivery)

    def stop(self) -> None:
        """Repeat nothing any more: the server is shutting down."""
        self._stopped = True

    def withdraw_waiting(self) -> deque[Delivery]:
        """Return those that wait, and forget them."""
        waiting, self._waiting = self._waiting, deque()
        return waiting

    async def close(self) -> None:
        """End what the lane does by itself."""
        self._closed = True
        self._waiting.clear()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    # --- out ----------------------------------------------------------------------------------

    def _submit(self, delivery: Delivery) -> None:
        if self.plan.broken is not None:
            self._owner.conclude(delivery, self.plan.broken)
            return
        try:
            request = self.plan.request(delivery.target)
        except Exception:  # noqa: BLE001 - no target may lose its result
            _log.exception("rendering failed", send_id=self._send_id)
            request = faults.FAULT
        if isinstance(request, Outcome):
            self._owner.conclude(delivery, request)
            return
        delivery.headers = request.headers
        delivery.body = request.body
        delivery.generation = self._generation
        self.plan.sender.pool.submit(delivery)

    def _wait(self, delivery: Delivery) -> None:
        if self._closed:
            return
        self._waiting.append(delivery)
        if self._task is None:
            self._task = asyncio.create_task(self._authorize(), name=f"authorize {self._send_id}")

    async def _authorize(self) -> None:
        """Get a proof of identity, and send what waits for it."""
        turn = Turn(self._turn, self._turn_seconds)
        try:
            while self._waiting:
                refused = await self._proof()
                while self._waiting and (refused is not None or self._loop.time() < self._authorized_until):
                    while turn.over():
                        await asyncio.sleep(0)
                        turn.begin()
                    # One by one: while others have their turn, the list may be withdrawn.
                    if self._waiting:
                        delivery = self._waiting.popleft()
                        if refused is None:
                            self._submit(delivery)
                        else:
                            self._owner.conclude(delivery, refused)
        finally:
            self._task = None

    async def _proof(self) -> Outcome | None:
        """Return the outcome of all that wait; None when our identity can be proved, or none waits any more."""
        while self._waiting:
            limit = asyncio.timeout_at(min(delivery.deadline for delivery in self._waiting))
            try:
                async with limit:
                    refused = await self.plan.sender.authorize()
            except Exception as error:  # noqa: BLE001 - no target may lose its result
                if not (isinstance(error, TimeoutError) and limit.expired()):
                    _log.exception("authorization failed", send_id=self._send_id)
                    return faults.FAULT
                # Those that joined later still have time.
                now = self._loop.time()
                late = [delivery for delivery in self._waiting if delivery.deadline <= now]
                self._waiting = deque(delivery for delivery in self._waiting if delivery.deadline > now)
                for delivery in late:
                    self._owner.conclude(delivery, faults.NOT_TRIED_TIMEOUT)
                continue
            if refused is None:
                # Only here: a time-out must not pass for a proof.
                self._authorized_until = self._loop.time() + _RECHECK
            elif refused.credential_broken:
                self.plan.stop(refused)
            return refused
        return None

    # --- in -----------------------------------------------------------------------------------

    def answered(self, delivery: Delivery) -> None:
        """Take what the transport has to say about a delivery."""
        if delivery.failure is not None:
            self._owner.conclude(delivery, faults.outcome_of(delivery.failure, delivery.failure_detail))
            return
        try:
            outcome = self.plan.sender.classify(delivery)
        except Exception:  # noqa: BLE001 - no target may lose its result
            _log.exception("classifying an answer failed", send_id=self._send_id, status=delivery.status)
            outcome = faults.FAULT_AFTER_SENDING
        if outcome.renew:
            if self._stopped:
                self._owner.conclude(delivery, faults.SHUT_DOWN)
                return
            if not delivery.renewed:
                self._renew(delivery)
                return
            outcome = rejected_again(outcome)
        self._owner.conclude(delivery, outcome)
        if outcome.credential_broken and self.plan.broken is None:
            _log.warning(
                "the provider rejects a credential",
                send_id=self._send_id,
                status=outcome.status_code,
                provider_reason=outcome.provider_reason,
            )
            self._owner.withdraw(self, self.plan.stop(outcome))

    def _renew(self, delivery: Delivery) -> None:
        """Repeat a delivery with a new proof of identity; many that fail together ask for it only once."""
        if delivery.generation == self._generation:
            self._generation += 1
            self._authorized_until = 0.0
            self.plan.sender.renew()
        delivery.renewed = True
        delivery.reset()
        self._wait(delivery)
