"""A call while it sends.

Targets come in on one side (`_take_in`), go through the lane of their channel to its pool as `Delivery` objects, come
back through `Delivery.done`, and leave as batches of results on the other side (`events`). There is no task, timer or
lock per target. At most `Limits.in_flight` targets are between the two sides, so a reader that stops stops the intake.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic

import structlog

from clarion.v1.channel_pb2 import ChannelType
from clarion.v1.messaging_pb2 import SendSummary, Target
from clarion_server.errors import QuotaExceeded, RequestInvalid, ShuttingDown
from clarion_server.providers.contract import Outcome
from clarion_server.sending import faults
from clarion_server.sending.check import target_problem
from clarion_server.sending.lane import Delivery, Lane, Turn
from clarion_server.sending.pacing import Pacer, Unlimited
from clarion_server.sending.plan import Plans
from clarion_server.sending.results import Outbox, Response, Tally

_log: Any = structlog.get_logger(__name__)

# A long call looks this often for changed channels. Seconds.
_RECHECK = 1.0
# Seconds that a stopping call waits for a frame that its caller may have sent already.
_LAST_FRAME = 0.2
# A call that a quota holds up asks again after so many seconds, at the least and at the most: not for every target, and
# soon after a quota was changed.
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.01, 0.05


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one call.

    Attributes:
        in_flight: targets taken in whose results have not left.
        batch: results that are sent without waiting for more.
        linger: seconds that a result waits for others to travel with.
        turn: targets taken in before the event loop's other work gets a turn.
        turn_seconds: or so long, when they are slow to render.
        last_answers: seconds that requests under way get for their answers when the server stops.
    """

    in_flight: int = 4000
    batch: int = 250
    linger: float = 0.01
    turn: int = 200
    turn_seconds: float = 0.005
    last_answers: float = 4.0


