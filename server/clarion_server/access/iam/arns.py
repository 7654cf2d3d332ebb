"""ARNs of the things of identity management."""

from __future__ import annotations

import re

from clarion_server.iam_model import BUILT_IN, PrincipalKind, PrincipalRef

_APP = re.compile(r"arn:aws:mobiletargeting:[^:]*:[^:]*:apps/([0-9a-f]{32})(?:/.*)?")


def principal_arn(account: str, who: PrincipalRef) -> str:
    """Return the ARN of a user, group or role."""
    return f"arn:aws:iam::{account}:{who.kind.word}/{who.name}"


def assumed_role_arn(account: str, role: str, session: str) -> str:
    """Return the ARN of a session of a role."""
    return f"arn:aws:sts::{account}:assumed-role/{role}/{session}"


def policy_arn(account: str, key: str) -> str:
    """Return the ARN of a managed policy by its key."""
    if key.startswith(BUILT_IN):
        return f"arn:aws:iam::aws:policy/{key.removeprefix(BUILT_IN)}"
    return f"arn:aws:iam::{account}:policy/{key}"


def policy_key(account: str, arn: str) -> str | None:
    """Return the key of a managed policy by its ARN, None if the ARN is none of a policy of this account."""
    for prefix, before in ((policy_arn(account, ""), ""), (policy_arn(account, BUILT_IN), BUILT_IN)):
        if arn.startswith(prefix) and len(arn) > len(prefix):
            return before + arn.removeprefix(prefix)
    return None


def principal_of(account: str, arn: str) -> PrincipalRef | None:
    """Return the user, group or role of this account that an ARN names, None if it names none."""
    for kind in PrincipalKind:
        prefix = principal_arn(account, PrincipalRef(kind, ""))
        if arn.startswith(prefix) and len(arn) > len(prefix):
            return PrincipalRef(kind, arn.removeprefix(prefix))
    return None


def role_name(account: str, arn: str) -> str | None:
    """Return the name of a role of this account by its ARN, None if the ARN is none of one."""
    who = principal_of(account, arn)
    return who.name if who is not None and who.kind is PrincipalKind.ROLE else None


def app_id(arn: str) -> str | None:
    """Return the id of the app that a resource is or belongs to, None if it does not."""
    found = _APP.fullmatch(arn)
    return found[1] if found else None
