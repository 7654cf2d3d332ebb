"""The connection to the database: engine, transactions, migrations.

SQLite runs in WAL mode: readers never wait, and writers take their turn. `StoreUnavailable` is all that a caller sees
of the database's own errors.
"""

from __future__ import annotations

import asyncio
import functools
import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

import alembic.command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DataError,
    DBAPIError,
    IntegrityError,
    InvalidRequestError,
    NoSuchModuleError,
    NotSupportedError,
    ProgrammingError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlmodel.ext.asyncio.session import AsyncSession

from clarion_server.errors import StoreUnavailable

_MIGRATIONS = Path(__file__).with_name("migrations")
_BUSY_TIMEOUT = 5.0
"""Seconds that a statement waits for another process that writes to the same SQLite file."""
_MIGRATION_BUSY_TIMEOUT = 120.0
"""The same while migrating, when the other process may be rewriting a table."""
_MIGRATION_LOCK = 0x436C6172696F6E
"""Name of PostgreSQL's advisory lock for migrations: any number that nobody else uses in this database."""

_OUR_FAULT = (IntegrityError, ProgrammingError, DataError, NotSupportedError)


_P = ParamSpec("_P")
_T = TypeVar("_T")


class DatabaseUnusable(Exception):
    """The database cannot be used with these settings, or by this version of Clarion; the text says why."""


class Database:
    """The database of one server process. Call `migrate` before use and `close` at the end.

    Args:
        url: `sqlite:///PATH` (relative) or `sqlite:////PATH` (absolute), or another database's SQLAlchemy URL with an
            asynchronous driver. An SQLite file that does not exist is made with mode 0600, its folder with 0700.

    Raises:
        DatabaseUnusable: the URL is not one, or names an SQLite database in memory.
    """

    def __init__(self, url: str) -> None:
        self._url = _read_url(url)
        self._is_sqlite = self._url.get_backend_name() == "sqlite"
        self._engine = self._make_engine(_BUSY_TIMEOUT)
        self._writer = self._engine.execution_options(clarion_begin="BEGIN IMMEDIATE")
        # SQLite has one writer at a time. Waiting here is fair and costs nothing; SQLite itself would poll.
        self._turn = asyncio.Lock() if self._is_sqlite else nullcontext()
        self._running: set[asyncio.Task[Any]] = set()

    async def migrate(self) -> None:
        """Bring the tables to the newest form. Of several processes that start at once, one does it, the others wait.

        Raises:
            DatabaseUnusable: the file cannot be made, or was written by a newer version of Clarion.
            StoreUnavailable: the database does not answer.
        """
        if self._is_sqlite:
            _create_private(Path(self._url.database or ""))
        engine = self._make_engine(_MIGRATION_BUSY_TIMEOUT)
        try:
            async with _store_errors(), engine.execution_options(clarion_begin="BEGIN IMMEDIATE").begin() as connection:
                if connection.dialect.name == "postgresql":
                    await connection.execute(text(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})"))
                await connection.run_sync(_upgrade)
        finally:
            await engine.dispose()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncSession]:
        """Open a session for reading; what is read belongs to one moment (on SQLite)."""
        async with _store_errors(), AsyncSession(self._engine) as session, session.begin():
            yield session

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncSession]:
        """Open a transaction for writing. It is committed at the end of the block, or undone if the block raises."""
        async with _store_errors(), self._turn, AsyncSession(self._writer) as session, session.begin():
            yield session

    async def finish(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Run work with transactions to its end, even if the caller is cancelled meanwhile.

        A statement that is cancelled goes on in the driver's thread. If it is the one that begins a transaction, that
        transaction stays open afterwards, and with it SQLite's write lock. So nothing here is ever cancelled.
        """
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Finish what runs and close all connections. On SQLite, the last process folds the WAL back into the file."""
        while self._running:
            await asyncio.wait(self._running)
        await self._engine.dispose()

    def _make_engine(self, busy_timeout: float) -> AsyncEngine:
        # hide_parameters: what is stored must not get into the texts of exceptions, and so into logs.
        if not self._is_sqlite:
            try:
                return create_async_engine(self._url, hide_parameters=True, pool_pre_ping=True)
            except (ImportError, InvalidRequestError) as error:
                name = self._url.drivername
                raise DatabaseUnusable(
                    f"database_url: the driver of {name}:// is not installed, or not asynchronous"
                ) from error
        engine = create_async_engine(self._url, hide_parameters=True, connect_args={"timeout": busy_timeout})
        event.listen(engine.sync_engine, "connect", _prepare_sqlite)
        event.listen(engine.sync_engine, "begin", _begin_sqlite)
        return engine


class _Store(Protocol):
    _database: Database


_S = TypeVar("_S", bound=_Store)


def finishing(
    method: Callable[Concatenate[_S, _P], Coroutine[Any, Any, _T]],
) -> Callable[Concatenate[_S, _P], Coroutine[Any, Any, _T]]:
    """Make a method of a store run to its end even if its caller is cancelled; see `Database.finish`."""

    @functools.wraps(method)
    async def wrapper(self: _S, /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        return await self._database.finish(method(self, *args, **kwargs))

    return wrapper


def _read_url(url: str) -> URL:
    try:
        parsed = make_url(url)
        if parsed.drivername == "sqlite":
            parsed = parsed.set(drivername="sqlite+aiosqlite")
        parsed.get_dialect()
    except (ArgumentError, NoSuchModuleError, ImportError) as error:
        # Without the cause's text, which repeats the URL and so a password in it.
        raise DatabaseUnusable(
            "the database URL cannot be read; give for example sqlite:////var/lib/clarion/clarion.db"
        ) from error
    if parsed.get_backend_name() == "sqlite" and (parsed.database or ":memory:") == ":memory:":
        raise DatabaseUnusable("an SQLite database in memory is not supported; give a file: sqlite:///PATH")
    return parsed


def _create_private(path: Path) -> None:
    """Make an empty database file that only this user may read. SQLite gives its -wal and -shm the same mode."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise DatabaseUnusable(
            f"the database {path} cannot be opened for writing: {error.strerror}; give the server's user the right, "
            "or configure another place"
        ) from error


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # The driver shall not begin transactions by itself: _begin_sqlite does, in the mode that is needed.
    connection.isolation_level = None
    cursor = connection.cursor()
    try:
        _set_journal_mode(cursor)
        cursor.execute("PRAGMA synchronous=NORMAL")
        cursor.execute("PRAGMA foreign_keys=ON")
    finally:
        cursor.close()


def _set_journal_mode(cursor: Any) -> None:
    """Switch to WAL, which stays with the file. When two processes switch a new file at once, SQLite may not wait."""
    for attempts_left in reversed(range(100)):
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError:
            if not attempts_left:
                raise
            cursor.execute("SELECT 1")
        else:
            return


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("clarion_begin", "BEGIN"))


def _upgrade(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    try:
        alembic.command.upgrade(config, "head")
    except CommandError as error:
        raise DatabaseUnusable(
            "the database was written by a newer version of Clarion; run that version, or restore a backup"
        ) from error


@asynccontextmanager
async def _store_errors() -> AsyncIterator[None]:
    """Turn what the database has into `StoreUnavailable`; what we did wrong stays what it is."""
    try:
        yield
    except _OUR_FAULT:
        raise
    except (DBAPIError, PoolTimeoutError, OSError) as error:
        raise StoreUnavailable from error
