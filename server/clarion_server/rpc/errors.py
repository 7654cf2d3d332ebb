"""Turns exceptions into gRPC statuses with details, for every method alike."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import grpc
import structlog
from google.protobuf.any_pb2 import Any as AnyProto
from google.protobuf.message import DecodeError
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from clarion.v1 import error_pb2
from clarion_server.errors import (
    AccessDenied,
    AppNotFound,
    ChannelNotFound,
    ClarionError,
    CredentialUnreadable,
    EntityChanged,
    EntityExists,
    EntityInUse,
    EntityLimitExceeded,
    EntityNotFound,
    FieldViolation,
    IdentityUnavailable,
    PolicyReadOnly,
    QuotaExceeded,
    RequestInvalid,
    ShuttingDown,
    StoreUnavailable,
    TokenExpired,
    TokenInvalid,
    TokenRequired,
    TooManyStreams,
    VersionMismatch,
)
from clarion_server.rpc.limits import MAX_REQUEST_BYTES, request_too_large
from clarion_server.rpc.wrapping import Behaviour, wrapped

_log = structlog.get_logger(__name__)

DOMAIN = "clarion"
# Seconds that a client gets to stop writing to a call that has failed.
_DISCARD = 0.5
_CODES: dict[type[ClarionError], int] = {
    RequestInvalid: code_pb2.INVALID_ARGUMENT,
    AppNotFound: code_pb2.NOT_FOUND,
    ChannelNotFound: code_pb2.NOT_FOUND,
    VersionMismatch: code_pb2.ABORTED,
    TokenRequired: code_pb2.UNAUTHENTICATED,
    TokenExpired: code_pb2.UNAUTHENTICATED,
    TokenInvalid: code_pb2.UNAUTHENTICATED,
    AccessDenied: code_pb2.PERMISSION_DENIED,
    IdentityUnavailable: code_pb2.UNAVAILABLE,
    CredentialUnreadable: code_pb2.FAILED_PRECONDITION,
    EntityNotFound: code_pb2.NOT_FOUND,
    EntityExists: code_pb2.ALREADY_EXISTS,
    EntityChanged: code_pb2.ABORTED,
    EntityInUse: code_pb2.FAILED_PRECONDITION,
    EntityLimitExceeded: code_pb2.RESOURCE_EXHAUSTED,
    PolicyReadOnly: code_pb2.FAILED_PRECONDITION,
    QuotaExceeded: code_pb2.RESOURCE_EXHAUSTED,
    TooManyStreams: code_pb2.RESOURCE_EXHAUSTED,
    StoreUnavailable: code_pb2.UNAVAILABLE,
    ShuttingDown: code_pb2.UNAVAILABLE,
}
# How long a caller should wait before it tries again, in seconds.
_RETRY_AFTER: dict[type[ClarionError], int] = {
    StoreUnavailable: 1,
    ShuttingDown: 1,
    IdentityUnavailable: 10,
    TooManyStreams: 1,
}
# A status travels as HTTP/2 trailers, of which many clients take 8 KiB only and gRPC itself never more than 16 KiB.
# They hold the message, percent-encoded (three bytes for every byte that is not printable ASCII), and in base64 the
# details and the message once more. With these limits all that is below 8 KiB.
_MAX_VIOLATIONS_BYTES = 3 * 1024
_MAX_TEXT = 500
_MAX_PATH = 200
_ELLIPSIS_BYTES = 9
OURS = "/clarion."
"""How the methods of Clarion's services begin; those of health and reflection go by gRPC's own rules."""
_INTERNAL = ClarionError("a fault in Clarion; the server's log has the cause")


def status_of(error: ClarionError) -> status_pb2.Status:
    """Return the status of a failed call: code, text, and ErrorInfo, BadRequest, QuotaFailure or RetryInfo.

    Texts are shortened, and violations summed up, to what fits into trailers that every client takes.
    """
    kind = type(error)
    status = status_pb2.Status(code=_CODES.get(kind, code_pb2.INTERNAL), message=_shortened(error.message, _MAX_TEXT))
    _add(status, error_details_pb2.ErrorInfo(reason=error_pb2.ErrorReason.Name(error.reason), domain=DOMAIN))
    if isinstance(error, RequestInvalid):
        _add(status, _bad_request(error.violations))
    if isinstance(error, QuotaExceeded):
        violation = error_details_pb2.QuotaFailure.Violation(subject=error.quota, description=error.message)
        _add(status, error_details_pb2.QuotaFailure(violations=[violation]))
    if kind in _RETRY_AFTER:
        info = error_details_pb2.RetryInfo()
        info.retry_delay.seconds = _RETRY_AFTER[kind]
        _add(status, info)
    return status


def _bad_request(violations: Sequence[FieldViolation]) -> Any:
    """Return the violations that there is room for, and then one that tells how many more there are."""
    details = error_details_pb2.BadRequest()
    for number, violation in enumerate(violations):
        entry = error_details_pb2.BadRequest.FieldViolation(
            field=_shortened(violation.path, _MAX_PATH),
            description=_shortened(violation.message, _MAX_TEXT),
            reason=error_pb2.ErrorReason.Name(violation.reason),
        )
        if details.ByteSize() + entry.ByteSize() > _MAX_VIOLATIONS_BYTES:
            entry.description = f"and {len(violations) - number} more, from this one on; mend the others first"
            details.field_violations.append(entry)
            break
        details.field_violations.append(entry)
    return details


def _shortened(text: str, most: int) -> str:
    """Return at most `most` characters of a text, and no more than take three times as many bytes percent-encoded."""
    size = 0
    for number, character in enumerate(text):
        size += 1 if " " <= character <= "~" and character != "%" else 3 * len(character.encode())
        if size > 3 * most - _ELLIPSIS_BYTES or (number == most - 1 and len(text) > most):
            return f"{text[:number]}…"
    return text


def _add(status: status_pb2.Status, detail: Any) -> None:
    packed = AnyProto()
    packed.Pack(detail)
    status.details.append(packed)


class ErrorInterceptor(grpc.aio.ServerInterceptor):
    """Ends calls that raise a `ClarionError` with its status, and others with INTERNAL and a log entry.

    Only those of Clarion's own services. What stands inside gets `Refused` for a request that is too large or no
    protobuf, and raises its error when it comes to it (`accepted`): after it knows who calls.
    """

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """Wrap the method's handler."""
        handler = await continuation(handler_call_details)
        method = handler_call_details.method
        if handler is None or not method.startswith(OURS):
            return handler
        return (
            wrapped(
                handler,
                one=lambda behaviour: _wrap(behaviour, method),
                request_deserializer=_careful(handler.request_deserializer),
            )
            or handler
        )


