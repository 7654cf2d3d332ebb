"""Every fault of the sandbox against every provider's channel: what is safe to repeat is, and no result lies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from clarion.v1 import error_pb2, messaging_pb2
from clarion_server.sandbox import FaultError, FaultKind
from clarion_server.sandbox.fault import TRAITS, Stage
from tests.conformance.bench import SUCCESSFUL, UNKNOWN, Bench, eventually

TEMPORARY = messaging_pb2.DELIVERY_STATUS_TEMPORARY_FAILURE
LOST = error_pb2.ERROR_REASON_CONNECTION_LOST
TIMEOUT = error_pb2.ERROR_REASON_ANSWER_TIMEOUT


@dataclass(frozen=True)
class Harmless:
    """A fault that no target may feel; it strikes at least once."""

    fault: dict[str, Any]


@dataclass(frozen=True)
class Ambiguous:
    """A fault after which nobody knows: of one target, the reason, and how often it was really delivered."""

    fault: dict[str, Any]
    reason: int
    delivered: int


HARMLESS = [
    Harmless({"kind": "goaway", "when": "before", "skip": 3, "count": 2}),
    Harmless({"kind": "goaway", "when": "before", "count": 1, "error_code": 2}),
    Harmless({"kind": "goaway", "when": "after", "skip": 3, "count": 2}),
    Harmless({"kind": "refused_stream", "skip": 2, "count": 3}),
    Harmless({"kind": "settings", "max_streams": 1, "skip": 1, "count": 1}),
    Harmless({"kind": "slow_body", "seconds": 0.001, "count": 5}),
]
AMBIGUOUS = [
    Ambiguous({"kind": kind, "when": when}, reason, delivered)
    for kind, reason in (
        ("stream_reset", LOST),
        ("connection_reset", LOST),
        ("silence", TIMEOUT),
        ("half_open", TIMEOUT),
    )
    for when, delivered in (("before", 0), ("after", 1))
]


def name(case: Harmless | Ambiguous) -> str:
    """Return a parameter's name."""
    return "-".join(str(value) for value in case.fault.values())


@pytest.mark.parametrize("case", HARMLESS, ids=name)
async def test_harmless(bench: Bench, case: Harmless) -> None:
    """What surely was not processed, and what is only slow, ends in success for all, each delivered exactly once."""
    if not bench.subject.http2 and TRAITS[FaultKind(case.fault["kind"])].http2_only:
        with pytest.raises(FaultError, match="needs HTTP/2"):
            bench.add(**case.fault)
        return
    bench.add(**case.fault)
    # Two calls, so that a connection that ended between them is noticed.
    for first in (1, 101):
        results = await bench.send(bench.addresses("ok", 100, first))
        assert {result.delivery_status for result in results} == {SUCCESSFUL}
    (active,) = bench.world.sandbox.faults.of(bench.subject.listener)
    assert active.struck == case.fault["count"]
    if case.fault["kind"] == "goaway":
        reasons = {stats.last_goaway for stats in bench.world.server.transport.stats().values()}
        assert any(reason.endswith("Shutdown") for reason in reasons), "the reason in its JSON is surfaced"


@pytest.mark.parametrize("case", AMBIGUOUS, ids=name)
async def test_ambiguous(bench: Bench, case: Ambiguous) -> None:
    """When the request left and its answer is lost, the result is UNKNOWN_FAILURE, and it is not sent again."""
    bench.add(**case.fault)
    addresses = bench.addresses("ok", 1)
    (result,) = await bench.send(addresses, seconds=1.5)
    assert (result.delivery_status, result.reason, result.attempts) == (UNKNOWN, case.reason, 1)
    assert bench.stats.delivered.get(addresses[0], 0) == case.delivered


async def test_other_requests_of_the_connection(bench: Bench) -> None:
    """A reset stream costs nobody else on the connection anything."""
    bench.add(kind="stream_reset", skip=5, count=1)
    results = await bench.send(bench.addresses("ok", 50))
    statuses = [result.delivery_status for result in results]
    assert (statuses.count(UNKNOWN), statuses.count(SUCCESSFUL)) == (1, 49)


