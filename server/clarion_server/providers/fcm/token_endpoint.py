"""Google's token endpoint: trades a service account for an access token (RFC 7523).

The server signs an assertion (a JWT, RS256) with the service account's key, posts it, and gets an access token that is
good for about an hour.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import httpx
import jwt
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from clarion.v1 import error_pb2, messaging_pb2
from clarion_server.providers.answers import json_object
from clarion_server.providers.contract import Outcome
from clarion_server.providers.fcm.credentials import ServiceAccount
from clarion_server.providers.token_client import AccessToken, TokenClient, error_word, no_token, read_token

SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
GRANT_TYPE = "urn:ietf:params:oauth:grant-type:jwt-bearer"
ASSERTION_LIFETIME = 3600
_RETRYABLE_STATUS = frozenset({408, 429, 500, 502, 503, 504})
_RETRYABLE_ERROR = frozenset({"internal_failure", "server_error", "temporarily_unavailable"})
_CAUSES = {
    "invalid_grant": "the key was deleted, the account is gone or disabled, or this machine's clock is wrong",
    "invalid_client": "Google does not know the account",
    "invalid_scope": "the account may not use Firebase Cloud Messaging",
    "unauthorized_client": "the account may not use Firebase Cloud Messaging",
    "invalid_request": "the token endpoint does not understand the assertion",
}


class TokenEndpoint:
    """Trades service accounts for access tokens over HTTPS.

    Args:
        url: where; None: each service account's own `token_uri`.
        ca_file: PEM file with the only authorities to trust; None: the system's.
        clock: seconds since the epoch.
        pauses: seconds before the second, third, … attempt.

    Raises:
        OSError: `ca_file` cannot be read.
    """

    def __init__(
        self,
        url: str | None,
        ca_file: str | None,
        clock: Callable[[], float],
        pauses: Sequence[float] = (1.0, 2.0),
    ) -> None:
        self._url = url
        self._client = TokenClient("Google's token endpoint", ca_file, clock, pauses)

    async def fetch(self, account: ServiceAccount) -> AccessToken | Outcome:
        """Return a new access token, or the outcome of all targets without one. Never raises for the network."""

        def form(now: float) -> dict[str, str]:
            return {"grant_type": GRANT_TYPE, "assertion": assertion(account, now)}

        return await self._client.fetch(self._url or account.token_uri, form, _read)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()


def assertion(account: ServiceAccount, now: float) -> str:
    """Return the signed assertion: who asks, for what, of whom, from now on for an hour. Secret."""
    issued_at = int(now)
    claims = {
        "iss": account.client_email,
        "scope": SCOPE,
        "aud": account.token_uri,
        "iat": issued_at,
        "exp": issued_at + ASSERTION_LIFETIME,
    }
    # Checked when the credential was given; checking it again costs a hundred times the signature.
    key = load_pem_private_key(account.private_key.encode(), password=None, unsafe_skip_rsa_key_validation=True)
    headers = {"kid": account.private_key_id} if account.private_key_id else None
    return jwt.encode(claims, key, algorithm="RS256", headers=headers)  # type: ignore[arg-type]


def read_answer(status: int, body: bytes, now: float) -> AccessToken | Outcome:
    """Return what an answer of the token endpoint means. Pure."""
    if status == 200:
        return read_token(body, now)
    document = json_object(body)
    word = error_word(document)
    described = document.get("error_description")
    known = {word, described} if isinstance(described, str) else {word}
    if status in _RETRYABLE_STATUS or known & _RETRYABLE_ERROR:
        throttled = status == 429
        return Outcome(
            status=messaging_pb2.DELIVERY_STATUS_THROTTLED
            if throttled
            else messaging_pb2.DELIVERY_STATUS_TEMPORARY_FAILURE,
            reason=error_pb2.ERROR_REASON_PROVIDER_THROTTLED
            if throttled
            else error_pb2.ERROR_REASON_PROVIDER_UNAVAILABLE,
            message=f"no access token: Google's token endpoint answers {status}; try again later",
            provider_reason=word,
            status_code=status,
        )
    if 400 <= status < 500 and word:  # without one it is a proxy's answer, which must not condemn the account
        cause = _CAUSES.get(word, "check the service account")
        return Outcome(
            status=messaging_pb2.DELIVERY_STATUS_PERMANENT_FAILURE,
            reason=error_pb2.ERROR_REASON_CREDENTIAL_REJECTED,
            message=f"Google's token endpoint refuses the service account: {cause}",
            provider_reason=word,
            status_code=status,
            credential_broken=True,
        )
    return no_token(
        error_pb2.ERROR_REASON_PROVIDER_ANSWER_UNKNOWN,
        f"Google's token endpoint answers {status}; check token_endpoint and proxies in between",
        status=status,
    )


def _read(status: int, headers: httpx.Headers, body: bytes, now: float) -> AccessToken | Outcome:  # noqa: ARG001 - Google sends no retry-after here
    return read_answer(status, body, now)
