"""The connection to the database: engine, transactions, migrations.

SQLite runs in WAL mode: readers never wait, and writers take their turn. PostgreSQL has a pool of connections whose
every wait is bounded. `StoreUnavailable` is all that a caller sees of the database's own errors; the log has their
texts, once an outage.
"""

from __future__ import annotations

import asyncio
import functools
import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

import structlog
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
from clarion_server.starting import CannotStart
from clarion_server.store.migrations import is_current

_BUSY_TIMEOUT = 5.0
"""Seconds that a statement waits for another process that writes to the same SQLite file."""
_MIGRATION_BUSY_TIMEOUT = 120.0
"""The same while migrating, when the other process may be rewriting a table."""
_MIGRATION_LOCK = 0x436C6172696F6E
"""Name of PostgreSQL's advisory lock for migrations: any number that nobody else uses in this database."""
_ANSWER_TIMEOUT = 30.0
"""Seconds after which a caller no longer waits for the database. Over all the limits that the database itself has, so
it counts only for one that hangs."""
_LAST_ANSWERS = 10.0
"""Seconds to wait, when closing, for what still runs."""
_POSTGRESQL_LIMITS = {
    "statement_timeout": 15_000,
    "lock_timeout": 10_000,
    "idle_in_transaction_session_timeout": 30_000,
}
"""Milliseconds."""
_POSTGRESQL_MIGRATION_LIMITS = {"lock_timeout": 300_000, "statement_timeout": 0}
_POSTGRESQL_NETWORK = {
    # Seconds to connect, for each address of the host.
    "connect_timeout": 5,
    # A database that vanished without a word (a machine that lost power) is noticed within about 20 seconds.
    "keepalives_idle": 10,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,  # milliseconds
    "application_name": "clarion-server",
}
_POOL = {"pool_size": 5, "max_overflow": 10, "pool_timeout": 5.0, "pool_recycle": 3600, "pool_pre_ping": True}

_log = structlog.get_logger(__name__)

_OUR_FAULT = (IntegrityError, ProgrammingError, DataError, NotSupportedError)


_P = ParamSpec("_P")
_T = TypeVar("_T")


class DatabaseUnusable(CannotStart):
    """The database cannot be used with these settings, or by this version of Clarion; the text says why."""


