"""Who calls? Bearer tokens and client certificates in, `Identity` out."""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import jwt

from clarion_server.access.certificates import certificate_identity
from clarion_server.access.tokens import MAX_TOKEN_BYTES, OwnTokens
from clarion_server.access_model import ANONYMOUS, Identity
from clarion_server.errors import TokenExpired, TokenInvalid, TokenRequired
from clarion_server.model import utc_now

if TYPE_CHECKING:
    # With httpx, which only servers with other issuers need.
    from clarion_server.access.oidc import Issuer

_MAX_CACHED = 10_000
# Seconds for which a proof is not looked at again: so long a withdrawn signing key goes on working.
_KEPT = 60.0
_SCHEME = "bearer"


class Authenticator:
    """Finds out who calls, and remembers what it proved for a short time.

    Args:
        own: checks tokens of this server.
        issuers: check tokens of others, by `iss`.
        account: of this server.
        certificate_users: names of users, by SPIFFE id or common name.
        leeway: seconds by which clocks may differ.
        now: the time.
        clock: seconds.
    """

    def __init__(
        self,
        own: OwnTokens,
        issuers: Mapping[str, Issuer],
        *,
        account: str,
        certificate_users: Mapping[str, str],
        leeway: float,
        now: Callable[[], datetime] = utc_now,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._own = own
        self._issuers = issuers
        self._account = account
        self._certificate_users = certificate_users
        self._leeway = leeway
        self._now = now
        self._clock = clock
        self._known: OrderedDict[bytes, tuple[Identity, float]] = OrderedDict()

    async def identify(self, authorization: str | None, certificate: bytes | None) -> Identity:
        """Return who calls. A token counts more than the certificate of the connection that carries it.

        Args:
            authorization: the header of that name, None without one.
            certificate: the client's certificate in PEM, which TLS has proved; None without one.

        Raises:
            TokenRequired: there is neither.
            TokenExpired: the proof's time is over.
            TokenInvalid: it proves nothing; the text says why.
            IdentityUnavailable: the keys that the token needs cannot be fetched.
        """
        if authorization is not None:
            proof = _token(authorization)
            key = hashlib.sha256(b"t" + proof.encode()).digest()
        elif certificate is not None:
            proof = ""
            key = hashlib.sha256(b"c" + certificate).digest()
        else:
            raise TokenRequired
        known = self._known.get(key)
        if known is not None and self._clock() < known[1]:
            self.check_time(known[0])
            return known[0]
        if certificate is not None and not proof:
            identity = certificate_identity(certificate, account=self._account, users=self._certificate_users)
            self.check_time(identity)
        else:
            identity = await self._verify(proof)
        self._known[key] = identity, self._clock() + _KEPT
        self._known.move_to_end(key)
        if len(self._known) > _MAX_CACHED:
            self._known.popitem(last=False)
        return identity

    def check_time(self, identity: Identity) -> None:
        """Raise `TokenExpired` if the identity's proof has ended since it was checked."""
        end = identity.expire_time
        if end is not None and self._now().timestamp() >= end.timestamp() + self._leeway:
            raise TokenExpired

    async def _verify(self, token: str) -> Identity:
        try:
            header: Mapping[str, Any] = jwt.get_unverified_header(token)
            # Only to choose who checks it: whoever does checks the issuer again, signed.
            issuer = jwt.decode(token, options={"verify_signature": False}).get("iss")
        except (jwt.PyJWTError, ValueError, RecursionError):
            raise TokenInvalid("the token is no JWT") from None
        if issuer == self._own.issuer:
            return self._own.verify(token, header)
        other = self._issuers.get(issuer) if isinstance(issuer, str) else None
        if other is None:
            raise TokenInvalid("the token is of an issuer that this server does not know")
        return await other.verify(token, header)

    async def aclose(self) -> None:
        """Stop what runs."""
        for issuer in self._issuers.values():
            await issuer.aclose()


class NoAuthentication:
    """Everybody is nobody in particular: for a server without authentication."""

    async def identify(self, authorization: str | None, certificate: bytes | None) -> Identity:
        """Return `ANONYMOUS`, whatever is given."""
        del authorization, certificate
        return ANONYMOUS

    def check_time(self, identity: Identity) -> None:
        """Return: nothing ends."""


def _token(authorization: str) -> str:
    scheme, _, token = authorization.partition(" ")
    token = token.strip()
    if scheme.lower() != _SCHEME or not token:
        raise TokenInvalid("the header authorization is not `Bearer TOKEN`")
    if len(token) > 2 * MAX_TOKEN_BYTES or not token.isascii():
        raise TokenInvalid("the token is no JWT")
    return token
