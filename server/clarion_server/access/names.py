"""ARNs of principals, made in one place."""

from __future__ import annotations

import re

USER_NAME = re.compile(r"[A-Za-z0-9+=,.@_-]{1,64}")
"""What AWS allows as the name of a user or a role."""


def user_arn(account: str, name: str) -> str:
    """Return the ARN of a user."""
    return f"arn:aws:iam::{account}:user/{name}"


def federated_arn(account: str, name: str) -> str:
    """Return the ARN of a subject of another issuer."""
    return f"arn:aws:sts::{account}:federated-user/{name}"
