"""The faults that are switched on, for each listener."""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import count as counting
from typing import Any

from clarion_server.sandbox.fault import Fault, FaultKind, Stage


class FaultError(Exception):
    """A fault cannot be switched on there; the message says why and what helps."""


class NoSuchListener(FaultError):
    """There is no such listener; the message lists those that exist."""


class ActiveFault:
    """A fault that was switched on.

    Args:
        number: its id, unique in the sandbox.
        fault: what it is.

    Attributes:
        seen: how many requests, connections or handshakes it could have struck.
        struck: how many it has struck.
    """

    def __init__(self, number: int, fault: Fault) -> None:
        self.number = number
        self.seed = fault.seed if fault.seed is not None else secrets.randbelow(2**32)
        self.fault = fault
        self.seen = 0
        self.struck = 0
        self.over = False
        self.timer: asyncio.TimerHandle | None = None
        self._random = random.Random(self.seed)  # noqa: S311 - not a secret: runs must be repeatable

    def strikes(self) -> bool:
        """Draw once: whether it strikes this time."""
        fault = self.fault
        self.seen += 1
        if self.seen <= fault.skip or (fault.probability < 1 and self._random.random() >= fault.probability):
            return False
        self.struck += 1
        return True

    @property
    def used_up(self) -> bool:
        """Whether it has struck as often as it may."""
        return self.fault.count is not None and self.struck >= self.fault.count

    def as_json(self) -> dict[str, Any]:
        """Return it as the control API shows it."""
        shown = self.fault.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
        if self.fault.trait.when:
            shown["when"] = "after" if self.fault.processed else "before"
        return {
            "id": self.number,
            **shown,
            "seed": self.seed,
            "seen": self.seen,
            "struck": self.struck,
            "active": not self.over,
        }


class ListenerFaults:
    """The faults of one listener. Cheap to ask when there are none: the three tuples are empty.

    Args:
        http2: whether the listener speaks HTTP/2.
        tls: whether it speaks TLS.
        numbers: ids for new faults.

    Attributes:
        requests: active faults that strike requests.
        connections: active faults that strike connections.
        handshakes: active faults that strike TLS handshakes.
        close_listener, open_listener: called when the first fault closes the listener, and when the last is over.
    """

    def __init__(self, numbers: Iterable[int], *, http2: bool = True, tls: bool = True) -> None:
        self._http2 = http2
        self._tls = tls
        self._numbers = iter(numbers)
        self._all: list[ActiveFault] = []
        self._refusing = False
        self.requests: tuple[ActiveFault, ...] = ()
        self.connections: tuple[ActiveFault, ...] = ()
        self.handshakes: tuple[ActiveFault, ...] = ()
        self.close_listener: Callable[[], object] = lambda: None
        self.open_listener: Callable[[], object] = lambda: None

    def __iter__(self) -> Iterator[ActiveFault]:
        return iter(tuple(self._all))

    def check(self, fault: Fault) -> None:
        """Check that a fault makes sense here.

        Raises:
            FaultError: it does not.
        """
        if fault.trait.http2_only and not self._http2:
            raise FaultError(f"{fault.kind} needs HTTP/2, and this listener speaks HTTP/1.1 only")
        if fault.trait.stage is Stage.HANDSHAKE and not self._tls:
            raise FaultError(f"{fault.kind} needs TLS, and this listener has none")

    def add(self, fault: Fault) -> ActiveFault:
        """Switch a fault on. Needs the running event loop.

        Raises:
            FaultError: it makes no sense here.
        """
        self.check(fault)
        active = ActiveFault(next(self._numbers), fault)
        self._all.append(active)
        if fault.duration is not None:
            active.timer = asyncio.get_running_loop().call_later(fault.duration, self._end, active)
        self._sort()
        return active

    def remove(self, number: int) -> bool:
        """Switch one fault off and forget it; False if there is none with this id."""
        found = [active for active in self._all if active.number == number]
        self._forget(found)
        return bool(found)

    def clear(self) -> None:
        """Switch all faults off and forget them."""
        self._forget(list(self._all))

    def strike_request(self, path: str, *, http2: bool) -> Fault | None:
        """Return what strikes a request, None if nothing does. The first fault that strikes wins."""
        for active in self.requests:
            fault = active.fault
            if (http2 or not fault.trait.http2_only) and path.startswith(fault.path) and self._strikes(active):
                return fault
        return None

    def strike_connection(self, kind: FaultKind) -> Fault | None:
        """Return what strikes a new connection, if anything of this kind does."""
        for active in self.connections:
            if active.fault.kind is kind and self._strikes(active):
                return active.fault
        return None

    def strike_handshake(self) -> Fault | None:
        """Return what strikes a TLS handshake, None if nothing does."""
        for active in self.handshakes:
            if self._strikes(active):
                return active.fault
        return None

    def _strikes(self, active: ActiveFault) -> bool:
        struck = active.strikes()
        if struck and active.used_up:
            self._end(active)
        return struck

    def _end(self, active: ActiveFault) -> None:
        active.over = True
        if active.timer is not None:
            active.timer.cancel()
        self._sort()

    def _forget(self, those: list[ActiveFault]) -> None:
        self._all = [active for active in self._all if active not in those]
        for active in those:
            self._end(active)

    def _sort(self) -> None:
        def of(stage: Stage) -> tuple[ActiveFault, ...]:
            return tuple(each for each in self._all if each.fault.trait.stage is stage and not each.over)

        self.requests, self.connections, self.handshakes = of(Stage.REQUEST), of(Stage.CONNECTION), of(Stage.HANDSHAKE)
        refusing = bool(of(Stage.LISTENER))
        if refusing != self._refusing:
            self._refusing = refusing
            (self.close_listener if refusing else self.open_listener)()


