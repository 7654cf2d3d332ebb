"""The channels that the send path sees."""

from __future__ import annotations

import asyncio

import pytest

from clarion.v1 import channel_pb2
from clarion.v1.channel_pb2 import ChannelSettings
from clarion_server.channels import ChannelDirectory
from clarion_server.errors import AppNotFound, CredentialUnreadable, StoreUnavailable
from clarion_server.model import Channel
from clarion_server.vault import Keyring, Vault
from tests.support.memory_stores import MemoryChannelStore
from tests.unit.channels.conftest import APP, Setup, make_setup

APNS, FCM = channel_pb2.CHANNEL_TYPE_APNS, channel_pb2.CHANNEL_TYPE_FCM
CERTIFICATE = channel_pb2.CREDENTIAL_KIND_APNS_CERTIFICATE


def with_certificate(text: str) -> ChannelSettings:
    """Return settings of an APNs channel with this certificate."""
    settings = ChannelSettings(type=APNS)
    settings.apns.certificate.pem.certificate = text
    return settings


async def test_channels_come_decrypted(setup: Setup) -> None:
    """The directory gives what was stored, with the secret as the provider made it."""
    stored = await setup.update(with_certificate("my certificate"))
    channel = (await setup.directory.channels(APP))[APNS]
    assert isinstance(channel, Channel)
    assert (channel.config, channel.version, channel.enabled) == (stored.config, 1, True)
    credential = channel.credentials[CERTIFICATE]
    assert b"my certificate" in credential.secret
    assert credential.fingerprint == stored.credentials[CERTIFICATE].fingerprint
    assert b"my certificate".decode() not in repr(channel)


async def test_the_store_is_seldom_asked_again(setup: Setup) -> None:
    """For most of max_age the store is left alone; after it, one cheap look-up suffices if nothing changed."""
    await setup.update(ChannelSettings(type=FCM))
    setup.store.calls.update(list=0, revision=0)
    first = await setup.directory.channels(APP)
    for setup.now in (0.2, 0.5, 0.74):
        assert await setup.directory.channels(APP) is first
    assert setup.store.calls == {"list": 1, "revision": 0}
    setup.now = 1.5
    assert await setup.directory.channels(APP) is first
    assert setup.store.calls == {"list": 1, "revision": 1}
    setup.now = 2.2
    assert await setup.directory.channels(APP) is first
    assert setup.store.calls["revision"] == 1


async def test_an_app_that_sends_all_the_time_never_waits_for_the_store(setup: Setup) -> None:
    """Shortly before max_age the store is asked while what is known goes on being used; its answer then counts."""
    before = await setup.directory.channels(APP)
    await make_setup(store=setup.store).update(ChannelSettings(type=FCM))
    setup.store.hold = asyncio.Event()
    setup.now = 0.8
    for _ in range(3):
        async with asyncio.timeout(0):  # nothing is waited for
            assert await setup.directory.channels(APP) is before
    await asyncio.sleep(0)
    setup.store.hold.set()
    for _ in range(20):
        await asyncio.sleep(0)
    setup.store.hold = asyncio.Event()
    setup.now = 1.5
    async with asyncio.timeout(0):
        assert set(await setup.directory.channels(APP)) == {FCM}


async def test_own_changes_are_seen_at_once(setup: Setup) -> None:
    """Every change through this process counts for the next call, without waiting for max_age."""
    assert await setup.directory.channels(APP) == {}
    await setup.update(ChannelSettings(type=FCM))
    assert set(await setup.directory.channels(APP)) == {FCM}
    await setup.manager.delete(APP, FCM)
    assert await setup.directory.channels(APP) == {}


async def test_changes_of_other_processes_are_seen_after_max_age(setup: Setup) -> None:
    """A change by another process on the same store is seen once the entry is older than max_age."""
    await setup.directory.channels(APP)
    other = make_setup(store=setup.store)
    await other.update(ChannelSettings(type=FCM))
    setup.now = 1.0
    assert set(await setup.directory.channels(APP)) == {FCM}
    await other.manager.delete(APP, FCM)
    await other.update(ChannelSettings(type=FCM, enabled=False))
    setup.now = 2.0
    channel = (await setup.directory.channels(APP))[FCM]
    assert isinstance(channel, Channel)
    assert not channel.enabled


async def test_a_change_during_a_read_is_not_lost(setup: Setup) -> None:
    """What was read before a change, but arrives after it, is not kept."""
    setup.store.hold = asyncio.Event()
    early = asyncio.create_task(setup.directory.channels(APP))
    for _ in range(5):
        await asyncio.sleep(0)
    hold, setup.store.hold = setup.store.hold, None
    await setup.update(ChannelSettings(type=FCM))
    hold.set()
    assert await early == {}
    assert set(await setup.directory.channels(APP)) == {FCM}


