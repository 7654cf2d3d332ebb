"""Reads raw content: a JSON object given as text.

Stricter than `json.loads`: what this accepts can be written again as standard JSON in UTF-8.
"""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

# Deeper documents are refused by providers anyhow, and would exhaust Python's stack.
_DEEPEST = 100


class RawJsonError(ValueError):
    """The text is not a JSON object; the message says what is wrong and where, without quoting the text."""


def parse_object(text: str) -> dict[str, Any]:
    """Return the JSON object.

    Raises:
        RawJsonError: it is not JSON, not an object, nested too deeply, or holds what JSON in UTF-8 cannot (numbers that
            are not finite, lone surrogates).
    """
    try:
        document = json.loads(text, parse_constant=_no_constant, parse_float=_finite)
    except json.JSONDecodeError as error:
        raise RawJsonError(f"is not JSON: {error.msg} at line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise RawJsonError("is nested too deeply") from None
    except RawJsonError:
        raise
    except ValueError:
        # Python's own limit for the digits of an integer.
        raise RawJsonError("has a number with too many digits") from None
    if not isinstance(document, dict):
        raise RawJsonError("is JSON, but not an object")
    _check(document, 0)
    return document


def _no_constant(name: str) -> NoReturn:
    raise RawJsonError(f"is not JSON: {name} is no number")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise RawJsonError("has a number that is too large")
    return number


def _check(node: Any, depth: int) -> None:
    if depth > _DEEPEST:
        raise RawJsonError(f"is nested more than {_DEEPEST} levels deep")
    if isinstance(node, str):
        # A lone surrogate comes from an escape such as \ud800 and has no form in UTF-8.
        if not node.isascii() and any("\ud800" <= character <= "\udfff" for character in node):
            raise RawJsonError("has a lone surrogate in a string")
    elif isinstance(node, dict):
        for key, child in node.items():
            _check(key, depth)
            _check(child, depth + 1)
    elif isinstance(node, list):
        for child in node:
            _check(child, depth + 1)
