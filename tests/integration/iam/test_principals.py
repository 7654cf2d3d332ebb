"""Users, groups and roles over gRPC."""

from __future__ import annotations

from typing import Any

import grpc
import pytest

from clarion.iam.v1 import principals_pb2 as pb
from tests.integration.iam.conftest import ACCOUNT, BUILT_IN, IamWorld, document, trust
from tests.integration.test_apps import failure, invalid

ANN = pb.Principal(user_name="ann")
GROUP = pb.Principal(group_name="senders")
ROLE = pb.Principal(role_name="worker")
NOT_FOUND: Any = (grpc.StatusCode.NOT_FOUND, "ENTITY_NOT_FOUND", {})
EXISTS: Any = (grpc.StatusCode.ALREADY_EXISTS, "ENTITY_ALREADY_EXISTS", {})


async def test_the_life_of_a_user(iam: IamWorld) -> None:
    """A user is made, read, tagged, renamed and removed; each answer shows the state after it."""
    stub = iam.stub
    made = (await stub.CreateUser(pb.CreateUserRequest(user_name="ann", tags={"team": "red"}))).user
    assert made.arn == f"arn:aws:iam::{ACCOUNT}:user/ann"
    assert made.id.startswith("AIDA")
    assert (dict(made.tags), made.permissions_boundary, made.version) == ({"team": "red"}, "", 1)
    assert (await stub.GetUser(pb.GetUserRequest(user_name="ann"))).user == made
    assert await failure(stub.CreateUser(pb.CreateUserRequest(user_name="ANN"))) == EXISTS
    tagged = await stub.TagPrincipal(pb.TagPrincipalRequest(principal=ANN, tags={"team": "blue", "x": ""}))
    assert dict(tagged.tags) == {"team": "blue", "x": ""}
    untagged = await stub.UntagPrincipal(pb.UntagPrincipalRequest(principal=ANN, tag_keys=["x", "y"]))
    assert dict(untagged.tags) == {"team": "blue"}
    renamed = (await stub.UpdateUser(pb.UpdateUserRequest(user_name="ann", new_user_name="Ann.B+c=d,e@f-g_1"))).user
    assert renamed.arn == f"arn:aws:iam::{ACCOUNT}:user/Ann.B+c=d,e@f-g_1"
    assert (renamed.id, renamed.version) == (made.id, 4)
    assert await failure(stub.GetUser(pb.GetUserRequest(user_name="ann"))) == NOT_FOUND
    gone = (await stub.DeleteUser(pb.DeleteUserRequest(user_name=renamed.name))).user
    assert gone == renamed
    assert await failure(stub.DeleteUser(pb.DeleteUserRequest(user_name=renamed.name))) == NOT_FOUND


async def test_pages_of_users(iam: IamWorld) -> None:
    """Users come in pages, oldest first."""
    for number in range(5):
        await iam.stub.CreateUser(pb.CreateUserRequest(user_name=f"u{number}"))
    pages, token = [], ""
    while True:
        page = await iam.stub.ListUsers(pb.ListUsersRequest(page_size=2, page_token=token))
        pages.append([user.name for user in page.users])
        token = page.next_page_token
        if not token:
            break
    assert pages == [["u0", "u1"], ["u2", "u3"], ["u4"]]


