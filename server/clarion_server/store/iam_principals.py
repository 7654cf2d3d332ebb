"""Users, groups, roles, their tags and memberships in the database: a part of `SqlIamStore`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import func
from sqlmodel import col, delete, select
from sqlmodel.ext.asyncio.session import AsyncSession

from clarion_server.errors import EntityChanged, EntityExists, EntityInUse, EntityLimitExceeded, EntityNotFound
from clarion_server.iam_model import MAX_GROUPS, Page, Principal, PrincipalKind, PrincipalRef, new_id
from clarion_server.model import utc_now
from clarion_server.ports import MAX_TAGS, TooManyTags
from clarion_server.store.database import Database, finishing
from clarion_server.store.iam_rows import (
    changing,
    find_principal,
    number_of,
    principal,
    principal_of,
    require_policy,
    tags_of,
)
from clarion_server.store.iam_tables import (
    AccessKeyRow,
    AttachmentRow,
    InlinePolicyRow,
    MembershipRow,
    PrincipalRow,
    PrincipalTagRow,
)

_ID_PREFIX = {PrincipalKind.USER: "AIDA", PrincipalKind.GROUP: "AGPA", PrincipalKind.ROLE: "AROA"}
_ID_LENGTH = 21


class PrincipalStore:
    """The part of an `IamStore` that keeps principals.

    Args:
        database: migrated.
        clock: returns the time, aware.
    """

    def __init__(self, database: Database, *, clock: Callable[[], datetime] = utc_now) -> None:
        self._database = database
        self._clock = clock

    @finishing
    async def create_principal(
        self,
        who: PrincipalRef,
        *,
        tags: Mapping[str, str],
        boundary: str = "",
        description: str = "",
        trust_policy: str = "",
        max_session: int = 3600,
    ) -> Principal:
        """See `IamStore`."""
        now = self._clock()
        async with changing(self._database) as session:
            await _require_free(session, who)
            if boundary:
                await require_policy(session, boundary)
            row = PrincipalRow(
                kind=int(who.kind),
                id=new_id(_ID_PREFIX[who.kind], _ID_LENGTH),
                name=who.name,
                name_key=who.name.lower(),
                description=description,
                trust_policy=trust_policy,
                max_session=max_session,
                boundary=boundary,
                version=1,
                create_time=now,
                update_time=now,
            )
            session.add(row)
            await session.flush()  # the tags refer to it
            number = number_of(row)
            session.add_all(PrincipalTagRow(principal=number, key=key, value=value) for key, value in tags.items())
            return principal(row, tags)

    @finishing
    async def get_principal(self, who: PrincipalRef) -> Principal:
        """See `IamStore`."""
        async with self._database.read() as session:
            return await principal_of(session, await find_principal(session, who))

    @finishing
    async def list_principals(
        self, kind: PrincipalKind, page_size: int, after: int | None = None, *, group: str | None = None
    ) -> Page[Principal]:
        """See `IamStore`."""
        query = select(PrincipalRow).where(col(PrincipalRow.kind) == int(kind)).order_by(col(PrincipalRow.number))
        if after is not None:
            query = query.where(col(PrincipalRow.number) > after)
        async with self._database.read() as session:
            if group is not None:
                found = await find_principal(session, PrincipalRef(PrincipalKind.GROUP, group))
                members = select(MembershipRow.user).where(col(MembershipRow.group) == found.number)
                query = query.where(col(PrincipalRow.number).in_(members))
            rows = (await session.exec(query.limit(page_size + 1))).all()
            page = rows[:page_size]
            tags = await tags_of(session, page)
            next_cursor = page[-1].number if len(rows) > page_size else None
            return Page([principal(row, tags.get(number_of(row), {})) for row in page], next_cursor)

    @finishing
    async def rename_principal(self, who: PrincipalRef, new_name: str) -> Principal:
        """See `IamStore`."""
        async with changing(self._database) as session:
            row = await find_principal(session, who)
            if new_name.lower() != row.name_key:
                await _require_free(session, PrincipalRef(who.kind, new_name))
            row.name, row.name_key = new_name, new_name.lower()
            self._touch(row)
            return await principal_of(session, row)

    @finishing
    async def update_role(
        self,
        name: str,
        *,
        trust_policy: str | None,
        description: str | None,
        max_session: int | None,
        expected_version: int | None,
    ) -> Principal:
        """See `IamStore`."""
        async with changing(self._database) as session:
            row = await find_principal(session, PrincipalRef(PrincipalKind.ROLE, name))
            if expected_version not in {None, row.version}:
                raise EntityChanged("role", row.version)
            row.trust_policy = row.trust_policy if trust_policy is None else trust_policy
            row.description = row.description if description is None else description
            row.max_session = row.max_session if max_session is None else max_session
            self._touch(row)
            return await principal_of(session, row)

    @finishing
    async def delete_principal(self, who: PrincipalRef, *, force: bool) -> Principal:
        """See `IamStore`."""
        async with changing(self._database) as session:
            row = await find_principal(session, who)
            if not force:
                await _require_unused(session, who, number_of(row))
            found = await principal_of(session, row)
            # The database removes what refers to it.
            await session.exec(delete(PrincipalRow).where(col(PrincipalRow.number) == row.number))
            return found

    @finishing
    async def tag_principal(self, who: PrincipalRef, tags: Mapping[str, str]) -> Principal:
        """See `IamStore`."""
        async with changing(self._database) as session:
            row = await find_principal(session, who)
            number = number_of(row)
            present = {tag.key: tag for tag in await _tag_rows(session, number)}
            if len(present.keys() | tags.keys()) > MAX_TAGS:
                raise TooManyTags
            for key, value in tags.items():
                if key in present:
                    present[key].value = value
                else:
                    present[key] = PrincipalTagRow(principal=number, key=key, value=value)
                    session.add(present[key])
            self._touch(row)
            return principal(row, {key: tag.value for key, tag in present.items()})

    @finishing
    async def untag_principal(self, who: PrincipalRef, keys: Sequence[str]) -> Principal:
        """See `IamStore`."""
        unwanted = set(keys)
        async with changing(self._database) as session:
            row = await find_principal(session, who)
            kept: dict[str, str] = {}
            lost = 0
            for tag in await _tag_rows(session, number_of(row)):
                if tag.key in unwanted:
                    await session.delete(tag)
                    lost += 1
                else:
                    kept[tag.key] = tag.value
            if lost:
                self._touch(row)
            return principal(row, kept)

    @finishing
    async def set_boundary(self, who: PrincipalRef, policy: str) -> Principal:
        """See `IamStore`."""
        async with changing(self._database) as session:
            row = await find_principal(session, who)
            if policy:
                await require_policy(session, policy)
            row.boundary = policy
            self._touch(row)
            return await principal_of(session, row)

    @finishing
    async def add_member(self, group: str, user: str) -> None:
        """See `IamStore`."""
        async with changing(self._database) as session:
            group_number, user_number = await _member(session, group, user)
            query = select(MembershipRow.group).where(col(MembershipRow.user) == user_number)
            groups = (await session.exec(query)).all()
            if group_number in groups:
                return
            if len(groups) >= MAX_GROUPS:
                raise EntityLimitExceeded(f"the user is in {MAX_GROUPS} groups already; take it out of one first")
            session.add(MembershipRow(group=group_number, user=user_number))

    @finishing
    async def remove_member(self, group: str, user: str) -> None:
        """See `IamStore`."""
        async with changing(self._database) as session:
            row = await session.get(MembershipRow, await _member(session, group, user))
            if row is None:
                raise EntityNotFound("the user is not in the group")
            await session.delete(row)

    @finishing
    async def groups_of(self, user: str) -> Sequence[Principal]:
        """See `IamStore`."""
        async with self._database.read() as session:
            found = await find_principal(session, PrincipalRef(PrincipalKind.USER, user))
            groups = select(MembershipRow.group).where(col(MembershipRow.user) == found.number)
            query = select(PrincipalRow).where(col(PrincipalRow.number).in_(groups)).order_by(col(PrincipalRow.number))
            return [principal(row, {}) for row in await session.exec(query)]

    def _touch(self, row: PrincipalRow) -> None:
        row.version += 1
        row.update_time = self._clock()


async def _member(session: AsyncSession, group: str, user: str) -> tuple[int, int]:
    group_row = await find_principal(session, PrincipalRef(PrincipalKind.GROUP, group))
    user_row = await find_principal(session, PrincipalRef(PrincipalKind.USER, user))
    return number_of(group_row), number_of(user_row)


async def _tag_rows(session: AsyncSession, number: int) -> Sequence[PrincipalTagRow]:
    return (await session.exec(select(PrincipalTagRow).where(col(PrincipalTagRow.principal) == number))).all()


async def _require_free(session: AsyncSession, who: PrincipalRef) -> None:
    query = select(PrincipalRow.name).where(
        col(PrincipalRow.kind) == int(who.kind), col(PrincipalRow.name_key) == who.name.lower()
    )
    if (await session.exec(query)).first() is not None:
        raise EntityExists(f"there is a {who.kind.word} of this name already; case makes no difference")


async def _require_unused(session: AsyncSession, who: PrincipalRef, number: int) -> None:
    member = MembershipRow.group if who.kind is PrincipalKind.GROUP else MembershipRow.user
    uses = {
        "access keys": (AccessKeyRow, AccessKeyRow.user),
        "members" if who.kind is PrincipalKind.GROUP else "groups": (MembershipRow, member),
        "attached policies": (AttachmentRow, AttachmentRow.principal),
        "inline policies": (InlinePolicyRow, InlinePolicyRow.principal),
    }
    found = []
    for name, (table, column) in uses.items():
        query = select(func.count()).select_from(table).where(col(column) == number)
        if (await session.exec(query)).one():
            found.append(name)
    if found:
        raise EntityInUse(f"the {who.kind.word} has {' and '.join(found)}; remove them first, or set force")
