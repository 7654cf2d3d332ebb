"""The public keys of another issuer: fetched over HTTPS, kept, and fetched again when an unknown one turns up."""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from collections.abc import Callable
from typing import Any

import httpx
import jwt
import structlog

from clarion_server.errors import IdentityUnavailable

_log = structlog.get_logger(__name__)

_MAX_ANSWER = 256 * 1024
_MAX_KEYS = 100
# Seconds after which keys are fetched again while they are used, so that a withdrawn key stops working.
_FRESH = 600.0
# Seconds for which keys are used although the issuer does not answer.
_STALE = 24 * 3600.0
# Seconds between two fetches, however many unknown keys are named: a caller must not make us flood the issuer.
_PAUSE = 10.0


class KeySet:
    """The keys of one issuer. One fetch serves all who wait for it.

    Args:
        url: of the JWKS document.
        client: makes the requests.
        clock: seconds.
    """

    def __init__(self, url: str, client: httpx.AsyncClient, clock: Callable[[], float] = time.monotonic) -> None:
        self._url = url
        self._client = client
        self._clock = clock
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched_at: float | None = None
        self._tried_at: float | None = None
        self._fetch: asyncio.Task[None] | None = None

    async def key(self, key_id: str) -> jwt.PyJWK | None:
        """Return a key, None if the issuer has none of this id.

        Raises:
            IdentityUnavailable: the issuer does not answer, and never did or not for a day.
        """
        now = self._clock()
        age = now - self._fetched_at if self._fetched_at is not None else float("inf")
        if age > _STALE:
            await self._refresh()
            if self._fetched_at is None or self._clock() - self._fetched_at > _STALE:
                raise IdentityUnavailable("the issuer of the token does not tell its keys; try again later")
        elif key_id not in self._keys:
            await self._refresh()
        elif age > _FRESH:
            # In the background: who calls now has a key that is good for a little longer.
            self._begin()
        return self._keys.get(key_id)

    async def aclose(self) -> None:
        """Stop a fetch that runs."""
        if self._fetch is not None:
            self._fetch.cancel()
            await asyncio.gather(self._fetch, return_exceptions=True)

    async def _refresh(self) -> None:
        """Wait for the fetch that runs, or for a new one if the last is long enough ago."""
        task = self._begin()
        if task is not None:
            # Shielded: a caller who leaves must not take the keys away from the others.
            await asyncio.shield(task)

    def _begin(self) -> asyncio.Task[None] | None:
        if self._fetch is not None:
            return self._fetch
        now = self._clock()
        if self._tried_at is not None and now - self._tried_at < _PAUSE:
            return None
        self._tried_at = now
        self._fetch = asyncio.create_task(self._load(), name="fetch of an issuer's keys")
        self._fetch.add_done_callback(self._ended)
        return self._fetch

    def _ended(self, _task: asyncio.Task[None]) -> None:
        self._fetch = None

    async def _load(self) -> None:
        try:
            keys = _read(await self._download())
        except (httpx.HTTPError, ValueError, RecursionError) as error:
            _log.warning("the keys of an issuer cannot be fetched", url=self._url, problem=str(error) or repr(error))
            return
        self._keys = keys
        self._fetched_at = self._clock()

    async def _download(self) -> bytes:
        headers = {"accept": "application/json", "accept-encoding": "identity"}
        async with self._client.stream("GET", self._url, headers=headers) as response:
            if response.status_code != httpx.codes.OK:
                raise ValueError(f"the answer has status {response.status_code}")
            body = bytearray()
            async for part in response.aiter_raw():
                body += part
                if len(body) > _MAX_ANSWER:
                    raise ValueError(f"the answer has more than {_MAX_ANSWER} bytes")
        return bytes(body)


def key_client(ca_file: str | None) -> httpx.AsyncClient:
    """Return a client for fetching keys: no redirects, no proxies, short time-outs.

    Raises:
        OSError: `ca_file` cannot be read.
    """
    return httpx.AsyncClient(
        verify=ssl.create_default_context(cafile=ca_file),
        timeout=httpx.Timeout(5.0),
        trust_env=False,
    )


def _read(body: bytes) -> dict[str, jwt.PyJWK]:
    """Return the keys that can check signatures, by id. Others are passed over, as RFC 7517 asks."""
    document: Any = json.loads(body)
    entries = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise ValueError(  # noqa: TRY004 - a value from outside
            'the answer has no list "keys"'
        )
    keys: dict[str, jwt.PyJWK] = {}
    for entry in entries[:_MAX_KEYS]:
        if not isinstance(entry, dict) or entry.get("use", "sig") != "sig":
            continue
        key_id = entry.get("kid")
        # A symmetric key among published ones would let everybody sign.
        if not isinstance(key_id, str) or entry.get("kty") not in {"RSA", "EC", "OKP"}:
            continue
        try:
            keys[key_id] = jwt.PyJWK(entry)
        except jwt.PyJWTError:
            continue
    if not keys:
        raise ValueError("the answer has no key that can check a signature")
    return keys