class SendCall(Generic[Response]):
    """Sends one call's message to its targets.

    Args:
        send_id: names the call; message ids are made from it when a provider gives none.
        plans: how to send on each channel.
        send_timeout: seconds that each target may take.
        call_deadline: `loop.time()` by which all must be over.
        repeat_ambiguous: whether a request whose fate is unknown may be repeated.
        limits: bounds.
        response: the RPC's response message.
        pacer: how fast targets may be taken in; None: as fast as they come.
    """

    def __init__(
        self,
        send_id: str,
        plans: Plans,
        *,
        send_timeout: float,
        call_deadline: float,
        repeat_ambiguous: bool,
        limits: Limits,
        response: type[Response],
        pacer: Pacer | None = None,
    ) -> None:
        self._pacer = Unlimited().pacer("") if pacer is None else pacer
        self._granted = 0
        self._over_quota = 0
        self._refusal: Outcome | None = None
        self._send_id = send_id
        self._plans = plans
        self._send_timeout = send_timeout
        self._call_deadline = call_deadline
        self._repeat_ambiguous = repeat_ambiguous
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._lanes: dict[ChannelType, Lane] = {}
        self._all_lanes: list[Lane] = []
        self._in_flight: set[Delivery] = set()
        self._response: type[Response] = response
        self._outbox: Outbox[Response] = Outbox(response, send_id, limits.batch)
        self._tally = Tally()
        self._started = self._loop.time()
        self._ready = asyncio.Event()
        self._room = asyncio.Event()
        self._linger: asyncio.TimerHandle | None = None
        self._refresh_at = self._started + _RECHECK
        self._intake: asyncio.Task[None] | None = None
        self._exhausted = False
        self._reading = False
        self._stopping: asyncio.TimerHandle | None = None
        self._gave_up = False

    def stop(self) -> None:
        """Send nothing further: the server is shutting down.

        What has not been sent gets a result that says so; what is under way gets a few seconds for its answer. A caller
        that has not said by then that there are no more targets gets the call's end instead of a summary.
        """
        if self._stopping is None:
            self._stopping = self._loop.call_later(self._limits.last_answers, self._give_up)
            for lane in self._all_lanes:
                lane.stop()
                self.withdraw(lane, faults.SHUT_DOWN)
            self._room.set()

    def _give_up(self) -> None:
        self._gave_up = True
        for delivery in list(self._in_flight):
            delivery.cancelled = True
            self.conclude(delivery, faults.STOPPED_WAITING if delivery.attempts else faults.SHUT_DOWN)
        if self._intake is not None and self._reading:
            self._intake.cancel()

    def summary(self) -> SendSummary:
        """Return the counts until now."""
        return self._tally.summary(self._loop.time() - self._started)

    async def events(self, batches: AsyncIterator[Sequence[Target]]) -> AsyncGenerator[Response, None]:
        """Send to all targets and yield their results, then the summary.

        Closing the generator cancels what has not been sent.

        Raises:
            RequestInvalid, QuotaExceeded: `batches` raised it; the results of the targets before it were yielded first.
            ShuttingDown: the server stops, and the caller may have more targets.
        """
        self._intake = asyncio.create_task(self._take_in(batches), name=f"intake {self._send_id}")
        self._intake.add_done_callback(self._intake_done)
        try:
            while True:
                await self._ready.wait()
                self._ready.clear()
                if self._linger is not None:
                    self._linger.cancel()
                    self._linger = None
                while (response := self._outbox.take()) is not None:
                    yield response
                    self._room.set()
                if self._exhausted and not self._in_flight and not self._outbox.unsent:
                    break
            if self._intake.cancelled():
                raise ShuttingDown
            await self._intake
            yield self._response(summary=self.summary())
        finally:
            await self._abandon(self._intake)

    async def _abandon(self, intake: asyncio.Task[None]) -> None:
        for delivery in self._in_flight:
            delivery.cancelled = True
        self._in_flight.clear()
        for timer in (self._linger, self._stopping):
            if timer is not None:
                timer.cancel()
        intake.cancel()
        await asyncio.gather(intake, *(lane.close() for lane in self._all_lanes), return_exceptions=True)

    # --- targets in ---------------------------------------------------------------------------

    async def _take_in(self, batches: AsyncIterator[Sequence[Target]]) -> None:
        index = 0
        turn = Turn(self._limits.turn, self._limits.turn_seconds)
        frames = aiter(batches)
        while (batch := await self._read(frames)) is not None:
            for position, target in enumerate(batch):
                while turn.over():
                    await self._yield_turn()
                    turn.begin()
                if not self._granted:
                    await self._pace(len(batch) - position)
                self._granted -= 1
                self._admit(index, target)
                index += 1

    async def _read(self, frames: AsyncIterator[Sequence[Target]]) -> Sequence[Target] | None:
        """Return the caller's next targets, None when there are no more."""
        self._reading = True
        try:
            async with asyncio.timeout(_LAST_FRAME if self._gave_up else None):
                return await anext(frames, None)
        except TimeoutError:
            raise ShuttingDown from None
        finally:
            self._reading = False

    async def _yield_turn(self) -> None:
        """Let other calls, and the connections of this one, have their turn; wait for room; look for changes."""
        await asyncio.sleep(0)
        while self._taken() + self._limits.turn > self._limits.in_flight:
            self._room.clear()
            await self._room.wait()
        if self._loop.time() >= self._refresh_at:
            self._refresh_at = self._loop.time() + _RECHECK
            if stale := await self._plans.refresh():
                # Deliveries on their way stay in the lane in which they began.
                for kind in stale:
                    self._lanes.pop(kind, None)
                used = {delivery.lane for delivery in self._in_flight} | set(self._lanes.values())
                self._all_lanes = [lane for lane in self._all_lanes if lane in used]

    async def _pace(self, waiting: int) -> None:
        """Wait until the quotas let at least one of so many targets in, or until the call's deadline.

        After the deadline the others of a call that a quota held up are refused.
        """
        wanted = min(waiting, self._limits.turn)
        while not self._over_quota and self._stopping is None:
            if granted := self._pacer.take(wanted):
                self._granted = granted
                return
            left = self._call_deadline - self._loop.time()
            if left <= 0:
                break
            await asyncio.sleep(min(max(self._pacer.wait(wanted), _SHORTEST_PAUSE), _LONGEST_PAUSE, left))
            # What has waited long is not sent by what was true before.
            await self._yield_turn()
        self._granted = wanted
        if self._stopping is None:
            self._over_quota += wanted
            self._refusal = faults.over_quota(max(1.0, self._pacer.wait(self._over_quota)))

    def _taken(self) -> int:
        """Return how many targets count against the limit. A stopping call sends nothing, so only results do."""
        return self._outbox.unsent + (0 if self._stopping else len(self._in_flight))

    def _intake_done(self, intake: asyncio.Task[None]) -> None:
        expected = (RequestInvalid, QuotaExceeded, ShuttingDown)
        if not intake.cancelled() and (error := intake.exception()) and not isinstance(error, expected):
            _log.error("intake of a call failed", send_id=self._send_id, exc_info=error)
        self._exhausted = True
        self._ready.set()

    def _admit(self, index: int, target: Target) -> None:
        now = self._loop.time()
        refused: Outcome | None
        if self._stopping is not None:
            refused = faults.SHUT_DOWN
        elif self._refusal is not None:
            refused = self._refusal
        elif now >= self._call_deadline:
            refused = faults.NOT_TRIED_TIMEOUT
        elif (refused := target_problem(target)) is None:
            lane = self._lanes.get(target.channel_type) or self._open_lane(target.channel_type)
            if isinstance(lane, Outcome):
                refused = lane
            elif lane.plan.broken is not None:
                refused = lane.plan.broken
            else:
                deadline = min(now + self._send_timeout, self._call_deadline)
                delivery = Delivery(lane, index, target, deadline, repeat_ambiguous=self._repeat_ambiguous)
                self._in_flight.add(delivery)
                lane.send(delivery)
                return
        self._finish(index, target, refused, attempts=0)

    def _open_lane(self, channel_type: ChannelType) -> Lane | Outcome:
        try:
            plan = self._plans.get(channel_type)
        except Exception:  # noqa: BLE001 - no target may lose its result
            _log.exception("planning failed", send_id=self._send_id)
            return faults.FAULT
        if isinstance(plan, Outcome):
            return plan
        limits = self._limits
        lane = Lane(plan, self, self._send_id, turn=limits.turn, turn_seconds=limits.turn_seconds)
        self._lanes[channel_type] = lane
        self._all_lanes.append(lane)
        return lane

    # --- results out --------------------------------------------------------------------------

    def conclude(self, delivery: Delivery, outcome: Outcome) -> None:
        """See `LaneOwner`."""
        if delivery in self._in_flight:
            self._in_flight.remove(delivery)
            self._finish(delivery.index, delivery.target, outcome, attempts=delivery.attempts)

    def withdraw(self, lane: Lane, outcome: Outcome) -> None:
        """See `LaneOwner`."""
        for delivery in lane.withdraw_waiting():
            self.conclude(delivery, outcome)
        for delivery in [each for each in self._in_flight if each.lane is lane and not each.attempts]:
            delivery.cancelled = True
            self.conclude(delivery, outcome)

    def _finish(self, index: int, target: Target, outcome: Outcome, *, attempts: int) -> None:
        try:
            self._outbox.add(index, target, outcome, attempts=attempts)
        except Exception:  # noqa: BLE001 - no target may lose its result
            _log.exception("a result cannot be expressed", send_id=self._send_id)
            outcome = faults.FAULT_AFTER_SENDING
            self._outbox.add(index, target, outcome, attempts=attempts)
        self._tally.add(outcome)
        if self._outbox.full or (self._exhausted and not self._in_flight):
            self._ready.set()
        elif self._linger is None:
            self._linger = self._loop.call_later(self._limits.linger, self._ready.set)
