"""The keyring file."""

from __future__ import annotations

import base64
import json
import multiprocessing
import stat
from pathlib import Path
from typing import Any

import pytest

from clarion_server.vault import Keyring, KeyringUnusable, create_keyring, load_keyring, load_or_create_keyring

KEY = bytes(range(32))


def write(path: Path, document: Any, mode: int = 0o600) -> Path:
    """Write a keyring file by hand."""
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    path.chmod(mode)
    return path


def encoded(key: bytes = KEY) -> str:
    """Return the base64 of a key."""
    return base64.b64encode(key).decode()


def test_a_new_keyring_is_private_and_stays(tmp_path: Path) -> None:
    """The file that is made has mode 0600 in a folder with 0700, and a second start reads the same key."""
    path = tmp_path / "new" / "keyring.json"
    first = load_or_create_keyring(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    content = path.read_bytes()
    assert load_or_create_keyring(path).active == first.active
    assert path.read_bytes() == content
    assert [each.name for each in path.parent.iterdir()] == ["keyring.json"]


def test_creating_keeps_an_existing_file(tmp_path: Path) -> None:
    """create_keyring never replaces a keyring: the keys in it would be lost."""
    path = tmp_path / "keyring.json"
    create_keyring(path)
    content = path.read_bytes()
    create_keyring(path)
    assert path.read_bytes() == content


def _active(path: Path, start: Any, answers: Any) -> None:
    start.wait(60)
    answers.put(load_or_create_keyring(path).active)


def test_processes_that_start_at_once_get_one_keyring(tmp_path: Path) -> None:
    """Of several processes that find no keyring at the same time, all end up with the same key."""
    context = multiprocessing.get_context("spawn")
    start, answers = context.Barrier(3), context.Queue()
    processes = [context.Process(target=_active, args=(tmp_path / "keyring.json", start, answers)) for _ in range(3)]
    for process in processes:
        process.start()
    ids = [answers.get(timeout=60) for _ in processes]
    for process in processes:
        process.join(60)
    assert len(set(ids)) == 1


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_keyring_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    """A keyring with any right for group or others is refused, and the text names the file and the remedy."""
    path = write(tmp_path / "keyring.json", {"version": 1, "active": "a", "keys": {"a": encoded()}}, mode)
    with pytest.raises(KeyringUnusable) as caught:
        load_keyring(path)
    assert f"chmod 600 {path}" in str(caught.value)
    assert encoded() not in str(caught.value)


def test_a_keyring_that_is_named_must_exist(tmp_path: Path) -> None:
    """load_keyring does not make a file: with a new key, nothing that is stored would be readable."""
    with pytest.raises(KeyringUnusable, match="does not exist"):
        load_keyring(tmp_path / "keyring.json")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        (encoded(), "not JSON"),
        ({"version": 2, "active": "a", "keys": {"a": encoded()}}, "version 1"),
        ({"version": 1, "active": "a", "keys": {}}, "at least one key"),
        ({"version": 1, "active": "b", "keys": {"a": encoded()}}, "active"),
        ({"version": 1, "active": "a", "keys": {"a": encoded()[:-4]}}, "base64 of 32 bytes"),
        ({"version": 1, "active": "a", "keys": {"a": "!" + encoded()}}, "base64 of 32 bytes"),
        ({"version": 1, "active": "a", "keys": {"a": 7}}, "base64 of 32 bytes"),
        ({"version": 1, "active": "a\n", "keys": {"a\n": encoded()}}, "printable"),
    ],
)
def test_a_damaged_keyring_is_refused_without_its_content(tmp_path: Path, document: Any, problem: str) -> None:
    """What is wrong is named; neither the text nor the chain of causes has a piece of a key."""
    path = write(tmp_path / "keyring.json", document)
    with pytest.raises(KeyringUnusable, match=problem) as caught:
        load_keyring(path)
    assert encoded()[:20] not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """A keyring that cannot be made says where and what helps."""
    (tmp_path / "file").touch()
    with pytest.raises(KeyringUnusable, match="cannot be made"):
        load_or_create_keyring(tmp_path / "file" / "keyring.json")


def test_repr_shows_no_key() -> None:
    """The repr of a keyring has ids only."""
    assert repr(Keyring({"b": KEY, "a": KEY}, "a")) == "Keyring(active='a', ids=['a', 'b'])"
