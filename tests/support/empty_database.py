"""Empty databases with all tables, for tests that are about something else than how the tables are made.

Making the tables takes longer than most of these tests; copying an empty database does not. What migrates is proven in
tests/contract/store and with every process that is started on a new folder.
"""

from __future__ import annotations

import asyncio
import functools
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from clarion_server.store import Database
from tests.support.postgresql import PostgreSQL


def put_sqlite(path: Path) -> None:
    """Write an empty SQLite database, as the server makes it: for nobody else to read. One that is there stays."""
    if path.exists():
        return
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_bytes(_sqlite())


def create_postgresql(server: PostgreSQL) -> str:
    """Make an empty database in PostgreSQL; return its URL."""
    return server.create_database(_template(server))


@functools.cache
def _sqlite() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clarion.db"
        _migrate(f"sqlite:///{path}")
        return path.read_bytes()


@functools.cache
def _template(server: PostgreSQL) -> str:
    url = server.create_database()
    _migrate(url)
    return url


def _migrate(url: str) -> None:
    async def migrate() -> None:
        database = Database(url)
        await database.migrate()
        await database.close()

    # In a thread of its own: the caller may be in an event loop.
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, migrate()).result()
