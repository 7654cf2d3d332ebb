"""Google's token endpoint: trades a service account for an access token (RFC 7523).

The server signs an assertion (a JWT, RS256) with the service account's key, posts it, and gets an access token that is
good for about an hour.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import jwt
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from clarion.v1 import error_pb2, messaging_pb2
from clarion_server.providers.answers import json_object
from clarion_server.providers.contract import Outcome
from clarion_server.providers.fcm.credentials import ServiceAccount
from clarion_server.providers.outcomes import ANY_OTHER, Row
from clarion_server.providers.token_client import AccessToken, TokenClient, error_word, read_token

SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
GRANT_TYPE = "urn:ietf:params:oauth:grant-type:jwt-bearer"
ASSERTION_LIFETIME = 3600
_RETRYABLE_STATUS = (408, 429, 500, 502, 503, 504)
_RETRYABLE_ERROR = ("internal_failure", "server_error", "temporarily_unavailable")
_CAUSES = {
    "invalid_grant": "the key was deleted, the account is gone or disabled, or this machine's clock is wrong",
    "invalid_client": "Google does not know the account",
    "invalid_scope": "the account may not use Firebase Cloud Messaging",
    "unauthorized_client": "the account may not use Firebase Cloud Messaging",
    "invalid_request": "the token endpoint does not understand the assertion",
}
_OTHER_CAUSE = "check the service account"


def _refused(word: str, cause: str) -> Row:
    text = f"Google's token endpoint refuses the service account: {cause}"
    return Row("400-499", word, error_pb2.ERROR_REASON_CREDENTIAL_REJECTED, text, credential_broken=True)


def _busy(status: int | None, word: str) -> Row:
    throttled = status == 429
    return Row(
        "any" if status is None else str(status),
        word,
        error_pb2.ERROR_REASON_PROVIDER_THROTTLED if throttled else error_pb2.ERROR_REASON_PROVIDER_UNAVAILABLE,
        "no access token: Google's token endpoint is overloaded or has a fault; try again later",
        messaging_pb2.DELIVERY_STATUS_THROTTLED if throttled else messaging_pb2.DELIVERY_STATUS_TEMPORARY_FAILURE,
    )


_BUSY_STATUS = {status: _busy(status, ANY_OTHER) for status in _RETRYABLE_STATUS}
_BUSY_WORD = {word: _busy(None, word) for word in _RETRYABLE_ERROR}
_REFUSED = {word: _refused(word, cause) for word, cause in _CAUSES.items()}
_REFUSED_OTHERWISE = _refused("(any other word)", _OTHER_CAUSE)
_STRANGE = Row(
    "other",
    ANY_OTHER,
    error_pb2.ERROR_REASON_PROVIDER_ANSWER_UNKNOWN,
    "Clarion does not know this answer of Google's token endpoint; check token_endpoint and proxies in between",
    messaging_pb2.DELIVERY_STATUS_TEMPORARY_FAILURE,
)

ROWS: tuple[Row, ...] = (
    *_BUSY_STATUS.values(),
    *_BUSY_WORD.values(),
    *_REFUSED.values(),
    _REFUSED_OTHERWISE,
    _STRANGE,
)
"""What answers without an access token mean for the targets. The endpoint itself is asked three times before."""


class TokenEndpoint:
    """Trades service accounts for access tokens over HTTPS.

    Args:
        url: where; None: each service account's own `token_uri`.
        ca_file: PEM file with the only authorities to trust; None: the system's.
        clock: seconds since the epoch.
        pauses: seconds before the second, third, … attempt.
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
    known = [text for text in (word, described) if isinstance(text, str)]
    row = _BUSY_STATUS.get(status) or next((_BUSY_WORD[text] for text in known if text in _BUSY_WORD), None)
    if row is None and 400 <= status < 500 and word:  # without one it is a proxy's answer, which must not condemn
        row = _REFUSED.get(word, _REFUSED_OTHERWISE)
    if row is None:
        row = _STRANGE
    return Outcome(
        status=row.status,
        reason=row.reason,
        message=row.message,
        provider_reason=word,
        status_code=status,
        credential_broken=row.credential_broken,
    )


def _read(status: int, headers: Mapping[str, str], body: bytes, now: float) -> AccessToken | Outcome:  # noqa: ARG001 - Google sends no retry-after here
    return read_answer(status, body, now)
