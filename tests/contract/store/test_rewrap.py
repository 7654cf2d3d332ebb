"""Wrapping stored data keys anew, on every database."""

from __future__ import annotations

import asyncio

import pytest

from clarion.v1 import channel_pb2
from clarion.v1.channel_pb2 import ChannelSettings, CredentialKind, UpdateChannelRequest
from clarion_server.access.iam.keys import AccessKeyOwner, AccessKeys
from clarion_server.access.iam.revision import RevisionWatch
from clarion_server.app import sealed_tables
from clarion_server.channels import ChannelDirectory, ChannelManager
from clarion_server.errors import CredentialUnreadable
from clarion_server.iam_model import PrincipalKind, PrincipalRef
from clarion_server.model import Channel
from clarion_server.ports import StoredCredential
from clarion_server.store import Database, SqlAppStore, SqlChannelStore, SqlIamStore
from clarion_server.vault import Keyring, Vault, rewrap_all, uses
from tests.support.fake_provider import fake_providers

ADM, KIND = channel_pb2.CHANNEL_TYPE_ADM, channel_pb2.CREDENTIAL_KIND_ADM_CLIENT
OLD, NEW = b"o" * 32, b"n" * 32


class Server:
    """One server's ways to channels, with a keyring."""

    def __init__(self, database: Database, **keys: bytes) -> None:
        self.vault = Vault(Keyring(keys, next(iter(keys))))
        self.store = SqlChannelStore(database)
        self.directory = ChannelDirectory(self.store, self.vault)
        self.manager = ChannelManager(self.store, self.vault, fake_providers(), self.directory)

    async def give(self, app_id: str, secret: str) -> None:
        """Give an app's ADM channel a secret."""
        client = channel_pb2.AdmClient(client_id="client", client_secret=secret)
        settings = ChannelSettings(type=ADM, adm=channel_pb2.AdmSettings(client=client))
        await self.manager.update(UpdateChannelRequest(app_id=app_id, channel=settings), updated_by="tester")

    async def credential(self, app_id: str, kind: CredentialKind = KIND) -> StoredCredential:
        """Return the ADM channel's credential as it is stored."""
        return (await self.store.get_channel(app_id, ADM)).credentials[kind]

    async def has(self, app_id: str, secret: str) -> bool:
        """Return whether the app's ADM channel decrypts to this secret."""
        channel = (await self.directory.channels(app_id))[ADM]
        return isinstance(channel, Channel) and secret.encode() in channel.credentials[KIND].secret


async def make_apps(database: Database, server: Server, count: int) -> list[str]:
    """Make apps, each with an ADM channel whose secret is `secret-` and the app's id."""
    apps = SqlAppStore(database)
    ids = [(await apps.create_app("app", {})).id for _ in range(count)]
    for app_id in ids:
        await server.give(app_id, f"secret-{app_id}")
    return ids


async def test_every_data_key_is_wrapped_anew_and_nothing_else_changes(database: Database) -> None:
    """The old key is needed no more; secrets, versions and revisions are as before. A second run has nothing to do."""
    old = Server(database, old=OLD)
    ids = await make_apps(database, old, 250)
    before = {app_id: await old.store.list_channels(app_id) for app_id in ids}
    tables = sealed_tables(database)
    assert await uses(tables) == {"old": 250}
    done = await rewrap_all(tables, Vault(Keyring({"new": NEW, "old": OLD}, "new")), "new")
    assert (done.changed, done.problems) == (250, [])
    assert await uses(tables) == {"new": 250}
    new = Server(database, new=NEW)
    for app_id in ids:
        assert await new.has(app_id, f"secret-{app_id}")
        after = await new.store.list_channels(app_id)
        assert after.revision == before[app_id].revision
        stored, was = after.channels[ADM].credentials[KIND], before[app_id].channels[ADM].credentials[KIND]
        assert stored.sealed.ciphertext == was.sealed.ciphertext
        assert stored.sealed.wrapped_key != was.sealed.wrapped_key
    again = await rewrap_all(tables, Vault(Keyring({"new": NEW}, "new")), "new")
    assert (again.changed, again.problems) == (0, [])


