"""What the sandbox counts and records."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from clarion_server.providers.emulation import Emulator, SandboxConnection, SandboxRequest, SandboxResponse


@dataclass(slots=True)
class ListenerStats:
    """Counters of one listener, from its start.

    Attributes:
        connections: connections opened (after TLS).
        requests: requests received completely.
        outcomes: requests by what happened: `accepted`, `silent`, or the provider's reason.
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
        }


@dataclass(frozen=True, slots=True)
class SandboxStats:
    """Counters of all listeners."""

    apns: ListenerStats
    apns_sandbox: ListenerStats
    fcm: ListenerStats

    def as_json(self) -> dict[str, Any]:
        """Return all counters as a JSON object, without addresses."""
        return {
            "apns": self.apns.as_json(),
            "apns_sandbox": self.apns_sandbox.as_json(),
            "fcm": self.fcm.as_json(),
        }


@dataclass(frozen=True, slots=True)
class RecordedRequest:
    """A request as it came, for tests of payloads.

    Attributes:
        listener: `apns`, `apns_sandbox` or `fcm`.
        method: such as `POST`.
        path: path and query.
        headers: by name in lower case; of a repeated name the last.
        body: the body.
        status: HTTP status of the answer.
        outcome: as in `ListenerStats.outcomes`.
    """

    listener: str
    method: str
    path: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    status: int
    outcome: str


class CountedEmulator:
    """An emulator whose requests are counted and, if wanted, recorded.

    Args:
        listener: name for the recorded requests.
        emulator: what answers.
        stats: where to count.
        requests: where to record; None = nowhere.
    """

    def __init__(
        self, listener: str, emulator: Emulator, stats: ListenerStats, requests: deque[RecordedRequest] | None
    ) -> None:
        self._listener = listener
        self._emulator = emulator
        self._stats = stats
        self._requests = requests

    def connect(self, client_certificate: bytes | None) -> SandboxConnection:
        """See `Emulator.connect`."""
        self._stats.connections += 1
        return self._emulator.connect(client_certificate)

    def handle(self, request: SandboxRequest) -> SandboxResponse:
        """See `Emulator.handle`."""
        response = self._emulator.handle(request)
        self._stats.count(response)
        if self._requests is not None:
            self._requests.append(
                RecordedRequest(
                    self._listener,
                    request.method,
                    request.path,
                    {name.decode("latin-1"): value.decode("latin-1") for name, value in request.headers},
                    request.body,
                    response.status,
                    response.outcome,
                )
            )
        return response
