"""Channels and their sealed credentials in the database.

Each change to a channel locks its app's row and counts `channels_revision` up. So changes to one app's channels happen
one after the other, and one look at that number tells whether anything changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import cast

from google.protobuf import json_format
from sqlmodel import and_, col, delete, select
from sqlmodel.ext.asyncio.session import AsyncSession

from clarion.v1.channel_pb2 import Channel as ChannelProto
from clarion.v1.channel_pb2 import ChannelType, CredentialKind
from clarion_server.errors import AppNotFound, ChannelNotFound, VersionMismatch
from clarion_server.ports import (
    AppChannels,
    ExpiringCredential,
    RevisionConflict,
    SealedSecret,
    StoredChannel,
    StoredCredential,
)
from clarion_server.store.apps import find_app
from clarion_server.store.database import Database, finishing
from clarion_server.store.tables import AppRow, ChannelCredentialRow, ChannelRow


class SqlChannelStore:
    """A `ChannelStore` on a database.

    Args:
        database: migrated.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    @finishing
    async def list_channels(self, app_id: str) -> AppChannels:
        """See `ChannelStore.list_channels`."""
        async with self._database.read_one() as session:
            return await _load(session, app_id)

    @finishing
    async def get_channel(self, app_id: str, channel_type: ChannelType) -> StoredChannel:
        """See `ChannelStore.get_channel`."""
        async with self._database.read() as session:
            return await _load_one(session, app_id, channel_type)

    @finishing
    async def channels_revision(self, app_id: str) -> int:
        """See `ChannelStore.channels_revision`."""
        async with self._database.read_one() as session:
            query = select(AppRow.channels_revision).where(col(AppRow.id) == app_id)
            revision = (await session.exec(query)).first()
            if revision is None:
                raise AppNotFound
            return revision

    @finishing
    async def list_expiring(self, limit: int) -> list[ExpiringCredential]:
        """See `ChannelStore.list_expiring`."""
        row = ChannelCredentialRow
        query = (
            select(row.app_id, row.channel_type, row.kind, row.expire_time)
            .where(col(row.expire_time).is_not(None))
            .order_by(col(row.expire_time), col(row.app_id), col(row.channel_type), col(row.kind))
            .limit(limit)
        )
        async with self._database.read() as session:
            return [
                ExpiringCredential(app_id, cast("ChannelType", type_), cast("CredentialKind", kind), expire_time)
                for app_id, type_, kind, expire_time in (await session.exec(query)).all()
                if expire_time is not None
            ]

    @finishing
    async def save_channel(self, channel: StoredChannel, *, expected_revision: int) -> None:
        """See `ChannelStore.save_channel`."""
        async with self._database.write() as session:
            app = await find_app(session, channel.app_id, lock=True)
            if app.channels_revision != expected_revision:
                raise RevisionConflict
            app.channels_revision += 1
            await session.merge(_channel_row(channel))
            await session.flush()  # the credentials refer to the channel
            await session.exec(
                delete(ChannelCredentialRow).where(
                    col(ChannelCredentialRow.app_id) == channel.app_id,
                    col(ChannelCredentialRow.channel_type) == int(channel.type),
                )
            )
            session.add_all(_credential_row(channel, credential) for credential in channel.credentials.values())

    @finishing
    async def delete_channel(
        self, app_id: str, channel_type: ChannelType, *, expected_version: int | None = None
    ) -> StoredChannel:
        """See `ChannelStore.delete_channel`."""
        async with self._database.write() as session:
            app = await find_app(session, app_id, lock=True)
            channel = await _load_one(session, app_id, channel_type)
            if expected_version not in {None, channel.version}:
                raise VersionMismatch(channel.version)
            app.channels_revision += 1
            await session.exec(
                delete(ChannelRow).where(
                    col(ChannelRow.app_id) == app_id,
                    col(ChannelRow.type) == int(channel_type),
                )
            )
            return channel


