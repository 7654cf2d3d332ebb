"""The quotas of this process: read from the database twice a second, counted here."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import structlog

from clarion_server.errors import QuotaExceeded, StoreUnavailable, TooManyStreams
from clarion_server.quotas.model import MAX_REQUEST_BYTES, ProcessBeat, Quotas, QuotaState, QuotaStore
from clarion_server.quotas.sharing import Sharing
from clarion_server.sending.bucket import Bucket

_log: Any = structlog.get_logger(__name__)

POLL = 0.5
"""Seconds between two looks at the database."""
# Seconds after which all others have noticed that this process sends.
_SETTLED = 3 * POLL
# Seconds that the last word to the database may take.
_FAREWELL = 2.0


class QuotaKeeper:
    """Keeps buckets for the account and for apps that have a limit, and counts calls.

    `SendQuotas` for the sending side, and the quotas' own API. Each process fills its buckets with its part of the
    quotas: see `Sharing`. While the database does not answer, what was last known counts.

    Args:
        store: keeps the quotas.
        default_sends_per_second: of the account, as long as none is set.
        clock: seconds, never going back.
    """

    def __init__(
        self,
        store: QuotaStore,
        *,
        default_sends_per_second: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._default = default_sends_per_second
        self._clock = clock
        self._state = QuotaState()
        self._account = self._state.of_account(default_sends_per_second)
        self._of_other_apps = self._state.of_app("", self._account)
        self._sharing = Sharing(secrets.token_hex(16))
        self._share = 1.0
        self._buckets: dict[str, Bucket] = {}
        self._running: Counter[str] = Counter()
        self._task: asyncio.Task[None] | None = None
        self._apply(QuotaState())

    # --- the sending side ---------------------------------------------------------------------

    def pacer(self, app_id: str) -> _CallPacer:
        """See `SendQuotas`."""
        return _CallPacer(self, app_id)

    @contextmanager
    def running(self, principal: str) -> Iterator[None]:
        """See `SendQuotas`."""
        most = self._account.streams_per_principal or 0
        if self._running[principal] >= most:
            raise TooManyStreams(most)
        self._running[principal] += 1
        try:
            yield
        finally:
            self._running[principal] -= 1
            if not self._running[principal]:
                del self._running[principal]

    def check_request(self, app_id: str, size: Callable[[], int], targets: int = 0) -> None:
        """See `SendQuotas`."""
        apps = self._state.apps
        quotas = self._state.of_app(app_id, self._account) if app_id in apps else self._of_other_apps
        most_targets, most_bytes = quotas.targets_per_call or 0, quotas.request_size or 0
        if targets > most_targets:
            raise QuotaExceeded("targets_per_call", f"the call has {targets:,} targets, over the quota", most_targets)
        # Larger ones were refused before they were read.
        if most_bytes < MAX_REQUEST_BYTES and (found := size()) > most_bytes:
            raise QuotaExceeded("request_size", f"the request has {found:,} bytes, over the quota", most_bytes)

    def buckets(self, app_id: str) -> tuple[Bucket, ...]:
        """Return the buckets that a target of the app takes from."""
        account, app = self._buckets[""], self._buckets.get(app_id)
        return (account,) if app is None else (account, app)

    def now(self) -> float:
        """Return the time of the buckets."""
        return self._clock()

    def used(self, now: float) -> None:
        """Remember that something is being sent."""
        self._sharing.used(now)

    # --- the quotas' own API ------------------------------------------------------------------

    async def get(self, app_id: str) -> tuple[Quotas, Quotas]:
        """Return the quotas of an app, of the account if the id is empty: those in force, those set.

        Raises:
            AppNotFound: there is no such app.
            StoreUnavailable: the database does not answer.
        """
        if app_id:
            await self._store.check_app(app_id)
        state = await self._store.read_quotas()
        return self._told(state, app_id)

    async def update(self, app_id: str, changes: Mapping[str, int | None]) -> tuple[Quotas, Quotas]:
        """Set quotas, or take back those that are None; return what `get` returns.

        Raises:
            AppNotFound: there is no such app.
            StoreUnavailable: the database does not answer.
        """
        await self._store.update_quotas(app_id, changes)
        state = await self._store.read_quotas()
        self._apply(state)
        return self._told(state, app_id)

    def _told(self, state: QuotaState, app_id: str) -> tuple[Quotas, Quotas]:
        account = state.of_account(self._default)
        if not app_id:
            return account, state.account
        return state.of_app(app_id, account), state.apps.get(app_id, Quotas())

    # --- looking at the database --------------------------------------------------------------

    async def start(self) -> None:
        """Read the quotas, and keep looking.

        Raises:
            StoreUnavailable: the database does not answer.
        """
        await self.look()
        self._task = asyncio.create_task(self._keep_looking(), name="quotas")

    async def aclose(self) -> None:
        """Stop looking, and leave this process's part to the others."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            with contextlib.suppress(StoreUnavailable, TimeoutError):
                async with asyncio.timeout(_FAREWELL):
                    await self._store.forget([self._sharing.id])

    async def look(self) -> None:
        """Look once: take changes over, give a sign of life.

        Raises:
            StoreUnavailable: the database does not answer.
        """
        now = self._clock()
        sign: ProcessBeat | None = self._sharing.sign(now)
        if sign is not None:
            await self._store.beat(sign)
            self._sharing.told(sign, now)
        revision, beats = await self._store.look()
        ended = self._sharing.observe(beats, now)
        share = self._sharing.share(now, _SETTLED)
        if revision != self._state.revision or share != self._share:
            state = await self._store.read_quotas() if revision != self._state.revision else self._state
            self._share = share
            self._apply(state)
        if ended:
            await self._store.forget(ended)

    async def _keep_looking(self) -> None:
        while True:
            await asyncio.sleep(POLL)
            try:
                await self.look()
            except StoreUnavailable:
                # The store tells its own log. What was last known counts.
                continue
            except Exception:  # noqa: BLE001 - the quotas must not stay as they are for ever
                _log.exception("looking at the quotas failed")

    def _apply(self, state: QuotaState) -> None:
        """Fill the buckets by this process's part of the quotas."""
        now = self._clock()
        self._state = state
        self._account = state.of_account(self._default)
        self._of_other_apps = state.of_app("", self._account)
        wanted = {"": self._account}
        wanted.update((app_id, found) for app_id, found in state.apps.items() if found.sends_per_second is not None)
        for scope in self._buckets.keys() - wanted.keys():
            del self._buckets[scope]
        for scope, quotas in wanted.items():
            sends = quotas.sends_per_second or self._default
            rate, burst = sends * self._share, max(1.0, (quotas.burst or sends) * self._share)
            if scope in self._buckets:
                self._buckets[scope].change(rate, burst, now)
            else:
                self._buckets[scope] = Bucket(rate, burst, now)


class _CallPacer:
    """See `Pacer`."""

    __slots__ = ("_app_id", "_keeper")

    def __init__(self, keeper: QuotaKeeper, app_id: str) -> None:
        self._keeper = keeper
        self._app_id = app_id

    def take(self, wanted: int) -> int:
        """See `Pacer`."""
        now = self._keeper.now()
        self._keeper.used(now)
        buckets = self._keeper.buckets(self._app_id)
        granted = min(wanted, *(bucket.available(now) for bucket in buckets))
        for bucket in buckets:
            bucket.take(granted)
        return granted

    def wait(self, targets: int) -> float:
        """See `Pacer`."""
        now = self._keeper.now()
        return max(bucket.wait(targets, now) for bucket in self._keeper.buckets(self._app_id))
