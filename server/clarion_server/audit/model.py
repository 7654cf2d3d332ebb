"""What the audit trail needs from a store, and what it is asked. The record itself is in `access.model`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from clarion_server.access_model import AuditRecord


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """Which records are wanted: those that match all filters. None and empty texts let everything pass.

    Attributes:
        start: records at or after this moment (aware).
        end: records before this moment (aware).
        principal: `Identity.arn`.
        action, resource, app_id, outcome, id: of the record.
    """

    start: datetime | None = None
    end: datetime | None = None
    principal: str = ""
    action: str = ""
    resource: str = ""
    app_id: str = ""
    outcome: str = ""
    id: str = ""


@dataclass(frozen=True, slots=True)
class AuditCursor:
    """A place in the order of records, newest first.

    Attributes:
        time: of the record at this place (aware).
        number: tells records of the same time apart.
    """

    time: datetime
    number: int


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Some records, newest first.

    Attributes:
        records: without session policies and tags of their principals, which are not kept.
        next_cursor: where to go on; None when these were the last.
    """

    records: Sequence[AuditRecord]
    next_cursor: AuditCursor | None


class AuditStore(Protocol):
    """Keeps audit records. Every method may raise `StoreUnavailable`."""

    async def append(self, records: Sequence[AuditRecord]) -> None:
        """Add records. One whose id is there already is passed over: a call whose answer got lost can be repeated."""

    async def lookup(self, query: AuditQuery, page_size: int, after: AuditCursor | None = None) -> AuditPage:
        """Return up to `page_size` matching records, newest first, those behind `after`.

        Records that come between two pages neither repeat nor hide any other.
        """

    async def expire(self, before: datetime, limit: int) -> int:
        """Remove up to `limit` records from before a moment, oldest first, and return how many that were."""
