"""The keys with which the server signs tokens: a JSON file, mode 0600.

::

    {"version": 1, "active": "t-5d3c0a91", "keys": {"t-5d3c0a91": "base64 of 32 bytes, an Ed25519 private key"}}

`active` signs; the others stay as long as tokens that they signed are to be taken. Several processes and machines that
share a database share this file, or a copy of it.
"""

from __future__ import annotations

import base64
import binascii
import json
import secrets
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from clarion_server.private_file import OpenToOthers, read_private, write_private
from clarion_server.starting import CannotStart

_log = structlog.get_logger(__name__)

_KEY_SIZE = 32
_MAX_ID_LENGTH = 64
# Seconds between two looks at the file.
_LOOK_AGAIN = 1.0


class SigningKeysUnusable(CannotStart):
    """The file of the signing keys cannot be used. The text names it, the problem and the remedy, and holds no key."""


class SigningKeys:
    """The keys in the file, as they are now: it is looked at again when its keys are used, at most once a second.

    Args:
        path: the file; it must exist.
        clock: seconds.

    Raises:
        SigningKeysUnusable: it is absent, open to others, or holds no keys.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._look_at = clock() + _LOOK_AGAIN
        self._state = _state(path)
        self._keys, self._active = _load(path)

    def __repr__(self) -> str:
        return f"SigningKeys(active={self._active!r}, ids={sorted(self._keys)!r})"

    def active(self) -> tuple[str, Ed25519PrivateKey]:
        """Return the key that signs, with its id."""
        self._refresh()
        return self._active, self._keys[self._active]

    def public(self, key_id: str) -> Ed25519PublicKey | None:
        """Return the public half of a key, None if there is no such key (any more)."""
        self._refresh()
        key = self._keys.get(key_id)
        return key.public_key() if key is not None else None

    def _refresh(self) -> None:
        now = self._clock()
        if now < self._look_at:
            return
        self._look_at = now + _LOOK_AGAIN
        state = _state(self._path)
        if state == self._state:
            return
        self._state = state
        try:
            self._keys, self._active = _load(self._path)
        except SigningKeysUnusable as error:
            _log.error("the changed signing keys cannot be used; the old ones stay", problem=str(error))


def create_signing_keys(path: Path) -> None:
    """Write a file with one random key; one that another process made first stays.

    Raises:
        SigningKeysUnusable: it cannot be written.
    """
    key_id, key = _new()
    _write(path, {key_id: key}, key_id, replace=False)


def rotate_signing_keys(path: Path, keep: int) -> str:
    """Add a key that signs from now on, and keep the `keep` newest ones to check what they signed; return its id.

    Raises:
        SigningKeysUnusable: the file cannot be used or written.
    """
    keys, active = _load(path)
    # In the order of the file: the oldest first, but the active one is the newest.
    older = [key_id for key_id in keys if key_id != active] + [active]
    kept = {key_id: keys[key_id] for key_id in older[max(0, len(older) - keep) :]} if keep else {}
    key_id, key = _new()
    _write(path, {**kept, key_id: key}, key_id, replace=True)
    return key_id


def _new() -> tuple[str, Ed25519PrivateKey]:
    return f"t-{secrets.token_hex(4)}", Ed25519PrivateKey.generate()


def _write(path: Path, keys: Mapping[str, Ed25519PrivateKey], active: str, *, replace: bool) -> None:
    encoded = {key_id: base64.b64encode(key.private_bytes_raw()).decode() for key_id, key in keys.items()}
    content = json.dumps({"version": 1, "active": active, "keys": encoded}, indent=2).encode() + b"\n"
    try:
        write_private(path, content, replace=replace)
    except OSError as error:
        raise SigningKeysUnusable(
            f"the signing keys {path} cannot be written: {error.strerror}; make the folder writable for the server, or "
            "set signing_keys_file to an existing file"
        ) from error


def _state(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


def _load(path: Path) -> tuple[dict[str, Ed25519PrivateKey], str]:
    try:
        text = read_private(path)
    except FileNotFoundError:
        raise SigningKeysUnusable(
            f"the signing keys {path} do not exist; `clarion-server init` makes them, or set signing_keys_file to the "
            "file in use"
        ) from None
    except OpenToOthers as error:
        raise SigningKeysUnusable(
            f"the signing keys {path} are open to other users (mode {error.mode:04o}); run `chmod 600 {path}`, and "
            "replace them if others could have read them"
        ) from None
    except OSError as error:
        raise SigningKeysUnusable(f"the signing keys {path} cannot be read: {error.strerror}") from None
    # The cause is left out on purpose: a JSON error holds the text of the file.
    problem: str
    try:
        return _parse(text)
    except ValueError as error:
        problem = "they are not JSON" if isinstance(error, (json.JSONDecodeError, UnicodeDecodeError)) else str(error)
    raise SigningKeysUnusable(f"the signing keys {path} cannot be used: {problem}; put back an intact copy of the file")


def _parse(text: bytes) -> tuple[dict[str, Ed25519PrivateKey], str]:
    document: Any = json.loads(text)
    if not isinstance(document, dict) or document.get("version") != 1:
        raise ValueError("they are not signing keys of version 1")
    encoded, active = document.get("keys"), document.get("active")
    if not isinstance(encoded, dict) or not encoded:
        raise ValueError('"keys" is not an object with at least one key')
    keys: dict[str, Ed25519PrivateKey] = {}
    for number, (key_id, value) in enumerate(encoded.items()):
        if not 1 <= len(key_id) <= _MAX_ID_LENGTH or not key_id.isprintable():
            raise ValueError(f"the id of key number {number + 1} is not 1 to {_MAX_ID_LENGTH} printable characters")
        try:
            raw = base64.b64decode(value, validate=True)
        except (binascii.Error, TypeError, ValueError):
            raw = b""
        if len(raw) != _KEY_SIZE:
            raise ValueError(f"the key {key_id!r} is not the base64 of {_KEY_SIZE} bytes")
        keys[key_id] = Ed25519PrivateKey.from_private_bytes(raw)
    if not isinstance(active, str) or active not in keys:
        raise ValueError('"active" is not the id of one of the keys')
    return keys, active