class Faults:
    """All faults of a sandbox, by listener: `faults.add("apns", Fault(kind=FaultKind.GOAWAY, count=1))`.

    Args:
        listeners: names, with whether they speak HTTP/2 and TLS.
    """

    def __init__(self, listeners: Mapping[str, tuple[bool, bool]]) -> None:
        numbers = counting(1)
        self._listeners = {
            name: ListenerFaults(numbers, http2=http2, tls=tls) for name, (http2, tls) in listeners.items()
        }

    @property
    def listeners(self) -> tuple[str, ...]:
        """Names of all listeners that can have faults."""
        return tuple(self._listeners)

    def of(self, listener: str) -> ListenerFaults:
        """Return the faults of one listener; iterate over it for what is switched on.

        Raises:
            NoSuchListener: there is none.
        """
        if listener not in self._listeners:
            raise NoSuchListener(f"there is no listener {listener[:40]!r}; there are: {', '.join(self._listeners)}")
        return self._listeners[listener]

    def add(self, listener: str, *faults: Fault) -> list[ActiveFault]:
        """Switch faults on, in addition to those that are. All or none.

        Raises:
            NoSuchListener: there is none.
            FaultError: a fault makes no sense there.
        """
        found = self.of(listener)
        for fault in faults:
            found.check(fault)
        return [found.add(fault) for fault in faults]

    def replace(self, listener: str, *faults: Fault) -> list[ActiveFault]:
        """Switch off what is on, and these on instead. All or nothing.

        Raises:
            NoSuchListener: there is none.
            FaultError: a fault makes no sense there.
        """
        found = self.of(listener)
        for fault in faults:
            found.check(fault)
        found.clear()
        return [found.add(fault) for fault in faults]

    def clear(self, listener: str | None = None) -> None:
        """Switch all faults off, of one listener or of all.

        Raises:
            NoSuchListener: there is none.
        """
        for name in (listener,) if listener is not None else self.listeners:
            self.of(name).clear()

    def as_json(self, listener: str | None = None) -> dict[str, Any]:
        """Return what is switched on, by listener; one that is over stays listed until it is removed.

        Raises:
            NoSuchListener: there is none.
        """
        names = (listener,) if listener is not None else self.listeners
        return {name: [active.as_json() for active in self.of(name)] for name in names}
