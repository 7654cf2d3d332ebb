"""One channel's provider does not hold up the other channels of the same call."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import Any

from clarion.v1 import channel_pb2, error_pb2, messaging_pb2
from clarion.v1.messaging_pb2 import Result, Target
from clarion_server.sending.breaker import Breakers, BreakerSettings, State
from clarion_server.sending.limits import Limits
from clarion_server.sending.retry import RetryPolicy
from clarion_server.transport import Exchange, Failure
from tests.unit.sending.calls import FCM, Call, collect, stream
from tests.unit.sending.fakes import FakeProvider, FakeSender, accept, channel

APNS = channel_pb2.CHANNEL_TYPE_APNS
SUCCESSFUL = messaging_pb2.DELIVERY_STATUS_SUCCESSFUL
CONGESTED = error_pb2.ERROR_REASON_NOT_TRIED_CONGESTED
FAILING = error_pb2.ERROR_REASON_NOT_TRIED_PROVIDER_FAILING


def two_channels(ill: FakeSender, **more: Any) -> Call:
    """Return a call whose FCM channel has the sender given, and whose APNs channel is well."""
    call = Call(ill, **more)
    call.directory.found = {FCM: channel(), APNS: channel(APNS)}
    call.providers[APNS] = FakeProvider(FakeSender())
    return call


def mixed(count: int) -> list[Target]:
    """Return targets of both channels in turns."""
    return [Target(address=f"t{number}", channel_type=APNS if number % 2 else FCM) for number in range(count)]


def time_out(seconds: float, *, longer: float = 0.0) -> Any:
    """Return an answer of the pool that is the end of each request's time, after so long.

    Args:
        seconds: until it comes.
        longer: it pretends to have been sent so many seconds earlier: short time-outs do not count for the breaker.
    """

    def answer(exchange: Exchange) -> None:
        def late() -> None:
            if not exchange.cancelled:
                exchange.sent_at -= longer
                exchange.failure = Failure.ANSWER_TIMED_OUT
                exchange.done()

        asyncio.get_running_loop().call_later(seconds, late)

    return answer


async def results_until(events: Any, wanted: int, kind: int) -> list[Result]:
    """Read results until so many of a channel type have come."""
    results: list[Result] = []
    async with asyncio.timeout(20):
        while sum(result.channel_type == kind for result in results) < wanted:
            results += (await anext(events)).results.results
    return results


async def test_blocked_provider_does_not_hold_up_the_others() -> None:
    """While one provider never answers, all targets of the other channel are delivered; the rest is told why not."""
    silent = FakeSender(answer=lambda _: None)
    call = two_channels(silent, limits=Limits(in_flight=50, batch=10, turn=5, stall=0.1))
    events = (await call.open()).events(stream(mixed(2000)))
    results = await results_until(events, 1000, APNS)
    assert {result.delivery_status for result in results if result.channel_type == APNS} == {SUCCESSFUL}
    reasons = Counter(result.reason for result in results if result.channel_type == FCM)
    assert set(reasons) == {CONGESTED}
    assert len(silent.pool.submitted) == 25, "its share, and no more"
    assert len(results) >= 2000 - 25 - 50, "what is held in memory is its share and what is put aside"
    await events.aclose()


async def test_first_targets_of_a_channel_keep_to_its_share() -> None:
    """A channel that joins another one has its share from its first targets on, however many come together."""
    silent = FakeSender(answer=lambda _: None)
    call = two_channels(silent, limits=Limits(in_flight=50, batch=10, turn=50, stall=0.1))
    first = Target(address="first", channel_type=APNS)
    events = (await call.open()).events(
        stream([first, *(Target(address=f"t{number}", channel_type=FCM) for number in range(45))])
    )
    await results_until(events, 1, APNS)
    assert len(silent.pool.submitted) == 25
    await events.aclose()


async def test_slow_provider_is_waited_for() -> None:
    """A provider that answers, however slowly, loses no target: the intake waits for it."""
    slow = FakeSender()

    def answer(exchange: Exchange) -> None:
        def late() -> None:
            accept(exchange)
            exchange.done()

        asyncio.get_running_loop().call_later(0.02, late)

    slow.pool.answer = answer
    call = two_channels(slow, limits=Limits(in_flight=20, batch=10, turn=5, stall=0.5))
    results, _ = await collect(await call.open(), stream(mixed(600)))
    assert {result.delivery_status for result in results} == {SUCCESSFUL}
    assert [result.index for result in results] == list(range(600))


async def test_reader_that_stops_is_no_stall() -> None:
    """A client that does not read for a while costs no target: what does not move is not the provider's fault."""
    call = two_channels(FakeSender(), limits=Limits(in_flight=20, batch=10, turn=5, stall=0.05))
    events = (await call.open()).events(stream(mixed(300)))
    seen: list[Result] = []
    async for event in events:
        seen += event.results.results
        await asyncio.sleep(0.02 if len(seen) > 50 else 0.3)
    assert {result.delivery_status for result in seen} == {SUCCESSFUL}
    assert len(seen) == 300


async def test_parked_targets_keep_their_order_and_their_results() -> None:
    """Targets that were put aside are sent later in their order, and each has exactly one result."""
    sender = FakeSender()
    call = Call(sender, limits=Limits(in_flight=10, batch=5, turn=2))
    results, summary = await call.run([Target(address=f"t{number}", channel_type=FCM) for number in range(300)])
    assert [dict(each.headers)[b":path"] for each in sender.pool.submitted] == [b"t%d" % n for n in range(300)]
    assert summary.total == len(results) == 300


