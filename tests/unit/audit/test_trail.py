"""The audit trail: what is recorded gets written, whatever happens to the places."""

from __future__ import annotations

import asyncio
import errno
import json
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog

from clarion_server.access_model import AuditRecord
from clarion_server.audit import AuditCursor, AuditFileUnusable, AuditLines, AuditPage, AuditQuery, AuditTrail
from clarion_server.errors import StoreUnavailable
from tests.support.audit import ANN, APP, NOW, audit_record


class Table:
    """An AuditStore that only takes records and can be away, or refuse some."""

    def __init__(self) -> None:
        self.records: list[AuditRecord] = []
        self.batches = 0
        self.away = False
        self.refused: set[str] = set()
        self.expired: list[datetime] = []
        self.old = 0

    async def append(self, records: Sequence[AuditRecord]) -> None:
        if self.away:
            raise StoreUnavailable
        if any(record.id in self.refused for record in records):
            raise ValueError("no")
        self.batches += 1
        self.records += records

    async def lookup(self, query: AuditQuery, page_size: int, after: AuditCursor | None = None) -> AuditPage:
        raise NotImplementedError

    async def expire(self, before: datetime, limit: int) -> int:
        self.expired.append(before)
        removed = min(limit, self.old)
        self.old -= removed
        return removed


@asynccontextmanager
async def running(table: Table | None, lines: AuditLines | None = None, **settings: Any) -> AsyncIterator[AuditTrail]:
    """Run a trail; at the end it writes what waits."""
    trail = AuditTrail(table, lines, **{"retention_days": 0, **settings})
    trail.start()
    yield trail
    await trail.aclose(2.0)


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition."""
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - what is waited for is another task's doing
            await asyncio.sleep(0.01)


async def test_records_are_written_in_order_and_in_batches() -> None:
    """Thousands of records arrive in their order, in far fewer writes, without being asked for."""
    table = Table()
    records = [audit_record() for _ in range(2300)]
    async with running(table) as trail:
        for record in records:
            trail.record(record)
        await until(lambda: len(table.records) == 2300)
    assert table.records == records
    assert table.batches <= 10


async def test_stopping_writes_what_waits() -> None:
    """A record of the last moment is written before the server ends."""
    table = Table()
    async with running(table) as trail:
        trail.record(audit_record())
    assert len(table.records) == 1
    assert trail.lost == 0


async def test_an_outage_loses_nothing_that_fits() -> None:
    """Records wait while the database is away, and are written in order when it is back; the log tells both."""
    table = Table()
    records = [audit_record() for _ in range(100)]
    with structlog.testing.capture_logs() as logs:
        async with running(table) as trail:
            table.away = True
            for record in records:
                trail.record(record)
            await until(lambda: any(entry["event"] == "audit records wait" for entry in logs))
            table.away = False
            await until(lambda: len(table.records) == 100)
    assert table.records == records
    assert trail.lost == 0
    assert [entry["event"] for entry in logs] == ["audit records wait", "audit records are written again"]


async def test_what_does_not_fit_is_counted_and_logged(tmp_path: Path) -> None:
    """During a long outage memory is bounded; the loss is counted, logged with its number, and not in the file."""
    table = Table()
    table.away = True
    records = [audit_record() for _ in range(30)]
    with structlog.testing.capture_logs() as logs:
        async with running(table, AuditLines(str(tmp_path / "audit")), capacity=20) as trail:
            for record in records[:15]:
                trail.record(record)
            await until(lambda: not trail._sinks[0]._waiting)  # the file's
            for record in records[15:]:
                trail.record(record)
            table.away = False
            await until(lambda: len(table.records) == 20)
    assert trail.lost == 10
    assert table.records == records[:20]
    assert [line["id"] for line in read(tmp_path / "audit")] == [record.id for record in records]
    losses = [entry for entry in logs if entry["event"] == "audit records are lost"]
    assert [entry["lost"] for entry in losses] == [1, 10]
    assert {entry["place"] for entry in losses} == {"table"}


async def test_what_cannot_be_written_at_the_end_is_counted_and_logged() -> None:
    """A server that stops during an outage says how many records are lost."""
    table = Table()
    table.away = True
    with structlog.testing.capture_logs() as logs:
        async with running(table) as trail:
            for _ in range(3):
                trail.record(audit_record())
    assert trail.lost == 3
    assert logs[-1]["event"] == "audit records are lost"
    assert logs[-1]["lost"] == 3


async def test_a_refused_record_keeps_back_no_other() -> None:
    """A record that the place refuses is lost, counted, and named by its id; those around it are written."""
    table = Table()
    records = [audit_record() for _ in range(5)]
    table.refused = {records[2].id}
    with structlog.testing.capture_logs() as logs:
        async with running(table) as trail:
            for record in records:
                trail.record(record)
    assert [record.id for record in table.records] == [record.id for record in records if record is not records[2]]
    assert trail.lost == 1
    assert any(records[2].id in str(entry.get("reason")) for entry in logs)


async def test_old_records_are_removed_at_once_and_then_regularly() -> None:
    """Retention begins with the start, in batches until nothing is left, and counts from the present time."""
    table = Table()
    table.old = 2500
    async with running(table, retention_days=90, clock=lambda: NOW):
        await until(lambda: table.old == 0 and len(table.expired) == 3)
    assert set(table.expired) == {NOW - timedelta(days=90)}
    async with running(table, retention_days=0):
        await asyncio.sleep(0.05)
    assert len(table.expired) == 3


def read(path: Path) -> list[dict[str, Any]]:
    """Return the lines of an audit file."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


