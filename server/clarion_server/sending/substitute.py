"""Fills `{{name}}` in texts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from clarion.v1.message_pb2 import VariableValues

# What else stands between braces is plain text, and so is what follows a backslash.
_VARIABLE = re.compile(r"(\\?)\{\{\s*([A-Za-z0-9_.\-]{1,64})\s*\}\}")
VARIABLE_NAME = re.compile(r"[A-Za-z0-9_.\-]{1,64}")


class VariableMissing(Exception):
    """A text has a variable without a value."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def joined(substitutions: Mapping[str, VariableValues]) -> dict[str, str]:
    """Return the text of each variable: its values joined with `, `."""
    return {name: ", ".join(given.values) for name, given in substitutions.items()}


def fill(text: str, variables: Mapping[str, str]) -> str:
    r"""Return the text with its variables filled; `\{{name}}` becomes `{{name}}`.

    Raises:
        VariableMissing: `variables` lacks one.
    """
    if "{{" not in text:
        return text

    def value(match: re.Match[str]) -> str:
        if match.group(1):
            return match.group()[1:]
        name = match.group(2)
        try:
            return variables[name]
        except KeyError:
            raise VariableMissing(name) from None

    return _VARIABLE.sub(value, text)


def fill_json(node: Any, variables: Mapping[str, str]) -> Any:
    """Return a JSON document with the variables in its string values filled; keys stay as they are.

    Raises:
        VariableMissing: `variables` lacks one.
    """
    if isinstance(node, str):
        return fill(node, variables)
    if isinstance(node, dict):
        return {key: fill_json(child, variables) for key, child in node.items()}
    if isinstance(node, list):
        return [fill_json(child, variables) for child in node]
    return node
