"""Credentials that are about to expire: who is warned, and when."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from structlog.testing import capture_logs

from clarion.v1 import channel_pb2
from clarion_server.channels.expiry import ExpiryWatch
from clarion_server.ports import ExpiringCredential

NOW = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
APNS = channel_pb2.CHANNEL_TYPE_APNS
CERTIFICATE = channel_pb2.CREDENTIAL_KIND_APNS_CERTIFICATE


class Store:
    """Has the credentials that the test gives it, the soonest first."""

    def __init__(self, *days: float) -> None:
        self.found = [
            ExpiringCredential(f"{number:032x}", APNS, CERTIFICATE, NOW + dt.timedelta(days=each))
            for number, each in enumerate(days)
        ]

    async def list_expiring(self, limit: int) -> Sequence[ExpiringCredential]:
        return self.found[:limit]


async def warnings(watch: ExpiryWatch) -> list[tuple[str, int]]:
    """Look once; return the last digit of the app and the days left, for each warning."""
    with capture_logs() as logs:
        await watch.look()
    return [(entry["app_id"][-1], entry["days_left"]) for entry in logs]


async def test_warned_a_month_before_a_week_before_and_when_it_is_over() -> None:
    """Each credential is warned of once at each of the three stages, and not before."""
    store: Any = Store(20, 40)
    now = NOW
    watch = ExpiryWatch(store, clock=lambda: now)
    assert await warnings(watch) == [("0", 20)]
    assert await warnings(watch) == []
    now = NOW + dt.timedelta(days=12)
    assert await warnings(watch) == [("1", 28)]
    now = NOW + dt.timedelta(days=14)
    assert await warnings(watch) == [("0", 6)]
    now = NOW + dt.timedelta(days=21)
    assert await warnings(watch) == [("0", 0)]
    assert await warnings(watch) == []
    assert [each.app_id[-1] for each in watch.credentials] == ["0", "1"]


async def test_renewed_credential_is_forgotten() -> None:
    """A renewed credential is warned of again only when its own time comes."""
    store: Any = Store(5)
    watch = ExpiryWatch(store, clock=lambda: NOW)
    assert await warnings(watch) == [("0", 5)]
    store.found = Store(365).found
    assert await warnings(watch) == []
    store.found = Store(6).found
    assert await warnings(watch) == [("0", 6)]


async def test_one_of_several_processes_warns() -> None:
    """A process that shall not warn does not, but knows the credentials, for its metrics."""
    store: Any = Store(5)
    watch = ExpiryWatch(store, warns=False, clock=lambda: NOW)
    assert await warnings(watch) == []
    assert len(watch.credentials) == 1
