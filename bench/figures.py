"""Figures of one measurement, as they pass from the process that sends to the one that reports."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What a sending process (load generator or bare engine) has to say about its work. Times are in seconds.

    Attributes:
        sent: notifications.
        seconds: from the first request until the last answer.
        cpu: CPU time of the sending process in between.
        peak_rss: most memory that was ever resident in it, in bytes.
        first_result: from the start of a call until its first result; the median when there are several calls.
            None for the bare engine.
        p50: of the latencies of single sends; None when they were not measured.
        p99: the same.
        faults: what makes the measurement invalid; empty when every target had exactly one successful result.
    """

    sent: int
    seconds: float
    cpu: float
    peak_rss: int
    first_result: float | None = None
    p50: float | None = None
    p99: float | None = None
    faults: list[str] = field(default_factory=list)

    def to_json(self) -> str:
        """Return the figures as one line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Figures:
        """Return the figures from what `to_json` made."""
        return cls(**json.loads(text))
