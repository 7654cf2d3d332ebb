"""Finds out whether identity data changed: by asking the store for one number, at most about once a second."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from clarion_server.access.iam.ports import IamStore
from clarion_server.errors import StoreUnavailable
from clarion_server.lookups import EARLY


class RevisionWatch:
    """Counts the states of identity data that this process has seen.

    A change that is made in this process is seen at once (`changed`), one of another process within `max_age`. While
    the store does not answer, or hangs, nothing changes.

    Args:
        store: keeps identity data.
        max_age: seconds for which what it said counts. A little before, if calls come then, it is asked in the
            background.
        patience: seconds to wait for an answer before what is known counts once more.
        clock: seconds; monotonic.
    """

    def __init__(
        self,
        store: IamStore,
        *,
        max_age: float = 1.0,
        patience: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._max_age = max_age
        self._patience = patience
        self._clock = clock
        self._generation = 0
        self._revision: int | None = None
        self._good_until = float("-inf")
        self._ask_from = float("-inf")
        self._asking: asyncio.Task[None] | None = None
        self._began = float("-inf")

    async def generation(self) -> int:
        """Return a number that is another one when what was known before may not hold any more.

        Raises:
            StoreUnavailable: the store does not answer, and never did.
        """
        if self._clock() >= self._ask_from:
            self._begin()
        while self._clock() >= self._good_until:
            # The callers share the task, and wait in a way that does not take it from the others when they leave.
            asking = self._begin()
            left = None if self._revision is None else max(0.0, self._began + self._patience - self._clock())
            done, _ = await asyncio.wait({asking}, timeout=left)
            if not done:
                break
            asking.result()
        return self._generation

    def _begin(self) -> asyncio.Task[None]:
        """Return what asks the store; from now on, if nothing does yet."""
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask())
            self._began = self._clock()
            # Looked at here, because those who wait for it may all have left when it fails.
            self._asking.add_done_callback(lambda task: task.cancelled() or task.exception())
        return self._asking

    def changed(self) -> None:
        """Take what was known for outdated: this process changed something."""
        self._generation += 1
        self._good_until = float("-inf")
        self._asking = None

    async def _ask(self) -> None:
        me = asyncio.current_task()
        asked = self._clock()
        try:
            revision = await self._store.revision()
        except Exception as error:
            if self._revision is None or not isinstance(error, StoreUnavailable):
                # The next caller asks again.
                if self._asking is me:
                    self._asking = None
                raise
            revision = self._revision
        if self._asking is not me:
            return  # changed meanwhile: what was read may be from before
        self._asking = None
        if revision != self._revision:
            self._revision = revision
            self._generation += 1
        # At least a moment, so that a store slower than max_age is not asked for ever.
        soon = self._clock() + self._max_age / 10
        self._good_until = max(asked + self._max_age, soon)
        self._ask_from = max(asked + self._max_age * EARLY, soon)