async def test_many_calls_share_one_read(setup: Setup) -> None:
    """A thousand simultaneous calls for one app read the store once; one that leaves does not disturb the others."""
    setup.store.hold = asyncio.Event()
    calls = [asyncio.create_task(setup.directory.channels(APP)) for _ in range(1000)]
    await asyncio.sleep(0)
    calls[0].cancel()
    setup.store.hold.set()
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert isinstance(answers[0], asyncio.CancelledError)
    assert answers[1:] == [{}] * 999
    assert setup.store.calls["list"] == 1


async def test_one_unreadable_credential_leaves_the_other_channels(setup: Setup) -> None:
    """A channel whose key is lost has the error in its place; the app's other channels work."""
    await setup.update(with_certificate("lost"))
    later = make_setup("new key", setup.store)
    await later.update(ChannelSettings(type=FCM))
    channels = await later.directory.channels(APP)
    assert isinstance(channels[FCM], Channel)
    error = channels[APNS]
    assert isinstance(error, CredentialUnreadable)
    assert "'key'" in error.message
    assert error.__cause__ is None
    assert error.__context__ is None


async def test_an_app_that_is_gone_is_not_found(setup: Setup) -> None:
    """Unknown apps are not found, known ones no longer once they are deleted and forgotten or max_age is over."""
    with pytest.raises(AppNotFound):
        await setup.directory.channels("b" * 32)
    await setup.directory.channels(APP)
    setup.store.drop_app(APP)
    setup.now = 1.0
    with pytest.raises(AppNotFound):
        await setup.directory.channels(APP)


async def test_a_broken_store_is_told_and_not_remembered(setup: Setup) -> None:
    """Errors of the store reach the caller; when it answers again, so does the directory."""
    setup.store.broken = True
    with pytest.raises(StoreUnavailable):
        await setup.directory.channels(APP)
    setup.store.broken = False
    assert await setup.directory.channels(APP) == {}


async def test_a_broken_store_does_not_stop_what_is_known(setup: Setup) -> None:
    """While the store is away its last answer counts, and it is asked once per max_age; an app's end still counts."""
    await setup.update(ChannelSettings(type=FCM))
    before = await setup.directory.channels(APP)
    setup.store.broken = True
    for setup.now in (1.0, 1.5, 2.0):
        assert await setup.directory.channels(APP) is before
    setup.store.broken = False
    await make_setup(store=setup.store).manager.delete(APP, FCM)
    setup.now = 3.0
    assert await setup.directory.channels(APP) == {}
    setup.store.broken = True
    setup.directory.forget(APP)
    with pytest.raises(StoreUnavailable):
        await setup.directory.channels(APP)


async def test_a_store_that_hangs_does_not_stop_what_is_known(setup: Setup) -> None:
    """While the store neither answers nor fails, what is known is used; the first caller alone waits for it."""
    await setup.update(ChannelSettings(type=FCM))
    before = await setup.directory.channels(APP)
    await make_setup(store=setup.store).update(ChannelSettings(type=APNS))
    setup.store.hold = asyncio.Event()
    setup.now = 2.0
    waiting = asyncio.create_task(setup.directory.channels(APP))
    for _ in range(5):
        await asyncio.sleep(0)
    assert not waiting.done()
    setup.now = 3.5
    assert await setup.directory.channels(APP) is before
    assert await waiting is before
    setup.store.hold.set()
    for _ in range(20):
        await asyncio.sleep(0)
    assert set(await setup.directory.channels(APP)) == {APNS, FCM}


async def test_a_keyring_that_is_put_back_is_noticed(setup: Setup) -> None:
    """A channel that did not decrypt is tried again after max_age, although the store has not changed."""
    await setup.update(ChannelSettings(type=FCM))
    await setup.update(with_certificate("lost"))
    vault = Vault(Keyring({"new key": b"n" * 32}, "new key"))
    directory = ChannelDirectory(setup.store, vault, clock=lambda: setup.now)
    assert isinstance((await directory.channels(APP))[APNS], CredentialUnreadable)
    vault._keys = Keyring({"key": b"k" * 32}, "key")
    setup.now = 1.0
    assert isinstance((await directory.channels(APP))[APNS], Channel)


async def test_memory_is_bounded() -> None:
    """Only max_apps apps are kept; the least recently used gives way."""
    ids = [f"{number:032x}" for number in range(4)]
    setup = make_setup(store=MemoryChannelStore(*ids), max_apps=3)
    for app_id in (*ids[:3], ids[0], ids[3]):
        await setup.directory.channels(app_id)
    setup.store.calls["list"] = 0
    await setup.directory.channels(ids[0])
    assert setup.store.calls["list"] == 0
    await setup.directory.channels(ids[1])
    assert setup.store.calls["list"] == 1
