"""HTTP/1.1 for emulators (clients of token endpoints speak it), and the choice of protocol by ALPN."""

from __future__ import annotations

import asyncio
from typing import cast

import h11

from clarion_server.providers.emulation import Emulator, SandboxRequest, SandboxResponse
from clarion_server.sandbox.http2 import MAX_BODY, Http2Connection


class Http1Connection(asyncio.Protocol):
    """One HTTP/1.1 connection of a client: one request after the other.

    Args:
        emulator: what answers.
        open_connections: holds the connection as long as it is open.
    """

    def __init__(self, emulator: Emulator, open_connections: set[asyncio.Transport]) -> None:
        self._emulator = emulator
        self._open_connections = open_connections
        self._core = h11.Connection(h11.SERVER)
        self._request: h11.Request | None = None
        self._body = b""
        self._closed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Register the connection."""
        self._transport = cast("asyncio.Transport", transport)
        self._loop = asyncio.get_running_loop()
        self._open_connections.add(self._transport)
        tls = transport.get_extra_info("ssl_object")
        self._connection = self._emulator.connect(tls.getpeercert(binary_form=True) if tls is not None else None)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Forget the request that nobody waits for any more."""
        self._closed = True
        self._open_connections.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        """Take in a part of a request."""
        self._core.receive_data(data)
        self._advance()

    def eof_received(self) -> None:
        """Take note that the client sends no more."""
        self._core.receive_data(b"")
        self._advance()

    def _advance(self) -> None:
        """Handle what has come, up to the end of a request or of the bytes."""
        try:
            while True:
                event = self._core.next_event()
                if isinstance(event, h11.Request):
                    self._request, self._body = event, b""
                elif isinstance(event, h11.Data):
                    if len(self._body) < MAX_BODY:
                        self._body += event.data
                elif isinstance(event, h11.EndOfMessage) and self._request is not None:
                    self._handle(self._request)
                    return
                else:  # NEED_DATA, PAUSED, ConnectionClosed
                    if isinstance(event, h11.ConnectionClosed):
                        self._transport.close()
                    return
        except h11.RemoteProtocolError:
            self._transport.close()

    def _handle(self, request: h11.Request) -> None:
        response = self._emulator.handle(
            SandboxRequest(
                request.method.decode("latin-1"),
                request.target.decode("latin-1"),
                tuple((bytes(name), bytes(value)) for name, value in request.headers),
                self._body,
                self._connection,
            )
        )
        # From the loop, not from here: pipelined requests must not deepen the stack.
        if response.delay is not None:
            self._loop.call_later(response.delay, self._answer, response)

    def _answer(self, response: SandboxResponse) -> None:
        if self._closed:
            return
        headers = [*response.headers, (b"content-length", b"%d" % len(response.body))]
        head = self._core.send(h11.Response(status_code=response.status, headers=headers)) or b""
        body = self._core.send(h11.Data(data=response.body)) or b""
        end = self._core.send(h11.EndOfMessage()) or b""
        self._transport.write(head + body + end)
        if self._core.our_state is h11.MUST_CLOSE:
            self._transport.close()
        else:
            self._core.start_next_cycle()
            self._advance()


class NegotiatedConnection(asyncio.Protocol):
    """A TLS connection that becomes HTTP/2 or HTTP/1.1, as ALPN said."""

    def __init__(self, emulator: Emulator, open_connections: set[asyncio.Transport]) -> None:
        self._emulator = emulator
        self._open_connections = open_connections

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Hand the connection over to its protocol."""
        tls = transport.get_extra_info("ssl_object")
        kind = Http2Connection if tls.selected_alpn_protocol() == "h2" else Http1Connection
        protocol = kind(self._emulator, self._open_connections)
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
