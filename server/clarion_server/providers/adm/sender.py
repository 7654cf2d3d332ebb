"""The way to ADM with one security profile."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import quote, unquote

from clarion.v1 import error_pb2
from clarion_server.providers.access_tokens import AccessTokens
from clarion_server.providers.adm import outcome
from clarion_server.providers.contract import HttpRequest, Outcome, Payload, refusal
from clarion_server.transport import Exchange, Pool

_PREFIX, _SUFFIX = "/messaging/registrations/", "/messages"
# Dots alone would be no segment of a path.
_ADDRESS = re.compile(r"(?!\.{1,2}$)[!-~]{1,4096}")
_ADDRESS_MALFORMED = refusal(
    error_pb2.ERROR_REASON_ADDRESS_MALFORMED,
    "the address cannot be a registration id: 1 to 4,096 printable ASCII characters without spaces",
)


class AdmSender:
    """Sends with one security profile. Shared by all channels and calls that use it. Implements `Sender`."""

    def __init__(self, pool: Pool, authority: str, tokens: AccessTokens, clock: Callable[[], float]) -> None:
        self._pool = pool
        self._tokens = tokens
        self._clock = clock
        self._pseudo_headers = ((b":method", b"POST"), (b":scheme", b"https"), (b":authority", authority.encode()))
        # What the prebuilt list below was built for.
        self._token = ""
        self._content_headers: tuple[tuple[bytes, bytes], ...] = ()
        self._headers: tuple[tuple[bytes, bytes], ...] = ()

    @property
    def pool(self) -> Pool:
        """The connections to ADM, which all security profiles share."""
        return self._pool

    def ready(self) -> bool:
        """Return whether there is an access token that need not be replaced."""
        return self._tokens.ready()

    async def authorize(self) -> Outcome | None:
        """Make sure that there is an access token; see `Sender.authorize`."""
        return await self._tokens.authorize()

    def request(self, payload: Payload, address: str) -> HttpRequest | Outcome:
        """Return the request for one registration id, or why it cannot be one."""
        if not _ADDRESS.fullmatch(address):
            return _ADDRESS_MALFORMED
        token = self._tokens.value
        if token is not self._token or payload.headers is not self._content_headers:
            self._token, self._content_headers = token, payload.headers
            self._headers = ((b"authorization", b"Bearer " + token.encode()), *payload.headers)
        path = f"{_PREFIX}{quote(address, safe='')}{_SUFFIX}".encode()
        return HttpRequest((*self._pseudo_headers, (b":path", path), *self._headers), payload.body)

    def renew(self) -> None:
        """Drop the access token, which ADM called expired."""
        self._tokens.renew()

    def classify(self, exchange: Exchange) -> Outcome:
        """Return what ADM's answer means."""
        path = exchange.headers[len(self._pseudo_headers)][1].decode()
        return outcome.classify(
            exchange.status,
            exchange.response_headers,
            exchange.response_body,
            address=unquote(path[len(_PREFIX) : -len(_SUFFIX)]),
            now=self._clock(),
        )
