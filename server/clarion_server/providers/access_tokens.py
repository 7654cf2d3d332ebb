"""OAuth access tokens: one `AccessTokens` per credential, whatever the number of channels and calls that use it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from clarion.v1 import error_pb2
from clarion_server.providers.contract import Outcome
from clarion_server.providers.token_client import AccessToken, no_token

REFRESH_BEFORE_EXPIRY = 225.0
"""Seconds before its end at which a token is replaced, while it is still used."""
_NOT_USED_BEFORE_EXPIRY = 10.0
# A failure is the answer to all who ask within this time, so that ten thousand targets do not mean as many requests.
_HOLD_TEMPORARY = 2.0
_HOLD_REJECTED = 15.0
# Targets in flight are refused one after the other when a token ends early: a token this young is not the one meant.
_YOUNG = 5.0

_log = structlog.get_logger(__name__)


class AccessTokens:
    """The access token of one credential: fetched when first wanted, replaced before it ends.

    However many wait, there is one request at a time; who stops waiting does not stop it for the others.

    Args:
        fetch: asks for a new token; see `AccessToken` and `no_token`.
        clock: seconds since the epoch.
        provider: its name, for logs.
    """

    def __init__(
        self, fetch: Callable[[], Awaitable[AccessToken | Outcome]], clock: Callable[[], float], provider: str
    ) -> None:
        self._ask = fetch
        self._clock = clock
        self._provider = provider
        self._token: AccessToken | None = None
        self._refused = False
        self._fetched_at = 0.0
        self._refresh_at = 0.0
        self._failure: Outcome | None = None
        self._hold_until = 0.0
        self._refresh: asyncio.Task[None] | None = None

    @property
    def value(self) -> str:
        """The newest access token; empty when there is none."""
        return self._token.value if self._token is not None else ""

    def ready(self) -> bool:
        """Return whether `value` can be used, and need not be replaced yet."""
        return self._token is not None and not self._refused and self._clock() < self._refresh_at

    async def authorize(self) -> Outcome | None:
        """Make sure that `value` can be used; see `Sender.authorize`."""
        if self.ready():
            return None
        now = self._clock()
        if self._token is not None and not self._refused and now < self._token.expires_at - _NOT_USED_BEFORE_EXPIRY:
            if now >= self._hold_until:
                self._start()
            return None
        if self._failure is not None and now < self._hold_until:
            return self._failure
        # Unlike `await task`, waiting so neither cancels the task with its waiter nor raises what it raises.
        await asyncio.wait([self._start()])
        if self._failure is None and (self._token is None or self._refused):
            return no_token(error_pb2.ERROR_REASON_SHUTTING_DOWN, "the server stopped before it had an access token")
        return self._failure

    def renew(self) -> None:
        """Have the token replaced before `authorize` lets anyone send again.

        Does nothing if it is so new that it cannot be the one that was refused. Who is authorized already goes on with
        the old value until the new one is there: without any, all of them would be refused for certain.
        """
        if self._clock() - self._fetched_at >= _YOUNG:
            self._refused = True

    async def aclose(self) -> None:
        """Stop a refresh that is under way."""
        if self._refresh is not None:
            self._refresh.cancel()
            await asyncio.wait([self._refresh])

    def _start(self) -> asyncio.Task[None]:
        if self._refresh is None or self._refresh.done():
            self._refresh = asyncio.create_task(self._fetch(), name=f"{self._provider} access token")
        return self._refresh

    async def _fetch(self) -> None:
        try:
            answer = await self._ask()
        except Exception:  # noqa: BLE001 - who waits for a token must get an answer
            _log.exception("fetching an access token failed", provider=self._provider)
            answer = no_token(error_pb2.ERROR_REASON_INTERNAL, "a fault in Clarion; the server's log has the cause")
        now = self._clock()
        if isinstance(answer, AccessToken):
            lifetime = answer.expires_at - now
            self._token, self._fetched_at, self._failure = answer, now, None
            self._refused = False
            self._refresh_at = now + max(lifetime - REFRESH_BEFORE_EXPIRY, lifetime / 2)
            return
        # A token that still works goes on working, but not a second longer than was said.
        if self._token is not None and now >= self._token.expires_at - _NOT_USED_BEFORE_EXPIRY:
            self._token = None
        self._failure = answer
        self._hold_until = now + (_HOLD_REJECTED if answer.credential_broken else _HOLD_TEMPORARY)
        _log.warning(
            "no access token",
            provider=self._provider,
            reason=error_pb2.ErrorReason.Name(answer.reason),
            status=answer.status_code,
            provider_reason=answer.provider_reason,
        )
