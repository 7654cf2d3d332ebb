r"""Tailored payloads without rendering each: the payload is rendered with marks in it, and texts are put there.

Personalised messages differ in title and body only, more often than not. Rendering them one by one costs several times
what sending them does, so the message is rendered with marks in the place of title and body. Where the marks come out
in the JSON body is where the texts of all targets go. Of a text with variables everything but their values is put
there once for all.

Whether that is possible is not assumed but seen: every mark must come out as a whole JSON string (a quotation mark in
it tells how deep it is quoted), none may have gone anywhere else, headers for example, and two renderings with
different marks must be equal but for them (a checksum would not be).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from json.encoder import encode_basestring
from operator import itemgetter

from clarion.v1.message_pb2 import VariableValues
from clarion_server.providers.contract import Payload
from clarion_server.sending.check import MAX_NAMES, MAX_TEXT, substitutions_fit
from clarion_server.sending.substitute import Template

# Private characters, which the quotation mark after them makes sensitive to quoting.
_FIRST = '\ue0a1"{}\ue0a2'
_SECOND = '\ue0a3"longer {}\ue0a4'
_PRIVATE = "\ue0a1\ue0a2\ue0a3\ue0a4"


@dataclass(frozen=True, slots=True)
class Skeleton:
    """A payload with holes for what targets have of their own.

    Attributes:
        payload: what all have in common; its body counts for nothing, its size is that without the texts, at most.
        pattern: the body, with a hole for `%` in the place of each text of a target's own and of each variable.
        names: of the variables, each once.
        in_order: takes the targets' own texts and the variables' values, quoted, and returns those for the holes; one
            hole's without a tuple.
        repeats: whether a text or a variable has more than one hole.
        may_be_empty: whether a text has nothing but variables.
        length: of the body around the texts, in bytes.
    """

    payload: Payload
    pattern: str
    names: Sequence[str]
    in_order: Callable[[Sequence[str]], str | tuple[str, ...]]
    repeats: bool
    may_be_empty: bool
    length: int

    def fill(
        self, values: list[str], substitutions: Mapping[str, VariableValues], defaults: Mapping[str, str]
    ) -> Payload | None:
        """Return the payload with a target's own texts and with variables. Hot path.

        None, for what is not that simple: a variable has no value or several, a text may be empty, the payload may be
        over the provider's limit, or the substitutions are not within their bounds.

        Args:
            values: the target's own texts, each not empty; variables are added.
            substitutions: the target's.
            defaults: the values of other variables.
        """
        common = self.payload
        given = 0
        for name in self.names:
            # Not by index, which would add a variable that is absent to the target.
            variable = substitutions.get(name)
            if variable is not None:
                several = variable.values
                if len(several) != 1:
                    return None
                values.append(several[0])
                given += 1
            elif name in defaults:
                values.append(defaults[name])
            else:
                return None
        if given != len(substitutions) and not substitutions_fit(substitutions):
            return None
        # Texts within this bound are within all others.
        if sum(map(len, values)) > common.limit or (self.may_be_empty and not all(values)):
            return None
        texts = self.in_order([encode_basestring(value)[1:-1] for value in values])
        # A value that occurs often is not to fill the memory.
        if self.repeats and sum(map(len, texts)) > common.limit:
            return None
        body = (self.pattern % texts).encode()
        size = common.size + len(body) - self.length
        if size > common.limit:
            return None
        return Payload(common.headers, body, size, common.limit, common.hole)


def skeleton(render: Callable[[Sequence[str]], Payload | None], texts: Sequence[Template | None]) -> Skeleton | None:
    """Return the skeleton of a payload, None when its texts cannot be put in afterwards.

    Args:
        render: renders the payload with these texts; None when it is refused.
        texts: for each the message's text that is to be filled; None: each target has its own.
    """
    if any(text is not None and not text.names and not any(text.literals) for text in texts):
        return None  # the message's own text is empty, which is not what the marks are
    found = []
    for pattern in (_FIRST, _SECOND):
        marks = [pattern.format(number) for number in range(len(texts))]
        payload = render(marks)
        if payload is None:
            return None
        cut = _cut(payload, marks)
        if cut is None:
            return None
        found.append((payload, *cut))
    (payload, parts, order), (other, other_parts, other_order) = found
    if (parts, order, payload.headers) != (other_parts, other_order, other.headers):
        return None
    length = len("".join(parts).encode())
    if payload.hole >= 0 and len(parts[0].encode()) <= payload.hole:
        return None  # the address comes after a text, so its place moves
    # What the provider counts is never more than what the body has, marks included.
    common = Payload(payload.headers, b"", max(payload.size, other.size), payload.limit, payload.hole)
    patterns, places, names = _patterns(texts)
    if len(names) > MAX_NAMES or payload.limit > MAX_TEXT:
        return None  # filling does not look at all bounds: a target that gave all names would have too many
    pattern = _literal(parts[0])
    for text, part in zip(order, parts[1:], strict=True):
        pattern += patterns[text] + _literal(part)
    holes = [place for text in order for place in places[text]]
    in_order = itemgetter(*holes) if holes else tuple
    repeats = len(set(holes)) < len(holes)
    may_be_empty = any(text is not None and not any(text.literals) for text in texts)
    return Skeleton(common, pattern, names, in_order, repeats, may_be_empty, length)


def _patterns(texts: Sequence[Template | None]) -> tuple[list[str], list[Sequence[int]], list[str]]:
    """Return each text's pattern, its holes' places among what is filled in, and the names of all variables."""
    patterns: list[str] = []
    places: list[Sequence[int]] = []
    own = texts.count(None)
    place_of: dict[str, int] = {}
    for number, text in enumerate(texts):
        if text is None:
            patterns.append('"%s"')
            places.append([texts[:number].count(None)])
        else:
            # What a text is quoted to is what its parts are quoted to, one after the other.
            literals = "%s".join(_literal(encode_basestring(literal)[1:-1]) for literal in text.literals)
            patterns.append(f'"{literals}"')
            places.append([place_of.setdefault(name, own + len(place_of)) for name in text.names])
    return patterns, places, list(place_of)


def _literal(text: str) -> str:
    """Return what comes out as this text in a pattern for `%`."""
    return text.replace("%", "%%")


def _cut(payload: Payload, marks: Sequence[str]) -> tuple[tuple[str, ...], tuple[int, ...]] | None:
    """Return the body's parts around the marks, and which mark stands between each two."""
    rest, parts, texts = payload.body.decode(), [], []
    quoted = [encode_basestring(mark) for mark in marks]
    while True:
        places = [(place, number) for number, mark in enumerate(quoted) if (place := rest.find(mark)) >= 0]
        if not places:
            break
        place, number = min(places)
        parts.append(rest[:place])
        texts.append(number)
        rest = rest[place + len(quoted[number]) :]
    parts.append(rest)
    others = [*parts, *(part.decode("latin-1") for header in payload.headers for part in header)]
    if set(texts) != set(range(len(marks))) or any(_has_traces(other) for other in others):
        return None
    return tuple(parts), tuple(texts)


def _has_traces(text: str) -> bool:
    return any(character in text or character.encode().decode("latin-1") in text for character in _PRIVATE)
