"""An audit record as JSON: one line of the audit file."""

from __future__ import annotations

import json
from datetime import UTC
from typing import Any

from clarion_server.access_model import AuditRecord


def to_line(record: AuditRecord) -> bytes:
    """Return a record as one line of JSON with the field names of `clarion.audit.v1.Event`, ASCII only.

    Raises:
        TypeError, ValueError: its parameters are no JSON values.
    """
    identity = record.identity
    document: dict[str, Any] = {
        "time": record.time.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "id": record.id,
        "principal": {
            "arn": identity.arn,
            "account": identity.account,
            "type": identity.kind.value,
            "name": identity.name,
            "session_name": identity.session_name,
            "credential_type": identity.credential.value,
            "credential_id": identity.credential_id,
        },
        "source": record.source,
        "user_agent": record.user_agent,
        "action": record.action,
        "method": record.method,
        "resource": record.resource,
        "app_id": record.app_id,
        "parameters": dict(record.parameters),
        "outcome": record.outcome,
        "reason": record.reason,
        "counts": dict(record.counts),
        "duration": round(record.duration, 6),
    }
    return json.dumps(document, separators=(",", ":"), allow_nan=False).encode() + b"\n"
