"""A token bucket: how many targets may be taken in now."""

from __future__ import annotations


class Bucket:
    """Fills at a rate up to a burst, and gives what is in it. Pure: the time is told.

    Args:
        rate: tokens per second, over 0.
        burst: the most that it holds, at least 1.
        now: seconds on a clock that never goes back. The bucket is full then.
    """

    __slots__ = ("_at", "_burst", "_level", "_rate")

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self._rate = rate
        self._burst = burst
        self._level = burst
        self._at = now

    def change(self, rate: float, burst: float, now: float) -> None:
        """Fill at another rate, to another burst, from now on. What is over the new burst is lost."""
        self._fill(now)
        self._rate = rate
        self._burst = burst
        self._level = min(self._level, burst)

    def available(self, now: float) -> int:
        """Return how many tokens can be taken now."""
        self._fill(now)
        return int(self._level)

    def take(self, tokens: int) -> None:
        """Take tokens that `available` has told."""
        self._level -= tokens

    def wait(self, tokens: int, now: float) -> float:
        """Return the seconds until so many tokens will have come if nobody takes any; 0 if they are there."""
        self._fill(now)
        return max(0.0, (tokens - self._level) / self._rate)

    def _fill(self, now: float) -> None:
        # A clock that does not move, or a little back between threads, fills nothing.
        passed = now - self._at
        if passed > 0:
            self._level = min(self._burst, self._level + passed * self._rate)
            self._at = now