async def test_the_life_of_a_group(iam: IamWorld) -> None:
    """A group is made, gets members, is renamed, and is removed when it has none any more, or by force."""
    stub = iam.stub
    made = (await stub.CreateGroup(pb.CreateGroupRequest(group_name="senders"))).group
    assert (made.arn, made.version) == (f"arn:aws:iam::{ACCOUNT}:group/senders", 1)
    for name in ("ann", "bob"):
        await stub.CreateUser(pb.CreateUserRequest(user_name=name))
        await stub.AddUserToGroup(pb.AddUserToGroupRequest(group_name="senders", user_name=name))
    members = await stub.ListGroupMembers(pb.ListGroupMembersRequest(group_name="senders", page_size=1))
    assert [user.name for user in members.users] == ["ann"]
    rest = pb.ListGroupMembersRequest(group_name="senders", page_token=members.next_page_token)
    assert [user.name for user in (await stub.ListGroupMembers(rest)).users] == ["bob"]
    groups = await stub.ListGroupsForUser(pb.ListGroupsForUserRequest(user_name="ann"))
    assert list(groups.groups) == [made]
    renamed = (await stub.UpdateGroup(pb.UpdateGroupRequest(group_name="senders", new_group_name="s"))).group
    assert (await stub.GetGroup(pb.GetGroupRequest(group_name="s"))).group == renamed
    assert list((await stub.ListGroups(pb.ListGroupsRequest())).groups) == [renamed]
    code, reason, _ = await failure(stub.DeleteGroup(pb.DeleteGroupRequest(group_name="s")))
    assert (code, reason) == (grpc.StatusCode.FAILED_PRECONDITION, "ENTITY_IN_USE")
    leaving = pb.RemoveUserFromGroupRequest(group_name="s", user_name="ann")
    await stub.RemoveUserFromGroup(leaving)
    assert await failure(stub.RemoveUserFromGroup(leaving)) == NOT_FOUND
    assert (await stub.DeleteGroup(pb.DeleteGroupRequest(group_name="s", force=True))).group == renamed
    assert not (await stub.ListGroupsForUser(pb.ListGroupsForUserRequest(user_name="bob"))).groups


async def test_the_life_of_a_role(iam: IamWorld) -> None:
    """A role keeps what it was given; changes need its version if one is expected."""
    stub = iam.stub
    request = pb.CreateRoleRequest(
        role_name="worker",
        trust_policy=trust(ACCOUNT),
        description="für Ämter",
        tags={"a": "b"},
        permissions_boundary=BUILT_IN,
    )
    request.max_session_duration.seconds = 7200
    made = (await stub.CreateRole(request)).role
    assert (made.arn, made.trust_policy) == (f"arn:aws:iam::{ACCOUNT}:role/worker", trust(ACCOUNT))
    assert (made.description, made.max_session_duration.seconds, dict(made.tags)) == ("für Ämter", 7200, {"a": "b"})
    assert made.permissions_boundary == BUILT_IN
    assert (await stub.GetRole(pb.GetRoleRequest(role_name="worker"))).role == made
    assert list((await stub.ListRoles(pb.ListRolesRequest())).roles) == [made]
    change = pb.UpdateRoleRequest(role_name="worker", description="", expected_version=1)
    changed = (await stub.UpdateRole(change)).role
    assert (changed.description, changed.trust_policy, changed.version) == ("", made.trust_policy, 2)
    assert changed.max_session_duration.seconds == 7200
    code, reason, _ = await failure(stub.UpdateRole(change))
    assert (code, reason) == (grpc.StatusCode.ABORTED, "VERSION_MISMATCH")
    other = pb.UpdateRoleRequest(role_name="worker", trust_policy=trust(f"arn:aws:iam::{ACCOUNT}:user/ann"))
    assert (await stub.UpdateRole(other)).role.trust_policy == other.trust_policy
    assert (await stub.DeleteRole(pb.DeleteRoleRequest(role_name="worker"))).role.id == made.id
    assert await failure(stub.GetRole(pb.GetRoleRequest(role_name="worker"))) == NOT_FOUND
    default = await stub.CreateRole(pb.CreateRoleRequest(role_name="r", trust_policy=trust(ACCOUNT)))
    assert default.role.max_session_duration.seconds == 3600


