"""Which fields of IamService's requests go into audit records; see `clarion_server.rpc.audited`."""

from __future__ import annotations

from collections.abc import Mapping

_PRINCIPAL = ("principal.user_name", "principal.group_name", "principal.role_name")
_PAGE = ("page_size",)
_ROLE = ("role_name", "trust_policy", "description", "max_session_duration")

_BY_NAME: Mapping[str, tuple[str, ...]] = {
    "CreateUser": ("user_name", "tags", "permissions_boundary"),
    "GetUser": ("user_name",),
    "ListUsers": _PAGE,
    "UpdateUser": ("user_name", "new_user_name"),
    "DeleteUser": ("user_name", "force"),
    "CreateGroup": ("group_name",),
    "GetGroup": ("group_name",),
    "ListGroups": _PAGE,
    "UpdateGroup": ("group_name", "new_group_name"),
    "DeleteGroup": ("group_name", "force"),
    "AddUserToGroup": ("group_name", "user_name"),
    "RemoveUserFromGroup": ("group_name", "user_name"),
    "ListGroupMembers": ("group_name", *_PAGE),
    "ListGroupsForUser": ("user_name",),
    "CreateRole": (*_ROLE, "tags", "permissions_boundary"),
    "GetRole": ("role_name",),
    "ListRoles": _PAGE,
    "UpdateRole": (*_ROLE, "expected_version"),
    "DeleteRole": ("role_name", "force"),
    "TagPrincipal": (*_PRINCIPAL, "tags"),
    "UntagPrincipal": (*_PRINCIPAL, "tag_keys"),
    "CreatePolicy": ("policy_name", "document", "description"),
    "GetPolicy": ("policy_arn",),
    "ListPolicies": ("scope", *_PAGE),
    "UpdatePolicy": ("policy_arn", "document", "description", "expected_version"),
    "DeletePolicy": ("policy_arn",),
    "AttachPolicy": (*_PRINCIPAL, "policy_arn"),
    "DetachPolicy": (*_PRINCIPAL, "policy_arn"),
    "ListAttachedPolicies": _PRINCIPAL,
    "ListPolicyPrincipals": ("policy_arn", *_PAGE),
    "PutInlinePolicy": (*_PRINCIPAL, "policy_name", "document"),
    "DeleteInlinePolicy": (*_PRINCIPAL, "policy_name"),
    "ListInlinePolicies": _PRINCIPAL,
    "PutPermissionsBoundary": (*_PRINCIPAL, "policy_arn"),
    "DeletePermissionsBoundary": _PRINCIPAL,
    "PutAccountPolicy": ("kind", "document"),
    "GetAccountPolicy": ("kind",),
    "DeleteAccountPolicy": ("kind",),
    "PutAppPolicy": ("app_id", "document"),
    "GetAppPolicy": ("app_id",),
    "DeleteAppPolicy": ("app_id",),
    "CreateAccessKey": ("user_name",),
    "ListAccessKeys": ("user_name",),
    "UpdateAccessKey": ("user_name", "access_key_id", "active"),
    "DeleteAccessKey": ("user_name", "access_key_id"),
    "AssumeRole": ("role_arn", "session_name", "session_policies#", "duration", "tags"),
    "GetCallerIdentity": (),
    "SimulatePolicy": (*_PRINCIPAL, "actions", "resources", "documents#"),
    "ValidatePolicy": ("kind",),
}

IAM_PARAMETERS = {f"clarion.iam.v1.{name}Request": fields for name, fields in _BY_NAME.items()}
"""By the full name of the request."""
