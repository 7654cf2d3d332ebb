"""What is PostgreSQL's own: connections, bounded waits, errors without passwords."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest
import structlog
from sqlalchemy import text

from clarion_server.errors import StoreUnavailable
from clarion_server.store import Database, DatabaseUnusable, SqlAppStore
from clarion_server.store import database as database_module
from tests.support.postgresql import PostgreSQL, postgresql_server


@pytest.fixture
def url(postgresql: PostgreSQL) -> str:
    """URL of an empty database."""
    return postgresql.create_database()


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    """Provide a migrated, empty database."""
    opened = Database(url)
    await opened.migrate()
    yield opened
    await opened.close()


async def run(database: Database, statement: str) -> object:
    """Run a statement and return its first value."""
    async with database.read() as session:
        return (await (await session.connection()).execute(text(statement))).scalar()


async def test_every_wait_is_bounded(database: Database) -> None:
    """Statements, locks and idle transactions have time limits in the database itself."""
    found = {
        name: await run(database, f"SHOW {name}")
        for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "application_name")
    }
    assert found == {
        "statement_timeout": "15s",
        "lock_timeout": "10s",
        "idle_in_transaction_session_timeout": "30s",
        "application_name": "clarion-server",
    }


async def test_the_url_may_say_otherwise(url: str) -> None:
    """Libpq's parameters in the URL win over the defaults; a statement that takes too long is StoreUnavailable."""
    database = Database(f"{url}&application_name=mine&options=-c%20statement_timeout%3D100")
    assert await run(database, "SHOW application_name") == "mine"
    assert await run(database, "SHOW lock_timeout") == "10s"
    with pytest.raises(StoreUnavailable):
        await run(database, "SELECT pg_sleep(60)")
    assert await run(database, "SELECT 1") == 1
    await database.close()


async def test_plain_postgresql_urls_use_the_driver_that_is_there(url: str) -> None:
    """`postgresql://` means psycopg, as in other tools' settings."""
    database = Database(url.replace("postgresql+psycopg://", "postgresql://"))
    assert await run(database, "SELECT 1") == 1
    await database.close()


async def test_connections_that_died_are_replaced(database: Database, postgresql: PostgreSQL, url: str) -> None:
    """After the database has dropped all connections, the next calls succeed without an error."""
    apps = SqlAppStore(database)
    await asyncio.gather(*(apps.create_app("app", {}) for _ in range(10)))
    postgresql.execute(
        url,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )
    for _ in range(10):
        await apps.create_app("app", {})


async def test_errors_name_no_password(url: str, postgresql: PostgreSQL) -> None:
    """A refused login is told once with the database's own words; neither the right nor a wrong password is in them."""
    wrong = "wr0ng-password"
    database = Database(url.replace(postgresql.password, wrong))
    errors: list[BaseException | None] = []
    with structlog.testing.capture_logs() as logs:
        for _ in range(3):
            with pytest.raises(StoreUnavailable) as caught:
                await SqlAppStore(database).list_apps(1)
            errors += [caught.value, caught.value.__cause__]
    assert "password authentication failed" in logs[0]["reason"]
    assert len(logs) == 1
    said = f"{logs}{errors}"
    assert wrong not in said
    assert postgresql.password not in said
    await database.close()


async def test_a_password_in_the_wrong_place_is_not_looked_up() -> None:
    """An @ in the password would make its rest the host, which DNS and the log get to see."""
    with pytest.raises(DatabaseUnusable, match="%40") as caught:
        Database("postgresql+psycopg://clarion:my@secret@db.example/clarion")
    assert "secret" not in str(caught.value)


async def test_apps_are_visible_in_the_order_of_their_numbers(database: Database, url: str) -> None:
    """An app gets no number while one with a smaller number is not visible yet: a page would skip that one."""

    async def create() -> None:
        other = Database(url)
        await SqlAppStore(other).create_app("second", {})
        await other.close()

    second = threading.Thread(target=lambda: asyncio.run(create()))

    class Tags(dict[str, str]):
        """Tags that are read when the first app has its number, in its transaction."""

        waited = False

        def items(self) -> Any:
            if second.ident is None:
                second.start()
                second.join(1.0)
                self.waited = second.is_alive()
            return super().items()

    tags = Tags(key="value")
    await SqlAppStore(database).create_app("first", tags)
    await asyncio.to_thread(second.join, 60)
    assert tags.waited
    assert [app.name for app in (await SqlAppStore(database).list_apps(10)).apps] == ["first", "second"]


async def test_a_database_that_hangs_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    """A caller does not wait for ever; what hung goes on when the database does."""
    monkeypatch.setattr(database_module, "_ANSWER_TIMEOUT", 0.5)
    with postgresql_server() as server:
        database = Database(server.create_database())
        await database.migrate()
        apps = SqlAppStore(database)
        await apps.create_app("before", {})
        server.freeze(signal.SIGSTOP)
        try:
            with pytest.raises(StoreUnavailable):
                await apps.create_app("meanwhile", {})
        finally:
            server.freeze(signal.SIGCONT)
        monkeypatch.setattr(database_module, "_ANSWER_TIMEOUT", 30.0)
        await apps.create_app("after", {})
        assert {app.name for app in (await apps.list_apps(10)).apps} >= {"before", "after"}
        await database.close()
