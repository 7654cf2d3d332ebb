"""Methods of IamService about users, and about the tags of users and roles."""

# ruff: noqa: N802, ARG002 - gRPC gives the methods their names and arguments
from __future__ import annotations

from typing import Any

from clarion.iam.v1 import principals_pb2 as pb
from clarion_server.errors import FieldViolation
from clarion_server.iam_model import PrincipalKind
from clarion_server.ports import TooManyTags
from clarion_server.rpc import validation
from clarion_server.rpc.iam import checks, messages
from clarion_server.rpc.iam.parts import Part, changes

_TAGGED = (PrincipalKind.USER, PrincipalKind.ROLE)


class UserMethods(Part):
    """Users and tags."""

    @changes
    async def CreateUser(self, request: pb.CreateUserRequest, context: Any) -> pb.CreateUserResponse:
        """See iam.proto."""
        violations: list[FieldViolation] = []
        who = checks.check_ref(PrincipalKind.USER, request.user_name, violations)
        tags = validation.check_tags(request.tags, violations)
        boundary = checks.check_policy_arn(
            self._account, request.permissions_boundary, violations, path="permissions_boundary", optional=True
        )
        validation.refuse(violations)
        user = await self._store.create_principal(who, tags=tags, boundary=boundary)
        return pb.CreateUserResponse(user=messages.user(self._account, user))

    async def GetUser(self, request: pb.GetUserRequest, context: Any) -> pb.GetUserResponse:
        """See iam.proto."""
        violations: list[FieldViolation] = []
        who = checks.check_ref(PrincipalKind.USER, request.user_name, violations)
        validation.refuse(violations)
        return pb.GetUserResponse(user=messages.user(self._account, await self._store.get_principal(who)))

    async def ListUsers(self, request: pb.ListUsersRequest, context: Any) -> pb.ListUsersResponse:
        """See iam.proto."""
        violations: list[FieldViolation] = []
        page_size = validation.check_page_size(request.page_size, violations)
        after = validation.check_page_token(request.page_token, violations)
        validation.refuse(violations)
        page = await self._store.list_principals(PrincipalKind.USER, page_size, after)
        return pb.ListUsersResponse(
            users=[messages.user(self._account, user) for user in page.items],
            next_page_token=validation.page_token(page.next_cursor),
        )

    @changes
    async def UpdateUser(self, request: pb.UpdateUserRequest, context: Any) -> pb.UpdateUserResponse:
        """See iam.proto."""
        violations: list[FieldViolation] = []
        who = checks.check_ref(PrincipalKind.USER, request.user_name, violations)
        new = checks.check_ref(PrincipalKind.USER, request.new_user_name, violations, "new_user_name")
        validation.refuse(violations)
        user = await self._store.rename_principal(who, new.name)
        return pb.UpdateUserResponse(user=messages.user(self._account, user))

    @changes
    async def DeleteUser(self, request: pb.DeleteUserRequest, context: Any) -> pb.DeleteUserResponse:
        """See iam.proto."""
        violations: list[FieldViolation] = []
        who = checks.check_ref(PrincipalKind.USER, request.user_name, violations)
        validation.refuse(violations)
        user = await self._store.delete_principal(who, force=request.force)
        return pb.DeleteUserResponse(user=messages.user(self._account, user))

    @changes
    async def TagPrincipal(self, request: pb.TagPrincipalRequest, context: Any) -> pb.TagPrincipalResponse:
        """See iam.proto."""
        violations: list[FieldViolation] = []
        who = checks.check_principal(request.principal, violations, kinds=_TAGGED)
        if not request.tags:
            violations.append(validation.required("tags", "give at least one"))
        tags = validation.check_tags(request.tags, violations)
        validation.refuse(violations)
        try:
            principal = await self._store.tag_principal(who, tags)
        except TooManyTags as error:
            raise validation.too_many_tags() from error
        return pb.TagPrincipalResponse(tags=principal.tags)

    @changes
    async def UntagPrincipal(self, request: pb.UntagPrincipalRequest, context: Any) -> pb.UntagPrincipalResponse:
        """See iam.proto."""
        violations: list[FieldViolation] = []
        who = checks.check_principal(request.principal, violations, kinds=_TAGGED)
        validation.check_tag_keys(request.tag_keys, violations)
        validation.refuse(violations)
        principal = await self._store.untag_principal(who, request.tag_keys)
        return pb.UntagPrincipalResponse(tags=principal.tags)
