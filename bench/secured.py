"""A server with everything on that guards it: tokens, policies with conditions, quotas. Set up as an operator does."""

from __future__ import annotations

import json
import subprocess
import sysconfig
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import grpc

from clarion.iam.v1 import iam_pb2_grpc, policies_pb2, principals_pb2
from clarion.v1 import quota_pb2, quota_pb2_grpc

PROGRAM = str(Path(sysconfig.get_path("scripts")) / "clarion-server")
TAGS = {"team": "benchmark"}
_SENDER = "sender"
# Higher than any rate that can be measured: what is measured is the counting.
_QUOTA = 10_000_000
_POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": "mobiletargeting:SendMessages",
            "Resource": "arn:aws:mobiletargeting:*:*:apps/*",
            "Condition": {
                "StringEquals": {"aws:ResourceTag/team": "${aws:PrincipalTag/team}"},
                "IpAddress": {"aws:SourceIp": "127.0.0.0/8"},
            },
        },
        {"Effect": "Deny", "Action": "mobiletargeting:Delete*", "Resource": "*"},
    ],
}


class Secured:
    """Identity data and quotas of a server that asks who calls.

    Args:
        directory: for the token's file.
        environment: of the server. The first administrator is made here, before it starts.
    """

    def __init__(self, directory: Path, environment: Mapping[str, str]) -> None:
        self._directory = directory
        self._environment = environment
        self._administrator = self._run("init")

    def authorised(self, channel: grpc.Channel) -> grpc.Channel:
        """Return the connection as one on which every call is the administrator's."""
        return grpc.intercept_channel(channel, _Token(self._administrator))

    def make_sender(self, channel: grpc.Channel, apps: Sequence[str]) -> Path:
        """Set quotas, and make a user who may send; return the file with its token."""
        quotas = quota_pb2_grpc.QuotaServiceStub(channel)
        for app_id in ("", *apps):
            limits = quota_pb2.Quotas(sends_per_second=_QUOTA)
            quotas.UpdateQuotas(quota_pb2.UpdateQuotasRequest(app_id=app_id, quotas=limits), timeout=10)
        iam = iam_pb2_grpc.IamServiceStub(channel)
        iam.CreateUser(principals_pb2.CreateUserRequest(user_name=_SENDER, tags=TAGS), timeout=10)
        policy = policies_pb2.CreatePolicyRequest(policy_name="send", document=json.dumps(_POLICY))
        arn = iam.CreatePolicy(policy, timeout=10).policy.arn
        who = principals_pb2.Principal(user_name=_SENDER)
        iam.AttachPolicy(policies_pb2.AttachPolicyRequest(principal=who, policy_arn=arn), timeout=10)
        token_file = self._directory / "token"
        token_file.write_text(self._run("tokens", "issue", "--user", _SENDER))
        return token_file

    def _run(self, *arguments: str) -> str:
        done = subprocess.run(
            [PROGRAM, *arguments], env=self._environment, capture_output=True, text=True, timeout=60, check=True
        )
        return done.stdout.strip()


class _Details(NamedTuple):
    method: str
    timeout: float | None
    metadata: Any
    credentials: Any
    wait_for_ready: bool | None
    compression: Any


class _Token(grpc.UnaryUnaryClientInterceptor):
    def __init__(self, token: str) -> None:
        self._metadata = (("authorization", f"Bearer {token}"),)

    def intercept_unary_unary(self, continuation: Any, details: Any, request: Any) -> Any:
        given = (details.method, details.timeout, self._metadata, details.credentials)
        return continuation(_Details(*given, details.wait_for_ready, details.compression), request)
