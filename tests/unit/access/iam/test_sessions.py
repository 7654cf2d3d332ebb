"""AssumeRole, access keys, and the first administrator."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import update

from clarion_server.access.iam.bootstrap import create_first_administrator, restore_administrator
from clarion_server.access.iam.documents import packed_size
from clarion_server.access.iam.sessions import Caller, Sessions
from clarion_server.access_model import ANONYMOUS, CredentialType, Identity, IdentityKind
from clarion_server.errors import (
    AccessDenied,
    CredentialUnreadable,
    EntityExists,
    EntityNotFound,
    RequestInvalid,
)
from clarion_server.iam_model import AccountPolicy, PrincipalKind, PrincipalRef
from clarion_server.store.iam_rows import changing
from clarion_server.store.iam_tables import AccessKeyRow
from tests.unit.access.iam.conftest import (
    ACCOUNT,
    ANN,
    NOW,
    OTHER_ACCOUNT,
    WORKER,
    WORKER_ARN,
    Iam,
    document,
    session_of,
    user,
)

BOB = PrincipalRef(PrincipalKind.USER, "bob")


async def assume(iam: Iam, identity: Identity, arn: str = WORKER_ARN, **more: Any) -> Identity:
    """Assume a role; return who the token is for."""
    caller = Caller(identity, "192.0.2.1", secure_transport=True)
    await iam.sessions.assume(caller, arn, "s1", **{"tags": {}, **more})
    return iam.issuer.issued[-1][0]


async def test_a_session_is_the_role(iam: Iam) -> None:
    """The token is for the role's session, with session policies, tags, second factor, and the role's id."""
    role = await iam.store.get_principal(WORKER)
    policies = (document("Allow", "a:B"),)
    session = await assume(iam, user(mfa=True), policies=policies)
    assert session.arn == f"arn:aws:sts::{ACCOUNT}:assumed-role/worker/s1"
    assert (session.kind, session.name, session.session_name) == (IdentityKind.ASSUMED_ROLE, "worker", "s1")
    assert (session.session_policies, session.mfa, session.principal_id) == (policies, True, role.id)
    assert session.account == ACCOUNT
    assert iam.issuer.issued[-1][1] == 3600


@pytest.mark.parametrize(
    ("identity", "arn"),
    [
        (user("bob"), WORKER_ARN),
        (user("nobody"), WORKER_ARN),
        (user(account=OTHER_ACCOUNT), WORKER_ARN),
        (ANONYMOUS, WORKER_ARN),
        (session_of(), WORKER_ARN),
        (user(), f"{WORKER_ARN}2"),
        (user(), f"arn:aws:iam::{OTHER_ACCOUNT}:role/worker"),
        (user(), f"arn:aws:iam::{ACCOUNT}:user/ann"),
        (user(), "worker"),
    ],
)
async def test_who_may_not_is_denied_whether_the_role_exists_or_not(iam: Iam, identity: Identity, arn: str) -> None:
    """The denial names who, what and on what, and no token is made."""
    await iam.store.create_principal(BOB, tags={})
    await iam.store.attach(BOB, "aws:AdministratorAccess")
    with pytest.raises(AccessDenied) as caught:
        await assume(iam, identity, arn)
    assert caught.value.message == (
        f"User: {identity.arn} is not authorized to perform: sts:AssumeRole on resource: {arn}"
    )
    assert iam.issuer.issued == []


async def test_trust_in_the_account_needs_a_policy_of_the_caller(iam: Iam) -> None:
    """A trust policy that names the account lets in whom the account's own policies allow."""
    trust = document("Allow", "sts:AssumeRole", None, Principal={"AWS": ACCOUNT})
    role = {"description": None, "max_session": None, "expected_version": None}
    await iam.store.update_role("worker", trust_policy=trust, **role)
    with pytest.raises(AccessDenied):
        await assume(iam, user())
    await iam.grant(ANN, document("Allow", "sts:AssumeRole", WORKER_ARN))
    iam.watch.changed()
    await assume(iam, user())
    await iam.grant(ANN, document("Deny", "sts:AssumeRole"), name="q")
    iam.watch.changed()
    with pytest.raises(AccessDenied):
        await assume(iam, user())


