"""What a target has of its own, as it is read and checked."""

from __future__ import annotations

import tracemalloc

import pytest

from clarion.v1 import error_pb2
from clarion_server.providers.contract import Outcome
from clarion_server.sending.substitute import joined
from clarion_server.sending.tailoring import Tailoring, tailoring
from tests.unit.sending.bounds import BAD, GOOD, overrides


def test_absent_and_empty_are_told_apart() -> None:
    """An empty text takes the message's away, an absent one does not: they are read as different."""
    assert tailoring(overrides()) == Tailoring(None, None, None, {}, {})
    assert tailoring(overrides(title="", body="", raw_content="")) == Tailoring("", "", "", {}, {})
    assert tailoring(overrides(title="t", body="b", raw_content="{}", context={"a": "b"})) == Tailoring(
        "t", "b", "{}", {}, {"a": "b"}
    )


@pytest.mark.parametrize("name", BAD)
def test_what_is_out_of_bounds_is_refused(name: str) -> None:
    """Each bound is kept, and the refusal names the field and the remedy."""
    given_overrides, message = BAD[name]
    refused = tailoring(given_overrides)
    assert isinstance(refused, Outcome)
    assert refused.reason == error_pb2.ERROR_REASON_OVERRIDE_INVALID
    assert refused.message.startswith(message)


@pytest.mark.parametrize("name", GOOD)
def test_what_is_just_within_bounds_is_taken(name: str) -> None:
    """Each bound itself is allowed."""
    read = tailoring(GOOD[name])
    assert isinstance(read, Tailoring)
    assert read.variables == joined(GOOD[name].substitutions)


def test_long_names_do_not_stay_in_memory() -> None:
    """Names are remembered as good or bad, but what is far too long for one is not kept."""
    name = "x" * 1_000_000
    tracemalloc.start()
    try:
        for number in range(10):
            assert isinstance(tailoring(overrides(substitutions={f"{number}{name}": {"values": ["v"]}})), Outcome)
        assert tracemalloc.get_traced_memory()[0] < 1_000_000
    finally:
        tracemalloc.stop()
