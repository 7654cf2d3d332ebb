"""Methods of IamService about roles."""

# ruff: noqa: N802, ARG002 - gRPC gives the methods their names and arguments
from __future__ import annotations

from typing import Any

from clarion.iam.v1 import principals_pb2 as pb
from clarion.v1 import error_pb2
from clarion_server.access.iam.documents import check_document
from clarion_server.access.policy import PolicyKind
from clarion_server.errors import FieldViolation
from clarion_server.iam_model import PrincipalKind
from clarion_server.rpc import validation
from clarion_server.rpc.iam import checks, messages
from clarion_server.rpc.iam.parts import Part, changes

_MIN_SESSION = 3600
_MAX_SESSION = 12 * 3600


class RoleMethods(Part):
    """Roles."""

    @changes
    async def CreateRole(self, request: pb.CreateRoleRequest, context: Any) -> pb.CreateRoleResponse:
        """See iam.proto."""
        violations: list[FieldViolation] = []
        who = checks.check_ref(PrincipalKind.ROLE, request.role_name, violations)
        check_document(request.trust_policy, PolicyKind.TRUST, "trust_policy", violations)
        description = checks.check_description(request.description, violations)
        max_session = _MIN_SESSION
        if request.HasField("max_session_duration"):
            max_session = _max_session(request, violations)
        tags = validation.check_tags(request.tags, violations)
        boundary = checks.check_policy_arn(
            self._account, request.permissions_boundary, violations, path="permissions_boundary", optional=True
        )
        validation.refuse(violations)
        role = await self._store.create_principal(
            who,
            tags=tags,
            boundary=boundary,
            description=description,
            trust_policy=request.trust_policy,
            max_session=max_session,
        )
        return pb.CreateRoleResponse(role=messages.role(self._account, role))

    async def GetRole(self, request: pb.GetRoleRequest, context: Any) -> pb.GetRoleResponse:
        """See iam.proto."""
        violations: list[FieldViolation] = []
        who = checks.check_ref(PrincipalKind.ROLE, request.role_name, violations)
        validation.refuse(violations)
        return pb.GetRoleResponse(role=messages.role(self._account, await self._store.get_principal(who)))

    async def ListRoles(self, request: pb.ListRolesRequest, context: Any) -> pb.ListRolesResponse:
        """See iam.proto."""
        violations: list[FieldViolation] = []
        page_size = validation.check_page_size(request.page_size, violations)
        after = validation.check_page_token(request.page_token, violations)
        validation.refuse(violations)
        page = await self._store.list_principals(PrincipalKind.ROLE, page_size, after)
        return pb.ListRolesResponse(
            roles=[messages.role(self._account, role) for role in page.items],
            next_page_token=validation.page_token(page.next_cursor),
        )

    @changes
    async def UpdateRole(self, request: pb.UpdateRoleRequest, context: Any) -> pb.UpdateRoleResponse:
        """See iam.proto."""
        violations: list[FieldViolation] = []
        who = checks.check_ref(PrincipalKind.ROLE, request.role_name, violations)
        given = request.HasField
        if given("trust_policy"):
            check_document(request.trust_policy, PolicyKind.TRUST, "trust_policy", violations)
            for other in ("description", "max_session_duration"):
                if given(other):
                    problem = "cannot be changed together with trust_policy, which is another permission; call twice"
                    violations.append(FieldViolation(other, error_pb2.ERROR_REASON_FIELD_CONFLICT, problem))
        checks.check_description(request.description, violations)
        max_session = _max_session(request, violations) if given("max_session_duration") else None
        expected = checks.check_expected_version(
            request.expected_version if given("expected_version") else None, violations
        )
        validation.refuse(violations)
        role = await self._store.update_role(
            who.name,
            trust_policy=request.trust_policy if given("trust_policy") else None,
            description=request.description if given("description") else None,
            max_session=max_session,
            expected_version=expected,
        )
        return pb.UpdateRoleResponse(role=messages.role(self._account, role))

    @changes
    async def DeleteRole(self, request: pb.DeleteRoleRequest, context: Any) -> pb.DeleteRoleResponse:
        """See iam.proto."""
        violations: list[FieldViolation] = []
        who = checks.check_ref(PrincipalKind.ROLE, request.role_name, violations)
        validation.refuse(violations)
        role = await self._store.delete_principal(who, force=request.force)
        return pb.DeleteRoleResponse(role=messages.role(self._account, role))


def _max_session(request: pb.CreateRoleRequest | pb.UpdateRoleRequest, violations: list[FieldViolation]) -> int:
    return checks.check_duration(
        "max_session_duration", request.max_session_duration, _MIN_SESSION, _MAX_SESSION, violations
    )