async def test_a_line_has_the_whole_record(tmp_path: Path) -> None:
    """A line is one JSON object with the names of the API; the file is private."""
    path = tmp_path / "audit.jsonl"
    lines = AuditLines(str(path))
    record = audit_record(user_agent="zwei\nZeilen \N{SNOWMAN}")
    await lines.append([record])
    lines.close()
    assert read(path) == [
        {
            "time": "2026-05-04T03:02:01.987654Z",
            "id": record.id,
            "principal": {
                "arn": ANN.arn,
                "account": "000000000000",
                "type": "User",
                "name": "ann",
                "session_name": "",
                "credential_type": "token",
                "credential_id": "token-1",
            },
            "source": "192.0.2.7",
            "user_agent": "zwei\nZeilen \N{SNOWMAN}",
            "action": "mobiletargeting:SendMessages",
            "method": "clarion.v1.MessagingService/SendMessages",
            "resource": f"arn:aws:mobiletargeting:us-east-1:000000000000:apps/{APP}",
            "app_id": APP,
            "parameters": {
                "trace_id": "t",
                "targets": 3,
                "channel_types": ["APNS", "FCM"],
                "options": {"repeat": False},
            },
            "outcome": "OK",
            "reason": "",
            "counts": {"SUCCESSFUL": 2, "PERMANENT_FAILURE": 1},
            "duration": 0.25,
        }
    ]
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("rotation", ["rename", "remove", "truncate"])
async def test_rotation_needs_no_signal(tmp_path: Path, rotation: str) -> None:
    """After the file is renamed, removed or emptied, the next record is in a file of the old name."""
    path = tmp_path / "audit"
    lines = AuditLines(str(path))
    await lines.append([audit_record(id="1" * 32)])
    rotate(path, rotation)
    await lines.append([audit_record(id="2" * 32)])
    lines.close()
    assert [line["id"] for line in read(path)] == ["2" * 32]
    if rotation == "rename":
        assert [line["id"] for line in read(tmp_path / "audit.1")] == ["1" * 32]


def rotate(path: Path, rotation: str) -> None:
    """Do with a file what a program that rotates logs does."""
    if rotation == "rename":
        path.rename(f"{path}.1")
    elif rotation == "remove":
        path.unlink()
    else:
        path.write_bytes(b"")


async def test_a_restart_goes_on_in_the_file(tmp_path: Path) -> None:
    """An existing file is appended to."""
    for number in "12":
        lines = AuditLines(str(tmp_path / "audit"))
        await lines.append([audit_record(id=number * 32)])
        lines.close()
    assert [line["id"] for line in read(tmp_path / "audit")] == ["1" * 32, "2" * 32]


def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    """The server does not start without the audit file that it was told to write."""
    with pytest.raises(AuditFileUnusable, match="audit_file"):
        AuditLines(str(tmp_path / "nothing" / "audit"))


async def test_standard_output_takes_lines(capfd: pytest.CaptureFixture[str]) -> None:
    """`-` writes whole lines to standard output, and closing leaves it open."""
    lines = AuditLines("-")
    await lines.append([audit_record(id="1" * 32), audit_record(id="2" * 32)])
    lines.close()
    assert [json.loads(line)["id"] for line in capfd.readouterr().out.splitlines()] == ["1" * 32, "2" * 32]


async def test_a_full_disk_loses_no_record_and_breaks_no_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write that ends half-way is repeated when there is room again; what was cut off has a line of its own."""
    path = tmp_path / "audit"
    real, full = os.write, [True]

    def write(descriptor: int, content: Any) -> int:
        if not full[0]:
            return real(descriptor, content)
        if len(content) < 100:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(descriptor, content[: len(content) - 50])

    monkeypatch.setattr(os, "write", write)
    records = [audit_record() for _ in range(3)]
    async with running(None, AuditLines(str(path))) as trail:
        for record in records:
            trail.record(record)
        await until(lambda: path.stat().st_size > 0)
        await asyncio.sleep(0.1)
        full[0] = False
    found = []
    for line in (await asyncio.to_thread(path.read_text)).splitlines():
        try:
            found.append(json.loads(line)["id"])
        except ValueError:
            continue
    assert found[-3:] == [record.id for record in records]
    assert trail.lost == 0
