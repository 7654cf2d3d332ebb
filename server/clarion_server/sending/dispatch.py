"""A call while it sends.

Targets come in on one side (`_take_in`), go to their sender's pool as `Delivery` objects, come back through
`Delivery.done`, and leave as batches of results on the other side (`events`). There is no task, timer or lock per
target. At most `Limits.in_flight` targets are between the two sides, so a reader that stops stops the intake.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic

import structlog

from clarion.v1.messaging_pb2 import SendSummary, Target
from clarion_server.errors import RequestInvalid
from clarion_server.providers.contract import Outcome
from clarion_server.sending import faults
from clarion_server.sending.check import target_problem
from clarion_server.sending.plan import Plan, Plans, rejected_again
from clarion_server.sending.results import Outbox, Response, Tally
from clarion_server.transport import Exchange

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one call.

    Attributes:
        in_flight: targets taken in whose results have not left.
        batch: results that are sent without waiting for more.
        linger: seconds that a result waits for others to travel with.
        turn: targets taken in before the event loop's other work gets a turn.
    """

    in_flight: int = 4000
    batch: int = 250
    linger: float = 0.01
    turn: int = 200


class Delivery(Exchange):
    """One target on its way."""

    __slots__ = ("call", "generation", "index", "plan", "renewed", "target")

    def __init__(self, call: SendCall[Any], plan: PlanState, index: int, target: Target, deadline: float) -> None:
        super().__init__((), b"", deadline, repeat_ambiguous=call.repeat_ambiguous)
        self.call = call
        self.plan = plan
        self.index = index
        self.target = target
        self.renewed = False
        self.generation = 0

    def done(self) -> None:
        """Take the transport's answer."""
        self.call.answered(self)


class PlanState:
    """A plan, and the deliveries that wait until its sender can prove our identity."""

    __slots__ = ("authorized_until", "generation", "plan", "task", "waiting")

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.waiting: list[Delivery] = []
        self.task: asyncio.Task[None] | None = None
        self.authorized_until = 0.0
        self.generation = 0


