"""What every IamStore does."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from clarion_server.access.iam.ports import IamStore
from clarion_server.errors import (
    AppNotFound,
    EntityChanged,
    EntityExists,
    EntityInUse,
    EntityLimitExceeded,
    EntityNotFound,
)
from clarion_server.iam_model import (
    MAX_ACCESS_KEYS,
    MAX_ATTACHED,
    MAX_GROUPS,
    MAX_INLINE,
    AccountPolicy,
    Holder,
    PrincipalKind,
    PrincipalRef,
)
from clarion_server.ports import MAX_TAGS, SealedSecret, TooManyTags
from clarion_server.store import Database, SqlAppStore, SqlIamStore

USER, GROUP, ROLE = PrincipalKind.USER, PrincipalKind.GROUP, PrincipalKind.ROLE
ANN = PrincipalRef(USER, "ann")
SENDERS = PrincipalRef(GROUP, "senders")
WORKER = PrincipalRef(ROLE, "worker")
SEALED = SealedSecret(1, "key", b"wrapped", b"ciphertext")
NOBODY = "0" * 32


@pytest.fixture
def store(database: Database) -> IamStore:
    """Provide the store."""
    return SqlIamStore(database)


async def make_all(store: IamStore) -> None:
    """Make a user, a group and a role."""
    for who in (ANN, SENDERS, WORKER):
        await store.create_principal(who, tags={})


@pytest.mark.parametrize(("who", "prefix"), [(ANN, "AIDA"), (SENDERS, "AGPA"), (WORKER, "AROA")])
async def test_a_principal_is_what_was_stored(store: IamStore, who: PrincipalRef, prefix: str) -> None:
    """A new principal has a fresh id of its kind, version 1 and all that was given; reading it gives an equal one."""
    made = await store.create_principal(
        who, tags={"b": "2", "a": ""}, description="für Ämter", trust_policy="{}", max_session=7200
    )
    assert re.fullmatch(prefix + "[A-Z2-7]{17}", made.id)
    assert (made.kind, made.name, made.version, made.tags) == (who.kind, who.name, 1, {"a": "", "b": "2"})
    assert (made.description, made.trust_policy, made.max_session, made.boundary) == ("für Ämter", "{}", 7200, "")
    assert made.create_time == made.update_time <= datetime.now(UTC)
    assert await store.get_principal(who) == made


async def test_names_are_unique_in_their_kind_without_regard_to_case(store: IamStore) -> None:
    """Ann is taken when ann is there, for users only; looking up needs the name as it was given."""
    await store.create_principal(ANN, tags={})
    with pytest.raises(EntityExists):
        await store.create_principal(PrincipalRef(USER, "Ann"), tags={})
    await store.create_principal(PrincipalRef(GROUP, "Ann"), tags={})
    with pytest.raises(EntityNotFound):
        await store.get_principal(PrincipalRef(USER, "Ann"))
    await store.create_policy("Send", "{}", "")
    with pytest.raises(EntityExists):
        await store.create_policy("send", "{}", "")


@pytest.mark.parametrize(
    "call",
    [
        lambda store: store.get_principal(ANN),
        lambda store: store.rename_principal(ANN, "new"),
        lambda store: store.update_role(
            "worker", trust_policy=None, description=None, max_session=None, expected_version=None
        ),
        lambda store: store.delete_principal(ANN, force=True),
        lambda store: store.tag_principal(ANN, {"a": "b"}),
        lambda store: store.untag_principal(ANN, ["a"]),
        lambda store: store.set_boundary(ANN, ""),
        lambda store: store.add_member("senders", "ann"),
        lambda store: store.remove_member("senders", "ann"),
        lambda store: store.groups_of("ann"),
        lambda store: store.list_principals(USER, 10, group="senders"),
        lambda store: store.get_policy("send"),
        lambda store: store.update_policy("send", document="{}", description=None, expected_version=None),
        lambda store: store.delete_policy("send"),
        lambda store: store.holders("send", 10),
        lambda store: store.attach(ANN, "aws:AdministratorAccess"),
        lambda store: store.detach(ANN, "aws:AdministratorAccess"),
        lambda store: store.attached(ANN),
        lambda store: store.put_inline(ANN, "a", "{}"),
        lambda store: store.delete_inline(ANN, "a"),
        lambda store: store.inline(ANN),
        lambda store: store.delete_account_policy(AccountPolicy.ENDPOINT),
        lambda store: store.create_access_key("ann", "AKIA1", SEALED),
        lambda store: store.list_access_keys("ann"),
        lambda store: store.set_access_key_active("ann", "AKIA1", active=True),
        lambda store: store.delete_access_key("ann", "AKIA1"),
    ],
)
async def test_what_is_not_there_is_not_found(store: IamStore, call: Callable[[IamStore], Awaitable[Any]]) -> None:
    """Every method that names something says when it does not exist, and has then changed nothing."""
    before = await store.revision()
    with pytest.raises(EntityNotFound):
        await call(store)
    assert await store.revision() == before


async def test_rename(store: IamStore) -> None:
    """A new name keeps id and all that belongs to the principal; one that is taken is refused, other case is not."""
    await make_all(store)
    await store.create_principal(PrincipalRef(USER, "bob"), tags={})
    await store.add_member("senders", "ann")
    await store.attach(ANN, "aws:AdministratorAccess")
    before = await store.get_principal(ANN)
    with pytest.raises(EntityExists):
        await store.rename_principal(ANN, "BOB")
    renamed = await store.rename_principal(ANN, "ANN")
    assert (renamed.name, renamed.id, renamed.version) == ("ANN", before.id, before.version + 1)
    assert [each.name for each in await store.groups_of("ANN")] == ["senders"]
    assert await store.attached(PrincipalRef(USER, "ANN")) == ["aws:AdministratorAccess"]


async def test_a_role_changes_only_in_what_is_given(store: IamStore) -> None:
    """None leaves an attribute; a version that is not the role's is refused and changes nothing."""
    made = await store.create_principal(WORKER, tags={"a": "b"}, trust_policy="{}", description="old")
    change: Any = {"trust_policy": None, "description": "new", "max_session": None}
    changed = await store.update_role("worker", **change, expected_version=1)
    assert changed == replace(made, description="new", version=2, update_time=changed.update_time)
    assert changed.update_time > made.update_time
    with pytest.raises(EntityChanged, match="version 2"):
        await store.update_role("worker", **change, expected_version=1)
    assert await store.get_principal(WORKER) == changed


