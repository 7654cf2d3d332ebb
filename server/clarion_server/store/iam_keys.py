"""Access keys in the database: a part of `SqlIamStore`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from sqlmodel import col, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from clarion_server.errors import EntityLimitExceeded, EntityNotFound
from clarion_server.iam_model import MAX_ACCESS_KEYS, AccessKey, Principal, PrincipalKind, PrincipalRef
from clarion_server.model import utc_now
from clarion_server.ports import SealedSecret
from clarion_server.store.database import Database, finishing
from clarion_server.store.iam_rows import access_key, changing, find_principal, number_of, principal_of
from clarion_server.store.iam_tables import AccessKeyRow, PrincipalRow


class AccessKeyStore:
    """The part of an `IamStore` that keeps access keys.

    Args:
        database: migrated.
        clock: returns the time, aware.
    """

    def __init__(self, database: Database, *, clock: Callable[[], datetime] = utc_now) -> None:
        self._database = database
        self._clock = clock

    @finishing
    async def create_access_key(self, user: str, key_id: str, sealed: SealedSecret) -> AccessKey:
        """See `IamStore`."""
        async with changing(self._database) as session:
            number = number_of(await find_principal(session, PrincipalRef(PrincipalKind.USER, user)))
            if len(await _rows(session, number)) >= MAX_ACCESS_KEYS:
                raise EntityLimitExceeded(f"the user has {MAX_ACCESS_KEYS} access keys; delete one first")
            row = AccessKeyRow(
                id=key_id,
                user=number,
                active=True,
                create_time=self._clock(),
                last_used_time=None,
                format=sealed.format,
                key_id=sealed.key_id,
                wrapped_key=sealed.wrapped_key,
                ciphertext=sealed.ciphertext,
            )
            session.add(row)
            return access_key(row, user)

    @finishing
    async def list_access_keys(self, user: str) -> Sequence[AccessKey]:
        """See `IamStore`."""
        async with self._database.read() as session:
            owner = await find_principal(session, PrincipalRef(PrincipalKind.USER, user))
            return [access_key(row, user) for row in await _rows(session, number_of(owner))]

    @finishing
    async def set_access_key_active(self, user: str, key_id: str, *, active: bool) -> AccessKey:
        """See `IamStore`."""
        async with changing(self._database) as session:
            row = await _find(session, user, key_id)
            row.active = active
            return access_key(row, user)

    @finishing
    async def delete_access_key(self, user: str, key_id: str) -> None:
        """See `IamStore`."""
        async with changing(self._database) as session:
            await session.delete(await _find(session, user, key_id))

    @finishing
    async def find_access_key(self, key_id: str) -> tuple[AccessKey, Principal] | None:
        """See `IamStore`."""
        async with self._database.read() as session:
            row = (await session.exec(select(AccessKeyRow).where(col(AccessKeyRow.id) == key_id))).first()
            owner = await session.get(PrincipalRow, row.user) if row else None
            if row is None or owner is None:
                return None
            return access_key(row, owner.name), await principal_of(session, owner)

    @finishing
    async def note_use(self, key_id: str, moment: datetime) -> None:
        """See `IamStore`."""
        async with self._database.write() as session:
            # Not `changing`: this is no news to anybody who caches.
            await session.exec(update(AccessKeyRow).where(col(AccessKeyRow.id) == key_id).values(last_used_time=moment))


async def _rows(session: AsyncSession, user: int) -> Sequence[AccessKeyRow]:
    query = select(AccessKeyRow).where(col(AccessKeyRow.user) == user)
    return (await session.exec(query.order_by(col(AccessKeyRow.create_time), col(AccessKeyRow.id)))).all()


async def _find(session: AsyncSession, user: str, key_id: str) -> AccessKeyRow:
    number = number_of(await find_principal(session, PrincipalRef(PrincipalKind.USER, user)))
    for row in await _rows(session, number):
        if row.id == key_id:
            return row
    raise EntityNotFound("the user has no access key of this id")
