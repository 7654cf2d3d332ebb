"""The audit trail: who did what, written down in the background, kept for a time, and looked up."""

from __future__ import annotations

from clarion_server.audit.lines import AuditFileUnusable, AuditLines
from clarion_server.audit.model import AuditCursor, AuditPage, AuditQuery, AuditStore
from clarion_server.audit.trail import AuditTrail

__all__ = ["AuditCursor", "AuditFileUnusable", "AuditLines", "AuditPage", "AuditQuery", "AuditStore", "AuditTrail"]
