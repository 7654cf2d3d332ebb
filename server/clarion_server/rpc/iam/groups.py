"""Methods of IamService about groups and their members."""

# ruff: noqa: N802, ARG002 - gRPC gives the methods their names and arguments
from __future__ import annotations

from typing import Any

from clarion.iam.v1 import principals_pb2 as pb
from clarion_server.errors import FieldViolation
from clarion_server.iam_model import PrincipalKind
from clarion_server.rpc import validation
from clarion_server.rpc.iam import checks, messages
from clarion_server.rpc.iam.parts import Part, changes


class GroupMethods(Part):
    """Groups."""

    @changes
    async def CreateGroup(self, request: pb.CreateGroupRequest, context: Any) -> pb.CreateGroupResponse:
        """See iam.proto."""
        violations: list[FieldViolation] = []
        who = checks.check_ref(PrincipalKind.GROUP, request.group_name, violations)
        validation.refuse(violations)
        group = await self._store.create_principal(who, tags={})
        return pb.CreateGroupResponse(group=messages.group(self._account, group))

    async def GetGroup(self, request: pb.GetGroupRequest, context: Any) -> pb.GetGroupResponse:
        """See iam.proto."""
        violations: list[FieldViolation] = []
        who = checks.check_ref(PrincipalKind.GROUP, request.group_name, violations)
        validation.refuse(violations)
        return pb.GetGroupResponse(group=messages.group(self._account, await self._store.get_principal(who)))

    async def ListGroups(self, request: pb.ListGroupsRequest, context: Any) -> pb.ListGroupsResponse:
        """See iam.proto."""
        violations: list[FieldViolation] = []
        page_size = validation.check_page_size(request.page_size, violations)
        after = validation.check_page_token(request.page_token, violations)
        validation.refuse(violations)
        page = await self._store.list_principals(PrincipalKind.GROUP, page_size, after)
        return pb.ListGroupsResponse(
            groups=[messages.group(self._account, group) for group in page.items],
            next_page_token=validation.page_token(page.next_cursor),
        )

    @changes
    async def UpdateGroup(self, request: pb.UpdateGroupRequest, context: Any) -> pb.UpdateGroupResponse:
        """See iam.proto."""
        violations: list[FieldViolation] = []
        who = checks.check_ref(PrincipalKind.GROUP, request.group_name, violations)
        new = checks.check_ref(PrincipalKind.GROUP, request.new_group_name, violations, "new_group_name")
        validation.refuse(violations)
        group = await self._store.rename_principal(who, new.name)
        return pb.UpdateGroupResponse(group=messages.group(self._account, group))

    @changes
    async def DeleteGroup(self, request: pb.DeleteGroupRequest, context: Any) -> pb.DeleteGroupResponse:
        """See iam.proto."""
        violations: list[FieldViolation] = []
        who = checks.check_ref(PrincipalKind.GROUP, request.group_name, violations)
        validation.refuse(violations)
        group = await self._store.delete_principal(who, force=request.force)
        return pb.DeleteGroupResponse(group=messages.group(self._account, group))

    @changes
    async def AddUserToGroup(self, request: pb.AddUserToGroupRequest, context: Any) -> pb.AddUserToGroupResponse:
        """See iam.proto."""
        violations: list[FieldViolation] = []
        group = checks.check_ref(PrincipalKind.GROUP, request.group_name, violations)
        user = checks.check_ref(PrincipalKind.USER, request.user_name, violations)
        validation.refuse(violations)
        await self._store.add_member(group.name, user.name)
        return pb.AddUserToGroupResponse()

    @changes
    async def RemoveUserFromGroup(
        self, request: pb.RemoveUserFromGroupRequest, context: Any
    ) -> pb.RemoveUserFromGroupResponse:
        """See iam.proto."""
        violations: list[FieldViolation] = []
        group = checks.check_ref(PrincipalKind.GROUP, request.group_name, violations)
        user = checks.check_ref(PrincipalKind.USER, request.user_name, violations)
        validation.refuse(violations)
        await self._store.remove_member(group.name, user.name)
        return pb.RemoveUserFromGroupResponse()

    async def ListGroupMembers(self, request: pb.ListGroupMembersRequest, context: Any) -> pb.ListGroupMembersResponse:
        """See iam.proto."""
        violations: list[FieldViolation] = []
        group = checks.check_ref(PrincipalKind.GROUP, request.group_name, violations)
        page_size = validation.check_page_size(request.page_size, violations)
        after = validation.check_page_token(request.page_token, violations)
        validation.refuse(violations)
        page = await self._store.list_principals(PrincipalKind.USER, page_size, after, group=group.name)
        return pb.ListGroupMembersResponse(
            users=[messages.user(self._account, user) for user in page.items],
            next_page_token=validation.page_token(page.next_cursor),
        )

    async def ListGroupsForUser(
        self, request: pb.ListGroupsForUserRequest, context: Any
    ) -> pb.ListGroupsForUserResponse:
        """See iam.proto."""
        violations: list[FieldViolation] = []
        user = checks.check_ref(PrincipalKind.USER, request.user_name, violations)
        validation.refuse(violations)
        groups = await self._store.groups_of(user.name)
        return pb.ListGroupsForUserResponse(groups=[messages.group(self._account, group) for group in groups])
