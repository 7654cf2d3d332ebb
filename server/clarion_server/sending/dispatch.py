"""A call while it sends.

Targets come in on one side (`intake.py`), go through the lane of their channel to its pool as `Delivery` objects, come
back through `Delivery.done`, and leave as batches of results (`reporting.py`) on the other side (`events`). There is no
task, timer or lock per target. The channels of a call share `Limits.in_flight` evenly. Targets of a channel that has
its share wait aside, as many again, so that those of the others go on; beyond that the intake stops, unless the
channel's provider has not answered anything for a while: then its further targets are told so. A reader that stops
stops the intake. docs/adr/0014-isolation-of-channels.md has the reasons.
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
from clarion_server.sending.breaker import Breakers
from clarion_server.sending.delivery import Delivery
from clarion_server.sending.gate import QuotaGate
from clarion_server.sending.intake import Intake
from clarion_server.sending.lane import Lane
from clarion_server.sending.lanes import Lanes
from clarion_server.sending.limits import Limits
from clarion_server.sending.meter import Meter
from clarion_server.sending.pacing import Pacer, Unlimited
from clarion_server.sending.plan import Plans
from clarion_server.sending.reporting import Reporter
from clarion_server.sending.results import Response
from clarion_server.sending.retry import RetryPolicy
from clarion_server.sending.watch import Watch

_log: Any = structlog.get_logger(__name__)

# A long call looks this often for changed channels. Seconds.
_RECHECK = 1.0


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
        self._send_id = send_id
        self._plans = plans
        self._last_answers = limits.last_answers
        self._still_allowed = still_allowed
        self._revoked: Outcome | None = None
        self._loop = asyncio.get_running_loop()
        self._response: type[Response] = response
        self._reporter: Reporter[Response] = Reporter(response, send_id, limits, meter)
        self._lanes = Lanes(plans, self, send_id, breakers=breakers, policy=policy, meter=meter, limits=limits)
        self._intake = Intake(
            self._lanes,
            self._reporter,
            QuotaGate(Unlimited().pacer("") if pacer is None else pacer, call_deadline, limits.turn),
            limits=limits,
            send_timeout=send_timeout,
            call_deadline=call_deadline,
            look_again=self._look_again,
        )
        self._started = self._loop.time()
        self._refresh_at = self._started + _RECHECK
        self._taking_in: asyncio.Task[None] | None = None
        self._frames_before = 0
        self._end: ClarionError = ShuttingDown()
        self._stopping: asyncio.TimerHandle | None = None

    def stop(self) -> None:
        """Send nothing further: the server is shutting down.

        What has not been sent gets a result that says so; what is under way gets a few seconds for its answer. A caller
        that has not said by then that there are no more targets gets the call's end instead of a summary.
        """
        if self._stopping is None:
            self._stopping = self._loop.call_later(self._last_answers, self._give_up)
            self._intake.refusal = faults.SHUT_DOWN
            for lane in self._lanes:
                lane.stop()
                self.withdraw(lane, faults.SHUT_DOWN)
            self._intake.make_room()

    def _give_up(self) -> None:
        self._intake.patient = False
        for delivery in list(self._intake.in_flight):
            delivery.cancelled = True
            self.conclude(delivery, faults.STOPPED_WAITING if delivery.has_left else faults.SHUT_DOWN)
        if self._taking_in is not None and self._intake.reading:
            self._taking_in.cancel()

    def summary(self) -> SendSummary:
        """Return the counts until now."""
        return self._reporter.summary(self._loop.time() - self._started)

    def in_flight(self) -> Counter[ChannelType]:
        """Return how many targets have no result yet, by channel type; those that were put aside included."""
        counts: Counter[ChannelType] = Counter()
        for lane in self._lanes:
            counts[lane.channel_type] += lane.open
        for channel_type in self._lanes.channel_types:
            counts[channel_type] += self._intake.aside.waiting_for(channel_type)
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
        taking_in = asyncio.create_task(self._intake.run(batches), name=f"intake {self._send_id}")
        self._taking_in = taking_in
        taking_in.add_done_callback(self._taken_in)
        try:
            if first is not None:
                yield first
            while True:
                await self._reporter.wait()
                while (response := self._reporter.take()) is not None:
                    yield response
                    self._intake.make_room()
                self._reporter.flush()
                if self._intake.complete and not self._reporter.unsent:
                    break
            if taking_in.cancelled():
                raise self._end
            await taking_in
            yield self._response(summary=self.summary())
        finally:
            self._abandon(taking_in)
            try:
                # The call's task may be cancelled once more, here: nothing may depend on what comes after.
                await watch.close()
                if not taking_in.done():
                    await asyncio.gather(taking_in, return_exceptions=True)
            finally:
                self._intake.release()
                del self._lanes  # they refer back to the call

    def _abandon(self, taking_in: asyncio.Task[None]) -> None:
        """Send nothing further, and let go of what others know of the call."""
        taking_in.cancel()
        for lane in self._lanes:
            lane.end()
        self._intake.end()
        self._reporter.end()
        if self._stopping is not None:
            self._stopping.cancel()

    def _taken_in(self, taking_in: asyncio.Task[None]) -> None:
        expected = (RequestInvalid, QuotaExceeded, ShuttingDown)
        if not taking_in.cancelled() and (error := taking_in.exception()) and not isinstance(error, expected):
            _log.error("intake of a call failed", send_id=self._send_id, exc_info=error)
        self._intake.exhausted = True
        self._reporter.wake()

    # --- changes meanwhile --------------------------------------------------------------------

    def _is_due(self) -> bool:
        return self._loop.time() >= self._refresh_at

    async def _look_again(self) -> None:
        """About once a second: have changed channels looked up anew, and stop sending if the caller may not any more.

        What is under way gets its answer.
        """
        if not self._is_due():
            return
        self._refresh_at = self._loop.time() + _RECHECK
        if stale := await self._plans.refresh():
            self._lanes.forget(stale, {delivery.lane for delivery in self._intake.in_flight})
            self._intake.make_room()
        if self._still_allowed is None or self._revoked is not None:
            return
        self._revoked = await self._still_allowed()
        if self._revoked is not None:
            if self._stopping is None:
                self._intake.refusal = self._revoked
            for lane in self._lanes:
                self.withdraw(lane, self._revoked)
            self._intake.make_room()

    def _end_if_idle(self) -> None:
        """End a call whose caller may not send any more, and has sent nothing since this was called before.

        Until then further targets get results that say so. Every target that was taken in has its result first.
        """
        intake = self._intake
        idle, self._frames_before = intake.frames == self._frames_before, intake.frames
        if idle and intake.reading and self._revoked is not None and self._taking_in is not None and intake.patient:
            self._end = faults.end_of_call(self._revoked)
            self._taking_in.cancel()

    # --- for lanes (LaneOwner) ----------------------------------------------------------------

    def conclude(self, delivery: Delivery, outcome: Outcome) -> None:
        """See `LaneOwner`. Hot path."""
        intake = self._intake
        try:
            intake.in_flight.remove(delivery)
        except KeyError:
            return
        if delivery.doubt is not None:
            outcome = faults.in_doubt(delivery.doubt, outcome)
        lane = delivery.lane
        lane.open -= 1
        if intake.aside.blocked and lane.open + self._lanes.batch <= self._lanes.share:
            intake.aside.make_room_for(lane.channel_type)
        self._reporter.give(delivery, outcome)
        if intake.exhausted and intake.complete:
            self._reporter.wake()

    def withdraw(self, lane: Lane, outcome: Outcome) -> None:
        """See `LaneOwner`."""
        self._refresh_at = 0.0  # if it was the credential: there may be a new one already
        for delivery in lane.withdraw_waiting():
            self.conclude(delivery, delivery.not_sent(outcome))
        for delivery in [each for each in self._intake.in_flight if each.lane is lane and not each.has_left]:
            delivery.cancelled = True
            self.conclude(delivery, delivery.not_sent(outcome))
