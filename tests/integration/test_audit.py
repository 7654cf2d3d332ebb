"""LookupEvents through a real server: the API, the client's two forms, and the command."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format
from google.protobuf.timestamp_pb2 import Timestamp

import clarion
from clarion.audit.v1.audit_pb2 import LookupEventsRequest
from clarion.v1 import error_pb2
from clarion_server.access_model import ANONYMOUS, AuditRecord
from tests.support.audit import ANN, APP, SENDER, audit_record
from tests.support.process import run_client_command
from tests.support.world import World, open_world

SECOND = timedelta(seconds=1)


def records(count: int = 5) -> list[AuditRecord]:
    """Return records of the last minutes, newest first; the second is a denied one of nobody."""
    now = datetime.now(UTC).replace(microsecond=250_000)
    made = [audit_record(now - 60 * SECOND * number) for number in range(count)]
    made[1] = audit_record(
        made[1].time,
        identity=ANONYMOUS,
        outcome="PERMISSION_DENIED",
        reason="ERROR_REASON_APP_NOT_FOUND",
        parameters={},
        counts={},
    )
    made[2] = audit_record(made[2].time, identity=SENDER)
    return made


async def recorded(world: World, given: list[AuditRecord]) -> clarion.AsyncClient:
    """Record them, wait until they can be found, and return a client."""
    for record in reversed(given):
        world.server.audit.record(record)
    client = clarion.AsyncClient(world.server.address)
    async with asyncio.timeout(30):
        while not [event async for event in client.lookup_events(request_id=given[0].id)]:  # noqa: ASYNC110 - the server does it
            await asyncio.sleep(0.05)
    return client


async def ids(client: clarion.AsyncClient, **filters: Any) -> list[str]:
    """Return the ids of the events that the server finds."""
    return [event.id async for event in client.lookup_events(**filters)]


async def test_an_event_tells_the_whole_record(world: World) -> None:
    """What was recorded comes back in the API's words, parameters with their JSON types."""
    given = records()
    async with await recorded(world, given) as client:
        (event,) = [event async for event in client.lookup_events(request_id=given[0].id)]
        (denied,) = [event async for event in client.lookup_events(outcome="PERMISSION_DENIED", app_id=APP)]
    assert event.time.ToDatetime(tzinfo=UTC) == given[0].time
    assert (event.principal.arn, event.principal.type, event.principal.credential_type) == (ANN.arn, "User", "token")
    assert event.principal.credential_id == "token-1"
    assert json_format.MessageToDict(event.parameters) == given[0].parameters
    assert dict(event.counts) == given[0].counts
    assert event.duration.ToTimedelta() == timedelta(seconds=0.25)
    assert (event.source, event.method) == ("192.0.2.7", "clarion.v1.MessagingService/SendMessages")
    assert denied.id == given[1].id
    assert (denied.principal.arn, denied.reason) == ("anonymous", "ERROR_REASON_APP_NOT_FOUND")
    assert not denied.HasField("parameters")


async def test_filters_and_pages(world: World) -> None:
    """Filters are joined with «and», the newest come first, and pages of any size show everything once."""
    given = records(7)
    wanted = [record.id for record in given]
    async with await recorded(world, given) as client:
        for page_size in (1, 3, 7, 0):
            # The lookups themselves leave records about the app.
            sends = await ids(client, app_id=APP, action="mobiletargeting:SendMessages", page_size=page_size)
            assert sends == wanted
        assert await ids(client, principal_arn=SENDER.arn) == [wanted[2]]
        assert await ids(client, start_time=given[4].time, end_time=given[1].time) == wanted[2:5]
        assert await ids(client, principal_arn=ANN.arn, start_time=given[3].time, page_size=1) == [wanted[0], wanted[3]]
        assert await ids(client, action="mobiletargeting:GetApp", app_id=APP) == []


def filters(**fields: Any) -> LookupEventsRequest:
    """Return a request."""
    return LookupEventsRequest(**fields)


@pytest.mark.parametrize(
    ("request_", "path", "reason"),
    [
        (filters(page_size=-1), "page_size", "FIELD_OUT_OF_RANGE"),
        (filters(page_token="nonsense"), "page_token", "PAGE_TOKEN_INVALID"),
        (filters(page_token="ÿ"), "page_token", "PAGE_TOKEN_INVALID"),
        (filters(outcome="DENIED"), "outcome", "FIELD_MALFORMED"),
        (filters(principal_arn="x" * 2049), "principal_arn", "FIELD_TOO_LONG"),
        (filters(action="a\0b"), "action", "FIELD_MALFORMED"),
        (filters(start_time=Timestamp(seconds=1 << 60)), "start_time", "FIELD_OUT_OF_RANGE"),
        (filters(end_time=Timestamp(nanos=-1)), "end_time", "FIELD_OUT_OF_RANGE"),
        (filters(start_time=Timestamp(seconds=9), end_time=Timestamp(seconds=9)), "end_time", "FIELD_CONFLICT"),
    ],
)
async def test_wrong_filters_are_named(world: World, request_: LookupEventsRequest, path: str, reason: str) -> None:
    """A filter that can match nothing by its form is refused with its name, never an internal error."""
    async with clarion.AsyncClient(world.server.address) as client:
        with pytest.raises(clarion.InvalidRequest) as caught:
            await client._call(client._audit.LookupEvents, request_)
    assert [(each.path, each.reason) for each in caught.value.violations] == [(path, f"ERROR_REASON_{reason}")]
    assert f"ERROR_REASON_{reason}" in error_pb2.ErrorReason.keys()  # noqa: SIM118 - no mapping


