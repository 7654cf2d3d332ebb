"""Look-ups that all who want the same at the same time share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

#: What counts for a time is looked up anew in the background when it is used after this part of the time, so that who
#: comes all the time never has to wait for that.
EARLY = 0.75

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Lookup(Generic[Answer]):
    """A look-up that is under way, and when it began."""

    task: asyncio.Task[Answer]
    began: float


class Lookups(Generic[Answer]):
    """The look-ups that are under way, one for each key. What they find is kept by others.

    Args:
        done: told the key and the answer of each look-up, unless it was forgotten; None: it failed.
        patience: seconds to wait for an answer before what is known counts once more.
        clock: seconds.
    """

    def __init__(
        self, done: Callable[[str, Answer | None], None], *, patience: float, clock: Callable[[], float]
    ) -> None:
        self._done = done
        self._patience = patience
        self._clock = clock
        self._under_way: dict[str, Lookup[Answer]] = {}

    def begin(self, key: str, ask: Callable[[], Coroutine[Any, Any, Answer]]) -> Lookup[Answer]:
        """Return the look-up that is under way for a key; from now on, if there is none yet."""
        lookup = self._under_way.get(key)
        if lookup is None:
            lookup = self._under_way[key] = Lookup(asyncio.create_task(ask()), self._clock())
            lookup.task.add_done_callback(lambda task: self._end(key, task))
        return lookup

    async def answer(self, lookup: Lookup[Answer], known: Answer | None) -> Answer:
        """Return a look-up's answer; if it takes too long, what is known. Raises what the look-up raises."""
        # Callers share the task, and wait in a way that does not take it from the others when they leave.
        left = None if known is None else max(0.0, lookup.began + self._patience - self._clock())
        done, _ = await asyncio.wait({lookup.task}, timeout=left)
        if not done and known is not None:
            return known
        return lookup.task.result()

    def forget(self, key: str) -> None:
        """Look anew from now on: what is just being read may be from before a change."""
        self._under_way.pop(key, None)

    def _end(self, key: str, task: asyncio.Task[Answer]) -> None:
        failed = task.cancelled() or task.exception() is not None
        lookup = self._under_way.get(key)
        if lookup is not None and lookup.task is task:
            del self._under_way[key]
            self._done(key, None if failed else task.result())
