"""Turns exceptions into gRPC statuses with details, for every method alike."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, NoReturn

import grpc
import structlog
from google.protobuf.any_pb2 import Any as AnyProto
from google.protobuf.message import DecodeError
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from clarion.v1 import error_pb2
from clarion_server.errors import (
    AppNotFound,
    ChannelNotFound,
    ClarionError,
    CredentialUnreadable,
    FieldViolation,
    RequestInvalid,
    ShuttingDown,
    StoreUnavailable,
    VersionMismatch,
)

_log = structlog.get_logger(__name__)

DOMAIN = "clarion"
_CODES: dict[type[ClarionError], int] = {
    RequestInvalid: code_pb2.INVALID_ARGUMENT,
    AppNotFound: code_pb2.NOT_FOUND,
    ChannelNotFound: code_pb2.NOT_FOUND,
    VersionMismatch: code_pb2.ABORTED,
    CredentialUnreadable: code_pb2.FAILED_PRECONDITION,
    StoreUnavailable: code_pb2.UNAVAILABLE,
    ShuttingDown: code_pb2.UNAVAILABLE,
}
# How long a caller should wait before it tries again, in seconds.
_RETRY_AFTER: dict[type[ClarionError], int] = {StoreUnavailable: 1, ShuttingDown: 1}
_INTERNAL = ClarionError("a fault in Clarion; the server's log has the cause")


def status_of(error: ClarionError) -> status_pb2.Status:
    """Return the status of a failed call: code, text, and ErrorInfo, BadRequest or RetryInfo as details."""
    kind = type(error)
    status = status_pb2.Status(code=_CODES.get(kind, code_pb2.INTERNAL), message=error.message)
    _add(status, error_details_pb2.ErrorInfo(reason=error_pb2.ErrorReason.Name(error.reason), domain=DOMAIN))
    if isinstance(error, RequestInvalid):
        _add(
            status,
            error_details_pb2.BadRequest(
                field_violations=[
                    error_details_pb2.BadRequest.FieldViolation(
                        field=violation.path,
                        description=violation.message,
                        reason=error_pb2.ErrorReason.Name(violation.reason),
                    )
                    for violation in error.violations
                ]
            ),
        )
    if kind in _RETRY_AFTER:
        info = error_details_pb2.RetryInfo()
        info.retry_delay.seconds = _RETRY_AFTER[kind]
        _add(status, info)
    return status


def _add(status: status_pb2.Status, detail: Any) -> None:
    packed = AnyProto()
    packed.Pack(detail)
    status.details.append(packed)


class ErrorInterceptor(grpc.aio.ServerInterceptor):
    """Ends calls that raise a `ClarionError` with its status, and others with INTERNAL and a log entry."""

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """Wrap the method's handler."""
        handler = await continuation(handler_call_details)
        if handler is None:
            return handler
        method = handler_call_details.method
        coders = {
            "request_deserializer": _tolerant(handler.request_deserializer),
            "response_serializer": handler.response_serializer,
        }
        if handler.unary_unary is not None:
            return grpc.unary_unary_rpc_method_handler(_unary(handler.unary_unary, method), **coders)
        if handler.unary_stream is not None:
            return grpc.unary_stream_rpc_method_handler(_stream(handler.unary_stream, method), **coders)
        if handler.stream_stream is not None:
            return grpc.stream_stream_rpc_method_handler(_stream(handler.stream_stream, method), **coders)
        return handler


class _Undecodable:
    """Stands for a request whose bytes are no message; gRPC itself would answer UNKNOWN and log a traceback."""


def _tolerant(deserialize: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    def decode(data: bytes) -> Any:
        try:
            return deserialize(data)
        except DecodeError:
            return _Undecodable()

    return decode


def _decoded(request: Any) -> Any:
    if isinstance(request, _Undecodable):
        raise RequestInvalid(
            [
                FieldViolation(
                    "request",
                    error_pb2.ERROR_REASON_FIELD_MALFORMED,
                    "is not a protobuf message of this method's type; is the client made from the same protos?",
                )
            ]
        )
    return request


async def _decoded_all(requests: AsyncIterator[Any]) -> AsyncGenerator[Any, None]:
    async for request in requests:
        yield _decoded(request)


def _unary(behaviour: Callable[..., Awaitable[Any]], method: str) -> Callable[..., Awaitable[Any]]:
    async def call(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
        try:
            return await behaviour(_decoded(request), context)
        except Exception as error:  # noqa: BLE001 - the border: nothing passes without a status
            await _abort(error, method, context)

    return call


def _stream(behaviour: Callable[..., AsyncGenerator[Any, None]], method: str) -> Callable[..., Any]:
    async def call(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> AsyncGenerator[Any, None]:
        try:
            # grpc.aio does not close generators that it leaves early.
            given = _decoded_all(request) if isinstance(request, AsyncIterator) else _decoded(request)
            async with aclosing(behaviour(given, context)) as responses:
                async for response in responses:
                    yield response
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
    await context.abort_with_status(rpc_status.to_status(status_of(error)))
    raise AssertionError("abort_with_status returned")
