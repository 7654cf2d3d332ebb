"""Which action a call is, and on what: one table of all RPCs.

Where AWS has the operation, the action has AWS's name and the resource AWS's ARN, so that policies written for AWS mean
the same here; `clarion:` is for what AWS does not have. To add an RPC, add its rule to one of the groups below; a test
finds RPCs without one, and docs/access.md has the table for people.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.message import Message

from clarion.v1.channel_pb2 import ChannelType

_SERVICE = "mobiletargeting"
_APP_ID = re.compile(r"[0-9a-f]{32}")
_IAM_NAME = re.compile(r"[A-Za-z0-9_+=,.@-]{1,128}")
_IAM_ARN = re.compile(r"arn:[a-z-]+:iam::([0-9]{12}|aws):(role|policy)/[A-Za-z0-9_+=,.@-]{1,128}")


@dataclass(frozen=True, slots=True)
class Scope:
    """Where this server's resources are: the constant part of their ARNs.

    Attributes:
        region: such as `eu-central-1`.
        account: 12 digits.
        partition: the first part of an ARN after `arn`.
    """

    region: str
    account: str
    partition: str = "aws"

    def arn(self, resource: str) -> str:
        """Return the ARN of something of the push service, such as `apps/ID`."""
        return f"arn:{self.partition}:{_SERVICE}:{self.region}:{self.account}:{resource}"

    def iam_arn(self, resource: str) -> str:
        """Return the ARN of something of identity management, such as `user/ann`: it is of no region."""
        return f"arn:{self.partition}:iam::{self.account}:{resource}"


@dataclass(frozen=True, slots=True)
class Access:
    """What a call wants to do.

    Nothing of what a caller may have put into the request by mistake is in here but tags: an app's id that cannot be
    one, which then belongs to no app, is `unknown` in the resource, and empty as `app_id`.

    Attributes:
        action: such as `mobiletargeting:SendMessages`.
        resource: ARN, `*` when the action has none or the request is not known yet.
        app_id: the app that the call is about, empty if none.
        request_tags: tags in the request; those that it removes have an empty value.
    """

    action: str
    resource: str
    app_id: str = ""
    request_tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rule:
    """How the access of an RPC follows from its request; of a stream of requests, from the first.

    Attributes:
        name: the action as long as the request is not known.
        actions: all actions that it can be.
        action: which one the request is.
        resource: ARN of what it is about.
        app_id: the app it is about.
        request_tags: tags in it.
    """

    name: str
    actions: tuple[str, ...]
    action: Callable[[Any], str]
    resource: Callable[[Any, Scope], str]
    app_id: Callable[[Any], str]
    request_tags: Callable[[Any], Mapping[str, str]]

    def access(self, request: Message | None, scope: Scope) -> Access:
        """Return what the request wants to do."""
        if request is None:
            return Access(self.name, "*")
        return Access(
            self.action(request), self.resource(request, scope), self.app_id(request), self.request_tags(request)
        )


@dataclass(frozen=True, slots=True)
class ChannelName:
    """AWS's names of a channel type: in actions, and in paths."""

    action: str
    path: str


CHANNELS: Mapping[ChannelType, ChannelName] = {
    ChannelType.CHANNEL_TYPE_APNS: ChannelName("Apns", "apns"),
    ChannelType.CHANNEL_TYPE_APNS_SANDBOX: ChannelName("ApnsSandbox", "apns_sandbox"),
    ChannelType.CHANNEL_TYPE_APNS_VOIP: ChannelName("ApnsVoip", "apns_voip"),
    ChannelType.CHANNEL_TYPE_APNS_VOIP_SANDBOX: ChannelName("ApnsVoipSandbox", "apns_voip_sandbox"),
    ChannelType.CHANNEL_TYPE_FCM: ChannelName("Gcm", "gcm"),
    ChannelType.CHANNEL_TYPE_ADM: ChannelName("Adm", "adm"),
    ChannelType.CHANNEL_TYPE_BAIDU: ChannelName("Baidu", "baidu"),
}
# Of a request without a type, or with one that is not known. No policy names these actions, so only those who may do
# everything with channels are told what is wrong with the request.
_NO_CHANNEL = ChannelName("", "unknown")


