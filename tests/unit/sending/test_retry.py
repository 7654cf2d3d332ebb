"""Targets that are tried again: only what cannot be delivered twice, only within their time."""

from __future__ import annotations

import asyncio
import dataclasses
from collections import Counter
from typing import Any

import pytest

from clarion.v1 import error_pb2, messaging_pb2
from clarion.v1.messaging_pb2 import DeliveryStatus
from clarion_server.providers.contract import Outcome
from clarion_server.sending.limits import Limits
from clarion_server.sending.retry import RetryPolicy
from clarion_server.transport import Exchange, Failure
from tests.unit.sending.calls import Call, collect, stream, targets
from tests.unit.sending.fakes import ACCEPTED, FakeSender

BUSY = Outcome(
    status=messaging_pb2.DELIVERY_STATUS_TEMPORARY_FAILURE,
    reason=error_pb2.ERROR_REASON_PROVIDER_UNAVAILABLE,
    status_code=503,
    message="overloaded",
    repeat=True,
)


PERMANENT = messaging_pb2.DELIVERY_STATUS_PERMANENT_FAILURE
IN_DOUBT = (messaging_pb2.DELIVERY_STATUS_UNKNOWN_FAILURE, error_pb2.ERROR_REASON_CONNECTION_LOST)


def throttled(retry_after: float | None) -> Outcome:
    """Return the outcome of a target that the provider throttled."""
    return Outcome(
        status=messaging_pb2.DELIVERY_STATUS_THROTTLED,
        reason=error_pb2.ERROR_REASON_PROVIDER_THROTTLED,
        status_code=429,
        retry_after=retry_after,
        repeat=True,
    )


class Moody(FakeSender):
    """Answers each target with the outcomes given, in order, and then with success."""

    def __init__(self, *outcomes: Outcome) -> None:
        super().__init__()
        self.given = outcomes
        self.seen: Counter[bytes] = Counter()
        self.times: list[float] = []

    def classify(self, exchange: Exchange) -> Outcome:
        self.times.append(asyncio.get_running_loop().time())
        path = dict(exchange.headers)[b":path"]
        self.seen[path] += 1
        number = self.seen[path] - 1
        return self.given[number] if number < len(self.given) else ACCEPTED


async def test_what_may_pass_is_tried_again() -> None:
    """Targets that the provider surely did not take are tried again until it does, and their results tell how often."""
    call = Call(sender := Moody(BUSY, throttled(None)))
    results, _ = await call.run(targets(20))
    assert {result.delivery_status for result in results} == {messaging_pb2.DELIVERY_STATUS_SUCCESSFUL}
    assert {result.attempts for result in results} == {3}
    assert set(sender.seen.values()) == {3}
    assert call.arguments["meter"].retries.total() == 40


async def test_attempts_end() -> None:
    """A target is tried no more often than the policy allows, and then has the provider's last answer."""
    for most in (1, 2):
        call = Call(sender := Moody(*[BUSY] * 10), policy=RetryPolicy(max_attempts=most))
        results, _ = await call.run(targets(5))
        assert [(result.reason, result.attempts) for result in results] == [(BUSY.reason, most)] * 5
        assert set(sender.seen.values()) == {most}


async def test_other_outcomes_are_not_repeated() -> None:
    """Without the word of its provider's table that repeating is safe, nothing is repeated, nor is what is in doubt."""
    for failure in (None, Failure.CONNECTION_LOST, Failure.ANSWER_TIMED_OUT, Failure.NOT_SENT_DEADLINE):
        sender = FakeSender()
        sender.outcomes = lambda _: Outcome(status=messaging_pb2.DELIVERY_STATUS_TEMPORARY_FAILURE)

        def answer(exchange: Exchange, failure: Failure | None = failure) -> None:
            exchange.failure = failure
            exchange.status = 0 if failure else 503

        sender.pool.answer = answer
        results, _ = await Call(sender).run(targets(3))
        assert [result.attempts for result in results] == [1] * 3
        assert len(sender.pool.submitted) == 3