class Database:
    """The database of one server process. Call `migrate` before use and `close` at the end.

    Args:
        url: `sqlite:///PATH` (relative) or `sqlite:////PATH` (absolute), or `postgresql+psycopg://USER:PASSWORD@HOST/DB`
            with libpq's parameters as its query. An SQLite file that does not exist is made with mode 0600, its folder
            with 0700.

    Attributes:
        is_sqlite: whether it is SQLite.

    Raises:
        DatabaseUnusable: the URL is not one, or names an SQLite database in memory.
    """

    def __init__(self, url: str) -> None:
        self._url = _read_url(url)
        self.is_sqlite = self._url.get_backend_name() == "sqlite"
        self._engine = self._make_engine(_BUSY_TIMEOUT, _POSTGRESQL_LIMITS)
        self._writer = self._engine.execution_options(clarion_begin="BEGIN IMMEDIATE")
        self._reader_of_one = self._engine.execution_options(clarion_begin="")
        # SQLite has one writer at a time. Waiting here is fair and costs nothing; SQLite itself would poll.
        self._turn = asyncio.Lock() if self.is_sqlite else nullcontext()
        self._running: set[asyncio.Task[Any]] = set()
        self._away = False

    async def migrate(self) -> None:
        """Bring the tables to the newest form. Of several processes that start at once, one does it, the others wait.

        Raises:
            DatabaseUnusable: the file cannot be made, or was written by a newer version of Clarion.
            StoreUnavailable: the database does not answer.
        """
        if self.is_sqlite:
            _create_private(Path(self._url.database or ""))
        engine = self._make_engine(_MIGRATION_BUSY_TIMEOUT, _POSTGRESQL_MIGRATION_LIMITS)
        try:
            async with self._errors(), engine.execution_options(clarion_begin="BEGIN IMMEDIATE").begin() as connection:
                if connection.dialect.name == "postgresql":
                    await connection.execute(text(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})"))
                if not await connection.run_sync(is_current):
                    await connection.run_sync(_upgrade)
        finally:
            await engine.dispose()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncSession]:
        """Open a session for reading; what is read belongs to one moment (on SQLite)."""
        async with self._errors(), AsyncSession(self._engine) as session, session.begin():
            yield session

    @asynccontextmanager
    async def read_one(self) -> AsyncIterator[AsyncSession]:
        """Open a session for a single statement, which needs no transaction to belong to one moment.

        On SQLite a transaction is begun by a statement of its own, which is left out.
        """
        async with self._errors(), AsyncSession(self._reader_of_one) as session, session.begin():
            yield session

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncSession]:
        """Open a transaction for writing. It is committed at the end of the block, or undone if the block raises."""
        async with self._errors(), self._turn, AsyncSession(self._writer) as session, session.begin():
            yield session

    async def in_turn(self, session: AsyncSession, lock: int) -> None:
        """Let only one transaction at a time go on from here, of all servers. On SQLite every writing one is such.

        Args:
            session: one of `write`; its end lets the next one go on.
            lock: a number from 1 on for what is done in turn, no other's.
        """
        if not self.is_sqlite:
            await (await session.connection()).execute(text(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK + lock})"))

    async def finish(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Run work with transactions to its end, even if the caller is cancelled meanwhile.

        A statement that is cancelled goes on in the driver's thread. If it is the one that begins a transaction, that
        transaction stays open afterwards, and with it SQLite's write lock. So nothing here is ever cancelled; of a
        database that hangs the caller hears after half a minute.

        Raises:
            StoreUnavailable: the work is not done yet; it may still happen.
        """
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._finished)
        await asyncio.wait({task}, timeout=_ANSWER_TIMEOUT)
        if not task.done():
            _log.warning("the database hangs", seconds=_ANSWER_TIMEOUT)
            raise StoreUnavailable
        return task.result()

    async def close(self) -> None:
        """Finish what runs and close all connections. On SQLite, the last process folds the WAL back into the file."""
        until = asyncio.get_running_loop().time() + _LAST_ANSWERS
        while self._running and (left := until - asyncio.get_running_loop().time()) > 0:
            await asyncio.wait(self._running, timeout=left)
        await self._engine.dispose()

    def _finished(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # looked at, also when the caller has left

    @asynccontextmanager
    async def _errors(self) -> AsyncIterator[None]:
        """Turn what the database has into `StoreUnavailable`; what we did wrong stays what it is."""
        try:
            yield
        except _OUR_FAULT:
            raise
        except (DBAPIError, PoolTimeoutError, OSError) as error:
            if not self._away:
                self._away = True
                _log.warning("the database does not answer", database=self._place(), reason=self._reason(error))
            raise StoreUnavailable from error
        if self._away:
            self._away = False
            _log.info("the database answers again", database=self._place())

    def _place(self) -> str:
        return self._url.render_as_string(hide_password=True).partition("?")[0]

    def _reason(self, error: Exception) -> str:
        """Return the driver's text, without the statement that SQLAlchemy adds to it, and without the password."""
        cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
        reason = f"{type(cause).__name__}: {' '.join(str(cause).split())}"
        secrets = [self._url.password, *(value for name, value in self._url.query.items() if "password" in name)]
        for secret in secrets:
            if isinstance(secret, str) and secret:
                reason = reason.replace(secret, "***")
        return reason

    def _make_engine(self, busy_timeout: float, limits: Mapping[str, int]) -> AsyncEngine:
        # hide_parameters: what is stored must not get into the texts of exceptions, and so into logs.
        if not self.is_sqlite:
            # What the URL says wins, but for `options`, which are added to ours.
            network = {name: value for name, value in _POSTGRESQL_NETWORK.items() if name not in self._url.query}
            options = " ".join(f"-c {name}={value}" for name, value in limits.items())
            given = self._url.query.get("options", "")
            network["options"] = f"{options} {given if isinstance(given, str) else ' '.join(given)}".strip()
            try:
                return create_async_engine(self._url, hide_parameters=True, connect_args=network, **_POOL)
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
        elif parsed.drivername == "postgresql":
            parsed = parsed.set(drivername="postgresql+psycopg")
        parsed.get_dialect()
    except (ArgumentError, NoSuchModuleError, ImportError, ValueError) as error:
        # Without the cause's text, which repeats the URL and so a password in it.
        raise DatabaseUnusable(
            "the database URL cannot be read; give for example sqlite:////var/lib/clarion/clarion.db or "
            "postgresql+psycopg://user:password@host/database, special characters in the password percent-encoded"
        ) from error
    if "@" in (parsed.host or ""):
        # A part of the password was taken for the host, and would be told to DNS and to the log.
        raise DatabaseUnusable("the database URL has an @ in its user or password; write it as %40")
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
    if begin := connection.get_execution_options().get("clarion_begin", "BEGIN"):
        connection.exec_driver_sql(begin)


def _upgrade(connection: Connection) -> None:
    # Here, because Alembic takes a tenth of the time of a start, and most starts have nothing to migrate.
    from clarion_server.store.migrations.upgrade import NewerDatabase, upgrade  # noqa: PLC0415  # see above

    try:
        upgrade(connection)
    except NewerDatabase as error:
        raise DatabaseUnusable(
            "the database was written by a newer version of Clarion; run that version, or restore a backup"
        ) from error
