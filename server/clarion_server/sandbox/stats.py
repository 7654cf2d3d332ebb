"""What the sandbox counts and records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from clarion_server.providers.emulation import SandboxResponse


@dataclass(slots=True)
class ListenerStats:
    """Counters of one listener, from its start.

    Attributes:
        connections: connections opened (after TLS).
        requests: requests received completely.
        outcomes: requests by what happened: `accepted`, `silent`, the provider's reason, or `fault` and its kind for
            those that a fault kept from being processed.
        delivered: messages delivered by address, for at most `max_devices` addresses.
        max_devices: how many addresses are counted one by one; 0 = none.
        delivered_elsewhere: messages delivered to addresses beyond that number.
    """

    max_devices: int
    connections: int = 0
    requests: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    delivered: dict[str, int] = field(default_factory=dict)
    delivered_elsewhere: int = 0

    @property
    def accepted(self) -> int:
        """Requests answered with success."""
        return self.outcomes["accepted"]

    def count(self, response: SandboxResponse) -> None:
        """Count one request by its answer."""
        self.requests += 1
        self.outcomes[response.outcome] += 1
        device = response.device
        if device:
            if device in self.delivered or len(self.delivered) < self.max_devices:
                self.delivered[device] = self.delivered.get(device, 0) + 1
            else:
                self.delivered_elsewhere += 1

    def as_json(self) -> dict[str, Any]:
        """Return the counters as a JSON object, without addresses."""
        return {
            "connections": self.connections,
            "requests": self.requests,
            "accepted": self.accepted,
            "outcomes": dict(sorted(self.outcomes.items())),
            "devices": len(self.delivered),
            "delivered": sum(self.delivered.values()) + self.delivered_elsewhere,
            "devices_with_repeats": sum(number > 1 for number in self.delivered.values()),
        }


class SandboxStats:
    """Counters of all listeners: `stats.apns`, or `stats["apns"]`.

    Args:
        listeners: by name.
    """

    def __init__(self, listeners: Mapping[str, ListenerStats]) -> None:
        self._listeners = dict(listeners)

    def __getitem__(self, name: str) -> ListenerStats:
        return self._listeners[name]

    def __getattr__(self, name: str) -> ListenerStats:
        if name.startswith("_") or name not in self._listeners:
            raise AttributeError(name)
        return self._listeners[name]

    def as_json(self) -> dict[str, Any]:
        """Return all counters as a JSON object, without addresses."""
        return {name: stats.as_json() for name, stats in self._listeners.items()}


@dataclass(frozen=True, slots=True)
class RecordedRequest:
    """A request as it came, for tests of payloads.

    Attributes:
        listener: its name.
        method: such as `POST`.
        path: path and query.
        headers: by name in lower case; of a repeated name the last.
        body: the body.
        status: HTTP status of the answer, if one was sent.
        outcome: as in `ListenerStats.outcomes`.
    """

    listener: str
    method: str
    path: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    status: int
    outcome: str
