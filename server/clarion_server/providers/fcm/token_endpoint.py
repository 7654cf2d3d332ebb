"""Google's token endpoint: trades a service account for an access token (RFC 7523).

The server signs an assertion (a JWT, RS256) with the service account's key, posts it, and gets an access token that is
good for about an hour.
"""

from __future__ import annotations

import asyncio
import json
import re
import socket
import ssl
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
import jwt
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from clarion.v1 import error_pb2, messaging_pb2
from clarion_server.providers.contract import Outcome
from clarion_server.providers.fcm.credentials import ServiceAccount
from clarion_server.providers.outcomes import ANY_OTHER, Row

SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
GRANT_TYPE = "urn:ietf:params:oauth:grant-type:jwt-bearer"
ASSERTION_LIFETIME = 3600
_DEFAULT_LIFETIME = 3600
_MAX_ANSWER = 64 * 1024
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


@dataclass(frozen=True, slots=True)
class AccessToken:
    """An access token.

    Attributes:
        value: for the header `authorization: Bearer VALUE`. Secret.
        expires_at: seconds since the epoch.
    """

    value: str = field(repr=False)
    expires_at: float


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
        self._clock = clock
        self._pauses = tuple(pauses)
        self._client = httpx.AsyncClient(
            http2=True,
            verify=ssl.create_default_context(cafile=ca_file),
            timeout=httpx.Timeout(10.0, connect=5.0),
            # The send engine knows no proxies either, and .netrc has no business here.
            trust_env=False,
        )

    async def fetch(self, account: ServiceAccount) -> AccessToken | Outcome:
        """Return a new access token, or the outcome of all targets without one. Never raises for the network."""
        answer = await self._attempt(account)
        for pause in self._pauses:
            if isinstance(answer, AccessToken) or answer.status == messaging_pb2.DELIVERY_STATUS_PERMANENT_FAILURE:
                break
            await asyncio.sleep(pause)
            answer = await self._attempt(account)
        return answer

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _attempt(self, account: ServiceAccount) -> AccessToken | Outcome:
        now = self._clock()
        form = {"grant_type": GRANT_TYPE, "assertion": assertion(account, now)}
        request = self._client.build_request(
            "POST",
            self._url or account.token_uri,
            data=form,
            headers={"accept": "application/json", "accept-encoding": "identity"},
        )
        try:
            response = await self._client.send(request, stream=True)
            try:
                body = await _bounded(response)
            finally:
                await response.aclose()
        except httpx.HTTPError as error:
            return _network_outcome(error)
        return read_answer(response.status_code, body, now)


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
    document = _json_object(body)
    if status == 200:
        token, lifetime = document.get("access_token"), _lifetime(document.get("expires_in"))
        if isinstance(token, str) and re.fullmatch(r"[!-~]{1,8192}", token) and lifetime is not None:
            return AccessToken(token, now + lifetime)
        return no_token(
            error_pb2.ERROR_REASON_PROVIDER_ANSWER_UNKNOWN,
            "the token endpoint answered without a usable access token",
            status=status,
        )
    error = document.get("error")
    word = error if isinstance(error, str) and re.fullmatch(r"[A-Za-z_]{1,64}", error) else ""
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


def _lifetime(expires_in: object) -> int | None:
    """Return the seconds that a token lives; Google gives them as a number, others as a text."""
    if expires_in is None:
        return _DEFAULT_LIFETIME
    if isinstance(expires_in, str) and re.fullmatch(r"[0-9]{1,9}", expires_in):
        expires_in = int(expires_in)
    if isinstance(expires_in, int) and not isinstance(expires_in, bool) and expires_in > 0:
        return min(expires_in, 24 * 3600)
    return None


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


async def _bounded(response: httpx.Response) -> bytes:
    body = b""
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > _MAX_ANSWER:
            break
    return body[:_MAX_ANSWER]


def no_token(reason: error_pb2.ErrorReason, message: str, *, status: int = 0) -> Outcome:
    """Return the outcome of targets that lack a token for now; `status` is that of the token endpoint's answer."""
    return Outcome(
        status=messaging_pb2.DELIVERY_STATUS_TEMPORARY_FAILURE,
        reason=reason,
        origin=messaging_pb2.ORIGIN_PROVIDER if status else messaging_pb2.ORIGIN_GATEWAY,
        message=message,
        status_code=status,
    )


def _network_outcome(error: httpx.HTTPError) -> Outcome:
    """Return the outcome of targets that lack a token because of the network. The error's text may hold the URL."""
    causes = list(_causes(error))
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        reason, what = error_pb2.ERROR_REASON_NAME_NOT_RESOLVED, "its host name has no address; check DNS"
    elif any(isinstance(cause, ssl.SSLError) for cause in causes):
        reason, what = error_pb2.ERROR_REASON_TLS_FAILED, "no TLS; check the trust store and proxies in between"
    elif isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout)):
        reason, what = error_pb2.ERROR_REASON_CONNECT_FAILED, "no connection; check network and firewall"
    else:
        reason, what = error_pb2.ERROR_REASON_PROVIDER_UNAVAILABLE, "it did not answer; try again later"
    return Outcome(
        status=messaging_pb2.DELIVERY_STATUS_TEMPORARY_FAILURE,
        reason=reason,
        origin=messaging_pb2.ORIGIN_TRANSPORT,
        message=f"no access token from Google's token endpoint: {what}",
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