@dataclass(frozen=True, slots=True)
class Refused:
    """Stands for a request that was not decoded.

    A deserializer that raises would make gRPC answer UNKNOWN and log a traceback.
    """

    error: RequestInvalid


def _careful(deserialize: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    def decode(data: bytes) -> Any:
        # Before decoding: an empty target takes two bytes on the wire, and as an object forty times as much (about
        # 170 MB for a full request).
        if len(data) > MAX_REQUEST_BYTES:
            return Refused(request_too_large())
        try:
            return deserialize(data)
        except DecodeError:
            return Refused(_undecodable())

    return decode


def _undecodable() -> RequestInvalid:
    return RequestInvalid(
        [
            FieldViolation(
                "request",
                error_pb2.ERROR_REASON_FIELD_MALFORMED,
                "is not a protobuf message of this method's type; is the client made from the same protos?",
            )
        ]
    )


def accepted(request: Any) -> Any:
    """Return the request, or raise the error of one that was not decoded."""
    if isinstance(request, Refused):
        raise request.error
    return request


class Requests:
    """The requests of a stream.

    Raises the error of the first one that is refused, and passes over later ones, so that a method can still read
    what its client writes. (A generator would be at its end after the error.)
    """

    def __init__(self, requests: AsyncIterator[Any]) -> None:
        self._requests = requests
        self._has_raised = False

    def __aiter__(self) -> Requests:
        return self

    async def __anext__(self) -> Any:
        request = await anext(self._requests)
        while self._has_raised and isinstance(request, Refused):
            request = await anext(self._requests)
        self._has_raised = self._has_raised or isinstance(request, Refused)
        return accepted(request)


async def discard(frames: AsyncIterator[Any]) -> None:
    """Read what the client still writes, for a short time.

    A client of grpc.aio whose write fails because the call has ended sees INTERNAL instead of the call's own status.
    """
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_DISCARD):
            async for _ in frames:
                pass


def _wrap(behaviour: Behaviour, method: str) -> Behaviour:
    async def call(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
        try:
            return await behaviour(request, context)
        except Exception as error:  # noqa: BLE001 - the border: nothing passes without a status
            await _abort(error, method, context)

    return call


async def _abort(error: Exception, method: str, context: grpc.aio.ServicerContext[Any, Any]) -> NoReturn:
    if isinstance(error, grpc.aio.AbortError):
        raise error
    if not isinstance(error, ClarionError):
        if context.cancelled() or isinstance(error, grpc.aio.UsageError):
            raise error
        _log.error("call failed", method=method, exc_info=error)
        error = _INTERNAL
    status = rpc_status.to_status(status_of(error))
    # What was set before, the request's id, would be lost otherwise.
    trailers = (*(context.trailing_metadata() or ()), *status.trailing_metadata)
    await context.abort(status.code, status.details, trailing_metadata=trailers)
    raise AssertionError("abort returned")