def access_of(method: str, request: Message | None, scope: Scope) -> Access:
    """Return what a call wants to do.

    Args:
        method: the RPC's full name, such as `clarion.v1.AppService/GetApp`; a leading slash does no harm.
        request: its request; of a stream of requests, the first; None as long as it is not known.
        scope: where this server's resources are.

    Raises:
        KeyError: there is no such RPC. Refuse the call.
    """
    return RULES[method.removeprefix("/")].access(request, scope)


def _rule(
    action: str,
    resource: Callable[[Any, Scope], str],
    *,
    app_id: Callable[[Any], str] = lambda _request: "",
    request_tags: Callable[[Any], Mapping[str, str]] = lambda _request: {},
) -> Rule:
    return Rule(action, (action,), lambda _request: action, resource, app_id, request_tags)


def _app_rule(
    action: str,
    path: str = "",
    *,
    app_id: Callable[[Any], str] = lambda request: request.app_id,
    request_tags: Callable[[Any], Mapping[str, str]] = lambda _request: {},
) -> Rule:
    """Return the rule of an RPC about an app, or `path` in it."""
    return _rule(
        action,
        lambda request, scope: scope.arn(f"{_app(app_id(request))}{path}"),
        app_id=lambda request: _fit(app_id(request)),
        request_tags=request_tags,
    )


def _channel_rule(verb: str, channel_type: Callable[[Any], ChannelType]) -> Rule:
    """Return the rule of an RPC about a channel: AWS has one operation for each type."""

    def name(request: Any) -> ChannelName:
        return CHANNELS.get(channel_type(request), _NO_CHANNEL)

    return Rule(
        f"{_SERVICE}:{verb}Channel",
        tuple(f"{_SERVICE}:{verb}{each.action}Channel" for each in CHANNELS.values()),
        lambda request: f"{_SERVICE}:{verb}{name(request).action}Channel",
        lambda request, scope: scope.arn(_channel(request.app_id, channel_type(request))),
        lambda request: _fit(request.app_id),
        lambda _request: {},
    )


def _app(app_id: str) -> str:
    return f"apps/{_fit(app_id) or 'unknown'}"


def _channel(app_id: str, channel_type: ChannelType) -> str:
    return f"{_app(app_id)}/channels/{CHANNELS.get(channel_type, _NO_CHANNEL).path}"


def _fit(app_id: str) -> str:
    """Return the id if it can be one, else nothing."""
    return app_id if _APP_ID.fullmatch(app_id) else ""


def _of_start(request: Any) -> str:
    """Return the app of a request that begins with `start`."""
    app_id: str = request.start.app_id
    return app_id


def _quotas_of(request: Any, scope: Scope) -> str:
    """Return the quotas of an app, or of the account."""
    return scope.arn(f"{_app(request.app_id)}/quotas" if request.app_id else "quotas")


def _all_apps(_request: Any, scope: Scope) -> str:
    return scope.arn("apps/*")


_APPS = {
    "CreateApp": _rule(f"{_SERVICE}:CreateApp", _all_apps, request_tags=lambda request: dict(request.tags)),
    "GetApp": _app_rule(f"{_SERVICE}:GetApp"),
    "ListApps": _rule(f"{_SERVICE}:GetApps", _all_apps),
    "UpdateApp": _app_rule("clarion:UpdateApp"),
    "DeleteApp": _app_rule(f"{_SERVICE}:DeleteApp"),
    "TagApp": _app_rule(f"{_SERVICE}:TagResource", request_tags=lambda request: dict(request.tags)),
    "UntagApp": _app_rule(
        f"{_SERVICE}:UntagResource", request_tags=lambda request: dict.fromkeys(request.tag_keys, "")
    ),
    "ListAppTags": _app_rule(f"{_SERVICE}:ListTagsForResource"),
}
_CHANNELS = {
    "UpdateChannel": _channel_rule("Update", lambda request: request.channel.type),
    "GetChannel": _channel_rule("Get", lambda request: request.type),
    "DeleteChannel": _channel_rule("Delete", lambda request: request.type),
    "ListChannels": _app_rule(f"{_SERVICE}:GetChannels", "/channels"),
    "VerifyChannel": _rule(
        "clarion:VerifyChannel",
        lambda request, scope: scope.arn(_channel(request.app_id, request.type)),
        app_id=lambda request: _fit(request.app_id),
    ),
}
_MESSAGING = {
    "SendMessages": _app_rule(f"{_SERVICE}:SendMessages", "/messages", app_id=_of_start),
    "StreamMessages": _app_rule(f"{_SERVICE}:SendMessages", "/messages", app_id=_of_start),
    "PreviewMessage": _app_rule("clarion:PreviewMessage", "/messages", app_id=_of_start),
}
# --- identity management ------------------------------------------------------------------------


