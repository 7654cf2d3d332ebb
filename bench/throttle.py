"""Keeps traffic down to a share of the machine, so that something else can be done beside it."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable

_EVERY = 0.1


class Throttle:
    """A gate that is open while the processes together have used no more CPU time than is theirs.

    Args:
        share: of the CPU time of all cores, above 0; 1 and more never closes the gate for long.
        used: tells how many seconds of CPU time they have used so far.
    """

    def __init__(self, share: float, used: Callable[[], float]) -> None:
        self._cores = share * len(os.sched_getaffinity(0))
        self._used = used
        self._open = asyncio.Event()
        self._open.set()

    async def run(self) -> None:
        """Open and close the gate, until cancelled."""
        credit, before, used = 0.0, time.monotonic(), self._used()
        while True:
            await asyncio.sleep(_EVERY)
            now, used_now = time.monotonic(), self._used()
            # What was left over for longer than a moment is gone: a pause is not made up for afterwards.
            credit = min(credit + self._cores * (now - before) - (used_now - used), self._cores * _EVERY)
            before, used = now, used_now
            if credit >= 0:
                self._open.set()
            else:
                self._open.clear()

    async def wait(self) -> None:
        """Return when the gate is open."""
        await self._open.wait()
