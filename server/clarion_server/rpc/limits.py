"""How large a request may be."""

from __future__ import annotations

from clarion.v1 import error_pb2
from clarion_server.errors import FieldViolation, RequestInvalid

MAX_REQUEST_BYTES = 4 * 1024 * 1024


def request_too_large() -> RequestInvalid:
    """Return the error of a request, or one frame of a stream, with more than `MAX_REQUEST_BYTES`."""
    violation = FieldViolation(
        "request",
        error_pb2.ERROR_REASON_FIELD_TOO_LONG,
        "has more than 4 MiB; send to many targets through StreamMessages in smaller frames, of some hundred each",
    )
    return RequestInvalid([violation], reason=error_pb2.ERROR_REASON_REQUEST_TOO_LARGE)