async def test_success_cut_in_mid_body(bench: Bench) -> None:
    """A success whose body is cut short is still a success: the status had come."""
    bench.add(kind="cut_body")
    results = await bench.send(bench.addresses("ok", 3))
    assert {result.delivery_status for result in results} == {SUCCESSFUL}


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "cut_body", "status": 503},
        {"kind": "slow_body", "status": 503, "seconds": 0.001},
        {"kind": "html", "status": 502},
        {"kind": "html", "status": 503},
    ],
    ids=lambda fault: f"{fault['kind']}-{fault['status']}",
)
async def test_spoilt_errors(bench: Bench, fault: dict[str, Any]) -> None:
    """Errors whose body is cut, slow, or no JSON at all, are classified by their status."""
    bench.add(**fault)
    (result,) = await bench.send(bench.addresses("ok", 1), seconds=2)
    assert (result.delivery_status, result.status_code) == (TEMPORARY, fault["status"])


async def test_passing_failure(bench: Bench) -> None:
    """After a single 503 with Retry-After the message gets through when it is tried again, by the server or by us."""
    bench.add(kind="status", status=503, retry_after=1, count=1)
    addresses = bench.addresses("ok", 1)
    (result,) = await bench.send(addresses)
    if result.delivery_status != SUCCESSFUL:
        assert result.delivery_status == TEMPORARY
        (result,) = await bench.send(addresses)
    assert result.delivery_status == SUCCESSFUL


async def test_max_age(bench: Bench) -> None:
    """Connections that the provider ends for their age, in good order, are replaced without a loss."""
    bench.add(kind="max_age", seconds=0.2)
    first = 1
    while bench.stats.connections < 4:
        results = await bench.send(bench.addresses("ok", 20, first))
        assert {result.delivery_status for result in results} == {SUCCESSFUL}
        first += 20
        assert first < 100_000, "connections are never ended"


async def test_silent_connection(bench: Bench) -> None:
    """On connections that are accepted and then silent nothing is delivered and no result claims it; later all is."""
    await bench.send(bench.addresses("ok", 1))
    bench.add(kind="silent_connection")
    await bench.disconnect()
    results = await bench.send(bench.addresses("ok", 5, 100), seconds=1.5)
    assert {result.delivery_status for result in results} <= {UNKNOWN, TEMPORARY}
    assert sum(bench.stats.delivered.values()) == 1


NO_CONNECTION = [
    {"kind": "tls_refused"},
    {"kind": "other_certificate", "certificate": "unknown_authority"},
    {"kind": "other_certificate", "certificate": "expired"},
    {"kind": "other_certificate", "certificate": "other_host"},
    {"kind": "refuse_connections"},
]


@pytest.mark.parametrize("fault", NO_CONNECTION, ids=lambda fault: fault.get("certificate", fault["kind"]))
async def test_no_connection(bench: Bench, fault: dict[str, Any]) -> None:
    """Without a connection nothing is sent, for a reason of its own; when the fault is over, the channel works."""
    await bench.send(bench.addresses("ok", 1))
    bench.add(**fault)
    await bench.disconnect()
    (result,) = await bench.send(bench.addresses("ok", 1, 2), seconds=5)
    judged = fault["kind"] == "other_certificate"
    reason = error_pb2.ERROR_REASON_TLS_FAILED if judged else error_pb2.ERROR_REASON_CONNECT_FAILED
    assert (result.delivery_status, result.reason, result.attempts) == (TEMPORARY, reason, 0)
    bench.world.sandbox.faults.clear()
    await eventually(lambda: not list(bench.world.sandbox.faults.of(bench.subject.listener)))
    (result,) = await bench.send(bench.addresses("ok", 1, 3))
    assert result.delivery_status == SUCCESSFUL


def test_every_fault_has_a_case() -> None:
    """No kind of fault is left out."""
    tried = {case.fault["kind"] for case in HARMLESS} | {case.fault["kind"] for case in AMBIGUOUS}
    tried |= {fault["kind"] for fault in NO_CONNECTION}
    tried |= {"cut_body", "html", "status", "max_age", "silent_connection"}
    assert tried == {kind.value for kind in TRAITS}
    assert {trait.stage for trait in TRAITS.values()} == set(Stage)
