"""The first administrator of a new database, and the way back for one who locked everybody out.

For commands that run on the server's machine: who may write to the database needs no permission from it.
"""

from __future__ import annotations

from clarion_server.access.iam.ports import IamStore
from clarion_server.errors import EntityExists, EntityNotFound
from clarion_server.iam_model import BUILT_IN, AccountPolicy, Principal, PrincipalKind, PrincipalRef

ADMINISTRATOR = f"{BUILT_IN}AdministratorAccess"


async def create_first_administrator(store: IamStore, name: str) -> Principal:
    """Make the first user, who may do everything; return it. It has no credential yet.

    Raises:
        EntityExists: there are users already.
        StoreUnavailable: the store does not answer.
    """
    if (await store.list_principals(PrincipalKind.USER, 1)).items:
        raise EntityExists("there are users already; one of them who may can make others, with IamService.CreateUser")
    who = PrincipalRef(PrincipalKind.USER, name)
    user = await store.create_principal(who, tags={})
    await store.attach(who, ADMINISTRATOR)
    return user


async def restore_administrator(store: IamStore, name: str) -> Principal:
    """Let a user do everything again, and take away what keeps it from that: for when nobody can any more.

    The user is made if need be. Its permissions boundary and the policies of the account go. Denials in its own
    policies and in those of its groups stay, so choose a user that has none.

    Raises:
        EntityLimitExceeded: it has too many policies already.
        StoreUnavailable: the store does not answer.
    """
    who = PrincipalRef(PrincipalKind.USER, name)
    try:
        user = await store.set_boundary(who, "")
    except EntityNotFound:
        user = await store.create_principal(who, tags={})
    await store.attach(who, ADMINISTRATOR)
    for kind in AccountPolicy:
        if await store.get_account_policy(kind) is not None:
            await store.delete_account_policy(kind)
    return user
