"""Counts calls by method and status code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import grpc

from clarion_server.rpc.wrapping import Behaviour, wrapped


class CallCounter(grpc.aio.ServerInterceptor):
    """Counts the calls of the methods whose name begins with a prefix.

    Args:
        prefix: such as `/clarion.`.

    Attributes:
        ended: by method (`Service/Method`, without package) and name of the gRPC code.
        running: by method.
    """

    def __init__(self, prefix: str) -> None:
        self.ended: Counter[tuple[str, str]] = Counter()
        self.running: Counter[str] = Counter()
        self._prefix = prefix

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """Wrap the method's handler. A method that does not exist is not counted: callers can name any."""
        handler = await continuation(handler_call_details)
        method = handler_call_details.method
        if handler is None or not method.startswith(self._prefix):
            return handler
        name = method.removeprefix("/").rpartition(".")[2]
        return wrapped(handler, one=lambda behaviour: self._wrap(behaviour, name)) or handler

    def _wrap(self, behaviour: Behaviour, name: str) -> Behaviour:
        async def call(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
            with self._counted(name, context):
                return await behaviour(request, context)

        return call

    @contextmanager
    def _counted(self, name: str, context: grpc.aio.ServicerContext[Any, Any]) -> Iterator[None]:
        self.running[name] += 1
        code = "CANCELLED"
        try:
            yield
            code = _code(context, "OK")
        except Exception:
            code = _code(context, "UNKNOWN")
            raise
        finally:
            self.running[name] -= 1
            self.ended[name, code] += 1


def _code(context: grpc.aio.ServicerContext[Any, Any], otherwise: str) -> str:
    """Return the name of the code that a call has set, which gRPC keeps as a number."""
    given: Any = context.code()
    if isinstance(given, grpc.StatusCode):
        return given.name
    return _NAMES.get(given, otherwise) if given else otherwise


_NAMES = {code.value[0]: code.name for code in grpc.StatusCode}
