"""Looks out for credentials that are about to expire."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any

import structlog

from clarion.v1.channel_pb2 import ChannelType, CredentialKind
from clarion_server.errors import StoreUnavailable
from clarion_server.model import utc_now
from clarion_server.ports import ChannelStore, ExpiringCredential

_log: Any = structlog.get_logger(__name__)

# Seconds between two looks.
_INTERVAL = 3600.0
_MOST = 1000
_DAY = dt.timedelta(days=1)
# Before the end: at the first of these a warning is due, and again at each further one, and when it has expired.
_WARN_BEFORE = (30 * _DAY, 7 * _DAY, 0 * _DAY)


class ExpiryWatch:
    """Knows the credentials that expire, the soonest first, and warns of those that do soon.

    Args:
        store: where channels are.
        warns: whether it does; of several processes that have the same store, one is enough.
        clock: returns the time, aware.

    Attributes:
        credentials: as of the last look; at most 1,000.
    """

    def __init__(self, store: ChannelStore, *, warns: bool = True, clock: Callable[[], dt.datetime] = utc_now) -> None:
        self.credentials: Sequence[ExpiringCredential] = ()
        self._store = store
        self._warns = warns
        self._clock = clock
        self._warned: dict[tuple[str, ChannelType, CredentialKind, dt.datetime], int] = {}
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Look now and then, beginning at once."""
        self._task = asyncio.create_task(self._run(), name="expiring credentials")

    async def aclose(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            try:
                await self.look()
            except StoreUnavailable:
                _log.warning("cannot look for credentials that expire: the database does not answer")
            except Exception:  # noqa: BLE001 - the next look may fare better
                _log.exception("looking for credentials that expire failed")
            await asyncio.sleep(_INTERVAL)

    async def look(self) -> None:
        """Look once.

        Raises:
            StoreUnavailable: the database does not answer.
        """
        self.credentials = await self._store.list_expiring(_MOST)
        now = self._clock()
        warned: dict[tuple[str, ChannelType, CredentialKind, dt.datetime], int] = {}
        for each in self.credentials:
            stage = sum(each.expire_time - now <= before for before in _WARN_BEFORE)
            if not stage:
                break  # the others expire later
            key = (each.app_id, each.type, each.kind, each.expire_time)
            warned[key] = stage
            if self._warns and stage > self._warned.get(key, 0):
                _warn(each, now)
        self._warned = warned


def _warn(credential: ExpiringCredential, now: dt.datetime) -> None:
    left = credential.expire_time - now
    _log.warning(
        "a credential expires soon: renew it with UpdateChannel"
        if left > dt.timedelta()
        else "a credential has expired: renew it with UpdateChannel",
        app_id=credential.app_id,
        channel_type=ChannelType.Name(credential.type),
        credential=CredentialKind.Name(credential.kind),
        expire_time=credential.expire_time.isoformat(),
        days_left=max(0, left // _DAY),
    )