@pytest.mark.parametrize("name", ["", "a b", "ä", "a/b", "a:b", "a\n", "a\0", "*", "x" * 65])
async def test_bad_names_are_refused(iam: IamWorld, name: str) -> None:
    """A name that AWS would not take is refused with its field, whatever is called."""
    stub = iam.stub
    expected = {"": "FIELD_REQUIRED", "x" * 65: "FIELD_TOO_LONG"}.get(name, "FIELD_MALFORMED")
    for call in (
        stub.CreateUser(pb.CreateUserRequest(user_name=name)),
        stub.GetUser(pb.GetUserRequest(user_name=name)),
        stub.DeleteUser(pb.DeleteUserRequest(user_name=name)),
    ):
        assert await invalid(call) == {"user_name": expected}
    tag = pb.TagPrincipalRequest(principal=pb.Principal(user_name=name), tags={"a": "b"})
    assert await invalid(stub.TagPrincipal(tag)) == {"principal.user_name": expected}


async def test_all_that_is_wrong_is_told_at_once(iam: IamWorld) -> None:
    """Each field of a bad request is named with its reason."""
    request = pb.CreateRoleRequest(
        role_name="a b",
        trust_policy=document(),
        description="x" * 1001,
        tags={"aws:a": "b"},
        permissions_boundary="arn:aws:iam::1:policy/x",
    )
    request.max_session_duration.seconds = 60
    assert await invalid(iam.stub.CreateRole(request)) == {
        "role_name": "FIELD_MALFORMED",
        "trust_policy": "POLICY_INVALID",
        "description": "FIELD_TOO_LONG",
        "max_session_duration": "FIELD_OUT_OF_RANGE",
        'tags["aws:a"]': "FIELD_MALFORMED",
        "permissions_boundary": "FIELD_MALFORMED",
    }
    both = pb.UpdateRoleRequest(role_name="a", trust_policy=trust(ACCOUNT), description="d", expected_version=0)
    both.max_session_duration.seconds = 3600
    assert await invalid(iam.stub.UpdateRole(both)) == {
        "description": "FIELD_CONFLICT",
        "max_session_duration": "FIELD_CONFLICT",
        "expected_version": "FIELD_OUT_OF_RANGE",
    }
    assert await invalid(iam.stub.TagPrincipal(pb.TagPrincipalRequest())) == {
        "principal": "FIELD_REQUIRED",
        "tags": "FIELD_REQUIRED",
    }
    assert await invalid(iam.stub.TagPrincipal(pb.TagPrincipalRequest(principal=GROUP, tags={"a": "b"}))) == {
        "principal.group_name": "FIELD_CONFLICT"
    }


async def test_too_many_tags(iam: IamWorld) -> None:
    """The 51st tag is refused, at once or later."""
    tags = {f"k{number}": "" for number in range(51)}
    answer = await failure(iam.stub.CreateUser(pb.CreateUserRequest(user_name="ann", tags=tags)))
    assert answer[:2] == (grpc.StatusCode.INVALID_ARGUMENT, "TAG_LIMIT_EXCEEDED")
    del tags["k0"]
    await iam.stub.CreateUser(pb.CreateUserRequest(user_name="ann", tags=tags))
    answer = await failure(iam.stub.TagPrincipal(pb.TagPrincipalRequest(principal=ANN, tags={"one": "more"})))
    assert answer[:2] == (grpc.StatusCode.INVALID_ARGUMENT, "TAG_LIMIT_EXCEEDED")


async def test_a_user_in_use_is_removed_by_force_only(iam: IamWorld) -> None:
    """A user with tags alone goes; one in a group does not, unless it is forced."""
    await iam.stub.CreateGroup(pb.CreateGroupRequest(group_name="senders"))
    await iam.stub.CreateUser(pb.CreateUserRequest(user_name="ann", tags={"a": "b"}))
    await iam.stub.AddUserToGroup(pb.AddUserToGroupRequest(group_name="senders", user_name="ann"))
    answer = await failure(iam.stub.DeleteUser(pb.DeleteUserRequest(user_name="ann")))
    assert answer[:2] == (grpc.StatusCode.FAILED_PRECONDITION, "ENTITY_IN_USE")
    await iam.stub.DeleteUser(pb.DeleteUserRequest(user_name="ann", force=True))
    assert not (await iam.stub.ListGroupMembers(pb.ListGroupMembersRequest(group_name="senders"))).users
