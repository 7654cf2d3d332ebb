"""Access tokens for ADM: Amazon's token endpoint trades a security profile's client id and secret for one.

Facts: Amazon, "Request an access token" (Login with Amazon, client credentials). A token is good for an hour.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from clarion.v1 import error_pb2 as err
from clarion.v1 import messaging_pb2 as msg
from clarion_server.providers.adm.credentials import SecurityProfile
from clarion_server.providers.answers import json_object, retry_after
from clarion_server.providers.contract import Outcome
from clarion_server.providers.outcomes import ANY_OTHER, Row
from clarion_server.providers.token_client import AccessToken, TokenClient, error_word, read_token

SCOPE = "messaging:push"


def _refused(word: str, text: str) -> Row:
    return Row("400-499", word, err.ERROR_REASON_CREDENTIAL_REJECTED, text, credential_broken=True)


def _our_fault(word: str, text: str) -> Row:
    return Row("400-499", word, err.ERROR_REASON_PROVIDER_ANSWER_UNKNOWN, f"{text}; check token_endpoint and report it")


def _busy(status: int) -> Row:
    throttled = status == 429
    return Row(
        str(status),
        ANY_OTHER,
        err.ERROR_REASON_PROVIDER_THROTTLED if throttled else err.ERROR_REASON_PROVIDER_UNAVAILABLE,
        f"no access token: Amazon's token endpoint answers {status}; try again later",
        msg.DELIVERY_STATUS_THROTTLED if throttled else msg.DELIVERY_STATUS_TEMPORARY_FAILURE,
    )


_REFUSED: Mapping[str, Row] = {
    row.answer: row
    for row in (
        _refused(
            "invalid_client",
            "Amazon does not accept client_id and client_secret: take them from the security profile",
        ),
        _refused("invalid_scope", "the security profile may not use ADM: enable Device Messaging for it at Amazon"),
        _refused(
            "unauthorized_client",
            "the security profile may not get access tokens in this way: enable ADM for it",
        ),
        _our_fault("invalid_request", "Amazon's token endpoint does not understand the request"),
        _our_fault("unsupported_grant_type", "Amazon's token endpoint does not know client credentials"),
    )
}
_BUSY: Mapping[int, Row] = {status: _busy(status) for status in (408, 429, 500, 502, 503, 504)}
# Without a word that is known it may be a proxy's answer, which must not condemn the security profile.
_STRANGE = Row(
    "other",
    ANY_OTHER,
    err.ERROR_REASON_PROVIDER_ANSWER_UNKNOWN,
    "Clarion does not know this answer of Amazon's token endpoint; check token_endpoint and proxies in between",
    msg.DELIVERY_STATUS_TEMPORARY_FAILURE,
)

ROWS: tuple[Row, ...] = (*_REFUSED.values(), *_BUSY.values(), _STRANGE)
"""What answers without an access token mean for the targets. The endpoint itself is asked three times before."""


class TokenEndpoint:
    """Amazon's token endpoint.

    Args:
        url: where.
        ca_file: PEM file with the only authorities to trust; None: the system's.
        clock: seconds since the epoch.
        pauses: seconds before the second, third, … attempt.
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
    row = _BUSY.get(status) or (_REFUSED.get(word) if 400 <= status < 500 else None) or _STRANGE
    return Outcome(
        status=row.status,
        reason=row.reason,
        message=row.message,
        provider_reason=word,
        status_code=status,
        retry_after=wait if status in _BUSY else None,
        credential_broken=row.credential_broken,
    )


def _read(status: int, headers: Mapping[str, str], body: bytes, now: float) -> AccessToken | Outcome:
    return read_answer(status, body, retry_after(headers.get("retry-after", ""), now), now)
