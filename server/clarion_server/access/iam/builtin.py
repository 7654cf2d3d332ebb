"""The managed policies that come with Clarion. They cannot be changed; names are AWS's where AWS has such a policy."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from clarion_server.iam_model import ManagedPolicy


def _policy(name: str, description: str, actions: Sequence[str]) -> ManagedPolicy:
    document = {
        "Version": "2012-10-17",
        "Statement": [{"Sid": name, "Effect": "Allow", "Action": list(actions), "Resource": "*"}],
    }
    return ManagedPolicy(name, "", description, json.dumps(document, indent=2), 1, built_in=True)


_IDENTITY_READS = ("iam:Get*", "iam:List*", "iam:Simulate*", "clarion:ValidatePolicy")

BUILT_IN_POLICIES: Mapping[str, ManagedPolicy] = {
    policy.key: policy
    for policy in (
        _policy("AdministratorAccess", "Everything.", ["*"]),
        _policy("IAMFullAccess", "Users, groups, roles, policies and access keys.", ["iam:*", "sts:*"]),
        _policy("IAMReadOnlyAccess", "See who exists and who may do what.", _IDENTITY_READS),
        _policy("PushFullAccess", "Apps, channels and messages.", ["mobiletargeting:*", "clarion:*"]),
        _policy(
            "PushSendAccess",
            "Send messages and preview them.",
            ["mobiletargeting:SendMessages", "clarion:PreviewMessage"],
        ),
        _policy(
            "ReadOnlyAccess",
            "See everything and change nothing.",
            [
                "mobiletargeting:Get*",
                "mobiletargeting:List*",
                "clarion:Get*",
                "clarion:List*",
                "clarion:Preview*",
                "clarion:Verify*",
                *_IDENTITY_READS,
                "cloudtrail:LookupEvents",
            ],
        ),
        _policy(
            "SecurityAudit",
            "See who may do what, and who did what.",
            [*_IDENTITY_READS, "clarion:GetAccountPolicy", "clarion:GetAppPolicy", "cloudtrail:LookupEvents"],
        ),
    )
}
"""By key."""
