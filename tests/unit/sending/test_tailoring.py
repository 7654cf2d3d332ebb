"""What a target has of its own, as it is read and checked."""

from __future__ import annotations

from typing import Any

import pytest

from clarion.v1 import error_pb2
from clarion.v1.messaging_pb2 import Overrides
from clarion_server.providers.contract import Outcome
from clarion_server.sending.substitute import joined
from clarion_server.sending.tailoring import Tailoring, tailoring


def overrides(**fields: Any) -> Overrides:
    """Return overrides from proto fields as dictionaries."""
    return Overrides(**fields)


def test_absent_and_empty_are_told_apart() -> None:
    """An empty text takes the message's away, an absent one does not: they are read as different."""
    assert tailoring(overrides()) == Tailoring(None, None, None, {}, {})
    assert tailoring(overrides(title="", body="", raw_content="")) == Tailoring("", "", "", {}, {})
    assert tailoring(overrides(title="t", body="b", raw_content="{}", context={"a": "b"})) == Tailoring(
        "t", "b", "{}", {}, {"a": "b"}
    )


BAD: dict[str, tuple[Overrides, str]] = {
    "title": (overrides(title="x" * 16_385), "overrides.title and overrides.body"),
    "body": (overrides(body="x" * 16_385), "overrides.title and overrides.body"),
    "raw content": (overrides(raw_content="x" * 65_537), "overrides.raw_content"),
    "too many names": (
        overrides(substitutions={f"n{number}": {"values": ["v"]} for number in range(101)}),
        "overrides.substitutions must have at most 100 names",
    ),
    "a name": (overrides(substitutions={"a b": {"values": ["v"]}}), "overrides.substitutions names must have"),
    "no name": (overrides(substitutions={"": {"values": ["v"]}}), "overrides.substitutions names must have"),
    "no values": (overrides(substitutions={"a": {}}), "overrides.substitutions each name must have 1 to 100"),
    "too many values": (
        overrides(substitutions={"a": {"values": ["v"] * 101}}),
        "overrides.substitutions each name must have 1 to 100",
    ),
    "a value": (overrides(substitutions={"a": {"values": ["x" * 16_385]}}), "overrides.substitutions a text must"),
    "one of two values": (
        overrides(substitutions={"a": {"values": ["v", "x" * 16_385]}}),
        "overrides.substitutions a text must",
    ),
    "a key": (overrides(context={"": "v"}), "overrides.context keys must have"),
    "an entry": (overrides(context={"a": "x" * 16_385}), "overrides.context a text must"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_out_of_bounds_is_refused(name: str) -> None:
    """Each bound is kept, and the refusal names the field and the remedy."""
    given_overrides, message = BAD[name]
    refused = tailoring(given_overrides)
    assert isinstance(refused, Outcome)
    assert refused.reason == error_pb2.ERROR_REASON_OVERRIDE_INVALID
    assert refused.message.startswith(message)


GOOD = {
    "title": overrides(title="x" * 16_384, body="x" * 16_384),
    "names": overrides(substitutions={f"n{number}": {"values": ["v"]} for number in range(100)}),
    "values": overrides(substitutions={"a": {"values": ["v"] * 100}}),
    "a value": overrides(substitutions={"a": {"values": ["x" * 16_384] * 2}}),
    "a name": overrides(substitutions={"a" * 64: {"values": ["v"]}}),
}


@pytest.mark.parametrize("name", GOOD)
def test_what_is_just_within_bounds_is_taken(name: str) -> None:
    """Each bound itself is allowed."""
    read = tailoring(GOOD[name])
    assert isinstance(read, Tailoring)
    assert read.variables == joined(GOOD[name].substitutions)
