"""`clarion-server keys`: the master keys that protect stored secrets, while servers run."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Annotated, NoReturn, TypeVar

import typer

from clarion_server import logs
from clarion_server.app import key_wrapper, sealed_tables
from clarion_server.errors import StoreUnavailable
from clarion_server.ports import KeyUnavailable
from clarion_server.settings import Settings, SettingsError, load
from clarion_server.store import Database, DatabaseUnusable
from clarion_server.vault import KeyringUnusable, SealedTable, Vault, editing, load_keyring, rewrap_all, uses

commands = typer.Typer(
    no_args_is_help=True,
    help="Look at, add, activate, rotate and remove the master keys of the keyring file.\n\n"
    "The commands take the server's own settings (CLARION_CONFIG and the environment). Servers that run notice a "
    "changed keyring file within a second.",
)

DataDirOption = Annotated[
    Path | None, typer.Option(help="Folder of database and keyring. [CLARION_DATA_DIR; default clarion-data]")
]
KeyId = Annotated[str, typer.Argument(metavar="KEY_ID", help="Id of the key, as `keys list` shows it.")]

_SETTLE = 2.0
"""Seconds until every server on this keyring file surely uses its new active key; they look each second."""

_T = TypeVar("_T")


@commands.command("list")
def list_(data_dir: DataDirOption = None) -> None:
    """Show the keys: which is active, and how many stored secrets each protects."""
    settings = _settings(data_dir)
    path = _path(settings)
    with _failing():
        keyring = load_keyring(path)
        counts = asyncio.run(_with_tables(settings, uses))
    lost = [key_id for key_id in sorted(counts) if key_id not in keyring.ids]
    for key_id in (*keyring.ids, *lost):
        state = "active" if key_id == keyring.active else "LOST" if key_id in lost else ""
        typer.echo(f"{key_id}  {state:<6}  {counts[key_id]} secrets")
    if lost:
        _fail(
            f"secrets are encrypted with keys that {path} does not have: put back a keyring that has them, or give the "
            "secrets again"
        )


@commands.command()
def add(data_dir: DataDirOption = None) -> None:
    """Add a new random key, not active yet, and print its id. Copy the file to all servers before `activate`."""
    path = _path(_settings(data_dir))
    with _failing(), editing(path) as save:
        keyring, key_id = load_keyring(path).with_new_key(activate=False)
        save(keyring)
    typer.echo(key_id)


@commands.command()
def activate(key_id: KeyId, data_dir: DataDirOption = None) -> None:
    """Protect what is stored from now on with this key. What is stored already stays under its own: see `rewrap`."""
    path = _path(_settings(data_dir))
    with _failing(), editing(path) as save:
        save(load_keyring(path).with_active(key_id))
    typer.echo(f"{key_id} is active")


@commands.command()
def rotate(data_dir: DataDirOption = None) -> None:
    """Add a new key, activate it, and wrap all stored data keys with it, while servers send. Print its id."""
    settings = _settings(data_dir)
    path = _path(settings)
    with _failing():
        with editing(path) as save:
            keyring, key_id = load_keyring(path).with_new_key(activate=True)
            save(keyring)
        typer.echo(f"{key_id} is active; back up {path} now", err=True)
        _rewrap(settings)
    typer.echo(key_id)


@commands.command()
def rewrap(data_dir: DataDirOption = None) -> None:
    """Wrap all stored data keys with the active key. What they encrypt is not touched; repeat it as you like."""
    settings = _settings(data_dir)
    with _failing():
        _rewrap(settings)


@commands.command()
def remove(key_id: KeyId, data_dir: DataDirOption = None) -> None:
    """Remove a key that no stored secret needs. Backups of the database from before `rewrap` still need it."""
    settings = _settings(data_dir)
    path = _path(settings)
    with _failing(), editing(path) as save:
        keyring = load_keyring(path)
        if key_id == keyring.active:
            _fail(f"{key_id} is the active key: activate another one first, or rotate")
        smaller = keyring.without(key_id)
        if count := asyncio.run(_with_tables(settings, _settled_uses))[key_id]:
            _fail(f"{key_id} protects {count} stored secrets: run `clarion-server keys rewrap` first")
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
        _fail(f"{len(problems)} secrets could not be read, and stay as they are")


async def _with_tables(settings: Settings, work: Callable[[list[SealedTable]], Awaitable[_T]]) -> _T:
    async with AsyncExitStack() as stack:
        database = Database(settings.database)
        stack.push_async_callback(database.close)
        await database.migrate()
        return await work(sealed_tables(database))


def _settings(data_dir: Path | None) -> Settings:
    try:
        settings = load(data_dir=data_dir)
    except SettingsError as error:
        _fail(f"settings:\n{error}")
    logs.configure(settings.log_format, "warning")
    return settings


def _path(settings: Settings) -> Path:
    if settings.key_wrapper != "file":
        _fail(f"the keys are kept by {settings.key_wrapper!r}, not in a file: of these commands only `rewrap` applies")
    return settings.keyring_path


class _failing:  # noqa: N801 - reads like a statement
    """Ends the command with the text of an error that an operator can mend."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, KeyUnavailable):
            _fail(f"the keyring has no key {error.key_id!r}; `clarion-server keys list` shows those that it has")
        if isinstance(error, (DatabaseUnusable, KeyringUnusable, StoreUnavailable)):
            _fail(str(error))


def _fail(message: str) -> NoReturn:
    typer.echo(f"clarion-server: {message}", err=True)
    raise typer.Exit(1)