async def test_tags(store: IamStore) -> None:
    """Tags are added, replaced and removed; the 51st is refused and then nothing is changed."""
    await store.create_principal(ANN, tags={"a": "1", "b": "2"})
    assert (await store.tag_principal(ANN, {"b": "3", "c": "4"})).tags == {"a": "1", "b": "3", "c": "4"}
    assert (await store.untag_principal(ANN, ["a", "nothing"])).tags == {"b": "3", "c": "4"}
    before = await store.get_principal(ANN)
    with pytest.raises(TooManyTags):
        await store.tag_principal(ANN, {f"key-{number}": "" for number in range(MAX_TAGS)})
    assert await store.get_principal(ANN) == before


async def test_simultaneous_changes_are_all_kept(store: IamStore) -> None:
    """Concurrent calls lose nothing, and together stay within the limits."""
    await make_all(store)
    calls = [store.attach(ANN, f"aws:{number}") for number in range(MAX_ATTACHED + 5)]
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert sum(isinstance(answer, EntityLimitExceeded) for answer in answers) == 5
    assert len(await store.attached(ANN)) == MAX_ATTACHED


async def test_members(store: IamStore) -> None:
    """Adding twice is adding once; members come in pages; a user leaves, and is in at most ten groups."""
    await make_all(store)
    for number in range(5):
        await store.create_principal(PrincipalRef(USER, f"u{number}"), tags={"n": str(number)})
        for _ in range(2):
            await store.add_member("senders", f"u{number}")
    first = await store.list_principals(USER, 3, group="senders")
    second = await store.list_principals(USER, 3, first.next_cursor, group="senders")
    assert [user.name for user in first.items] == ["u0", "u1", "u2"]
    assert [(user.name, user.tags) for user in second.items] == [("u3", {"n": "3"}), ("u4", {"n": "4"})]
    assert second.next_cursor is None
    await store.remove_member("senders", "u0")
    with pytest.raises(EntityNotFound):
        await store.remove_member("senders", "u0")
    for number in range(MAX_GROUPS):
        await store.create_principal(PrincipalRef(GROUP, f"g{number}"), tags={})
        await store.add_member(f"g{number}", "ann")
    with pytest.raises(EntityLimitExceeded):
        await store.add_member("senders", "ann")
    await store.add_member("g0", "ann")  # is in it
    assert len(await store.groups_of("ann")) == MAX_GROUPS


