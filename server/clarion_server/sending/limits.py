"""Bounds of a call."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one call.

    Attributes:
        in_flight: targets that are sent at the same time or whose results have not left; shared by the call's channels.
            As many more may wait because their channel has its share.
        batch: results that are sent without waiting for more.
        linger: seconds that a result waits for others to travel with.
        turn: targets taken in before the event loop's other work gets a turn.
        turn_seconds: or so long, when they are slow to render.
        stall: seconds without an answer after which a channel that has its share holds up the others no longer.
        last_answers: seconds that requests under way get for their answers when the server stops.
    """

    in_flight: int = 8000
    batch: int = 250
    linger: float = 0.01
    turn: int = 200
    turn_seconds: float = 0.005
    stall: float = 3.0
    last_answers: float = 4.0
