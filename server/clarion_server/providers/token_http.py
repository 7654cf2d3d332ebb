"""The HTTP of token endpoints: one POST, and what its failures mean.

Imported with the first access token that is wanted: httpx, and reading the system's authorities, would be a tenth of
the CPU time of the server's start, and many servers never want a token.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator, Mapping

import httpx

from clarion.v1 import error_pb2
from clarion_server.providers.token_client import Answer, NoAnswer

_MAX_ANSWER = 64 * 1024


class TokenHttp:
    """Posts forms.

    Args:
        ca_file: PEM file with the only authorities to trust; None: the system's.

    Raises:
        OSError: `ca_file` cannot be read.
    """

    def __init__(self, ca_file: str | None) -> None:
        self._client = httpx.AsyncClient(
            http2=True,
            verify=ssl.create_default_context(cafile=ca_file),
            timeout=httpx.Timeout(10.0, connect=5.0),
            # The send engine knows no proxies either, and .netrc has no business here.
            trust_env=False,
        )

    async def post(self, url: str, form: Mapping[str, str]) -> Answer:
        """Return the answer; of its body at most about 64 KiB.

        Raises:
            NoAnswer: there is none.
        """
        request = self._client.build_request(
            "POST", url, data=dict(form), headers={"accept": "application/json", "accept-encoding": "identity"}
        )
        try:
            response = await self._client.send(request, stream=True)
            try:
                body = await _bounded(response)
            finally:
                await response.aclose()
        except httpx.HTTPError as error:
            raise _no_answer(error) from error
        return Answer(response.status_code, response.headers, body)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()


def _no_answer(error: httpx.HTTPError) -> NoAnswer:
    """Return what a failure means. Its own text may hold the URL."""
    causes = list(_causes(error))
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return NoAnswer(error_pb2.ERROR_REASON_NAME_NOT_RESOLVED, "its host name has no address; check DNS")
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return NoAnswer(error_pb2.ERROR_REASON_TLS_FAILED, "no TLS; check the trust store and proxies in between")
    if isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout)):
        return NoAnswer(error_pb2.ERROR_REASON_CONNECT_FAILED, "no connection; check network and firewall")
    return NoAnswer(error_pb2.ERROR_REASON_PROVIDER_UNAVAILABLE, "it did not answer; try again later")


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
