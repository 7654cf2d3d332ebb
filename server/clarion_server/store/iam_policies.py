"""Policies in the database, and who has them: a part of `SqlIamStore`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from sqlmodel import col, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

from clarion_server.errors import EntityChanged, EntityExists, EntityInUse, EntityLimitExceeded, EntityNotFound
from clarion_server.iam_model import (
    BUILT_IN,
    MAX_ATTACHED,
    MAX_INLINE,
    AccountPolicy,
    Grants,
    Holder,
    ManagedPolicy,
    Page,
    PrincipalKind,
    PrincipalRef,
    StoredDocument,
    new_id,
)
from clarion_server.model import utc_now
from clarion_server.store.apps import find_app
from clarion_server.store.database import Database, finishing
from clarion_server.store.iam_rows import (
    changing,
    find_policy,
    find_principal,
    number_of,
    policy,
    principal_of,
    require_policy,
)
from clarion_server.store.iam_tables import (
    AccountPolicyRow,
    AppPolicyRow,
    AttachmentRow,
    InlinePolicyRow,
    ManagedPolicyRow,
    MembershipRow,
    PrincipalRow,
)

_ID_LENGTH = 21


class PolicyStore:
    """The part of an `IamStore` that keeps policies.

    Args:
        database: migrated.
        clock: returns the time, aware.
    """

    def __init__(self, database: Database, *, clock: Callable[[], datetime] = utc_now) -> None:
        self._database = database
        self._clock = clock

    @finishing
    async def create_policy(self, name: str, document: str, description: str) -> ManagedPolicy:
        """See `IamStore`."""
        now = self._clock()
        async with changing(self._database) as session:
            taken = select(ManagedPolicyRow.name).where(col(ManagedPolicyRow.name_key) == name.lower())
            if (await session.exec(taken)).first() is not None:
                raise EntityExists("there is a managed policy of this name already; case makes no difference")
            row = ManagedPolicyRow(
                id=new_id("ANPA", _ID_LENGTH),
                name=name,
                name_key=name.lower(),
                description=description,
                document=document,
                version=1,
                create_time=now,
                update_time=now,
            )
            session.add(row)
            return policy(row)

    @finishing
    async def get_policy(self, name: str) -> ManagedPolicy:
        """See `IamStore`."""
        async with self._database.read() as session:
            return policy(await find_policy(session, name))

    @finishing
    async def list_policies(self, page_size: int, after: int | None = None) -> Page[ManagedPolicy]:
        """See `IamStore`."""
        query = select(ManagedPolicyRow).order_by(col(ManagedPolicyRow.number)).limit(page_size + 1)
        if after is not None:
            query = query.where(col(ManagedPolicyRow.number) > after)
        async with self._database.read() as session:
            rows = (await session.exec(query)).all()
            page = rows[:page_size]
            return Page([policy(row) for row in page], page[-1].number if len(rows) > page_size else None)

    @finishing
    async def update_policy(
        self, name: str, *, document: str | None, description: str | None, expected_version: int | None
    ) -> ManagedPolicy:
        """See `IamStore`."""
        async with changing(self._database) as session:
            row = await find_policy(session, name)
            if expected_version not in {None, row.version}:
                raise EntityChanged("policy", row.version)
            row.document = row.document if document is None else document
            row.description = row.description if description is None else description
            row.version += 1
            row.update_time = self._clock()
            return policy(row)

    @finishing
    async def delete_policy(self, name: str) -> ManagedPolicy:
        """See `IamStore`."""
        async with changing(self._database) as session:
            row = await find_policy(session, name)
            attached = select(AttachmentRow.principal).where(col(AttachmentRow.policy) == name)
            if (await session.exec(attached)).first() is not None:
                raise EntityInUse("the policy is attached; detach it from all whom ListPolicyPrincipals tells first")
            bounded = select(PrincipalRow.number).where(col(PrincipalRow.boundary) == name)
            if (await session.exec(bounded)).first() is not None:
                raise EntityInUse("the policy is a permissions boundary; ListPolicyPrincipals tells whose")
            found = policy(row)
            await session.delete(row)
            return found

    @finishing
    async def attach(self, who: PrincipalRef, policy: str) -> None:
        """See `IamStore`."""
        async with changing(self._database) as session:
            number = number_of(await find_principal(session, who))
            await require_policy(session, policy)
            present = await _attached(session, number)
            if policy in present:
                return
            if len(present) >= MAX_ATTACHED:
                raise EntityLimitExceeded(f"the {who.kind.word} has {MAX_ATTACHED} managed policies; detach one first")
            session.add(AttachmentRow(principal=number, policy=policy))

    @finishing
    async def detach(self, who: PrincipalRef, policy: str) -> None:
        """See `IamStore`."""
        async with changing(self._database) as session:
            number = number_of(await find_principal(session, who))
            row = await session.get(AttachmentRow, (number, policy))
            if row is None:
                raise EntityNotFound(f"the policy is not attached to the {who.kind.word}")
            await session.delete(row)

    @finishing
    async def attached(self, who: PrincipalRef) -> Sequence[str]:
        """See `IamStore`."""
        async with self._database.read() as session:
            return sorted(await _attached(session, number_of(await find_principal(session, who))))

    @finishing
    async def holders(self, policy: str, page_size: int, after: int | None = None) -> Page[Holder]:
        """See `IamStore`."""
        attached = select(AttachmentRow.principal).where(col(AttachmentRow.policy) == policy)
        query = select(PrincipalRow).where(
            or_(col(PrincipalRow.number).in_(attached), col(PrincipalRow.boundary) == policy)
        )
        if after is not None:
            query = query.where(col(PrincipalRow.number) > after)
        query = query.order_by(col(PrincipalRow.number)).limit(page_size + 1)
        async with self._database.read() as session:
            await require_policy(session, policy)
            rows = (await session.exec(query)).all()
            page = rows[:page_size]
            numbers = [number_of(row) for row in page]
            with_it = set(await session.exec(attached.where(col(AttachmentRow.principal).in_(numbers))))
            holders = [
                Holder(PrincipalRef(PrincipalKind(row.kind), row.name), row.number in with_it, row.boundary == policy)
                for row in page
            ]
            return Page(holders, page[-1].number if len(rows) > page_size else None)

    @finishing
    async def put_inline(self, who: PrincipalRef, name: str, document: str) -> None:
        """See `IamStore`."""
        async with changing(self._database) as session:
            number = number_of(await find_principal(session, who))
            present = {row.name: row for row in await _inline_rows(session, [number])}
            if name in present:
                present[name].document = document
                return
            if len(present) >= MAX_INLINE:
                raise EntityLimitExceeded(f"the {who.kind.word} has {MAX_INLINE} inline policies; remove one first")
            session.add(InlinePolicyRow(principal=number, name=name, document=document))

    @finishing
    async def delete_inline(self, who: PrincipalRef, name: str) -> None:
        """See `IamStore`."""
        async with changing(self._database) as session:
            row = await session.get(InlinePolicyRow, (number_of(await find_principal(session, who)), name))
            if row is None:
                raise EntityNotFound(f"the {who.kind.word} has no inline policy of this name")
            await session.delete(row)

    @finishing
    async def inline(self, who: PrincipalRef) -> Mapping[str, str]:
        """See `IamStore`."""
        async with self._database.read() as session:
            rows = await _inline_rows(session, [number_of(await find_principal(session, who))])
            return {row.name: row.document for row in rows}

    @finishing
    async def put_account_policy(self, kind: AccountPolicy, document: str) -> None:
        """See `IamStore`."""
        async with changing(self._database) as session:
            row = AccountPolicyRow(kind=int(kind), document=document, update_time=self._clock())
            await session.merge(row)

    @finishing
    async def get_account_policy(self, kind: AccountPolicy) -> StoredDocument | None:
        """See `IamStore`."""
        async with self._database.read() as session:
            row = await session.get(AccountPolicyRow, int(kind))
            return None if row is None else StoredDocument(row.document, row.update_time)

    @finishing
    async def delete_account_policy(self, kind: AccountPolicy) -> None:
        """See `IamStore`."""
        async with changing(self._database) as session:
            row = await session.get(AccountPolicyRow, int(kind))
            if row is None:
                raise EntityNotFound("the account has no policy of this kind")
            await session.delete(row)

    @finishing
    async def put_app_policy(self, app_id: str, document: str) -> None:
        """See `IamStore`."""
        async with changing(self._database) as session:
            await find_app(session, app_id, lock=True)
            await session.merge(AppPolicyRow(app_id=app_id, document=document, update_time=self._clock()))

    @finishing
    async def get_app_policy(self, app_id: str) -> StoredDocument | None:
        """See `IamStore`."""
        async with self._database.read() as session:
            await find_app(session, app_id)
            row = await session.get(AppPolicyRow, app_id)
            return None if row is None else StoredDocument(row.document, row.update_time)

    @finishing
    async def delete_app_policy(self, app_id: str) -> None:
        """See `IamStore`."""
        async with changing(self._database) as session:
            await find_app(session, app_id)
            row = await session.get(AppPolicyRow, app_id)
            if row is None:
                raise EntityNotFound("the app has no policy")
            await session.delete(row)

    @finishing
    async def grants(self, who: PrincipalRef) -> Grants | None:
        """See `IamStore`."""
        async with self._database.read() as session:
            try:
                row = await find_principal(session, who)
            except EntityNotFound:
                return None
            groups = select(MembershipRow.group).where(col(MembershipRow.user) == row.number)
            owners = {number_of(row): str(who).replace(" ", "/")}
            for group in await session.exec(select(PrincipalRow).where(col(PrincipalRow.number).in_(groups))):
                owners[number_of(group)] = f"group/{group.name}"
            attachments = select(AttachmentRow.policy).where(col(AttachmentRow.principal).in_(owners))
            keys = set(await session.exec(attachments))
            wanted = {*keys, row.boundary}
            managed = select(ManagedPolicyRow).where(col(ManagedPolicyRow.name).in_(wanted))
            documents = {each.name: each.document for each in await session.exec(managed)}
            inline = await _inline_rows(session, owners)
            return Grants(
                principal=await principal_of(session, row),
                attached={name: document for name, document in sorted(documents.items()) if name in keys},
                built_in=sorted(key for key in keys if key.startswith(BUILT_IN)),
                inline={f"{owners[each.principal]}/{each.name}": each.document for each in inline},
                boundary=documents.get(row.boundary, ""),
            )


async def _attached(session: AsyncSession, number: int) -> set[str]:
    return set(await session.exec(select(AttachmentRow.policy).where(col(AttachmentRow.principal) == number)))


async def _inline_rows(session: AsyncSession, numbers: Sequence[int] | Mapping[int, str]) -> Sequence[InlinePolicyRow]:
    query = select(InlinePolicyRow).where(col(InlinePolicyRow.principal).in_(list(numbers)))
    rows = (await session.exec(query)).all()
    return sorted(rows, key=lambda row: row.name)
