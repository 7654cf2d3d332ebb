"""Targets of a call on their way in.

Read as they come, let in by the quotas, in turns; then each goes to the lane of its channel, or waits aside while that
has its share. There is no task, timer or lock per target.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

from clarion.v1.channel_pb2 import ChannelType
from clarion.v1.messaging_pb2 import Target
from clarion_server.errors import ShuttingDown
from clarion_server.providers.contract import Outcome
from clarion_server.sending import faults
from clarion_server.sending.aside import Aside
from clarion_server.sending.check import overrides_problem, target_problem
from clarion_server.sending.delivery import Delivery, Turn
from clarion_server.sending.gate import QuotaGate
from clarion_server.sending.lane import Lane
from clarion_server.sending.lanes import Lanes
from clarion_server.sending.limits import Limits
from clarion_server.sending.reporting import Reporter

# Seconds that a stopping call waits for a frame that its caller may have sent already.
_LAST_FRAME = 0.2


class Intake:
    """Takes a call's targets in.

    Args:
        lanes: of the call.
        reporter: of the call.
        gate: of the quotas.
        limits: bounds.
        send_timeout: seconds that each target may take.
        call_deadline: `loop.time()` by which all must be over.
        look_again: asked between turns; looks for what has changed, if it is time to.

    Attributes:
        in_flight: deliveries without a result; who gives one its result takes it out.
        aside: targets that wait for room.
        refusal: what becomes of all further targets, once the server stops or the caller may not send any more.
        exhausted: the caller has no more targets, or they cannot be read.
        reading: whether it waits for the caller.
        frames: how often the caller has sent targets, or has been waited for in vain.
        patient: whether it waits for the caller as long as it takes.
    """

    def __init__(
        self,
        lanes: Lanes,
        reporter: Reporter[Any],
        gate: QuotaGate,
        *,
        limits: Limits,
        send_timeout: float,
        call_deadline: float,
        look_again: Callable[[], Awaitable[None]],
    ) -> None:
        self.in_flight: set[Delivery] = set()
        self.aside = Aside(self, limits.in_flight, limits.turn, limits.turn_seconds)
        self.refusal: Outcome | None = None
        self.exhausted = False
        self.reading = False
        self.frames = 0
        self.patient = True
        self._lanes = lanes
        self._reporter = reporter
        self._gate = gate
        self._limits = limits
        self._send_timeout = send_timeout
        self._call_deadline = call_deadline
        self._look_again = look_again
        self._loop = asyncio.get_running_loop()
        self._room = asyncio.Event()

    @property
    def complete(self) -> bool:
        """Whether every target has its result."""
        return self.exhausted and not self.in_flight and not self.aside

    async def run(self, batches: AsyncIterator[Sequence[Target]]) -> None:
        """Take all targets in.

        Raises:
            ShuttingDown: the server stops, and the caller may have more targets.
            RequestInvalid, QuotaExceeded: `batches` raised it.
        """
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
                    taken = self._reporter.refuse_all(run, index, gate.refusal)
                if not taken:
                    await self._wait_for_room()
                    await self._look_again()
                gate.granted -= taken
                turn.left -= taken
                position += taken
                index += taken

    def make_room(self) -> None:
        """Go on with what waits, here and aside, as far as there is room."""
        self._room.set()
        self.aside.make_room()

    def end(self) -> None:
        """Forget all targets; those in flight are cancelled."""
        self.aside.clear()
        for delivery in self.in_flight:
            delivery.cancelled = True
        self.in_flight.clear()

    def release(self) -> None:
        """Let go of what refers back to this or to the call, when `run` has ended.

        In a circle, all that the call has would stay until the garbage collector comes, which makes all calls wait.
        """
        del self.aside, self._lanes, self._look_again

    # --- reading ------------------------------------------------------------------------------

    async def _read(self, frames: AsyncIterator[Sequence[Target]]) -> Sequence[Target] | None:
        """Return the caller's next targets, None when there are no more."""
        self.reading = True
        try:
            if self.patient:
                return await anext(frames, None)
            async with asyncio.timeout(_LAST_FRAME):
                return await anext(frames, None)
        except TimeoutError:
            raise ShuttingDown from None
        finally:
            self.frames += 1
            self.reading = False

    async def _yield_turn(self) -> None:
        """Let other calls, and the connections of this one, have their turn; wait for room; look for changes."""
        await asyncio.sleep(0)
        while self._reporter.unsent + self._limits.turn > self._limits.in_flight:
            await self._wait_for_room()
        await self._look_again()

    async def _wait_for_room(self) -> None:
        """Return when something has moved, or when it is time to ask why nothing does."""
        self._room.clear()
        alarm = self._loop.call_later(self._limits.stall, self._room.set)
        try:
            await self._room.wait()
        finally:
            alarm.cancel()

    def _sends_nothing(self) -> bool:
        """Return whether all further targets get their result without being sent to."""
        return self.refusal is not None

    # --- taking in ----------------------------------------------------------------------------

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
                room = 0 if channel_type in self.aside else self.room_for(channel_type)
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
        if self.aside.put(index, target, channel_type):
            return True
        lane, lanes = self._lanes.find(channel_type), self._lanes
        # Only if it is full itself: a caller that does not read is no fault of the provider's.
        if lane is not None and lane.open + lanes.batch > lanes.share and lane.stalled(self._limits.stall):
            self._reporter.refuse(index, target, faults.CONGESTED)
            return True
        self.aside.block(channel_type)
        return False

    def room_for(self, channel_type: ChannelType) -> int:
        """See `AsideOwner`."""
        left = self._limits.in_flight - self._reporter.unsent
        lane = self._lanes.find(channel_type)
        if lane is None or self.refusal is not None:
            return left
        return min(self._lanes.share, left) - lane.open

    def lane_for(self, channel_type: ChannelType, now: float) -> Lane | Outcome:
        """See `AsideOwner`."""
        if self.refusal is not None:
            return self.refusal
        if now >= self._call_deadline:
            return faults.NOT_TRIED_TIMEOUT
        return self._lanes.get(channel_type)

    def begin(self, lane: Lane | Outcome, index: int, target: Target, now: float) -> bool:
        """See `AsideOwner`. Hot path."""
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
            self.in_flight.add(delivery)
            if not lane.open:
                lane.busy_since = now
            lane.open += 1
            lane.send(delivery, now)
        if refused is not None:
            self._reporter.refuse(index, target, refused)
        return overrides is not None

    def moved(self) -> None:
        """See `AsideOwner`."""
        self._room.set()
        if self.complete:
            self._reporter.wake()
