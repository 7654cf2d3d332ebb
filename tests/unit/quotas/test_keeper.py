from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from clarion_server.errors import QuotaExceeded, StoreUnavailable, TooManyStreams
from clarion_server.quotas.keeper import QuotaKeeper
from clarion_server.quotas.model import ProcessBeat, Quotas, QuotaState

APP = "a" * 32


class _Store:
    """Quotas in memory; the contract tests have the real one."""

    def __init__(self) -> None:
        self.state = QuotaState()
        self.beats: dict[str, ProcessBeat] = {}
        self.broken = False

    async def read_quotas(self) -> QuotaState:
        return self.state

    async def update_quotas(self, app_id: str, changes: Mapping[str, int | None]) -> Quotas:
        state = self.state
        changed = replace(state.apps.get(app_id, Quotas()) if app_id else state.account, **changes)
        apps = {**state.apps, app_id: changed} if app_id else state.apps
        self.state = QuotaState(state.revision + 1, state.account if app_id else changed, apps)
        return changed

    async def check_app(self, app_id: str) -> None:
        pass

    async def look(self) -> tuple[int, Sequence[ProcessBeat]]:
        if self.broken:
            raise StoreUnavailable
        return self.state.revision, list(self.beats.values())

    async def beat(self, process: ProcessBeat) -> None:
        if self.broken:
            raise StoreUnavailable
        self.beats[process.id] = process

    async def forget(self, process_ids: Sequence[str]) -> None:
        for each in process_ids:
            self.beats.pop(each, None)


class _Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


async def _keeper(store: _Store, clock: _Clock, rate: int = 100) -> QuotaKeeper:
    keeper = QuotaKeeper(store, default_sends_per_second=rate, clock=clock)
    await keeper.look()
    return keeper


async def test_the_account_has_one_bucket() -> None:
    """All apps take from it, up to a second's worth at once."""
    clock = _Clock()
    keeper = await _keeper(_Store(), clock)
    one, two = keeper.pacer(APP), keeper.pacer("b" * 32)
    assert (one.take(70), two.take(70), two.take(70)) == (70, 30, 0)
    assert two.wait(10) == 0.1
    clock.now += 0.5
    assert two.take(70) == 50


async def test_an_app_with_a_limit_has_its_own_too() -> None:
    """Both buckets must give; what the app's does not give is left to others."""
    clock = _Clock()
    keeper = await _keeper(_Store(), clock)
    await keeper.update(APP, {"sends_per_second": 10, "burst": 20})
    pacer, other = keeper.pacer(APP), keeper.pacer("b" * 32)
    assert (pacer.take(50), pacer.take(1)) == (20, 0)
    assert other.take(200) == 80
    clock.now += 1
    assert pacer.take(50) == 10
    await keeper.update(APP, {"sends_per_second": None, "burst": None})
    assert pacer.take(200) == 90


async def test_changes_count_at_the_next_look() -> None:
    """What another process has set is in force at the next look, also for calls that run."""
    store, clock = _Store(), _Clock()
    keeper = await _keeper(store, clock)
    pacer = keeper.pacer(APP)
    pacer.take(100)
    await store.update_quotas("", {"sends_per_second": 1000})
    await keeper.look()
    clock.now += 0.1
    assert pacer.take(500) == 100


async def test_processes_share() -> None:
    """With another process that sends, each has half; when it leaves, all."""
    store, clock = _Store(), _Clock()
    keeper = await _keeper(store, clock)
    store.beats["other"] = ProcessBeat("other", 1, active=True)
    pacer = keeper.pacer(APP)
    for _ in range(10):
        clock.now += 0.5
        pacer.take(1000)
        await keeper.look()
    clock.now += 1
    assert pacer.take(1000) == 50
    del store.beats["other"]
    await keeper.look()
    clock.now += 1
    assert pacer.take(1000) == 100


async def test_without_the_database_the_last_quotas_count() -> None:
    """A look that fails changes nothing."""
    store, clock = _Store(), _Clock()
    await store.update_quotas("", {"sends_per_second": 7})
    keeper = await _keeper(store, clock)
    store.broken = True
    clock.now += 10
    with pytest.raises(StoreUnavailable):
        await keeper.look()
    assert keeper.pacer(APP).take(100) == 7


async def test_calls_of_a_principal() -> None:
    """One more than the quota is refused; one that has ended makes room; another principal has its own."""
    store = _Store()
    keeper = await _keeper(store, _Clock())
    await keeper.update("", {"streams_per_principal": 1})
    with keeper.running("ann"):
        with pytest.raises(TooManyStreams, match="streams_per_principal"), keeper.running("ann"):
            pass
        with keeper.running("bob"):
            pass
    with keeper.running("ann"):
        pass


async def test_requests() -> None:
    """Targets and bytes over a quota are refused; an app may only have less than the account."""
    keeper = await _keeper(_Store(), _Clock())
    await keeper.update(APP, {"targets_per_call": 10, "request_size": 2000})
    await keeper.update("", {"targets_per_call": 5})
    keeper.check_request(APP, lambda: 2000, 5)
    with pytest.raises(QuotaExceeded, match="targets_per_call of 5"):
        keeper.check_request(APP, lambda: 10, 6)
    with pytest.raises(QuotaExceeded, match="request_size of 2,000"):
        keeper.check_request(APP, lambda: 2001)
    keeper.check_request("b" * 32, lambda: pytest.fail("asked without need"), 5)


async def test_what_is_told() -> None:
    """Those in force have no gaps for the account; an app has rate and burst only if it has a limit."""
    keeper = await _keeper(_Store(), _Clock(), 25_000)
    assert await keeper.get("") == (Quotas(25_000, 25_000, 10_000, 4_194_304, 1000), Quotas())
    assert (await keeper.get(APP))[0] == Quotas(None, None, 10_000, 4_194_304, 1000)
    effective, given = await keeper.update(APP, {"sends_per_second": 5})
    assert effective == Quotas(5, 5, 10_000, 4_194_304, 1000)
    assert given == Quotas(sends_per_second=5)
