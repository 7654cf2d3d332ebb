"""Decisions by the policies that are stored."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from sqlmodel import update

from clarion_server.access.iam.builtin import BUILT_IN_POLICIES
from clarion_server.access.policy import DecisionKind, PolicyKind, parse
from clarion_server.access_model import ANONYMOUS, AccessRequest
from clarion_server.errors import StoreUnavailable
from clarion_server.iam_model import AccountPolicy, PrincipalKind, PrincipalRef
from clarion_server.store.iam_rows import changing
from clarion_server.store.iam_tables import InlinePolicyRow
from tests.unit.access.iam.conftest import (
    ACCOUNT,
    ANN,
    NOW,
    OTHER_ACCOUNT,
    SENDERS,
    WORKER,
    WORKER_ARN,
    Iam,
    document,
    session_of,
    user,
)

SEND = "mobiletargeting:SendMessages"
APP = f"arn:aws:mobiletargeting:us-east-1:{ACCOUNT}:apps/"


async def test_nobody_may_anything_without_a_policy(iam: Iam) -> None:
    """A user, a session of a role, an unknown user and nobody are all denied."""
    for identity in (user(), session_of(), user("stranger"), session_of("stranger"), ANONYMOUS):
        assert not await iam.allowed(identity, SEND)


async def test_each_way_to_have_a_policy(iam: Iam) -> None:
    """Inline, attached, built-in, and those of a group allow a user; those of a role allow its sessions."""
    await iam.grant(ANN, document("Allow", "a:Inline"))
    await iam.store.create_policy("own", document("Allow", "a:Own"), "")
    await iam.store.attach(ANN, "own")
    await iam.store.attach(ANN, "aws:PushSendAccess")
    await iam.grant(SENDERS, document("Allow", "a:Group"))
    await iam.store.add_member("senders", "ann")
    await iam.grant(WORKER, document("Allow", "a:Role"))
    for action in ("a:Inline", "a:Own", SEND, "a:Group"):
        assert await iam.allowed(user(), action), action
        assert not await iam.allowed(session_of(), action), action
    assert await iam.allowed(session_of(), "a:Role")
    assert not await iam.allowed(user(), "a:Role")
    assert not await iam.allowed(user(account=OTHER_ACCOUNT), "a:Inline", f"arn:aws:x:r:{ACCOUNT}:y")


async def test_a_denial_says_why_and_names_the_policy(iam: Iam) -> None:
    """The decision tells the policy by its ARN, or where it is written."""
    await iam.store.create_policy("no", document("Deny", "*"), "")
    await iam.store.attach(ANN, "no")
    await iam.grant(ANN, document("Deny", "*"))
    request = AccessRequest(user(), SEND, "*", {}, {}, "", secure_transport=False, time=NOW)
    decision = await iam.source.decide(request)
    assert decision.kind is DecisionKind.EXPLICIT_DENY
    assert [each.policy for each in decision.matched] == [f"arn:aws:iam::{ACCOUNT}:policy/no", "user/ann/p"]


async def test_limits(iam: Iam) -> None:
    """Boundary, session policies, service control and endpoint policy each take away what they do not allow."""
    await iam.store.attach(ANN, "aws:AdministratorAccess")
    assert await iam.allowed(user(), SEND)
    assert await iam.allowed(user(session_policies=(document("Allow", SEND),)), SEND)
    assert not await iam.allowed(user(session_policies=(document("Allow", "a:Other"),)), SEND)
    await iam.store.create_policy("limit", document("Allow", "a:Limited"), "")
    await iam.store.set_boundary(ANN, "limit")
    iam.watch.changed()
    assert not await iam.allowed(user(), SEND)
    assert await iam.allowed(user(), "a:Limited")
    await iam.store.set_boundary(ANN, "aws:PushSendAccess")
    await iam.store.put_account_policy(AccountPolicy.SERVICE_CONTROL, document("Allow", ["a:*", SEND]))
    iam.watch.changed()
    assert await iam.allowed(user(), SEND)
    await iam.store.put_account_policy(AccountPolicy.SERVICE_CONTROL, document("Allow", "a:*"))
    iam.watch.changed()
    assert not await iam.allowed(user(), SEND)
    await iam.store.delete_account_policy(AccountPolicy.SERVICE_CONTROL)
    await iam.store.put_account_policy(AccountPolicy.ENDPOINT, document("Allow", "a:*", Principal="*"))
    iam.watch.changed()
    assert not await iam.allowed(user(), SEND)


async def test_policies_of_apps(iam: Iam) -> None:
    """An app lets in whom its policy names, also of another account; the account's service control is not theirs."""
    app_id = (await iam.apps.create_app("app", {})).id
    stranger = user("eve", OTHER_ACCOUNT)
    resource = f"{APP}{app_id}/messages"
    assert not await iam.allowed(stranger, SEND, resource)
    principals = {"AWS": [stranger.arn, f"arn:aws:iam::{ACCOUNT}:user/ann"]}
    await iam.store.put_app_policy(app_id, document("Allow", SEND, f"{APP}{app_id}/*", Principal=principals))
    await iam.store.put_account_policy(AccountPolicy.SERVICE_CONTROL, document("Deny", "*"))
    iam.watch.changed()
    assert await iam.allowed(stranger, SEND, resource)
    assert not await iam.allowed(user(), SEND, resource)
    await iam.store.delete_account_policy(AccountPolicy.SERVICE_CONTROL)
    iam.watch.changed()
    assert await iam.allowed(user(), SEND, resource)
    assert not await iam.allowed(user("stranger"), SEND, resource), "there is no such user"
    assert not await iam.allowed(replace(stranger, session_policies=(document("Deny", SEND),)), SEND, resource)
    other = (await iam.apps.create_app("other", {})).id
    assert not await iam.allowed(stranger, SEND, f"{APP}{other}/messages")


