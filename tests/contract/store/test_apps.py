"""What every AppStore does."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta, timezone

import pytest

from clarion_server.errors import AppNotFound
from clarion_server.model import App
from clarion_server.ports import MAX_TAGS, AppStore, TooManyTags
from clarion_server.store import Database, SqlAppStore

NOBODY = "0" * 32


async def test_an_app_is_what_was_stored(apps: AppStore) -> None:
    """A new app has a fresh id, its name and tags, and aware times; reading it gives an equal one."""
    before = datetime.now(UTC)
    app = await apps.create_app("Häuser & Gärten 🏡", {"team": "red", "empty": ""})
    assert re.fullmatch(r"[0-9a-f]{32}", app.id)
    assert (app.name, app.tags) == ("Häuser & Gärten 🏡", {"team": "red", "empty": ""})
    assert before <= app.create_time == app.update_time <= datetime.now(UTC)
    read = await apps.get_app(app.id)
    assert read == app
    assert read.create_time.utcoffset() == timedelta(0)


async def test_times_are_stored_as_moments(database: Database) -> None:
    """A clock of another time zone gives the same moment back, in UTC, to the microsecond."""
    moment = datetime(2026, 3, 29, 2, 30, 0, 123456, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    apps = SqlAppStore(database, clock=lambda: moment)
    read = await apps.get_app((await apps.create_app("app", {})).id)
    assert read.create_time == moment
    assert read.create_time.tzinfo == UTC


async def test_a_time_without_zone_is_refused(database: Database) -> None:
    """A naive time is not stored as if it were UTC."""
    apps = SqlAppStore(database, clock=lambda: datetime(2026, 1, 1))  # noqa: DTZ001 - that is the point
    with pytest.raises(Exception, match="time zone"):
        await apps.create_app("app", {})
    assert (await apps.list_apps(10)).apps == []


@pytest.mark.parametrize(
    "call",
    [
        lambda apps: apps.get_app(NOBODY),
        lambda apps: apps.rename_app(NOBODY, "name"),
        lambda apps: apps.delete_app(NOBODY),
        lambda apps: apps.tag_app(NOBODY, {"key": "value"}),
        lambda apps: apps.untag_app(NOBODY, ["key"]),
    ],
)
async def test_an_unknown_app_is_not_found(apps: AppStore, call: Callable[[AppStore], Awaitable[App]]) -> None:
    """Every method that takes an app id says when there is no such app."""
    with pytest.raises(AppNotFound):
        await call(apps)


async def test_rename(apps: AppStore) -> None:
    """A new name changes update_time and nothing else."""
    app = await apps.create_app("old", {"key": "value"})
    renamed = await apps.rename_app(app.id, "new")
    assert (renamed.name, renamed.tags, renamed.create_time) == ("new", app.tags, app.create_time)
    assert renamed.update_time > app.update_time
    assert await apps.get_app(app.id) == renamed


async def test_tags_are_added_replaced_and_removed(apps: AppStore) -> None:
    """Tagging keeps other tags; removing passes over keys that are not there. Both change update_time when they act."""
    app = await apps.create_app("app", {"a": "1", "b": "2"})
    tagged = await apps.tag_app(app.id, {"b": "3", "c": "4"})
    assert tagged.tags == {"a": "1", "b": "3", "c": "4"}
    assert tagged.update_time > app.update_time
    untagged = await apps.untag_app(app.id, ["a", "c", "nothing", "\0"])
    assert untagged.tags == {"b": "3"}
    assert untagged.update_time > tagged.update_time
    assert await apps.untag_app(app.id, ["nothing"]) == untagged == await apps.get_app(app.id)


async def test_an_app_has_at_most_fifty_tags(apps: AppStore) -> None:
    """The 51st tag is refused and nothing is changed; replacing one of 50 works."""
    full = {f"key-{number:02}": "" for number in range(MAX_TAGS)}
    app = await apps.create_app("app", full)
    with pytest.raises(TooManyTags):
        await apps.tag_app(app.id, {"key-00": "changed", "one more": ""})
    assert (await apps.get_app(app.id)).tags == full
    assert len((await apps.tag_app(app.id, {"key-00": "changed"})).tags) == MAX_TAGS


async def test_simultaneous_tags_are_all_kept(apps: AppStore) -> None:
    """Concurrent calls that tag one app lose none of the tags, and together stay within the limit."""
    app = await apps.create_app("app", {})
    calls = [apps.tag_app(app.id, {f"key-{number}": str(number)}) for number in range(MAX_TAGS + 5)]
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert sum(isinstance(answer, TooManyTags) for answer in answers) == 5
    assert len((await apps.get_app(app.id)).tags) == MAX_TAGS


async def names(apps: AppStore, page_size: int) -> list[list[str]]:
    """Return the names on each page."""
    pages, after = [], None
    while True:
        page = await apps.list_apps(page_size, after)
        pages.append([app.name for app in page.apps])
        after = page.next_cursor
        if after is None:
            return pages


async def test_pages_go_through_all_apps_oldest_first(apps: AppStore) -> None:
    """Pages are full but for the last, in order, with tags; there is no empty page at the end."""
    assert await names(apps, 3) == [[]]
    for number in range(6):
        await apps.create_app(str(number), {"number": str(number)})
    assert await names(apps, 3) == [["0", "1", "2"], ["3", "4", "5"]]
    assert await names(apps, 4) == [["0", "1", "2", "3"], ["4", "5"]]
    assert [app.tags for app in (await apps.list_apps(2)).apps] == [{"number": "0"}, {"number": "1"}]


async def test_pages_hold_while_apps_come_and_go(apps: AppStore) -> None:
    """Apps that are made or deleted between pages neither repeat nor hide another, also if the clock goes back."""
    made = [await apps.create_app(str(number), {}) for number in range(4)]
    first = await apps.list_apps(2)
    await apps.delete_app(made[1].id)  # the one the cursor stands for
    await apps.delete_app(made[3].id)
    await apps.create_app("new", {})
    second = await apps.list_apps(10, first.next_cursor)
    assert [app.name for app in second.apps] == ["2", "new"]


async def test_a_place_in_the_list_is_never_given_again(apps: AppStore) -> None:
    """After the newest app is deleted, a newer one still comes behind a cursor that pointed at the deleted one."""
    for name in ("a", "b", "c"):
        await apps.create_app(name, {})
    cursor = (await apps.list_apps(2)).next_cursor
    for app in (await apps.list_apps(10)).apps[1:]:
        await apps.delete_app(app.id)
    await apps.create_app("d", {})
    assert [app.name for app in (await apps.list_apps(10, cursor)).apps] == ["d"]


async def test_a_deleted_app_is_gone(apps: AppStore) -> None:
    """Deleting returns the app as it was, and leaves the others."""
    kept, app = await apps.create_app("kept", {"a": "1"}), await apps.create_app("gone", {"a": "2"})
    assert await apps.delete_app(app.id) == app
    with pytest.raises(AppNotFound):
        await apps.get_app(app.id)
    assert await apps.get_app(kept.id) == kept


async def test_data_outlives_the_process(database_url: str) -> None:
    """What one server stored, the next one on the same database reads."""
    first = Database(database_url)
    await first.migrate()
    app = await SqlAppStore(first).create_app("app", {"a": "b"})
    await first.close()
    second = Database(database_url)
    await second.migrate()
    assert await SqlAppStore(second).get_app(app.id) == app
    await second.close()
