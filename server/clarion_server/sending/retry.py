"""When a target is tried again: the policy, and the pauses."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

from clarion.v1 import messaging_pb2
from clarion_server.providers.contract import Outcome

DEFAULT_MAX_ATTEMPTS = 3
# Of pauses that the provider does not set. Seconds.
_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 30.0


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """What a call wants repeated.

    Attributes:
        repeat_ambiguous: also what may have been processed (the transport does that).
        max_attempts: tries in all.
        max_wait: the longest pause before a repeat, in seconds.
    """

    repeat_ambiguous: bool = False
    max_attempts: int = DEFAULT_MAX_ATTEMPTS
    max_wait: float = math.inf

    @classmethod
    def of(cls, given: messaging_pb2.RetryPolicy) -> RetryPolicy:
        """Return the policy that a call asks for; it has been checked."""
        wait = given.max_wait
        return cls(
            repeat_ambiguous=given.repeat_ambiguous,
            max_attempts=given.max_attempts if given.HasField("max_attempts") else DEFAULT_MAX_ATTEMPTS,
            max_wait=wait.seconds + wait.nanos / 1e9 if given.HasField("max_wait") else math.inf,
        )

    def pause(self, outcome: Outcome, tries: int, time_left: float) -> float | None:
        """Return the seconds after which a target is tried again, None if it is not.

        Args:
            outcome: of the latest try.
            tries: until now, at least 1.
            time_left: seconds that the target has.
        """
        if not outcome.repeat or tries >= self.max_attempts:
            return None
        pause = outcome.retry_after
        if pause is None:
            # Partly at random: targets that fail together do not come back together.
            factor, chance = 2.0 ** min(tries - 1, 30), random.uniform(0.5, 1.0)  # noqa: S311 - not a secret
            least = outcome.least_pause * factor
            pause = least * (0.5 + chance) if least else min(_LONGEST_PAUSE, _FIRST_PAUSE * factor) * chance
        return pause if pause <= self.max_wait and pause < time_left else None
