"""Quotas, and the processes that share them, in the database."""

from __future__ import annotations

import asyncio

import pytest

from clarion_server.errors import AppNotFound
from clarion_server.quotas.model import ProcessBeat, Quotas
from clarion_server.store import Database, SqlAppStore, SqlQuotaStore


@pytest.fixture
def quotas(database: Database) -> SqlQuotaStore:
    """Provide the store of quotas."""
    return SqlQuotaStore(database)


async def test_nothing_is_set_at_first(quotas: SqlQuotaStore) -> None:
    """A new database has no quotas and no processes."""
    state = await quotas.read_quotas()
    assert (state.account, state.apps) == (Quotas(), {})
    assert await quotas.look() == (state.revision, [])


async def test_set_change_and_take_back(quotas: SqlQuotaStore, apps: SqlAppStore) -> None:
    """What is given is set, the rest stays, None takes back; account and apps are apart; each change is seen."""
    app = await apps.create_app("app", {})
    first = (await quotas.look())[0]
    assert await quotas.update_quotas("", {"sends_per_second": 5, "burst": 6}) == Quotas(5, 6)
    assert await quotas.update_quotas(app.id, {"burst": 7, "request_size": 2048}) == Quotas(burst=7, request_size=2048)
    assert await quotas.update_quotas("", {"sends_per_second": None}) == Quotas(burst=6)
    state = await quotas.read_quotas()
    assert state.account == Quotas(burst=6)
    assert state.apps == {app.id: Quotas(burst=7, request_size=2048)}
    assert state.revision == (await quotas.look())[0] == first + 3


async def test_apps_that_do_not_exist(quotas: SqlQuotaStore, apps: SqlAppStore) -> None:
    """They have no quotas, and those of one that is deleted go with it."""
    app = await apps.create_app("app", {})
    before = (await quotas.look())[0]
    for attempt in (quotas.update_quotas("b" * 32, {"burst": 1}), quotas.check_app("b" * 32)):
        with pytest.raises(AppNotFound):
            await attempt
    assert (await quotas.look())[0] == before
    await quotas.check_app(app.id)
    await quotas.update_quotas(app.id, {"burst": 1})
    await apps.delete_app(app.id)
    assert (await quotas.read_quotas()).apps == {}


async def test_changes_at_once(quotas: SqlQuotaStore) -> None:
    """Of changes at the same time none is lost."""
    names = ("sends_per_second", "burst", "targets_per_call", "request_size", "streams_per_principal")
    before = (await quotas.look())[0]
    await asyncio.gather(*(quotas.update_quotas("", {name: 5}) for name in names))
    state = await quotas.read_quotas()
    assert (state.account, state.revision) == (Quotas(5, 5, 5, 5, 5), before + 5)


async def test_processes(quotas: SqlQuotaStore) -> None:
    """The last sign of life of each is seen, until it is forgotten."""
    one, two = ProcessBeat("1" * 32, 1, active=False), ProcessBeat("2" * 32, 1, active=True)
    await quotas.beat(one)
    await quotas.beat(two)
    again = ProcessBeat(one.id, 2, active=True)
    await quotas.beat(again)
    assert sorted((await quotas.look())[1], key=lambda each: each.id) == [again, two]
    await quotas.forget([one.id, "3" * 32])
    assert (await quotas.look())[1] == [two]