async def test_tags_are_those_of_now(iam: Iam) -> None:
    """A user's tags are the stored ones, not the token's; a session's come beside its role's and count more."""
    condition = {"StringEquals": {"aws:PrincipalTag/team": "red"}}
    for who in (ANN, WORKER):
        await iam.grant(who, document("Allow", SEND, Condition=condition))
    assert await iam.allowed(user(tags={"team": "forged"}), SEND)
    assert not await iam.allowed(session_of(), SEND)
    assert await iam.allowed(session_of(tags={"team": "red"}), SEND)
    await iam.store.tag_principal(ANN, {"team": "blue"})
    await iam.store.tag_principal(WORKER, {"team": "red"})
    iam.watch.changed()
    assert not await iam.allowed(user(tags={"team": "red"}), SEND)
    assert await iam.allowed(session_of(), SEND)
    assert not await iam.allowed(session_of(tags={"team": "blue"}), SEND)


async def test_tags_of_users_and_roles_as_resources(iam: Iam) -> None:
    """A policy can ask for the tags of the user that a call is about."""
    await iam.grant(ANN, document("Allow", "iam:GetUser", Condition={"StringEquals": {"aws:ResourceTag/team": "red"}}))
    assert await iam.allowed(user(), "iam:GetUser", f"arn:aws:iam::{ACCOUNT}:user/ann")
    await iam.store.create_principal(PrincipalRef(PrincipalKind.USER, "bob"), tags={"team": "blue"})
    for name in ("bob", "nobody"):
        assert not await iam.allowed(user(), "iam:GetUser", f"arn:aws:iam::{ACCOUNT}:user/{name}")


async def test_another_principal_of_the_same_name_is_another(iam: Iam) -> None:
    """A token of a user or role that was deleted does not speak for a new one of the same name."""
    for who, make in ((ANN, user), (WORKER, session_of)):
        await iam.store.attach(who, "aws:AdministratorAccess")
        iam.watch.changed()
        old = make(principal_id=(await iam.store.get_principal(who)).id)
        assert await iam.allowed(old, SEND)
        await iam.store.delete_principal(who, force=True)
        iam.watch.changed()
        assert not await iam.allowed(old, SEND)
        await iam.store.create_principal(who, tags={}, trust_policy="")
        await iam.store.attach(who, "aws:AdministratorAccess")
        iam.watch.changed()
        assert not await iam.allowed(old, SEND)
        assert await iam.allowed(make(), SEND)


