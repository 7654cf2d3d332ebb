"""Requests of identity management, shared by both clients."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast

from google.protobuf.duration_pb2 import Duration

from clarion.iam.v1 import policies_pb2, principals_pb2, sessions_pb2, simulation_pb2
from clarion.iam.v1.principals_pb2 import Principal

Document = str | Mapping[str, Any]
"""A policy document: JSON text, or what it would say."""

AnyPrincipal = str | Principal
"""A user, group or role: `user/NAME`, `group/NAME`, `role/NAME`, its ARN, or a `Principal`."""

AccountPolicyKind = str
"""`SERVICE_CONTROL` or `ENDPOINT`, in any case."""


def principal(value: AnyPrincipal) -> Principal:
    """Return a principal.

    Raises:
        ValueError: the text names none.
    """
    if isinstance(value, Principal):
        return value
    kind, _, name = value.rpartition(":")[2].partition("/")
    if kind not in {"user", "group", "role"} or not name:
        raise ValueError(f"{value!r} names no principal; give user/NAME, group/NAME, role/NAME, or an ARN")
    return Principal(**{f"{kind}_name": name})


def document(value: Document) -> str:
    """Return a policy document as text."""
    return value if isinstance(value, str) else json.dumps(value)


def account_policy_kind(name: AccountPolicyKind) -> policies_pb2.AccountPolicyKind:
    """Return a kind of account policies by its name.

    Raises:
        ValueError: there is no such kind.
    """
    return cast("policies_pb2.AccountPolicyKind", _number(policies_pb2.AccountPolicyKind, "ACCOUNT_POLICY_KIND_", name))


def policy_kind(name: str) -> simulation_pb2.PolicyKind:
    """Return a kind of policies by its name, such as `IDENTITY` or `TRUST`.

    Raises:
        ValueError: there is no such kind.
    """
    return cast("simulation_pb2.PolicyKind", _number(simulation_pb2.PolicyKind, "POLICY_KIND_", name))


def policy_scope(name: str) -> policies_pb2.PolicyScope:
    """Return a scope by its name: `LOCAL` or `BUILT_IN`; empty for all.

    Raises:
        ValueError: there is no such scope.
    """
    return cast("policies_pb2.PolicyScope", _number(policies_pb2.PolicyScope, "POLICY_SCOPE_", name or "UNSPECIFIED"))


def create_role_request(
    name: str,
    trust_policy: Document,
    *,
    description: str,
    max_session: float | None,
    tags: Mapping[str, str] | None,
    permissions_boundary: str,
) -> principals_pb2.CreateRoleRequest:
    """Return the request of `Iam.create_role`."""
    return principals_pb2.CreateRoleRequest(
        role_name=name,
        trust_policy=document(trust_policy),
        description=description,
        max_session_duration=None if max_session is None else _duration(max_session),
        tags=tags,
        permissions_boundary=permissions_boundary,
    )


def update_role_request(
    name: str,
    *,
    trust_policy: Document | None,
    description: str | None,
    max_session: float | None,
    expected_version: int | None,
) -> principals_pb2.UpdateRoleRequest:
    """Return the request of `Iam.update_role`."""
    return principals_pb2.UpdateRoleRequest(
        role_name=name,
        trust_policy=None if trust_policy is None else document(trust_policy),
        description=description,
        max_session_duration=None if max_session is None else _duration(max_session),
        expected_version=expected_version,
    )


def assume_role_request(
    role_arn: str,
    session_name: str,
    *,
    policies: Sequence[Document],
    duration: float | None,
    tags: Mapping[str, str] | None,
) -> sessions_pb2.AssumeRoleRequest:
    """Return the request of `Iam.assume_role`."""
    return sessions_pb2.AssumeRoleRequest(
        role_arn=role_arn,
        session_name=session_name,
        session_policies=map(document, policies),
        duration=None if duration is None else _duration(duration),
        tags=tags,
    )


def simulate_request(
    actions: Sequence[str],
    resources: Sequence[str],
    *,
    who: AnyPrincipal | None,
    documents: Sequence[Document],
    permissions_boundary: Document | None,
    resource_policy: Document | None,
    context: simulation_pb2.SimulationContext | None,
) -> simulation_pb2.SimulatePolicyRequest:
    """Return the request of `Iam.simulate_policy`."""
    return simulation_pb2.SimulatePolicyRequest(
        principal=None if who is None else principal(who),
        documents=map(document, documents),
        permissions_boundary="" if permissions_boundary is None else document(permissions_boundary),
        resource_policy="" if resource_policy is None else document(resource_policy),
        actions=actions,
        resources=resources,
        context=context,
    )


def simulation_context(
    *,
    source_ip: str = "",
    secure_transport: bool | None = None,
    time: datetime | None = None,
    resource_tags: Mapping[str, str] | None = None,
    request_tags: Mapping[str, str] | None = None,
    principal_tags: Mapping[str, str] | None = None,
    mfa: bool = False,
) -> simulation_pb2.SimulationContext:
    """Return what the conditions of simulated policies look at.

    Args:
        source_ip: `aws:SourceIp`.
        secure_transport: `aws:SecureTransport`. Default: true.
        time: `aws:CurrentTime`, aware. Default: now.
        resource_tags: `aws:ResourceTag/…`.
        request_tags: `aws:RequestTag/…`.
        principal_tags: `aws:PrincipalTag/…`, beside the principal's own.
        mfa: `aws:MultiFactorAuthPresent`.
    """
    context = simulation_pb2.SimulationContext(
        source_ip=source_ip,
        time=None if time is None else time.astimezone(UTC),
        resource_tags=resource_tags,
        request_tags=request_tags,
        principal_tags=principal_tags,
        multi_factor_auth=mfa,
    )
    if secure_transport is not None:
        context.secure_transport = secure_transport
    return context


def _number(kind: Any, prefix: str, name: str) -> int:
    names: list[str] = kind.keys()
    wanted = f"{prefix}{name.upper().replace('-', '_')}"
    if wanted not in names:
        choices = ", ".join(each.removeprefix(prefix) for each in names if not each.endswith("UNSPECIFIED"))
        raise ValueError(f"{name!r} is not one of {choices}")
    number: int = kind.Value(wanted)
    return number


def _duration(seconds: float) -> Duration:
    duration = Duration()
    duration.FromMicroseconds(round(seconds * 1_000_000))
    return duration
