"""Bearer tokens of this server: JWTs (RFC 7519) that it signs with its own Ed25519 keys and takes back.

A token says all that there is to know about its bearer, a session's policies and tags included, so nothing has to be
stored for it. What it may do is not in it: policies are looked up when it is used.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt

from clarion_server.access.model import CredentialType, Identity, IdentityKind
from clarion_server.access.signing_keys import SigningKeys
from clarion_server.errors import TokenExpired, TokenInvalid
from clarion_server.model import utc_now

ALGORITHM = "EdDSA"
_TYPE = "clarion+jwt"
_CLAIM = "clarion"
# The end of the year 9999, after which Python knows no time.
_LAST_MOMENT = 253_402_300_799
MAX_TOKEN_BYTES = 6 * 1024
"""A longer token would not fit into the 8 KiB of headers that servers and proxies take."""


class OwnTokens:
    """Signs and checks the server's own tokens. A `SessionIssuer`.

    Args:
        keys: the signing keys.
        issuer: `iss` of the tokens.
        audience: `aud` of the tokens: which service they are for.
        leeway: seconds by which clocks may differ.
        now: the time.
    """

    def __init__(
        self,
        keys: SigningKeys,
        *,
        issuer: str,
        audience: str,
        leeway: float,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._keys = keys
        self.issuer = issuer
        self._audience = audience
        self._leeway = leeway
        self._now = now

    def issue(self, identity: Identity, seconds: int) -> tuple[str, datetime]:
        """Return a token that makes its bearer `identity` for that many seconds, and when it ends (aware, UTC).

        Of the identity, `credential`, `credential_id` and `expire_time` become the token's own.

        Raises:
            ValueError: the session's policies and tags do not fit into a token: they have not been checked.
        """
        now = self._now().replace(microsecond=0)
        expire_time = now + timedelta(seconds=seconds)
        key_id, key = self._keys.active()
        claims = {
            "iss": self.issuer,
            "aud": self._audience,
            "sub": identity.arn,
            "iat": int(now.timestamp()),
            "nbf": int(now.timestamp()),
            "exp": int(expire_time.timestamp()),
            "jti": secrets.token_hex(8),
            _CLAIM: _packed(identity),
        }
        token = jwt.encode(claims, key, algorithm=ALGORITHM, headers={"kid": key_id, "typ": _TYPE})
        if len(token) > MAX_TOKEN_BYTES:
            raise ValueError(f"the token would have {len(token)} bytes, more than {MAX_TOKEN_BYTES}")
        return token, expire_time

    def verify(self, token: str, header: Mapping[str, Any]) -> Identity:
        """Return who bears a token.

        Args:
            token: the token.
            header: its header, not yet proved.

        Raises:
            TokenExpired: its time is over.
            TokenInvalid: it is not one of this server's, for this audience.
        """
        key_id = header.get("kid")
        key = self._keys.public(key_id) if isinstance(key_id, str) else None
        if key is None or header.get("typ") != _TYPE:
            raise TokenInvalid("the token is not signed by a key of this server")
        claims = decoded(
            token,
            key,
            algorithms=[ALGORITHM],
            issuer=self.issuer,
            audience=self._audience,
            leeway=self._leeway,
            now=self._now(),
        )
        try:
            return _unpacked(claims)
        except (KeyError, TypeError, ValueError) as error:
            # Signed by us, so another version's.
            raise TokenInvalid("the token is of another version of this server; get a new one") from error


def decoded(
    token: str,
    key: Any,
    *,
    algorithms: list[str],
    issuer: str,
    audience: str,
    leeway: float,
    now: datetime,
) -> dict[str, Any]:
    """Return the claims of a token whose signature, issuer, audience and times are right.

    Raises:
        TokenExpired, TokenInvalid: one is not; the text says which, and quotes nothing of the token.
    """
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=algorithms,
            issuer=issuer,
            audience=audience,
            options={
                "require": ["exp", "iss", "aud", "sub"],
                # Checked below, by this server's clock.
                "verify_exp": False,
                "verify_nbf": False,
                "verify_iat": False,
            },
        )
        expires, begins = float(claims["exp"]), float(claims.get("nbf", 0))
    except jwt.InvalidAudienceError:
        raise TokenInvalid("the token is for another audience") from None
    except jwt.InvalidIssuerError:
        raise TokenInvalid("the token is of another issuer") from None
    except jwt.InvalidAlgorithmError:
        raise TokenInvalid("the token is signed with an algorithm that is not taken here") from None
    except jwt.MissingRequiredClaimError:
        raise TokenInvalid("the token lacks one of the claims exp, iss, aud and sub") from None
    except (jwt.PyJWTError, TypeError, ValueError, OverflowError):
        raise TokenInvalid("the token's signature or form is wrong") from None
    if expires > _LAST_MOMENT:
        raise TokenInvalid("the token never ends")
    moment = now.timestamp()
    if not moment < expires + leeway:  # also for a number that is none
        raise TokenExpired
    if moment < begins - leeway:
        raise TokenInvalid("the token is not valid yet; check the clocks of issuer and server")
    return claims


def _packed(identity: Identity) -> dict[str, Any]:
    """Return what the standard claims do not say; what is empty is left out."""
    packed = {
        "account": identity.account,
        "kind": identity.kind.value,
        "name": identity.name,
        "principal_id": identity.principal_id,
        "session_name": identity.session_name,
        "policies": list(identity.session_policies),
        "tags": dict(identity.tags),
        "mfa": identity.mfa,
    }
    return {name: value for name, value in packed.items() if value}


def _unpacked(claims: Mapping[str, Any]) -> Identity:
    packed = claims[_CLAIM]
    return Identity(
        arn=claims["sub"],
        account=packed["account"],
        kind=IdentityKind(packed["kind"]),
        name=packed["name"],
        credential=CredentialType.TOKEN,
        credential_id=claims["jti"],
        principal_id=packed.get("principal_id", ""),
        session_name=packed.get("session_name", ""),
        session_policies=tuple(packed.get("policies", ())),
        tags=packed.get("tags", {}),
        mfa=packed.get("mfa", False),
        expire_time=datetime.fromtimestamp(claims["exp"], UTC),
    )
