"""What the stores of identity management share: look-ups of rows, and rows as entities."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from clarion_server.errors import EntityNotFound
from clarion_server.iam_model import (
    BUILT_IN,
    AccessKey,
    ManagedPolicy,
    Principal,
    PrincipalKind,
    PrincipalRef,
)
from clarion_server.ports import SealedSecret
from clarion_server.store.database import Database
from clarion_server.store.iam_tables import (
    AccessKeyRow,
    IamStateRow,
    ManagedPolicyRow,
    PrincipalRow,
    PrincipalTagRow,
)


@asynccontextmanager
async def changing(database: Database) -> AsyncIterator[AsyncSession]:
    """Open a transaction that changes identity data: one at a time, and each counts the revision up.

    The locked row makes what is checked inside of a transaction hold until its end, on every database.
    """
    async with database.write() as session:
        # Nothing on SQLite, where a write transaction locks everything.
        state = (await session.exec(select(IamStateRow).with_for_update())).one()
        state.revision += 1
        yield session


async def find_principal(session: AsyncSession, who: PrincipalRef) -> PrincipalRow:
    """Return the row of a principal.

    Raises:
        EntityNotFound: there is none.
    """
    query = select(PrincipalRow).where(col(PrincipalRow.kind) == int(who.kind), col(PrincipalRow.name) == who.name)
    row = (await session.exec(query)).first()
    if row is None:
        raise EntityNotFound(f"there is no {who.kind.word} of this name")
    return row


async def find_policy(session: AsyncSession, name: str) -> ManagedPolicyRow:
    """Return the row of a managed policy.

    Raises:
        EntityNotFound: there is none.
    """
    row = (await session.exec(select(ManagedPolicyRow).where(col(ManagedPolicyRow.name) == name))).first()
    if row is None:
        raise EntityNotFound("there is no managed policy of this name")
    return row


async def require_policy(session: AsyncSession, key: str) -> None:
    """Make sure that a policy of the account exists. Built-in ones are not in the database.

    Raises:
        EntityNotFound: it does not.
    """
    if not key.startswith(BUILT_IN):
        await find_policy(session, key)


def number_of(row: PrincipalRow) -> int:
    """Return the primary key of a row that is in the database."""
    if row.number is None:
        raise ValueError("the row was not stored yet")
    return row.number


async def tags_of(session: AsyncSession, rows: Iterable[PrincipalRow]) -> Mapping[int, dict[str, str]]:
    """Return the tags of principals by their numbers."""
    tags: defaultdict[int, dict[str, str]] = defaultdict(dict)
    numbers = [number_of(row) for row in rows]
    query = select(PrincipalTagRow).where(col(PrincipalTagRow.principal).in_(numbers))
    for tag in await session.exec(query.order_by(col(PrincipalTagRow.key))):
        tags[tag.principal][tag.key] = tag.value
    return tags


async def principal_of(session: AsyncSession, row: PrincipalRow) -> Principal:
    """Return a principal with its tags."""
    return principal(row, (await tags_of(session, [row])).get(number_of(row), {}))


def principal(row: PrincipalRow, tags: Mapping[str, str]) -> Principal:
    """Return the entity of a row."""
    return Principal(
        kind=PrincipalKind(row.kind),
        name=row.name,
        id=row.id,
        version=row.version,
        create_time=row.create_time,
        update_time=row.update_time,
        tags=dict(sorted(tags.items())),
        boundary=row.boundary,
        description=row.description,
        trust_policy=row.trust_policy,
        max_session=row.max_session,
    )


def policy(row: ManagedPolicyRow) -> ManagedPolicy:
    """Return the entity of a row."""
    return ManagedPolicy(row.name, row.id, row.description, row.document, row.version, row.create_time, row.update_time)


def access_key(row: AccessKeyRow, user: str) -> AccessKey:
    """Return the entity of a row."""
    return AccessKey(
        id=row.id,
        user=user,
        active=row.active,
        create_time=row.create_time,
        last_used_time=row.last_used_time,
        sealed=SealedSecret(row.format, row.key_id, row.wrapped_key, row.ciphertext),
    )
