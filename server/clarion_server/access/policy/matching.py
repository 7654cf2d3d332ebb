"""Which actions and which resources a statement is about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from clarion_server.access.policy.text import Pattern, Piece, Variable, Wild, make_pattern
from clarion_server.access_model import AccessRequest

ARN_SEGMENTS = 6


class ArnInvalid(ValueError):
    """A text cannot be, or match, an ARN."""


class ArnPattern:
    """Matches ARNs segment by segment: a wildcard stays within its segment.

    The sixth segment is all that follows the fifth colon. A pattern with fewer segments must end in `*`, which then
    stands for all that follows, colons included, as in AWS.

    Args:
        pieces: of the text.

    Raises:
        ArnInvalid: the text is neither `*` nor the pattern of an ARN.
    """

    __slots__ = ("_count", "_exact", "_others", "everything", "segments")

    def __init__(self, pieces: Sequence[Piece]) -> None:
        self.segments = _split(pieces)
        self.everything = list(pieces) == [Wild.ANY]
        count = len(self.segments)
        if not self.everything:
            if self.segments[0] != ("arn",):
                raise ArnInvalid("is not an ARN")
            if count < ARN_SEGMENTS and not (self.segments[-1] and self.segments[-1][-1] is Wild.ANY):
                raise ArnInvalid(f"has {count} segments, where an ARN has {ARN_SEGMENTS}")
        self._count = count
        # The last segment first: it is the one that differs most.
        numbered = tuple(enumerate(self.segments))[::-1]
        self._exact = tuple((index, "".join(map(str, each))) for index, each in numbered if _is_literal(each))
        self._others = tuple(
            (index, make_pattern(each)) for index, each in numbered if not _is_literal(each) and each != (Wild.ANY,)
        )

    @property
    def variables(self) -> tuple[Variable, ...]:
        """The variables in it."""
        return tuple(piece for segment in self.segments for piece in segment if isinstance(piece, Variable))

    def matches(self, arn: str, request: AccessRequest) -> bool:
        """Tell whether the ARN matches."""
        if self.everything:
            return True
        parts = arn.split(":", self._count - 1)
        if len(parts) != self._count:
            return False
        for index, text in self._exact:
            if parts[index] != text:
                return False
        for index, pattern in self._others:  # noqa: SIM110 - faster on this path
            if not pattern.matches(parts[index], request):
                return False
        return True


def _is_literal(segment: Sequence[Piece]) -> bool:
    return all(isinstance(piece, str) for piece in segment)


def _split(pieces: Sequence[Piece]) -> tuple[tuple[Piece, ...], ...]:
    """Split at the first five colons of the literal text. Those of a variable's value are not yet known, nor wanted."""
    segments: list[list[Piece]] = [[]]
    for piece in pieces:
        if not isinstance(piece, str):
            segments[-1].append(piece)
            continue
        first, *others = piece.split(":", ARN_SEGMENTS - len(segments))
        if first:
            segments[-1].append(first)
        segments.extend([other] if other else [] for other in others)
    return tuple(tuple(segment) for segment in segments)


@dataclass(frozen=True, slots=True)
class Actions:
    """The actions of a statement. Names are compared without regard to case.

    Attributes:
        texts: as in the document.
        inverted: whether they stand in `NotAction`.
        everything: whether one of them is every action.
        exact: those without wildcards, in lower case.
        patterns: the others.
    """

    texts: tuple[str, ...]
    inverted: bool
    everything: bool
    exact: frozenset[str]
    patterns: tuple[Pattern, ...]

    def match(self, action: str, request: AccessRequest) -> bool:
        """Tell whether the statement is about the action, which is in lower case."""
        return self._named(action, request) is not self.inverted

    def _named(self, action: str, request: AccessRequest) -> bool:
        if self.everything or action in self.exact:
            return True
        for pattern in self.patterns:  # noqa: SIM110 - faster on this path
            if pattern.matches(action, request):
                return True
        return False


@dataclass(frozen=True, slots=True)
class Resources:
    """The resources of a statement.

    Attributes:
        texts: as in the document; empty where the document has none, and all are meant.
        inverted: whether they stand in `NotResource`.
        everything: whether one of them is every resource.
        patterns: the others.
        must_resolve: the variables of a `NotResource` that allows. While one of them has no value, it is not known
            what is excepted, so that nothing is allowed.
    """

    texts: tuple[str, ...]
    inverted: bool
    everything: bool
    patterns: tuple[ArnPattern, ...]
    must_resolve: tuple[Variable, ...]

    def match(self, request: AccessRequest) -> bool:
        """Tell whether the statement is about the request's resource."""
        for variable in self.must_resolve:
            if variable.value(request) is None:
                return False
        return self._named(request) is not self.inverted

    def _named(self, request: AccessRequest) -> bool:
        if self.everything:
            return True
        for pattern in self.patterns:  # noqa: SIM110 - faster on this path
            if pattern.matches(request.resource, request):
                return True
        return False
