"""Every provider's answers, from success to each class of failure, over real sockets."""

from __future__ import annotations

from collections import Counter

import pytest

from clarion.v1 import channel_pb2, error_pb2, messaging_pb2
from tests.conformance.bench import SUCCESSFUL, Bench
from tests.conformance.providers import SUBJECTS

THROTTLED = messaging_pb2.DELIVERY_STATUS_THROTTLED
TEMPORARY = messaging_pb2.DELIVERY_STATUS_TEMPORARY_FAILURE
PERMANENT = messaging_pb2.DELIVERY_STATUS_PERMANENT_FAILURE
UNREGISTERED = error_pb2.ERROR_REASON_ADDRESS_UNREGISTERED
# Short: what is tried again until its time is over.
SHORT = 2.0


def test_every_channel_type_is_a_subject() -> None:
    """No channel type of the API is left out."""
    known = set(channel_pb2.ChannelType.values()) - {channel_pb2.CHANNEL_TYPE_UNSPECIFIED}
    assert {subject.channel_type for subject in SUBJECTS} == known


async def test_success(bench: Bench) -> None:
    """What the provider accepts is SUCCESSFUL with a message id, after one attempt, and was delivered once."""
    addresses = bench.addresses("ok", 20)
    results = await bench.send(addresses)
    assert {result.delivery_status for result in results} == {SUCCESSFUL}
    assert {result.attempts for result in results} == {1}
    assert len({result.message_id for result in results} - {""}) == 20
    assert bench.stats.delivered == dict.fromkeys(addresses, 1)


async def test_unregistered(bench: Bench) -> None:
    """Only an address whose app is gone is called dead."""
    (result,) = await bench.send(bench.addresses("unregistered", 1))
    assert (result.delivery_status, result.reason, result.token_dead) == (PERMANENT, UNREGISTERED, True)


async def test_malformed(bench: Bench) -> None:
    """An address that the provider does not know as one is invalid for good."""
    (result,) = await bench.send(bench.addresses("malformed", 1))
    told = bench.subject.tells_malformed
    reason = error_pb2.ERROR_REASON_ADDRESS_INVALID if told else error_pb2.ERROR_REASON_MESSAGE_REJECTED
    assert (result.delivery_status, result.reason) == (PERMANENT, reason)


async def test_wrong_app(bench: Bench) -> None:
    """An address of another app fails for good and is not called dead: the channel may be wrong."""
    if bench.subject.wrong_app is None:
        return
    (result,) = await bench.send(bench.addresses(bench.subject.wrong_app, 1))
    assert (result.delivery_status, result.reason) == (PERMANENT, error_pb2.ERROR_REASON_ADDRESS_OF_OTHER_APP)
    assert not result.token_dead


async def test_throttled_device(bench: Bench) -> None:
    """A device that gets too much is THROTTLED, and its address lives."""
    (result,) = await bench.send(bench.addresses("throttled", 1), seconds=SHORT)
    status = bench.subject.throttled_status
    assert (result.delivery_status, result.status_code, result.token_dead) == (THROTTLED, status, False)


async def test_throttled_with_retry_after(bench: Bench) -> None:
    """When the provider asks to wait longer than there is time, the result says THROTTLED and for how long."""
    bench.add(kind="status", status=429, retry_after=3600)
    results = await bench.send(bench.addresses("ok", 3), seconds=SHORT)
    assert {result.delivery_status for result in results} == {THROTTLED}
    if bench.subject.tells_retry_after:
        assert {result.retry_after.seconds for result in results} == {3600}


async def test_throttled_without_a_word(bench: Bench) -> None:
    """When the provider names no time, the result says THROTTLED, and the provider is not asked again and again."""
    bench.add(kind="status", status=429)
    results = await bench.send(bench.addresses("ok", 3), seconds=SHORT)
    assert {result.delivery_status for result in results} == {THROTTLED}
    assert bench.stats.outcomes["fault status"] == sum(result.attempts or 0 for result in results) <= 9
    if bench.subject.listener in {"fcm", "adm"}:
        assert [result.attempts for result in results] == [1, 1, 1], "a minute is what they ask for"


@pytest.mark.parametrize("status", [500, 503])
async def test_provider_fails(bench: Bench, status: int) -> None:
    """A provider that fails all the time is a temporary failure, with its status."""
    bench.add(kind="status", status=status)
    results = await bench.send(bench.addresses("ok", 3), seconds=SHORT)
    found = {(result.delivery_status, result.reason, result.status_code) for result in results}
    assert found == {(TEMPORARY, error_pb2.ERROR_REASON_PROVIDER_UNAVAILABLE, status)}


@pytest.mark.parametrize("behaviour", ["internal", "unavailable"])
async def test_provider_fails_for_a_device(bench: Bench, behaviour: str) -> None:
    """The same for single devices; the others get theirs."""
    failing, good = bench.addresses(behaviour, 1), bench.addresses("ok", 3)
    bad, *rest = await bench.send([*failing, *good], seconds=SHORT)
    assert (bad.delivery_status, bad.reason) == (TEMPORARY, error_pb2.ERROR_REASON_PROVIDER_UNAVAILABLE)
    assert {result.delivery_status for result in rest} == {SUCCESSFUL}


async def test_payload_too_large(bench: Bench) -> None:
    """What is over the provider's limit fails for good, and is not even sent."""
    (result,) = await bench.send(bench.addresses("ok", 1), body="x" * 7000)
    assert (result.delivery_status, result.reason) == (PERMANENT, error_pb2.ERROR_REASON_PAYLOAD_TOO_LARGE)
    assert result.attempts == 0
    assert bench.stats.outcomes["accepted"] == 0


async def test_credential_rejected(bench: Bench) -> None:
    """A credential that the provider does not accept fails all for good, and does not burn through the audience."""
    if bench.subject.rejection is None:
        return  # tests of the provider itself have it
    bench.add(**bench.subject.rejection.model_dump(exclude_none=True))
    results = await bench.send(bench.addresses("ok", 3000))
    assert {result.delivery_status for result in results} == {PERMANENT}
    reasons = Counter(result.reason for result in results)
    assert reasons[error_pb2.ERROR_REASON_CREDENTIAL_REJECTED] == bench.stats.outcomes["fault status"] > 0
    assert reasons[error_pb2.ERROR_REASON_NOT_TRIED_CREDENTIAL] == 3000 - bench.stats.outcomes["fault status"] > 0
    assert not any(result.token_dead for result in results)


async def test_proof_too_old(bench: Bench) -> None:
    """A proof of identity that the provider calls too old is renewed once, and nobody loses the message."""
    if bench.subject.expiry is None:
        assert "certificate" in bench.subject.name, "only certificates need no renewal"
        return
    bench.add(**bench.subject.expiry.model_dump(exclude_none=True), count=1)
    results = await bench.send(bench.addresses("ok", 5))
    assert {result.delivery_status for result in results} == {SUCCESSFUL}
    assert sorted(result.attempts or 0 for result in results) == [1, 1, 1, 1, 2]


async def test_proof_too_old_for_good(bench: Bench) -> None:
    """A renewed proof that is called too old again is a rejected credential, not an endless loop."""
    if bench.subject.expiry is None:
        assert "certificate" in bench.subject.name, "only certificates need no renewal"
        return
    bench.add(**bench.subject.expiry.model_dump(exclude_none=True))
    (result,) = await bench.send(bench.addresses("ok", 1))
    assert (result.delivery_status, result.reason) == (PERMANENT, error_pb2.ERROR_REASON_CREDENTIAL_REJECTED)
    assert result.attempts == 2
