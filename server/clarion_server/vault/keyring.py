"""The keyring: a JSON file with the master keys, for servers without a key management service.

::

    {"version": 1, "active": "k-5d3c0a91", "keys": {"k-5d3c0a91": "base64 of 32 random bytes"}}

`active` wraps what is stored from now on; the others stay to read what was stored before. Only the server's user may
read the file.
"""

from __future__ import annotations

import base64
import binascii
import json
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag

from clarion_server.ports import KeyRefused, KeyUnavailable
from clarion_server.private_file import OpenToOthers, read_private, write_private
from clarion_server.starting import CannotStart
from clarion_server.vault.envelope import KEY_SIZE, decrypt, encrypt

_MAX_ID_LENGTH = 64


class KeyringUnusable(CannotStart):
    """The keyring file cannot be used. The text names the file, the problem and the remedy, and holds no key."""


class Keyring:
    """Master keys in memory; a `KeyWrapper`.

    Args:
        keys: 32 bytes each, by id.
        active: id of the one that wraps new data keys.
    """

    def __init__(self, keys: Mapping[str, bytes], active: str) -> None:
        if active not in keys:
            raise ValueError("active names none of the keys")
        if any(len(key) != KEY_SIZE for key in keys.values()):
            raise ValueError(f"a key does not have {KEY_SIZE} bytes")
        self._keys = dict(keys)
        self.active = active

    @property
    def ids(self) -> Sequence[str]:
        """The ids of all keys, in the order in which they were added."""
        return tuple(self._keys)

    def with_new_key(self, *, activate: bool) -> tuple[Keyring, str]:
        """Return a keyring with one more, random key, and that key's id."""
        key_id = new_key_id()
        keys = {**self._keys, key_id: secrets.token_bytes(KEY_SIZE)}
        return Keyring(keys, key_id if activate else self.active), key_id

    def with_active(self, key_id: str) -> Keyring:
        """Return a keyring in which this key is the active one.

        Raises:
            KeyUnavailable: there is no such key.
        """
        if key_id not in self._keys:
            raise KeyUnavailable(key_id)
        return Keyring(self._keys, key_id)

    def without(self, key_id: str) -> Keyring:
        """Return a keyring without this key, which is not the active one.

        Raises:
            KeyUnavailable: there is no such key.
        """
        if key_id not in self._keys:
            raise KeyUnavailable(key_id)
        return Keyring({each: key for each, key in self._keys.items() if each != key_id}, self.active)

    def to_file(self) -> bytes:
        """Return the content of a keyring file."""
        keys = {key_id: base64.b64encode(key).decode() for key_id, key in self._keys.items()}
        return json.dumps({"version": 1, "active": self.active, "keys": keys}, indent=2).encode() + b"\n"

    def __repr__(self) -> str:
        return f"Keyring(active={self.active!r}, ids={sorted(self._keys)!r})"

    async def wrap(self, data_key: bytes, associated_data: bytes) -> tuple[str, bytes]:
        """Wrap a data key with the active key; see `KeyWrapper`."""
        return self.active, encrypt(self._keys[self.active], data_key, associated_data)

    async def unwrap(self, key_id: str, wrapped_key: bytes, associated_data: bytes) -> bytes:
        """Unwrap a data key; see `KeyWrapper`."""
        key = self._keys.get(key_id)
        if key is None:
            raise KeyUnavailable(key_id)
        try:
            return decrypt(key, wrapped_key, associated_data)
        except (InvalidTag, ValueError) as error:
            raise KeyRefused from error


def load_keyring(path: Path) -> Keyring:
    """Read a keyring file that must exist.

    Raises:
        KeyringUnusable: it is absent, readable for others than its owner, or not a keyring.
    """
    try:
        text = read_private(path)
    except OpenToOthers as error:
        raise KeyringUnusable(
            f"the keyring {path} is open to other users (mode {error.mode:04o}); "
            f"run `chmod 600 {path}`, and replace its keys if others could have read them"
        ) from error
    except FileNotFoundError as error:
        raise KeyringUnusable(
            f"the keyring {path} does not exist; put back the file with which the credentials were stored, or correct "
            "the setting that names it"
        ) from error
    except OSError as error:
        raise KeyringUnusable(f"the keyring {path} cannot be read: {error.strerror}") from error
    # The cause is left out on purpose: a JSON error holds the text of the file.
    problem: str
    try:
        return _parse(text)
    except ValueError as error:
        problem = "it is not JSON" if isinstance(error, (json.JSONDecodeError, UnicodeDecodeError)) else str(error)
    raise KeyringUnusable(f"the keyring {path} cannot be used: {problem}; put back an intact copy of the file")


def create_keyring(path: Path) -> None:
    """Write a keyring with one random key, mode 0600, making its folder (0700) if need be.

    The file appears whole or not at all. If another process made it first, that one's file stays.

    Raises:
        KeyringUnusable: the file cannot be written.
    """
    key_id = new_key_id()
    save_keyring(path, Keyring({key_id: secrets.token_bytes(KEY_SIZE)}, key_id), replace=False)


def save_keyring(path: Path, keyring: Keyring, *, replace: bool) -> None:
    """Write a keyring file, mode 0600, whole or not at all.

    Args:
        path: where; its folder is made (0700) if need be.
        keyring: what.
        replace: whether to put it in the place of a file that is there; else that one stays.

    Raises:
        KeyringUnusable: the file cannot be written.
    """
    try:
        write_private(path, keyring.to_file(), replace=replace)
    except OSError as error:
        raise KeyringUnusable(
            f"the keyring {path} cannot be made: {error.strerror}; make its folder writable for the server, or "
            "configure an existing keyring"
        ) from error


def new_key_id() -> str:
    """Return an id for a new key: `k-` and 8 random hexadecimal digits."""
    return f"k-{secrets.token_hex(4)}"


def load_or_create_keyring(path: Path) -> Keyring:
    """Read the keyring file; make it first if there is none. For the default path of a server's first start.

    Raises:
        KeyringUnusable: as `load_keyring` and `create_keyring`.
    """
    if not path.exists():
        create_keyring(path)
    return load_keyring(path)


def _parse(text: bytes) -> Keyring:
    document: Any = json.loads(text)
    if not isinstance(document, dict) or document.get("version") != 1:
        raise ValueError("it is not a keyring of version 1")
    encoded, active = document.get("keys"), document.get("active")
    if not isinstance(encoded, dict) or not encoded:
        raise ValueError('"keys" is not an object with at least one key')
    keys: dict[str, bytes] = {}
    for number, (key_id, value) in enumerate(encoded.items()):
        if not 1 <= len(key_id) <= _MAX_ID_LENGTH or not key_id.isprintable():
            raise ValueError(f"the id of key number {number + 1} is not 1 to {_MAX_ID_LENGTH} printable characters")
        try:
            keys[key_id] = base64.b64decode(value, validate=True)
        except (binascii.Error, TypeError, ValueError):
            keys[key_id] = b""
        if len(keys[key_id]) != KEY_SIZE:
            raise ValueError(f"the key {key_id!r} is not the base64 of {KEY_SIZE} bytes")
    if not isinstance(active, str) or active not in keys:
        raise ValueError('"active" is not the id of one of the keys')
    return Keyring(keys, active)
