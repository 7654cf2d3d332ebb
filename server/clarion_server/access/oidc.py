"""Bearer tokens of other issuers (OpenID Connect, Kubernetes, cloud providers): who is it that they name?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from clarion_server.access.issuer_settings import IssuerSettings
from clarion_server.access.jwks import KeySet
from clarion_server.access.names import USER_NAME, federated_arn, user_arn
from clarion_server.access.tokens import decoded
from clarion_server.access_model import CredentialType, Identity, IdentityKind
from clarion_server.errors import TokenInvalid
from clarion_server.model import utc_now

_ACCOUNT_PARTS = 6


class Issuer:
    """Checks the tokens of one issuer.

    Args:
        settings: which tokens, and whom they name.
        keys: the issuer's keys.
        account: of this server.
        leeway: seconds by which clocks may differ.
        now: the time.
    """

    def __init__(
        self,
        settings: IssuerSettings,
        keys: KeySet,
        *,
        account: str,
        leeway: float,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._settings = settings
        self._keys = keys
        self._account = account
        self._leeway = leeway
        self._now = now

    async def verify(self, token: str, header: Mapping[str, Any]) -> Identity:
        """Return who bears a token.

        Raises:
            TokenExpired: its time is over.
            TokenInvalid: it is not one of this issuer's for this server, or names nobody.
            IdentityUnavailable: the issuer's keys cannot be fetched.
        """
        algorithm, key_id = header.get("alg"), header.get("kid")
        if algorithm not in self._settings.algorithms:
            raise TokenInvalid("the token is signed with an algorithm that is not taken from its issuer")
        if not isinstance(key_id, str):
            raise TokenInvalid("the token does not say which of its issuer's keys signed it (kid)")
        key = await self._keys.key(key_id)
        if key is None:
            raise TokenInvalid("the token is signed by a key that its issuer does not have")
        claims = decoded(
            token,
            key,
            algorithms=[str(algorithm)],
            issuer=self._settings.issuer,
            audience=self._settings.audience,
            leeway=self._leeway,
            now=self._now(),
        )
        return self._identity(claims)

    async def aclose(self) -> None:
        """Stop what runs."""
        await self._keys.aclose()

    def _identity(self, claims: Mapping[str, Any]) -> Identity:
        name = claims.get(self._settings.principal_claim)
        if not isinstance(name, str):
            raise TokenInvalid(f"the token has no claim {self._settings.principal_claim} that is a text")
        arn, account, kind, name, session = self._principal(name)
        methods = claims.get("amr")
        token_id = claims.get("jti")
        return Identity(
            arn=arn,
            account=account,
            kind=kind,
            name=name,
            credential=CredentialType.OIDC_TOKEN,
            credential_id=token_id[:64] if isinstance(token_id, str) else "",
            session_name=session,
            tags=self._tags(claims),
            mfa=isinstance(methods, list) and "mfa" in methods,
            expire_time=datetime.fromtimestamp(claims["exp"], UTC),
        )

    def _principal(self, name: str) -> tuple[str, str, IdentityKind, str, str]:
        if self._settings.principal == "arn":
            return _of_arn(name)
        if not USER_NAME.fullmatch(name):
            raise TokenInvalid(
                f"the token's claim {self._settings.principal_claim} is no name: 1 to 64 letters, digits or +=,.@_-"
            )
        if self._settings.principal == "user":
            return user_arn(self._account, name), self._account, IdentityKind.USER, name, ""
        return federated_arn(self._account, name), self._account, IdentityKind.FEDERATED, name, ""

    def _tags(self, claims: Mapping[str, Any]) -> dict[str, str]:
        tags = claims.get(self._settings.tags_claim) if self._settings.tags_claim else None
        if not isinstance(tags, dict):
            return {}
        return {key: value for key, value in tags.items() if isinstance(value, str)}


def _of_arn(arn: str) -> tuple[str, str, IdentityKind, str, str]:
    """Return ARN, account, kind, name and session name of a principal given by its ARN."""
    parts = arn.split(":", _ACCOUNT_PARTS - 1)
    if len(parts) == _ACCOUNT_PARTS and parts[:2] == ["arn", "aws"] and len(parts[4]) == 12 and parts[4].isdigit():
        kind, *names = parts[5].split("/")
        if all(USER_NAME.fullmatch(each) for each in names):
            match (parts[2], kind, len(names)):
                case ("iam", "user", count) if count:
                    return arn, parts[4], IdentityKind.USER, names[-1], ""
                case ("sts", "federated-user", 1):
                    return arn, parts[4], IdentityKind.FEDERATED, names[0], ""
                case ("sts", "assumed-role", 2):
                    return arn, parts[4], IdentityKind.ASSUMED_ROLE, names[0], names[1]
    raise TokenInvalid("the token names no principal: the ARN of a user, a federated user, or a role's session")