async def test_changes_of_other_processes_are_seen_after_a_second(iam: Iam) -> None:
    """Within a second the store is asked nothing; after it one number, and everything else only when it changed."""
    assert not await iam.allowed(user(), SEND)
    await iam.store.attach(ANN, "aws:AdministratorAccess")
    asked = dict(iam.store.asked)
    assert not await iam.allowed(user(), SEND)
    assert iam.store.asked == asked
    iam.later()
    assert await iam.allowed(user(), SEND)
    assert iam.store.asked["revision"] == asked["revision"] + 1
    assert iam.store.asked["grants"] == asked["grants"] + 1
    iam.later()
    assert await iam.allowed(user(), SEND)
    assert iam.store.asked["revision"] == asked["revision"] + 2
    assert iam.store.asked["grants"] == asked["grants"] + 1


async def test_own_changes_are_seen_at_once(iam: Iam) -> None:
    """After `changed` nothing of before counts, not even what was just being read."""
    await iam.store.attach(ANN, "aws:AdministratorAccess")
    waiting = [asyncio.create_task(iam.allowed(user(), SEND)) for _ in range(20)]
    await asyncio.sleep(0)
    await iam.store.detach(ANN, "aws:AdministratorAccess")
    iam.watch.changed()
    assert not await iam.allowed(user(), SEND)
    await asyncio.gather(*waiting)
    assert not await iam.allowed(user(), SEND)


async def test_what_is_known_outlives_the_database(iam: Iam) -> None:
    """While the database is away, decisions that were made before are made again; others say that it is away."""
    await iam.store.attach(ANN, "aws:AdministratorAccess")
    assert await iam.allowed(user(), SEND)
    iam.store.away = True
    for _ in range(3):
        iam.later()
        assert await iam.allowed(user(), SEND)
    with pytest.raises(StoreUnavailable):
        await iam.allowed(session_of(), SEND)
    iam.store.away = False
    await iam.store.detach(ANN, "aws:AdministratorAccess")
    iam.later()
    assert not await iam.allowed(user(), SEND)


async def test_a_new_process_without_database_says_so(iam: Iam) -> None:
    """Nothing is known, so nothing is decided, and the next call tries again."""
    iam.store.away = True
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            await iam.allowed(user(), SEND)
    iam.store.away = False
    assert not await iam.allowed(user(), SEND)


async def test_a_stored_policy_that_cannot_be_read_denies_everything(iam: Iam) -> None:
    """What it would deny is not known, so its principal can do nothing; others are not affected."""
    for who in (ANN, WORKER):
        await iam.store.attach(who, "aws:AdministratorAccess")
    await iam.grant(ANN, document("Allow", "*"))
    async with changing(iam.store._database) as session:
        await session.exec(update(InlinePolicyRow).values(document='{"Version": "2099-01-01"}'))
    assert not await iam.allowed(user(), SEND)
    assert await iam.allowed(session_of(), SEND)


async def test_a_boundary_that_is_not_there_denies_everything(iam: Iam) -> None:
    """A boundary of a newer version's built-in policies is a limit that nobody knows, not no limit."""
    await iam.store.attach(ANN, "aws:AdministratorAccess")
    await iam.store.set_boundary(ANN, "aws:FromTheFuture")
    assert not await iam.allowed(user(), SEND)


@pytest.mark.parametrize("key", sorted(BUILT_IN_POLICIES))
def test_built_in_policies_are_policies(key: str) -> None:
    """Each parses, also as a boundary."""
    for kind in (PolicyKind.IDENTITY, PolicyKind.BOUNDARY):
        assert parse(BUILT_IN_POLICIES[key].document, kind).allows


async def test_trust_decides_about_roles(iam: Iam) -> None:
    """Only whom the trust policy names assumes a role, even if his own policies allow everything."""
    await iam.store.create_principal(PrincipalRef(PrincipalKind.USER, "bob"), tags={})
    await iam.store.attach(PrincipalRef(PrincipalKind.USER, "bob"), "aws:AdministratorAccess")
    assert await iam.allowed(user(), "sts:AssumeRole", WORKER_ARN)
    assert not await iam.allowed(user("bob"), "sts:AssumeRole", WORKER_ARN)
    assert not await iam.allowed(user("bob"), "sts:AssumeRole", f"{WORKER_ARN}-that-is-not-there")
    assert not await iam.allowed(user("bob"), "sts:AssumeRole", "*")
