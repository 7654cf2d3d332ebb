"""Putting something around the handler of a method, for interceptors."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import grpc

Behaviour = Callable[..., Awaitable[Any]]
"""What a method does with a request, or a stream of them, and a context. It returns its one response, or writes them.

Methods with many responses write them (`Call.write`) instead of yielding them: generators within generators cost more
with each layer, and gRPC leaves one that its caller has left to the garbage collector.
"""


class Remembering(grpc.aio.ServerInterceptor):
    """Stands outside other interceptors, and has them wrap each method's handler once, not at each call.

    They must go by the method's name alone. A method that does not exist is not remembered: callers can name any.
    """

    def __init__(self) -> None:
        self._handlers: dict[str, Any] = {}

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """Return the handler as the others wrapped it."""
        method = handler_call_details.method
        handler = self._handlers.get(method)
        if handler is None:
            handler = await continuation(handler_call_details)
            if handler is not None:
                self._handlers[method] = handler
        return handler


def wrapped(
    handler: Any,
    *,
    one: Callable[[Behaviour], Behaviour],
    many: Callable[[Behaviour], Behaviour] | None = None,
    request_deserializer: Callable[[bytes], Any] | None = None,
) -> Any:
    """Return a handler of the same shape around another one; None for a shape that no method of Clarion has.

    Args:
        handler: gRPC's.
        one: wraps a method with one request.
        many: wraps a method with a stream of requests; by default `one` does.
        request_deserializer: in the place of the handler's own.
    """
    coders = {
        "request_deserializer": request_deserializer or handler.request_deserializer,
        "response_serializer": handler.response_serializer,
    }
    if handler.unary_unary is not None:
        return grpc.unary_unary_rpc_method_handler(one(handler.unary_unary), **coders)
    if handler.unary_stream is not None:
        return grpc.unary_stream_rpc_method_handler(one(handler.unary_stream), **coders)
    if handler.stream_stream is not None:
        return grpc.stream_stream_rpc_method_handler((many or one)(handler.stream_stream), **coders)
    return None
