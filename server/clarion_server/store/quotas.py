"""Quotas, and the processes that share them, in the database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields

from sqlmodel import col, delete, select, update

from clarion_server.quotas.model import ProcessBeat, Quotas, QuotaState
from clarion_server.store.apps import find_app
from clarion_server.store.database import Database, finishing
from clarion_server.store.quota_tables import QuotaProcessRow, QuotaRevisionRow, QuotaRow

_NAMES = tuple(field.name for field in fields(Quotas))
_ACCOUNT = ""


class SqlQuotaStore:
    """A `QuotaStore` on a database.

    Args:
        database: migrated.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    @finishing
    async def read_quotas(self) -> QuotaState:
        """See `QuotaStore.read_quotas`."""
        async with self._database.read() as session:
            # First: what changes meanwhile has a later revision, and is read again.
            revision = (await session.exec(select(QuotaRevisionRow.revision))).one()
            found = {row.scope: _quotas(row) for row in await session.exec(select(QuotaRow))}
            return QuotaState(revision, found.pop(_ACCOUNT, Quotas()), found)

    @finishing
    async def update_quotas(self, app_id: str, changes: Mapping[str, int | None]) -> Quotas:
        """See `QuotaStore.update_quotas`."""
        async with self._database.write() as session:
            # Of several changes at once, one waits here for the other.
            await session.exec(update(QuotaRevisionRow).values(revision=col(QuotaRevisionRow.revision) + 1))
            if app_id:
                await find_app(session, app_id, lock=True)
            row = await session.get(QuotaRow, app_id)
            if row is None:
                row = QuotaRow(scope=app_id, app_id=app_id or None)
                session.add(row)
            for name, value in changes.items():
                setattr(row, name, value)
            return _quotas(row)

    @finishing
    async def check_app(self, app_id: str) -> None:
        """See `QuotaStore.check_app`."""
        async with self._database.read() as session:
            await find_app(session, app_id)

    @finishing
    async def look(self) -> tuple[int, Sequence[ProcessBeat]]:
        """See `QuotaStore.look`."""
        async with self._database.read() as session:
            revision = (await session.exec(select(QuotaRevisionRow.revision))).one()
            rows = (await session.exec(select(QuotaProcessRow))).all()
            return revision, [ProcessBeat(row.id, row.beat, row.active) for row in rows]

    @finishing
    async def beat(self, process: ProcessBeat) -> None:
        """See `QuotaStore.beat`."""
        async with self._database.write() as session:
            row = await session.get(QuotaProcessRow, process.id)
            if row is None:
                session.add(QuotaProcessRow(id=process.id, beat=process.beat, active=process.active))
            else:
                row.beat, row.active = process.beat, process.active

    @finishing
    async def forget(self, process_ids: Sequence[str]) -> None:
        """See `QuotaStore.forget`."""
        async with self._database.write() as session:
            await session.exec(delete(QuotaProcessRow).where(col(QuotaProcessRow.id).in_(process_ids)))


def _quotas(row: QuotaRow) -> Quotas:
    return Quotas(**{name: getattr(row, name) for name in _NAMES})
