r"""Tailored payloads without rendering each: the payload is rendered once with marks in it, and texts are put there.

Personalised messages differ in title and body only, more often than not. Rendering them one by one costs several times
what sending them does, so the first target's message is rendered with marks in the place of its title and body. Where
the marks come out in the JSON body is where the texts of all others go.

Whether that is possible is not assumed but seen: every mark must come out as a JSON string writes it (a quotation mark
in it tells how deep it is quoted), none may have gone anywhere else, headers for example, and two renderings with
different marks must be equal but for them (a checksum would not be).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from clarion_server.providers.contract import Payload

# Private characters, which the quotation mark after them makes sensitive to quoting.
_FIRST = '\ue0a1"{}\ue0a2'
_SECOND = '\ue0a3"longer {}\ue0a4'
_PRIVATE = tuple(character.encode() for character in "\ue0a1\ue0a2\ue0a3\ue0a4")


# Made once: json.dumps makes an encoder for every text.
_encode = json.JSONEncoder(ensure_ascii=False).encode


def _quoted(text: str) -> bytes:
    """Return a text as it stands in JSON between quotation marks."""
    return _encode(text)[1:-1].encode()


@dataclass(frozen=True, slots=True)
class Skeleton:
    """A payload with holes for texts.

    Attributes:
        payload: what all have in common; its body counts for nothing.
        parts: the body between the texts, one more than `texts`.
        texts: which text goes into each hole.
        room: bytes that the texts may have together, so that the payload surely is within the provider's limit.
    """

    payload: Payload
    parts: tuple[bytes, ...]
    texts: tuple[int, ...]
    room: int

    def fill(self, values: Sequence[str]) -> Payload | None:
        """Return the payload with these texts, each not empty; None when it may be over the provider's limit."""
        quoted = [_quoted(value) for value in values]
        pieces = [self.parts[0]]
        size = 0
        for text, part in zip(self.texts, self.parts[1:], strict=True):
            pieces += (quoted[text], part)
            size += len(quoted[text])
        if size > self.room:
            return None
        payload = self.payload
        return Payload(payload.headers, b"".join(pieces), payload.size + size, payload.limit, payload.hole)


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
    if payload.hole >= 0 and len(parts[0]) <= payload.hole:
        return None  # the address comes after a text, so its place moves
    # What the provider counts is never more than what the body has, marks included.
    size = max(payload.size, other.size)
    common = Payload(payload.headers, b"", size, payload.limit, payload.hole)
    return Skeleton(common, parts, texts, payload.limit - size)


def _cut(payload: Payload, marks: Sequence[str]) -> tuple[tuple[bytes, ...], tuple[int, ...]] | None:
    """Return the body's parts between the marks, and which mark stands between each two."""
    rest, parts, texts = payload.body, [], []
    quoted = [_quoted(mark) for mark in marks]
    while True:
        places = [(place, number) for number, mark in enumerate(quoted) if (place := rest.find(mark)) >= 0]
        if not places:
            break
        place, number = min(places)
        parts.append(rest[:place])
        texts.append(number)
        rest = rest[place + len(quoted[number]) :]
    parts.append(rest)
    others = [*parts, *(value for header in payload.headers for value in header)]
    if set(texts) != set(range(len(marks))) or any(mark in other for mark in _PRIVATE for other in others):
        return None
    return tuple(parts), tuple(texts)