async def test_pages_of_principals_are_of_one_kind(store: IamStore) -> None:
    """Pages go by the order of making, of one kind only, and hold while others are deleted."""
    for number in range(5):
        for kind in PrincipalKind:
            await store.create_principal(PrincipalRef(kind, f"{number}"), tags={})
    first = await store.list_principals(ROLE, 2)
    await store.delete_principal(PrincipalRef(ROLE, "1"), force=False)
    second = await store.list_principals(ROLE, 2, first.next_cursor)
    third = await store.list_principals(ROLE, 2, second.next_cursor)
    pages = [[(each.kind, each.name) for each in page.items] for page in (first, second, third)]
    assert pages == [[(ROLE, "0"), (ROLE, "1")], [(ROLE, "2"), (ROLE, "3")], [(ROLE, "4")]]
    assert third.next_cursor is None


@pytest.mark.parametrize(
    ("who", "use", "told"),
    [
        (ANN, lambda store: store.create_access_key("ann", "AKIA1", SEALED), "access keys"),
        (ANN, lambda store: store.add_member("senders", "ann"), "groups"),
        (SENDERS, lambda store: store.add_member("senders", "ann"), "members"),
        (ANN, lambda store: store.attach(ANN, "aws:AdministratorAccess"), "attached"),
        (WORKER, lambda store: store.put_inline(WORKER, "a", "{}"), "inline"),
    ],
)
async def test_what_has_something_is_removed_by_force_only(
    store: IamStore, who: PrincipalRef, use: Callable[[IamStore], Awaitable[Any]], told: str
) -> None:
    """A principal in use is not removed, and the error says what it has; with force all that goes, too."""
    await make_all(store)
    await use(store)
    with pytest.raises(EntityInUse, match=told):
        await store.delete_principal(who, force=False)
    assert (await store.delete_principal(who, force=True)).name == who.name
    again = await store.create_principal(who, tags={})
    assert again.tags == {}
    assert await store.attached(who) == []
    assert await store.inline(who) == {}
    if who is ANN:
        assert await store.list_access_keys("ann") == []
        assert await store.groups_of("ann") == []
    assert await store.find_access_key("AKIA1") is None
    assert (await store.list_principals(USER, 10, group="senders")).items == []


async def test_managed_policies(store: IamStore) -> None:
    """A policy is made, listed, changed in what is given, and removed when nobody has it any more."""
    await make_all(store)
    made = await store.create_policy("send", '{"a": "ä"}', "for people")
    assert re.fullmatch("ANPA[A-Z2-7]{17}", made.id)
    assert await store.get_policy("send") == made
    changed = await store.update_policy("send", document="{}", description=None, expected_version=1)
    assert (changed.document, changed.description, changed.version) == ("{}", "for people", 2)
    with pytest.raises(EntityChanged):
        await store.update_policy("send", document="[]", description=None, expected_version=1)
    await store.attach(SENDERS, "send")
    await store.set_boundary(ANN, "send")
    await store.attach(ANN, "send")
    everybody = [
        Holder(ANN, attached=True, boundary=True),
        Holder(SENDERS, attached=True, boundary=False),
    ]
    first = await store.holders("send", 1)
    assert [*first.items, *(await store.holders("send", 1, first.next_cursor)).items] == everybody
    for step in (
        lambda: store.detach(SENDERS, "send"),
        lambda: store.detach(ANN, "send"),
        lambda: store.set_boundary(ANN, ""),
    ):
        with pytest.raises(EntityInUse):
            await store.delete_policy("send")
        await step()
    assert await store.delete_policy("send") == changed
    with pytest.raises(EntityNotFound):
        await store.attach(ANN, "send")
    with pytest.raises(EntityNotFound):
        await store.set_boundary(ANN, "send")


