"""The HTTP listener that is scraped: `GET /metrics`, one request a connection, in the server's event loop."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import structlog
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from clarion_server.starting import PortUnavailable

_log = structlog.get_logger(__name__)

_MOST_HEAD = 8192
# Seconds that a client gets for its request, and for taking the answer.
_PATIENCE = 5.0


class MetricsListener:
    """Serves metrics.

    Args:
        listen: `HOST:PORT` or `unix:PATH`; port 0 takes any free one.
        page: makes them.
    """

    def __init__(self, listen: str, page: Callable[[], Awaitable[bytes]]) -> None:
        self._listen = listen
        self._page = page
        self._server: asyncio.Server | None = None

    async def start(self) -> str:
        """Listen, and return the address with its real port.

        Raises:
            OSError: somebody else listens there, or the host is not ours.
        """
        if self._listen.startswith("unix:"):
            path = self._listen.removeprefix("unix:")
            self._server = await asyncio.start_unix_server(self._serve, path, limit=_MOST_HEAD)
            return self._listen
        host, _, port = self._listen.rpartition(":")
        self._server = await asyncio.start_server(self._serve, host.strip("[]"), int(port), limit=_MOST_HEAD)
        return f"{host}:{self._server.sockets[0].getsockname()[1]}"

    async def aclose(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(await self._answer(head))
                await writer.drain()
        writer.close()

    async def _answer(self, head: bytes) -> bytes:
        method, _, rest = head.partition(b"\r\n")[0].partition(b" ")
        path = rest.partition(b" ")[0].partition(b"?")[0]
        if path != b"/metrics":
            return _response("404 Not Found", b"metrics are at /metrics\n")
        if method not in {b"GET", b"HEAD"}:
            return _response("405 Method Not Allowed", b"only GET\n", "allow: GET, HEAD\r\n")
        body = await self._page()
        return _response("200 OK", body, content_type=CONTENT_TYPE_PLAIN_0_0_4, with_body=method == b"GET")


async def serve_metrics(listen: str, page: Callable[[], Awaitable[bytes]], stack: AsyncExitStack) -> str:
    """Serve metrics until the stack is left, and return the address with its real port.

    Raises:
        PortUnavailable: it cannot listen there.
    """
    listener = MetricsListener(listen, page)
    stack.push_async_callback(listener.aclose)
    try:
        address = await listener.start()
    except OSError as error:
        raise PortUnavailable(
            f"cannot serve metrics on {listen}: {error.strerror or error}; "
            "metrics_listen (CLARION_METRICS_LISTEN) takes another address"
        ) from error
    _log.info("serving metrics", address=address)
    return address


def _response(
    status: str,
    body: bytes,
    headers: str = "",
    *,
    content_type: str = "text/plain; charset=utf-8",
    with_body: bool = True,
) -> bytes:
    head = (
        f"HTTP/1.1 {status}\r\ncontent-type: {content_type}\r\ncontent-length: {len(body)}\r\n"
        f"connection: close\r\n{headers}\r\n"
    )
    return head.encode() + (body if with_body else b"")
