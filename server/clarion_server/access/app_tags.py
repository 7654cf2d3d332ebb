"""Tags of apps, for conditions of policies: looked up at most about once a second for each app."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from clarion_server.errors import AppNotFound, StoreUnavailable
from clarion_server.ports import AppStore

_KEPT = 1.0
# So long before they are looked up again in the background, if they are used then: so no call waits for that.
_EARLY = 0.25
_MAX_CACHED = 10_000


@dataclass(frozen=True, slots=True)
class _Asking:
    """Asking the store about an app, and when that began. None is the answer if there is no such app."""

    task: asyncio.Task[Mapping[str, str] | None]
    began: float


class AppTags:
    """Looks tags of apps up.

    Args:
        store: keeps the apps.
        patience: seconds to wait for an answer before what is known counts once more.
        clock: seconds.
    """

    def __init__(self, store: AppStore, *, patience: float = 1.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._patience = patience
        self._clock = clock
        self._asking: dict[str, _Asking] = {}
        self._known: OrderedDict[str, tuple[Mapping[str, str], float]] = OrderedDict()

    async def of(self, app_id: str) -> Mapping[str, str]:
        """Return the tags of an app, none if there is no such app: whether there is one is not told here.

        While the database does not answer, or hangs, what is known stays.

        Raises:
            StoreUnavailable: it does not answer, and nothing is known.
        """
        known = self._known.get(app_id)
        now = self._clock()
        if known is not None and now < known[1]:
            if now >= known[1] - _EARLY:
                self._begin(app_id, known, now)
            return known[0]
        asking = self._begin(app_id, known, now)
        # Callers share the task, and wait in a way that does not take it from the others when they leave.
        left = None if known is None else max(0.0, asking.began + self._patience - now)
        done, _ = await asyncio.wait({asking.task}, timeout=left)
        if not done and known is not None:
            return known[0]
        return asking.task.result() or {}

    def _begin(self, app_id: str, known: tuple[Mapping[str, str], float] | None, now: float) -> _Asking:
        """Return how the store is being asked about an app; from now on, if it is not yet."""
        asking = self._asking.get(app_id)
        if asking is None:
            asking = self._asking[app_id] = _Asking(asyncio.create_task(self._ask(app_id, known)), now)
            asking.task.add_done_callback(lambda task: self._keep(app_id, task))
        return asking

    async def _ask(self, app_id: str, known: tuple[Mapping[str, str], float] | None) -> Mapping[str, str] | None:
        try:
            return (await self._store.get_app(app_id)).tags
        except AppNotFound:
            return None
        except StoreUnavailable:
            if known is None:
                raise
            return known[0]

    def _keep(self, app_id: str, task: asyncio.Task[Mapping[str, str] | None]) -> None:
        tags = None if task.cancelled() or task.exception() is not None else task.result()
        asking = self._asking.get(app_id)
        if asking is None or asking.task is not task:
            return  # forgotten meanwhile: what it read may be from before the change
        del self._asking[app_id]
        self._known.pop(app_id, None)
        if tags is None:
            return  # not kept: a caller can name any number
        self._known[app_id] = tags, self._clock() + _KEPT
        if len(self._known) > _MAX_CACHED:
            self._known.popitem(last=False)

    def forget(self, app_id: str) -> None:
        """Look the app's tags up again: they were changed here."""
        self._known.pop(app_id, None)
        self._asking.pop(app_id, None)
