"""A call while it sends: every target exactly one result, whatever happens."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any

import pytest

from clarion.v1 import channel_pb2, error_pb2, messaging_pb2
from clarion.v1.messaging_pb2 import Overrides, StreamMessagesResponse, Target
from clarion_server.errors import (
    AppNotFound,
    CredentialUnreadable,
    FieldViolation,
    RequestInvalid,
    ShuttingDown,
    StoreUnavailable,
)
from clarion_server.model import Channel
from clarion_server.providers.contract import Content, Outcome, Payload
from clarion_server.sending.breaker import Breakers
from clarion_server.sending.limits import Limits
from clarion_server.transport import Exchange, Failure
from tests.unit.sending.calls import FCM, Call, collect, statuses, stream, targets
from tests.unit.sending.fakes import ACCEPTED, FakeDirectory, FakeSender, accept, channel


async def test_every_target_has_its_result() -> None:
    """Over several frames every target gets exactly one result, with its index, address and reference."""
    frames = [targets(33, client_ref="r"), targets(120), [], targets(1)]
    results, summary = await Call().run(*frames)
    assert [result.index for result in results] == list(range(154))
    assert [result.address for result in results] == [target.address for frame in frames for target in frame]
    assert [result.client_ref for result in results] == ["r"] * 33 + [""] * 121
    assert all(result.message_id == "provider-id" and result.attempts == 1 for result in results)
    assert summary.total == 154
    assert [(each.delivery_status, each.count) for each in summary.by_status] == [(1, 154)]
    assert not summary.by_reason


async def test_a_sender_that_is_ready_is_not_asked_to_authorize() -> None:
    """Targets go out at once when our identity is proved already; else, or if asking fails, `authorize` is asked."""
    ready = FakeSender()
    ready.is_ready = True
    assert [result.status_code for result in (await Call(ready).run(targets(3)))[0]] == [200] * 3
    assert ready.authorizations == 0
    for unready in (FakeSender(), _Unsure()):
        assert [result.status_code for result in (await Call(unready).run(targets(3)))[0]] == [200] * 3
        assert unready.authorizations == 1


class _Unsure(FakeSender):
    def ready(self) -> bool:
        raise ValueError


async def test_no_targets() -> None:
    """A call without targets is complete at once, with a summary of zero."""
    results, summary = await Call().run()
    assert (results, summary.total, summary.HasField("total")) == ([], 0, True)


async def test_message_id_of_its_own() -> None:
    """When the provider gives no message id, each accepted target gets one that no other has."""
    sender = FakeSender()
    sender.outcomes = lambda _: Outcome(status=messaging_pb2.DELIVERY_STATUS_SUCCESSFUL, status_code=200)
    results, _ = await Call(sender).run(targets(20))
    assert len({result.message_id for result in results}) == 20


async def test_renders_once_for_all() -> None:
    """Targets without overrides share one rendering; each tailored one gets its own."""
    call = Call()
    await call.run([*targets(40), *targets(2, overrides={"body": "mine"})])
    assert [content.message.body for content in call.provider.rendered] == ["hello", "mine", "mine"]


async def test_bad_targets_do_not_stop_the_others() -> None:
    """What is wrong with a target is its own result, with origin GATEWAY and without an attempt."""
    mixed = [
        Target(address="t", channel_type=FCM),
        Target(address="", channel_type=FCM),
        Target(address="x" * 5000, channel_type=FCM),
        Target(address="malformed", channel_type=FCM),
        Target(address="t"),
        Target(address="t", channel_type=99),  # type: ignore[arg-type]
        Target(address="t", channel_type=channel_pb2.CHANNEL_TYPE_APNS),
        Target(address="t", channel_type=FCM, overrides={"body": "too large"}),
        Target(address="t", channel_type=FCM, overrides={"body": "{{x}}"}),
        Target(address="t", channel_type=FCM, overrides={"raw_content": "["}),
        Target(address="t", channel_type=FCM, client_ref="x" * 129),
        Target(address="t", channel_type=FCM, overrides={"substitutions": {"": {"values": ["1"]}}}),
        Target(address="t", channel_type=FCM, overrides={"context": {"": "1"}}),
        Target(address="t", channel_type=FCM, overrides={"raw_content": "x" * 70_000}),
    ]
    results, summary = await Call().run(mixed)
    reasons = [error_pb2.ErrorReason.Name(result.reason).removeprefix("ERROR_REASON_") for result in results]
    assert reasons == [
        "UNSPECIFIED",
        "ADDRESS_MALFORMED",
        "ADDRESS_MALFORMED",
        "ADDRESS_MALFORMED",
        "CHANNEL_TYPE_REQUIRED",
        "CHANNEL_TYPE_REQUIRED",
        "CHANNEL_TYPE_REQUIRED",
        "PAYLOAD_TOO_LARGE",
        "VARIABLE_MISSING",
        "JSON_INVALID",
        "OVERRIDE_INVALID",
        "OVERRIDE_INVALID",
        "OVERRIDE_INVALID",
        "OVERRIDE_INVALID",
    ]
    assert {result.origin for result in results[1:]} == {messaging_pb2.ORIGIN_GATEWAY}
    assert {result.attempts for result in results[1:]} == {0}
    assert {(each.delivery_status, each.count) for each in summary.by_status} == {(1, 1), (4, 13)}
    assert sum(each.count for each in summary.by_reason) == 13


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        ({}, error_pb2.ERROR_REASON_CHANNEL_NOT_FOUND),
        ({FCM: channel(enabled=False)}, error_pb2.ERROR_REASON_CHANNEL_DISABLED),
        ({FCM: CredentialUnreadable("lost key")}, error_pb2.ERROR_REASON_CREDENTIAL_UNREADABLE),
    ],
)
async def test_channel_that_cannot_send(found: Any, reason: int) -> None:
    """A channel that is absent, disabled or unreadable refuses each of its targets with its reason."""
    call = Call()
    call.directory.found = found
    results, _ = await call.run(targets(3))
    assert [result.reason for result in results] == [reason] * 3


async def test_transport_failures() -> None:
    """Each failure of the transport becomes a result: unknown just where the provider may have acted."""
    failures = list(Failure)
    sender = FakeSender()

    def fail(exchange: Exchange) -> None:
        exchange.failure = failures[int(dict(exchange.headers)[b":path"][1:])]
        exchange.failure_detail = "detail"

    sender.pool.answer = fail
    results, _ = await Call(sender).run(targets(len(failures)))
    for failure, result in zip(failures, results, strict=True):
        unknown = result.delivery_status == messaging_pb2.DELIVERY_STATUS_UNKNOWN_FAILURE
        assert unknown is failure.ambiguous, failure
        assert result.reason
        assert result.status_message.endswith("(detail)")


async def test_broken_credential_stops_the_channel() -> None:
    """Once the provider rejects the credential, later targets are not tried, and say why."""
    sender = FakeSender()
    rejected = Outcome(
        status=messaging_pb2.DELIVERY_STATUS_PERMANENT_FAILURE,
        reason=error_pb2.ERROR_REASON_CREDENTIAL_REJECTED,
        message="bad key",
        credential_broken=True,
    )
    sender.outcomes = lambda _: rejected
    results, summary = await Call(sender).run(targets(500))
    reasons = {each.reason: each.count for each in summary.by_reason}
    assert set(reasons) == {
        error_pb2.ERROR_REASON_CREDENTIAL_REJECTED,
        error_pb2.ERROR_REASON_NOT_TRIED_CREDENTIAL,
    }
    assert reasons[error_pb2.ERROR_REASON_CREDENTIAL_REJECTED] <= 50, "at most what was in flight"
    assert "bad key" in results[-1].status_message


async def test_stale_proof_is_renewed_once() -> None:
    """When the provider calls the token too old, it is renewed once for all, and their targets are repeated."""
    sender = FakeSender()
    stale = Outcome(status=messaging_pb2.DELIVERY_STATUS_TEMPORARY_FAILURE, renew=True)
    sender.outcomes = lambda _: ACCEPTED if sender.renewals else stale
    results, _ = await Call(sender).run(targets(40))
    assert statuses(results) == [messaging_pb2.DELIVERY_STATUS_SUCCESSFUL] * 40
    assert {result.attempts for result in results} <= {1, 2}
    assert sender.renewals == 1


async def test_stale_proof_again_is_a_broken_credential() -> None:
    """A token that is called too old just after it was renewed means a broken credential, not an endless loop."""
    sender = FakeSender()
    sender.outcomes = lambda _: Outcome(status=messaging_pb2.DELIVERY_STATUS_TEMPORARY_FAILURE, renew=True)
    results, _ = await Call(sender).run(targets(5))
    assert {result.reason for result in results} == {error_pb2.ERROR_REASON_CREDENTIAL_REJECTED}


async def test_failed_authorization_fails_the_targets() -> None:
    """While no token can be had, targets get the sender's outcome, and nothing is sent."""
    sender = FakeSender()
    sender.refused = Outcome(
        status=messaging_pb2.DELIVERY_STATUS_TEMPORARY_FAILURE, reason=error_pb2.ERROR_REASON_PROVIDER_UNAVAILABLE
    )
    results, _ = await Call(sender).run(targets(5))
    assert {result.reason for result in results} == {error_pb2.ERROR_REASON_PROVIDER_UNAVAILABLE}
    assert not sender.pool.submitted


