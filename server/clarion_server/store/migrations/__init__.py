"""Alembic migrations, run by `Database.migrate`; packaged with the server, so that a wheel can migrate too."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text

DIRECTORY = Path(__file__).parent


def newest() -> str:
    """Return the newest revision. The file of a migration begins with it, four digits, which only go up."""
    return max(path.name for path in (DIRECTORY / "versions").glob("[0-9]*.py")).partition("_")[0]


def is_current(connection: Connection) -> bool:
    """Return whether the database has the newest revision, and so needs no Alembic."""
    if not inspect(connection).has_table("alembic_version"):
        return False
    return bool(connection.scalar(text("SELECT version_num FROM alembic_version")) == newest())
