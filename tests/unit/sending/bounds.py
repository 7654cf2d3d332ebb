"""Overrides at their bounds, and beyond."""

from __future__ import annotations

from typing import Any

from clarion.v1.messaging_pb2 import Overrides


def overrides(**fields: Any) -> Overrides:
    """Return overrides from proto fields as dictionaries."""
    return Overrides(**fields)


#: By what is wrong: the overrides, and how the refusal begins.
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
    "no key": (overrides(context={"": "v"}), "overrides.context keys must have"),
    "a key": (overrides(context={"k" * 129: "v"}), "overrides.context keys must have"),
    "too many entries": (
        overrides(context={f"k{number}": "v" for number in range(101)}),
        "overrides.context must have at most 100 entries",
    ),
    "an entry": (overrides(context={"a": "x" * 16_385}), "overrides.context a text must"),
}

#: By what has its bound.
GOOD = {
    "title": overrides(title="x" * 16_384, body="x" * 16_384),
    "names": overrides(substitutions={f"n{number}": {"values": ["v"]} for number in range(100)}),
    "values": overrides(substitutions={"a": {"values": ["v"] * 100}}),
    "a value": overrides(substitutions={"a": {"values": ["x" * 16_384] * 2}}),
    "a name": overrides(substitutions={"a" * 64: {"values": ["v"]}}),
    "context": overrides(context={f"{number:0128}": "x" * 16_384 for number in range(100)}),
}
