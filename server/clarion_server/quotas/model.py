"""Quotas, their ranges and defaults, and what is in force."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

DEFAULT_SENDS_PER_SECOND = 25_000
"""As an AWS account has."""
MAX_TARGETS = 10_000
"""Of one call of SendMessages: no quota allows more."""
MAX_REQUEST_BYTES = 4 * 1024 * 1024
"""Of one request or frame: no quota allows more."""

RANGES: Mapping[str, tuple[int, int]] = {
    "sends_per_second": (1, 10_000_000),
    "burst": (1, 10_000_000),
    "targets_per_call": (1, MAX_TARGETS),
    "request_size": (1024, MAX_REQUEST_BYTES),
    "streams_per_principal": (1, 10_000),
}
"""The least and the most of each quota."""
OF_ACCOUNT_ONLY = frozenset({"streams_per_principal"})
"""Quotas that an app does not have."""


@dataclass(frozen=True, slots=True)
class Quotas:
    """Quotas of the account or of an app. None: not set, or, of those in force, no limit of its own.

    Attributes:
        sends_per_second: targets taken in per second.
        burst: targets taken in at once after a pause.
        targets_per_call: of one call of SendMessages.
        request_size: bytes of one request or frame.
        streams_per_principal: sending calls of one principal at the same time, in one process.
    """

    sends_per_second: int | None = None
    burst: int | None = None
    targets_per_call: int | None = None
    request_size: int | None = None
    streams_per_principal: int | None = None


@dataclass(frozen=True, slots=True)
class QuotaState:
    """All quotas that are set.

    Attributes:
        revision: grows with every change.
        account: of the account.
        apps: of those apps that have any, by id.
    """

    revision: int = 0
    account: Quotas = Quotas()
    apps: Mapping[str, Quotas] = field(default_factory=dict)

    def of_account(self, default_sends_per_second: int) -> Quotas:
        """Return what is in force for the account: nothing is None."""
        found = self.account
        rate = found.sends_per_second or default_sends_per_second
        return Quotas(
            sends_per_second=rate,
            burst=found.burst or rate,
            targets_per_call=found.targets_per_call or MAX_TARGETS,
            request_size=found.request_size or MAX_REQUEST_BYTES,
            streams_per_principal=found.streams_per_principal or 1000,
        )

    def of_app(self, app_id: str, account: Quotas) -> Quotas:
        """Return what is in force for an app; `account` is what is in force for the account."""
        found = self.apps.get(app_id, Quotas())
        rate = found.sends_per_second
        return replace(
            account,
            sends_per_second=rate,
            burst=None if rate is None else found.burst or rate,
            targets_per_call=min(found.targets_per_call or MAX_TARGETS, account.targets_per_call or MAX_TARGETS),
            request_size=min(found.request_size or MAX_REQUEST_BYTES, account.request_size or MAX_REQUEST_BYTES),
        )


@dataclass(frozen=True, slots=True)
class ProcessBeat:
    """A sign of life of a process that shares the database.

    Attributes:
        id: 32 lower-case hexadecimal digits, of its own making.
        beat: grows with every sign.
        active: whether it is sending.
    """

    id: str
    beat: int
    active: bool


class QuotaStore(Protocol):
    """Keeps quotas, and who shares them. Every method may raise `StoreUnavailable`."""

    async def read_quotas(self) -> QuotaState:
        """Return all quotas that are set."""

    async def update_quotas(self, app_id: str, changes: Mapping[str, int | None]) -> Quotas:
        """Set quotas of an app, or of the account if the id is empty; None takes one back. Return those set now.

        Raises:
            AppNotFound: there is no such app.
        """

    async def check_app(self, app_id: str) -> None:
        """Return if there is such an app.

        Raises:
            AppNotFound: there is none.
        """

    async def look(self) -> tuple[int, Sequence[ProcessBeat]]:
        """Return `QuotaState.revision`, and the last signs of life of all processes: one cheap look-up."""

    async def beat(self, process: ProcessBeat) -> None:
        """Give a sign of life."""

    async def forget(self, process_ids: Sequence[str]) -> None:
        """Remove processes that have ended."""
