r"""Tailored payloads without rendering each: the payload is rendered once with marks in it, and texts are put there.

Personalised messages differ in title and body only, more often than not. Rendering them one by one costs several times
what sending them does, so the first target's message is rendered with marks in the place of its title and body. Where
the marks come out in the JSON body is where the texts of all others go.

Whether that is possible is not assumed but seen: every mark must come out as a whole JSON string (a quotation mark in
it tells how deep it is quoted), none may have gone anywhere else, headers for example, and two renderings with
different marks must be equal but for them (a checksum would not be).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from json.encoder import encode_basestring
from operator import itemgetter

from clarion_server.providers.contract import Payload

# Private characters, which the quotation mark after them makes sensitive to quoting.
_FIRST = '\ue0a1"{}\ue0a2'
_SECOND = '\ue0a3"longer {}\ue0a4'
_PRIVATE = "\ue0a1\ue0a2\ue0a3\ue0a4"


@dataclass(frozen=True, slots=True)
class Skeleton:
    """A payload with holes for texts.

    Attributes:
        payload: what all have in common; its body counts for nothing, its size is that without the texts, at most.
        pattern: the body, with a hole for `%` in the place of each text and its quotation marks.
        texts_of_holes: returns, of all texts, the one for each hole; not in a tuple if there is only one hole.
        length: of the body around the holes, in bytes.
    """

    payload: Payload
    pattern: str
    texts_of_holes: Callable[[Sequence[str]], str | tuple[str, ...]]
    length: int

    def fill(self, values: Sequence[str]) -> Payload | None:
        """Return the payload with these texts, each not empty; None when it may be over the provider's limit.

        Hot path.
        """
        quoted = tuple(map(encode_basestring, values))
        body = (self.pattern % self.texts_of_holes(quoted)).encode()
        common = self.payload
        size = common.size + len(body) - self.length
        if size > common.limit:
            return None
        return Payload(common.headers, body, size, common.limit, common.hole)


def skeleton(render: Callable[[Sequence[str]], Payload | None], count: int) -> Skeleton | None:
    """Return the skeleton of a payload, None when its texts cannot be put in afterwards.

    Args:
        render: renders the payload with these texts; None when it is refused.
        count: how many texts there are.
    """
    found = []
    for pattern in (_FIRST, _SECOND):
        marks = [pattern.format(number) for number in range(count)]
        payload = render(marks)
        if payload is None:
            return None
        cut = _cut(payload, marks)
        if cut is None:
            return None
        found.append((payload, *cut))
    (payload, parts, texts), (other, other_parts, other_texts) = found
    if (parts, texts, payload.headers) != (other_parts, other_texts, other.headers):
        return None
    length = len("".join(parts).encode())
    if payload.hole >= 0 and len(parts[0].encode()) <= payload.hole:
        return None  # the address comes after a text, so its place moves
    # What the provider counts is never more than what the body has, marks included.
    common = Payload(payload.headers, b"", max(payload.size, other.size), payload.limit, payload.hole)
    pattern = "%s".join(part.replace("%", "%%") for part in parts)
    return Skeleton(common, pattern, itemgetter(*texts), length)


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
