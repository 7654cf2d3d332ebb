"""Databases on which every store must behave alike."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from clarion_server.store import Database, SqlAppStore, SqlChannelStore


@pytest.fixture(params=["sqlite"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of an empty database. Another kind of database is another parameter here."""
    assert request.param == "sqlite"
    return f"sqlite:///{tmp_path / 'data' / 'clarion.db'}"


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """Provide a migrated, empty database."""
    database = Database(database_url)
    await database.migrate()
    yield database
    await database.close()


@pytest.fixture
def apps(database: Database) -> SqlAppStore:
    """Provide the store of apps."""
    return SqlAppStore(database)


@pytest.fixture
def channels(database: Database) -> SqlChannelStore:
    """Provide the store of channels."""
    return SqlChannelStore(database)
