"""A channel manager on a store in memory, with fake providers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from clarion.v1.channel_pb2 import ChannelSettings, UpdateChannelRequest
from clarion_server.channels import ChannelDirectory, ChannelManager
from clarion_server.ports import StoredChannel
from clarion_server.vault import Keyring, Vault
from tests.support.fake_provider import fake_providers
from tests.support.memory_stores import MemoryChannelStore

APP = "a" * 32


@dataclass
class Setup:
    """What the tests work on; `now` is the directory's clock in seconds."""

    store: MemoryChannelStore
    vault: Vault
    directory: ChannelDirectory
    manager: ChannelManager
    now: float = 0.0

    async def update(self, settings: ChannelSettings, *mask: str, **more: Any) -> StoredChannel:
        """Call UpdateChannel for APP."""
        request = UpdateChannelRequest(app_id=APP, channel=settings, **more)
        request.update_mask.paths.extend(mask)
        return await self.manager.update(request, updated_by="tester")


def make_setup(key_id: str = "key", store: MemoryChannelStore | None = None, max_apps: int = 100) -> Setup:
    """Return a setup with one app; with the store of another one and another key id, its credentials do not open."""
    store = store or MemoryChannelStore(APP)
    vault = Vault(Keyring({key_id: b"k" * 32}, key_id))
    directory = ChannelDirectory(store, vault, max_apps=max_apps, clock=lambda: setup.now)
    setup = Setup(store, vault, directory, ChannelManager(store, vault, fake_providers(), directory))
    return setup


@pytest.fixture(name="setup")
def setup_fixture() -> Setup:
    """Provide a setup with one app."""
    return make_setup()
