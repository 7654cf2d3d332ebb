"""One request and what came of it."""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Sequence

#: Sequence of (name, value), pseudo headers first.
Headers = Sequence[tuple[bytes, bytes]]


class Failure(enum.Enum):
    """Why there is no response, and with that whether the peer may have acted."""

    NAME_NOT_RESOLVED = "name not resolved"
    """The host name has no address. Never sent."""
    CONNECT_FAILED = "connect failed"
    """No connection came about, or it ended before HTTP began. Never sent."""
    TLS_FAILED = "TLS failed"
    """The peer's certificate, ours, or ALPN was not accepted. Never sent."""
    NOT_SENT_DEADLINE = "deadline before the request left"
    """The deadline passed before the request had left completely. Not processed."""
    POOL_CLOSED = "pool closed"
    """The transport was closed before the request had left completely. Not processed."""
    REFUSED = "refused again and again"
    """Every peer tried refused the request, or went away before it was complete. Not processed."""
    INVALID_REQUEST = "invalid request"
    """The request cannot be expressed in HTTP (a defect of the caller). Never sent."""
    ANSWER_TIMED_OUT = "answer timed out"
    """The request left, and its deadline passed. The peer may have acted."""
    CONNECTION_LOST = "connection lost"
    """The request left, then the connection ended or fell silent. The peer may have acted."""
    STREAM_RESET = "stream reset"
    """The peer reset the stream with a code other than REFUSED_STREAM. It may have acted."""
    PROTOCOL_ERROR = "protocol error"
    """The request left; what came back is not HTTP. The peer may have acted."""

    @property
    def ambiguous(self) -> bool:
        """Whether the peer may have acted on the request; if not, it surely did not process it."""
        return self in _AMBIGUOUS


_AMBIGUOUS = frozenset(
    {Failure.ANSWER_TIMED_OUT, Failure.CONNECTION_LOST, Failure.STREAM_RESET, Failure.PROTOCOL_ERROR}
)


class Flow:
    """Exchanges of one origin that have something in common, such as the channel they are of.

    The flows of a pool take turns (see `queue.py`). A flow belongs to one pool: the first to which one of its
    exchanges is given.

    Attributes:
        queue: what waits for a connection.
        in_flight: how many are on a connection.
    """

    __slots__ = ("in_flight", "queue")

    def __init__(self) -> None:
        self.queue: deque[Exchange] = deque()
        self.in_flight = 0


NO_FLOW = Flow()
"""Stands for the pool's own flow; nothing ever waits in it."""


class Exchange:
    """One request and what came of it. Callers subclass it for :meth:`done` and slots of their own.

    There is either an answer (``status`` is set) or a ``failure``. When the answer was cut short after its
    headers, its status stands, ``response_body`` holds what arrived and ``failure_detail`` says so.

    Attributes:
        headers: The complete list in order, pseudo headers first; names in lower case. May be shared.
        body: The request's body.
        deadline: ``loop.time()`` by which there must be an answer.
        repeat_ambiguous: Opt-in: may be sent again, up to three times in all, when the peer may have acted.
        status: HTTP status; 0 when there is none.
        response_headers: All response headers, ``:status`` first.
        response_body: At most 64 KiB; the rest is dropped.
        failure: Why there is no answer.
        failure_detail: For humans: no secret, path or address in it.
        attempts: On how many connections its bytes left, or may have left.
        sent_at: ``loop.time()`` when it was put on the latest of them; 0 before.
        doubt: Why an earlier attempt, which was repeated, has no answer: the peer may have acted on it.
        flow: Whose it is; a pool gives its own to an exchange that has none.
        cancelled: Set by the caller. A cancelled exchange that waits in the queue is dropped without
            ``done()``; one that is on a connection finishes there as if nothing had happened.
        returns: For the pool: how often it came back surely unprocessed.
    """

    __slots__ = (
        "attempts",
        "body",
        "cancelled",
        "deadline",
        "doubt",
        "failure",
        "failure_detail",
        "flow",
        "headers",
        "repeat_ambiguous",
        "response_body",
        "response_headers",
        "returns",
        "sent_at",
        "status",
    )

    def __init__(
        self,
        headers: Headers,
        body: bytes,
        deadline: float,
        repeat_ambiguous: bool = False,  # noqa: FBT001, FBT002 - by name takes longer
        flow: Flow = NO_FLOW,
    ) -> None:
        self.headers = headers
        self.body = body
        self.deadline = deadline
        self.repeat_ambiguous = repeat_ambiguous
        self.flow = flow
        self.status = 0
        self.response_headers: Headers = ()
        self.response_body = b""
        self.failure: Failure | None = None
        self.failure_detail = ""
        self.attempts = 0
        self.sent_at = 0.0
        self.doubt: Failure | None = None
        self.cancelled = False
        self.returns = 0

    def reset(self) -> None:
        """Forget the answer, to be submitted again. ``attempts``, ``doubt`` and ``deadline`` stay."""
        self.status = 0
        self.response_headers = ()
        self.response_body = b""
        self.failure = None
        self.failure_detail = ""
        self.sent_at = 0.0
        self.returns = 0

    def done(self) -> None:
        """Take the outcome. Called exactly once (see ``cancelled``), from the event loop, never inside submit().

        It must be quick, and may submit further exchanges. What it raises is logged and goes no further.
        """
        raise NotImplementedError

    def __repr__(self) -> str:
        outcome = self.failure.name if self.failure else self.status or "pending"
        return f"<{type(self).__name__} {outcome} after {self.attempts} attempts>"