async def test_no_connection_is_tried_again() -> None:
    """A target for which there was no connection is tried again: nothing of it has left."""
    sender = FakeSender()
    failed: set[int] = set()

    def answer(exchange: Exchange) -> None:
        if id(exchange) in failed:
            exchange.status = 200
        else:
            failed.add(id(exchange))
            exchange.failure = Failure.CONNECT_FAILED

    sender.pool.answer = answer
    results, _ = await Call(sender).run(targets(3))
    assert {result.delivery_status for result in results} == {messaging_pb2.DELIVERY_STATUS_SUCCESSFUL}


async def test_try_that_was_not_made_tells_of_the_one_before() -> None:
    """A target whose time is over before its second try leaves has the provider's answer to the first as its result."""
    sender = FakeSender()
    sender.outcomes = lambda _: BUSY

    def answer(exchange: Exchange) -> None:
        if len(sender.pool.submitted) == 1:
            exchange.status = 503
        else:
            exchange.attempts -= 1
            exchange.failure = Failure.NOT_SENT_DEADLINE

    sender.pool.answer = answer
    results, _ = await Call(sender).run(targets(1))
    assert [(result.reason, result.attempts) for result in results] == [(BUSY.reason, 1)]


async def test_retry_after_is_honoured() -> None:
    """Nothing goes out on the channel before the time is over for which the provider asks."""
    call = Call(sender := Moody(throttled(0.3)))
    results, _ = await call.run(targets(10))
    assert {result.attempts for result in results} == {2}
    firsts, seconds = sender.times[:10], sender.times[10:]
    assert min(seconds) - max(firsts) >= 0.29


async def test_retry_after_holds_up_the_channel() -> None:
    """Once the provider has asked one target to wait, others of the channel are not sent meanwhile, in no call."""
    sender = Moody()
    asked = False
    submitted_while_held: list[Exchange] = []

    def classify(exchange: Exchange) -> Outcome:
        nonlocal asked
        if not asked:
            asked = True
            return throttled(0.3)
        return ACCEPTED

    sender.outcomes = classify
    sender.classify = classify  # type: ignore[method-assign]
    first = Call(sender)
    breakers = first.arguments["breakers"]
    await first.run(targets(1))
    asked = False
    running = asyncio.create_task(first.run(targets(1)))
    while not asked:  # noqa: ASYNC110 - the fake has no event
        await asyncio.sleep(0)
    before = len(sender.pool.submitted)
    second = asyncio.create_task(Call(sender, breakers=breakers).run(targets(5)))
    await asyncio.sleep(0.1)
    submitted_while_held += sender.pool.submitted[before:]
    (results, _), _ = await second, await running
    assert not submitted_while_held
    assert {result.delivery_status for result in results} == {messaging_pb2.DELIVERY_STATUS_SUCCESSFUL}


async def test_retry_after_that_does_not_fit() -> None:
    """A target whose time is over before the provider's pause is gets its result at once; so do those behind it."""
    started = asyncio.get_running_loop().time()
    call = Call(sender := Moody(*[throttled(30.0)] * 5), send_timeout=20.0)
    results, _ = await call.run(targets(1), targets(60))
    assert asyncio.get_running_loop().time() - started < 10
    assert {result.delivery_status for result in results} == {messaging_pb2.DELIVERY_STATUS_THROTTLED}
    reasons = {result.reason for result in results}
    assert reasons == {error_pb2.ERROR_REASON_PROVIDER_THROTTLED, error_pb2.ERROR_REASON_NOT_TRIED_THROTTLED}
    assert all(0 < result.retry_after.ToTimedelta().total_seconds() <= 30 for result in results)
    assert len(sender.times) < 61


@pytest.mark.parametrize(("policy", "attempts"), [({"max_wait": 0.1}, 1), ({"max_wait": 5.0}, 2)])
async def test_longest_wait(policy: dict[str, Any], attempts: int) -> None:
    """A pause that is longer than the caller allows ends the tries."""
    results, _ = await Call(Moody(throttled(0.2)), policy=RetryPolicy(**policy)).run(targets(1))
    assert [result.attempts for result in results] == [attempts]


