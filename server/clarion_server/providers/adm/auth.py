"""Access tokens for ADM: Amazon's token endpoint trades a security profile's client id and secret for one.

Facts: Amazon, "Request an access token" (Login with Amazon, client credentials). A token is good for an hour.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import httpx

from clarion.v1 import error_pb2 as err
from clarion.v1 import messaging_pb2 as msg
from clarion.v1.error_pb2 import ErrorReason
from clarion.v1.messaging_pb2 import DeliveryStatus
from clarion_server.providers.adm.credentials import SecurityProfile
from clarion_server.providers.answers import json_object, retry_after
from clarion_server.providers.contract import Outcome
from clarion_server.providers.token_client import AccessToken, TokenClient, error_word, no_token, read_token

SCOPE = "messaging:push"
_RETRYABLE_STATUS = frozenset({408, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Row:
    """What one OAuth error means; see `Outcome` for the attributes."""

    message: str
    status: DeliveryStatus = msg.DELIVERY_STATUS_PERMANENT_FAILURE
    reason: ErrorReason = err.ERROR_REASON_CREDENTIAL_REJECTED
    credential_broken: bool = True


def _our_fault(text: str) -> Row:
    return Row(
        f"{text}; check token_endpoint and report it",
        reason=err.ERROR_REASON_PROVIDER_ANSWER_UNKNOWN,
        credential_broken=False,
    )


#: By `error` of the answer.
TABLE: Mapping[str, Row] = {
    "invalid_client": Row("Amazon does not accept client_id and client_secret: take them from the security profile"),
    "invalid_scope": Row("the security profile may not use ADM: enable Device Messaging for it at Amazon"),
    "unauthorized_client": Row("the security profile may not get access tokens in this way: enable ADM for it"),
    "invalid_request": _our_fault("Amazon's token endpoint does not understand the request"),
    "unsupported_grant_type": _our_fault("Amazon's token endpoint does not know client credentials"),
}


class TokenEndpoint:
    """Amazon's token endpoint.

    Args:
        url: where.
        ca_file: PEM file with the only authorities to trust; None: the system's.
        clock: seconds since the epoch.
        pauses: seconds before the second, third, … attempt.

    Raises:
        OSError: `ca_file` cannot be read.
    """

    def __init__(
        self, url: str, ca_file: str | None, clock: Callable[[], float], pauses: Sequence[float] = (1.0, 2.0)
    ) -> None:
        self._url = url
        self._client = TokenClient("Amazon's token endpoint", ca_file, clock, pauses)

    async def fetch(self, profile: SecurityProfile) -> AccessToken | Outcome:
        """Return a new access token, or the outcome of all targets without one. Never raises for the network."""
        form = {
            "grant_type": "client_credentials",
            "scope": SCOPE,
            "client_id": profile.client_id,
            "client_secret": profile.client_secret,
        }
        return await self._client.fetch(self._url, lambda _: form, _read)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()


def read_answer(status: int, body: bytes, wait: float | None, now: float) -> AccessToken | Outcome:
    """Return what an answer of the token endpoint means; `wait`: seconds of its `retry-after`. Pure."""
    if status == 200:
        return read_token(body, now)
    word = error_word(json_object(body))
    if status in _RETRYABLE_STATUS:
        throttled = status == 429
        return Outcome(
            status=msg.DELIVERY_STATUS_THROTTLED if throttled else msg.DELIVERY_STATUS_TEMPORARY_FAILURE,
            reason=err.ERROR_REASON_PROVIDER_THROTTLED if throttled else err.ERROR_REASON_PROVIDER_UNAVAILABLE,
            message=f"no access token: Amazon's token endpoint answers {status}; try again later",
            provider_reason=word,
            status_code=status,
            retry_after=wait,
            repeat=True,
        )
    row = TABLE.get(word)
    if row is not None and 400 <= status < 500:
        return Outcome(
            status=row.status,
            reason=row.reason,
            message=row.message,
            provider_reason=word,
            status_code=status,
            credential_broken=row.credential_broken,
        )
    # Without a word that is known it may be a proxy's answer, which must not condemn the security profile.
    text = f"Amazon's token endpoint answers {status}; check token_endpoint and proxies in between"
    return replace(no_token(err.ERROR_REASON_PROVIDER_ANSWER_UNKNOWN, text, status=status), provider_reason=word)


def _read(status: int, headers: httpx.Headers, body: bytes, now: float) -> AccessToken | Outcome:
    return read_answer(status, body, retry_after(headers.get("retry-after", ""), now), now)
