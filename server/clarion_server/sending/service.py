"""The main job: takes a call, checks it, and sends it."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Any

import structlog

from clarion.v1.channel_pb2 import ChannelType
from clarion.v1.messaging_pb2 import (
    DeliveryStatus,
    HttpHeader,
    Preview,
    PreviewedRequest,
    PreviewFailure,
    SendStart,
    SendStarted,
    SendSummary,
    Target,
)
from clarion_server.access_model import ANONYMOUS
from clarion_server.errors import RequestInvalid, ShuttingDown
from clarion_server.providers.contract import HttpRequest, Outcome, Provider
from clarion_server.sending.breaker import Breakers
from clarion_server.sending.check import start_problems, target_problem
from clarion_server.sending.dispatch import SendCall
from clarion_server.sending.limits import Limits
from clarion_server.sending.meter import Meter
from clarion_server.sending.pacing import SendQuotas, Unlimited
from clarion_server.sending.plan import Directory, Plans
from clarion_server.sending.results import Response
from clarion_server.sending.retry import RetryPolicy
from clarion_server.sending.tailoring import tailoring

_log = structlog.get_logger(__name__)

DEFAULT_SEND_TIMEOUT = 30.0
# Headers whose value proves who we are.
_PROOFS = frozenset({b"authorization"})


class Messaging:
    """Sends and previews messages.

    Args:
        directory: where channels are looked up.
        providers: by channel type.
        limits: bounds of each call.
        breakers: of all channels.
        quotas: of account and apps; None: none.

    Attributes:
        breakers: of all channels.
        meter: counts of all calls.
    """

    def __init__(
        self,
        directory: Directory,
        providers: Mapping[ChannelType, Provider],
        limits: Limits,
        breakers: Breakers | None = None,
        quotas: SendQuotas | None = None,
    ) -> None:
        self.breakers = breakers or Breakers()
        self.meter = Meter()
        self.quotas = Unlimited() if quotas is None else quotas
        self._directory = directory
        self._providers = providers
        self._limits = limits
        self._calls: set[SendCall[Any]] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._draining = False

    async def send(
        self,
        start: SendStart,
        batches: AsyncIterator[Sequence[Target]],
        write: Callable[[Response], Awaitable[None]],
        *,
        time_left: float | None,
        response: type[Response],
        still_allowed: Callable[[], Awaitable[Outcome | None]] | None = None,
        on_end: Callable[[Mapping[str, int]], None] | None = None,
        principal: str = ANONYMOUS.arn,
    ) -> None:
        """Send a message; write that it started, then results, then the summary.

        Args:
            start: what the call says once.
            batches: the targets, as they come.
            write: gives the caller a response, and returns when it may have the next.
            time_left: seconds until the caller gives up, None if never.
            response: the RPC's response message.
            still_allowed: asked about once a second: None, or the outcome of all further targets.
            on_end: told at the end, however it comes, the counts of results by delivery status.
            principal: who sends: calls are counted by principal.

        Raises:
            RequestInvalid: `start` is wrong, or `batches` raised it.
            QuotaExceeded: `batches` raised it.
            TooManyStreams: the principal has too many calls running.
            AppNotFound: there is no such app.
            StoreUnavailable: the database does not answer.
            ShuttingDown: the server is stopping.
        """
        with self.quotas.running(principal):
            deadline = _deadline(time_left)
            plans = await self._plans(start)
            send_id = uuid.uuid4().hex
            options = start.options
            timeout = options.send_timeout
            call = SendCall(
                send_id,
                plans,
                send_timeout=timeout.seconds + timeout.nanos / 1e9
                if options.HasField("send_timeout")
                else DEFAULT_SEND_TIMEOUT,
                call_deadline=deadline,
                policy=RetryPolicy.of(options.retry_policy),
                limits=self._limits,
                breakers=self.breakers,
                meter=self.meter,
                response=response,
                still_allowed=still_allowed,
                pacer=self.quotas.pacer(start.app_id),
            )
            log = _log.bind(send_id=send_id, app_id=start.app_id, trace_id=start.trace_id)
            log.info("sending")
            self._calls.add(call)
            self._idle.clear()
            started = response(started=SendStarted(send_id=send_id, trace_id=start.trace_id))
            counts: dict[str, int] | None = None
            try:
                async with aclosing(call.events(batches, started)) as events:
                    async for event in events:
                        if event.HasField("summary"):
                            summary = event.summary
                            counts = _counts(summary)
                            elapsed = summary.elapsed.ToMilliseconds() / 1e3
                            log.info("sent", total=summary.total, elapsed=elapsed, **counts)
                        await write(event)
            finally:
                if counts is None:
                    # The caller left, or a frame was wrong.
                    counts = _counts(call.summary())
                    log.info("ended early", **counts)
                if on_end is not None:
                    on_end(counts)
                self._calls.discard(call)
                if not self._calls:
                    self._idle.set()

    def in_flight(self) -> Counter[ChannelType]:
        """Return how many targets of all calls have no result yet, by channel type."""
        counts: Counter[ChannelType] = Counter()
        for call in self._calls:
            counts.update(call.in_flight())
        return counts

    async def preview(self, start: SendStart, targets: Sequence[Target]) -> list[Preview]:
        """Return what each target would get.

        Raises:
            RequestInvalid: `start` is wrong.
            AppNotFound: there is no such app.
            StoreUnavailable: the database does not answer.
            ShuttingDown: the server is stopping.
        """
        plans = await self._plans(start)
        return [_preview(plans, index, target) for index, target in enumerate(targets)]

    async def _plans(self, start: SendStart) -> Plans:
        if self._draining:
            raise ShuttingDown
        problems = start_problems(start, self._providers)
        if problems:
            raise RequestInvalid([problem.under("start") for problem in problems])
        plans = Plans(start, self._directory, self._providers)
        await plans.load()
        if self._draining:  # since then
            raise ShuttingDown
        return plans

    async def drain(self, grace: float) -> None:
        """Take no new calls, and wait up to `grace` seconds for those that run; then stop them, and wait for that."""
        self._draining = True
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), grace)
        for call in self._calls:
            call.stop()
        # Then they end by themselves, unless their caller does not read.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), self._limits.last_answers + 1)


def _deadline(time_left: float | None) -> float:
    """Return when to stop sending: a little before the caller gives up, so that the last results arrive."""
    if time_left is None:
        return float("inf")
    # Below the second number the transport's coarse clock would leave nothing of a short time.
    margin = min(1.0, max(time_left / 10, 0.2))
    return asyncio.get_running_loop().time() + time_left - margin


def _counts(summary: SendSummary) -> dict[str, int]:
    prefix = len("DELIVERY_STATUS_")
    return {DeliveryStatus.Name(each.delivery_status)[prefix:].lower(): each.count for each in summary.by_status}


def _preview(plans: Plans, index: int, target: Target) -> Preview:
    preview = Preview(index=index, client_ref=target.client_ref, channel_type=target.channel_type)
    made = _request(plans, target, preview)
    if isinstance(made, Outcome):
        if made.payload_limit:
            preview.payload_size, preview.payload_limit = made.payload_size, made.payload_limit
        preview.failure.CopyFrom(PreviewFailure(reason=made.reason, message=made.message))
    else:
        preview.request.CopyFrom(_previewed(made))
    return preview


def _request(plans: Plans, target: Target, preview: Preview) -> HttpRequest | Outcome:
    """Return the request for a target, or why there is none; fill in what the payload has and may have."""
    refused = target_problem(target.address, target.client_ref)
    if refused is not None:
        return refused
    own = tailoring(target.overrides) if target.HasField("overrides") else None
    if isinstance(own, Outcome):
        return own
    plan = plans.get(target.channel_type)
    if isinstance(plan, Outcome):
        return plan
    payload = plan.rendered(own)
    if isinstance(payload, Outcome):
        return payload
    preview.payload_size, preview.payload_limit = payload.size, payload.limit
    return plan.sender.request(payload, target.address)


def _previewed(request: HttpRequest) -> PreviewedRequest:
    pseudo = {name: value for name, value in request.headers if name.startswith(b":")}
    return PreviewedRequest(
        method=pseudo[b":method"].decode(),
        url=b"".join((pseudo[b":scheme"], b"://", pseudo[b":authority"], pseudo[b":path"])).decode(),
        headers=[
            HttpHeader(name=name.decode(), value="***" if name in _PROOFS else value.decode())
            for name, value in request.headers
            if not name.startswith(b":")
        ],
        body=(request.body.replace(request.proof, b"***") if request.proof else request.body).decode(),
    )
