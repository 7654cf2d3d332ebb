"""The seam to the HTTP/2 protocol libraries: bytes in, calls out, no input or output of its own."""

from __future__ import annotations

from collections.abc import Container
from typing import Literal, Protocol

from clarion_server.transport.exchange import Headers

CoreName = Literal["ngh2", "h2"]

#: Bytes of answers the peer may send ahead on a connection. The protocol's default of 64 KiB would
#: allow only some 200 small answers per round trip.
RECEIVE_WINDOW = 4 * 1024 * 1024

#: Most bytes given to the socket at once, so that back-pressure takes hold before much has left our hands.
SEND_PIECE = 256 * 1024

# RFC 9113, section 7.
NO_ERROR = 0x0
REFUSED_STREAM = 0x7
CANCEL = 0x8
_ERROR_NAMES = (
    "NO_ERROR",
    "PROTOCOL_ERROR",
    "INTERNAL_ERROR",
    "FLOW_CONTROL_ERROR",
    "SETTINGS_TIMEOUT",
    "STREAM_CLOSED",
    "FRAME_SIZE_ERROR",
    "REFUSED_STREAM",
    "CANCEL",
    "COMPRESSION_ERROR",
    "CONNECT_ERROR",
    "ENHANCE_YOUR_CALM",
    "INADEQUATE_SECURITY",
    "HTTP_1_1_REQUIRED",
)


def is_known(code: int) -> bool:
    """Return whether HTTP/2 has an error code of this number."""
    return code < len(_ERROR_NAMES)


def error_name(code: int) -> str:
    """Name an HTTP/2 error code."""
    return _ERROR_NAMES[code] if code < len(_ERROR_NAMES) else f"error {code:#x}"


class InvalidRequestError(ValueError):
    """The headers or body of a request cannot be sent; nothing of it was."""


class CoreHandler(Protocol):
    """What a core calls while it receives. Streams that the handler does not know are to be ignored."""

    @property
    def streams(self) -> Container[int]:
        """Ids of the streams whose end it has not heard of."""

    def on_response(self, stream_id: int, headers: Headers, *, ended: bool) -> None:
        """Take a final (not 1xx) response's headers; ``ended`` when it has no body."""

    def on_data(self, stream_id: int, data: bytes, *, ended: bool) -> None:
        """Take a piece of the response's body; ``ended`` when the response is complete."""

    def on_closed(self, stream_id: int, error_code: int, *, by_peer: bool) -> None:
        """Learn that a stream is over: by RST_STREAM of the peer, by our own complaint, or because it is complete."""

    def on_goaway(self, last_stream_id: int, error_code: int, debug_data: bytes) -> None:
        """Learn that the peer takes no new streams and processed none above ``last_stream_id``."""

    def on_settings(self, max_streams: int | None) -> None:
        """Learn that SETTINGS arrived; ``max_streams`` is None when they do not speak of it."""


class Core(Protocol):
    """One HTTP/2 client connection without input or output."""

    def submit(self, headers: Headers, body: bytes) -> int:
        """Begin a request and return its stream id.

        The caller respects the peer's stream limit and sends no more after GOAWAY.

        Raises:
            InvalidRequestError: It cannot be sent.
        """

    def receive(self, data: bytes, handler: CoreHandler) -> bool:
        """Take bytes from the peer; returns False when they broke the protocol and the connection must end.

        An answer that ends before its request was sent completely stops the request: the rest is of no use (RFC 9113,
        section 8.1).
        """

    def data_to_send(self) -> bytes:
        """Return what may be sent now, or about the first ``SEND_PIECE`` bytes of it; the opening included."""

    def unsent(self, stream_id: int) -> bool:
        """Whether a part of the request's body surely was not yet returned by :meth:`data_to_send`."""

    def reset(self, stream_id: int, error_code: int) -> None:
        """Give a stream up. The handler hears no more of it."""

    def ping(self) -> None:
        """Ask for a sign of life."""

    def goaway(self) -> None:
        """Tell the peer that we are leaving."""
