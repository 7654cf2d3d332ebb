"""Health of the providers, for whoever asks `grpc.health.v1` about `clarion.provider.CHANNEL_TYPE`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from grpc_health.v1 import health, health_pb2

from clarion.v1.channel_pb2 import ChannelType
from clarion_server.sending.breaker import Breakers

PREFIX = "clarion.provider."


class ProviderHealth:
    """Tells for each channel type whether its provider is well, as far as this server has seen.

    The server's own health, under the empty name, does not depend on it: without FCM it still sends to APNs.

    Args:
        breakers: of all channels.
        channel_types: those that this server sends on.
        interval: seconds between two looks.
    """

    def __init__(self, breakers: Breakers, channel_types: Iterable[ChannelType], interval: float = 1.0) -> None:
        self._breakers = breakers
        self._names = {kind: PREFIX + ChannelType.Name(kind).removeprefix("CHANNEL_TYPE_") for kind in channel_types}
        self._interval = interval

    async def report(self, servicer: health.aio.HealthServicer) -> None:
        """Say how they are now."""
        ill = self._breakers.ill()
        for kind, name in self._names.items():
            status = health_pb2.HealthCheckResponse
            await servicer.set(name, status.NOT_SERVING if kind in ill else status.SERVING)

    async def keep_reporting(self, servicer: health.aio.HealthServicer) -> None:
        """Say so again and again, until it is cancelled."""
        while True:
            await self.report(servicer)
            await asyncio.sleep(self._interval)
