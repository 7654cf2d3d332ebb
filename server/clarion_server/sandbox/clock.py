"""The sandbox's time of day, which people and tests can move."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

# Year 1 to year 9999, so that every moment has a date.
_EARLIEST, _LATEST = -62_135_596_800.0, 253_402_300_799.0


class SimulatedClock:
    """Seconds since the epoch. It goes on like the clock below it, but from where it was put.

    What the emulated providers judge by time asks it: the age of provider tokens, the expiry of assertions and access
    tokens, the validity of push certificates, and since when a device is gone. Waiting (slow devices, the duration of
    faults) takes real time.

    Args:
        base: the clock below it.
    """

    def __init__(self, base: Callable[[], float] = time.time) -> None:
        self._base = base
        self.offset = 0.0
        """Seconds by which it is ahead of the clock below it."""

    def __call__(self) -> float:
        """Return the time."""
        return self._base() + self.offset

    def advance(self, seconds: float) -> None:
        """Move forward, or back with a negative number.

        Raises:
            ValueError: there is no such time.
        """
        self.set(self() + seconds)

    def set(self, moment: float) -> None:
        """Go on from this moment, in seconds since the epoch.

        Raises:
            ValueError: there is no such time.
        """
        if not math.isfinite(moment) or not _EARLIEST <= moment <= _LATEST:
            raise ValueError("the time must lie in the years 1 to 9999")
        self.offset = moment - self._base()

    def reset(self) -> None:
        """Show the real time again."""
        self.offset = 0.0
