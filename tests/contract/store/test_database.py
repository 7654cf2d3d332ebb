"""What every database connection does: migrations, errors, transactions."""

from __future__ import annotations

import asyncio
import multiprocessing
import sqlite3
import stat
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from clarion_server.errors import StoreUnavailable
from clarion_server.store import Database, DatabaseUnusable, SqlAppStore
from clarion_server.store.migrations import DIRECTORY, newest
from clarion_server.store.tables import Table


def _differences(connection: Connection) -> list[Any]:
    context = MigrationContext.configure(connection, opts={"compare_type": True})
    return list(compare_metadata(context, Table.metadata))


async def test_migrations_make_the_tables_of_the_models(database: Database) -> None:
    """Alembic finds no difference between the migrated database and the models."""
    async with database.read() as session:
        assert await (await session.connection()).run_sync(_differences) == []


async def test_migrating_twice_changes_nothing(database: Database) -> None:
    """A second start finds its data."""
    app = await SqlAppStore(database).create_app("app", {})
    await database.migrate()
    assert await SqlAppStore(database).get_app(app.id) == app


def _start(url: str, start: Any, answers: Any) -> None:
    async def run() -> str:
        database = Database(url)
        try:
            await database.migrate()
            return (await SqlAppStore(database).create_app("app", {})).id
        finally:
            await database.close()

    start.wait(60)
    try:
        answers.put(asyncio.run(run()))
    except Exception as error:  # noqa: BLE001 - the parent process reports it
        answers.put(repr(error))


async def test_processes_that_start_at_once_all_work(database_url: str) -> None:
    """Several processes that migrate the same new database at the same time all come up and write."""
    context = multiprocessing.get_context("spawn")
    start, answers = context.Barrier(3), context.Queue()
    processes = [context.Process(target=_start, args=(database_url, start, answers)) for _ in range(3)]
    for process in processes:
        process.start()
    ids = {await asyncio.to_thread(answers.get, timeout=120) for _ in processes}
    for process in processes:
        await asyncio.to_thread(process.join, 60)
    database = Database(database_url)
    assert {app.id for app in (await SqlAppStore(database).list_apps(10)).apps} == ids
    await database.close()


async def test_a_database_of_a_newer_version_is_refused(database: Database) -> None:
    """A server does not touch a database whose migrations it does not know, and says what to do."""
    async with database.write() as session:
        await (await session.connection()).execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(DatabaseUnusable, match="newer version of Clarion"):
        await database.migrate()


def test_newest_revision_is_the_last_file() -> None:
    """What a server takes for the newest revision, without Alembic, is what Alembic would migrate to."""
    config = Config()
    config.set_main_option("script_location", str(DIRECTORY))
    config.set_main_option("path_separator", "os")
    assert ScriptDirectory.from_config(config).get_heads() == [newest()]


async def test_a_failed_block_is_undone(database: Database) -> None:
    """If a writing block raises, nothing of it is stored, and the next one works."""
    apps = SqlAppStore(database)
    with pytest.raises(ZeroDivisionError):  # noqa: PT012 - the block is what is tested
        async with database.write() as session:
            await (await session.connection()).execute(
                text(
                    "INSERT INTO app (id, name, channels_revision, create_time, update_time) "
                    "VALUES ('x', 'x', 0, '2026-01-01 00:00:00', '2026-01-01 00:00:00')"
                )
            )
            raise ZeroDivisionError
    assert (await apps.list_apps(10)).apps == []
    await apps.create_app("app", {})


async def test_a_cancelled_write_leaves_a_working_store(database: Database) -> None:
    """Writes that are cancelled at any point leave no lock behind, and never half of an app."""
    apps = SqlAppStore(database)
    tags = {str(number): "" for number in range(20)}
    for number in range(150):
        task = asyncio.create_task(apps.create_app("cancelled", tags))
        await asyncio.sleep(0.0001 * (number % 75))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await apps.create_app("next", {})
    found = (await apps.list_apps(1000)).apps
    assert sum(app.name == "next" for app in found) == 150
    assert {len(app.tags) for app in found if app.name == "cancelled"} == {20}


