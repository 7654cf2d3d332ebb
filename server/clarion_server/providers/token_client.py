"""What getting OAuth access tokens over HTTPS has in common: the request, its failures, and the good answer."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from clarion.v1 import error_pb2, messaging_pb2
from clarion_server.providers.answers import json_object
from clarion_server.providers.contract import Outcome

if TYPE_CHECKING:
    from clarion_server.providers.token_http import TokenHttp

_DEFAULT_LIFETIME = 3600
_LONGEST_LIFETIME = 24 * 3600


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

Read = Callable[[int, Mapping[str, str], bytes, float], AccessToken | Outcome]
"""Says what an answer means: status, headers, body, and the time when it was asked for."""


class Answer(NamedTuple):
    """An answer of a token endpoint. Names of headers are looked up in any case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class NoAnswer(Exception):
    """A token endpoint does not answer: the reason, and what it is and what to do, for people."""

    def __init__(self, reason: error_pb2.ErrorReason, what: str) -> None:
        super().__init__(what)
        self.reason = reason
        self.what = what


class TokenClient:
    """Posts forms to a token endpoint.

    Args:
        name: the endpoint's, for people.
        ca_file: PEM file with the only authorities to trust; None: the system's.
        clock: seconds since the epoch.
        pauses: seconds before the second, third, … attempt.
    """

    def __init__(
        self, name: str, ca_file: str | None, clock: Callable[[], float], pauses: Sequence[float] = (1.0, 2.0)
    ) -> None:
        self._name = name
        self._clock = clock
        self._pauses = tuple(pauses)
        self._ca_file = ca_file
        self._opening: asyncio.Task[TokenHttp] | None = None

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
        if self._opening is not None:
            with contextlib.suppress(OSError):  # It could not be opened: there is nothing to close.
                await (await self._opening).aclose()

    async def _attempt(self, url: str, form: Form, read: Read) -> AccessToken | Outcome:
        now = self._clock()
        try:
            answer = await (await self._opened()).post(url, form(now))
        except NoAnswer as error:
            return Outcome(
                status=messaging_pb2.DELIVERY_STATUS_TEMPORARY_FAILURE,
                reason=error.reason,
                origin=messaging_pb2.ORIGIN_TRANSPORT,
                message=f"no access token from {self._name}: {error.what}",
            )
        return read(answer.status, answer.headers, answer.body, now)

    async def _opened(self) -> TokenHttp:
        if self._opening is None:
            # In a thread: it takes longer than calls should wait for.
            self._opening = asyncio.create_task(asyncio.to_thread(_open, self._ca_file))
        opening = self._opening
        try:
            # A caller that is cancelled does not end it: it is for all, and has to be closed.
            return await asyncio.shield(opening)
        except OSError as error:
            if self._opening is opening:
                self._opening = None  # The next attempt opens anew.
            # It could be read when the server started.
            raise NoAnswer(
                error_pb2.ERROR_REASON_TLS_FAILED, "the file of its authorities cannot be read; check ca_file"
            ) from error


def _open(ca_file: str | None) -> TokenHttp:
    from clarion_server.providers.token_http import TokenHttp  # noqa: PLC0415  # says why itself

    return TokenHttp(ca_file)


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
