"""Stores that must all behave alike: those on databases, and those in memory that other tests use instead."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from clarion_server.ports import ChannelStore
from clarion_server.store import Database, SqlAppStore, SqlChannelStore
from tests.support.empty_database import create_postgresql, put_sqlite
from tests.support.memory_stores import MemoryChannelStore
from tests.support.postgresql import PostgreSQL

DATABASES = ("sqlite", "postgresql")
"""Kinds of databases. Another kind is another entry here and another URL in `url_of`."""


def url_of(request: pytest.FixtureRequest, directory: Path) -> str:
    """Return the URL of an empty database of the kind that is the fixture's parameter."""
    if request.param == "postgresql":
        server: PostgreSQL = request.getfixturevalue("postgresql")
        return server.create_database()
    return f"sqlite:///{directory / 'data' / 'clarion.db'}"


def migrated_url_of(request: pytest.FixtureRequest, directory: Path) -> str:
    """Return the URL of a database of the kind that is the fixture's parameter, empty, with all tables."""
    if request.param == "postgresql":
        return create_postgresql(request.getfixturevalue("postgresql"))
    path = directory / "data" / "clarion.db"
    put_sqlite(path)
    return f"sqlite:///{path}"


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    """Open a migrated, empty database."""
    database = Database(url)
    await database.migrate()
    try:
        yield database
    finally:
        await database.close()


@pytest.fixture(params=DATABASES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of an empty database."""
    return url_of(request, tmp_path)


@pytest.fixture(params=DATABASES)
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    """Provide a migrated, empty database."""
    async with opened(migrated_url_of(request, tmp_path)) as database:
        yield database


@pytest.fixture
def apps(database: Database) -> SqlAppStore:
    """Provide the store of apps."""
    return SqlAppStore(database)


@pytest.fixture(params=[*DATABASES, "memory"])
async def channels_of_app(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[tuple[ChannelStore, str]]:
    """Provide a store of channels and the id of the only app in it, which has none."""
    if request.param == "memory":
        app_id = "1" * 32
        yield MemoryChannelStore(app_id), app_id
        return
    async with opened(migrated_url_of(request, tmp_path)) as database:
        app = await SqlAppStore(database).create_app("app", {})
        yield SqlChannelStore(database), app.id


@pytest.fixture
def channels(channels_of_app: tuple[ChannelStore, str]) -> ChannelStore:
    """Provide the store of channels."""
    return channels_of_app[0]


@pytest.fixture
def app_id(channels_of_app: tuple[ChannelStore, str]) -> str:
    """Provide the app in the store of channels."""
    return channels_of_app[1]
