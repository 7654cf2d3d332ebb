"""A call while it sends.

Targets come in on one side (`_take_in`), go through the lane of their channel to its pool as `Delivery` objects, come
back through `Delivery.done`, and leave as batches of results on the other side (`events`). There is no task, timer or
lock per target. The channels of a call share `Limits.in_flight` evenly. Targets of a channel that has its share wait
aside, as many again, so that those of the others go on; beyond that the intake stops, unless the channel's provider has
not answered anything for a while: then its further targets are told so. A reader that stops stops the intake.
docs/adr/0014-isolation-of-channels.md has the reasons.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, Generic

import structlog

from clarion.v1.channel_pb2 import ChannelType
from clarion.v1.messaging_pb2 import SendSummary, Target
from clarion_server.errors import ClarionError, QuotaExceeded, RequestInvalid, ShuttingDown
from clarion_server.providers.contract import Outcome
from clarion_server.sending import faults
from clarion_server.sending.aside import Aside
from clarion_server.sending.breaker import Breakers
from clarion_server.sending.check import (
    MAX_ADDRESS_BYTES,
    MAX_CLIENT_REF_BYTES,
    fits,
    overrides_problem,
    target_problem,
)
from clarion_server.sending.delivery import Delivery, Turn
from clarion_server.sending.gate import QuotaGate
from clarion_server.sending.lane import Lane
from clarion_server.sending.lanes import Lanes
from clarion_server.sending.limits import Limits
from clarion_server.sending.meter import Meter
from clarion_server.sending.pacing import Pacer, Unlimited
from clarion_server.sending.plan import Plans
from clarion_server.sending.results import Addressee, NotSentTo, Outbox, Response, Tally
from clarion_server.sending.retry import RetryPolicy
from clarion_server.sending.watch import Watch

_log: Any = structlog.get_logger(__name__)

# A long call looks this often for changed channels. Seconds.
_RECHECK = 1.0
# Seconds that a stopping call waits for a frame that its caller may have sent already.
_LAST_FRAME = 0.2


class SendCall(Generic[Response]):
    """Sends one call's message to its targets.

    Args:
        send_id: names the call; message ids are made from it when a provider gives none.
        plans: how to send on each channel.
        send_timeout: seconds that each target may take.
        call_deadline: `loop.time()` by which all must be over.
        policy: what is repeated.
        limits: bounds.
        breakers: of all channels.
        meter: counts.
        response: the RPC's response message.
        still_allowed: asked about once a second: None, or the outcome of all further targets.
        pacer: how fast targets may be taken in; None: as fast as they come.
    """

    def __init__(
        self,
        send_id: str,
        plans: Plans,
        *,
        send_timeout: float,
        call_deadline: float,
        policy: RetryPolicy,
        limits: Limits,
        breakers: Breakers,
        meter: Meter,
        response: type[Response],
        still_allowed: Callable[[], Awaitable[Outcome | None]] | None = None,
        pacer: Pacer | None = None,
    ) -> None:
        self._still_allowed = still_allowed
        self._revoked: Outcome | None = None
        self._gate = QuotaGate(Unlimited().pacer("") if pacer is None else pacer, call_deadline, limits.turn)
        self._send_id = send_id
        self._plans = plans
        self._send_timeout = send_timeout
        self._call_deadline = call_deadline
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._lanes = Lanes(plans, self, send_id, breakers=breakers, policy=policy, meter=meter, limits=limits)
        self._in_flight: set[Delivery] = set()
        self._aside = Aside(self, limits.in_flight, limits.turn, limits.turn_seconds)
        self._response: type[Response] = response
        self._outbox: Outbox[Response] = Outbox(response, send_id, limits.batch)
        self._tally = Tally(meter)
        self._started = self._loop.time()
        self._ready = asyncio.Event()
        self._room = asyncio.Event()
        self._linger: asyncio.TimerHandle | None = None
        self._refresh_at = self._started + _RECHECK
        self._intake: asyncio.Task[None] | None = None
        self._exhausted = False
        self._reading = False
        self._frames = self._frames_before = 0
        self._end: ClarionError = ShuttingDown()
        self._stopping: asyncio.TimerHandle | None = None
        self._gave_up = False

    def stop(self) -> None:
        """Send nothing further: the server is shutting down.

        What has not been sent gets a result that says so; what is under way gets a few seconds for its answer. A caller
        that has not said by then that there are no more targets gets the call's end instead of a summary.
        """
        if self._stopping is None:
            self._stopping = self._loop.call_later(self._limits.last_answers, self._give_up)
            for lane in self._lanes:
                lane.stop()
                self.withdraw(lane, faults.SHUT_DOWN)
            self._make_room()

    def _give_up(self) -> None:
        self._gave_up = True
        for delivery in list(self._in_flight):
            delivery.cancelled = True
            self.conclude(delivery, faults.STOPPED_WAITING if delivery.has_left else faults.SHUT_DOWN)
        if self._intake is not None and self._reading:
            self._intake.cancel()

    def summary(self) -> SendSummary:
        """Return the counts until now."""
        return self._tally.summary(self._loop.time() - self._started)

    def in_flight(self) -> Counter[ChannelType]:
        """Return how many targets have no result yet, by channel type; those that were put aside included."""
        counts: Counter[ChannelType] = Counter()
        for lane in self._lanes:
            counts[lane.channel_type] += lane.open
        for channel_type in self._lanes.channel_types:
            counts[channel_type] += self._aside.waiting_for(channel_type)
        return counts

    async def events(
        self, batches: AsyncIterator[Sequence[Target]], first: Response | None = None
    ) -> AsyncGenerator[Response, None]:
        """Send to all targets and yield `first`, if given, then their results, then the summary.

        The first targets are taken in while the reader is still busy with `first`.

        Closing the generator cancels what has not been sent.

        Raises:
            RequestInvalid, QuotaExceeded: `batches` raised it; the results of the targets before it were yielded first.
            ShuttingDown: the server stops, and the caller may have more targets.
            TokenExpired, AccessDenied: the caller may not send any more, and sends nothing.
        """
        watch = Watch(self._is_due, self._look_again, self._end_if_idle)
        self._intake = asyncio.create_task(self._take_in(batches), name=f"intake {self._send_id}")
        self._intake.add_done_callback(self._intake_done)
        try:
            if first is not None:
                yield first
            while True:
                await self._ready.wait()
                self._ready.clear()
                if self._linger is not None:
                    self._linger.cancel()
                    self._linger = None
                while (response := self._outbox.take()) is not None:
                    yield response
                    self._make_room()
                self._tally.flush()
                if self._complete and not self._outbox.unsent:
                    break
            if self._intake.cancelled():
                raise self._end
            await self._intake
            yield self._response(summary=self.summary())
        finally:
            self._abandon(self._intake)
            try:
                # The call's task may be cancelled once more, here: nothing may depend on what comes after.
                await watch.close()
                if not self._intake.done():
                    await asyncio.gather(self._intake, return_exceptions=True)
            finally:
                # These refer back to the call. In a circle, all that it has would stay until the garbage collector
                # comes, which makes all calls wait.
                del self._lanes, self._aside

    @property
    def _complete(self) -> bool:
        """Whether every target has its result."""
        return self._exhausted and not self._in_flight and not self._aside

    def _abandon(self, intake: asyncio.Task[None]) -> None:
        """Send nothing further, and let go of what others know of the call."""
        intake.cancel()
        for lane in self._lanes:
            lane.end()
        self._aside.clear()
        for delivery in self._in_flight:
            delivery.cancelled = True
        self._in_flight.clear()
        for timer in (self._linger, self._stopping):
            if timer is not None:
                timer.cancel()

    # --- targets in ---------------------------------------------------------------------------

    async def _take_in(self, batches: AsyncIterator[Sequence[Target]]) -> None:
        index = 0
        turn = Turn(self._limits.turn, self._limits.turn_seconds)
        frames = aiter(batches)
        gate = self._gate
        while (batch := await self._read(frames)) is not None:
            position = 0
            while position < len(batch):
                while turn.over():
                    await self._yield_turn()
                    turn.begin()
                if not gate.granted:
                    await gate.wait(len(batch) - position, self._sends_nothing, self._look_again)
                run = batch[position : position + min(gate.granted, turn.left)]
                if gate.refusal is None:
                    taken = self._admit(run, index, turn)
                else:
                    taken = self._refuse_all(run, index, gate.refusal)
                if not taken:
                    await self._wait_for_room()
                    await self._look_again()
                gate.granted -= taken
                turn.left -= taken
                position += taken
                index += taken

    async def _read(self, frames: AsyncIterator[Sequence[Target]]) -> Sequence[Target] | None:
        """Return the caller's next targets, None when there are no more."""
        self._reading = True
        try:
            if not self._gave_up:
                return await anext(frames, None)
            async with asyncio.timeout(_LAST_FRAME):
                return await anext(frames, None)
        except TimeoutError:
            raise ShuttingDown from None
        finally:
            self._frames += 1
            self._reading = False

    async def _yield_turn(self) -> None:
        """Let other calls, and the connections of this one, have their turn; wait for room; look for changes."""
        await asyncio.sleep(0)
        while self._outbox.unsent + self._limits.turn > self._limits.in_flight:
            await self._wait_for_room()
        await self._look_again()

    def _sends_nothing(self) -> bool:
        """Return whether all further targets get their result without being sent to."""
        return self._stopping is not None or self._revoked is not None

    async def _look_again(self) -> None:
        """About once a second: have changed channels looked up anew, and stop sending if the caller may not any more.

        What is under way gets its answer.
        """
        if not self._is_due():
            return
        self._refresh_at = self._loop.time() + _RECHECK
        if stale := await self._plans.refresh():
            self._lanes.forget(stale, {delivery.lane for delivery in self._in_flight})
            self._make_room()
        if self._still_allowed is None or self._revoked is not None:
            return
        self._revoked = await self._still_allowed()
        if self._revoked is not None:
            for lane in self._lanes:
                self.withdraw(lane, self._revoked)
            self._make_room()

    def _is_due(self) -> bool:
        return self._loop.time() >= self._refresh_at

    def _end_if_idle(self) -> None:
        """End a call whose caller may not send any more, and has sent nothing since this was called before.

        Until then further targets get results that say so. Every target that was taken in has its result first.
        """
        idle, self._frames_before = self._frames == self._frames_before, self._frames
        if idle and self._reading and self._revoked is not None and self._intake is not None and not self._gave_up:
            self._end = faults.end_of_call(self._revoked)
            self._intake.cancel()

    async def _wait_for_room(self) -> None:
        """Return when something has moved, or when it is time to ask why nothing does."""
        self._room.clear()
        alarm = self._loop.call_later(self._limits.stall, self._room.set)
        try:
            await self._room.wait()
        finally:
            alarm.cancel()

    def room_for(self, channel_type: ChannelType) -> int:
        """See `Intake`."""
        left = self._limits.in_flight - self._outbox.unsent
        lane = self._lanes.find(channel_type)
        if lane is None or self._stopping is not None or self._revoked is not None:
            return left
        return min(self._lanes.share, left) - lane.open

    def _intake_done(self, intake: asyncio.Task[None]) -> None:
        expected = (RequestInvalid, QuotaExceeded, ShuttingDown)
        if not intake.cancelled() and (error := intake.exception()) and not isinstance(error, expected):
            _log.error("intake of a call failed", send_id=self._send_id, exc_info=error)
        self._exhausted = True
        self._ready.set()

    def _admit(self, run: Sequence[Target], index: int, turn: Turn) -> int:
        """Take targets in, or put them aside until their channel has room; return how many.

        Ends early when neither is possible, or when the turn is over. Hot path: nothing else happens in between, so
        what holds for a channel is looked up once for the targets that follow each other.
        """
        now = self._loop.time()
        channel_type: ChannelType | None = None
        lane: Lane | Outcome = faults.FAULT
        room = 0
        for taken, target in enumerate(run):
            if target.channel_type != channel_type:
                channel_type = target.channel_type
                room = 0 if channel_type in self._aside else self.room_for(channel_type)
                if room > 0:
                    lane = self.lane_for(channel_type, now)
                    # A lane that was opened for it has made the shares smaller, its own as well.
                    room = min(room, self.room_for(channel_type))
            if room > 0:
                room -= 1
                if self.begin(lane, index + taken, target, now):
                    # Rendering can be slow.
                    now = self._loop.time()
                    if now >= turn.until:
                        return taken + 1
            elif not self._keep(index + taken, target, channel_type):
                return taken
        return len(run)

    def _keep(self, index: int, target: Target, channel_type: ChannelType) -> bool:
        """Put a target aside, or tell it that its channel is congested; False: it has to wait where it is."""
        if self._aside.put(index, target, channel_type):
            return True
        lane, lanes = self._lanes.find(channel_type), self._lanes
        # Only if it is full itself: a caller that does not read is no fault of the provider's.
        if lane is not None and lane.open + lanes.batch > lanes.share and lane.stalled(self._limits.stall):
            self._refuse(index, target, faults.CONGESTED)
            return True
        self._aside.block(channel_type)
        return False

    def lane_for(self, channel_type: ChannelType, now: float) -> Lane | Outcome:
        """See `Intake`."""
        if self._stopping is not None:
            return faults.SHUT_DOWN
        if self._revoked is not None:
            return self._revoked
        if now >= self._call_deadline:
            return faults.NOT_TRIED_TIMEOUT
        return self._lanes.get(channel_type)

    def begin(self, lane: Lane | Outcome, index: int, target: Target, now: float) -> bool:
        """See `Intake`. Hot path."""
        address, client_ref = target.address, target.client_ref
        overrides = target.overrides if target.HasField("overrides") else None
        # What is wrong with the target itself comes first: it would be wrong the next time as well.
        refused = target_problem(address, client_ref)
        if refused is not None:
            pass
        elif isinstance(lane, Outcome):
            refused = lane if overrides is None else overrides_problem(overrides) or lane
        elif isinstance(payload := lane.payload(overrides), Outcome):
            refused = payload
        else:
            deadline = min(now + self._send_timeout, self._call_deadline)
            delivery = Delivery(lane, index, address, client_ref, payload, deadline)
            self._in_flight.add(delivery)
            if not lane.open:
                lane.busy_since = now
            lane.open += 1
            lane.send(delivery, now)
        if refused is not None:
            self._refuse(index, target, refused)
        return overrides is not None

    def _make_room(self) -> None:
        """Go on with the intake, and with what was put aside, as far as there is room."""
        self._room.set()
        self._aside.make_room()

    def moved(self) -> None:
        """See `Intake`."""
        self._room.set()
        if self._complete:
            self._ready.set()

    # --- results out --------------------------------------------------------------------------

    def conclude(self, delivery: Delivery, outcome: Outcome) -> None:
        """See `LaneOwner`."""
        try:
            self._in_flight.remove(delivery)
        except KeyError:
            return
        if delivery.doubt is not None:
            outcome = faults.in_doubt(delivery.doubt, outcome)
        lane = delivery.lane
        lane.open -= 1
        if self._aside.blocked and lane.open + self._lanes.batch <= self._lanes.share:
            self._aside.make_room_for(lane.channel_type)
        self._finish(delivery, outcome)

    def withdraw(self, lane: Lane, outcome: Outcome) -> None:
        """See `LaneOwner`."""
        self._refresh_at = 0.0  # if it was the credential: there may be a new one already
        for delivery in lane.withdraw_waiting():
            self.conclude(delivery, delivery.not_sent(outcome))
        for delivery in [each for each in self._in_flight if each.lane is lane and not each.has_left]:
            delivery.cancelled = True
            self.conclude(delivery, delivery.not_sent(outcome))

    def _refuse(self, index: int, target: Target, outcome: Outcome) -> None:
        """Give a target its result without sending to it."""
        # What was refused for its length must not make the response too long for its reader.
        address = target.address if fits(target.address, MAX_ADDRESS_BYTES) else ""
        client_ref = target.client_ref if fits(target.client_ref, MAX_CLIENT_REF_BYTES) else ""
        self._finish(NotSentTo(index, address, client_ref, target.channel_type), outcome)

    def _refuse_all(self, run: Sequence[Target], index: int, outcome: Outcome) -> int:
        """Give targets their results without sending to them; return how many."""
        for position, target in enumerate(run):
            self._refuse(index + position, target, outcome)
        return len(run)

    def _finish(self, addressee: Addressee, outcome: Outcome) -> None:
        try:
            full = self._outbox.add(addressee, outcome)
        except Exception:  # noqa: BLE001 - no target may lose its result
            _log.exception("a result cannot be expressed", send_id=self._send_id)
            outcome = faults.FAULT_AFTER_SENDING
            full = self._outbox.add(addressee, outcome)
        self._tally.add(addressee, outcome)
        if full or (self._exhausted and self._complete):
            self._ready.set()
        elif self._linger is None:
            self._linger = self._loop.call_later(self._limits.linger, self._ready.set)
