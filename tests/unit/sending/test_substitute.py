"""Filling variables."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarion.v1.message_pb2 import VariableValues
from clarion_server.sending.substitute import VariableMissing, fill, fill_json, joined


def test_values_are_joined() -> None:
    """A variable with several values stands for them all, joined with a comma."""
    assert joined({"a": VariableValues(values=["x", "y"])}) == {"a": "x, y"}


def test_fills_with_white_space_and_twice() -> None:
    """White space inside the braces does not matter, and a variable may stand more than once."""
    assert fill("{{a}} {{ a }} {{b.c-d_1}}", {"a": "1", "b.c-d_1": "2"}) == "1 1 2"


def test_names_the_missing_variable() -> None:
    """A variable without a value is named, so that the caller can give it."""
    with pytest.raises(VariableMissing) as caught:
        fill("Hi {{name}}", {"other": "x"})
    assert caught.value.name == "name"


@pytest.mark.parametrize("text", ["{{}}", "{{a b}}", "{a}", "}}{{", "{{a", "{{é}}"])
def test_other_braces_are_plain_text(text: str) -> None:
    """What is not a variable is left alone."""
    assert fill(text, {}) == text


def test_backslash_escapes() -> None:
    """A variable behind a backslash is plain text, without the backslash."""
    assert fill(r"\{{a}} {{a}}", {"a": "1"}) == "{{a}} 1"


def test_values_are_not_filled_again() -> None:
    """A value that looks like a variable is not one: callers' data cannot reach other values."""
    assert fill("{{a}}", {"a": "{{b}}", "b": "secret"}) == "{{b}}"


def test_json_values_only() -> None:
    """In JSON only string values are filled: never keys, and the structure cannot be broken out of."""
    document = {"{{a}}": ["{{a}}", 1, None, {"x": "<{{a}}>"}]}
    assert fill_json(document, {"a": '"},{'}) == {"{{a}}": ['"},{', 1, None, {"x": '<"},{>'}]}


@given(st.text(alphabet="{}\\ab ", max_size=30))
def test_never_fails_otherwise(text: str) -> None:
    """Whatever the text, filling it either works or names a missing variable."""
    try:
        fill(text, {"a": "1"})
    except VariableMissing as missing:
        assert missing.name in text  # noqa: PT017 - not raising is right, too
