"""What a pool counts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class PoolStats:
    """What a pool holds now, and what it has counted since it was made.

    Attributes:
        connections: Connections that take requests, now.
        draining: Connections that only finish what they began, now.
        in_flight: Exchanges on a connection, now.
        queued: Exchanges that wait for one, now.
        opened: Connections opened.
        failed: Attempts to connect that failed.
        lost: Connections that ended other than by our wish.
        goaways: GOAWAY frames received, by the name of their error code.
        returned: Times an exchange came back unprocessed to be sent elsewhere.
        last_goaway: Reason of the latest GOAWAY.
    """

    connections: int = 0
    draining: int = 0
    in_flight: int = 0
    queued: int = 0
    opened: int = 0
    failed: int = 0
    lost: int = 0
    goaways: Counter[str] = field(default_factory=Counter)
    returned: int = 0
    last_goaway: str = ""
