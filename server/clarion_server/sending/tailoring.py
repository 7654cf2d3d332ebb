"""What a target has of its own, read from its overrides once.

Reading a field of a protobuf message makes a new Python object each time, reading a variable two or three.
"""

from __future__ import annotations

from dataclasses import dataclass

from clarion.v1.messaging_pb2 import Overrides
from clarion_server.providers.contract import Outcome
from clarion_server.sending.check import MAX_NAMES, MAX_TEXT, MAX_VALUES, is_variable_name, overrides_problem
from clarion_server.sending.substitute import SEPARATOR


# Not frozen: one is made for every tailored target, and making a frozen one takes several times as long.
@dataclass(slots=True)
class Tailoring:
    """What a target has of its own. Never changed once it is made.

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
    variables: dict[str, str]
    context: dict[str, str]


def tailoring(overrides: Overrides) -> Tailoring | Outcome:
    """Return what a target has of its own, or why it cannot have that. Hot path.

    What is surely within all bounds is seen while it is read; the rest is checked as everything else is.
    """
    # A text that is not empty need not be asked whether it is there.
    title: str | None = overrides.title
    if not title and not overrides.HasField("title"):
        title = None
    body: str | None = overrides.body
    if not body and not overrides.HasField("body"):
        body = None
    substitutions = overrides.substitutions
    good = len(title or "") <= MAX_TEXT and len(body or "") <= MAX_TEXT and len(substitutions) <= MAX_NAMES
    variables = {}
    for name in substitutions:
        values = substitutions[name].values
        count = len(values)
        variables[name] = text = values[0] if count == 1 else SEPARATOR.join(values)
        if not 0 < count <= MAX_VALUES or len(text) > MAX_TEXT or not is_variable_name(name):
            good = False
    raw_content = overrides.raw_content if overrides.HasField("raw_content") else None
    context = overrides.context
    if raw_content or context or not good:
        problem = overrides_problem(overrides)
        if problem is not None:
            return problem
    return Tailoring(title, body, raw_content, variables, dict(context) if context else {})
