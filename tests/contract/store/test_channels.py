"""What every ChannelStore does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlmodel import select

from clarion.v1 import channel_pb2
from clarion.v1.channel_pb2 import ApnsConfig, ChannelType, CredentialKind, FcmConfig
from clarion_server.errors import AppNotFound, ChannelNotFound, VersionMismatch
from clarion_server.ports import AppStore, ChannelStore, RevisionConflict, SealedSecret, StoredChannel, StoredCredential
from clarion_server.store import Database, SqlChannelStore
from clarion_server.store.tables import AppRow, AppTagRow, ChannelCredentialRow, ChannelRow

NOBODY = "0" * 32
APNS, FCM, ADM = channel_pb2.CHANNEL_TYPE_APNS, channel_pb2.CHANNEL_TYPE_FCM, channel_pb2.CHANNEL_TYPE_ADM
SIGNING_KEY = channel_pb2.CREDENTIAL_KIND_APNS_SIGNING_KEY
CERTIFICATE = channel_pb2.CREDENTIAL_KIND_APNS_CERTIFICATE
NOW = datetime(2026, 5, 4, 3, 2, 1, 987654, tzinfo=UTC)


def credential(kind: CredentialKind, text: str = "x") -> StoredCredential:
    """Return a credential whose sealed bytes hold the text."""
    return StoredCredential(
        kind=kind,
        public_id=f"id of {text}",
        fingerprint="ab" * 32,
        sealed=SealedSecret(1, "key", b"\0wrapped " + text.encode(), b"\xffsealed " + text.encode()),
        expire_time=NOW + timedelta(days=365) if kind == CERTIFICATE else None,
        team_id="TEAM" if kind == SIGNING_KEY else "",
        update_time=NOW,
    )


def channel(app_id: str, channel_type: ChannelType = APNS, *credentials: StoredCredential) -> StoredChannel:
    """Return a channel with these credentials."""
    configs: dict[ChannelType, ApnsConfig | FcmConfig] = {
        APNS: ApnsConfig(bundle_id="com.example.app"),
        FCM: FcmConfig(project_id="project"),
    }
    return StoredChannel(
        app_id=app_id,
        type=channel_type,
        enabled=True,
        config=configs.get(channel_type),
        credentials={each.kind: each for each in credentials},
        version=1,
        create_time=NOW,
        update_time=NOW,
        updated_by="anonymous",
    )


async def save(channels: ChannelStore, stored: StoredChannel) -> None:
    """Save on the base of the newest state."""
    known = await channels.list_channels(stored.app_id)
    await channels.save_channel(stored, expected_revision=known.revision)


async def test_a_channel_is_what_was_saved(channels: ChannelStore, app_id: str) -> None:
    """Every field comes back equal: settings, times, sealed bytes of all credentials."""
    stored = channel(app_id, APNS, credential(SIGNING_KEY), credential(CERTIFICATE))
    await save(channels, stored)
    assert await channels.get_channel(app_id, APNS) == stored


async def test_channels_without_config_or_with_an_empty_one_differ(channels: ChannelStore, app_id: str) -> None:
    """A provider without settings stays without; settings that are all default stay settings."""
    for stored in (channel(app_id, ADM), replace(channel(app_id, FCM), config=FcmConfig())):
        await save(channels, stored)
        assert await channels.get_channel(app_id, stored.type) == stored


async def test_expiring_credentials(channels: ChannelStore, app_id: str) -> None:
    """Credentials that end are listed over all channels, the soonest first, up to the limit; the others are not."""
    sandbox = channel_pb2.CHANNEL_TYPE_APNS_SANDBOX
    late = replace(credential(CERTIFICATE), expire_time=NOW + timedelta(days=500))
    await save(channels, channel(app_id, APNS, credential(SIGNING_KEY), late))
    await save(channels, channel(app_id, sandbox, credential(CERTIFICATE)))
    found = await channels.list_expiring(10)
    assert [(each.app_id, each.type, each.kind, each.expire_time) for each in found] == [
        (app_id, sandbox, CERTIFICATE, NOW + timedelta(days=365)),
        (app_id, APNS, CERTIFICATE, NOW + timedelta(days=500)),
    ]
    assert await channels.list_expiring(1) == found[:1]


async def test_saving_replaces_the_whole_channel(channels: ChannelStore, app_id: str) -> None:
    """What the new state does not have is gone, credentials too; other channels stay."""
    other = channel(app_id, FCM)
    await save(channels, other)
    await save(channels, channel(app_id, APNS, credential(SIGNING_KEY, "old"), credential(CERTIFICATE)))
    new = replace(
        channel(app_id, APNS, credential(SIGNING_KEY, "new")),
        enabled=False,
        config=ApnsConfig(bundle_id="org.example"),
        version=2,
        updated_by="somebody",
    )
    await save(channels, new)
    assert (await channels.list_channels(app_id)).channels == {APNS: new, FCM: other}


async def test_channels_are_listed_by_type(channels: ChannelStore, app_id: str) -> None:
    """The order is that of ChannelType, not that of creation."""
    assert (await channels.list_channels(app_id)).channels == {}
    for channel_type in (ADM, APNS, FCM):
        await save(channels, channel(app_id, channel_type))
    assert list((await channels.list_channels(app_id)).channels) == [APNS, FCM, ADM]


async def test_deleting_a_channel(channels: ChannelStore, app_id: str) -> None:
    """The channel comes back as it was; it is gone with its credentials, and can be made anew."""
    stored = channel(app_id, APNS, credential(SIGNING_KEY))
    await save(channels, stored)
    assert await channels.delete_channel(app_id, APNS) == stored
    for call in (channels.get_channel, channels.delete_channel):
        with pytest.raises(ChannelNotFound):
            await call(app_id, APNS)
    bare = channel(app_id, APNS)
    await save(channels, bare)
    assert await channels.get_channel(app_id, APNS) == bare


async def test_deleting_at_an_expected_version(channels: ChannelStore, app_id: str) -> None:
    """A channel at another version than expected stays, with its credentials."""
    stored = channel(app_id, APNS, credential(SIGNING_KEY))
    await save(channels, stored)
    before = await channels.list_channels(app_id)
    with pytest.raises(VersionMismatch) as caught:
        await channels.delete_channel(app_id, APNS, expected_version=stored.version + 1)
    assert caught.value.actual == stored.version
    assert await channels.list_channels(app_id) == before
    await channels.delete_channel(app_id, APNS, expected_version=stored.version)
    assert (await channels.list_channels(app_id)).channels == {}


@pytest.mark.parametrize(
    "call",
    [
        lambda channels: channels.list_channels(NOBODY),
        lambda channels: channels.get_channel(NOBODY, APNS),
        lambda channels: channels.channels_revision(NOBODY),
        lambda channels: channels.save_channel(channel(NOBODY), expected_revision=0),
        lambda channels: channels.delete_channel(NOBODY, APNS),
    ],
)
async def test_an_unknown_app_is_not_found(
    channels: ChannelStore, call: Callable[[ChannelStore], Awaitable[Any]]
) -> None:
    """Every method says when there is no such app, rather than that there is no such channel."""
    with pytest.raises(AppNotFound):
        await call(channels)


async def test_every_change_is_a_new_revision(channels: ChannelStore, app_id: str) -> None:
    """Saving, deleting and making anew each change the revision; it never returns to an earlier value."""
    seen = [await channels.channels_revision(app_id)]
    for step in ("save", "save", "delete", "save"):
        if step == "save":
            await save(channels, channel(app_id))
        else:
            await channels.delete_channel(app_id, APNS)
        seen.append(await channels.channels_revision(app_id))
        assert (await channels.list_channels(app_id)).revision == seen[-1]
    assert seen == sorted(set(seen))


async def test_a_stale_revision_changes_nothing(channels: ChannelStore, app_id: str) -> None:
    """Saving on the base of an outdated state is refused whole."""
    stale = (await channels.list_channels(app_id)).revision
    stored = channel(app_id, APNS, credential(SIGNING_KEY))
    await save(channels, stored)
    before = await channels.list_channels(app_id)
    with pytest.raises(RevisionConflict):
        await channels.save_channel(channel(app_id, APNS), expected_revision=stale)
    assert await channels.list_channels(app_id) == before


async def test_of_simultaneous_saves_one_wins(channels: ChannelStore, app_id: str) -> None:
    """Of many saves on the base of one state exactly one happens."""
    revision = await channels.channels_revision(app_id)
    saves = [
        channels.save_channel(replace(channel(app_id), updated_by=str(number)), expected_revision=revision)
        for number in range(10)
    ]
    answers = await asyncio.gather(*saves, return_exceptions=True)
    assert sum(isinstance(answer, RevisionConflict) for answer in answers) == 9
    winner = answers.index(None)
    assert (await channels.get_channel(app_id, APNS)).updated_by == str(winner)


async def test_deleting_an_app_removes_all_it_holds(database: Database, apps: AppStore) -> None:
    """No row of a deleted app is left in any table of a database, while another app keeps all of its."""
    channels = SqlChannelStore(database)
    app_id, other = [(await apps.create_app(name, {"a": "b"})).id for name in ("app", "other")]
    for each in (app_id, other):
        await save(channels, channel(each, APNS, credential(SIGNING_KEY)))
    await apps.delete_app(app_id)
    async with database.read() as session:
        owners = [set((await session.exec(select(AppRow.id))).all())]
        owners += [
            set((await session.exec(select(column))).all())
            for column in (AppTagRow.app_id, ChannelRow.app_id, ChannelCredentialRow.app_id)
        ]
    assert owners == [{other}] * 4
