"""What a target has of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from clarion.v1.messaging_pb2 import Overrides
from clarion_server.providers.contract import Outcome
from clarion_server.sending.check import overrides_problem
from clarion_server.sending.substitute import joined


@dataclass(frozen=True, slots=True)
class Tailoring:
    """What a target has of its own.

    Attributes:
        title: instead of the message's; None: the target has none of its own.
        body: likewise.
        raw_content: likewise.
        variables: the text of each variable.
        context: entries for the payload's context.
    """

    title: str | None
    body: str | None
    raw_content: str | None
    variables: Mapping[str, str]
    context: Mapping[str, str]


def tailoring(overrides: Overrides) -> Tailoring | Outcome:
    """Return what a target has of its own, or why it cannot have that."""
    problem = overrides_problem(overrides)
    if problem is not None:
        return problem
    return Tailoring(
        overrides.title if overrides.HasField("title") else None,
        overrides.body if overrides.HasField("body") else None,
        overrides.raw_content if overrides.HasField("raw_content") else None,
        joined(overrides.substitutions),
        dict(overrides.context),
    )
