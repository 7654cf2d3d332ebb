"""What an emulated provider is: a pure function from requests to answers, with a memory, without sockets.

`providers/<name>/sandbox.py` implement `Emulator`; `clarion_server.sandbox` puts them behind real TLS and HTTP.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(slots=True, eq=False)
class SandboxConnection:
    """What an emulator knows about one connection. Emulators derive their own class from it.

    Attributes:
        max_concurrent_streams: how many streams the client may have open. The server announces it when the
            connection opens, and again after a request that changed it.
    """

    max_concurrent_streams: int = 100


@dataclass(slots=True, eq=False)
class SandboxRequest:
    """One request, complete.

    Attributes:
        method: such as `POST`.
        path: path and query, as sent.
        headers: in order, names in lower case, without pseudo headers.
        body: the whole body.
        connection: what the emulator's `connect` returned for this request's connection.
    """

    method: str
    path: str
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    connection: SandboxConnection


@dataclass(slots=True, eq=False)
class SandboxResponse:
    """The answer to one request.

    Attributes:
        status: HTTP status.
        outcome: what happened, in one word for the counters: `accepted`, or the provider's reason.
        headers: names in lower case, without `:status`.
        body: the whole body.
        delay: seconds until the answer is sent; None = it never is.
        device: the address that a message was delivered to, empty when none was.
    """

    status: int
    outcome: str
    headers: tuple[tuple[bytes, bytes], ...] = ()
    body: bytes = b""
    delay: float | None = 0.0
    device: str = ""


class Emulator(Protocol):
    """An emulated service."""

    def connect(self, client_certificate: bytes | None) -> SandboxConnection:
        """Return the state of a new connection.

        Args:
            client_certificate: what the client presented in TLS (DER; chain, validity and issuer are verified), or
                None.
        """

    def handle(self, request: SandboxRequest) -> SandboxResponse:
        """Answer one request. Never raises for what a client sent."""


@dataclass(frozen=True, slots=True)
class DeviceBehaviour:
    """How simulated devices whose address starts with a prefix behave.

    Attributes:
        name: the behaviour's name, the same for all providers that have it.
        prefix: how the addresses start; lower case.
        status: HTTP status of the answer.
        reason: the provider's reason or error code; empty for success.
        delay: seconds until the answer; None = there is never one.
        retry_after: seconds in the answer's `retry-after` header; 0 = none.
        environments: where the device behaves like this; it is an ordinary phone elsewhere. Empty = everywhere.
        description: one sentence for people.
    """

    name: str
    prefix: str
    status: int
    description: str
    reason: str = ""
    delay: float | None = 0.0
    retry_after: int = 0
    environments: frozenset[str] = frozenset()


class DeviceTable:
    """Finds a device's behaviour by the longest prefix of its address."""

    def __init__(self, behaviours: Iterable[DeviceBehaviour]) -> None:
        self._behaviours = tuple(behaviours)
        by_length: dict[int, dict[str, DeviceBehaviour]] = {}
        for behaviour in self._behaviours:
            by_length.setdefault(len(behaviour.prefix), {})[behaviour.prefix] = behaviour
        self._longest_first = sorted(by_length.items(), reverse=True)

    def __iter__(self) -> Iterator[DeviceBehaviour]:
        return iter(self._behaviours)

    def find(self, address: str, environment: str = "") -> DeviceBehaviour | None:
        """Return the behaviour of the device with this (lower-case) address, None for an ordinary phone."""
        for length, behaviours in self._longest_first:
            behaviour = behaviours.get(address[:length])
            if behaviour is not None:
                known_here = not behaviour.environments or environment in behaviour.environments
                return behaviour if known_here else None
        return None

    def named(self, name: str) -> DeviceBehaviour:
        """Return the behaviour with this name.

        Raises:
            ValueError: there is none; the message lists those that exist.
        """
        for behaviour in self._behaviours:
            if behaviour.name == name:
                return behaviour
        names = ", ".join(behaviour.name for behaviour in self._behaviours)
        raise ValueError(f"no device behaviour is called {name!r}; there are: {names}")


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


_JSON = json.JSONDecoder(parse_constant=_refuse_constant)


def parse_json(body: bytes) -> Any:
    """Parse a body as strictly as providers do: UTF-8, no NaN, no endless nesting.

    Raises:
        ValueError: the body is not JSON.
    """
    try:
        return _JSON.decode(body.decode())
    except RecursionError:
        raise ValueError("nested too deeply") from None