def _named(kind: str, field: str) -> Callable[[Any, Scope], str]:
    """Return what makes the ARN of a user, group, role or policy that a field names."""
    return lambda request, scope: scope.iam_arn(f"{kind}/{_fit_name(getattr(request, field))}")


def _all(kind: str) -> Callable[[Any, Scope], str]:
    return lambda _request, scope: scope.iam_arn(f"{kind}/*")


def _by_arn(field: str) -> Callable[[Any, Scope], str]:
    """Return what takes over the ARN of a role or policy that a field gives."""

    def arn(request: Any, scope: Scope) -> str:
        given: str = getattr(request, field)
        return given if _IAM_ARN.fullmatch(given) else scope.iam_arn("unknown")

    return arn


def _nothing(_request: Any, _scope: Scope) -> str:
    return "*"


def _fit_name(name: str) -> str:
    return name if _IAM_NAME.fullmatch(name) else "unknown"


def _principal_kind(request: Any) -> str:
    """Return `user`, `group` or `role`; `user` if the request does not say: it is refused then."""
    field: str = request.principal.WhichOneof("name") or "user_name"
    return field.removesuffix("_name")


def _principal_arn(request: Any, scope: Scope) -> str:
    kind = _principal_kind(request)
    return scope.iam_arn(f"{kind}/{_fit_name(getattr(request.principal, f'{kind}_name'))}")


def _principal_rule(
    pattern: str, *, request_tags: Callable[[Any], Mapping[str, str]] = lambda _request: {}, groups: bool = True
) -> Rule:
    """Return the rule of an RPC about a user, group or role. AWS has an operation for each: `pattern` with its name."""
    kinds = ("User", "Group", "Role") if groups else ("User", "Role")
    return Rule(
        f"iam:{pattern.format('')}",
        tuple(f"iam:{pattern.format(kind)}" for kind in kinds),
        lambda request: f"iam:{pattern.format(_principal_kind(request).capitalize())}",
        _principal_arn,
        lambda _request: "",
        request_tags,
    )


def _role_update(request: Any) -> str:
    return "iam:UpdateAssumeRolePolicy" if request.HasField("trust_policy") else "iam:UpdateRole"


def _simulation(request: Any) -> str:
    return "iam:SimulatePrincipalPolicy" if request.HasField("principal") else "iam:SimulateCustomPolicy"


def _given_tags(request: Any) -> Mapping[str, str]:
    return dict(request.tags)


def _removed_tags(request: Any) -> Mapping[str, str]:
    return dict.fromkeys(request.tag_keys, "")


_USER, _GROUP, _ROLE = _named("user", "user_name"), _named("group", "group_name"), _named("role", "role_name")
_POLICY = _by_arn("policy_arn")