async def test_a_principal_of_another_account(iam: Iam) -> None:
    """It assumes a role whose trust policy names it."""
    eve = user("eve", OTHER_ACCOUNT)
    trust = document("Allow", "sts:AssumeRole", None, Principal={"AWS": eve.arn})
    await iam.store.update_role("worker", trust_policy=trust, description=None, max_session=None, expected_version=None)
    assert (await assume(iam, eve)).name == "worker"
    with pytest.raises(AccessDenied):
        await assume(iam, user("mallory", OTHER_ACCOUNT))


async def test_conditions_of_the_trust_policy(iam: Iam) -> None:
    """The trust policy sees the address and the second factor of the caller."""
    condition = {"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}, "Bool": {"aws:MultiFactorAuthPresent": "true"}}
    trust = document("Allow", "sts:AssumeRole", None, Principal={"AWS": user().arn}, Condition=condition)
    await iam.store.update_role("worker", trust_policy=trust, description=None, max_session=None, expected_version=None)
    with pytest.raises(AccessDenied):
        await assume(iam, user())
    await assume(iam, user(mfa=True))
    with pytest.raises(AccessDenied):
        await iam.sessions.assume(Caller(user(mfa=True), "198.51.100.1"), WORKER_ARN, "s1", tags={})


async def test_tags_of_a_session_need_a_permission_of_their_own(iam: Iam) -> None:
    """Without sts:TagSession in the trust policy a session with tags is denied; with it the tags are the session's."""
    with pytest.raises(AccessDenied, match="sts:TagSession"):
        await assume(iam, user(), tags={"team": "green"})
    trust = document("Allow", ["sts:AssumeRole", "sts:TagSession"], None, Principal={"AWS": user().arn})
    await iam.store.update_role("worker", trust_policy=trust, description=None, max_session=None, expected_version=None)
    iam.watch.changed()
    assert (await assume(iam, user(), tags={"team": "green"})).tags == {"team": "green"}


async def test_how_long_a_session_lasts(iam: Iam) -> None:
    """Up to the role's longest time; an hour from another session; who may not assume it is not told the bound."""
    await assume(iam, user(), seconds=7200)
    assert iam.issuer.issued[-1][1] == 7200
    with pytest.raises(RequestInvalid, match="7200"):
        await assume(iam, user(), seconds=7201)
    with pytest.raises(AccessDenied):
        await assume(iam, user("bob"), seconds=7201)
    trust = document("Allow", "sts:AssumeRole", None, Principal={"AWS": WORKER_ARN})
    await iam.store.update_role("worker", trust_policy=trust, description=None, max_session=None, expected_version=None)
    iam.watch.changed()
    with pytest.raises(RequestInvalid, match="3600"):
        await assume(iam, session_of(), seconds=3601)
    await assume(iam, session_of(), seconds=3600)


async def test_without_authentication_there_are_no_sessions(iam: Iam) -> None:
    """A server that takes no tokens makes none."""
    sessions = Sessions(iam.source, None, account=ACCOUNT)
    with pytest.raises(AccessDenied):
        await sessions.assume(Caller(user()), WORKER_ARN, "s1", tags={})


def test_the_size_of_a_session_counts_no_white_space() -> None:
    """Layout of documents is free; what is not ASCII counts as the token carries it."""
    assert packed_size(('{ "a" :\n 1 }',), {}) == packed_size(('{"a":1}',), {}) == len('[[{"a":1}],{}]')
    assert packed_size((), {"ä": ""}) == len('[[],{"\\u00e4":""}]')


# --- access keys ----------------------------------------------------------------------------------


async def test_a_key_is_found_with_its_secret_and_owner(iam: Iam) -> None:
    """What CreateAccessKey shows once is what a signature is checked with; the identity is the user's."""
    key, secret = await iam.keys.create("ann")
    assert re.fullmatch(r"AKIA[A-Z2-7]{16}", key.id)
    assert re.fullmatch(r"[A-Za-z0-9+/]{40}", secret)
    assert secret.encode() not in key.sealed.ciphertext
    found = await iam.keys.find(key.id)
    assert found is not None
    assert found.secret == secret
    assert secret not in repr(found)
    owner = await iam.store.get_principal(ANN)
    wanted = user(credential_id=key.id, tags=owner.tags, principal_id=owner.id)
    assert found.identity == replace(wanted, credential=CredentialType.ACCESS_KEY)


async def test_a_key_is_read_once_and_a_change_is_seen(iam: Iam) -> None:
    """The secret stays in memory until identity data change; switched off, or deleted, it is gone."""
    key, _ = await iam.keys.create("ann")
    for _ in range(3):
        assert await iam.keys.find(key.id)
    assert iam.store.asked["find_access_key"] == 1
    await iam.store.set_access_key_active("ann", key.id, active=False)
    iam.later()
    assert await iam.keys.find(key.id) is None
    await iam.store.set_access_key_active("ann", key.id, active=True)
    iam.later()
    assert await iam.keys.find(key.id)
    await iam.store.delete_principal(ANN, force=True)
    iam.later()
    assert await iam.keys.find(key.id) is None


async def test_a_secret_does_not_open_under_another_id(iam: Iam) -> None:
    """A record that is copied to another key does not decrypt."""
    key, _ = await iam.keys.create("ann")
    other = "AKIA" + "A" * 16
    async with changing(iam.store._database) as session:
        await session.exec(update(AccessKeyRow).values(id=other))
    with pytest.raises(CredentialUnreadable, match="make another one"):
        await iam.keys.find(other)
    assert await iam.keys.find(key.id) is None


async def test_the_use_of_a_key_is_written_down_once_a_minute(iam: Iam) -> None:
    """Calls within a minute leave the first time; a later one the later time."""
    key, _ = await iam.keys.create("ann")

    async def last_used() -> object:
        return (await iam.store.list_access_keys("ann"))[0].last_used_time

    await iam.keys.used(key.id)
    iam.seconds = 30
    await iam.keys.used(key.id)
    assert await last_used() == NOW
    iam.seconds = 61
    await iam.keys.used(key.id)
    assert await last_used() == NOW + timedelta(seconds=61)


async def test_a_key_needs_a_user(iam: Iam) -> None:
    """There are none for users that do not exist."""
    with pytest.raises(EntityNotFound):
        await iam.keys.create("nobody")


# --- the first administrator ----------------------------------------------------------------------


async def test_the_first_administrator(iam: Iam) -> None:
    """On a database without users one is made who may do everything; a second time it is refused."""
    with pytest.raises(EntityExists):
        await create_first_administrator(iam.store, "root")
    await iam.store.delete_principal(ANN, force=True)
    made = await create_first_administrator(iam.store, "root")
    iam.watch.changed()
    assert await iam.allowed(replace(user("root"), principal_id=made.id), "iam:CreateUser")
    with pytest.raises(EntityExists):
        await create_first_administrator(iam.store, "other")


@pytest.mark.parametrize("name", ["ann", "new"])
async def test_a_way_back_from_a_lock_out(iam: Iam, name: str) -> None:
    """After the account's policies shut everybody out, a user can be made able to do everything again."""
    await iam.store.create_policy("nothing", document("Deny", "*"), "")
    await iam.store.set_boundary(ANN, "nothing")
    await iam.store.put_account_policy(AccountPolicy.SERVICE_CONTROL, document("Deny", "*"))
    await iam.store.put_account_policy(AccountPolicy.ENDPOINT, document("Deny", "*", Principal="*"))
    assert not await iam.allowed(user(name), "iam:CreateUser")
    await restore_administrator(iam.store, name)
    await restore_administrator(iam.store, name)
    iam.watch.changed()
    assert await iam.allowed(user(name), "iam:CreateUser")
