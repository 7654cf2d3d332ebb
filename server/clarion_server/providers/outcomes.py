"""The common shape of what providers' answers mean, so that one table of all of them can be made.

Each provider's `outcome.py` has its answers as data: `TABLES`, rows by the name of the API that gives them. Its
`classify` finds the row of an answer; `python -m scripts.error_reference` writes all rows into docs/errors.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from clarion.v1 import error_pb2, messaging_pb2
from clarion.v1.error_pb2 import ErrorReason
from clarion.v1.messaging_pb2 import DeliveryStatus
from clarion_server.providers.answers import header
from clarion_server.providers.answers import retry_after as seconds_of


@dataclass(frozen=True, slots=True)
class Row:
    """What one kind of answer means.

    Attributes:
        http: HTTP status, or several (`500-599`); `any` when it does not matter, `other` for all without a row.
        answer: the provider's own word, as it stands in the answer, or a description in brackets.
        reason: why it failed; unspecified for success.
        message: for people, what happened and what helps; empty for success.
        status: one of AWS's delivery statuses.
        token_dead: the address will never work again on this channel.
        credential_broken: the credential will not work for any other target either.
        renew: the proof of identity was too old: make a new one and repeat once.
        repeat: the provider surely did not process the request; repeating it cannot double a delivery, and may succeed.
        least_pause: seconds that must pass before it is repeated when the answer asks for none.
        replaces_token: the answer names the address that replaces the one used.
    """

    http: str
    answer: str
    reason: ErrorReason = error_pb2.ERROR_REASON_UNSPECIFIED
    message: str = ""
    status: DeliveryStatus = messaging_pb2.DELIVERY_STATUS_PERMANENT_FAILURE
    token_dead: bool = False
    credential_broken: bool = False
    renew: bool = False
    repeat: bool = False
    least_pause: float = 0.0
    replaces_token: bool = False


MINUTE = 60.0
"""The least pause of providers whose clients wait so long after an answer that throttles and names no time."""

ANY_OTHER = "(any other)"
"""What `Row.answer` says when no word of the provider is known."""

Tables: TypeAlias = Mapping[str, Sequence[Row]]
"""Rows by the API that gives the answers, such as `FCM HTTP v1`."""


def success(answer: str = "", *, replaces_token: bool = False) -> Row:
    """Return the row of an accepted message."""
    return Row("200", answer, status=messaging_pb2.DELIVERY_STATUS_SUCCESSFUL, replaces_token=replaces_token)


def retry_after(headers: Sequence[tuple[bytes, bytes]], now: float) -> float | None:
    """Return the seconds that an answer asks to wait, at most a week; None if it asks nothing that can be read.

    Args:
        headers: the answer's, names in lower case.
        now: seconds since the epoch, for a time given as an HTTP date.
    """
    return seconds_of(header(headers, b"retry-after"), now)
