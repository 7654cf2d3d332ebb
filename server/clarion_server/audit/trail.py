"""The audit log of a server: takes records, and writes them to a table and a file in the background."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from clarion_server.access_model import AuditRecord
from clarion_server.audit.lines import AuditLines
from clarion_server.audit.model import AuditStore
from clarion_server.audit.sink import Sink
from clarion_server.errors import StoreUnavailable
from clarion_server.model import utc_now

_log = structlog.get_logger(__name__)

_CAPACITY = 20_000
"""Records that may wait for a place that is away: about 40 MB."""
_FLUSH = 5.0
"""Seconds to write what waits when the server stops."""
_EXPIRY_INTERVAL = 3600.0
_EXPIRY_RETRY = 60.0
_EXPIRY_BATCH = 1000


class AuditTrail:
    """An `AuditLog` for one event loop: call everything in its thread, `start` first, and `aclose` at the end.

    Args:
        table: where records are kept; None: in no table.
        lines: where they are written as JSON lines; None: nowhere.
        retention_days: after so many days they are removed from the table; 0: never.
        capacity: how many may wait for each of both while it is away.
        clock: returns the time, aware.
    """

    def __init__(
        self,
        table: AuditStore | None,
        lines: AuditLines | None,
        *,
        retention_days: int,
        capacity: int = _CAPACITY,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._table = table
        self._lines = lines
        self._retention = timedelta(days=retention_days)
        self._clock = clock
        self._sinks: list[Sink] = []
        if lines is not None:
            self._sinks.append(Sink("file", lines.append, capacity))
        if table is not None:
            self._sinks.append(Sink("table", table.append, capacity))
        self._writers: list[asyncio.Task[None]] = []
        self._cleaners: list[asyncio.Task[None]] = []

    @property
    def lost(self) -> int:
        """How many records were lost, in the table and in the file together."""
        return sum(sink.lost for sink in self._sinks)

    def start(self) -> None:
        """Begin to write in the background."""
        self._writers = [asyncio.create_task(sink.run()) for sink in self._sinks]
        if self._table is not None and self._retention:
            self._cleaners = [asyncio.create_task(self._expire(self._table))]

    def record(self, record: AuditRecord) -> None:
        """See `AuditLog.record`."""
        for sink in self._sinks:
            sink.put(record)

    async def aclose(self, seconds: float = _FLUSH) -> None:
        """Write what waits, for so many seconds; what is left then is counted and logged as lost."""
        for sink in self._sinks:
            sink.close()
        if self._writers:
            await asyncio.wait(self._writers, timeout=seconds)
        unfinished = [*self._writers, *self._cleaners]
        for task in unfinished:
            task.cancel()
        await asyncio.gather(*unfinished, return_exceptions=True)
        for sink in self._sinks:
            sink.give_up()
        if self._lines is not None:
            self._lines.close()

    async def _expire(self, table: AuditStore) -> None:
        while True:
            try:
                removed = await self._expire_now(table)
            except StoreUnavailable:
                await asyncio.sleep(_EXPIRY_RETRY)
                continue
            if removed:
                _log.info("removed audit records whose time is over", count=removed, days=self._retention.days)
            await asyncio.sleep(_EXPIRY_INTERVAL)

    async def _expire_now(self, table: AuditStore) -> int:
        before, removed = self._clock() - self._retention, 0
        while True:
            count = await table.expire(before, _EXPIRY_BATCH)
            removed += count
            if count < _EXPIRY_BATCH:
                return removed
