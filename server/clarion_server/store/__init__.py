"""The database: tables, migrations, and the stores of `clarion_server.ports` on top of them.

Nothing outside of this package knows SQL. SQLite is the default; the statements are those that PostgreSQL knows too.
"""

from __future__ import annotations

from clarion_server.store.apps import SqlAppStore
from clarion_server.store.audit import SqlAuditStore
from clarion_server.store.channels import SqlChannelStore
from clarion_server.store.database import Database, DatabaseUnusable
from clarion_server.store.iam import SqlIamStore
from clarion_server.store.iam_tables import AccessKeyRow
from clarion_server.store.quotas import SqlQuotaStore
from clarion_server.store.sealed import SqlSealedRows
from clarion_server.store.tables import ChannelCredentialRow

__all__ = [
    "AccessKeyRow",
    "ChannelCredentialRow",
    "Database",
    "DatabaseUnusable",
    "SqlAppStore",
    "SqlAuditStore",
    "SqlChannelStore",
    "SqlIamStore",
    "SqlQuotaStore",
    "SqlSealedRows",
]
