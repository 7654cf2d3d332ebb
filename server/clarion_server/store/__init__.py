"""The database: tables, migrations, and the stores of `clarion_server.ports` on top of them.

Nothing outside of this package knows SQL. SQLite is the default; the statements are those that PostgreSQL knows too.
"""

from __future__ import annotations

from clarion_server.store.apps import SqlAppStore
from clarion_server.store.channels import SqlChannelStore
from clarion_server.store.database import Database, DatabaseUnusable
from clarion_server.store.quotas import SqlQuotaStore

__all__ = ["Database", "DatabaseUnusable", "SqlAppStore", "SqlChannelStore", "SqlQuotaStore"]
