"""Entities as messages of the API."""

from __future__ import annotations

from clarion.iam.v1 import access_keys_pb2, policies_pb2, principals_pb2
from clarion_server.access.iam import arns
from clarion_server.iam_model import AccessKey, Holder, ManagedPolicy, Principal, PrincipalKind, PrincipalRef


def user(account: str, entity: Principal) -> principals_pb2.User:
    """Return a user."""
    return principals_pb2.User(
        name=entity.name,
        id=entity.id,
        arn=_arn(account, entity),
        tags=entity.tags,
        permissions_boundary=_boundary(account, entity),
        create_time=entity.create_time,
        update_time=entity.update_time,
        version=entity.version,
    )


def group(account: str, entity: Principal) -> principals_pb2.Group:
    """Return a group."""
    return principals_pb2.Group(
        name=entity.name,
        id=entity.id,
        arn=_arn(account, entity),
        create_time=entity.create_time,
        update_time=entity.update_time,
        version=entity.version,
    )


def role(account: str, entity: Principal) -> principals_pb2.Role:
    """Return a role."""
    message = principals_pb2.Role(
        name=entity.name,
        id=entity.id,
        arn=_arn(account, entity),
        trust_policy=entity.trust_policy,
        description=entity.description,
        tags=entity.tags,
        permissions_boundary=_boundary(account, entity),
        create_time=entity.create_time,
        update_time=entity.update_time,
        version=entity.version,
    )
    message.max_session_duration.seconds = entity.max_session
    return message


def policy(account: str, entity: ManagedPolicy, *, document: bool = True) -> policies_pb2.ManagedPolicy:
    """Return a managed policy, with its document or without."""
    return policies_pb2.ManagedPolicy(
        name=entity.name,
        id=entity.id,
        arn=arns.policy_arn(account, entity.key),
        description=entity.description,
        document=entity.document if document else "",
        built_in=entity.built_in,
        create_time=entity.create_time,
        update_time=entity.update_time,
        version=entity.version,
    )


def reference(who: PrincipalRef) -> principals_pb2.Principal:
    """Return what names a principal."""
    return {
        PrincipalKind.USER: principals_pb2.Principal(user_name=who.name),
        PrincipalKind.GROUP: principals_pb2.Principal(group_name=who.name),
        PrincipalKind.ROLE: principals_pb2.Principal(role_name=who.name),
    }[who.kind]


def holder(entity: Holder) -> list[policies_pb2.PolicyPrincipal]:
    """Return one entry for each way in which a principal has a policy."""
    uses = []
    if entity.attached:
        uses.append(policies_pb2.POLICY_USE_ATTACHED)
    if entity.boundary:
        uses.append(policies_pb2.POLICY_USE_PERMISSIONS_BOUNDARY)
    return [policies_pb2.PolicyPrincipal(principal=reference(entity.principal), use=use) for use in uses]


def access_key(entity: AccessKey) -> access_keys_pb2.AccessKey:
    """Return an access key, without its secret."""
    return access_keys_pb2.AccessKey(
        id=entity.id,
        user_name=entity.user,
        active=entity.active,
        create_time=entity.create_time,
        last_used_time=entity.last_used_time,
    )


def _arn(account: str, entity: Principal) -> str:
    return arns.principal_arn(account, PrincipalRef(entity.kind, entity.name))


def _boundary(account: str, entity: Principal) -> str:
    return arns.policy_arn(account, entity.boundary) if entity.boundary else ""
