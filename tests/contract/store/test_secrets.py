"""Channels on a real database: nothing of a secret in its files, and no change lost between processes."""

from __future__ import annotations

import asyncio
import secrets
from pathlib import Path

import pytest

from clarion.v1 import channel_pb2
from clarion.v1.channel_pb2 import ChannelSettings, UpdateChannelRequest
from clarion_server.channels import ChannelDirectory, ChannelManager
from clarion_server.errors import CredentialUnreadable
from clarion_server.model import Channel
from clarion_server.store import Database, SqlAppStore, SqlChannelStore
from clarion_server.vault import Keyring, Vault
from tests.support.fake_provider import fake_providers
from tests.support.leaks import database_files, find_leaks

ADM, APNS = channel_pb2.CHANNEL_TYPE_ADM, channel_pb2.CHANNEL_TYPE_APNS


def adm(secret: str) -> ChannelSettings:
    """Return settings of an ADM channel with this secret."""
    client = channel_pb2.AdmClient(client_id="client", client_secret=secret)
    return ChannelSettings(type=ADM, adm=channel_pb2.AdmSettings(client=client))


def manage(database: Database, key_id: str = "key") -> tuple[ChannelManager, ChannelDirectory]:
    """Return manager and directory of one server; its keyring has one key with this id."""
    store, vault = SqlChannelStore(database), Vault(Keyring({key_id: b"k" * 32}, key_id))
    directory = ChannelDirectory(store, vault)
    return ChannelManager(store, vault, fake_providers(), directory), directory


async def test_the_database_files_hold_no_secret(tmp_path: Path) -> None:
    """Neither file nor WAL holds a stored, replaced or removed secret in any form; a planted one is found."""
    path = tmp_path / "clarion.db"
    database = Database(f"sqlite:///{path}")
    await database.migrate()
    apps = SqlAppStore(database)
    manager, _ = manage(database)
    canary = secrets.token_hex(16)
    app_id = (await apps.create_app(canary, {})).id
    hidden = [secrets.token_urlsafe(30) for _ in range(3)]
    for secret in hidden:
        await manager.update(UpdateChannelRequest(app_id=app_id, channel=adm(secret)), updated_by="tester")
    searched = database_files(path)
    assert [each.name for each in searched] == ["clarion.db", "clarion.db-wal", "clarion.db-shm"]
    assert find_leaks(searched, hidden) == []
    assert find_leaks(searched, [canary])
    await manager.delete(app_id, ADM)
    await database.close()
    assert find_leaks(database_files(path), hidden) == []
    assert find_leaks(database_files(path), [canary])


async def test_a_restart_keeps_channels_and_a_lost_keyring_is_told(database_url: str) -> None:
    """A new process with the same keyring reads the credential; one with another keyring says what is missing."""
    first = Database(database_url)
    await first.migrate()
    app_id = (await SqlAppStore(first).create_app("app", {})).id
    await manage(first)[0].update(UpdateChannelRequest(app_id=app_id, channel=adm("my secret")), updated_by="tester")
    await first.close()
    second = Database(database_url)
    await second.migrate()
    channel = (await manage(second)[1].channels(app_id))[ADM]
    assert isinstance(channel, Channel)
    assert b"my secret" in channel.credentials[channel_pb2.CREDENTIAL_KIND_ADM_CLIENT].secret
    error = (await manage(second, "other")[1].channels(app_id))[ADM]
    assert isinstance(error, CredentialUnreadable)
    assert "'key'" in error.message
    await second.close()


@pytest.mark.parametrize("rounds", [10])
async def test_updates_of_two_servers_lose_nothing(database_url: str, rounds: int) -> None:
    """Two servers on one database that change different fields of one channel at once keep both changes, each time."""
    databases = [Database(database_url), Database(database_url)]
    await databases[0].migrate()
    app_id = (await SqlAppStore(databases[0]).create_app("app", {})).id
    (left, _), (right, _) = manage(databases[0]), manage(databases[1])
    for number in range(rounds):
        named = ChannelSettings(type=APNS, apns=channel_pb2.ApnsSettings(bundle_id=f"app.n{number}"))
        switched = ChannelSettings(type=APNS, enabled=number % 2 == 0)
        await asyncio.gather(
            left.update(UpdateChannelRequest(app_id=app_id, channel=named), updated_by="left"),
            right.update(UpdateChannelRequest(app_id=app_id, channel=switched), updated_by="right"),
        )
        channel = await left.get(app_id, APNS)
        assert channel.config == channel_pb2.ApnsConfig(bundle_id=f"app.n{number}")
        assert channel.enabled == (number % 2 == 0)
        assert channel.version == 2 * (number + 1)
    for database in databases:
        await database.close()
