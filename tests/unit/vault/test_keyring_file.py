"""A keyring file that changes while servers use it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from clarion_server.ports import KeyUnavailable
from clarion_server.vault import KeyringFile, KeyringUnusable, create_keyring, editing, load_keyring
from clarion_server.vault.keyring import Keyring

DATA_KEY = b"d" * 32


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Provide a keyring file with one key."""
    path = tmp_path / "keyring.json"
    create_keyring(path)
    return path


def add(path: Path, *, activate: bool) -> str:
    """Add a key and return its id."""
    with editing(path) as save:
        keyring, key_id = load_keyring(path).with_new_key(activate=activate)
        save(keyring)
    return key_id


async def test_a_new_active_key_is_noticed_within_a_second(path: Path) -> None:
    """A running server wraps with the key that the file names as active, at most a second after the change."""
    clock = Clock()
    keys = KeyringFile(path, clock=clock)
    old, wrapped = await keys.wrap(DATA_KEY, b"x")
    new = add(path, activate=True)
    clock.now = 0.9
    assert (await keys.wrap(DATA_KEY, b"x"))[0] == old
    clock.now = 1.0
    assert (await keys.wrap(DATA_KEY, b"x"))[0] == new != old
    assert await keys.unwrap(old, wrapped, b"x") == DATA_KEY


async def test_an_unknown_key_makes_it_look_at_once(path: Path) -> None:
    """A record under a key that another server already uses opens without waiting; a key that is nowhere is named."""
    keys = KeyringFile(path, clock=Clock())
    new = add(path, activate=True)
    _, wrapped = await load_keyring(path).wrap(DATA_KEY, b"x")
    assert await keys.unwrap(new, wrapped, b"x") == DATA_KEY
    with pytest.raises(KeyUnavailable) as caught:
        await keys.unwrap("k-nowhere", wrapped, b"x")
    assert caught.value.key_id == "k-nowhere"


def spoil(path: Path, harm: str) -> bytes:
    """Make a keyring file unusable, and return what it had."""
    good = path.read_bytes()
    if harm == "gone":
        path.unlink()
    elif harm == "damaged":
        path.write_text("{")
    else:
        path.write_bytes(good + b"\n")
        path.chmod(0o644)
    return good


def repair(path: Path, good: bytes) -> None:
    """Put back what `spoil` returned."""
    path.write_bytes(good)
    path.chmod(0o600)


@pytest.mark.parametrize("harm", ["gone", "damaged", "open"])
async def test_a_file_that_becomes_unusable_does_not_stop_a_server(path: Path, harm: str) -> None:
    """The keys that are known stay in use while the file is gone, damaged or open to others; its repair is noticed."""
    clock = Clock()
    keys = KeyringFile(path, clock=clock)
    old, wrapped = await keys.wrap(DATA_KEY, b"x")
    good = spoil(path, harm)
    clock.now = 2.0
    assert (await keys.wrap(DATA_KEY, b"x"))[0] == old
    assert await keys.unwrap(old, wrapped, b"x") == DATA_KEY
    repair(path, good)
    new = add(path, activate=True)
    clock.now = 4.0
    assert (await keys.wrap(DATA_KEY, b"x"))[0] == new


def test_a_keyring_file_must_exist(tmp_path: Path) -> None:
    """A server does not start with a keyring that is not there."""
    with pytest.raises(KeyringUnusable, match="does not exist"):
        KeyringFile(tmp_path / "keyring.json")


def test_the_file_stays_private_and_whole(path: Path) -> None:
    """A changed file has mode 0600 and all keys, in the order in which they came; no draft is left."""
    first = load_keyring(path).active
    second = add(path, activate=False)
    assert path.stat().st_mode & 0o777 == 0o600
    keyring = load_keyring(path)
    assert (keyring.ids, keyring.active) == ((first, second), first)
    assert {each.name for each in path.parent.iterdir()} == {"keyring.json", ".keyring.json.lock"}


async def test_changes_at_the_same_time_lose_no_key(path: Path) -> None:
    """Keys that are added by several commands at once are all there."""
    ids = await asyncio.gather(*(asyncio.to_thread(add, path, activate=False) for _ in range(20)))
    assert set(ids) < set(load_keyring(path).ids)
    assert len(load_keyring(path).ids) == 21


def test_the_active_key_is_not_removed_and_unknown_ones_are_named() -> None:
    """A keyring never loses its active key; a key that it does not have is named."""
    keyring = Keyring({"a": DATA_KEY, "b": DATA_KEY}, "a")
    assert keyring.with_active("b").without("a").ids == ("b",)
    with pytest.raises(ValueError, match="active"):
        keyring.without("a")
    for change in (keyring.without, keyring.with_active):
        with pytest.raises(KeyUnavailable, match="'c'"):
            change("c")
