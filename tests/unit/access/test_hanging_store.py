"""What the guard asks the database for: shared by all who ask, and not waited for without end once it is known."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from clarion_server.access.app_tags import AppTags
from clarion_server.access.iam.revision import RevisionWatch
from clarion_server.errors import AppNotFound, StoreUnavailable
from clarion_server.model import App

APP = "a" * 32
NOW = dt.datetime(2026, 1, 2, tzinfo=dt.UTC)
PATIENCE = 0.05


class Store:
    """Answers with what the test sets; hangs while `gate` is closed."""

    def __init__(self) -> None:
        self.value: Any = 1
        self.gate = asyncio.Event()
        self.gate.set()
        self.asked = 0

    async def _answer(self) -> Any:
        self.asked += 1
        value = self.value  # read before the wait, as a query that began before a change
        await self.gate.wait()
        if isinstance(value, Exception):
            raise value
        return value

    async def revision(self) -> int:
        return int(await self._answer())

    async def get_app(self, app_id: str) -> App:
        return App(app_id, "name", await self._answer(), NOW, NOW)


class Clock:
    """Seconds that the test moves."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def opened(kind: str) -> tuple[Store, Clock, Callable[[], Awaitable[Any]], Callable[[], None]]:
    """Return a store, a clock, what asks the store through a cache, and what tells the cache of a change."""
    store, clock = Store(), Clock()
    untyped: Any = store
    if kind == "revision":
        watch = RevisionWatch(untyped, patience=PATIENCE, clock=clock)
        return store, clock, watch.generation, watch.changed
    store.value = {"team": "a"}
    tags = AppTags(untyped, patience=PATIENCE, clock=clock)
    return store, clock, lambda: tags.of(APP), lambda: tags.forget(APP)


@pytest.mark.parametrize("kind", ["revision", "tags"])
async def test_what_is_known_counts_while_the_store_hangs(kind: str) -> None:
    """All who ask get what is known, by one question; when the store answers, its answer counts."""
    store, clock, ask, _ = opened(kind)
    known = await ask()
    clock.now = 10.0
    store.gate.clear()
    async with asyncio.timeout(20):
        assert await asyncio.gather(*(ask() for _ in range(50))) == [known] * 50
    assert store.asked == 2
    store.value = 2 if kind == "revision" else {"team": "b"}
    store.gate.set()
    await asyncio.sleep(0.01)
    clock.now = 20.0
    assert await ask() != known


@pytest.mark.parametrize("kind", ["revision", "tags"])
async def test_who_asks_all_the_time_never_waits(kind: str) -> None:
    """Shortly before what is known gets too old, the store is asked once in the background; its answer then counts."""
    store, clock, ask, _ = opened(kind)
    known = await ask()
    store.value = 2 if kind == "revision" else {"team": "b"}
    store.gate.clear()
    clock.now = 0.8
    for _ in range(3):
        async with asyncio.timeout(0):  # nothing is waited for
            assert await ask() == known
    await asyncio.sleep(0)
    assert store.asked == 2
    store.gate.set()
    await asyncio.sleep(0.01)
    store.gate.clear()
    clock.now = 1.5
    async with asyncio.timeout(0):
        assert await ask() != known


@pytest.mark.parametrize("kind", ["revision", "tags"])
async def test_what_was_never_known_is_waited_for(kind: str) -> None:
    """Without anything known there is nothing to go on with: the store's answer, or its failure, is what comes."""
    store, _, ask, _ = opened(kind)
    store.gate.clear()
    asking = asyncio.gather(*(ask() for _ in range(3)), return_exceptions=True)
    await asyncio.sleep(3 * PATIENCE)
    assert not asking.done()
    assert store.asked == 1
    store.gate.set()
    assert len(set(map(str, await asking))) == 1
    failing, _, ask, _ = opened(kind)
    failing.value = StoreUnavailable()
    with pytest.raises(StoreUnavailable):
        await ask()


@pytest.mark.parametrize("kind", ["revision", "tags"])
async def test_what_is_known_counts_while_the_store_is_away(kind: str) -> None:
    """A store that does not answer changes nothing, and is not asked by every call."""
    store, clock, ask, _ = opened(kind)
    known = await ask()
    clock.now = 10.0
    store.value = StoreUnavailable()
    assert [await ask() for _ in range(5)] == [known] * 5
    assert store.asked == 2


@pytest.mark.parametrize("kind", ["revision", "tags"])
async def test_a_store_that_fails_is_asked_again(kind: str) -> None:
    """An error that nobody foresaw is not kept: who asks after it has the store asked anew."""
    store, clock, ask, _ = opened(kind)
    known = await ask()
    good, store.value = store.value, RuntimeError()
    clock.now = 10.0
    with pytest.raises(RuntimeError):
        await ask()
    store.value = good
    assert await ask() == known
    assert store.asked == 3


@pytest.mark.parametrize("kind", ["revision", "tags"])
async def test_an_answer_from_before_a_change_does_not_count(kind: str) -> None:
    """A change made here is seen at once, although a question from before it is still under way."""
    store, clock, ask, changed = opened(kind)
    before = await ask()
    clock.now = 10.0
    store.gate.clear()
    await ask()  # goes on with what is known, while the question is under way
    store.value = 2 if kind == "revision" else {"team": "b"}
    changed()
    store.gate.set()
    after = await ask()
    assert after != before
    await asyncio.sleep(0.01)
    assert await ask() == after


async def test_an_app_that_does_not_exist_is_not_kept() -> None:
    """It has no tags, and takes no memory; one that was deleted has none any more."""
    store, clock, ask, _ = opened("tags")
    assert await ask() == {"team": "a"}
    clock.now = 10.0
    store.value = AppNotFound()
    assert [await ask(), await ask()] == [{}, {}]
    assert store.asked == 3
