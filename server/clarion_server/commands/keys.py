"""`clarion-server keys`: the master keys that protect stored secrets, while servers run."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TypeVar

import typer

from clarion_server.app import key_wrapper, sealed_tables
from clarion_server.commands.common import fail
from clarion_server.ports import KeyUnavailable
from clarion_server.settings import Settings
from clarion_server.starting import CannotStart
from clarion_server.store import Database
from clarion_server.vault import SealedTable, Vault, editing, load_keyring, rewrap_all, uses

_SETTLE = 2.0
"""Seconds until every server on this keyring file surely uses its new active key; they look each second."""

_T = TypeVar("_T")


def show(settings: Settings) -> None:
    """Show the keys: which is active, and how many stored secrets each protects."""
    path = _path(settings)
    with _failing():
        keyring = load_keyring(path)
        counts = asyncio.run(_with_tables(settings, uses))
    lost = [key_id for key_id in sorted(counts) if key_id not in keyring.ids]
    for key_id in (*keyring.ids, *lost):
        state = "active" if key_id == keyring.active else "LOST" if key_id in lost else ""
        typer.echo(f"{key_id}  {state:<6}  {counts[key_id]} secrets")
    if lost:
        fail(
            f"secrets are encrypted with keys that {path} does not have: put back a keyring that has them, or give the "
            "secrets again"
        )


def add(settings: Settings) -> None:
    """Add a new random key, not active yet, and print its id. Copy the file to all servers before `activate`."""
    path = _path(settings)
    with _failing(), editing(path) as save:
        keyring, key_id = load_keyring(path).with_new_key(activate=False)
        save(keyring)
    typer.echo(key_id)


def activate(settings: Settings, key_id: str) -> None:
    """Protect what is stored from now on with this key. What is stored already stays under its own: see `rewrap`."""
    path = _path(settings)
    with _failing(), editing(path) as save:
        save(load_keyring(path).with_active(key_id))
    typer.echo(f"{key_id} is active")


def rotate(settings: Settings) -> None:
    """Add a new key, activate it, and wrap all stored data keys with it, while servers send. Print its id."""
    path = _path(settings)
    with _failing():
        with editing(path) as save:
            keyring, key_id = load_keyring(path).with_new_key(activate=True)
            save(keyring)
        typer.echo(f"{key_id} is active; back up {path} now", err=True)
        _rewrap(settings)
    typer.echo(key_id)


def rewrap(settings: Settings) -> None:
    """Wrap all stored data keys with the active key. What they encrypt is not touched; repeat it as you like."""
    with _failing():
        _rewrap(settings)


def remove(settings: Settings, key_id: str) -> None:
    """Remove a key that no stored secret needs. Backups of the database from before `rewrap` still need it."""
    path = _path(settings)
    with _failing(), editing(path) as save:
        keyring = load_keyring(path)
        if key_id == keyring.active:
            fail(f"{key_id} is the active key: activate another one first, or rotate")
        smaller = keyring.without(key_id)
        if count := asyncio.run(_with_tables(settings, _settled_uses))[key_id]:
            fail(f"{key_id} protects {count} stored secrets: run `clarion-server keys rewrap` first")
        save(smaller)
    typer.echo(f"{key_id} is removed")


async def _settled_uses(tables: list[SealedTable]) -> Counter[str]:
    # A server may still seal with the key that was active until just now.
    await asyncio.sleep(_SETTLE)
    return await uses(tables)


def _rewrap(settings: Settings) -> None:
    keys = key_wrapper(settings)

    async def work(tables: list[SealedTable]) -> list[str]:
        await asyncio.sleep(_SETTLE)  # as above
        active, _ = await keys.wrap(bytes(32), b"clarion/which-key-is-active")
        done = await rewrap_all(tables, Vault(keys), active)
        typer.echo(f"wrapped {done.changed} data keys with {active}", err=True)
        return list(done.problems)

    if problems := asyncio.run(_with_tables(settings, work)):
        for problem in problems:
            typer.echo(problem, err=True)
        fail(f"{len(problems)} secrets could not be read, and stay as they are")


async def _with_tables(settings: Settings, work: Callable[[list[SealedTable]], Awaitable[_T]]) -> _T:
    async with AsyncExitStack() as stack:
        database = Database(settings.database)
        stack.push_async_callback(database.close)
        await database.migrate()
        return await work(sealed_tables(database))


def _path(settings: Settings) -> Path:
    if settings.key_wrapper != "file":
        fail(f"the keys are kept by {settings.key_wrapper!r}, not in a file: of these commands only `rewrap` applies")
    return settings.keyring_path


class _failing:  # noqa: N801 - reads like a statement
    """Ends the command with the text of an error that an operator can mend."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, KeyUnavailable):
            fail(f"the keyring has no key {error.key_id!r}; `clarion-server keys list` shows those that it has")
        if isinstance(error, CannotStart):
            fail(str(error))
