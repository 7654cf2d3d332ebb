"""Runs Alembic."""

from __future__ import annotations

import alembic.command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection

from clarion_server.store.migrations import DIRECTORY


class NewerDatabase(Exception):
    """The database has migrations that are not known here."""


def upgrade(connection: Connection) -> None:
    """Bring the tables to the newest form, in the connection's transaction.

    Raises:
        NewerDatabase: they are newer.
    """
    config = Config()
    config.set_main_option("script_location", str(DIRECTORY).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    try:
        alembic.command.upgrade(config, "head")
    except CommandError as error:
        raise NewerDatabase from error
