"""The ways to FCM with one credential."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from clarion.v1 import error_pb2
from clarion_server.providers.access_tokens import AccessTokens
from clarion_server.providers.contract import HttpRequest, Outcome, Payload, refusal
from clarion_server.providers.fcm import legacy_outcome, outcome
from clarion_server.providers.fcm.credentials import ServiceAccount
from clarion_server.transport import Exchange, Pool

Header = tuple[bytes, bytes]

LEGACY_PATH = "/fcm/send"
"""Where the retired API was, on the same host."""

_ADDRESS = re.compile(r"[!-~]{1,4096}")
# Hot path: an address that JSON takes as it is.
_PLAIN_ADDRESS = re.compile(r"[!#-\[\]-~]{1,4096}")
_ADDRESS_MALFORMED = refusal(
    error_pb2.ERROR_REASON_ADDRESS_MALFORMED,
    "the address cannot be a registration token: 1 to 4,096 printable ASCII characters without spaces",
)


class FcmSender:
    """Sends with one service account. Shared by all channels and calls that use it."""

    def __init__(
        self, pool: Pool, authority: str, account: ServiceAccount, tokens: AccessTokens, clock: Callable[[], float]
    ) -> None:
        self._pool = pool
        self._tokens = tokens
        self._clock = clock
        self._pseudo_headers = _pseudo_headers(authority, f"/v1/projects/{account.project_id}/messages:send")
        # What the prebuilt list below was built for.
        self._token = ""
        self._content_headers: tuple[Header, ...] = ()
        self._headers: tuple[Header, ...] = ()

    @property
    def pool(self) -> Pool:
        """The connections to FCM, which all projects share."""
        return self._pool

    def ready(self) -> bool:
        """Return whether there is an access token that need not be replaced."""
        return self._tokens.ready()

    async def authorize(self) -> Outcome | None:
        """Make sure that there is an access token; see `Sender.authorize`."""
        return await self._tokens.authorize()

    def request(self, payload: Payload, address: str) -> HttpRequest | Outcome:
        """Return the request for one registration token, or why it cannot be one."""
        quoted = _quoted(address)
        if quoted is None:
            return _ADDRESS_MALFORMED
        token = self._tokens.value
        if token is not self._token or payload.headers is not self._content_headers:
            self._token, self._content_headers = token, payload.headers
            self._headers = (*self._pseudo_headers, (b"authorization", b"Bearer " + token.encode()), *payload.headers)
        return HttpRequest(self._headers, _filled(payload, quoted))

    def renew(self) -> None:
        """Drop the access token, which FCM called invalid."""
        self._tokens.renew()

    def classify(self, exchange: Exchange) -> Outcome:
        """Return what FCM's answer means."""
        return outcome.classify(exchange.status, exchange.response_headers, exchange.response_body, self._clock())


class LegacySender:
    """Sends with a legacy key to the API that Google has shut down."""

    def __init__(self, pool: Pool, authority: str, server_key: str, clock: Callable[[], float]) -> None:
        self._pool = pool
        self._clock = clock
        authorization = (b"authorization", b"key=" + server_key.encode())
        self._fixed = (*_pseudo_headers(authority, LEGACY_PATH), authorization)

    @property
    def pool(self) -> Pool:
        """The connections to FCM, which all projects share."""
        return self._pool

    def ready(self) -> bool:
        """Return True: the key goes along with each request."""
        return True

    async def authorize(self) -> Outcome | None:
        """Return None: the key goes along with each request."""
        return None

    def request(self, payload: Payload, address: str) -> HttpRequest | Outcome:
        """Return the request for one registration token, or why it cannot be one."""
        quoted = _quoted(address)
        if quoted is None:
            return _ADDRESS_MALFORMED
        return HttpRequest((*self._fixed, *payload.headers), _filled(payload, quoted))

    def renew(self) -> None:
        """Do nothing: a key does not get old."""

    def classify(self, exchange: Exchange) -> Outcome:
        """Return what the answer of the legacy API means."""
        return legacy_outcome.classify(
            exchange.status, exchange.response_headers, exchange.response_body, self._clock()
        )


def _pseudo_headers(authority: str, path: str) -> tuple[Header, ...]:
    return (
        (b":method", b"POST"),
        (b":scheme", b"https"),
        (b":authority", authority.encode()),
        (b":path", path.encode()),
    )


def _quoted(address: str) -> bytes | None:
    """Return an address as it stands in a JSON string, None if it cannot be a registration token."""
    if _PLAIN_ADDRESS.fullmatch(address):
        return address.encode()
    return json.dumps(address)[1:-1].encode() if _ADDRESS.fullmatch(address) else None


def _filled(payload: Payload, quoted: bytes) -> bytes:
    hole, body = payload.hole, payload.body
    return body[:hole] + quoted + body[hole:]