_IAM = {
    "CreateUser": _rule("iam:CreateUser", _USER, request_tags=_given_tags),
    "GetUser": _rule("iam:GetUser", _USER),
    "ListUsers": _rule("iam:ListUsers", _all("user")),
    "UpdateUser": _rule("iam:UpdateUser", _USER),
    "DeleteUser": _rule("iam:DeleteUser", _USER),
    "CreateGroup": _rule("iam:CreateGroup", _GROUP),
    "GetGroup": _rule("iam:GetGroup", _GROUP),
    "ListGroups": _rule("iam:ListGroups", _all("group")),
    "UpdateGroup": _rule("iam:UpdateGroup", _GROUP),
    "DeleteGroup": _rule("iam:DeleteGroup", _GROUP),
    "AddUserToGroup": _rule("iam:AddUserToGroup", _GROUP),
    "RemoveUserFromGroup": _rule("iam:RemoveUserFromGroup", _GROUP),
    "ListGroupMembers": _rule("iam:GetGroup", _GROUP),
    "ListGroupsForUser": _rule("iam:ListGroupsForUser", _USER),
    "CreateRole": _rule("iam:CreateRole", _ROLE, request_tags=_given_tags),
    "GetRole": _rule("iam:GetRole", _ROLE),
    "ListRoles": _rule("iam:ListRoles", _all("role")),
    "UpdateRole": Rule(
        "iam:UpdateRole",
        ("iam:UpdateRole", "iam:UpdateAssumeRolePolicy"),
        _role_update,
        _ROLE,
        lambda _request: "",
        lambda _request: {},
    ),
    "DeleteRole": _rule("iam:DeleteRole", _ROLE),
    "TagPrincipal": _principal_rule("Tag{}", request_tags=_given_tags, groups=False),
    "UntagPrincipal": _principal_rule("Untag{}", request_tags=_removed_tags, groups=False),
    "CreatePolicy": _rule("iam:CreatePolicy", _named("policy", "policy_name")),
    "GetPolicy": _rule("iam:GetPolicy", _POLICY),
    "ListPolicies": _rule("iam:ListPolicies", _all("policy")),
    # AWS changes a policy by giving it a new version: who may not do that there may not change it here.
    "UpdatePolicy": _rule("iam:CreatePolicyVersion", _POLICY),
    "DeletePolicy": _rule("iam:DeletePolicy", _POLICY),
    "ListPolicyPrincipals": _rule("iam:ListEntitiesForPolicy", _POLICY),
    "AttachPolicy": _principal_rule("Attach{}Policy"),
    "DetachPolicy": _principal_rule("Detach{}Policy"),
    "ListAttachedPolicies": _principal_rule("ListAttached{}Policies"),
    "PutInlinePolicy": _principal_rule("Put{}Policy"),
    "DeleteInlinePolicy": _principal_rule("Delete{}Policy"),
    "ListInlinePolicies": _principal_rule("List{}Policies"),
    "PutPermissionsBoundary": _principal_rule("Put{}PermissionsBoundary", groups=False),
    "DeletePermissionsBoundary": _principal_rule("Delete{}PermissionsBoundary", groups=False),
    "PutAccountPolicy": _rule("clarion:PutAccountPolicy", _nothing),
    "GetAccountPolicy": _rule("clarion:GetAccountPolicy", _nothing),
    "DeleteAccountPolicy": _rule("clarion:DeleteAccountPolicy", _nothing),
    "PutAppPolicy": _app_rule("clarion:PutAppPolicy"),
    "GetAppPolicy": _app_rule("clarion:GetAppPolicy"),
    "DeleteAppPolicy": _app_rule("clarion:DeleteAppPolicy"),
    "CreateAccessKey": _rule("iam:CreateAccessKey", _USER),
    "ListAccessKeys": _rule("iam:ListAccessKeys", _USER),
    "UpdateAccessKey": _rule("iam:UpdateAccessKey", _USER),
    "DeleteAccessKey": _rule("iam:DeleteAccessKey", _USER),
    "AssumeRole": _rule("sts:AssumeRole", _by_arn("role_arn"), request_tags=_given_tags),
    "GetCallerIdentity": _rule("sts:GetCallerIdentity", _nothing),
    "SimulatePolicy": Rule(
        "iam:SimulatePolicy",
        ("iam:SimulatePrincipalPolicy", "iam:SimulateCustomPolicy"),
        _simulation,
        lambda request, scope: _principal_arn(request, scope) if request.HasField("principal") else "*",
        lambda _request: "",
        lambda _request: {},
    ),
    "ValidatePolicy": _rule("clarion:ValidatePolicy", _nothing),
}
_QUOTAS = {
    rpc: _rule(f"clarion:{rpc}", _quotas_of, app_id=lambda request: _fit(request.app_id))
    for rpc in ("GetQuotas", "UpdateQuotas")
}
_AUDIT = {
    "LookupEvents": _rule("cloudtrail:LookupEvents", _nothing, app_id=lambda request: _fit(request.app_id)),
}
_SERVICES = {
    "clarion.audit.v1.AuditService": _AUDIT,
    "clarion.iam.v1.IamService": _IAM,
    "clarion.v1.AppService": _APPS,
    "clarion.v1.ChannelService": _CHANNELS,
    "clarion.v1.MessagingService": _MESSAGING,
    "clarion.v1.QuotaService": _QUOTAS,
}

RULES: Mapping[str, Rule] = {
    f"{service}/{rpc}": rule for service, rules in _SERVICES.items() for rpc, rule in rules.items()
}
"""By the RPC's full name."""

ACTIONS = frozenset(action for rule in RULES.values() for action in rule.actions)
"""All actions of this server."""