async def test_a_page_token_belongs_to_its_filters(world: World) -> None:
    """With other filters a token is refused: the pages would not fit together. The page size may change."""
    async with await recorded(world, records()) as client:
        request = LookupEventsRequest(app_id=APP, page_size=2)
        request.page_token = (await client._call(client._audit.LookupEvents, request)).next_page_token
        assert request.page_token
        request.page_size = 3
        assert len((await client._call(client._audit.LookupEvents, request)).events) == 3
        request.outcome = "OK"
        with pytest.raises(clarion.InvalidRequest):
            await client._call(client._audit.LookupEvents, request)


async def test_the_table_can_be_switched_off(tmp_path: Path, sandbox_keys: Path) -> None:
    """Without the table, records are in the file only."""
    path = tmp_path / "audit.jsonl"
    given = audit_record()
    async with open_world(tmp_path, keys=sandbox_keys, audit_table=False, audit_file=str(path)) as world:
        world.server.audit.record(given)
    written = await asyncio.to_thread(lines, path)
    assert [line["id"] for line in written if line["app_id"] == APP] == [given.id]
    assert any(line["method"] == "clarion.v1.AppService/CreateApp" for line in written), "the server's own are there"
    async with open_world(tmp_path, keys=sandbox_keys) as world, clarion.AsyncClient(world.server.address) as client:
        assert await ids(client, app_id=APP) == []


def lines(path: Path) -> list[dict[str, Any]]:
    """Return what an audit file holds."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def command(address: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `clarion audit lookup`."""
    environment = {"PATH": os.defpath, "CLARION_SERVER": address}
    # The table for people comes from a command that Python starts anew.
    return run_client_command(*arguments, environment=environment, fresh="json" not in arguments)


async def test_the_command_looks_up_events(world: World) -> None:
    """Its filters reach the server; JSON comes one event a line; a time that is none is a usage error."""
    given = records()
    async with await recorded(world, given):
        address = world.server.address
        table = await asyncio.to_thread(command, address, "audit", "lookup", "--since", "2h", "--outcome", "ok")
        assert table.returncode == 0, table.stderr
        assert given[0].id in table.stdout
        assert given[1].id not in table.stdout
        output = await asyncio.to_thread(
            command, address, "-o", "json", "audit", "lookup", "--app", APP, "--limit", "3"
        )
        assert [json.loads(line)["id"] for line in output.stdout.splitlines()] == [each.id for each in given[:3]]
        since = given[1].time.strftime("%Y-%m-%dT%H:%M:%S")
        recent = await asyncio.to_thread(
            command, address, "-o", "json", "audit", "lookup", "--since", since, "--principal", ANN.arn
        )
        assert [json.loads(line)["id"] for line in recent.stdout.splitlines()] == [given[0].id]
        none = await asyncio.to_thread(command, address, "audit", "lookup", "--request", "0" * 32)
        assert (none.returncode, none.stdout) == (0, "")
        wrong = await asyncio.to_thread(command, address, "audit", "lookup", "--until", "yesterday")
        assert wrong.returncode == 2
        assert "--until" in wrong.stderr


async def test_a_client_needs_times_with_zones(world: World) -> None:
    """A naive time is refused before anything is sent: the server cannot know what it means."""
    with clarion.Client(world.server.address) as client, pytest.raises(ValueError, match="time zone"):
        list(client.lookup_events(start_time=datetime(2026, 1, 1)))  # noqa: DTZ001 - that is the point


async def test_the_blocking_client_finds_the_same(world: World) -> None:
    """Both clients return the same events, over pages too."""
    given = records()
    async with await recorded(world, given) as client:
        expected = await ids(client, app_id=APP)
    found = await asyncio.to_thread(lookup, world.server.address)
    assert found == expected == [record.id for record in given]


def lookup(address: str) -> list[str]:
    """Return the ids of the app's events, as the blocking client finds them."""
    with clarion.Client(address) as client:
        return [event.id for event in client.lookup_events(app_id=APP, page_size=2)]
