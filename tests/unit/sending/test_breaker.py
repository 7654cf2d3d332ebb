"""The breaker of a channel: when it opens, what it says, and how it closes."""

from __future__ import annotations

import asyncio
import dataclasses

import pytest

from clarion.v1 import channel_pb2, error_pb2, messaging_pb2
from clarion_server.providers.contract import Outcome
from clarion_server.sending.breaker import Breaker, Breakers, BreakerSettings, State
from clarion_server.transport import Failure
from tests.unit.sending.fakes import channel

SETTINGS = BreakerSettings(faults=5, span=1.0, first_pause=2.0, longest_pause=5.0, probe_interval=1.0)


@pytest.fixture
async def breaker() -> Breaker:
    """Return a breaker that opens after 5 faults over 1 second."""
    return Breaker("a" * 32, channel_pb2.CHANNEL_TYPE_FCM, SETTINGS)


def opened(breaker: Breaker, now: float = 100.0) -> Breaker:
    """Open a breaker."""
    for _ in range(5):
        breaker.failed(now, Failure.STREAM_RESET, now - 2)
    assert breaker.state is State.OPEN
    return breaker


async def test_faults_in_a_row_open_it(breaker: Breaker) -> None:
    """Failures, time-outs and 5xx count alike, as soon as they are enough and last long enough."""
    breaker.failed(100.0, Failure.CONNECT_FAILED, 99.0)
    breaker.failed(100.2, Failure.STREAM_RESET, 99.5)
    breaker.answered(100.4, 503, 99.5)
    breaker.failed(100.5, Failure.ANSWER_TIMED_OUT, 98.0)
    assert (breaker.state, breaker.impeded) == (State.CLOSED, False)
    breaker.answered(100.6, 500, 99.5)
    assert (breaker.state, breaker.impeded) == (State.OPEN, True)


async def test_connections_that_die_together_do_not(breaker: Breaker) -> None:
    """Connections that die take thousands of requests with them and open nothing, though no answer came for a while."""
    for number in range(3000):
        breaker.failed(100.0 + number / 10_000, Failure.CONNECTION_LOST, 96.0 + number / 1000)
    assert breaker.state is State.CLOSED


@pytest.mark.parametrize("requests", [1, 1000])
async def test_connections_that_die_one_after_the_other_do(breaker: Breaker, requests: int) -> None:
    """That the next connection dies as well, with what was sent since, is news, however little was on either."""
    for number in range(requests):
        breaker.failed(100.0, Failure.CONNECTION_LOST, 98.0 + number / 1000)
    breaker.failed(101.0, Failure.CONNECTION_LOST, 99.9)  # lost with the others, and learned of later
    states = [breaker.state]
    breaker.failed(101.0, Failure.CONNECTION_LOST, 100.5)
    states.append(breaker.state)
    assert states == [State.CLOSED, State.OPEN]


async def test_connection_that_dies_after_long_silence_does(breaker: Breaker) -> None:
    """Requests without an answer for long speak against the provider, also when their connection dies at last."""
    for _ in range(5):
        breaker.failed(100.0, Failure.CONNECTION_LOST, 94.0)
    assert breaker.state is State.OPEN


async def test_what_is_no_http_does(breaker: Breaker) -> None:
    """Requests whose answers break the protocol all count: the next connection will lead to the same peer."""
    for _ in range(5):
        breaker.failed(100.0, Failure.PROTOCOL_ERROR, 98.0)
    assert breaker.state is State.OPEN


async def test_any_good_answer_ends_the_row(breaker: Breaker) -> None:
    """Faults that are mixed with answers, also with refusals of single devices, never open it."""
    for number in range(100):
        for _ in range(4):
            breaker.answered(100.0 + number, 503, 90.0)
        breaker.answered(100.0 + number, 410 if number % 2 else 429, 90.0)
    assert breaker.state is State.CLOSED


async def test_a_provider_is_ill_when_half_of_its_channels_pause() -> None:
    """A few channels that pause among many say nothing of their provider; half of those that are used do."""
    breakers = Breakers(SETTINGS)
    now = asyncio.get_running_loop().time()
    fcm = [breakers.get(dataclasses.replace(channel(), app_id=f"{number:032}"), "pool") for number in range(6)]
    apns = breakers.get(channel(channel_pb2.CHANNEL_TYPE_APNS), "pool")
    apns.answered(now, 200, now)
    assert breakers.ill() == frozenset()
    for breaker in fcm[:4]:
        breaker.answered(now, 200, now)
    # The last two are not used: their state says nothing.
    opened(fcm[0], now + 3)
    assert breakers.ill() == frozenset()
    opened(fcm[1], now + 3)
    assert breakers.ill() == {channel_pb2.CHANNEL_TYPE_FCM}
    fcm[1].answered(now + 4, 200, now + 4)
    assert breakers.ill() == frozenset()


async def test_what_is_the_callers_does_not_count(breaker: Breaker) -> None:
    """Neither a time that was too short for any answer, nor a request that never got its turn, is the provider's."""
    for number in range(100):
        breaker.failed(100.0 + number, Failure.ANSWER_TIMED_OUT, 99.8 + number)
        breaker.failed(100.0 + number, Failure.NOT_SENT_DEADLINE, 90.0)
        breaker.failed(100.0 + number, Failure.POOL_CLOSED, 90.0)
        breaker.failed(100.0 + number, Failure.INVALID_REQUEST, 90.0)
    assert breaker.state is State.CLOSED


