"""Tables whose rows hold sealed secrets, whatever these belong to: for wrapping their data keys anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import func, select, tuple_, update

from clarion_server.ports import Place, SealedSecret
from clarion_server.store.database import Database, finishing
from clarion_server.store.tables import Table

_SEALED_COLUMNS = ("format", "key_id", "wrapped_key", "ciphertext")


class SqlSealedRows:
    """A `SealedRows` on a table.

    Args:
        database: migrated.
        table: has the columns `format`, `key_id`, `wrapped_key` and `ciphertext`, those of `SealedSecret`. A place is
            its primary key, in the order of the columns.
    """

    def __init__(self, database: Database, table: type[Table]) -> None:
        self._database = database
        self._table: Any = table
        columns = table.metadata.tables[str(table.__tablename__)].c
        self._place: list[Any] = [column for column in columns if column.primary_key]
        self._sealed: list[Any] = [columns[name] for name in _SEALED_COLUMNS]
        self._key_id: Any = columns["key_id"]
        self._wrapped_key: Any = columns["wrapped_key"]

    @finishing
    async def key_ids(self) -> Mapping[str, int]:
        """See `SealedRows.key_ids`."""
        async with self._database.read() as session:
            query = select(self._key_id, func.count()).group_by(self._key_id).order_by(self._key_id)
            rows = (await (await session.connection()).execute(query)).all()
        return {row[0]: row[1] for row in rows}

    @finishing
    async def wrapped_by_others(
        self, key_id: str, after: Place | None, limit: int
    ) -> Sequence[tuple[Place, SealedSecret]]:
        """See `SealedRows.wrapped_by_others`."""
        query = select(*self._place, *self._sealed).where(self._key_id != key_id).order_by(*self._place).limit(limit)
        if after is not None:
            query = query.where(tuple_(*self._place) > tuple_(*after))
        async with self._database.read() as session:
            rows = (await (await session.connection()).execute(query)).all()
        width = len(self._place)
        return [(tuple(row[:width]), SealedSecret(*row[width:])) for row in rows]

    @finishing
    async def rewrap(self, changes: Sequence[tuple[Place, SealedSecret, SealedSecret]]) -> int:
        """See `SealedRows.rewrap`."""
        changed = 0
        async with self._database.write() as session:
            connection = await session.connection()
            for place, before, after in changes:
                statement = (
                    update(self._table)
                    .where(*(column == value for column, value in zip(self._place, place, strict=True)))
                    .where(self._key_id == before.key_id, self._wrapped_key == before.wrapped_key)
                    .values(key_id=after.key_id, wrapped_key=after.wrapped_key)
                )
                changed += (await connection.execute(statement)).rowcount
        return changed
