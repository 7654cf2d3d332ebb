"""The keyring file while it is in use: servers notice its changes, and commands change it."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

from clarion_server.ports import KeyUnavailable
from clarion_server.vault.keyring import Keyring, KeyringUnusable, load_keyring, save_keyring

_log = structlog.get_logger(__name__)

CHECK_INTERVAL = 1.0
"""Seconds for which a server uses a keyring file without looking whether it has changed."""


class KeyringFile:
    """Master keys in a file that may change; a `KeyWrapper`.

    The file is looked at when a key is needed, at most each second, and at once when an unknown key is asked for. A
    file that has become unusable is logged, and the keys that are known go on being used.

    Args:
        path: the file.
        clock: returns seconds; monotonic.

    Raises:
        KeyringUnusable: as `load_keyring`.
    """

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._seen = self._stamp()
        self._keyring = load_keyring(path)
        self._checked = clock()

    async def wrap(self, data_key: bytes, associated_data: bytes) -> tuple[str, bytes]:
        """Wrap a data key with the active key; see `KeyWrapper`."""
        await self._renew(CHECK_INTERVAL)
        return await self._keyring.wrap(data_key, associated_data)

    async def unwrap(self, key_id: str, wrapped_key: bytes, associated_data: bytes) -> bytes:
        """Unwrap a data key; see `KeyWrapper`."""
        await self._renew(CHECK_INTERVAL)
        try:
            return await self._keyring.unwrap(key_id, wrapped_key, associated_data)
        except KeyUnavailable:
            await self._renew(0.0)
            return await self._keyring.unwrap(key_id, wrapped_key, associated_data)

    async def _renew(self, max_age: float) -> None:
        now = self._clock()
        if now - self._checked < max_age:
            return
        self._checked = now
        stamp = self._stamp()
        if stamp == self._seen:
            return
        self._seen = stamp
        try:
            self._keyring = await asyncio.to_thread(load_keyring, self._path)
        except KeyringUnusable as error:
            _log.error("the keyring has become unusable; the keys known before stay in use", problem=str(error))
        else:
            _log.info("read the keyring again", active=self._keyring.active, ids=list(self._keyring.ids))

    def _stamp(self) -> tuple[int, int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_ino, found.st_size


@contextmanager
def editing(path: Path) -> Iterator[Callable[[Keyring], None]]:
    """Change a keyring file: what the block gives to the function takes the file's place. One such block at a time.

    ::

        with editing(path) as save:
            save(load_keyring(path).with_active("k-5d3c0a91"))

    Raises:
        KeyringUnusable: the file cannot be written.
    """
    try:
        lock = os.open(path.with_name(f".{path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise KeyringUnusable(
            f"the keyring {path} cannot be changed: {error.strerror}; its folder must be writable"
        ) from error
    with contextlib.closing(os.fdopen(lock)):
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield lambda keyring: save_keyring(path, keyring, replace=True)
