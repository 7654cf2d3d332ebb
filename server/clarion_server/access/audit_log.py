"""An audit log that is part of the server's log."""

from __future__ import annotations

import structlog

from clarion_server.access.model import AuditRecord

_log = structlog.get_logger(__name__)


class LoggedAudit:
    """Writes every record as one entry of the server's log, at level `info`. An `AuditLog`."""

    def record(self, record: AuditRecord) -> None:
        """Write a record."""
        _log.info(
            "call",
            request_id=record.id,
            principal=record.identity.arn,
            credential=record.identity.credential.value,
            source=record.source,
            method=record.method,
            action=record.action,
            resource=record.resource,
            parameters=dict(record.parameters),
            outcome=record.outcome,
            reason=record.reason,
            counts=dict(record.counts),
            duration=round(record.duration, 6),
        )
