"""The entry to the engine: pools by origin."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from clarion_server.transport.core import Core, CoreName
from clarion_server.transport.ngh2_core import Ngh2Core
from clarion_server.transport.origin import Origin
from clarion_server.transport.pool import Pool
from clarion_server.transport.settings import PoolPolicy, TransportSettings
from clarion_server.transport.stats import PoolStats


class Transport:
    """Owns the pools. Belongs to one event loop; :meth:`aclose` ends it."""

    def __init__(self, settings: TransportSettings | None = None, core: CoreName = "ngh2") -> None:
        """Make a transport without connections.

        Args:
            settings: Limits and times; the defaults when absent.
            core: The HTTP/2 library: ``ngh2`` (fast) or ``h2`` (pure Python, some 35 times the CPU).
        """
        self._settings = settings or TransportSettings()
        self._make_core = _maker(core)
        self._pools: dict[Origin, Pool] = {}
        self._closed = False

    def pool(self, origin: Origin, policy: PoolPolicy | None = None) -> Pool:
        """Return the pool of an origin, made at the first call; ``policy`` counts only then.

        After :meth:`aclose` the pool exists but fails everything with ``POOL_CLOSED``.
        """
        pool = self._pools.get(origin)
        if pool is None:
            pool = Pool(origin, self._settings, policy or PoolPolicy(), self._make_core)
            if self._closed:
                pool.close_to_new()
            self._pools[origin] = pool
        return pool

    def stats(self) -> dict[Origin, PoolStats]:
        """Return every pool's counts."""
        return {origin: pool.stats() for origin, pool in self._pools.items()}

    def retire(self, origin: Origin, reason: str) -> None:
        """Let the connections of an origin finish what they began; new requests go to new connections.

        For instance when the peer objects to the provider token that a connection has seen. ``reason`` is logged.
        """
        pool = self._pools.get(origin)
        if pool is not None:
            pool.retire(reason)

    async def aclose(self, grace: float) -> None:
        """Fail what waits, give what is in flight up to ``grace`` seconds, send GOAWAY, close.

        Requests that are submitted from now on fail with ``POOL_CLOSED``.
        """
        self._closed = True
        pools = list(self._pools.values())
        for pool in pools:
            pool.close_to_new()
        await asyncio.gather(*(pool.aclose(grace) for pool in pools))


def _maker(core: CoreName) -> Callable[[int], Core]:
    """Return what makes cores."""
    if core == "ngh2":
        return Ngh2Core
    # Only few servers use it.
    from clarion_server.transport.h2_core import H2Core  # noqa: PLC0415  # see above

    return H2Core