async def test_open_breaker_answers_for_all_that_was_not_sent() -> None:
    """When a provider only times out, its breaker opens, and everything that was not sent is told so at once."""
    ill = FakeSender(answer=time_out(0.2, longer=10.0))
    breakers = Breakers(BreakerSettings(faults=5, span=0.1, first_pause=60.0, longest_pause=60.0))
    call = two_channels(ill, breakers=breakers, limits=Limits(in_flight=50, batch=10, turn=5))
    results, _ = await collect(await call.open(), stream(mixed(400)))
    assert {result.delivery_status for result in results if result.channel_type == APNS} == {SUCCESSFUL}
    fcm = [result for result in results if result.channel_type == FCM]
    reasons = Counter(result.reason for result in fcm)
    assert set(reasons) == {error_pb2.ERROR_REASON_ANSWER_TIMEOUT, FAILING}
    assert reasons[error_pb2.ERROR_REASON_ANSWER_TIMEOUT] <= 25
    assert all(result.attempts == 0 and result.retry_after.seconds > 0 for result in fcm if result.reason == FAILING)
    assert {breaker.state for breaker in breakers if breaker.channel_type == FCM} == {State.OPEN}
    assert {breaker.state for breaker in breakers if breaker.channel_type == APNS} == {State.CLOSED}


async def test_breaker_learns_of_tries_that_are_repeated() -> None:
    """It opens for connections that do not come about as soon as it lasts, not when the last try has failed."""
    begun = asyncio.get_running_loop().time()

    def answer(exchange: Exchange) -> None:
        exchange.sent_at = 0.0  # on no connection
        exchange.failure = Failure.CONNECT_FAILED

    breakers = Breakers(BreakerSettings(faults=10, span=0.2, first_pause=60.0))
    call = Call(FakeSender(answer), breakers=breakers, policy=RetryPolicy(max_attempts=10), send_timeout=60.0)
    results, _ = await call.run([Target(address="t", channel_type=FCM)] * 20)
    assert {result.reason for result in results} == {error_pb2.ERROR_REASON_CONNECT_FAILED}
    assert {breaker.state for breaker in breakers} == {State.OPEN}
    assert max(result.attempts for result in results) < 10
    assert asyncio.get_running_loop().time() - begun >= 0.2, "not at once, with the first tries of all"


async def test_breaker_closes_for_the_running_call() -> None:
    """Once the provider answers again, a probe finds out, and the targets after it are sent."""
    sender = FakeSender()
    well = False

    def answer(exchange: Exchange) -> None:
        exchange.status = 200 if well else 503

    sender.pool.answer = answer
    breakers = Breakers(BreakerSettings(faults=5, span=0.0, first_pause=0.1, longest_pause=0.1))
    call = Call(sender, breakers=breakers)

    async def batches() -> AsyncIterator[Sequence[Target]]:
        nonlocal well
        yield [Target(address="t", channel_type=FCM)] * 60
        while not call_is_open():  # noqa: ASYNC110 - the breaker has no event
            await asyncio.sleep(0.01)
        well = True
        await asyncio.sleep(0.2)
        yield [Target(address="t", channel_type=FCM)]  # the probe
        await asyncio.sleep(0.1)
        yield [Target(address="t", channel_type=FCM)] * 20

    def call_is_open() -> bool:
        return any(breaker.state is State.OPEN for breaker in breakers)

    results, _ = await collect(await call.open(), batches())
    assert {result.reason for result in results[:60]} >= {FAILING}
    assert [result.reason for result in results[60:]] == [0] * 21


async def test_stopping_tells_parked_targets() -> None:
    """When the server stops, targets that were put aside get a result that says so."""
    call = two_channels(FakeSender(answer=lambda _: None), limits=Limits(in_flight=50, batch=10, turn=5))
    opened = await call.open()
    asyncio.get_running_loop().call_later(0.1, opened.stop)
    results, summary = await collect(opened, stream([Target(address="t", channel_type=FCM) for _ in range(90)]))
    reasons = Counter(result.reason for result in results)
    assert summary.total == 90
    assert reasons[error_pb2.ERROR_REASON_SHUTTING_DOWN] >= 40


async def test_call_deadline_tells_parked_targets() -> None:
    """When the call's time is over, targets that were put aside are told that they were not tried."""
    loop = asyncio.get_running_loop()
    ill = FakeSender(answer=time_out(0.3))
    call = Call(ill, call_deadline=loop.time() + 0.2, limits=Limits(in_flight=50, batch=10, turn=5))
    results, _ = await call.run([Target(address="t", channel_type=FCM) for _ in range(95)])
    reasons = Counter(result.reason for result in results)
    assert reasons == {
        error_pb2.ERROR_REASON_ANSWER_TIMEOUT: 50,
        error_pb2.ERROR_REASON_NOT_TRIED_TIMEOUT: 45,
    }


async def test_changed_channel_takes_over_what_was_put_aside() -> None:
    """Targets that wait aside are sent as the channel is when their turn comes, not as it was."""
    sender = FakeSender()
    gate: list[Exchange] = []
    sender.pool.answer = gate.append
    call = Call(sender, limits=Limits(in_flight=20, batch=5, turn=5))
    opened = await call.open()

    async def batches() -> AsyncIterator[Sequence[Target]]:
        yield [Target(address="t", channel_type=FCM) for _ in range(35)]
        call.directory.found = {FCM: channel(enabled=False, version=2)}
        opened._refresh_at = 0.0
        yield [Target(address="t", channel_type=FCM)] * 5
        for exchange in gate:
            accept(exchange)
            exchange.done()

    results, _ = await collect(opened, batches())
    reasons = Counter(result.reason for result in results)
    assert reasons[error_pb2.ERROR_REASON_CHANNEL_DISABLED] == 20
    assert sum(result.delivery_status == SUCCESSFUL for result in results) == 20
