"""Provider tokens: the JWT that proves to APNs who is sending.

Apple refuses a token whose `iat` is more than 60 minutes old, and objects to tokens that change more often than every
20 minutes (`TooManyProviderTokenUpdates`), across all connections of a sender. So all workers present the *same*
token: its `iat` is the clock floored to a bucket, and its signature deterministic (RFC 6979).

Facts: Apple, "Establishing a token-based connection to APNs"; RFC 7515 and 7518 for the encoding.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from clarion_server.providers.apns.credentials import SigningKey

#: Seconds for which the clock gives the same token.
BUCKET = 35 * 60
#: Seconds that must lie between two changes of the token.
MIN_INTERVAL = 20 * 60
#: What the `iat` of a second stand-in within one bucket is floored to.
RENEWAL_STEP = 60

_COORDINATE_BYTES = 32


class ProviderTokens:
    """The provider token of one signing key, for any number of requests.

    By itself the token changes with each bucket. After `renew` another one stands in until a bucket begins that is at
    least `MIN_INTERVAL` away; so no token gets older than 55 minutes plus `RENEWAL_STEP`, and no two changes come
    closer than `MIN_INTERVAL`.

    The stand-in's `iat` is `MIN_INTERVAL` after the bucket's begin, the same for all workers that are told in this
    bucket that their token is too old: there are two tokens at most, that one and the one of the workers that were told
    nothing.
    """

    def __init__(self, key: SigningKey, clock: Callable[[], float]) -> None:
        """Make the source of a key's tokens.

        Args:
            key: what signs.
            clock: seconds since the epoch.
        """
        self._key = key
        self._clock = clock
        # The stand-in: its `iat`, since when it is used, and when a bucket replaces it.
        self._renewed: tuple[int, int, int] | None = None
        self._issued_at = -1
        self._token = ""

    def current(self) -> str:
        """Return the token for now. Signs only when it changes."""
        issued_at = self._current_issue(int(self._clock()))
        if issued_at != self._issued_at:
            self._token = sign_token(self._key, issued_at)
            self._issued_at = issued_at
        return self._token

    def renew(self) -> bool:
        """Replace the token because APNs called it too old.

        Returns:
            Whether the next `current` gives another one. Not when the token is in use for less than `MIN_INTERVAL`:
            answers that were under way may still speak of the one before, and if they do not, the clock is wrong, which
            no new token mends.
        """
        now = int(self._clock())
        bucket = _floor(now, BUCKET)
        issued_at = self._current_issue(now)
        used_since = issued_at if self._renewed is None else self._renewed[1]
        if now - used_since < MIN_INTERVAL:
            return False
        until = bucket + BUCKET
        if until - now < MIN_INTERVAL:
            until += BUCKET
        common = bucket + MIN_INTERVAL
        # A second stand-in may come too early for that, or too late.
        agreed = issued_at + MIN_INTERVAL <= common <= now
        self._renewed = (common if agreed else _floor(now, RENEWAL_STEP), now, until)
        return True

    def _current_issue(self, now: int) -> int:
        if self._renewed is not None:
            issued_at, _, until = self._renewed
            # A clock that was set back would make the stand-in one of the future, which APNs refuses.
            if issued_at <= now < until:
                return issued_at
            self._renewed = None
        return _floor(now, BUCKET)


def sign_token(key: SigningKey, issued_at: int) -> str:
    """Return the JWT of a signing key with this `iat`; equal arguments give equal tokens."""
    header = _encode({"alg": "ES256", "kid": key.key_id})
    claims = _encode({"iss": key.team_id, "iat": issued_at})
    signed = f"{header}.{claims}"
    der = key.private_key.sign(signed.encode(), ec.ECDSA(hashes.SHA256(), deterministic_signing=True))
    r, s = decode_dss_signature(der)
    signature = r.to_bytes(_COORDINATE_BYTES, "big") + s.to_bytes(_COORDINATE_BYTES, "big")
    return f"{signed}.{_base64url(signature)}"


def _floor(value: int, step: int) -> int:
    return value - value % step


def _encode(value: dict[str, Any]) -> str:
    return _base64url(json.dumps(value, separators=(",", ":")).encode())


def _base64url(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()
