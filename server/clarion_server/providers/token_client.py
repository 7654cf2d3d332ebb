"""What getting OAuth access tokens over HTTPS has in common: the request, its failures, and the good answer."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from clarion.v1 import error_pb2, messaging_pb2
from clarion_server.providers.answers import json_object
from clarion_server.providers.contract import Outcome

_DEFAULT_LIFETIME = 3600
_LONGEST_LIFETIME = 24 * 3600
_MAX_ANSWER = 64 * 1024


@dataclass(frozen=True, slots=True)
class AccessToken:
    """An access token.

    Attributes:
        value: for the header `authorization: Bearer VALUE`. Secret.
        expires_at: seconds since the epoch.
    """

    value: str = field(repr=False)
    expires_at: float


Form = Callable[[float], Mapping[str, str]]
"""Makes the form to post, of the time in seconds since the epoch."""

Read = Callable[[int, httpx.Headers, bytes, float], AccessToken | Outcome]
"""Says what an answer means: status, headers, body, and the time when it was asked for."""


class TokenClient:
    """Posts forms to a token endpoint.

    Args:
        name: the endpoint's, for people.
        ca_file: PEM file with the only authorities to trust; None: the system's.
        clock: seconds since the epoch.
        pauses: seconds before the second, third, … attempt.

    Raises:
        OSError: `ca_file` cannot be read.
    """

    def __init__(
        self, name: str, ca_file: str | None, clock: Callable[[], float], pauses: Sequence[float] = (1.0, 2.0)
    ) -> None:
        self._name = name
        self._clock = clock
        self._pauses = tuple(pauses)
        self._client = httpx.AsyncClient(
            http2=True,
            verify=ssl.create_default_context(cafile=ca_file),
            timeout=httpx.Timeout(10.0, connect=5.0),
            # The send engine knows no proxies either, and .netrc has no business here.
            trust_env=False,
        )

    async def fetch(self, url: str, form: Form, read: Read) -> AccessToken | Outcome:
        """Return a new access token, or the outcome of all targets without one. Never raises for the network.

        What may pass is tried again, unless the endpoint asks to wait longer than the next pause.
        """
        answer = await self._attempt(url, form, read)
        for pause in self._pauses:
            if (
                isinstance(answer, AccessToken)
                or answer.status == messaging_pb2.DELIVERY_STATUS_PERMANENT_FAILURE
                or (answer.retry_after or 0.0) > pause
            ):
                break
            await asyncio.sleep(pause)
            answer = await self._attempt(url, form, read)
        return answer

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _attempt(self, url: str, form: Form, read: Read) -> AccessToken | Outcome:
        now = self._clock()
        request = self._client.build_request(
            "POST",
            url,
            data=dict(form(now)),
            headers={"accept": "application/json", "accept-encoding": "identity"},
        )
        try:
            response = await self._client.send(request, stream=True)
            try:
                body = await _bounded(response)
            finally:
                await response.aclose()
        except httpx.HTTPError as error:
            return self._network_outcome(error)
        return read(response.status_code, response.headers, body, now)

    def _network_outcome(self, error: httpx.HTTPError) -> Outcome:
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
            message=f"no access token from {self._name}: {what}",
        )


def read_token(body: bytes, now: float) -> AccessToken | Outcome:
    """Return the token in an answer with status 200. Pure."""
    document = json_object(body)
    token, lifetime = document.get("access_token"), _lifetime(document.get("expires_in"))
    if isinstance(token, str) and re.fullmatch(r"[!-~]{1,8192}", token) and lifetime is not None:
        return AccessToken(token, now + lifetime)
    return no_token(
        error_pb2.ERROR_REASON_PROVIDER_ANSWER_UNKNOWN,
        "the token endpoint answered without a usable access token",
        status=200,
    )


def error_word(document: Mapping[str, Any]) -> str:
    """Return the `error` of an OAuth error answer, empty if there is none of the right form."""
    error = document.get("error")
    return error if isinstance(error, str) and re.fullmatch(r"[A-Za-z_]{1,64}", error) else ""


def no_token(reason: error_pb2.ErrorReason, message: str, *, status: int = 0) -> Outcome:
    """Return the outcome of targets that lack a token for now; `status` is that of the token endpoint's answer."""
    return Outcome(
        status=messaging_pb2.DELIVERY_STATUS_TEMPORARY_FAILURE,
        reason=reason,
        origin=messaging_pb2.ORIGIN_PROVIDER if status else messaging_pb2.ORIGIN_GATEWAY,
        message=message,
        status_code=status,
    )


def _lifetime(expires_in: object) -> int | None:
    """Return the seconds that a token lives; some give them as a number, others as a text."""
    if expires_in is None:
        return _DEFAULT_LIFETIME
    if isinstance(expires_in, str) and re.fullmatch(r"[0-9]{1,9}", expires_in):
        expires_in = int(expires_in)
    if isinstance(expires_in, int) and not isinstance(expires_in, bool) and expires_in > 0:
        return min(expires_in, _LONGEST_LIFETIME)
    return None


async def _bounded(response: httpx.Response) -> bytes:
    body = b""
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > _MAX_ANSWER:
            break
    return body[:_MAX_ANSWER]


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
