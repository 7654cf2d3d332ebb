"""One channel within one call, while it sends: requests out, answers in, the wait for a proof of identity, repeats."""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from heapq import heappop, heappush
from typing import Any, Protocol

import structlog

from clarion.v1 import error_pb2, messaging_pb2
from clarion.v1.messaging_pb2 import Overrides
from clarion_server.providers.contract import HttpRequest, Outcome, Payload
from clarion_server.sending import faults
from clarion_server.sending.breaker import Breaker
from clarion_server.sending.delivery import Before, Delivery, Turn
from clarion_server.sending.meter import Meter
from clarion_server.sending.plan import Plan, rejected_again
from clarion_server.sending.retry import RetryPolicy
from clarion_server.transport import Failure

_log: Any = structlog.get_logger(__name__)

_SUCCESSFUL = messaging_pb2.DELIVERY_STATUS_SUCCESSFUL
# A long call asks its senders this often whether their tokens are still good. Seconds.
_RECHECK = 1.0
# Of a try that was not made: what the one before came to says more.
_NEVER_MADE = frozenset({Failure.NOT_SENT_DEADLINE, Failure.POOL_CLOSED})


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
        breaker: the channel's.
        policy: what is repeated.
        meter: counts.
        turn: targets that are sent before the event loop's other work gets a turn.
        turn_seconds: or so long.

    Attributes:
        channel_type: the channel's.
        flow: of its requests.
        repeat_ambiguous: whether requests that may have been processed are repeated.
        open: deliveries without a result; the owner counts them.
        busy_since: since when there are any; the owner sets it.
        answers: answers of the provider until now.
    """

    def __init__(
        self,
        plan: Plan,
        owner: LaneOwner,
        send_id: str,
        *,
        breaker: Breaker,
        policy: RetryPolicy,
        meter: Meter,
        turn: int,
        turn_seconds: float,
    ) -> None:
        self.plan = plan
        self.breaker = breaker
        self.channel_type = breaker.channel_type
        self.open = 0
        self.busy_since = 0.0
        self.answers = 0
        self._sender = plan.sender
        self._pool = plan.sender.pool
        self._owner = owner
        self._send_id = send_id
        self.repeat_ambiguous = policy.repeat_ambiguous
        self.flow = breaker.flow
        self._policy = policy
        self._meter = meter
        self._latency = meter.latency_of(self.channel_type)
        self._turn = turn
        self._turn_seconds = turn_seconds
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[Delivery] = deque()
        self._task: asyncio.Task[None] | None = None
        self._authorized_until = 0.0
        self._generation = 0
        self._later: list[tuple[float, int, Delivery]] = []  # a heap, by when they are due
        self._numbers = itertools.count()
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_at = 0.0
        self._closed = False
        self._stopped = False
        self._seen = (0, self._loop.time())
        breaker.watch(self, self._breaker_opened)

    def payload(self, overrides: Overrides | None) -> Payload | Outcome:
        """Return what a target with these overrides gets, or why it cannot get it. Hot path."""
        try:
            return self.plan.payload(overrides)
        except Exception:  # noqa: BLE001 - no target may lose its result
            _log.exception("rendering failed", send_id=self._send_id)
            return faults.FAULT

    def send(self, delivery: Delivery, now: float) -> None:
        """Send a delivery, once our identity can be proved. Hot path; `now` is the loop's time."""
        if self._task is None and (now < self._authorized_until or self._ready(now)):
            self._submit(delivery, now)
        else:
            self._wait(delivery)

    def stalled(self, seconds: float) -> bool:
        """Return whether the provider has answered nothing since this was first asked, or for so long."""
        now = self._loop.time()
        answers, since = self._seen
        if answers != self.answers or not self.open:
            self._seen = (self.answers, now)
            return False
        return now - max(since, self.busy_since) >= seconds

    def stop(self) -> None:
        """Repeat nothing any more: the server is shutting down."""
        self._stopped = True

    def withdraw_waiting(self) -> list[Delivery]:
        """Return those that wait for a proof or for their next try, and forget them."""
        waiting = [*self._waiting, *(delivery for _, _, delivery in self._later)]
        self._waiting.clear()
        self._later.clear()
        return waiting

    def release(self) -> None:
        """Let go of what others know of the lane: it gets no further deliveries, and has none."""
        self.breaker.unwatch(self)
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def end(self) -> None:
        """End what the lane does by itself."""
        self._closed = True
        self.withdraw_waiting()
        self.release()
        if self._task is not None:
            self._task.cancel()

    # --- out ----------------------------------------------------------------------------------

    def _submit(self, delivery: Delivery, now: float) -> None:
        if self.plan.broken is not None:
            self._owner.conclude(delivery, self.plan.broken)
            return
        request: HttpRequest | Outcome
        try:
            request = self._sender.request(delivery.payload, delivery.address)
        except Exception:  # noqa: BLE001 - no target may lose its result
            _log.exception("making a request failed", send_id=self._send_id)
            request = faults.FAULT
        if isinstance(request, Outcome):
            self._owner.conclude(delivery, request)
            return
        if self.breaker.impeded and self._held_up(delivery, now):
            return
        delivery.headers = request.headers
        delivery.body = request.body
        delivery.generation = self._generation
        delivery.submitted_at = now
        self._pool.submit(delivery)

    def _held_up(self, delivery: Delivery, now: float) -> bool:
        """Return whether the breaker keeps a delivery from going out now; it is then seen to."""
        verdict = self.breaker.admit(now)
        if verdict is None:
            return False
        if isinstance(verdict, Outcome):
            self._owner.conclude(delivery, delivery.not_sent(verdict))
        elif verdict >= delivery.deadline:
            self._owner.conclude(delivery, delivery.not_sent(self.breaker.throttled(now)))
        else:
            self._send_at(verdict, delivery)
        return True

    def _breaker_opened(self, refusal: Outcome) -> None:
        self._owner.withdraw(self, refusal)

    def _wait(self, delivery: Delivery) -> None:
        if self._closed:
            return
        self._waiting.append(delivery)
        if self._task is None:
            self._task = asyncio.create_task(self._authorize(), name=f"authorize {self._send_id}")

    def _send_at(self, when: float, delivery: Delivery) -> None:
        """Send a delivery later. One timer serves all that wait."""
        if self._closed:
            return
        heappush(self._later, (when, next(self._numbers), delivery))
        if self._alarm is None or when < self._alarm_at:
            self._set_alarm(when)

    def _set_alarm(self, when: float) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm_at = when
        self._alarm = self._loop.call_at(when, self._send_due)

    def _send_due(self) -> None:
        self._alarm = None
        turn = Turn(self._turn, self._turn_seconds)
        while self._later and self._later[0][0] <= (now := self._loop.time()) and not turn.over():
            turn.left -= 1
            self.send(heappop(self._later)[2], now)
        if self._later and self._alarm is None:
            self._set_alarm(self._later[0][0])

    def _ready(self, now: float) -> bool:
        """Return whether our identity can be proved without waiting for it, which spares most calls a task."""
        try:
            ready = self._sender.ready()
        except Exception:  # noqa: BLE001 - no target may lose its result
            return False  # `authorize` fails as well, and that is seen to
        if ready:
            self._authorized_until = now + _RECHECK
        return ready

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
                    turn.left -= 1
                    # One by one: while others have their turn, the list may be withdrawn.
                    if self._waiting:
                        delivery = self._waiting.popleft()
                        if refused is None:
                            self._submit(delivery, self._loop.time())
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
                    self._owner.conclude(delivery, delivery.not_sent(faults.NOT_TRIED_TIMEOUT))
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
        now = self._loop.time()
        if delivery.failure is not None:
            outcome = faults.outcome_of(delivery.failure, delivery.failure_detail)
            if delivery.failure in _NEVER_MADE:
                outcome = delivery.not_sent(outcome)
            # A repeat makes it forget. One that was on no connection speaks of the time since it has wanted to be.
            failure, sent_at = delivery.failure, delivery.sent_at or delivery.submitted_at
            # Before the breaker learns of it: what waits when it opens has its latest outcome, this one included.
            if not self._repeat(delivery, outcome, now):
                self._owner.conclude(delivery, outcome)
            self.breaker.failed(now, failure, sent_at)
            return
        self.answers += 1
        self._latency.add(now - delivery.submitted_at)
        breaker = self.breaker
        if breaker.sound and delivery.status < 500:
            breaker.last_good = now
        else:
            breaker.answered(now, delivery.status, delivery.sent_at)
        try:
            outcome = self._sender.classify(delivery)
        except Exception:  # noqa: BLE001 - no target may lose its result
            _log.exception("classifying an answer failed", send_id=self._send_id, status=delivery.status)
            outcome = faults.FAULT_AFTER_SENDING
        if outcome.status == _SUCCESSFUL:
            self._owner.conclude(delivery, outcome)
            return
        if outcome.renew:
            if self._stopped:
                self._owner.conclude(delivery, faults.SHUT_DOWN)
                return
            if not delivery.renewed:
                self._renew(delivery)
                return
            outcome = rejected_again(outcome)
        if outcome.reason == error_pb2.ERROR_REASON_PROVIDER_THROTTLED and outcome.retry_after:
            self.breaker.hold(now, outcome.retry_after)
        if outcome.repeat and self._repeat(delivery, outcome, now):
            return
        self._owner.conclude(delivery, outcome)
        if outcome.credential_broken and self.plan.broken is None:
            _log.warning(
                "the provider rejects a credential",
                send_id=self._send_id,
                status=outcome.status_code,
                provider_reason=outcome.provider_reason,
            )
            self._owner.withdraw(self, self.plan.stop(outcome))

    def _repeat(self, delivery: Delivery, outcome: Outcome, now: float) -> bool:
        """Have a delivery tried again later, if that is wanted and makes sense; return whether it is."""
        if self._stopped or self._closed or delivery.cancelled or self.plan.broken is not None:
            return False
        tries = 1 if delivery.before is None else delivery.before.tries + 1
        pause = self._policy.pause(outcome, tries, delivery.deadline - now)
        if pause is None:
            return False
        self._meter.retries[self.channel_type, outcome.reason] += 1
        delivery.before = Before(tries, delivery.attempts, outcome)
        delivery.reset()
        self._send_at(now + pause, delivery)
        return True

    def _renew(self, delivery: Delivery) -> None:
        """Repeat a delivery with a new proof of identity; many that fail together ask for it only once."""
        if delivery.generation == self._generation:
            self._generation += 1
            self._authorized_until = 0.0
            self.plan.sender.renew()
        delivery.renewed = True
        delivery.reset()
        self._wait(delivery)
