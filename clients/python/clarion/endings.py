"""How a stream of grpc.aio really ended.

A server may end a stream while its client still writes: it refuses the call, say. The client's write then fails, and
grpc.aio puts an INTERNAL "Internal error from Core" in the place of the status that the server gave, whether that has
arrived already or arrives a moment later (https://github.com/grpc/grpc/issues/36066).
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import grpc

_Value = TypeVar("_Value")

# The text that grpc.aio gives the status that it makes up.
_MADE_UP = "Internal error from Core"
# The server's status is on its way when a write fails; if there is none, the connection has ended otherwise.
_PATIENCE = 5.0


class Ending:
    """Keeps the status that the server gave to a call, whatever grpc.aio puts in its place.

    Args:
        call: a call of grpc.aio that has not ended.
    """

    def __init__(self, call: grpc.aio.Call) -> None:
        self._error: grpc.aio.AioRpcError | None = None
        self._arrived = asyncio.Event()
        # Called each time the status is set, so also for the first of two.
        call.add_done_callback(self._look)

    def _look(self, call: Any) -> None:
        code, details = _at_once(call.code()), _at_once(call.details())
        if self._arrived.is_set() or _is_made_up(code, details):
            return
        if code != grpc.StatusCode.OK:
            self._error = grpc.aio.AioRpcError(
                code,
                _at_once(call.initial_metadata()),
                _at_once(call.trailing_metadata()),
                details=details,
                debug_error_string=_at_once(call.debug_error_string()),
            )
        self._arrived.set()

    async def true_error(self, error: grpc.RpcError) -> grpc.RpcError | None:
        """Return what the call ended with, given what reading it raised; None when it ended well."""
        if not isinstance(error, grpc.aio.AioRpcError) or not _is_made_up(error.code(), error.details()):
            return error
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._arrived.wait()
        except TimeoutError:
            return error
        return self._error


def _is_made_up(code: grpc.StatusCode, details: str | None) -> bool:
    return code == grpc.StatusCode.INTERNAL and details == _MADE_UP


def _at_once(coroutine: Coroutine[Any, Any, _Value]) -> _Value:
    """Return what a coroutine that has nothing to wait for returns: the parts of a status, once it is set.

    In a task it would come too late: the status may be replaced before the task runs.
    """
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]
    coroutine.close()
    raise RuntimeError("the status is not set")
