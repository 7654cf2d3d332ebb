"""Apps and their tags in the database."""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from clarion_server.errors import AppNotFound
from clarion_server.model import App, utc_now
from clarion_server.ports import MAX_TAGS, AppPage, TooManyTags
from clarion_server.store.database import Database, finishing
from clarion_server.store.tables import AppRow, AppTagRow

_NUMBERING = 1
"""The lock of `Database.in_turn` for numbering apps."""


class SqlAppStore:
    """An `AppStore` on a database.

    Args:
        database: migrated.
        clock: returns the time, aware.
    """

    def __init__(self, database: Database, *, clock: Callable[[], datetime] = utc_now) -> None:
        self._database = database
        self._clock = clock

    @finishing
    async def create_app(self, name: str, tags: Mapping[str, str]) -> App:
        """See `AppStore.create_app`."""
        now = self._clock()
        row = AppRow(id=secrets.token_hex(16), name=name, create_time=now, update_time=now)
        async with self._database.write() as session:
            # Numbers are visible in the order in which they are given: a page that has the later of two has both.
            await self._database.in_turn(session, _NUMBERING)
            session.add(row)
            await session.flush()  # the tags refer to the app
            session.add_all(AppTagRow(app_id=row.id, key=key, value=value) for key, value in tags.items())
            return _app(row, tags)

    @finishing
    async def get_app(self, app_id: str) -> App:
        """See `AppStore.get_app`."""
        # One statement: each costs several turns of the driver's thread, and sends ask for tags again and again.
        query = (
            select(AppRow, AppTagRow)
            .outerjoin(AppTagRow, col(AppTagRow.app_id) == col(AppRow.id))
            .where(col(AppRow.id) == app_id)
        )
        async with self._database.read_one() as session:
            # An app without tags is one row without a tag.
            rows: Sequence[tuple[AppRow, AppTagRow | None]] = (await session.exec(query)).all()
            if not rows:
                raise AppNotFound
            return _app(rows[0][0], {tag.key: tag.value for _, tag in rows if tag is not None})

    @finishing
    async def list_apps(self, page_size: int, after: int | None = None) -> AppPage:
        """See `AppStore.list_apps`."""
        query = select(AppRow).order_by(col(AppRow.number)).limit(page_size + 1)
        if after is not None:
            query = query.where(col(AppRow.number) > after)
        async with self._database.read() as session:
            rows = (await session.exec(query)).all()
            page = rows[:page_size]
            tags: defaultdict[str, dict[str, str]] = defaultdict(dict)
            ids = [row.id for row in page]
            for tag in await session.exec(select(AppTagRow).where(col(AppTagRow.app_id).in_(ids))):
                tags[tag.app_id][tag.key] = tag.value
            next_cursor = page[-1].number if len(rows) > page_size else None
            return AppPage([_app(row, tags[row.id]) for row in page], next_cursor)

    @finishing
    async def rename_app(self, app_id: str, name: str) -> App:
        """See `AppStore.rename_app`."""
        async with self._database.write() as session:
            row = await find_app(session, app_id, lock=True)
            row.name = name
            row.update_time = self._clock()
            return _app(row, await _tags(session, app_id))

    @finishing
    async def delete_app(self, app_id: str) -> App:
        """See `AppStore.delete_app`."""
        async with self._database.write() as session:
            row = await find_app(session, app_id, lock=True)
            app = _app(row, await _tags(session, app_id))
            await session.delete(row)  # the database removes what refers to it
            return app

    @finishing
    async def tag_app(self, app_id: str, tags: Mapping[str, str]) -> App:
        """See `AppStore.tag_app`."""
        async with self._database.write() as session:
            row = await find_app(session, app_id, lock=True)
            present = {tag.key: tag for tag in await _tag_rows(session, app_id)}
            if len(present.keys() | tags.keys()) > MAX_TAGS:
                raise TooManyTags
            for key, value in tags.items():
                if key in present:
                    present[key].value = value
                else:
                    present[key] = AppTagRow(app_id=app_id, key=key, value=value)
                    session.add(present[key])
            row.update_time = self._clock()
            return _app(row, {key: tag.value for key, tag in present.items()})

    @finishing
    async def untag_app(self, app_id: str, keys: Sequence[str]) -> App:
        """See `AppStore.untag_app`."""
        unwanted = set(keys)
        async with self._database.write() as session:
            row = await find_app(session, app_id, lock=True)
            kept: dict[str, str] = {}
            for tag in await _tag_rows(session, app_id):
                if tag.key in unwanted:
                    await session.delete(tag)
                    row.update_time = self._clock()
                else:
                    kept[tag.key] = tag.value
            return _app(row, kept)


async def find_app(session: AsyncSession, app_id: str, *, lock: bool = False) -> AppRow:
    """Return the app's row.

    Args:
        session: an open one.
        app_id: the app.
        lock: keep other transactions from changing the app, or anything that it holds, until this one ends.

    Raises:
        AppNotFound: there is none.
    """
    query = select(AppRow).where(col(AppRow.id) == app_id)
    if lock:
        query = query.with_for_update()  # nothing on SQLite, where a write transaction locks everything
    row = (await session.exec(query)).first()
    if row is None:
        raise AppNotFound
    return row


async def _tag_rows(session: AsyncSession, app_id: str) -> Sequence[AppTagRow]:
    return (await session.exec(select(AppTagRow).where(col(AppTagRow.app_id) == app_id))).all()


async def _tags(session: AsyncSession, app_id: str) -> dict[str, str]:
    return {tag.key: tag.value for tag in await _tag_rows(session, app_id)}


def _app(row: AppRow, tags: Mapping[str, str]) -> App:
    return App(row.id, row.name, dict(sorted(tags.items())), row.create_time, row.update_time)
