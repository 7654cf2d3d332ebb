"""Texts of policies: wildcards, policy variables, and how they match.

A text is read once into pieces: literal text, `*`, `?`, and variables such as `${aws:username}`. Without variables it
becomes a pattern that is ready; with variables the pattern is made for each request, and what stands for a variable is
always literal, so that a user named `*` is no wildcard.

Matching never backtracks over more than one `*`, so that no pattern is slow: at worst it takes as many steps as the
lengths of pattern and value multiplied.
"""

from __future__ import annotations

import enum
import itertools
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from clarion_server.access_model import AccessRequest

Getter = Callable[[AccessRequest], str | None]
"""Returns the value of a key in a request, None if it has none."""


class Wild(enum.Enum):
    """A wildcard."""

    ANY = "*"
    ONE = "?"


@dataclass(frozen=True, slots=True)
class Variable:
    """A policy variable.

    Attributes:
        name: of the condition key.
        default: what stands for it when the request does not have the key; None for nothing.
        get: looks it up; None if no such key exists.
    """

    name: str
    default: str | None
    get: Getter | None

    def value(self, request: AccessRequest) -> str | None:
        """Return what stands for the variable, None if nothing does."""
        found = self.get(request) if self.get is not None else None
        return self.default if found is None else found


Piece = str | Wild | Variable

_VARIABLE = re.compile(r"\$\{\s*([^\s,}']+)\s*(?:,\s*'([^']*)'\s*)?\}")
_SPECIAL = re.compile(r"\$\{|[*?]")
_ESCAPES = ("*", "?", "$")


class VariableInvalid(ValueError):
    """A `${` in a text is not the beginning of a variable."""


def read_text(text: str, *, variables: Callable[[str], Getter | None] | None, wildcards: bool) -> tuple[Piece, ...]:
    """Read a text into pieces.

    Args:
        text: as it stands in the document.
        variables: finds the getter of a condition key; None if the policy's version has no variables.
        wildcards: whether `*` and `?` are wildcards here.

    Raises:
        VariableInvalid: a variable is malformed.
    """
    pieces: list[Piece] = []
    position = 0
    while (special := _SPECIAL.search(text, position)) is not None:
        pieces.append(text[position : special.start()])
        position = special.end()
        if special[0] != "${":
            pieces.append(Wild(special[0]) if wildcards else special[0])
        elif variables is None:
            pieces.append("${")
        else:
            found = _VARIABLE.match(text, special.start())
            if found is None:
                raise VariableInvalid(text[special.start() : special.start() + 40])
            name, default = found[1], found[2]
            literal = name in _ESCAPES and default is None
            pieces.append(name if literal else Variable(name, default, variables(name)))
            position = found.end()
    pieces.append(text[position:])
    return _joined(pieces)


def _joined(pieces: Iterable[Piece]) -> tuple[Piece, ...]:
    """Return the pieces with neighbouring literals as one, neighbouring `*` as one, and nothing empty."""
    joined: list[Piece] = []
    for literal, group in itertools.groupby(pieces, lambda piece: isinstance(piece, str)):
        if literal:
            text = "".join(piece for piece in group if isinstance(piece, str))
            if text:
                joined.append(text)
            continue
        for piece in group:
            if not (piece is Wild.ANY and joined and joined[-1] is Wild.ANY):
                joined.append(piece)
    return tuple(joined)


def fill(pieces: Sequence[Piece], request: AccessRequest) -> tuple[str | Wild, ...] | None:
    """Return the pieces with the values of their variables, None if one of them has no value."""
    filled: list[Piece] = []
    for piece in pieces:
        if isinstance(piece, Variable):
            value = piece.value(request)
            if value is None:
                return None
            filled.append(value)
        else:
            filled.append(piece)
    return tuple(piece for piece in _joined(filled) if not isinstance(piece, Variable))


class Pattern(Protocol):
    """Something that matches texts."""

    def matches(self, value: str, request: AccessRequest) -> bool:
        """Tell whether the whole of `value` matches."""


def make_pattern(pieces: Sequence[Piece]) -> Pattern:
    """Return the fastest pattern for the pieces."""
    fixed = [piece for piece in pieces if not isinstance(piece, Variable)]
    if len(fixed) < len(pieces):
        return _Template(tuple(pieces))
    return _fixed_pattern(fixed)


def _fixed_pattern(pieces: Sequence[str | Wild]) -> Pattern:
    if not any(isinstance(piece, Wild) for piece in pieces):
        return _Exact("".join(piece for piece in pieces if isinstance(piece, str)))
    if len(pieces) == 1 and pieces[0] is Wild.ANY:
        return _Everything()
    return _Glob(pieces)


class _Everything:
    __slots__ = ()

    def matches(self, value: str, request: AccessRequest) -> bool:  # noqa: ARG002 - of the protocol
        return True


class _Exact:
    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def matches(self, value: str, request: AccessRequest) -> bool:  # noqa: ARG002 - of the protocol
        return value == self._text


class _Template:
    """Has variables."""

    __slots__ = ("_pieces",)

    def __init__(self, pieces: tuple[Piece, ...]) -> None:
        self._pieces = pieces

    def matches(self, value: str, request: AccessRequest) -> bool:
        filled = fill(self._pieces, request)
        return filled is not None and _fixed_pattern(filled).matches(value, request)


class _Chunk:
    """What stands between two `*`: text, with `?` in it perhaps; always of one length."""

    __slots__ = ("_regex", "_text", "length")

    def __init__(self, pieces: Sequence[str | Wild]) -> None:
        self.length = sum(len(piece) if isinstance(piece, str) else 1 for piece in pieces)
        self._text = "".join(piece for piece in pieces if isinstance(piece, str))
        self._regex = None
        if len(self._text) < self.length:
            source = "".join(re.escape(piece) if isinstance(piece, str) else "." for piece in pieces)
            self._regex = re.compile(source, re.DOTALL)

    def stands_at(self, value: str, position: int) -> bool:
        if self._regex is None:
            return value.startswith(self._text, position)
        return self._regex.match(value, position) is not None

    def find(self, value: str, start: int, end: int) -> int:
        if self._regex is None:
            return value.find(self._text, start, end)
        found = self._regex.search(value, start, end)
        return -1 if found is None else found.start()


class _Glob:
    """Has wildcards. Between the first chunk and the last, each chunk is taken where it first occurs."""

    __slots__ = ("_first", "_last", "_middle")

    def __init__(self, pieces: Sequence[str | Wild]) -> None:
        groups: list[list[str | Wild]] = [[]]
        for piece in pieces:
            if piece is Wild.ANY:
                groups.append([])
            else:
                groups[-1].append(piece)
        chunks = [_Chunk(group) for group in groups]
        self._first = chunks[0]
        self._last = chunks[-1] if len(chunks) > 1 else None
        self._middle = chunks[1:-1]

    def matches(self, value: str, request: AccessRequest) -> bool:  # noqa: ARG002 - of the protocol
        first, last = self._first, self._last
        if not first.stands_at(value, 0):
            return False
        start = first.length
        if last is None:
            return start == len(value)
        end = len(value) - last.length
        if end < start or not last.stands_at(value, end):
            return False
        for chunk in self._middle:
            found = chunk.find(value, start, end)
            if found < 0:
                return False
            start = found + chunk.length
        return True
