"""Audit records in the database: added, looked up, and removed when their time is over; never changed.

Triggers refuse every other change and removal. They guard against mistakes, not against the owner of the database.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select, tuple_, update
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from clarion_server.access_model import AuditRecord, CredentialType, Identity, IdentityKind
from clarion_server.audit.model import AuditCursor, AuditPage, AuditQuery
from clarion_server.store.database import Database, finishing
from clarion_server.store.tables import AuditEventRow, AuditRetentionRow

_EVENTS: Any = AuditEventRow.metadata.tables["audit_event"]
_RETENTION: Any = AuditRetentionRow.metadata.tables["audit_retention"]
_EXPIRY = 2
"""The lock of `Database.in_turn` for removing records."""


class SqlAuditStore:
    """An `AuditStore` on a database.

    Args:
        database: migrated.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    @finishing
    async def append(self, records: Sequence[AuditRecord]) -> None:
        """See `AuditStore.append`."""
        rows = [_values(record) for record in records]
        async with self._database.write() as session:
            connection = await session.connection()
            statement = _insert(connection.dialect.name).on_conflict_do_nothing(index_elements=["id"])
            await connection.execute(statement, rows)

    @finishing
    async def lookup(self, query: AuditQuery, page_size: int, after: AuditCursor | None = None) -> AuditPage:
        """See `AuditStore.lookup`."""
        statement = select(_EVENTS).order_by(_EVENTS.c.time.desc(), _EVENTS.c.number.desc()).limit(page_size + 1)
        for column, wanted in (
            (_EVENTS.c.principal, query.principal),
            (_EVENTS.c.action, query.action),
            (_EVENTS.c.resource, query.resource),
            (_EVENTS.c.app_id, query.app_id),
            (_EVENTS.c.outcome, query.outcome),
            (_EVENTS.c.id, query.id),
        ):
            if wanted:
                statement = statement.where(column == wanted)
        if query.start is not None:
            statement = statement.where(_EVENTS.c.time >= query.start)
        if query.end is not None:
            statement = statement.where(_EVENTS.c.time < query.end)
        if after is not None:
            statement = statement.where(_EVENTS.c.time <= after.time).where(
                tuple_(_EVENTS.c.time, _EVENTS.c.number) < tuple_(after.time, after.number)
            )
        async with self._database.read() as session:
            rows = (await (await session.connection()).execute(statement)).all()
        page = rows[:page_size]
        more = len(rows) > page_size
        return AuditPage([_record(row) for row in page], AuditCursor(page[-1].time, page[-1].number) if more else None)

    @finishing
    async def expire(self, before: datetime, limit: int) -> int:
        """See `AuditStore.expire`."""
        oldest = select(_EVENTS.c.number).where(_EVENTS.c.time < before).order_by(_EVENTS.c.time).limit(limit)
        async with self._database.write() as session:
            # Else two servers would choose the same records, and one of them find nothing left to remove.
            await self._database.in_turn(session, _EXPIRY)
            connection = await session.connection()
            # The triggers let go what is older than this. It only ever moves forward.
            moved = update(_RETENTION).where(_RETENTION.c.keep_from < before).values(keep_from=before)
            await connection.execute(moved)
            return int((await connection.execute(delete(_EVENTS).where(_EVENTS.c.number.in_(oldest)))).rowcount)


def _insert(dialect: str) -> Any:
    """Return an INSERT in a dialect, because only theirs can pass over what is there already."""
    # One of the two; PostgreSQL's is large.
    if dialect == "postgresql":
        from sqlalchemy.dialects.postgresql import insert as postgresql_insert  # noqa: PLC0415  # see above

        return postgresql_insert(_EVENTS)
    return sqlite_insert(_EVENTS)


def _values(record: AuditRecord) -> dict[str, Any]:
    identity = record.identity
    return {
        "id": record.id,
        "time": record.time,
        "principal": _clean(identity.arn),
        "account": _clean(identity.account),
        "kind": identity.kind.value,
        "name": _clean(identity.name),
        "session_name": _clean(identity.session_name),
        "credential": identity.credential.value,
        "credential_id": _clean(identity.credential_id),
        "source": _clean(record.source),
        "user_agent": _clean(record.user_agent),
        "action": _clean(record.action),
        "method": _clean(record.method),
        "resource": _clean(record.resource),
        "app_id": _clean(record.app_id),
        "parameters": json.dumps(dict(record.parameters), allow_nan=False),
        "outcome": record.outcome,
        "reason": record.reason,
        "counts": json.dumps(dict(record.counts)),
        "duration": record.duration,
    }


def _clean(text: str) -> str:
    """Return a text that every database takes: callers choose some of these."""
    return text.encode("utf-8", "replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")


def _record(row: Any) -> AuditRecord:
    identity = Identity(
        arn=row.principal,
        account=row.account,
        kind=IdentityKind(row.kind),
        name=row.name,
        credential=CredentialType(row.credential),
        credential_id=row.credential_id,
        session_name=row.session_name,
    )
    return AuditRecord(
        id=row.id,
        time=row.time,
        identity=identity,
        source=row.source,
        action=row.action,
        method=row.method,
        resource=row.resource,
        app_id=row.app_id,
        parameters=json.loads(row.parameters),
        outcome=row.outcome,
        reason=row.reason,
        counts=json.loads(row.counts),
        duration=row.duration,
        user_agent=row.user_agent,
    )
