"""The way to APNs with one credential."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from clarion.v1 import error_pb2 as err
from clarion_server.providers.apns import outcome
from clarion_server.providers.apns.auth import ProviderTokens
from clarion_server.providers.contract import HttpRequest, Outcome, Payload, refusal
from clarion_server.transport import Exchange, Pool

Header = tuple[bytes, bytes]

_MAX_ADDRESS = 200
_MALFORMED = refusal(
    err.ERROR_REASON_ADDRESS_MALFORMED,
    f"an address of APNs is an even number of hexadecimal digits, 2 to {_MAX_ADDRESS}",
)
_PATH = b"/3/device/"


def expired(expire_time: datetime | None, now: float) -> Outcome | None:
    """Return the outcome of all targets when a certificate's time is over, else None."""
    if expire_time is None or expire_time > datetime.fromtimestamp(now, UTC):
        return None
    text = f"the certificate expired on {expire_time:%Y-%m-%d %H:%M} UTC; renew it and UpdateChannel"
    return refusal(err.ERROR_REASON_CREDENTIAL_EXPIRED, text)


class ApnsSender:
    """Sends with one signing key, or with one certificate, to one environment.

    Requests for the same payload share all headers but `:path`, so these are put together once per payload.
    """

    def __init__(
        self,
        pool: Pool,
        authority: str,
        clock: Callable[[], float],
        *,
        tokens: ProviderTokens | None = None,
        expire_time: datetime | None = None,
    ) -> None:
        """Make a sender.

        Args:
            pool: connections of this credential alone.
            authority: value of `:authority`.
            clock: seconds since the epoch.
            tokens: provider tokens of the signing key; None when the connections prove who we are by a certificate.
            expire_time: when the certificate expires.
        """
        self._pool = pool
        self._clock = clock
        self._tokens = tokens
        self._expire_time = expire_time
        self._fixed: tuple[Header, ...] = (
            (b":method", b"POST"),
            (b":scheme", b"https"),
            (b":authority", authority.encode()),
        )
        self._token = ""
        self._authorization: tuple[Header, ...] = ()
        self._headers: Sequence[Header] | None = None
        self._rest: tuple[Header, ...] = ()
        self._refresh_token()

    @property
    def pool(self) -> Pool:
        """Connections of this credential alone."""
        return self._pool

    def ready(self) -> bool:
        """Bring the provider token up to date, and return whether there is no certificate that has expired."""
        self._refresh_token()
        return expired(self._expire_time, self._clock()) is None

    async def authorize(self) -> Outcome | None:
        """Bring the provider token up to date; needs no network. With a certificate, check that it has not expired."""
        self._refresh_token()
        return expired(self._expire_time, self._clock())

    def request(self, payload: Payload, address: str) -> HttpRequest | Outcome:
        """Return the request for one address; the address is in its path."""
        # fromhex is the fastest check, but it skips white space: hence the comparison of lengths.
        try:
            if not 2 <= len(address) <= _MAX_ADDRESS or 2 * len(bytes.fromhex(address)) != len(address):
                return _MALFORMED
        except ValueError:
            return _MALFORMED
        # Payloads of one message share their headers, also when each has a body of its own.
        if payload.headers is not self._headers:
            self._headers = payload.headers
            self._rest = (*self._authorization, *payload.headers)
        return HttpRequest((*self._fixed, (b":path", _PATH + address.encode()), *self._rest), payload.body)

    def renew(self) -> None:
        """Make the next `authorize` use a new provider token, unless this one is young; and new connections with it.

        A connection that has seen a token expire stays stuck with that answer.
        """
        if self._tokens is not None and self._tokens.renew():
            self._pool.retire("APNs called the provider token too old")

    def classify(self, exchange: Exchange) -> Outcome:
        """Return what the answer of APNs means."""
        if exchange.status == 200:
            return outcome.accepted(exchange)
        return outcome.classify(exchange, self._clock())

    def _refresh_token(self) -> None:
        if self._tokens is None:
            return
        token = self._tokens.current()
        if token != self._token:
            self._token = token
            self._authorization = ((b"authorization", b"bearer " + token.encode()),)
            self._headers = None
