"""How a quota is shared among the processes that share a database. Pure: the time is told."""

from __future__ import annotations

from collections.abc import Sequence

from clarion_server.quotas.model import ProcessBeat

BEAT_INTERVAL = 5.0
"""Seconds between signs of life of a process about which nothing changes."""
ALIVE = 3 * BEAT_INTERVAL
"""Seconds without a sign after which a process no longer counts."""
FORGOTTEN = 12 * BEAT_INTERVAL
"""Seconds after which its row is removed."""
IDLE = 2.0
"""Seconds without sending after which a process is no longer active."""


class Sharing:
    """What one process knows about the others. Their clocks do not matter: only that their signs change.

    Args:
        process_id: its own id; also an attribute, `id`.
    """

    def __init__(self, process_id: str) -> None:
        self.id = process_id
        self._seen: dict[str, tuple[ProcessBeat, float]] = {}
        self._beat = 0
        self._told_at = float("-inf")
        self._told_active = False
        self._active_since: float | None = None
        self._used_at = float("-inf")

    def used(self, now: float) -> None:
        """Remember that this process sends."""
        self._used_at = now

    def sign(self, now: float) -> ProcessBeat | None:
        """Return the sign of life that is due, None if none is."""
        active = now - self._used_at <= IDLE
        if active is self._told_active and now - self._told_at < BEAT_INTERVAL:
            return None
        self._beat += 1
        return ProcessBeat(self.id, self._beat, active)

    def told(self, sign: ProcessBeat, now: float) -> None:
        """Remember that the others can see a sign."""
        if not sign.active:
            self._active_since = None
        elif self._active_since is None:
            self._active_since = now
        self._told_active = sign.active
        self._told_at = now

    def observe(self, beats: Sequence[ProcessBeat], now: float) -> list[str]:
        """Take in what the database shows, and return the ids of processes that have ended without a word."""
        seen = {}
        for beat in beats:
            known = self._seen.get(beat.id)
            changed = known is None or known[0].beat != beat.beat
            seen[beat.id] = (beat, now if changed or known is None else known[1])
        self._seen = seen
        return [each for each, (_, since) in seen.items() if each != self.id and now - since > FORGOTTEN]

    def share(self, now: float, settled: float) -> float:
        """Return this process's part of a quota, over 0 to 1.

        Processes that send share equally. One that has just begun has an equal part of all processes until the others
        have had time to notice.

        Args:
            now: the time.
            settled: seconds that they need.
        """
        alive = [beat for beat, since in self._seen.values() if beat.id != self.id and now - since <= ALIVE]
        if self._active_since is None or now - self._active_since < settled:
            return 1 / (1 + len(alive))
        return 1 / (1 + sum(beat.active for beat in alive))
