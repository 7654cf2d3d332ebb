"""Channels for the send path: decrypted, and kept in memory as long as they are current."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from clarion.v1.channel_pb2 import ChannelType
from clarion_server.errors import CredentialUnreadable, StoreUnavailable
from clarion_server.lookups import EARLY, Lookups
from clarion_server.model import Channel, Credential
from clarion_server.ports import ChannelStore, StoredChannel, StoredCredential
from clarion_server.vault import Owner, Vault

Channels = Mapping[ChannelType, Channel | CredentialUnreadable]
"""The channels of an app by type; in place of one that does not decrypt, why."""


@dataclass(slots=True)
class _Entry:
    """What is known of an app: its channels, their revision, and when the store was last asked whether they hold."""

    channels: Channels
    revision: int
    checked: float

    @property
    def is_whole(self) -> bool:
        """Whether every channel decrypted. One that did not may do so with a keyring that is put back."""
        return not any(isinstance(channel, CredentialUnreadable) for channel in self.channels.values())


class ChannelDirectory:
    """The channels of the apps that send, decrypted.

    A change that is made in this process is seen at once (`forget`), one of another process within `max_age`. While the
    store does not answer, or hangs, what is known goes on being used.

    Args:
        store: where channels are kept.
        vault: opens their credentials.
        max_apps: for how many apps channels are kept in memory; the least recently used give way.
        max_age: seconds for which channels are used without asking the store whether they are current. It is asked in
            the background a little before, if they are used then.
        patience: seconds to wait for that answer before what is known is used once more.
        clock: returns seconds; monotonic.
    """

    def __init__(
        self,
        store: ChannelStore,
        vault: Vault,
        *,
        max_apps: int = 10_000,
        max_age: float = 1.0,
        patience: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._vault = vault
        self._max_apps = max_apps
        self._max_age = max_age
        self._clock = clock
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._lookups: Lookups[_Entry] = Lookups(self._keep, patience=patience, clock=clock)

    async def channels(self, app_id: str) -> Channels:
        """Return the channels of an app by type.

        A channel with a credential that does not decrypt has the error in its place; the others are not affected.

        Raises:
            AppNotFound: there is no such app.
            StoreUnavailable: the store does not answer, and nothing is known of the app.
        """
        entry = self._entries.get(app_id)
        age = float("inf") if entry is None else self._clock() - entry.checked
        if entry is not None and age < self._max_age:
            self._entries.move_to_end(app_id)
            if age >= self._max_age * EARLY:
                self._lookups.begin(app_id, lambda: self._refresh(app_id, entry))
            return entry.channels
        lookup = self._lookups.begin(app_id, lambda: self._refresh(app_id, entry))
        return (await self._lookups.answer(lookup, entry)).channels

    def forget(self, app_id: str) -> None:
        """Drop what is known of an app, and what is just being read: the app, or a channel of it, changed."""
        self._entries.pop(app_id, None)
        self._lookups.forget(app_id)

    def _keep(self, app_id: str, entry: _Entry | None) -> None:
        self._entries.pop(app_id, None)
        if entry is not None:
            self._entries[app_id] = entry
            if len(self._entries) > self._max_apps:
                self._entries.popitem(last=False)

    async def _refresh(self, app_id: str, entry: _Entry | None) -> _Entry:
        checked = self._clock()
        try:
            if entry is not None and entry.is_whole and await self._store.channels_revision(app_id) == entry.revision:
                return _Entry(entry.channels, entry.revision, checked)
            known = await self._store.list_channels(app_id)
        except StoreUnavailable:
            if entry is None:
                raise
            # Sending goes on while the database is away. As if checked: so it is asked again after max_age, not by
            # every call.
            return _Entry(entry.channels, entry.revision, checked)
        opened = {channel_type: await self._open(channel) for channel_type, channel in known.channels.items()}
        return _Entry(opened, known.revision, checked)

    async def _open(self, channel: StoredChannel) -> Channel | CredentialUnreadable:
        try:
            return await open_channel(self._vault, channel)
        except CredentialUnreadable as error:
            # A fresh one: this one's traceback would keep frames, and keys in them, alive as long as the cache.
            return CredentialUnreadable(error.message)


async def open_channel(vault: Vault, channel: StoredChannel) -> Channel:
    """Decrypt a channel.

    Raises:
        CredentialUnreadable: one of its credentials does not decrypt.
    """
    return Channel(
        app_id=channel.app_id,
        type=channel.type,
        enabled=channel.enabled,
        config=channel.config,
        credentials={
            kind: await open_credential(vault, channel.app_id, channel.type, stored)
            for kind, stored in channel.credentials.items()
        },
        version=channel.version,
        create_time=channel.create_time,
        update_time=channel.update_time,
        updated_by=channel.updated_by,
    )


async def open_credential(vault: Vault, app_id: str, channel_type: ChannelType, stored: StoredCredential) -> Credential:
    """Decrypt a credential of a channel.

    Raises:
        CredentialUnreadable: it does not decrypt.
    """
    return Credential(
        kind=stored.kind,
        public_id=stored.public_id,
        fingerprint=stored.fingerprint,
        secret=await vault.open(stored.sealed, Owner(app_id, channel_type, stored.kind)),
        expire_time=stored.expire_time,
        team_id=stored.team_id,
        update_time=stored.update_time,
    )