async def test_waiting_ones_count_against_the_limit() -> None:
    """Targets that wait for their next try keep others from being taken in: memory stays bounded."""
    sender = FakeSender()
    sender.outcomes = lambda _: BUSY
    opened = await Call(sender, policy=RetryPolicy(max_attempts=10)).open()
    events = opened.events(stream(targets(500)))
    reading = asyncio.ensure_future(anext(events))
    await asyncio.sleep(0.2)
    assert len({id(exchange) for exchange in sender.pool.submitted}) <= 50
    assert len(opened._intake.aside) <= 50
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    await events.aclose()


async def test_caller_that_leaves_ends_the_tries() -> None:
    """A call that is cancelled sends nothing again, and leaves no timer behind."""
    sender = Moody(*[BUSY] * 5)
    call = Call(sender)
    opened = await call.open()
    events = opened.events(stream(targets(5)))
    reading = asyncio.ensure_future(anext(events))
    while len(sender.times) < 5:  # noqa: ASYNC110 - the fake has no event
        await asyncio.sleep(0)
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    await events.aclose()
    await asyncio.sleep(0.7)
    assert len(sender.times) == 5
    assert not next(iter(call.arguments["breakers"]))._watchers


async def test_stopping_ends_the_tries() -> None:
    """When the server stops, targets that wait for their next try get the provider's last answer at once."""
    sender = Moody(*[throttled(20.0)] * 5)
    opened = await Call(sender).open()
    asyncio.get_running_loop().call_later(0.1, opened.stop)
    results, summary = await collect(opened, stream(targets(5)))
    assert [result.reason for result in results] == [error_pb2.ERROR_REASON_PROVIDER_THROTTLED] * 5
    assert summary.total == 5


async def test_broken_credential_ends_the_tries() -> None:
    """A credential that turns out to be broken while targets wait gives them their last answer, not another try."""
    broken = Outcome(
        status=messaging_pb2.DELIVERY_STATUS_PERMANENT_FAILURE,
        reason=error_pb2.ERROR_REASON_CREDENTIAL_REJECTED,
        credential_broken=True,
    )
    sender = Moody()
    sender.classify = lambda exchange: broken if dict(exchange.headers)[b":path"] == b"t9" else BUSY  # type: ignore[method-assign]
    results, _ = await Call(sender).run(targets(10))
    assert [result.reason for result in results] == [BUSY.reason] * 9 + [broken.reason]
    assert len(sender.pool.submitted) == 10


async def test_pauses_grow_and_differ() -> None:
    """Without a word of the provider the pauses double, and half of each is random."""
    policy = RetryPolicy(max_attempts=10)
    for tries, longest in ((1, 0.5), (2, 1.0), (5, 8.0), (9, 30.0)):
        pauses = [policy.pause(BUSY, tries, 1000.0) for _ in range(200)]
        assert all(pause is not None and longest / 2 <= pause <= longest for pause in pauses)
        assert len(set(pauses)) > 100
    assert policy.pause(BUSY, 10, 1000.0) is None
    assert policy.pause(BUSY, 9, 10.0) is None
    assert policy.pause(ACCEPTED, 1, 1000.0) is None


async def test_a_minute_where_the_provider_wants_one() -> None:
    """Without a word of the provider its own least pause counts, doubled each time, and never shortened by chance."""
    policy = RetryPolicy(max_attempts=10)
    outcome = dataclasses.replace(throttled(None), least_pause=60.0)
    for tries, least in ((1, 60.0), (2, 120.0)):
        pauses = [policy.pause(outcome, tries, 1000.0) for _ in range(200)]
        assert all(pause is not None and least <= pause <= 1.5 * least for pause in pauses)
        assert len(set(pauses)) > 100
    assert policy.pause(outcome, 1, 30.0) is None
    assert policy.pause(dataclasses.replace(outcome, retry_after=2.0), 1, 30.0) == 2.0
    results, _ = await Call(Moody(outcome)).run(targets(1))
    assert [(result.delivery_status, result.attempts) for result in results] == [(outcome.status, 1)]