async def _load(session: AsyncSession, app_id: str) -> AppChannels:
    """Return the channels of an app, read in one statement: each costs several turns of the driver's thread.

    Raises:
        AppNotFound: there is no such app.
    """
    channel, credential = ChannelRow, ChannelCredentialRow
    of_app = col(channel.app_id) == col(AppRow.id)
    of_channel = and_(col(credential.app_id) == col(channel.app_id), col(credential.channel_type) == col(channel.type))
    query = (
        select(AppRow.channels_revision, channel, credential)
        .select_from(AppRow)
        .outerjoin(channel, of_app)
        .outerjoin(credential, of_channel)
        .where(col(AppRow.id) == app_id)
        .order_by(col(channel.type), col(credential.kind))
    )
    # An app without channels is one row without a channel, a channel without credentials one without a credential.
    rows: Sequence[tuple[int, ChannelRow | None, ChannelCredentialRow | None]] = (await session.exec(query)).all()
    if not rows:
        raise AppNotFound
    channels: dict[ChannelType, StoredChannel] = {}
    for kind, of_kind in groupby(rows, key=lambda row: row[1]):
        if kind is not None:
            loaded = _channel(kind, [given for _, _, given in of_kind if given is not None])
            channels[loaded.type] = loaded
    return AppChannels(rows[0][0], channels)


async def _load_one(session: AsyncSession, app_id: str, channel_type: ChannelType) -> StoredChannel:
    channel = (await _load(session, app_id)).channels.get(channel_type)
    if channel is None:
        raise ChannelNotFound
    return channel


def _channel_row(channel: StoredChannel) -> ChannelRow:
    return ChannelRow(
        app_id=channel.app_id,
        type=int(channel.type),
        enabled=channel.enabled,
        config=_config_text(channel),
        version=channel.version,
        create_time=channel.create_time,
        update_time=channel.update_time,
        updated_by=channel.updated_by,
    )


def _credential_row(channel: StoredChannel, credential: StoredCredential) -> ChannelCredentialRow:
    return ChannelCredentialRow(
        app_id=channel.app_id,
        channel_type=int(channel.type),
        kind=int(credential.kind),
        public_id=credential.public_id,
        fingerprint=credential.fingerprint,
        expire_time=credential.expire_time,
        team_id=credential.team_id,
        update_time=credential.update_time,
        format=credential.sealed.format,
        key_id=credential.sealed.key_id,
        wrapped_key=credential.sealed.wrapped_key,
        ciphertext=credential.sealed.ciphertext,
    )


def _channel(row: ChannelRow, credentials: Iterable[ChannelCredentialRow]) -> StoredChannel:
    # Unknown fields come from a newer server on the same database; its extra settings are not for this one.
    config = json_format.Parse(row.config, ChannelProto(), ignore_unknown_fields=True)
    which = config.WhichOneof("config")
    return StoredChannel(
        app_id=row.app_id,
        type=cast("ChannelType", row.type),
        enabled=row.enabled,
        config=getattr(config, which) if which else None,
        credentials={credential.kind: credential for credential in map(_credential, credentials)},
        version=row.version,
        create_time=row.create_time,
        update_time=row.update_time,
        updated_by=row.updated_by,
    )


def _credential(row: ChannelCredentialRow) -> StoredCredential:
    return StoredCredential(
        kind=cast("CredentialKind", row.kind),
        public_id=row.public_id,
        fingerprint=row.fingerprint,
        sealed=SealedSecret(row.format, row.key_id, row.wrapped_key, row.ciphertext),
        expire_time=row.expire_time,
        team_id=row.team_id,
        update_time=row.update_time,
    )


def _config_text(channel: StoredChannel) -> str:
    message = ChannelProto()
    if channel.config is not None:
        field = next(f for f in ("apns", "fcm") if getattr(message, f).DESCRIPTOR is channel.config.DESCRIPTOR)
        getattr(message, field).CopyFrom(channel.config)
        getattr(message, field).SetInParent()
    return json_format.MessageToJson(message, preserving_proto_field_name=True, indent=None)