async def test_open_refuses_then_probes(breaker: Breaker) -> None:
    """While it is open, targets learn when to come back; then one a second may try."""
    opened(breaker)
    refused = breaker.admit(101.5)
    assert isinstance(refused, Outcome)
    assert refused.reason == error_pb2.ERROR_REASON_NOT_TRIED_PROVIDER_FAILING
    assert refused.status == messaging_pb2.DELIVERY_STATUS_TEMPORARY_FAILURE
    assert refused.retry_after == pytest.approx(0.5)
    assert breaker.admit(102.0) is None, "a probe"
    assert breaker.state is State.HALF_OPEN
    assert isinstance(breaker.admit(102.5), Outcome)
    assert breaker.admit(103.1) is None, "a probe that is lost does not close the way for good"


async def test_probe_decides(breaker: Breaker) -> None:
    """A probe that fails opens it again for twice as long, up to a bound; one that succeeds closes it."""
    opened(breaker)
    now, pauses = 100.0, []
    for _ in range(4):
        refused = breaker.admit(now)
        assert isinstance(refused, Outcome)
        assert refused.retry_after is not None
        pauses.append(refused.retry_after)
        now += refused.retry_after
        assert breaker.admit(now) is None
        breaker.failed(now + 0.1, Failure.CONNECT_FAILED, now)
        now += 0.1
    assert pauses == pytest.approx([2.0, 4.0, 5.0, 5.0])
    breaker.answered(now, 200, now)
    assert breaker.admit(now) is None
    assert not breaker.impeded


async def test_stragglers_do_not_prolong_it(breaker: Breaker) -> None:
    """What was sent before it opened and fails later says nothing about the probes."""
    opened(breaker)
    assert breaker.admit(102.0) is None
    breaker.failed(102.1, Failure.ANSWER_TIMED_OUT, 99.0)
    assert breaker.state is State.HALF_OPEN


async def test_what_the_pool_sends_again_does_not_prolong_it(breaker: Breaker) -> None:
    """What is moved to another connection while it is open, and fails there, tells nothing new; the probe does."""
    opened(breaker)
    breaker.failed(100.5, Failure.REFUSED, 100.2)
    refused = breaker.admit(101.0)
    assert isinstance(refused, Outcome)
    assert refused.retry_after == pytest.approx(1.0)
    assert breaker.admit(102.0) is None
    breaker.failed(102.05, Failure.CONNECTION_LOST, 99.9)  # sent before it opened
    breaker.failed(102.1, Failure.CONNECTION_LOST, 102.0)
    refused = breaker.admit(103.0)
    assert isinstance(refused, Outcome)
    assert refused.retry_after == pytest.approx(3.1)


async def test_opening_tells_who_watches(breaker: Breaker) -> None:
    """Who waits to send learns of it once, with the outcome for what was not sent."""
    told: list[Outcome] = []
    watcher, gone = object(), object()
    breaker.watch(watcher, told.append)
    breaker.watch(gone, told.append)
    breaker.unwatch(gone)
    opened(breaker)
    assert [outcome.reason for outcome in told] == [error_pb2.ERROR_REASON_NOT_TRIED_PROVIDER_FAILING]


async def test_hold(breaker: Breaker) -> None:
    """The pause that a provider asks for holds for the whole channel, but not for longer than a minute."""
    breaker.hold(100.0, 7.0)
    breaker.hold(100.0, 3.0)
    assert breaker.impeded
    assert breaker.admit(101.0) == pytest.approx(107.0)
    assert breaker.throttled(101.0).retry_after == pytest.approx(6.0)
    assert breaker.admit(107.0) is None
    breaker.hold(200.0, 7 * 24 * 3600.0)
    assert breaker.admit(200.0) == pytest.approx(260.0)


async def test_one_for_each_channel_and_way() -> None:
    """Calls share a channel's breaker; another channel, another way, and a changed channel have their own."""
    breakers = Breakers()
    way = object()
    first = breakers.get(channel(), way)
    assert breakers.get(channel(), way) is first
    others = {breakers.get(channel(channel_pb2.CHANNEL_TYPE_APNS), way), breakers.get(channel(), object())}
    assert len(others - {first}) == 2
    assert set(breakers) == {first, *others}
    changed = breakers.get(channel(version=2), way)
    assert changed is not first
    assert first not in set(breakers), "what it was before the change is forgotten"
    assert breakers.get(channel(version=1), way) not in {first, changed}, "nor does an old call bring it back"
    assert breakers.get(channel(version=2), way) is changed


async def test_forgotten_breaker_is_not_shown_as_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """A breaker that opened, and that nobody has asked since, does not alarm anybody for ever."""
    breaker = opened(Breaker("a" * 32, channel_pb2.CHANNEL_TYPE_FCM, SETTINGS), asyncio.get_running_loop().time())
    seen = [breaker.seen_state]
    monkeypatch.setattr("clarion_server.sending.breaker._FORGOTTEN", -1.0)
    seen.append(breaker.seen_state)
    assert seen == [State.OPEN, State.CLOSED]
