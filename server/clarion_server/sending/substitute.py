"""Fills `{{name}}` in texts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message as ProtoMessage

from clarion.v1.message_pb2 import VariableValues

# What else stands between braces is plain text, and so is what follows a backslash.
_VARIABLE = re.compile(r"(\\?)\{\{\s*([A-Za-z0-9_.\-]{1,64})\s*\}\}")
# A few hundred bytes of text could otherwise become gigabytes. Characters.
_MOST_TEXT = 131_072
VARIABLE_NAME = re.compile(r"[A-Za-z0-9_.\-]{1,64}")


class VariableMissing(Exception):
    """A text has a variable without a value."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class TooMuchText(Exception):
    """The values of variables, where they stand, add up to more than any provider takes."""


# Between the values of one variable.
_SEPARATOR = ", "


def joined(substitutions: Mapping[str, VariableValues]) -> dict[str, str]:
    """Return the text of each variable: its values joined with `, `."""
    texts = {}
    # By name: going through the items of a protobuf map takes twice as long, and so does joining a single value.
    for name in substitutions:
        values = substitutions[name].values
        texts[name] = values[0] if len(values) == 1 else _SEPARATOR.join(values)
    return texts


def is_plain(text: str) -> bool:
    """Return whether a text is the same after it was filled."""
    return "{{" not in text


class Template:
    """A text whose variables were found once.

    Args:
        text: as `Filler.text` takes it.

    Attributes:
        names: of its variables, each as often as it occurs.
        literals: what stands between them; one more than there are names.
    """

    def __init__(self, text: str) -> None:
        self.names: list[str] = []
        self.literals = [""]
        end = 0
        for match in _VARIABLE.finditer(text):
            self.literals[-1] += text[end : match.start()]
            end = match.end()
            if match.group(1):
                self.literals[-1] += match.group()[1:]
            else:
                self.names.append(match.group(2))
                self.literals.append("")
        self.literals[-1] += text[end:]


class Filler:
    r"""Fills the texts of one target: `{{name}}` becomes the value of `name`, `\{{name}}` becomes `{{name}}`.

    Args:
        variables: values by name. They are not filled again.
    """

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self._room = _MOST_TEXT

    def text(self, text: str) -> str:
        """Return a text with its variables filled.

        Raises:
            VariableMissing: one has no value.
            TooMuchText: the values that were put in are too long together.
        """
        return _VARIABLE.sub(self._value, text) if "{{" in text else text

    def _value(self, match: re.Match[str]) -> str:
        if match.group(1):
            return match.group()[1:]
        name = match.group(2)
        try:
            value = self._variables[name]
        except KeyError:
            raise VariableMissing(name) from None
        self._room -= len(value)
        if self._room < 0:
            raise TooMuchText
        return value

    def field(self, message: ProtoMessage, name: str) -> None:
        """Fill all texts of one field, in place: of lists, of messages within it, of JSON values; never keys.

        Raises:
            VariableMissing, TooMuchText: as for `text`.
        """
        value = getattr(message, name)
        if isinstance(value, str):
            setattr(message, name, self.text(value))
            return
        descriptor = next(each for each, _ in message.ListFields() if each.name == name)
        if descriptor.type == FieldDescriptor.TYPE_STRING:
            value[:] = [self.text(each) for each in value]
        for part in _messages_in(descriptor, value):
            for inner, _ in part.ListFields():
                self.field(part, inner.name)

    def json(self, node: Any) -> Any:
        """Return a JSON document with the variables in its string values filled; keys stay as they are.

        Raises:
            VariableMissing, TooMuchText: as for `text`.
        """
        if isinstance(node, str):
            return self.text(node)
        if isinstance(node, dict):
            return {key: self.json(child) for key, child in node.items()}
        if isinstance(node, list):
            return [self.json(child) for child in node]
        return node


def texts_of(descriptor: FieldDescriptor, value: Any) -> Iterator[str]:
    """Yield the texts that `Filler.field` fills in a field."""
    if descriptor.type == FieldDescriptor.TYPE_STRING:
        yield from value if descriptor.is_repeated else [value]
    for part in _messages_in(descriptor, value):
        for inner, inner_value in part.ListFields():
            yield from texts_of(inner, inner_value)


def _messages_in(descriptor: FieldDescriptor, value: Any) -> Iterable[ProtoMessage]:
    """Return the messages in a field, also those that are values of a map."""
    if descriptor.type != FieldDescriptor.TYPE_MESSAGE:
        return ()
    if not descriptor.is_repeated:
        return (value,)
    members = value.values() if isinstance(value, Mapping) else value
    return [member for member in members if isinstance(member, ProtoMessage)]