async def test_pages_of_policies(store: IamStore) -> None:
    """Policies come in pages, oldest first."""
    for number in range(3):
        await store.create_policy(str(number), "{}", "")
    first = await store.list_policies(2)
    second = await store.list_policies(2, first.next_cursor)
    assert [[each.name for each in page.items] for page in (first, second)] == [["0", "1"], ["2"]]
    assert second.next_cursor is None


async def test_inline_policies(store: IamStore) -> None:
    """They are written, replaced, listed by name and removed; there are at most ten of each principal."""
    await make_all(store)
    for number in range(MAX_INLINE):
        await store.put_inline(ANN, f"p{number}", "{}")
    await store.put_inline(ANN, "p3", '{"new": 1}')
    with pytest.raises(EntityLimitExceeded):
        await store.put_inline(ANN, "one more", "{}")
    await store.put_inline(WORKER, "p0", "[]")
    await store.delete_inline(ANN, "p0")
    assert list(await store.inline(ANN)) == [f"p{number}" for number in range(1, MAX_INLINE)]
    assert (await store.inline(ANN))["p3"] == '{"new": 1}'
    assert await store.inline(WORKER) == {"p0": "[]"}


async def test_policies_of_the_account(store: IamStore) -> None:
    """Each kind has one place of its own."""
    await store.put_account_policy(AccountPolicy.ENDPOINT, "1")
    await store.put_account_policy(AccountPolicy.ENDPOINT, "2")
    assert await store.get_account_policy(AccountPolicy.SERVICE_CONTROL) is None
    found = await store.get_account_policy(AccountPolicy.ENDPOINT)
    assert found is not None
    assert found.document == "2"
    await store.delete_account_policy(AccountPolicy.ENDPOINT)
    assert await store.get_account_policy(AccountPolicy.ENDPOINT) is None


async def test_policies_of_apps(store: IamStore, apps: SqlAppStore) -> None:
    """An app's policy needs the app, and goes with it."""
    for call in (
        store.put_app_policy(NOBODY, "{}"),
        store.get_app_policy(NOBODY),
        store.delete_app_policy(NOBODY),
    ):
        with pytest.raises(AppNotFound):
            await call
    app_id = (await apps.create_app("app", {})).id
    assert await store.get_app_policy(app_id) is None
    with pytest.raises(EntityNotFound):
        await store.delete_app_policy(app_id)
    await store.put_app_policy(app_id, "1")
    await store.put_app_policy(app_id, "2")
    found = await store.get_app_policy(app_id)
    assert found is not None
    assert found.document == "2"
    await store.delete_app_policy(app_id)
    assert await store.get_app_policy(app_id) is None
    await store.put_app_policy(app_id, "3")
    await apps.delete_app(app_id)
    with pytest.raises(AppNotFound):
        await store.get_app_policy(app_id)


async def test_grants_are_all_that_a_principal_has(store: IamStore) -> None:
    """A user's grants are its own and its groups'; a role's are its own; nobody has none."""
    await make_all(store)
    for name in ("direct", "group", "limit", "other"):
        await store.create_policy(name, name, "")
    await store.attach(ANN, "direct")
    await store.attach(ANN, "aws:ReadOnlyAccess")
    await store.set_boundary(ANN, "limit")
    await store.put_inline(ANN, "own", "inline")
    await store.attach(SENDERS, "group")
    await store.attach(SENDERS, "direct")
    await store.put_inline(SENDERS, "own", "inline of the group")
    await store.attach(WORKER, "other")
    alone = await store.grants(ANN)
    assert alone is not None
    assert (alone.attached, alone.inline) == ({"direct": "direct"}, {"user/ann/own": "inline"})
    await store.add_member("senders", "ann")
    grants = await store.grants(ANN)
    assert grants is not None
    assert grants.principal == await store.get_principal(ANN)
    assert grants.attached == {"direct": "direct", "group": "group"}
    assert grants.built_in == ["aws:ReadOnlyAccess"]
    assert grants.inline == {"user/ann/own": "inline", "group/senders/own": "inline of the group"}
    assert grants.boundary == "limit"
    role = await store.grants(WORKER)
    assert role is not None
    assert (role.attached, role.built_in, role.inline, role.boundary) == ({"other": "other"}, [], {}, "")
    assert await store.grants(PrincipalRef(USER, "nobody")) is None


