"""Audit records made by hand."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from clarion_server.access_model import AuditRecord, CredentialType, Identity, IdentityKind

NOW = datetime(2026, 5, 4, 3, 2, 1, 987654, tzinfo=UTC)
APP = "a" * 32
ANN = Identity(
    arn="arn:aws:iam::000000000000:user/ann",
    account="000000000000",
    kind=IdentityKind.USER,
    name="ann",
    credential=CredentialType.TOKEN,
    credential_id="token-1",
)
SENDER = Identity(
    arn="arn:aws:sts::000000000000:assumed-role/sender/session-1",
    account="000000000000",
    kind=IdentityKind.ASSUMED_ROLE,
    name="sender",
    credential=CredentialType.TOKEN,
    credential_id="token-2",
    session_name="session-1",
)


def audit_record(time: datetime = NOW, **changes: Any) -> AuditRecord:
    """Return a record with a fresh id: Ann sent messages."""
    record = AuditRecord(
        id=secrets.token_hex(16),
        time=time,
        identity=ANN,
        source="192.0.2.7",
        action="mobiletargeting:SendMessages",
        method="clarion.v1.MessagingService/SendMessages",
        resource=f"arn:aws:mobiletargeting:us-east-1:000000000000:apps/{APP}",
        app_id=APP,
        parameters={"trace_id": "t", "targets": 3, "channel_types": ["APNS", "FCM"], "options": {"repeat": False}},
        outcome="OK",
        counts={"SUCCESSFUL": 2, "PERMANENT_FAILURE": 1},
        duration=0.25,
        user_agent="grpc-python/1.85",
    )
    return replace(record, **changes)
