"""Methods of IamService about managed policies, and about the policies of the account and of apps."""

# ruff: noqa: N802, ARG002 - gRPC gives the methods their names and arguments
from __future__ import annotations

from typing import Any

from clarion.iam.v1 import policies_pb2 as pb
from clarion.v1 import error_pb2
from clarion_server.access.iam.builtin import BUILT_IN_POLICIES
from clarion_server.access.iam.documents import check_document
from clarion_server.access.policy import PolicyKind
from clarion_server.errors import EntityNotFound, FieldViolation, PolicyReadOnly
from clarion_server.iam_model import AccountPolicy
from clarion_server.rpc import validation
from clarion_server.rpc.iam import checks, messages
from clarion_server.rpc.iam.parts import Part, changes

_KIND_OF = {
    AccountPolicy.SERVICE_CONTROL: PolicyKind.SERVICE_CONTROL,
    AccountPolicy.ENDPOINT: PolicyKind.ENDPOINT,
}


class PolicyMethods(Part):
    """Policies that stand for themselves."""

    @changes
    async def CreatePolicy(self, request: pb.CreatePolicyRequest, context: Any) -> pb.CreatePolicyResponse:
        """See iam.proto."""
        violations: list[FieldViolation] = []
        name = checks.check_name("policy_name", request.policy_name, checks.MAX_POLICY_NAME, violations)
        check_document(request.document, PolicyKind.IDENTITY, "document", violations)
        description = checks.check_description(request.description, violations)
        validation.refuse(violations)
        policy = await self._store.create_policy(name, request.document, description)
        return pb.CreatePolicyResponse(policy=messages.policy(self._account, policy))

    async def GetPolicy(self, request: pb.GetPolicyRequest, context: Any) -> pb.GetPolicyResponse:
        """See iam.proto."""
        violations: list[FieldViolation] = []
        key = checks.check_policy_arn(self._account, request.policy_arn, violations)
        validation.refuse(violations)
        policy = BUILT_IN_POLICIES.get(key) or await self._store.get_policy(key)
        return pb.GetPolicyResponse(policy=messages.policy(self._account, policy))

    async def ListPolicies(self, request: pb.ListPoliciesRequest, context: Any) -> pb.ListPoliciesResponse:
        """See iam.proto."""
        violations: list[FieldViolation] = []
        if request.scope not in pb.PolicyScope.values():
            violations.append(_unknown("scope", "policy scope"))
        page_size = validation.check_page_size(request.page_size, violations)
        after = validation.check_page_token(request.page_token, violations)
        validation.refuse(violations)
        response = pb.ListPoliciesResponse()
        if request.scope != pb.POLICY_SCOPE_LOCAL and after is None:
            found = BUILT_IN_POLICIES.values()
            response.policies.extend(messages.policy(self._account, each, document=False) for each in found)
        if request.scope != pb.POLICY_SCOPE_BUILT_IN:
            page = await self._store.list_policies(page_size, after)
            response.policies.extend(messages.policy(self._account, each, document=False) for each in page.items)
            response.next_page_token = validation.page_token(page.next_cursor)
        return response

    @changes
    async def UpdatePolicy(self, request: pb.UpdatePolicyRequest, context: Any) -> pb.UpdatePolicyResponse:
        """See iam.proto."""
        violations: list[FieldViolation] = []
        given = request.HasField
        key = checks.check_policy_arn(self._account, request.policy_arn, violations)
        if given("document"):
            check_document(request.document, PolicyKind.IDENTITY, "document", violations)
        checks.check_description(request.description, violations)
        expected = checks.check_expected_version(
            request.expected_version if given("expected_version") else None, violations
        )
        validation.refuse(violations)
        policy = await self._store.update_policy(
            _own(key),
            document=request.document if given("document") else None,
            description=request.description if given("description") else None,
            expected_version=expected,
        )
        return pb.UpdatePolicyResponse(policy=messages.policy(self._account, policy))

    @changes
    async def DeletePolicy(self, request: pb.DeletePolicyRequest, context: Any) -> pb.DeletePolicyResponse:
        """See iam.proto."""
        violations: list[FieldViolation] = []
        key = checks.check_policy_arn(self._account, request.policy_arn, violations)
        validation.refuse(violations)
        policy = await self._store.delete_policy(_own(key))
        return pb.DeletePolicyResponse(policy=messages.policy(self._account, policy))

    async def ListPolicyPrincipals(
        self, request: pb.ListPolicyPrincipalsRequest, context: Any
    ) -> pb.ListPolicyPrincipalsResponse:
        """See iam.proto."""
        violations: list[FieldViolation] = []
        page_size = validation.check_page_size(request.page_size, violations)
        after = validation.check_page_token(request.page_token, violations)
        key = checks.check_policy_arn(self._account, request.policy_arn, violations)
        validation.refuse(violations)
        page = await self._store.holders(key, page_size, after)
        return pb.ListPolicyPrincipalsResponse(
            principals=[entry for holder in page.items for entry in messages.holder(holder)],
            next_page_token=validation.page_token(page.next_cursor),
        )

    # --- of the account -----------------------------------------------------------------------

    @changes
    async def PutAccountPolicy(self, request: pb.PutAccountPolicyRequest, context: Any) -> pb.PutAccountPolicyResponse:
        """See iam.proto."""
        violations: list[FieldViolation] = []
        kind = _account_policy(request.kind, violations)
        if kind is not None:
            check_document(request.document, _KIND_OF[kind], "document", violations)
        validation.refuse(violations)
        if kind is not None:
            await self._store.put_account_policy(kind, request.document)
        return pb.PutAccountPolicyResponse()

    async def GetAccountPolicy(self, request: pb.GetAccountPolicyRequest, context: Any) -> pb.GetAccountPolicyResponse:
        """See iam.proto."""
        violations: list[FieldViolation] = []
        kind = _account_policy(request.kind, violations)
        validation.refuse(violations)
        stored = None if kind is None else await self._store.get_account_policy(kind)
        if stored is None:
            raise EntityNotFound("the account has no policy of this kind")
        return pb.GetAccountPolicyResponse(document=stored.document, update_time=stored.update_time)

    @changes
    async def DeleteAccountPolicy(
        self, request: pb.DeleteAccountPolicyRequest, context: Any
    ) -> pb.DeleteAccountPolicyResponse:
        """See iam.proto."""
        violations: list[FieldViolation] = []
        kind = _account_policy(request.kind, violations)
        validation.refuse(violations)
        if kind is not None:
            await self._store.delete_account_policy(kind)
        return pb.DeleteAccountPolicyResponse()

    # --- of apps ------------------------------------------------------------------------------

    @changes
    async def PutAppPolicy(self, request: pb.PutAppPolicyRequest, context: Any) -> pb.PutAppPolicyResponse:
        """See iam.proto."""
        violations: list[FieldViolation] = []
        validation.check_app_id(request.app_id, violations)
        check_document(request.document, PolicyKind.RESOURCE, "document", violations)
        validation.refuse(violations, request.app_id)
        await self._store.put_app_policy(request.app_id, request.document)
        return pb.PutAppPolicyResponse()

    async def GetAppPolicy(self, request: pb.GetAppPolicyRequest, context: Any) -> pb.GetAppPolicyResponse:
        """See iam.proto."""
        violations: list[FieldViolation] = []
        validation.check_app_id(request.app_id, violations)
        validation.refuse(violations, request.app_id)
        stored = await self._store.get_app_policy(request.app_id)
        if stored is None:
            raise EntityNotFound("the app has no policy")
        return pb.GetAppPolicyResponse(document=stored.document, update_time=stored.update_time)

    @changes
    async def DeleteAppPolicy(self, request: pb.DeleteAppPolicyRequest, context: Any) -> pb.DeleteAppPolicyResponse:
        """See iam.proto."""
        violations: list[FieldViolation] = []
        validation.check_app_id(request.app_id, violations)
        validation.refuse(violations, request.app_id)
        await self._store.delete_app_policy(request.app_id)
        return pb.DeleteAppPolicyResponse()


def _own(key: str) -> str:
    if key in BUILT_IN_POLICIES:
        raise PolicyReadOnly
    return key


def _account_policy(kind: int, violations: list[FieldViolation]) -> AccountPolicy | None:
    if not kind:
        violations.append(validation.required("kind", "give the kind of policy"))
        return None
    try:
        return AccountPolicy(kind)
    except ValueError:
        violations.append(_unknown("kind", "kind of policy"))
        return None


def _unknown(path: str, what: str) -> FieldViolation:
    return FieldViolation(path, error_pb2.ERROR_REASON_FIELD_UNKNOWN, f"is no {what} that this server knows")
