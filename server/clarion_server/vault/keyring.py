"""The keyring: a JSON file with the master keys, for servers without a key management service.

::

    {"version": 1, "active": "k-5d3c0a91", "keys": {"k-5d3c0a91": "base64 of 32 random bytes"}}

`active` wraps what is stored from now on; the others stay to read what was stored before. Only the server's user may
read the file.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import json
import os
import secrets
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag

from clarion_server.ports import KeyRefused, KeyUnavailable
from clarion_server.vault.envelope import KEY_SIZE, decrypt, encrypt

_MAX_FILE_SIZE = 1 << 20
_MAX_ID_LENGTH = 64


class KeyringUnusable(Exception):
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
        text = _read_private(path)
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
    key_id = f"k-{secrets.token_hex(4)}"
    key = base64.b64encode(secrets.token_bytes(KEY_SIZE)).decode()
    content = json.dumps({"version": 1, "active": key_id, "keys": {key_id: key}}, indent=2).encode() + b"\n"
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            _write_private(draft, content)
            # link, unlike rename, fails when the name is taken: of two processes exactly one wins.
            with contextlib.suppress(FileExistsError):
                os.link(draft, path)
        finally:
            draft.unlink(missing_ok=True)
        _sync_folder(path.parent)
    except OSError as error:
        raise KeyringUnusable(
            f"the keyring {path} cannot be made: {error.strerror}; make its folder writable for the server, or "
            "configure an existing keyring"
        ) from error


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


def _read_private(path: Path) -> bytes:
    with path.open("rb") as file:
        # Asked of the open file, so that nobody can put another in its place in between.
        mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
        if mode & 0o077:
            raise KeyringUnusable(
                f"the keyring {path} is open to other users (mode {mode:04o}); "
                f"run `chmod 600 {path}`, and replace its keys if others could have read them"
            )
        return file.read(_MAX_FILE_SIZE)


def _write_private(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(path: Path) -> None:
    """Make the new name in the folder survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
