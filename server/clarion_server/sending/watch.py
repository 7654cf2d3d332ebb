"""Looks after a call by the clock: also when its caller sends nothing, or has sent all while much of it still waits."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import structlog

_log: Any = structlog.get_logger(__name__)

_INTERVAL = 0.5


class Watch:
    """Has a call looked at again twice a second, until it is closed. One timer, and no task unless there is work.

    Args:
        due: whether it is time to look.
        look: looks; never twice at the same time.
        after: called after each interval.
    """

    def __init__(self, due: Callable[[], bool], look: Callable[[], Awaitable[None]], after: Callable[[], None]) -> None:
        self._due = due
        self._look = look
        self._after = after
        self._loop = asyncio.get_running_loop()
        self._looking: asyncio.Task[None] | None = None
        self._timer = self._loop.call_later(_INTERVAL, self._tick)

    def _tick(self) -> None:
        self._timer = self._loop.call_later(_INTERVAL, self._tick)
        if (self._looking is None or self._looking.done()) and self._due():
            self._looking = asyncio.create_task(self._look_once())
        self._after()

    async def _look_once(self) -> None:
        try:
            await self._look()
        except Exception:  # noqa: BLE001 - a call goes on with what it knows
            _log.exception("looking after a call failed")

    async def close(self) -> None:
        """Look no more."""
        self._timer.cancel()
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)