async def test_closing_waits_for_what_runs(database_url: str) -> None:
    """A write whose caller has left is finished before the database closes."""
    database = Database(database_url)
    await database.migrate()
    task = asyncio.create_task(SqlAppStore(database).create_app("app", {}))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await database.close()
    again = Database(database_url)
    assert [app.name for app in (await SqlAppStore(again).list_apps(10)).apps] == ["app"]
    await again.close()


async def test_errors_hold_no_values(tmp_path: Path) -> None:
    """The text of a failed statement, which may be logged, has none of the values that were to be stored."""
    path = tmp_path / "clarion.db"
    database = Database(f"sqlite:///{path}")
    await database.migrate()
    other = sqlite3.connect(path)
    other.execute("DROP TABLE app_tag")
    other.close()
    with pytest.raises(StoreUnavailable) as caught:
        await SqlAppStore(database).create_app("name", {"key": "value-of-the-tag"})
    assert "INSERT INTO app_tag" in str(caught.value.__cause__)
    assert "value-of-the-tag" not in str(caught.value.__cause__)
    await database.close()


async def test_a_database_that_does_not_answer_is_unavailable(tmp_path: Path) -> None:
    """Errors of the database leave the store as StoreUnavailable."""
    path = tmp_path / "clarion.db"
    database = Database(f"sqlite:///{path}")
    await database.migrate()
    await database.close()
    path.write_bytes(b"this is no database at all " * 100)
    for name in ("clarion.db-wal", "clarion.db-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    with pytest.raises(StoreUnavailable):
        await SqlAppStore(database).create_app("app", {})
    await database.close()


async def test_a_locked_sqlite_file_is_waited_for(tmp_path: Path) -> None:
    """While another process writes, a write waits and then happens; a read does not wait."""
    path = tmp_path / "clarion.db"
    database = Database(f"sqlite:///{path}")
    await database.migrate()
    apps = SqlAppStore(database)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    write = asyncio.create_task(apps.create_app("app", {}))
    assert (await asyncio.wait_for(apps.list_apps(10), 60)).apps == []
    assert not write.done()
    other.execute("ROLLBACK")
    other.close()
    app = await asyncio.wait_for(write, 60)
    assert await apps.get_app(app.id) == app
    await database.close()


async def test_sqlite_files_are_private(tmp_path: Path) -> None:
    """Database, WAL and shared memory have mode 0600 in a folder with 0700."""
    path = tmp_path / "new" / "clarion.db"
    database = Database(f"sqlite:///{path}")
    await database.migrate()
    await SqlAppStore(database).create_app("app", {})
    modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()}
    assert modes == {"clarion.db": 0o600, "clarion.db-wal": 0o600, "clarion.db-shm": 0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    await database.close()


async def test_sqlite_runs_with_the_settings_that_safety_needs(tmp_path: Path) -> None:
    """Foreign keys are enforced, the journal is a WAL, and commits are synchronous enough for it."""
    database = Database(f"sqlite:///{tmp_path / 'clarion.db'}")
    await database.migrate()
    async with database.read() as session:
        connection = await session.connection()
        values = {
            name: (await connection.execute(text(f"PRAGMA {name}"))).scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert values == {"journal_mode": "wal", "synchronous": 1, "foreign_keys": 1, "busy_timeout": 5000}
    await database.close()


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "secret@nonsense", "nosuchdb://u:secret@host/x"])
def test_a_database_url_that_will_not_do_is_refused(url: str) -> None:
    """URLs that cannot work are refused at once, without repeating the password in them."""
    with pytest.raises(DatabaseUnusable) as caught:
        Database(url)
    assert "secret" not in str(caught.value)


async def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """A database file that cannot be made says where."""
    (tmp_path / "file").touch()
    database = Database(f"sqlite:///{tmp_path / 'file' / 'clarion.db'}")
    with pytest.raises(DatabaseUnusable, match="cannot be opened for writing"):
        await database.migrate()
    await database.close()
