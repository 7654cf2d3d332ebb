"""Google's emulated token endpoint: assertions of a service account in, access tokens out.

Facts: RFC 7523 and Google's "Using OAuth 2.0 for server to server applications".
"""

from __future__ import annotations

import json
import math
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import parse_qsl

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from clarion_server.providers.emulation import SandboxRequest, SandboxResponse, parse_json

TOKEN_URL = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address, no secret
"""Google's token endpoint, the `token_uri` of every service account and the audience of its assertions."""

_GRANT_TYPE = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_SCOPE_PREFIX = "https://www.googleapis.com/auth/"
_MAX_LIFETIME = 3600
_CLOCK_SKEW = 60
_TOKEN_LIFETIME = 3599
_MAX_TOKENS = 10_000
_TIMEFRAME = (
    "Invalid JWT: iat and exp must be seconds, iat not in the future, exp not past and at most 60 minutes later."
)


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """A service account as Google knows it.

    Attributes:
        email: its `client_email`.
        key_id: its `private_key_id`.
        public_key: the public half of its key.
        project_id: the project whose messages it may send.
    """

    email: str
    key_id: str
    public_key: rsa.RSAPublicKey
    project_id: str


@dataclass(frozen=True, slots=True)
class AccessToken:
    """What an access token stands for: its scopes, and when it ends (seconds since the epoch)."""

    scopes: frozenset[str]
    expires_at: float


class _GrantError(Exception):
    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error = error
        self.description = description


class TokenEndpoint:
    """Issues access tokens and remembers them until they expire.

    Args:
        account: the only service account there is.
        clock: seconds since the epoch.
    """

    def __init__(self, account: ServiceAccount, clock: Callable[[], float]) -> None:
        self._account = account
        self._clock = clock
        self._issued: dict[str, AccessToken] = {}
        self.audiences = {TOKEN_URL}

    def find(self, access_token: str) -> AccessToken | None:
        """Return what a token stands for, None if it is unknown or has expired."""
        token = self._issued.get(access_token)
        return token if token is not None and self._clock() < token.expires_at else None

    def revoke_all(self) -> None:
        """Forget all access tokens, as if Google had revoked them."""
        self._issued.clear()

    def handle(self, request: SandboxRequest) -> SandboxResponse:
        """Answer `POST /token`."""
        try:
            scopes = self._check(request)
        except _GrantError as error:
            status = 401 if error.error == "invalid_client" else 400
            return _answer(status, error.error, {"error": error.error, "error_description": error.description})
        now = self._clock()
        if len(self._issued) >= _MAX_TOKENS:
            self._issued = {text: token for text, token in self._issued.items() if now < token.expires_at}
        text = "ya29.sandbox-" + secrets.token_urlsafe(48)
        self._issued[text] = AccessToken(scopes, now + _TOKEN_LIFETIME)
        return _answer(
            200, "token issued", {"access_token": text, "expires_in": _TOKEN_LIFETIME, "token_type": "Bearer"}
        )

    def _check(self, request: SandboxRequest) -> frozenset[str]:
        """Return the scopes that a request may have."""
        if request.method != "POST":
            raise _GrantError("invalid_request", "The method must be POST.")
        content_type = dict(request.headers).get(b"content-type", b"").partition(b";")[0].strip()
        if content_type != b"application/x-www-form-urlencoded":
            raise _GrantError("invalid_request", "The body must be application/x-www-form-urlencoded.")
        form = parse_qsl(request.body.decode("latin-1"), keep_blank_values=True)
        fields = dict(form)
        if len(fields) != len(form):
            raise _GrantError("invalid_request", "A parameter is repeated.")
        if "grant_type" not in fields:
            raise _GrantError("invalid_request", "Required parameter is missing: grant_type")
        if fields["grant_type"] != _GRANT_TYPE:
            raise _GrantError("unsupported_grant_type", f"Invalid grant_type: {fields['grant_type'][:80]}")
        if not fields.get("assertion"):
            raise _GrantError("invalid_request", "Required parameter is missing: assertion")
        return self._check_assertion(fields["assertion"])

    def _check_assertion(self, assertion: str) -> frozenset[str]:
        # The claims are looked at first, to tell an unknown account from a bad signature.
        jws = jwt.PyJWS()
        try:
            header = jwt.get_unverified_header(assertion)
            claims = parse_json(jws.decode(assertion, options={"verify_signature": False}))
        except (jwt.InvalidTokenError, ValueError):
            raise _GrantError("invalid_grant", "Invalid JWT: it cannot be parsed.") from None
        if not isinstance(claims, dict) or claims.get("iss") != self._account.email:
            raise _GrantError("invalid_grant", "Invalid grant: account not found")
        if header.get("kid", self._account.key_id) != self._account.key_id:
            raise _GrantError("invalid_grant", "Invalid JWT Signature: the account has no key with this kid.")
        try:
            jws.decode(assertion, self._account.public_key, algorithms=["RS256"])
        except jwt.InvalidTokenError:
            raise _GrantError("invalid_grant", "Invalid JWT Signature.") from None
        audience = claims.get("aud")
        if audience not in self.audiences:
            raise _GrantError("invalid_grant", "Invalid JWT: Failed audience check.")
        issued, expires, now = _seconds(claims.get("iat")), _seconds(claims.get("exp")), self._clock()
        if issued > now + _CLOCK_SKEW or expires <= now or expires <= issued or expires - issued > _MAX_LIFETIME:
            raise _GrantError("invalid_grant", _TIMEFRAME)
        scope = claims.get("scope")
        scopes = frozenset(scope.split()) if isinstance(scope, str) else frozenset()
        if not scopes:
            raise _GrantError("invalid_scope", "Empty or missing scope not allowed.")
        if not all(name.startswith(_SCOPE_PREFIX) for name in scopes):
            raise _GrantError("invalid_scope", "Invalid OAuth scope or ID token audience provided.")
        return scopes


def _seconds(value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return value
    raise _GrantError("invalid_grant", _TIMEFRAME)


def _answer(status: int, outcome: str, document: dict[str, object]) -> SandboxResponse:
    headers = ((b"content-type", b"application/json; charset=utf-8"), (b"cache-control", b"no-store"))
    return SandboxResponse(status, outcome, headers, json.dumps(document).encode())
