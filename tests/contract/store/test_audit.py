"""What every AuditStore does."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from clarion_server.access_model import ANONYMOUS, AuditRecord
from clarion_server.audit import AuditQuery, AuditStore
from clarion_server.store import Database, SqlAuditStore
from tests.support.audit import ANN, APP, NOW, SENDER, audit_record

SECOND = timedelta(seconds=1)


@pytest.fixture
def store(database: Database) -> SqlAuditStore:
    """Provide the store of audit records."""
    return SqlAuditStore(database)


async def found(store: AuditStore, **query: Any) -> Sequence[AuditRecord]:
    """Return all records that match, newest first."""
    page = await store.lookup(AuditQuery(**query), 1000)
    assert page.next_cursor is None
    return page.records


async def test_a_record_is_what_was_appended(store: AuditStore) -> None:
    """Every field comes back equal, nested parameters and the time to the microsecond included."""
    records = [
        audit_record(),
        audit_record(NOW - SECOND, identity=SENDER, outcome="UNAVAILABLE", reason="X", counts={}),
    ]
    await store.append(records)
    assert await found(store) == records


async def test_a_record_is_kept_once(store: AuditStore) -> None:
    """Appending again what is there already, as after a lost answer, adds only what is new and changes nothing."""
    first, second = audit_record(), audit_record(NOW + SECOND)
    await store.append([first])
    await store.append([audit_record(id=first.id, outcome="INTERNAL"), second])
    assert await found(store) == [second, first]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"principal": SENDER.arn}, [1]),
        ({"action": "mobiletargeting:GetApp"}, [2]),
        ({"resource": "*"}, [3]),
        ({"app_id": APP}, [0, 1]),
        ({"outcome": "PERMISSION_DENIED"}, [3]),
        ({"start": NOW - SECOND}, [0, 1]),
        ({"end": NOW - SECOND}, [2, 3]),
        ({"start": NOW - 2 * SECOND, "end": NOW}, [1, 2]),
        ({"principal": ANN.arn, "app_id": APP}, [0]),
        ({"principal": ANN.arn, "outcome": "PERMISSION_DENIED"}, []),
        ({"principal": "arn:aws:iam::000000000000:user/%"}, []),
    ],
)
async def test_filters(store: AuditStore, query: dict[str, Any], expected: list[int]) -> None:
    """Only records that match every filter exactly come, the time's start included and its end not."""
    records = [
        audit_record(),
        audit_record(NOW - SECOND, identity=SENDER),
        audit_record(NOW - 2 * SECOND, action="mobiletargeting:GetApp", app_id="b" * 32),
        audit_record(NOW - 3 * SECOND, identity=ANONYMOUS, resource="*", app_id="", outcome="PERMISSION_DENIED"),
    ]
    await store.append(records[::-1])
    assert await found(store, **query) == [records[number] for number in expected]
    assert await found(store, id=records[2].id) == [records[2]]


async def test_pages_go_through_all_records_newest_first(store: AuditStore) -> None:
    """Pages are full but for the last, also among records of the same time; late and new ones repeat and hide none."""
    records = [audit_record(NOW - SECOND * (number // 3)) for number in range(9)]
    await store.append(records)
    seen: list[AuditRecord] = []
    cursor = None
    for round_number in range(3):
        page = await store.lookup(AuditQuery(), 4, cursor)
        seen += page.records
        cursor = page.next_cursor
        assert (cursor is None) == (round_number == 2)
        await store.append([audit_record(NOW + SECOND)])
    assert {record.id for record in seen} == {record.id for record in records}
    assert len(seen) == 9
    assert [record.time for record in seen] == sorted((record.time for record in seen), reverse=True)


async def test_texts_of_callers_are_taken_as_they_come(store: AuditStore) -> None:
    """What no database takes, such as a zero byte in a client's name for itself, is replaced and loses no record."""
    await store.append([audit_record(user_agent="evil\0agent", parameters={"trace_id": "a\0b\ud800"})])
    (record,) = await found(store)
    assert record.user_agent == "evil\N{REPLACEMENT CHARACTER}agent"
    assert record.parameters == {"trace_id": "a\0b\ud800"}


async def test_records_go_when_their_time_is_over(store: AuditStore) -> None:
    """Expiry removes only what is older, oldest first, so many at a time; a moment that goes back removes nothing."""
    records = [audit_record(NOW - SECOND * number) for number in range(5)]
    await store.append(records)
    assert await store.expire(NOW - SECOND, 2) == 2
    assert await found(store) == records[:3]
    assert await store.expire(NOW - SECOND, 2) == 1
    assert await store.expire(NOW - SECOND, 2) == 0
    assert await store.expire(NOW - 10 * SECOND, 2) == 0
    assert await found(store) == records[:2]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_event SET outcome = 'OK'",
        "DELETE FROM audit_event",
        "DELETE FROM audit_event WHERE number = 1",
        "TRUNCATE audit_event",
    ],
)
async def test_records_are_neither_changed_nor_removed(database: Database, statement: str) -> None:
    """The database itself refuses changes, and removals before the time is over, also of some among others."""
    if database.is_sqlite:
        statement = statement.replace("TRUNCATE", "DELETE FROM")  # SQLite knows the former only as the latter
    store = SqlAuditStore(database)
    records = [audit_record(NOW - SECOND), audit_record(NOW - 3 * SECOND, outcome="PERMISSION_DENIED")]
    await store.append(records)
    await store.expire(NOW - 10 * SECOND, 10)
    with pytest.raises(Exception, match="audit events are"):
        async with database.write() as session:
            await (await session.connection()).execute(text(statement))
    assert await found(store) == records


async def test_servers_append_and_expire_at_once(database_url: str) -> None:
    """Two servers that write and clean up the same table at the same time lose and repeat nothing."""
    databases = [Database(database_url), Database(database_url)]
    await databases[0].migrate()
    stores = [SqlAuditStore(database) for database in databases]
    old = [audit_record(NOW - 100 * SECOND) for _ in range(200)]
    await stores[0].append(old)
    new = [[audit_record() for _ in range(20)] for _ in range(10)]
    removed = await asyncio.gather(
        *(stores[number % 2].append(batch) for number, batch in enumerate(new)),
        *(stores[number % 2].expire(NOW - SECOND, 60) for number in range(10)),
    )
    assert sum(count for count in removed if count is not None) == 200
    assert {record.id for record in await found(stores[0])} == {record.id for batch in new for record in batch}
    for database in databases:
        await database.close()
