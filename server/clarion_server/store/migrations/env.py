"""What Alembic runs: the migrations, on the connection and in the transaction of `Database.migrate`."""

from __future__ import annotations

from alembic import context

from clarion_server.store.tables import Table

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Table.metadata,
    transactional_ddl=True,
)
context.run_migrations()