# A long call asks its senders this often whether their tokens are still good, and looks this often for changed
# channels. Seconds.
_RECHECK = 1.0


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
    ) -> None:
        self.repeat_ambiguous = repeat_ambiguous
        self._send_id = send_id
        self._plans = plans
        self._send_timeout = send_timeout
        self._call_deadline = call_deadline
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._states: dict[int, PlanState | Outcome] = {}
        self._in_flight: set[Delivery] = set()
        self._response: type[Response] = response
        self._outbox: Outbox[Response] = Outbox(response, send_id, limits.batch)
        self._tally = Tally()
        self._started = self._loop.time()
        self._ready = asyncio.Event()
        self._room = asyncio.Event()
        self._linger: asyncio.TimerHandle | None = None
        self._refresh_at = self._started + _RECHECK
        self._retired: list[PlanState] = []
        self._exhausted = False
        self._stopping = False

    def stop(self) -> None:
        """Take in no further targets: the server is shutting down. Those to come get a result that says so."""
        self._stopping = True
        self._room.set()

    def summary(self) -> SendSummary:
        """Return the counts until now."""
        return self._tally.summary(self._loop.time() - self._started)

    async def events(self, batches: AsyncIterator[Sequence[Target]]) -> AsyncGenerator[Response, None]:
        """Send to all targets and yield their results, then the summary.

        Closing the generator cancels what has not been sent.

        Raises:
            RequestInvalid: `batches` raised it; the results of the targets before it were yielded first.
        """
        intake = asyncio.create_task(self._take_in(batches), name=f"intake {self._send_id}")
        intake.add_done_callback(self._intake_done)
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
            await intake
            yield self._response(summary=self.summary())
        finally:
            await self._abandon(intake)

    async def _abandon(self, intake: asyncio.Task[None]) -> None:
        for delivery in self._in_flight:
            delivery.cancelled = True
        tasks = [intake]
        states = [*self._retired, *(state for state in self._states.values() if isinstance(state, PlanState))]
        tasks += [state.task for state in states if state.task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._linger is not None:
            self._linger.cancel()

    # --- targets in ---------------------------------------------------------------------------

    async def _take_in(self, batches: AsyncIterator[Sequence[Target]]) -> None:
        index = 0
        turn = self._limits.turn
        async for batch in batches:
            for first in range(0, len(batch), turn):
                while len(self._in_flight) + self._outbox.unsent + turn > self._limits.in_flight and not self._stopping:
                    self._room.clear()
                    await self._room.wait()
                if self._loop.time() >= self._refresh_at:
                    await self._refresh()
                for target in batch[first : first + turn]:
                    self._admit(index, target)
                    index += 1
                # Other calls, and the connections of this one, get their turn.
                await asyncio.sleep(0)

    async def _refresh(self) -> None:
        self._refresh_at = self._loop.time() + _RECHECK
        if await self._plans.refresh():
            # Deliveries on their way keep the state that they began with.
            self._retired += [state for state in self._states.values() if isinstance(state, PlanState) and state.task]
            self._states.clear()

    def _intake_done(self, intake: asyncio.Task[None]) -> None:
        if not intake.cancelled() and (error := intake.exception()) and not isinstance(error, RequestInvalid):
            _log.error("intake of a call failed", send_id=self._send_id, exc_info=error)
        self._exhausted = True
        self._ready.set()

    def _admit(self, index: int, target: Target) -> None:
        now = self._loop.time()
        deadline = min(now + self._send_timeout, self._call_deadline)
        if self._stopping:
            self._refuse(index, target, faults.SHUT_DOWN)
        elif now >= self._call_deadline:
            self._refuse(index, target, faults.NOT_TRIED_TIMEOUT)
        elif (problem := target_problem(target)) is not None:
            self._refuse(index, target, problem)
        elif isinstance(state := self._state(target.channel_type), Outcome):
            self._refuse(index, target, state)
        elif state.plan.broken is not None:
            self._refuse(index, target, state.plan.broken)
        else:
            delivery = Delivery(self, state, index, target, deadline)
            self._in_flight.add(delivery)
            if state.task is None and now < state.authorized_until:
                self._submit(delivery)
            else:
                self._await_authorization(delivery)

    def _state(self, channel_type: int) -> PlanState | Outcome:
        state = self._states.get(channel_type)
        if state is None:
            try:
                plan = self._plans.get(channel_type)  # type: ignore[arg-type]
            except Exception:  # noqa: BLE001 - no target may lose its result
                _log.exception("planning failed", send_id=self._send_id)
                plan = faults.FAULT
            state = self._states[channel_type] = plan if isinstance(plan, Outcome) else PlanState(plan)
        return state

    def _refuse(self, index: int, target: Target, outcome: Outcome) -> None:
        self._finish(index, target, outcome, attempts=0)

    # --- on the way ---------------------------------------------------------------------------

    def _submit(self, delivery: Delivery) -> None:
        state = delivery.plan
        try:
            request = state.plan.request(delivery.target)
        except Exception:  # noqa: BLE001 - no target may lose its result
            _log.exception("rendering failed", send_id=self._send_id)
            request = faults.FAULT
        if isinstance(request, Outcome):
            self._conclude(delivery, request)
            return
        delivery.headers = request.headers
        delivery.body = request.body
        delivery.generation = state.generation
        state.plan.sender.pool.submit(delivery)

    def _await_authorization(self, delivery: Delivery) -> None:
        state = delivery.plan
        state.waiting.append(delivery)
        if state.task is None:
            state.task = asyncio.create_task(self._authorize(state), name=f"authorize {self._send_id}")

    async def _authorize(self, state: PlanState) -> None:
        deadline = min(self._loop.time() + self._send_timeout, self._call_deadline)
        refused: Outcome | None
        try:
            async with asyncio.timeout_at(deadline):
                refused = await state.plan.sender.authorize()
        except TimeoutError:
            refused = faults.NOT_TRIED_TIMEOUT
        except Exception:  # noqa: BLE001 - no target may lose its result
            _log.exception("authorization failed", send_id=self._send_id)
            refused = faults.FAULT
        state.task = None
        state.authorized_until = self._loop.time() + _RECHECK
        waiting, state.waiting = state.waiting, []
        if refused is not None:
            state.authorized_until = 0.0
            if refused.credential_broken:
                state.plan.stop(refused)
        for delivery in waiting:
            if refused is not None:
                self._conclude(delivery, refused)
            else:
                self._submit(delivery)

    def answered(self, delivery: Delivery) -> None:
        """Take what the transport has to say about a delivery."""
        if delivery.failure is not None:
            self._conclude(delivery, faults.outcome_of(delivery.failure, delivery.failure_detail))
            return
        state = delivery.plan
        try:
            outcome = state.plan.sender.classify(delivery)
        except Exception:  # noqa: BLE001 - no target may lose its result
            _log.exception("classifying an answer failed", send_id=self._send_id, status=delivery.status)
            outcome = faults.FAULT_AFTER_SENDING
        if outcome.renew:
            if not delivery.renewed:
                self._renew(delivery)
                return
            outcome = rejected_again(outcome)
        if outcome.credential_broken and state.plan.broken is None:
            _log.warning(
                "the provider rejects a credential",
                send_id=self._send_id,
                status=outcome.status_code,
                provider_reason=outcome.provider_reason,
            )
            state.plan.stop(outcome)
        self._conclude(delivery, outcome)

    def _renew(self, delivery: Delivery) -> None:
        """Repeat a delivery with a new proof of identity; many that fail together ask for it only once."""
        state = delivery.plan
        if delivery.generation == state.generation:
            state.generation += 1
            state.authorized_until = 0.0
            state.plan.sender.renew()
        delivery.renewed = True
        delivery.status = 0
        self._await_authorization(delivery)

    # --- results out --------------------------------------------------------------------------

    def _conclude(self, delivery: Delivery, outcome: Outcome) -> None:
        self._in_flight.discard(delivery)
        self._finish(delivery.index, delivery.target, outcome, attempts=delivery.attempts)

    def _finish(self, index: int, target: Target, outcome: Outcome, *, attempts: int) -> None:
        self._tally.add(outcome)
        self._outbox.add(index, target, outcome, attempts=attempts)
        if self._outbox.full or (self._exhausted and not self._in_flight):
            self._ready.set()
        elif self._linger is None:
            self._linger = self._loop.call_later(self._limits.linger, self._ready.set)
