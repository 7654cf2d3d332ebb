"""Filling variables."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarion.v1.message_pb2 import VariableValues
from clarion_server.sending.substitute import Filler, TooMuchText, VariableMissing, joined


def test_values_are_joined() -> None:
    """A variable with several values stands for them all, joined with a comma."""
    assert joined({"a": VariableValues(values=["x", "y"])}) == {"a": "x, y"}


def test_fills_with_white_space_and_twice() -> None:
    """White space inside the braces does not matter, and a variable may stand more than once."""
    assert Filler({"a": "1", "b.c-d_1": "2"}).text("{{a}} {{ a }} {{b.c-d_1}}") == "1 1 2"


def test_names_the_missing_variable() -> None:
    """A variable without a value is named, so that the caller can give it."""
    with pytest.raises(VariableMissing) as caught:
        Filler({"other": "x"}).text("Hi {{name}}")
    assert caught.value.name == "name"


@pytest.mark.parametrize("text", ["{{}}", "{{a b}}", "{a}", "}}{{", "{{a", "{{é}}"])
def test_other_braces_are_plain_text(text: str) -> None:
    """What is not a variable is left alone."""
    assert Filler({}).text(text) == text


def test_backslash_escapes() -> None:
    """A variable behind a backslash is plain text, without the backslash."""
    assert Filler({"a": "1"}).text(r"\{{a}} {{a}}") == "{{a}} 1"


def test_values_are_not_filled_again() -> None:
    """A value that looks like a variable is not one: callers' data cannot reach other values."""
    assert Filler({"a": "{{b}}", "b": "secret"}).text("{{a}}") == "{{b}}"


def test_json_values_only() -> None:
    """In JSON only string values are filled: never keys, and the structure cannot be broken out of."""
    document = {"{{a}}": ["{{a}}", 1, None, {"x": "<{{a}}>"}]}
    assert Filler({"a": '"},{'}).json(document) == {"{{a}}": ['"},{', 1, None, {"x": '<"},{>'}]}


@given(st.text(alphabet="{}\\ab ", max_size=30))
def test_never_fails_otherwise(text: str) -> None:
    """Whatever the text, filling it either works or names a missing variable."""
    try:
        Filler({"a": "1"}).text(text)
    except VariableMissing as missing:
        assert missing.name in text  # noqa: PT017 - not raising is right, too


def test_values_do_not_multiply_without_bound() -> None:
    """A short text with a long value often in it is refused before it fills the memory."""
    with pytest.raises(TooMuchText):
        Filler({"a": "x" * 16_000}).text("{{a}}" * 3000)
    with pytest.raises(TooMuchText):
        Filler({"a": "x" * 16_000}).json([{"k": "{{a}}"}] * 3000)