async def test_access_keys(store: IamStore) -> None:
    """A user has two keys at most; they are found by id with their owner, switched off, and removed."""
    await make_all(store)
    first = await store.create_access_key("ann", "AKIA1", SEALED)
    assert (first.user, first.active, first.last_used_time, first.sealed) == ("ann", True, None, SEALED)
    await store.create_access_key("ann", "AKIA2", SEALED)
    with pytest.raises(EntityLimitExceeded):
        await store.create_access_key("ann", "AKIA3", SEALED)
    assert [key.id for key in await store.list_access_keys("ann")] == ["AKIA1", "AKIA2"][:MAX_ACCESS_KEYS]
    assert await store.find_access_key("AKIA1") == (first, await store.get_principal(ANN))
    off = await store.set_access_key_active("ann", "AKIA1", active=False)
    assert off == replace(first, active=False)
    await store.create_principal(PrincipalRef(USER, "bob"), tags={})
    with pytest.raises(EntityNotFound):
        await store.delete_access_key("bob", "AKIA1")
    await store.delete_access_key("ann", "AKIA1")
    assert await store.find_access_key("AKIA1") is None


async def test_the_use_of_a_key_is_no_change(store: IamStore) -> None:
    """The time of use is kept; the revision stays, so that nobody drops what it knows because of it."""
    await make_all(store)
    await store.create_access_key("ann", "AKIA1", SEALED)
    before = await store.revision()
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    await store.note_use("AKIA1", moment)
    await store.note_use("AKIA2", moment)
    assert [key.last_used_time for key in await store.list_access_keys("ann")] == [moment]
    assert await store.revision() == before


async def test_every_change_counts_the_revision_up(store: IamStore, apps: SqlAppStore) -> None:
    """The revision grows with each kind of change."""
    app_id = (await apps.create_app("app", {})).id
    seen = [await store.revision()]
    steps: list[Callable[[], Awaitable[Any]]] = [
        lambda: make_all(store),
        lambda: store.tag_principal(ANN, {"a": "b"}),
        lambda: store.untag_principal(ANN, ["a"]),
        lambda: store.create_policy("p", "{}", ""),
        lambda: store.update_policy("p", document="[]", description=None, expected_version=None),
        lambda: store.attach(ANN, "p"),
        lambda: store.detach(ANN, "p"),
        lambda: store.set_boundary(ANN, "p"),
        lambda: store.set_boundary(ANN, ""),
        lambda: store.delete_policy("p"),
        lambda: store.put_inline(ANN, "p", "{}"),
        lambda: store.delete_inline(ANN, "p"),
        lambda: store.add_member("senders", "ann"),
        lambda: store.remove_member("senders", "ann"),
        lambda: store.update_role(
            "worker", trust_policy="{}", description=None, max_session=None, expected_version=None
        ),
        lambda: store.put_account_policy(AccountPolicy.ENDPOINT, "{}"),
        lambda: store.delete_account_policy(AccountPolicy.ENDPOINT),
        lambda: store.put_app_policy(app_id, "{}"),
        lambda: store.delete_app_policy(app_id),
        lambda: store.create_access_key("ann", "AKIA1", SEALED),
        lambda: store.set_access_key_active("ann", "AKIA1", active=False),
        lambda: store.delete_access_key("ann", "AKIA1"),
        lambda: store.rename_principal(ANN, "bob"),
        lambda: store.delete_principal(PrincipalRef(USER, "bob"), force=False),
    ]
    for step in steps:
        await step()
        seen.append(await store.revision())
    assert seen == sorted(set(seen))