def _refused(reason: error_pb2.ErrorReason, status: DeliveryStatus = PERMANENT) -> Outcome:
    return Outcome(status=status, reason=reason, message="words", status_code=400, token_dead=status == PERMANENT)


@pytest.mark.parametrize(
    ("second", "told"),
    [
        (ACCEPTED, (messaging_pb2.DELIVERY_STATUS_SUCCESSFUL, error_pb2.ERROR_REASON_UNSPECIFIED)),
        (
            _refused(error_pb2.ERROR_REASON_ADDRESS_UNREGISTERED),
            (PERMANENT, error_pb2.ERROR_REASON_ADDRESS_UNREGISTERED),
        ),
        (_refused(error_pb2.ERROR_REASON_MESSAGE_REJECTED), (PERMANENT, error_pb2.ERROR_REASON_MESSAGE_REJECTED)),
        (_refused(error_pb2.ERROR_REASON_CREDENTIAL_REJECTED), IN_DOUBT),
        (_refused(error_pb2.ERROR_REASON_PROVIDER_ANSWER_UNKNOWN), IN_DOUBT),
        (dataclasses.replace(BUSY, repeat=False), IN_DOUBT),
        (dataclasses.replace(throttled(None), repeat=False), IN_DOUBT),
        *((failure, IN_DOUBT) for failure in Failure if failure is not Failure.ANSWER_TIMED_OUT),
        (
            Failure.ANSWER_TIMED_OUT,
            (messaging_pb2.DELIVERY_STATUS_UNKNOWN_FAILURE, error_pb2.ERROR_REASON_ANSWER_TIMEOUT),
        ),
    ],
    ids=str,
)
async def test_a_repeat_does_not_deny_the_first(
    second: Outcome | Failure, told: tuple[DeliveryStatus, error_pb2.ErrorReason]
) -> None:
    """What may have been delivered by an attempt without an answer is called unknown, whatever becomes of the repeat.

    Unless the repeat succeeds, or the provider says that it never accepts this address or this message.
    """
    sender = FakeSender()

    def answer(exchange: Exchange) -> None:
        exchange.doubt = Failure.CONNECTION_LOST
        if isinstance(second, Failure):
            exchange.failure = second
        else:
            exchange.status = 200

    sender.pool.answer = answer
    if isinstance(second, Outcome):
        sender.outcomes = lambda _: second
    call = Call(sender, policy=RetryPolicy(repeat_ambiguous=True, max_attempts=1))
    results, _ = await call.run(targets(1))
    assert [(result.delivery_status, result.reason) for result in results] == [told]
    if told == IN_DOUBT and isinstance(second, Outcome):
        assert "may have been delivered" in results[0].status_message
        assert second.message in results[0].status_message


async def test_doubt_outlives_later_tries() -> None:
    """A target in doubt whose next try waits for its time when the server stops is unknown, not unsent."""
    sender = FakeSender()

    def answer(exchange: Exchange) -> None:
        exchange.doubt = Failure.STREAM_RESET
        exchange.status = 429

    sender.pool.answer = answer
    sender.outcomes = lambda _: throttled(20.0)
    opened = await Call(sender, policy=RetryPolicy(repeat_ambiguous=True)).open()
    asyncio.get_running_loop().call_later(0.1, opened.stop)
    results, _ = await collect(opened, stream(targets(3)))
    assert {(result.delivery_status, result.reason) for result in results} == {IN_DOUBT}


async def test_many_that_fail_together() -> None:
    """Some hundred targets that are repeated with overrides of their own all arrive, in turns."""
    sender = Moody(BUSY)
    limits = Limits(in_flight=400, batch=50, turn=5)
    call = Call(sender, limits=limits)
    results, _ = await call.run(targets(300, overrides={"body": "mine"}))
    assert len(results) == 300
    assert {result.attempts for result in results} == {2}
    mine = [content for content in call.provider.rendered if content.message.body == "mine"]
    assert len(mine) == 300, "a repeat renders nothing"