async def test_access_keys_are_wrapped_anew(database: Database) -> None:
    """Their secrets open with the new key alone, are what was shown once, and cannot be swapped."""
    iam = SqlIamStore(database)
    watch = RevisionWatch(iam)
    await iam.create_principal(PrincipalRef(PrincipalKind.USER, "ann"), tags={})
    old = AccessKeys(iam, Vault(Keyring({"old": OLD}, "old")), watch, account="0" * 12)
    shown = {key.id: secret for key, secret in [await old.create("ann"), await old.create("ann")]}
    tables = sealed_tables(database)
    assert await uses(tables) == {"old": 2}
    done = await rewrap_all(tables, Vault(Keyring({"new": NEW, "old": OLD}, "new")), "new")
    assert (done.changed, done.problems) == (2, [])
    assert await uses(tables) == {"new": 2}
    vault = Vault(Keyring({"new": NEW}, "new"))
    new = AccessKeys(iam, vault, watch, account="0" * 12)
    for key_id, secret in shown.items():
        found = await new.find(key_id)
        assert found is not None
        assert found.secret == secret
    first, second = await iam.list_access_keys("ann")
    with pytest.raises(CredentialUnreadable):
        await vault.open(first.sealed, AccessKeyOwner(second.id))


async def test_changes_during_rewrapping_are_not_overwritten(database: Database) -> None:
    """Credentials that are given anew while data keys are wrapped are the ones that are there in the end."""
    both = Server(database, new=NEW, old=OLD)
    ids = await make_apps(database, Server(database, old=OLD), 120)
    changed = ids[::3]

    async def change() -> None:
        for app_id in changed:
            await both.give(app_id, f"newer-{app_id}")

    await asyncio.gather(rewrap_all(sealed_tables(database), both.vault, "new"), change())
    new = Server(database, new=NEW)
    for app_id in ids:
        assert await new.has(app_id, f"{'newer' if app_id in changed else 'secret'}-{app_id}")


async def test_a_secret_that_was_replaced_meanwhile_is_left_alone(database: Database) -> None:
    """`rewrap` changes a record only if it is as it was read."""
    server = Server(database, old=OLD)
    (app_id,) = await make_apps(database, server, 1)
    rows = sealed_tables(database)[0].rows
    ((place, before),) = await rows.wrapped_by_others("new", None, 10)
    await server.give(app_id, "something else")
    after = (await server.credential(app_id)).sealed
    assert await rows.rewrap([(place, before, before)]) == 0
    assert (await server.credential(app_id)).sealed == after


async def test_what_does_not_decrypt_is_told_and_left(database: Database) -> None:
    """A secret under a lost key and a swapped one are named with the key's id; all others are wrapped anew."""
    old, lost = Server(database, old=OLD), Server(database, lost=b"l" * 32)
    first, second, third = await make_apps(database, old, 3)
    await lost.give(first, "lost")
    rows = sealed_tables(database)[0].rows
    by_app = {place[0]: (place, sealed) for place, sealed in await rows.wrapped_by_others("new", None, 10)}
    # Somebody copies the record of the third app over that of the second.
    assert await rows.rewrap([(by_app[second][0], by_app[second][1], by_app[third][1])]) == 1
    done = await rewrap_all(sealed_tables(database), Vault(Keyring({"new": NEW, "old": OLD}, "new")), "new")
    assert done.changed == 1
    assert len(done.problems) == 2
    assert any(first in problem and "'lost'" in problem for problem in done.problems)
    assert any(second in problem and "altered" in problem for problem in done.problems)
    new = Server(database, new=NEW, old=OLD)
    assert await new.has(third, f"secret-{third}")
    for app_id in (first, second):
        assert isinstance((await new.directory.channels(app_id))[ADM], CredentialUnreadable)
