"""What decisions are made of: who asks for what, and documents written shortly."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from clarion_server.access.policy import Policy, PolicyKind, PolicySet, parse
from clarion_server.access_model import ANONYMOUS, AccessRequest, CredentialType, Identity, IdentityKind

ACCOUNT = "111122223333"
OTHER_ACCOUNT = "444455556666"
APP = "0123456789abcdef0123456789abcdef"
OTHER_APP = "f" * 32
PREFIX = f"arn:aws:mobiletargeting:eu-central-1:{ACCOUNT}:"
APP_ARN = f"{PREFIX}apps/{APP}"
MESSAGES = f"{APP_ARN}/messages"
SEND = "mobiletargeting:SendMessages"
NOW = datetime(2026, 3, 15, 12, 30, tzinfo=UTC)

USER = Identity(
    arn=f"arn:aws:iam::{ACCOUNT}:user/ann",
    account=ACCOUNT,
    kind=IdentityKind.USER,
    name="ann",
    credential=CredentialType.TOKEN,
    tags={"team": "blue"},
)
SESSION = Identity(
    arn=f"arn:aws:sts::{ACCOUNT}:assumed-role/sender/night",
    account=ACCOUNT,
    kind=IdentityKind.ASSUMED_ROLE,
    name="sender",
    credential=CredentialType.TOKEN,
    session_name="night",
)
ROLE_ARN = f"arn:aws:iam::{ACCOUNT}:role/sender"
FEDERATED = Identity(
    arn=f"arn:aws:sts::{ACCOUNT}:federated-user/bob",
    account=ACCOUNT,
    kind=IdentityKind.FEDERATED,
    name="bob",
    credential=CredentialType.OIDC_TOKEN,
)
FOREIGNER = replace(USER, arn=f"arn:aws:iam::{OTHER_ACCOUNT}:user/eve", account=OTHER_ACCOUNT, name="eve")
FOREIGN_SESSION = replace(SESSION, arn=f"arn:aws:sts::{OTHER_ACCOUNT}:assumed-role/sender/night", account=OTHER_ACCOUNT)
NOBODY = ANONYMOUS


def request(
    identity: Identity = USER,
    action: str = SEND,
    resource: str = MESSAGES,
    *,
    resource_tags: Mapping[str, str] | None = None,
    request_tags: Mapping[str, str] | None = None,
    source_ip: str = "203.0.113.77",
    secure_transport: bool = True,
    time: datetime = NOW,
) -> AccessRequest:
    """Return a request: ann sends through the app."""
    return AccessRequest(
        identity, action, resource, resource_tags or {}, request_tags or {}, source_ip, secure_transport, time
    )


def allow(action: str | Sequence[str] = "*", resource: str | Sequence[str] | None = "*", **more: Any) -> dict[str, Any]:
    """Return a statement that allows. `None` as action or resource leaves the element out."""
    return _statement("Allow", action, resource, more)


def deny(action: str | Sequence[str] = "*", resource: str | Sequence[str] | None = "*", **more: Any) -> dict[str, Any]:
    """Return a statement that denies."""
    return _statement("Deny", action, resource, more)


def _statement(
    effect: str, action: str | Sequence[str], resource: str | Sequence[str] | None, more: Mapping[str, Any]
) -> dict[str, Any]:
    statement: dict[str, Any] = {"Effect": effect, **more}
    if "NotAction" not in more:
        statement["Action"] = action
    if "NotResource" not in more and resource is not None:
        statement["Resource"] = resource
    return statement


def document(statements: Iterable[Mapping[str, Any]], version: str | None = "2012-10-17") -> dict[str, Any]:
    """Return a policy document."""
    head = {} if version is None else {"Version": version}
    return {**head, "Statement": list(statements)}


def policy(kind: PolicyKind, *statements: Mapping[str, Any], version: str | None = "2012-10-17") -> Policy:
    """Return a policy."""
    return parse(document(statements, version), kind, name=kind.value)


def policies(
    *,
    identity: Sequence[Mapping[str, Any]] = (),
    boundary: Sequence[Mapping[str, Any]] = (),
    session: Sequence[Mapping[str, Any]] = (),
    control: Sequence[Mapping[str, Any]] = (),
    endpoint: Sequence[Mapping[str, Any]] = (),
    resource: Sequence[Mapping[str, Any]] = (),
    trust: Sequence[Mapping[str, Any]] = (),
    version: str | None = "2012-10-17",
) -> PolicySet:
    """Return the policies whose statements are given; a kind without statements has no policy."""

    def some(kind: PolicyKind, statements: Sequence[Mapping[str, Any]]) -> tuple[Policy, ...]:
        return (policy(kind, *statements, version=version),) if statements else ()

    return PolicySet(
        identity=some(PolicyKind.IDENTITY, identity),
        boundary=next(iter(some(PolicyKind.BOUNDARY, boundary)), None),
        session=some(PolicyKind.SESSION, session),
        service_control=some(PolicyKind.SERVICE_CONTROL, control),
        endpoint=some(PolicyKind.ENDPOINT, endpoint),
        resource=(*some(PolicyKind.RESOURCE, resource), *some(PolicyKind.TRUST, trust)),
    )
