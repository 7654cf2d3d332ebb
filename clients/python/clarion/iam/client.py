"""Identity management for ordinary (blocking) code."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from clarion.iam import requests
from clarion.iam.requests import AccountPolicyKind, AnyPrincipal, Document
from clarion.iam.v1 import access_keys_pb2, policies_pb2, principals_pb2, sessions_pb2, simulation_pb2
from clarion.iam.v1.access_keys_pb2 import AccessKey, CreateAccessKeyResponse
from clarion.iam.v1.policies_pb2 import ManagedPolicy, PolicyPrincipal
from clarion.iam.v1.principals_pb2 import Group, Role, User
from clarion.iam.v1.sessions_pb2 import AssumeRoleResponse, GetCallerIdentityResponse
from clarion.iam.v1.simulation_pb2 import Finding, SimulationContext, SimulationResult

if TYPE_CHECKING:
    from clarion.iam.v1.iam_pb2_grpc import IamServiceStub

_Response = TypeVar("_Response")


class Iam:
    """Users, groups, roles, policies and access keys of a server: `Client.iam`.

    Every method raises `ClarionError`, in the subclass that says what is wrong, and `ValueError` for a principal or a
    kind that is none.

    Args:
        stub: of IamService.
        call: makes a call and turns its errors.
    """

    def __init__(self, stub: IamServiceStub, call: Callable[[Callable[..., Any], Any], Any]) -> None:
        self._stub = stub
        self._make = call

    def _call(self, method: Callable[..., _Response], request: Any) -> _Response:
        response: _Response = self._make(method, request)
        return response

    # --- users ---

    def create_user(self, name: str, *, tags: Mapping[str, str] | None = None, permissions_boundary: str = "") -> User:
        """Make a user and return it."""
        request = principals_pb2.CreateUserRequest(user_name=name, tags=tags, permissions_boundary=permissions_boundary)
        return self._call(self._stub.CreateUser, request).user

    def get_user(self, name: str) -> User:
        """Return a user."""
        return self._call(self._stub.GetUser, principals_pb2.GetUserRequest(user_name=name)).user

    def list_users(self, *, page_size: int = 0) -> Iterator[User]:
        """Yield all users, oldest first; they are fetched `page_size` at a time (0: the server chooses)."""
        request = principals_pb2.ListUsersRequest(page_size=page_size)
        while True:
            page = self._call(self._stub.ListUsers, request)
            yield from page.users
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def rename_user(self, name: str, new_name: str) -> User:
        """Give a user another name, and return it."""
        request = principals_pb2.UpdateUserRequest(user_name=name, new_user_name=new_name)
        return self._call(self._stub.UpdateUser, request).user

    def delete_user(self, name: str, *, force: bool = False) -> User:
        """Remove a user, and return it as it was; `force` also when it has keys, groups or policies."""
        request = principals_pb2.DeleteUserRequest(user_name=name, force=force)
        return self._call(self._stub.DeleteUser, request).user

    # --- groups ---

    def create_group(self, name: str) -> Group:
        """Make a group and return it."""
        return self._call(self._stub.CreateGroup, principals_pb2.CreateGroupRequest(group_name=name)).group

    def get_group(self, name: str) -> Group:
        """Return a group."""
        return self._call(self._stub.GetGroup, principals_pb2.GetGroupRequest(group_name=name)).group

    def list_groups(self, *, page_size: int = 0) -> Iterator[Group]:
        """Yield all groups, oldest first; they are fetched `page_size` at a time (0: the server chooses)."""
        request = principals_pb2.ListGroupsRequest(page_size=page_size)
        while True:
            page = self._call(self._stub.ListGroups, request)
            yield from page.groups
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def rename_group(self, name: str, new_name: str) -> Group:
        """Give a group another name, and return it."""
        request = principals_pb2.UpdateGroupRequest(group_name=name, new_group_name=new_name)
        return self._call(self._stub.UpdateGroup, request).group

    def delete_group(self, name: str, *, force: bool = False) -> Group:
        """Remove a group, and return it as it was; `force` also when it has members or policies."""
        request = principals_pb2.DeleteGroupRequest(group_name=name, force=force)
        return self._call(self._stub.DeleteGroup, request).group

    def add_user_to_group(self, group: str, user: str) -> None:
        """Make a user a member of a group."""
        request = principals_pb2.AddUserToGroupRequest(group_name=group, user_name=user)
        self._call(self._stub.AddUserToGroup, request)

    def remove_user_from_group(self, group: str, user: str) -> None:
        """End a membership."""
        request = principals_pb2.RemoveUserFromGroupRequest(group_name=group, user_name=user)
        self._call(self._stub.RemoveUserFromGroup, request)

    def list_group_members(self, group: str, *, page_size: int = 0) -> Iterator[User]:
        """Yield the users of a group, oldest first."""
        request = principals_pb2.ListGroupMembersRequest(group_name=group, page_size=page_size)
        while True:
            page = self._call(self._stub.ListGroupMembers, request)
            yield from page.users
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def list_groups_for_user(self, user: str) -> list[Group]:
        """Return the groups of a user."""
        request = principals_pb2.ListGroupsForUserRequest(user_name=user)
        return list(self._call(self._stub.ListGroupsForUser, request).groups)

    # --- roles ---

    def create_role(
        self,
        name: str,
        trust_policy: Document,
        *,
        description: str = "",
        max_session: float | None = None,
        tags: Mapping[str, str] | None = None,
        permissions_boundary: str = "",
    ) -> Role:
        """Make a role and return it; `max_session` are seconds that its sessions may last (default: an hour)."""
        request = requests.create_role_request(
            name,
            trust_policy,
            description=description,
            max_session=max_session,
            tags=tags,
            permissions_boundary=permissions_boundary,
        )
        return self._call(self._stub.CreateRole, request).role

    def get_role(self, name: str) -> Role:
        """Return a role."""
        return self._call(self._stub.GetRole, principals_pb2.GetRoleRequest(role_name=name)).role

    def list_roles(self, *, page_size: int = 0) -> Iterator[Role]:
        """Yield all roles, oldest first; they are fetched `page_size` at a time (0: the server chooses)."""
        request = principals_pb2.ListRolesRequest(page_size=page_size)
        while True:
            page = self._call(self._stub.ListRoles, request)
            yield from page.roles
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def update_role(
        self,
        name: str,
        *,
        trust_policy: Document | None = None,
        description: str | None = None,
        max_session: float | None = None,
        expected_version: int | None = None,
    ) -> Role:
        """Change what is given of a role, and return it: its trust policy, or the others.

        With `expected_version` only if it has this version, else `Conflict` is raised.
        """
        request = requests.update_role_request(
            name,
            trust_policy=trust_policy,
            description=description,
            max_session=max_session,
            expected_version=expected_version,
        )
        return self._call(self._stub.UpdateRole, request).role

    def delete_role(self, name: str, *, force: bool = False) -> Role:
        """Remove a role, and return it as it was; `force` also when it has policies."""
        request = principals_pb2.DeleteRoleRequest(role_name=name, force=force)
        return self._call(self._stub.DeleteRole, request).role

    def tag_principal(self, principal: AnyPrincipal, tags: Mapping[str, str]) -> dict[str, str]:
        """Add tags to a user or role or replace their values, and return all of them."""
        request = principals_pb2.TagPrincipalRequest(principal=requests.principal(principal), tags=tags)
        return dict(self._call(self._stub.TagPrincipal, request).tags)

    def untag_principal(self, principal: AnyPrincipal, tag_keys: Sequence[str]) -> dict[str, str]:
        """Remove tags of a user or role, and return those that are left."""
        request = principals_pb2.UntagPrincipalRequest(principal=requests.principal(principal), tag_keys=tag_keys)
        return dict(self._call(self._stub.UntagPrincipal, request).tags)

    # --- managed policies ---

    def create_policy(self, name: str, document: Document, *, description: str = "") -> ManagedPolicy:
        """Make a managed policy and return it."""
        request = policies_pb2.CreatePolicyRequest(
            policy_name=name, document=requests.document(document), description=description
        )
        return self._call(self._stub.CreatePolicy, request).policy

    def get_policy(self, policy_arn: str) -> ManagedPolicy:
        """Return a managed policy with its document."""
        return self._call(self._stub.GetPolicy, policies_pb2.GetPolicyRequest(policy_arn=policy_arn)).policy

    def list_policies(self, *, scope: str = "", page_size: int = 0) -> Iterator[ManagedPolicy]:
        """Yield managed policies without their documents: all, or those of the scope `LOCAL` or `BUILT_IN`."""
        request = policies_pb2.ListPoliciesRequest(scope=requests.policy_scope(scope), page_size=page_size)
        while True:
            page = self._call(self._stub.ListPolicies, request)
            yield from page.policies
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def update_policy(
        self,
        policy_arn: str,
        *,
        document: Document | None = None,
        description: str | None = None,
        expected_version: int | None = None,
    ) -> ManagedPolicy:
        """Change what is given of a managed policy, and return it.

        With `expected_version` only if it has this version, else `Conflict` is raised.
        """
        request = policies_pb2.UpdatePolicyRequest(
            policy_arn=policy_arn,
            document=None if document is None else requests.document(document),
            description=description,
            expected_version=expected_version,
        )
        return self._call(self._stub.UpdatePolicy, request).policy

    def delete_policy(self, policy_arn: str) -> ManagedPolicy:
        """Remove a managed policy that nobody has, and return it as it was."""
        return self._call(self._stub.DeletePolicy, policies_pb2.DeletePolicyRequest(policy_arn=policy_arn)).policy

    def list_policy_principals(self, policy_arn: str, *, page_size: int = 0) -> Iterator[PolicyPrincipal]:
        """Yield who has a managed policy, and as what."""
        request = policies_pb2.ListPolicyPrincipalsRequest(policy_arn=policy_arn, page_size=page_size)
        while True:
            page = self._call(self._stub.ListPolicyPrincipals, request)
            yield from page.principals
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    # --- who has which policies ---

    def attach_policy(self, principal: AnyPrincipal, policy_arn: str) -> None:
        """Give a managed policy to a user, group or role."""
        request = policies_pb2.AttachPolicyRequest(principal=requests.principal(principal), policy_arn=policy_arn)
        self._call(self._stub.AttachPolicy, request)

    def detach_policy(self, principal: AnyPrincipal, policy_arn: str) -> None:
        """Take a managed policy away."""
        request = policies_pb2.DetachPolicyRequest(principal=requests.principal(principal), policy_arn=policy_arn)
        self._call(self._stub.DetachPolicy, request)

    def list_attached_policies(self, principal: AnyPrincipal) -> list[str]:
        """Return the ARNs of the managed policies of a user, group or role."""
        request = policies_pb2.ListAttachedPoliciesRequest(principal=requests.principal(principal))
        return list(self._call(self._stub.ListAttachedPolicies, request).policy_arns)

    def put_inline_policy(self, principal: AnyPrincipal, name: str, document: Document) -> None:
        """Write a policy into a user, group or role, or replace the one of the same name."""
        request = policies_pb2.PutInlinePolicyRequest(
            principal=requests.principal(principal), policy_name=name, document=requests.document(document)
        )
        self._call(self._stub.PutInlinePolicy, request)

    def delete_inline_policy(self, principal: AnyPrincipal, name: str) -> None:
        """Remove an inline policy."""
        request = policies_pb2.DeleteInlinePolicyRequest(principal=requests.principal(principal), policy_name=name)
        self._call(self._stub.DeleteInlinePolicy, request)

    def list_inline_policies(self, principal: AnyPrincipal) -> dict[str, str]:
        """Return the documents of the inline policies of a user, group or role, by name."""
        request = policies_pb2.ListInlinePoliciesRequest(principal=requests.principal(principal))
        found = self._call(self._stub.ListInlinePolicies, request).policies
        return {policy.name: policy.document for policy in found}

    def put_permissions_boundary(self, principal: AnyPrincipal, policy_arn: str) -> None:
        """Limit a user or role to what a managed policy allows."""
        request = policies_pb2.PutPermissionsBoundaryRequest(
            principal=requests.principal(principal), policy_arn=policy_arn
        )
        self._call(self._stub.PutPermissionsBoundary, request)

    def delete_permissions_boundary(self, principal: AnyPrincipal) -> None:
        """Take the limit of a user or role away."""
        request = policies_pb2.DeletePermissionsBoundaryRequest(principal=requests.principal(principal))
        self._call(self._stub.DeletePermissionsBoundary, request)

    # --- policies of the account and of apps ---

    def put_account_policy(self, kind: AccountPolicyKind, document: Document) -> None:
        """Set a limit of the whole account: `SERVICE_CONTROL` or `ENDPOINT`."""
        request = policies_pb2.PutAccountPolicyRequest(
            kind=requests.account_policy_kind(kind), document=requests.document(document)
        )
        self._call(self._stub.PutAccountPolicy, request)

    def get_account_policy(self, kind: AccountPolicyKind) -> str:
        """Return the document of a limit of the account."""
        request = policies_pb2.GetAccountPolicyRequest(kind=requests.account_policy_kind(kind))
        return self._call(self._stub.GetAccountPolicy, request).document

    def delete_account_policy(self, kind: AccountPolicyKind) -> None:
        """Take a limit of the account away."""
        request = policies_pb2.DeleteAccountPolicyRequest(kind=requests.account_policy_kind(kind))
        self._call(self._stub.DeleteAccountPolicy, request)

    def put_app_policy(self, app_id: str, document: Document) -> None:
        """Set the resource-based policy of an app."""
        request = policies_pb2.PutAppPolicyRequest(app_id=app_id, document=requests.document(document))
        self._call(self._stub.PutAppPolicy, request)

    def get_app_policy(self, app_id: str) -> str:
        """Return the document of the resource-based policy of an app."""
        return self._call(self._stub.GetAppPolicy, policies_pb2.GetAppPolicyRequest(app_id=app_id)).document

    def delete_app_policy(self, app_id: str) -> None:
        """Remove the resource-based policy of an app."""
        self._call(self._stub.DeleteAppPolicy, policies_pb2.DeleteAppPolicyRequest(app_id=app_id))

    # --- access keys and sessions ---

    def create_access_key(self, user: str) -> CreateAccessKeyResponse:
        """Make an access key of a user. Keep `secret_access_key` of what this returns: it is not shown again."""
        request = access_keys_pb2.CreateAccessKeyRequest(user_name=user)
        return self._call(self._stub.CreateAccessKey, request)

    def list_access_keys(self, user: str) -> list[AccessKey]:
        """Return the access keys of a user, without secrets."""
        request = access_keys_pb2.ListAccessKeysRequest(user_name=user)
        return list(self._call(self._stub.ListAccessKeys, request).access_keys)

    def update_access_key(self, user: str, access_key_id: str, *, active: bool) -> AccessKey:
        """Switch an access key off or on, and return it."""
        request = access_keys_pb2.UpdateAccessKeyRequest(user_name=user, access_key_id=access_key_id, active=active)
        return self._call(self._stub.UpdateAccessKey, request).access_key

    def delete_access_key(self, user: str, access_key_id: str) -> None:
        """Remove an access key."""
        request = access_keys_pb2.DeleteAccessKeyRequest(user_name=user, access_key_id=access_key_id)
        self._call(self._stub.DeleteAccessKey, request)

    def assume_role(
        self,
        role_arn: str,
        session_name: str,
        *,
        policies: Sequence[Document] = (),
        duration: float | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> AssumeRoleResponse:
        """Open a session of a role; `token` of what this returns is for a client's `token`.

        Args:
            role_arn: of the role.
            session_name: tells sessions of the role apart.
            policies: documents that limit the session further.
            duration: seconds that it lasts. Default: an hour.
            tags: of the session.
        """
        request = requests.assume_role_request(role_arn, session_name, policies=policies, duration=duration, tags=tags)
        return self._call(self._stub.AssumeRole, request)

    def get_caller_identity(self) -> GetCallerIdentityResponse:
        """Return who the server takes this client for."""
        return self._call(self._stub.GetCallerIdentity, sessions_pb2.GetCallerIdentityRequest())

    # --- explanations ---

    def simulate_policy(
        self,
        actions: Sequence[str],
        resources: Sequence[str] = (),
        *,
        principal: AnyPrincipal | None = None,
        documents: Sequence[Document] = (),
        permissions_boundary: Document | None = None,
        resource_policy: Document | None = None,
        context: SimulationContext | None = None,
    ) -> list[SimulationResult]:
        """Return what would be decided about each action on each resource, and why.

        Args:
            actions: to ask about.
            resources: ARNs to ask about. Default: `*`.
            principal: user or role whose policies are asked.
            documents: further policies, or all when there is no principal.
            permissions_boundary: a limit in the place of the principal's own.
            resource_policy: of the resources, in the place of their own.
            context: what conditions look at; `clarion.iam.simulation_context` makes one.
        """
        request = requests.simulate_request(
            actions,
            resources,
            who=principal,
            documents=documents,
            permissions_boundary=permissions_boundary,
            resource_policy=resource_policy,
            context=context,
        )
        return list(self._call(self._stub.SimulatePolicy, request).results)

    def validate_policy(self, document: Document, *, kind: str = "IDENTITY") -> list[Finding]:
        """Return what is wrong or dangerous in a policy document of a kind, such as `IDENTITY` or `TRUST`."""
        request = simulation_pb2.ValidatePolicyRequest(
            document=requests.document(document), kind=requests.policy_kind(kind)
        )
        return list(self._call(self._stub.ValidatePolicy, request).findings)
