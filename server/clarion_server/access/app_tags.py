"""Tags of apps, for conditions of policies: looked up at most about once a second for each app."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping

from clarion_server.errors import AppNotFound, StoreUnavailable
from clarion_server.lookups import EARLY, Lookups
from clarion_server.ports import AppStore

_KEPT = 1.0
_MAX_CACHED = 10_000


class AppTags:
    """Looks tags of apps up.

    Args:
        store: keeps the apps.
        patience: seconds to wait for an answer before what is known counts once more.
        clock: seconds.
    """

    def __init__(self, store: AppStore, *, patience: float = 1.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        # None is the answer if there is no such app.
        self._lookups: Lookups[Mapping[str, str] | None] = Lookups(self._keep, patience=patience, clock=clock)
        self._known: OrderedDict[str, tuple[Mapping[str, str], float]] = OrderedDict()  # and when it was told

    async def of(self, app_id: str) -> Mapping[str, str]:
        """Return the tags of an app, none if there is no such app: whether there is one is not told here.

        While the database does not answer, or hangs, what is known stays.

        Raises:
            StoreUnavailable: it does not answer, and nothing is known.
        """
        tags, since = self._known.get(app_id, (None, 0.0))
        age = self._clock() - since
        if tags is not None and age < _KEPT:
            if age >= _KEPT * EARLY:
                self._lookups.begin(app_id, lambda: self._ask(app_id, tags))
            return tags
        lookup = self._lookups.begin(app_id, lambda: self._ask(app_id, tags))
        return await self._lookups.answer(lookup, tags) or {}

    async def _ask(self, app_id: str, known: Mapping[str, str] | None) -> Mapping[str, str] | None:
        try:
            return (await self._store.get_app(app_id)).tags
        except AppNotFound:
            return None
        except StoreUnavailable:
            if known is None:
                raise
            return known

    def _keep(self, app_id: str, tags: Mapping[str, str] | None) -> None:
        self._known.pop(app_id, None)
        if tags is None:
            return  # not kept: a caller can name any number
        self._known[app_id] = tags, self._clock()
        if len(self._known) > _MAX_CACHED:
            self._known.popitem(last=False)

    def forget(self, app_id: str) -> None:
        """Look the app's tags up again: they were changed here."""
        self._known.pop(app_id, None)
        self._lookups.forget(app_id)
