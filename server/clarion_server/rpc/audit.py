"""AuditService: converts and checks; the store does the work."""

# ruff: noqa: N802, ARG002 - gRPC gives the methods their names and arguments
from __future__ import annotations

import base64
import binascii
import hashlib
import unicodedata
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
from google.protobuf import json_format

from clarion.audit.v1 import audit_pb2_grpc
from clarion.audit.v1.audit_pb2 import Event, LookupEventsRequest, LookupEventsResponse, Principal
from clarion.v1 import error_pb2
from clarion_server.access_model import AuditRecord
from clarion_server.audit import AuditCursor, AuditQuery, AuditStore
from clarion_server.errors import FieldViolation
from clarion_server.rpc import validation

_LENGTHS = {
    "principal_arn": 2048,
    "action": 128,
    "resource": 2048,
    "app_id": 128,
    "outcome": 32,
    "request_id": 128,
}
_OUTCOMES = frozenset(code.name for code in grpc.StatusCode)
_TOKEN_PURPOSE = b"clarion.audit.v1.LookupEvents page_token "
_MAX_TOKEN = 1024
_CHECK_SIZE = 12
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class AuditServicer(audit_pb2_grpc.AuditServiceServicer):
    """AuditService on a store. Errors leave as `ClarionError`; the server's interceptor makes statuses of them.

    Args:
        store: keeps the records.
    """

    def __init__(self, store: AuditStore) -> None:
        self._store = store

    async def LookupEvents(self, request: LookupEventsRequest, context: Any) -> LookupEventsResponse:
        """See audit.proto."""
        violations: list[FieldViolation] = []
        query = _query(request, violations)
        page_size = validation.check_page_size(request.page_size, violations)
        after = _cursor(request, violations)
        validation.refuse(violations)
        page = await self._store.lookup(query, page_size, after)
        return LookupEventsResponse(
            events=map(event, page.records), next_page_token=_page_token(request, page.next_cursor)
        )


def event(record: AuditRecord) -> Event:
    """Return a record as the API shows it."""
    identity = record.identity
    message = Event(
        id=record.id,
        time=record.time,
        principal=Principal(
            arn=identity.arn,
            account=identity.account,
            type=identity.kind.value,
            name=identity.name,
            session_name=identity.session_name,
            credential_type=identity.credential.value,
            credential_id=identity.credential_id,
        ),
        source=record.source,
        user_agent=record.user_agent,
        action=record.action,
        method=record.method,
        resource=record.resource,
        app_id=record.app_id,
        outcome=record.outcome,
        reason=record.reason,
        counts=record.counts,
        duration=timedelta(seconds=record.duration),
    )
    if record.parameters:
        json_format.ParseDict(dict(record.parameters), message.parameters)
    return message


def _query(request: LookupEventsRequest, violations: list[FieldViolation]) -> AuditQuery:
    for name, most in _LENGTHS.items():
        text: str = getattr(request, name)
        if len(text) > most:
            violations.append(
                FieldViolation(
                    name, error_pb2.ERROR_REASON_FIELD_TOO_LONG, f"has {len(text)} characters; shorten it to {most}"
                )
            )
        elif any(unicodedata.category(character) == "Cc" for character in text):
            violations.append(_malformed(name, "has a control character; remove it"))
    if request.outcome and request.outcome not in _OUTCOMES:
        violations.append(_malformed("outcome", f"is no gRPC status; use one of {', '.join(sorted(_OUTCOMES))}"))
    start, end = _moment(request, "start_time", violations), _moment(request, "end_time", violations)
    if start is not None and end is not None and end <= start:
        violations.append(
            FieldViolation(
                "end_time",
                error_pb2.ERROR_REASON_FIELD_CONFLICT,
                "is not after start_time, so no event can match; give a later one, or leave one of both out",
            )
        )
    return AuditQuery(
        start=start,
        end=end,
        principal=request.principal_arn,
        action=request.action,
        resource=request.resource,
        app_id=request.app_id,
        outcome=request.outcome,
        id=request.request_id,
    )


def _moment(request: LookupEventsRequest, name: str, violations: list[FieldViolation]) -> datetime | None:
    if not request.HasField(name):
        return None
    timestamp = getattr(request, name)
    try:
        moment: datetime = timestamp.ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError):
        violations.append(
            FieldViolation(
                name, error_pb2.ERROR_REASON_FIELD_OUT_OF_RANGE, "is no time from the year 1 to 9999; give one that is"
            )
        )
        return None
    return moment


def _malformed(path: str, problem: str) -> FieldViolation:
    return FieldViolation(path, error_pb2.ERROR_REASON_FIELD_MALFORMED, problem)


def _page_token(request: LookupEventsRequest, cursor: AuditCursor | None) -> str:
    if cursor is None:
        return ""
    packed = ((cursor.time - _EPOCH) // _MICROSECOND).to_bytes(8, "big", signed=True) + cursor.number.to_bytes(8, "big")
    return base64.urlsafe_b64encode(packed + _check_of(request, packed)).decode().rstrip("=")


def _cursor(request: LookupEventsRequest, violations: list[FieldViolation]) -> AuditCursor | None:
    token = request.page_token
    if not token:
        return None
    decoded = b""
    if len(token) <= _MAX_TOKEN and token.isascii():
        try:
            decoded = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except binascii.Error:
            decoded = b""
    packed, check = decoded[:16], decoded[16:]
    if len(packed) == 16 and check == _check_of(request, packed):
        time = _EPOCH + int.from_bytes(packed[:8], "big", signed=True) * _MICROSECOND
        return AuditCursor(time, int.from_bytes(packed[8:], "big"))
    violations.append(
        FieldViolation(
            "page_token",
            error_pb2.ERROR_REASON_PAGE_TOKEN_INVALID,
            "was not made by this server for these filters; give next_page_token of the page before with the filters "
            "unchanged, or nothing for the first page",
        )
    )
    return None


def _check_of(request: LookupEventsRequest, packed: bytes) -> bytes:
    """Return a checksum over filters and place. It tells mistakes; a token grants nothing, so it needs no secret."""
    filters = LookupEventsRequest()
    filters.CopyFrom(request)
    filters.ClearField("page_token")
    filters.ClearField("page_size")
    content = _TOKEN_PURPOSE + packed + filters.SerializeToString(deterministic=True)
    return hashlib.sha256(content).digest()[:_CHECK_SIZE]
