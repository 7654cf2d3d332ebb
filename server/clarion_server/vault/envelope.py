"""Envelope encryption: each secret under a data key of its own, each data key under a master key.

Format 1::

    wrapped_key = nonce | AES-256-GCM(master key, nonce, data key, associated data)     (the file keyring's form)
    ciphertext  = nonce | AES-256-GCM(data key,   nonce, secret,   associated data)

with random nonces of 12 bytes and a random data key of 32 bytes for each record. The associated data say what the
record is and whom it belongs to, so a record that is copied to another app, channel or kind does not decrypt.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from clarion.v1.channel_pb2 import ChannelType, CredentialKind
from clarion_server.errors import CredentialUnreadable, StoreUnavailable
from clarion_server.ports import KeyRefused, KeyServiceUnavailable, KeyUnavailable, KeyWrapper, SealedSecret

FORMAT = 1
NONCE_SIZE = 12
KEY_SIZE = 32


class SecretOwner(Protocol):
    """Whom a secret belongs to."""

    def associated_data(self) -> bytes:
        """Return what is authenticated together with the secret: equal only for equal owners and formats."""

    def description(self) -> str:
        """Return what the secret is, for errors, such as `APNS_SIGNING_KEY of the channel APNS`."""

    def replacement(self) -> str:
        """Return what to do when it is lost, for errors, such as `give the credential again with UpdateChannel`."""


@dataclass(frozen=True, slots=True)
class Owner:
    """A credential of a channel as the owner of its secret.

    Attributes:
        app_id: the app.
        channel_type: the channel in it.
        kind: the credential of the channel.
    """

    app_id: str
    channel_type: ChannelType
    kind: CredentialKind

    def associated_data(self) -> bytes:
        """Return what is authenticated together with the secret: equal only for equal owners and formats."""
        return f"clarion/credential/{FORMAT}/{self.channel_type:d}/{self.kind:d}/{self.app_id}".encode()

    def description(self) -> str:
        """See `SecretOwner`."""
        return f"{CredentialKind.Name(self.kind)} of the channel {ChannelType.Name(self.channel_type)}"

    def replacement(self) -> str:
        """See `SecretOwner`."""
        return "give the credential again with UpdateChannel"


class Vault:
    """Seals and opens secrets.

    Args:
        keys: holds the master keys.
    """

    def __init__(self, keys: KeyWrapper) -> None:
        self._keys = keys

    async def seal(self, secret: bytes, owner: SecretOwner) -> SealedSecret:
        """Encrypt a secret for its owner.

        Raises:
            StoreUnavailable: a key service does not answer.
        """
        associated_data = owner.associated_data()
        data_key = AESGCM.generate_key(bit_length=8 * KEY_SIZE)
        key_id, wrapped_key = await self._wrap(data_key, associated_data)
        return SealedSecret(FORMAT, key_id, wrapped_key, encrypt(data_key, secret, associated_data))

    async def open(self, sealed: SealedSecret, owner: SecretOwner) -> bytes:
        """Decrypt a secret of its owner.

        Raises:
            CredentialUnreadable: the master key is not there, or the record is not the one that `seal` made for this
                owner. The text says which, and what helps.
            StoreUnavailable: a key service does not answer.
        """
        data_key = await self._data_key(sealed, owner)
        try:
            return decrypt(data_key, sealed.ciphertext, owner.associated_data())
        except (InvalidTag, ValueError) as error:
            raise _altered(owner) from error

    async def rewrap(self, sealed: SealedSecret, owner: SecretOwner) -> SealedSecret:
        """Return the same secret with its data key under the active master key. The secret itself stays as it is.

        Raises:
            CredentialUnreadable, StoreUnavailable: as `open`.
        """
        data_key = await self._data_key(sealed, owner)
        try:
            # Proves that the data key is the right one, before the old form of it is given up.
            decrypt(data_key, sealed.ciphertext, owner.associated_data())
        except (InvalidTag, ValueError) as error:
            raise _altered(owner) from error
        key_id, wrapped_key = await self._wrap(data_key, owner.associated_data())
        return SealedSecret(sealed.format, key_id, wrapped_key, sealed.ciphertext)

    async def _wrap(self, data_key: bytes, associated_data: bytes) -> tuple[str, bytes]:
        try:
            return await self._keys.wrap(data_key, associated_data)
        except KeyServiceUnavailable as error:
            raise StoreUnavailable(_NO_KEY_SERVICE) from error

    async def _data_key(self, sealed: SealedSecret, owner: SecretOwner) -> bytes:
        if sealed.format != FORMAT:
            raise _unreadable(owner, f"has the format {sealed.format}, which this version of Clarion does not know")
        try:
            return await self._keys.unwrap(sealed.key_id, sealed.wrapped_key, owner.associated_data())
        except KeyUnavailable as error:
            raise _unreadable(owner, f"is encrypted with the key {error.key_id!r}, which the server has not") from error
        except KeyRefused as error:
            raise _altered(owner) from error
        except KeyServiceUnavailable as error:
            raise StoreUnavailable(_NO_KEY_SERVICE) from error


def encrypt(key: bytes, plaintext: bytes, associated_data: bytes) -> bytes:
    """Return nonce and AES-256-GCM ciphertext."""
    nonce = os.urandom(NONCE_SIZE)
    return nonce + AESGCM(key).encrypt(nonce, plaintext, associated_data)


def decrypt(key: bytes, ciphertext: bytes, associated_data: bytes) -> bytes:
    """Undo `encrypt`.

    Raises:
        InvalidTag: key, ciphertext or associated data are not those of `encrypt`.
        ValueError: the ciphertext, or the key, is too short to be one.
    """
    return AESGCM(key).decrypt(ciphertext[:NONCE_SIZE], ciphertext[NONCE_SIZE:], associated_data)


_NO_KEY_SERVICE = "the key service does not answer; try again later"


def _altered(owner: SecretOwner) -> CredentialUnreadable:
    return _unreadable(owner, "was altered, or belongs to somebody else")


def _unreadable(owner: SecretOwner, problem: str) -> CredentialUnreadable:
    return CredentialUnreadable(
        f"the stored {owner.description()} {problem}; "
        f"give the server the keyring with which it was stored, or {owner.replacement()}"
    )
