"""What the server needs from the outside: stores for apps and channels, and something that keeps the master keys.

The rest of the server depends on these protocols; `clarion_server.store` and `clarion_server.vault` implement them, and
`clarion_server.app` puts the two sides together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from clarion.v1.channel_pb2 import ApnsConfig, ChannelType, CredentialKind, FcmConfig
from clarion_server.model import App

MAX_TAGS = 50
"""The most tags that an app may have."""


class RevisionConflict(Exception):
    """The app's channels changed between reading and saving: read them again and decide again."""


class TooManyTags(Exception):
    """The app would have more than `MAX_TAGS` tags."""


@dataclass(frozen=True, slots=True)
class AppPage:
    """Some apps, oldest first.

    Attributes:
        apps: in the order in which they were made.
        next_cursor: what `AppStore.list_apps` takes as `after` to go on; None when these were the last.
    """

    apps: Sequence[App]
    next_cursor: int | None


class AppStore(Protocol):
    """Keeps apps. Every method may raise `StoreUnavailable`, and `AppNotFound` if it takes an app id."""

    async def create_app(self, name: str, tags: Mapping[str, str]) -> App:
        """Make an app with a fresh id. Name and tags are already checked."""

    async def get_app(self, app_id: str) -> App:
        """Return one app."""

    async def list_apps(self, page_size: int, after: int | None = None) -> AppPage:
        """Return up to `page_size` apps that were made after the one that the cursor `after` stands for.

        Apps that are made or deleted between two pages neither repeat nor hide any other.
        """

    async def rename_app(self, app_id: str, name: str) -> App:
        """Give the app a new name and return it."""

    async def delete_app(self, app_id: str) -> App:
        """Remove the app with its tags, channels and credentials; return it as it last was."""

    async def tag_app(self, app_id: str, tags: Mapping[str, str]) -> App:
        """Add tags, or replace their values, and return the app.

        Raises:
            TooManyTags: it would have more than `MAX_TAGS`; nothing was changed.
        """

    async def untag_app(self, app_id: str, keys: Sequence[str]) -> App:
        """Remove tags and return the app. Keys that it does not have are passed over."""


@dataclass(frozen=True, slots=True)
class SealedSecret:
    """A secret in the form in which it is stored: nothing in it is worth anything without the master key.

    Attributes:
        format: version of the form, see `clarion_server.vault.envelope`.
        key_id: the master key that wraps the data key.
        wrapped_key: the data key, wrapped.
        ciphertext: the secret, encrypted with the data key.
    """

    format: int
    key_id: str
    wrapped_key: bytes = field(repr=False)
    ciphertext: bytes = field(repr=False)


Place = tuple[str | int, ...]
"""Where in its table a sealed secret is: the values of the primary key."""


class SealedRows(Protocol):
    """A table whose rows hold one sealed secret each. Every method may raise `StoreUnavailable`."""

    async def key_ids(self) -> Mapping[str, int]:
        """Return how many secrets each master key wraps, by its id."""

    async def wrapped_by_others(
        self, key_id: str, after: Place | None, limit: int
    ) -> Sequence[tuple[Place, SealedSecret]]:
        """Return up to `limit` secrets behind `after` that other master keys wrap, in the order of their places."""

    async def rewrap(self, changes: Sequence[tuple[Place, SealedSecret, SealedSecret]]) -> int:
        """Put other wrapped keys in the place of those of some secrets, in one transaction.

        Args:
            changes: place, the secret as it was read, and as it shall be. One that is not as it was read is left alone:
                somebody gave it anew.

        Returns:
            How many were changed.
        """


@dataclass(frozen=True, slots=True)
class StoredCredential:
    """A credential as it is stored. The attributes are those of `clarion_server.model.Credential`, but for `sealed`.

    Attributes:
        kind: which one it is.
        public_id: the part that is no secret.
        fingerprint: 64 lower-case hexadecimal digits.
        sealed: the secret, encrypted.
        expire_time: aware, UTC; None if it does not expire.
        team_id: Apple developer team of a signing key, else empty.
        update_time: when it was given (aware, UTC).
    """

    kind: CredentialKind
    public_id: str
    fingerprint: str
    sealed: SealedSecret
    expire_time: datetime | None
    team_id: str
    update_time: datetime


