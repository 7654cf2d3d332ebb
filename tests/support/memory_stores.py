"""A ChannelStore in memory, for tests that need speed or control over its timing."""

from __future__ import annotations

import asyncio

from clarion.v1.channel_pb2 import ChannelType
from clarion_server.errors import AppNotFound, ChannelNotFound, StoreUnavailable, VersionMismatch
from clarion_server.ports import AppChannels, ExpiringCredential, RevisionConflict, StoredChannel


class MemoryChannelStore:
    """Keeps channels in memory. `calls` counts what was asked; `hold`, when set, makes reads wait for it at their end.

    Args:
        app_ids: the apps that there are.
    """

    def __init__(self, *app_ids: str) -> None:
        self._apps: dict[str, AppChannels] = {app_id: AppChannels(0, {}) for app_id in app_ids}
        self.calls: dict[str, int] = {"list": 0, "revision": 0}
        self.hold: asyncio.Event | None = None
        self.broken = False

    def drop_app(self, app_id: str) -> None:
        """Remove an app."""
        del self._apps[app_id]

    def _app(self, app_id: str) -> AppChannels:
        if self.broken:
            raise StoreUnavailable
        if app_id not in self._apps:
            raise AppNotFound
        return self._apps[app_id]

    async def list_channels(self, app_id: str) -> AppChannels:
        """See `ChannelStore`."""
        self.calls["list"] += 1
        known = self._app(app_id)
        await self._wait()
        return known

    async def get_channel(self, app_id: str, channel_type: ChannelType) -> StoredChannel:
        """See `ChannelStore`."""
        channel = self._app(app_id).channels.get(channel_type)
        if channel is None:
            raise ChannelNotFound
        return channel

    async def channels_revision(self, app_id: str) -> int:
        """See `ChannelStore`."""
        self.calls["revision"] += 1
        revision = self._app(app_id).revision
        await self._wait()
        return revision

    async def list_expiring(self, limit: int) -> list[ExpiringCredential]:
        """See `ChannelStore`."""
        found = [
            ExpiringCredential(app_id, channel.type, each.kind, each.expire_time)
            for app_id, known in self._apps.items()
            for channel in known.channels.values()
            for each in channel.credentials.values()
            if each.expire_time is not None
        ]
        return sorted(found, key=lambda each: (each.expire_time, each.app_id, each.type, each.kind))[:limit]

    async def save_channel(self, channel: StoredChannel, *, expected_revision: int) -> None:
        """See `ChannelStore`."""
        await asyncio.sleep(0)
        known = self._app(channel.app_id)
        if known.revision != expected_revision:
            raise RevisionConflict
        channels = {**known.channels, channel.type: channel}
        self._apps[channel.app_id] = AppChannels(known.revision + 1, dict(sorted(channels.items())))

    async def delete_channel(
        self, app_id: str, channel_type: ChannelType, *, expected_version: int | None = None
    ) -> StoredChannel:
        """See `ChannelStore`."""
        channel = await self.get_channel(app_id, channel_type)
        if expected_version not in {None, channel.version}:
            raise VersionMismatch(channel.version)
        known = self._app(app_id)
        channels = {each: value for each, value in known.channels.items() if each != channel_type}
        self._apps[app_id] = AppChannels(known.revision + 1, channels)
        return channel

    async def _wait(self) -> None:
        await asyncio.sleep(0)
        if self.hold is not None:
            await self.hold.wait()
