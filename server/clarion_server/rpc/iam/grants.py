"""Methods of IamService about who has which policies."""

# ruff: noqa: N802, ARG002 - gRPC gives the methods their names and arguments
from __future__ import annotations

from typing import Any

from clarion.iam.v1 import policies_pb2 as pb
from clarion_server.access.iam import arns
from clarion_server.access.iam.documents import check_document
from clarion_server.access.policy import PolicyKind
from clarion_server.errors import FieldViolation
from clarion_server.iam_model import PrincipalKind
from clarion_server.rpc import validation
from clarion_server.rpc.iam import checks
from clarion_server.rpc.iam.parts import Part, changes

_BOUNDED = (PrincipalKind.USER, PrincipalKind.ROLE)


class GrantMethods(Part):
    """Attached and inline policies, permissions boundaries."""

    @changes
    async def AttachPolicy(self, request: pb.AttachPolicyRequest, context: Any) -> pb.AttachPolicyResponse:
        """See iam.proto."""
        violations: list[FieldViolation] = []
        who = checks.check_principal(request.principal, violations)
        key = checks.check_policy_arn(self._account, request.policy_arn, violations)
        validation.refuse(violations)
        await self._store.attach(who, key)
        return pb.AttachPolicyResponse()

    @changes
    async def DetachPolicy(self, request: pb.DetachPolicyRequest, context: Any) -> pb.DetachPolicyResponse:
        """See iam.proto."""
        violations: list[FieldViolation] = []
        who = checks.check_principal(request.principal, violations)
        key = checks.check_policy_arn(self._account, request.policy_arn, violations)
        validation.refuse(violations)
        await self._store.detach(who, key)
        return pb.DetachPolicyResponse()

    async def ListAttachedPolicies(
        self, request: pb.ListAttachedPoliciesRequest, context: Any
    ) -> pb.ListAttachedPoliciesResponse:
        """See iam.proto."""
        violations: list[FieldViolation] = []
        who = checks.check_principal(request.principal, violations)
        validation.refuse(violations)
        keys = await self._store.attached(who)
        return pb.ListAttachedPoliciesResponse(policy_arns=sorted(arns.policy_arn(self._account, key) for key in keys))

    @changes
    async def PutInlinePolicy(self, request: pb.PutInlinePolicyRequest, context: Any) -> pb.PutInlinePolicyResponse:
        """See iam.proto."""
        violations: list[FieldViolation] = []
        who = checks.check_principal(request.principal, violations)
        name = checks.check_name("policy_name", request.policy_name, checks.MAX_POLICY_NAME, violations)
        check_document(request.document, PolicyKind.IDENTITY, "document", violations)
        validation.refuse(violations)
        await self._store.put_inline(who, name, request.document)
        return pb.PutInlinePolicyResponse()

    @changes
    async def DeleteInlinePolicy(
        self, request: pb.DeleteInlinePolicyRequest, context: Any
    ) -> pb.DeleteInlinePolicyResponse:
        """See iam.proto."""
        violations: list[FieldViolation] = []
        who = checks.check_principal(request.principal, violations)
        name = checks.check_name("policy_name", request.policy_name, checks.MAX_POLICY_NAME, violations)
        validation.refuse(violations)
        await self._store.delete_inline(who, name)
        return pb.DeleteInlinePolicyResponse()

    async def ListInlinePolicies(
        self, request: pb.ListInlinePoliciesRequest, context: Any
    ) -> pb.ListInlinePoliciesResponse:
        """See iam.proto."""
        violations: list[FieldViolation] = []
        who = checks.check_principal(request.principal, violations)
        validation.refuse(violations)
        documents = await self._store.inline(who)
        return pb.ListInlinePoliciesResponse(
            policies=[pb.InlinePolicy(name=name, document=document) for name, document in documents.items()]
        )

    @changes
    async def PutPermissionsBoundary(
        self, request: pb.PutPermissionsBoundaryRequest, context: Any
    ) -> pb.PutPermissionsBoundaryResponse:
        """See iam.proto."""
        violations: list[FieldViolation] = []
        who = checks.check_principal(request.principal, violations, kinds=_BOUNDED)
        key = checks.check_policy_arn(self._account, request.policy_arn, violations)
        validation.refuse(violations)
        await self._store.set_boundary(who, key)
        return pb.PutPermissionsBoundaryResponse()

    @changes
    async def DeletePermissionsBoundary(
        self, request: pb.DeletePermissionsBoundaryRequest, context: Any
    ) -> pb.DeletePermissionsBoundaryResponse:
        """See iam.proto."""
        violations: list[FieldViolation] = []
        who = checks.check_principal(request.principal, violations, kinds=_BOUNDED)
        validation.refuse(violations)
        await self._store.set_boundary(who, "")
        return pb.DeletePermissionsBoundaryResponse()