@dataclass(frozen=True, slots=True)
class StoredChannel:
    """A channel as it is stored. The attributes are those of `clarion_server.model.Channel`, credentials sealed.

    Its version is the `AppChannels.revision` that saving it made, so no two states of a channel share one.
    """

    app_id: str
    type: ChannelType
    enabled: bool
    config: ApnsConfig | FcmConfig | None
    credentials: Mapping[CredentialKind, StoredCredential]
    version: int
    create_time: datetime
    update_time: datetime
    updated_by: str


@dataclass(frozen=True, slots=True)
class AppChannels:
    """All channels of an app at one moment.

    Attributes:
        revision: grows by one with every change to any channel of the app, also when one is deleted.
        channels: by type, in the order of `ChannelType`.
    """

    revision: int
    channels: Mapping[ChannelType, StoredChannel]


@dataclass(frozen=True, slots=True)
class ExpiringCredential:
    """A credential that stops working at some time.

    Attributes:
        app_id: its channel's app.
        type: its channel's type.
        kind: which one it is.
        expire_time: when (aware, UTC).
    """

    app_id: str
    type: ChannelType
    kind: CredentialKind
    expire_time: datetime


class ChannelStore(Protocol):
    """Keeps channels. Every method may raise `StoreUnavailable`, and `AppNotFound` when there is no such app."""

    async def list_channels(self, app_id: str) -> AppChannels:
        """Return all channels of an app."""

    async def get_channel(self, app_id: str, channel_type: ChannelType) -> StoredChannel:
        """Return one channel.

        Raises:
            ChannelNotFound: the app has no channel of this type.
        """

    async def channels_revision(self, app_id: str) -> int:
        """Return `AppChannels.revision`: one cheap look-up, to find out whether what one knows still holds."""

    async def list_expiring(self, limit: int) -> Sequence[ExpiringCredential]:
        """Return the credentials of all apps that expire or have expired, the soonest first, at most so many."""

    async def save_channel(self, channel: StoredChannel, *, expected_revision: int) -> None:
        """Put the channel in the place of the app's channel of this type, whole, credentials included.

        Check and change are one transaction.

        Args:
            channel: the channel as it shall be.
            expected_revision: `AppChannels.revision` of the state from which `channel` was derived.

        Raises:
            RevisionConflict: the app's channels are at another revision; nothing was changed.
        """

    async def delete_channel(
        self, app_id: str, channel_type: ChannelType, *, expected_version: int | None = None
    ) -> StoredChannel:
        """Remove a channel and its credentials; return it as it last was.

        Raises:
            VersionMismatch: `expected_version` is given and the channel is at another; nothing was changed.
            ChannelNotFound: the app has no channel of this type.
        """


class KeyUnavailable(Exception):
    """The master key that wrapped a data key is not there (any more). Its id is in `key_id`."""

    def __init__(self, key_id: str) -> None:
        super().__init__(f"the key {key_id!r} is not available")
        self.key_id = key_id


class KeyRefused(Exception):
    """The master key is there, but the wrapped data key or its associated data were altered."""


class KeyServiceUnavailable(Exception):
    """The service that holds the master keys does not answer at the moment."""


class KeyWrapper(Protocol):
    """Holds master keys and wraps data keys with them: a keyring file, or an adapter to a key management service.

    Both methods may raise `KeyServiceUnavailable`. They are called for each secret that is written or read, not for
    each send: what is read stays in memory, decrypted.
    """

    async def wrap(self, data_key: bytes, associated_data: bytes) -> tuple[str, bytes]:
        """Wrap a data key with the active master key.

        Args:
            data_key: 32 bytes.
            associated_data: must be given again to unwrap; it is authenticated, not encrypted.

        Returns:
            The master key's id and the wrapped data key.
        """

    async def unwrap(self, key_id: str, wrapped_key: bytes, associated_data: bytes) -> bytes:
        """Return the data key.

        Raises:
            KeyUnavailable: there is no master key with this id.
            KeyRefused: wrapped key or associated data are not what `wrap` saw.
        """
