"""All data of identity management in the database."""

from __future__ import annotations

from sqlmodel import select

from clarion_server.store.database import finishing
from clarion_server.store.iam_keys import AccessKeyStore
from clarion_server.store.iam_policies import PolicyStore
from clarion_server.store.iam_principals import PrincipalStore
from clarion_server.store.iam_tables import IamStateRow


class SqlIamStore(PrincipalStore, PolicyStore, AccessKeyStore):
    """An `IamStore` on a database.

    Args:
        database: migrated.
        clock: returns the time, aware.
    """

    @finishing
    async def revision(self) -> int:
        """See `IamStore`."""
        async with self._database.read() as session:
            return (await session.exec(select(IamStateRow.revision))).one()
