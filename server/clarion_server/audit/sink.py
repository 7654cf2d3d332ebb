"""A queue of audit records in front of a place that may be slow or away."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

import structlog

from clarion_server.access_model import AuditRecord
from clarion_server.errors import StoreUnavailable

_log = structlog.get_logger(__name__)

_BATCH = 500
_GATHER = 0.25
"""Seconds for which records are gathered before they are written together."""
_PAUSE = 1.0
"""Seconds between tries while the place is away."""
_REPORT_INTERVAL = 10.0
"""Seconds between log entries about lost records."""


class Sink:
    """Keeps records in memory until they are written, in order, in batches.

    While the place is away it keeps up to `capacity` of them; what comes on top is lost. A record that the place
    refuses is lost as well. Every loss is counted and logged.

    Args:
        name: of the place, for the log.
        append: writes records; raises `StoreUnavailable` or `OSError` when it should be tried again.
        capacity: how many records may wait.

    Attributes:
        lost: how many records were lost.
    """

    def __init__(self, name: str, append: Callable[[Sequence[AuditRecord]], Awaitable[None]], capacity: int) -> None:
        self.lost = 0
        self._name = name
        self._append = append
        self._capacity = capacity
        self._waiting: deque[AuditRecord] = deque()
        self._some = asyncio.Event()
        self._hurry = asyncio.Event()
        self._is_away = False
        self._is_closing = False
        self._reported = 0
        self._reported_at = float("-inf")

    def put(self, record: AuditRecord) -> None:
        """Take a record. Never blocks, never raises."""
        if len(self._waiting) >= self._capacity:
            self._lose(1, "too many wait while it is away")
            return
        self._waiting.append(record)
        self._some.set()
        if len(self._waiting) >= _BATCH:
            self._hurry.set()

    async def run(self) -> None:
        """Write what comes, until `close` and all is written."""
        while True:
            await self._some.wait()
            if not self._waiting:
                return
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_GATHER):
                    await self._hurry.wait()
            if not await self._write_batch():
                await asyncio.sleep(_PAUSE)

    def close(self) -> None:
        """Let `run` end when it has written all."""
        self._is_closing = True
        self._some.set()
        self._hurry.set()

    def give_up(self) -> None:
        """Count what still waits as lost, at the end. `run` must have ended."""
        if self._waiting:
            self._lose(len(self._waiting), "the server stopped while it was away")
            self._waiting.clear()
        if self.lost > self._reported:
            self._report("")

    async def _write_batch(self) -> bool:
        """Write some records, and return whether that could be done."""
        batch = list(itertools.islice(self._waiting, _BATCH))
        try:
            await self._append(batch)
        except (StoreUnavailable, OSError) as error:
            if not self._is_away:
                self._is_away = True
                _log.warning("audit records wait", place=self._name, reason=type(error).__name__)
            return False
        except Exception:  # noqa: BLE001 - one record must not keep back all others
            _log.exception("an audit record was refused; trying one by one", place=self._name)
            if not await self._write_singly(batch):
                return False
        if self._is_away:
            self._is_away = False
            _log.info("audit records are written again", place=self._name, waiting=len(self._waiting), lost=self.lost)
        self._remove(len(batch))
        return True

    async def _write_singly(self, batch: Sequence[AuditRecord]) -> bool:
        for number, record in enumerate(batch):
            try:
                await self._append([record])
            except (StoreUnavailable, OSError):
                self._remove(number)
                return False
            except Exception as error:  # noqa: BLE001 - one record must not keep back all others
                self._lose(1, f"record {record.id} was refused: {type(error).__name__}")
        return True

    def _remove(self, count: int) -> None:
        for _ in range(count):
            self._waiting.popleft()
        if self._is_closing:
            return
        if not self._waiting:
            self._some.clear()
        if len(self._waiting) < _BATCH:
            self._hurry.clear()

    def _lose(self, count: int, reason: str) -> None:
        self.lost += count
        if time.monotonic() - self._reported_at >= _REPORT_INTERVAL:
            self._report(reason)

    def _report(self, reason: str) -> None:
        self._reported, self._reported_at = self.lost, time.monotonic()
        _log.error("audit records are lost", place=self._name, lost=self.lost, reason=reason)