async def test_hanging_authorization_ends_at_the_timeout() -> None:
    """An authorization that hangs costs its targets their send_timeout, not forever."""
    sender = FakeSender()
    sender.gate = asyncio.Event()
    results, _ = await Call(sender, send_timeout=0.05).run(targets(5))
    assert {result.reason for result in results} == {error_pb2.ERROR_REASON_NOT_TRIED_TIMEOUT}


@pytest.mark.parametrize(
    ("where", "status"),
    [
        ("render", messaging_pb2.DELIVERY_STATUS_TEMPORARY_FAILURE),
        ("request", messaging_pb2.DELIVERY_STATUS_TEMPORARY_FAILURE),
        ("classify", messaging_pb2.DELIVERY_STATUS_UNKNOWN_FAILURE),
    ],
)
async def test_faults_do_not_lose_targets(where: str, status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A defect in a provider's code costs each target its result's reason INTERNAL, and no result is lost."""
    call = Call()

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(call.provider if where == "render" else call.sender, where, broken)
    results, _ = await call.run(targets(20))
    assert [(result.reason, result.delivery_status) for result in results] == [
        (error_pb2.ERROR_REASON_INTERNAL, status)
    ] * 20


@pytest.mark.parametrize(
    ("overrides", "reason"),
    [
        ({"body": "{{x}}"}, error_pb2.ERROR_REASON_VARIABLE_MISSING),
        ({"context": {"": "1"}}, error_pb2.ERROR_REASON_OVERRIDE_INVALID),
    ],
)
async def test_what_is_wrong_with_a_target_comes_before_the_credential(overrides: Any, reason: int) -> None:
    """A target that could not be sent to anyway is told so, also while no proof of identity can be had."""
    sender = FakeSender()
    sender.refused = Outcome(
        status=messaging_pb2.DELIVERY_STATUS_TEMPORARY_FAILURE, reason=error_pb2.ERROR_REASON_PROVIDER_UNAVAILABLE
    )
    (good, bad), _ = await Call(sender).run([*targets(1), *targets(1, overrides=overrides)])
    assert good.reason == error_pb2.ERROR_REASON_PROVIDER_UNAVAILABLE
    assert bad.reason == reason


async def test_overrides_out_of_bounds_come_before_the_channel() -> None:
    """On a channel that cannot send, a target whose overrides are out of bounds is told that; others the channel's."""
    call = Call()
    call.directory.found = {FCM: channel(enabled=False)}
    bad = [*targets(1, overrides={"context": {"": "1"}}), *targets(1, overrides={"body": "mine"}), *targets(1)]
    results, _ = await call.run(bad)
    disabled = error_pb2.ERROR_REASON_CHANNEL_DISABLED
    assert [result.reason for result in results] == [error_pb2.ERROR_REASON_OVERRIDE_INVALID, disabled, disabled]


async def test_reader_that_stops_stops_the_intake() -> None:
    """While nobody takes results, no more than the limit of targets is taken in."""
    call = Call()
    taken = 0

    async def endless() -> AsyncIterator[Sequence[Target]]:
        nonlocal taken
        while True:
            taken += 5
            yield targets(5)

    events = (await call.open()).events(endless())
    assert (await anext(events)).HasField("results")
    for _ in range(200):
        await asyncio.sleep(0)
    stopped_at = taken
    for _ in range(200):
        await asyncio.sleep(0)
    assert taken == stopped_at
    assert taken <= 50 + 10 + 5
    await events.aclose()


async def test_sends_while_the_first_answer_is_on_its_way() -> None:
    """Targets go out before the reader is done with the first answer; if it leaves then, nothing stays behind."""
    sender = FakeSender(answer=lambda _: None)  # never answers
    call = Call(sender)
    first = StreamMessagesResponse(started=messaging_pb2.SendStarted(send_id="f" * 32))
    events = (await call.open()).events(stream(targets(4)), first)
    assert await anext(events) is first
    for _ in range(200):
        await asyncio.sleep(0)
    assert len(sender.pool.submitted) == 4
    await events.aclose()
    assert all(exchange.cancelled for exchange in sender.pool.submitted)
    assert not [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]


async def test_caller_that_leaves() -> None:
    """Closing the events cancels what waits, and stops reading targets."""
    sender = FakeSender(answer=lambda _: None)  # never answers
    call = Call(sender)
    closed = asyncio.Event()

    async def endless() -> AsyncIterator[Sequence[Target]]:
        try:
            while True:
                yield [*targets(4), Target(address="malformed", channel_type=FCM)]
        finally:
            closed.set()

    events = (await call.open()).events(endless())
    await anext(events)
    await events.aclose()
    assert sender.pool.submitted
    assert all(exchange.cancelled for exchange in sender.pool.submitted)
    assert not [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]


async def test_bad_frame_ends_the_call_after_the_results() -> None:
    """A frame that is wrong fails the call, after the results of the targets before it."""
    violation = RequestInvalid([FieldViolation("targets", error_pb2.ERROR_REASON_FIELD_TOO_LONG, "too long")])

    async def bad() -> AsyncIterator[Sequence[Target]]:
        yield targets(25)
        raise violation

    seen = 0
    events = (await Call().open()).events(bad())
    with pytest.raises(RequestInvalid):  # noqa: PT012 - what came before the error counts
        async for event in events:
            assert event.HasField("results")
            seen += len(event.results.results)
    assert seen == 25


async def test_past_the_deadline_nothing_is_sent() -> None:
    """Targets whose turn comes after the call's deadline are not tried, and say so."""
    call = Call(call_deadline=asyncio.get_running_loop().time() - 1)
    results, _ = await call.run(targets(7))
    assert {result.reason for result in results} == {error_pb2.ERROR_REASON_NOT_TRIED_TIMEOUT}
    assert not call.sender.pool.submitted


async def test_stopping_server_refuses_the_rest() -> None:
    """When the server stops, what is in flight finishes and the rest gets a result that says so."""
    sender = FakeSender(answer=lambda _: None)
    opened = await Call(sender).open()
    events = opened.events(stream(targets(200)))

    async def stop() -> None:
        while len(sender.pool.submitted) < 50:  # noqa: ASYNC110 - the fake pool has no event
            await asyncio.sleep(0)
        await asyncio.sleep(0.01)  # now all of them are on a connection
        opened.stop()
        for exchange in list(sender.pool.submitted):
            accept(exchange)
            exchange.done()

    stopping = asyncio.create_task(stop())
    reasons: list[int] = []
    async with asyncio.timeout(20):
        async for event in events:
            reasons += [result.reason for result in event.results.results]
    await stopping
    assert sorted(reasons) == [0] * 50 + [error_pb2.ERROR_REASON_SHUTTING_DOWN] * 150


class TestChangesWhileSending:
    """A channel or app that changes while a call is running."""

    @pytest.fixture(autouse=True)
    def _at_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("clarion_server.sending.dispatch._RECHECK", 0.0)

    async def outcomes_after(self, change: Any) -> list[int]:
        """Return the reasons of 10 targets before and 10 after a change to the directory."""
        call = Call()

        async def batches() -> AsyncIterator[Sequence[Target]]:
            yield targets(10)
            change(call.directory)
            yield targets(10)

        results, _ = await collect(await call.open(), batches())
        return [result.reason for result in results]

    async def test_disabled(self) -> None:
        """Targets after the channel was disabled are refused; those before it went out."""

        def disable(directory: FakeDirectory) -> None:
            directory.found = {FCM: channel(enabled=False, version=2)}

        assert await self.outcomes_after(disable) == [0] * 10 + [error_pb2.ERROR_REASON_CHANNEL_DISABLED] * 10

    async def test_deleted_app(self) -> None:
        """Targets after the app was deleted are refused."""

        def delete(directory: FakeDirectory) -> None:
            directory.error = AppNotFound()

        assert await self.outcomes_after(delete) == [0] * 10 + [error_pb2.ERROR_REASON_APP_NOT_FOUND] * 10

    async def test_database_gone(self) -> None:
        """While the database does not answer, a running call goes on with what it has."""

        def unplug(directory: FakeDirectory) -> None:
            directory.error = StoreUnavailable()

        assert await self.outcomes_after(unplug) == [0] * 20


async def test_second_answer_is_not_mixed_with_the_first() -> None:
    """A delivery that is repeated with a new proof of identity begins with an empty answer."""
    sender = FakeSender()
    bodies: list[bytes] = []

    def answer(exchange: Exchange) -> None:
        exchange.status = 401 if not sender.renewals else 200
        exchange.response_body += b"too old" if not sender.renewals else b"fine"

    def classify(exchange: Exchange) -> Outcome:
        bodies.append(exchange.response_body)
        if exchange.status == 401:
            return Outcome(status=messaging_pb2.DELIVERY_STATUS_TEMPORARY_FAILURE, renew=True)
        return ACCEPTED

    sender.pool.answer = answer
    sender.outcomes = classify
    await Call(sender).run(targets(1))
    assert bodies == [b"too old", b"fine"]


async def test_rejected_credential_withdraws_what_was_not_sent() -> None:
    """Once the credential is rejected, deliveries that still wait in the pool are not sent with it."""
    sender = FakeSender(answer=lambda _: None)
    rejected = Outcome(
        status=messaging_pb2.DELIVERY_STATUS_PERMANENT_FAILURE,
        reason=error_pb2.ERROR_REASON_CREDENTIAL_REJECTED,
        credential_broken=True,
    )
    sender.outcomes = lambda _: rejected

    def queue_all_but_the_first(exchange: Exchange) -> None:
        sender.pool.submitted.append(exchange)
        if len(sender.pool.submitted) == 1:
            exchange.attempts = 1
            exchange.status = 403
            asyncio.get_running_loop().call_later(0.02, exchange.done)

    sender.pool.submit = queue_all_but_the_first
    results, _ = await Call(sender).run(targets(40))
    assert results[0].reason == error_pb2.ERROR_REASON_CREDENTIAL_REJECTED
    assert {(result.reason, result.attempts) for result in results[1:]} == {
        (error_pb2.ERROR_REASON_NOT_TRIED_CREDENTIAL, 0)
    }
    assert all(exchange.cancelled for exchange in sender.pool.submitted[1:])


async def test_stopping_withdraws_what_waits() -> None:
    """When the server stops, targets that wait in the pool or for a token get a result at once."""
    for gate in (None, asyncio.Event()):
        sender = FakeSender(answer=lambda _: None)
        sender.gate = gate
        sender.pool.submit = sender.pool.submitted.append
        opened = await Call(sender).open()
        asyncio.get_running_loop().call_later(0.05, opened.stop)
        results, summary = await collect(opened, stream(targets(20)))
        assert [result.reason for result in results] == [error_pb2.ERROR_REASON_SHUTTING_DOWN] * 20
        assert summary.total == 20


async def test_what_is_wrong_with_a_target_is_told_first() -> None:
    """A target that could never be sent to is told so, also when nothing is sent any more."""
    opened = await Call().open()
    opened.stop()
    results, _ = await collect(opened, stream([Target(channel_type=FCM), *targets(1)]))
    assert [result.reason for result in results] == [
        error_pb2.ERROR_REASON_ADDRESS_MALFORMED,
        error_pb2.ERROR_REASON_SHUTTING_DOWN,
    ]


async def test_slow_rendering_lets_others_have_their_turn() -> None:
    """When a target of its own takes as long to render as a turn may, the event loop goes on after each one."""
    turns = 0
    seen: list[int] = []

    async def other_work() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    call = Call(limits=Limits(in_flight=50, batch=10, turn=50, turn_seconds=0.001))
    render = call.provider.render

    def slowly(channel: Channel, content: Content) -> Payload | Outcome:
        seen.append(turns)
        time.sleep(0.002)
        return render(channel, content)

    call.provider.render = slowly  # type: ignore[method-assign]
    # Without a text of their own, so that each is rendered.
    own = [Overrides(context={"n": str(number)}) for number in range(10)]
    other = asyncio.create_task(other_work())
    results, _ = await call.run([target for each in own for target in targets(1, overrides=each)])
    other.cancel()
    assert len(results) == len(seen) == 10
    assert len(set(seen)) == 10


async def test_stopping_does_not_wait_for_an_idle_caller() -> None:
    """A caller that neither sends nor ends is told that the server stops, after what is under way was given up."""

    async def idle() -> AsyncIterator[Sequence[Target]]:
        yield targets(3)
        await asyncio.sleep(3600)

    sender = FakeSender(answer=lambda _: None)  # sent, and never answered
    opened = await Call(sender, limits=Limits(in_flight=50, batch=10, turn=5, last_answers=0.05)).open()
    asyncio.get_running_loop().call_later(0.02, opened.stop)
    reasons = []
    with pytest.raises(ShuttingDown):  # noqa: PT012 - what came before the error counts
        async for event in opened.events(idle()):
            reasons += [(result.delivery_status, result.reason) for result in event.results.results]
    assert reasons == [(messaging_pb2.DELIVERY_STATUS_UNKNOWN_FAILURE, error_pb2.ERROR_REASON_ANSWER_TIMEOUT)] * 3


async def test_reader_that_stops_bounds_a_stopping_call_too() -> None:
    """While the server stops, a caller that does not read still does not make results pile up."""
    call = Call()
    taken = 0

    async def endless() -> AsyncIterator[Sequence[Target]]:
        nonlocal taken
        while True:
            taken += 5
            yield targets(5)

    opened = await call.open()
    events = opened.events(endless())
    await anext(events)
    opened.stop()
    await asyncio.sleep(0.1)
    assert taken <= 100
    await events.aclose()


async def test_late_target_keeps_its_own_time() -> None:
    """A target that joins others that wait for a token has its own send_timeout, not theirs."""
    sender = FakeSender()
    sender.gate = asyncio.Event()

    async def two() -> AsyncIterator[Sequence[Target]]:
        yield targets(1)
        await asyncio.sleep(0.15)
        yield targets(1)
        await asyncio.sleep(0.1)
        assert sender.gate is not None
        sender.gate.set()

    results, _ = await collect(await Call(sender, send_timeout=0.2).open(), two())
    assert [result.reason for result in results] == [error_pb2.ERROR_REASON_NOT_TRIED_TIMEOUT, 0]


async def test_result_that_cannot_be_expressed() -> None:
    """An answer that protobuf cannot carry costs its target the details, not its result."""
    sender = FakeSender()
    sender.outcomes = lambda _: Outcome(
        status=messaging_pb2.DELIVERY_STATUS_PERMANENT_FAILURE, provider_reason="\ud800"
    )
    results, summary = await Call(sender).run(targets(3))
    assert [result.reason for result in results] == [error_pb2.ERROR_REASON_INTERNAL] * 3
    assert summary.total == 3


async def test_since_when_an_address_is_dead() -> None:
    """A result tells it to the millisecond."""
    sender = FakeSender()
    sender.outcomes = lambda _: Outcome(
        status=messaging_pb2.DELIVERY_STATUS_PERMANENT_FAILURE, token_dead=True, token_invalid_at=1_700_000_000_123
    )
    ((result,), _) = await Call(sender).run(targets(1))
    assert (result.token_invalid_at.seconds, result.token_invalid_at.nanos) == (1_700_000_000, 123_000_000)


async def test_last_results_do_not_linger() -> None:
    """Once nothing else is on its way, results leave at once, though a response has room for more."""

    def answer(exchange: Exchange) -> None:
        def late() -> None:
            accept(exchange)
            exchange.done()

        asyncio.get_running_loop().call_later(0.05, late)  # when all targets have been taken in

    call = Call(FakeSender(answer), limits=Limits(in_flight=50, batch=10, turn=5, linger=3600.0))
    results, _ = await call.run(targets(7))
    assert len(results) == 7


async def test_oversized_fields_are_not_echoed() -> None:
    """A refused address or reference comes back empty: one bad target must not make the response too long to read."""
    results, _ = await Call().run(
        [
            Target(address="x" * 100_000, channel_type=FCM, client_ref="mine"),
            Target(address="t", channel_type=FCM, client_ref="x" * 100_000),
            Target(address="é" * 3000, channel_type=FCM),
        ]
    )
    assert [(result.address, result.client_ref) for result in results] == [("", "mine"), ("t", ""), ("", "")]
    assert results[2].reason == error_pb2.ERROR_REASON_ADDRESS_MALFORMED


async def test_unknown_channel_types_are_not_kept() -> None:
    """A caller that names ever new channel types does not make the call grow."""
    call = await Call().open()
    lanes = call._lanes
    await collect(call, stream([Target(address="t", channel_type=number) for number in range(100, 300)]))  # type: ignore[arg-type]
    assert not list(lanes)
    assert not call._plans._plans


async def test_timeout_is_no_proof() -> None:
    """When the wait for a token times out, targets that come later are not sent without one."""
    sender = FakeSender()
    sender.gate = asyncio.Event()
    results, _ = await Call(sender, send_timeout=0.05).run(targets(200))
    assert {result.reason for result in results} == {error_pb2.ERROR_REASON_NOT_TRIED_TIMEOUT}
    assert not sender.pool.submitted


async def test_timeout_error_of_a_sender_is_a_fault() -> None:
    """A sender that itself raises TimeoutError fails its targets at once instead of keeping the loop busy."""
    sender = FakeSender()

    async def authorize() -> Outcome | None:
        raise TimeoutError

    sender.authorize = authorize  # type: ignore[method-assign]
    results, _ = await Call(sender).run(targets(3))
    assert {result.reason for result in results} == {error_pb2.ERROR_REASON_INTERNAL}


async def test_stopping_gives_every_target_of_a_finite_call_its_result() -> None:
    """Even when requests without an answer fill the call, the targets behind them get their results, and a summary."""
    sender = FakeSender(answer=lambda _: None)
    limits = Limits(in_flight=50, batch=10, turn=5, last_answers=0.05)
    opened = await Call(sender, limits=limits).open()
    asyncio.get_running_loop().call_later(0.05, opened.stop)
    results, summary = await collect(opened, stream(targets(300)))
    assert summary.total == len(results) == 300
    reasons = {result.reason for result in results}
    assert reasons == {error_pb2.ERROR_REASON_ANSWER_TIMEOUT, error_pb2.ERROR_REASON_SHUTTING_DOWN}


async def test_refused_proof_while_stopping() -> None:
    """A request that was surely refused is not repeated while the server stops, and its fate is known."""
    sender = FakeSender(answer=lambda _: None)
    sender.outcomes = lambda _: Outcome(status=messaging_pb2.DELIVERY_STATUS_TEMPORARY_FAILURE, renew=True)
    opened = await Call(sender).open()

    async def stop() -> None:
        await asyncio.sleep(0.05)
        opened.stop()
        for exchange in list(sender.pool.submitted):
            exchange.status = 401
            exchange.done()

    stopping = asyncio.create_task(stop())
    results, _ = await collect(opened, stream(targets(3)))
    await stopping
    assert {(result.reason, result.delivery_status) for result in results} == {
        (error_pb2.ERROR_REASON_SHUTTING_DOWN, messaging_pb2.DELIVERY_STATUS_TEMPORARY_FAILURE)
    }


@pytest.mark.parametrize("turns", range(5))
async def test_a_call_that_is_cancelled_while_it_ends_leaves_nothing_behind(turns: int) -> None:
    """What outlives a call lets go of it, also when the call's task is cancelled again at any time of its end.

    gRPC may do so: a write fails because the caller has left, and shortly after it cancels the method.
    """

    async def endless() -> AsyncIterator[Sequence[Target]]:
        yield targets(3)
        await asyncio.sleep(3600)

    breakers = Breakers()
    opened = await Call(FakeSender(answer=lambda _: None), breakers=breakers).open()
    failing = asyncio.Event()

    async def method() -> None:
        async with aclosing(opened.events(endless(), StreamMessagesResponse())) as events:
            async for _ in events:
                await asyncio.sleep(0.01)  # targets are taken in meanwhile
                failing.set()
                raise asyncio.CancelledError

    task = asyncio.create_task(method())
    await failing.wait()
    (breaker,) = breakers
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task})
    assert not breaker._watchers
    assert not hasattr(opened, "_lanes")
