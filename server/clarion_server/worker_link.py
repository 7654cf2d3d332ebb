"""A worker's side of the socket to its parent, and what both say on it.

The parent says START when it is the worker's turn: what is made once, the first one makes, and meanwhile the others
have imported their code. The worker answers with a line, READY or CANNOT_START and why. Then the parent may ask with
the line PAGE, and gets the length of the answer as a line, and the worker's metrics; none if they cannot be made.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable
from typing import Any, Self

import structlog

_log: Any = structlog.get_logger(__name__)

START = b"start\n"
READY = b"ready\n"
CANNOT_START = b"cannot start: "
PAGE = b"page\n"


class WorkerLink:
    """The socket that a worker has as its standard input."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls) -> Self:
        """Open it.

        Raises:
            OSError: standard input is no such socket: this process was not started by a parent.
        """
        return cls(*await asyncio.open_unix_connection(sock=socket.socket(fileno=os.dup(0))))

    async def told_to_start(self, stop: asyncio.Event) -> bool:
        """Wait for this worker's turn. Return False if it shall not start: told to stop, or the parent is gone."""
        told = asyncio.create_task(self._reader.readline())
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait({told, stopped}, return_when=asyncio.FIRST_COMPLETED)
        for task in (told, stopped):
            task.cancel()
        said, _ = await asyncio.gather(told, stopped, return_exceptions=True)
        return said == START and not stop.is_set()

    async def serve(self, page: Callable[[], bytes], stop: Callable[[], None]) -> None:
        """Say that this worker serves, and answer with what `page` returns; call `stop` when the parent is gone."""
        with contextlib.suppress(OSError):
            self._writer.write(READY)
            while await self._reader.readline():
                answer = _answer(page)
                self._writer.write(b"%d\n%b" % (len(answer), answer))
                await self._writer.drain()
        stop()

    async def cannot_start(self, reason: str) -> None:
        """Say why this worker does not serve."""
        with contextlib.suppress(OSError):
            self._writer.write(CANNOT_START + reason.replace("\n", "\\n").encode() + b"\n")
            await self._writer.drain()

    def close(self) -> None:
        """Close it."""
        self._writer.close()


def _answer(page: Callable[[], bytes]) -> bytes:
    try:
        return page()
    except Exception:  # noqa: BLE001 - the worker's calls are worth more than its metrics
        _log.exception("a worker's metrics cannot be made")
        return b""
