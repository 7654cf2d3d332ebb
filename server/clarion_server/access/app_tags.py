"""Tags of apps, for conditions of policies: looked up at most about once a second for each app."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping

from clarion_server.errors import AppNotFound, StoreUnavailable
from clarion_server.ports import AppStore

_KEPT = 1.0
_MAX_CACHED = 10_000


class AppTags:
    """Looks tags of apps up.

    Args:
        store: keeps the apps.
        clock: seconds.
    """

    def __init__(self, store: AppStore, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._known: OrderedDict[str, tuple[Mapping[str, str], float]] = OrderedDict()

    async def of(self, app_id: str) -> Mapping[str, str]:
        """Return the tags of an app, none if there is no such app: whether there is one is not told here.

        While the database does not answer, what is known stays.

        Raises:
            StoreUnavailable: it does not answer, and nothing is known.
        """
        known = self._known.get(app_id)
        now = self._clock()
        if known is not None and now < known[1]:
            return known[0]
        tags: Mapping[str, str]
        try:
            tags = (await self._store.get_app(app_id)).tags
        except AppNotFound:
            # Not kept: a caller can name any number.
            self._known.pop(app_id, None)
            return {}
        except StoreUnavailable:
            if known is None:
                raise
            tags = known[0]
        self._known[app_id] = tags, now + _KEPT
        self._known.move_to_end(app_id)
        if len(self._known) > _MAX_CACHED:
            self._known.popitem(last=False)
        return tags

    def forget(self, app_id: str) -> None:
        """Look the app's tags up again: they were changed here."""
        self._known.pop(app_id, None)
