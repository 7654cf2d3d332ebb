"""HTTP/1.1 for emulators, with the faults that it can express, and the choice of protocol by ALPN."""

from __future__ import annotations

import asyncio
from typing import cast

import h11

from clarion_server.providers.emulation import SandboxRequest, SandboxResponse
from clarion_server.sandbox.fault import Fault, FaultKind
from clarion_server.sandbox.http2 import MAX_BODY
from clarion_server.sandbox.http2_faults import FaultyHttp2Connection
from clarion_server.sandbox.listener import reset
from clarion_server.sandbox.service import Service

_CLOSE = (b"connection", b"close")


class Http1Connection(asyncio.Protocol):
    """One HTTP/1.1 connection of a client: one request after the other.

    Args:
        service: what answers, and what goes wrong.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._core = h11.Connection(h11.SERVER)
        self._request: h11.Request | None = None
        self._body = b""
        self._dead = False
        self._busy = False
        self._retired = False
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Register the connection."""
        self._transport = cast("asyncio.Transport", transport)
        self._loop = asyncio.get_running_loop()
        service = self._service
        service.connections.add(self._transport)
        tls = transport.get_extra_info("ssl_object")
        self._connection = service.connect(tls.getpeercert(binary_form=True) if tls is not None else None)
        faults = service.faults
        if faults.connections:
            self._dead = faults.strike_connection(FaultKind.SILENT_CONNECTION) is not None
            if aged := faults.strike_connection(FaultKind.MAX_AGE):
                self._timer = self._loop.call_later(1.0 if aged.seconds is None else aged.seconds, self._retire)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Forget the request that nobody waits for any more."""
        self._dead = True
        if self._timer is not None:
            self._timer.cancel()
        self._service.connections.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        """Take in a part of a request."""
        if not self._dead:
            self._core.receive_data(data)
            self._advance()

    def eof_received(self) -> None:
        """Take note that the client sends no more."""
        if not self._dead:
            self._core.receive_data(b"")
            self._advance()

    def _advance(self) -> None:
        """Handle what has come, up to the end of a request or of the bytes."""
        try:
            while True:
                event = self._core.next_event()
                if isinstance(event, h11.Request):
                    self._request, self._body, self._busy = event, b"", True
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

    def _handle(self, received: h11.Request) -> None:
        request = SandboxRequest(
            received.method.decode("latin-1"),
            received.target.decode("latin-1"),
            tuple((bytes(name), bytes(value)) for name, value in received.headers),
            self._body,
            self._connection,
        )
        faults = self._service.faults
        fault = faults.strike_request(request.path, http2=False) if faults.requests else None
        if fault is None:
            self._respond(self._service.handle(request))
        else:
            self._suffer(request, fault)

    def _respond(self, response: SandboxResponse) -> None:
        # From the loop, not from here: pipelined requests must not deepen the stack.
        if response.delay is not None:
            self._loop.call_later(response.delay, self._answer, response)

    def _suffer(self, request: SandboxRequest, fault: Fault) -> None:
        """Do to a request what a fault says."""
        service = self._service
        response = service.handle(request) if fault.processed else service.spare(request, fault)
        match fault.kind:
            case FaultKind.CONNECTION_RESET | FaultKind.STREAM_RESET:
                self._dead = True
                reset(self._transport)
            case FaultKind.CUT_BODY:
                self._begin(response)
                self._send(h11.Data(data=response.body[: len(response.body) // 2]))
                self._dead = True
                self._transport.close()
            case FaultKind.SLOW_BODY:
                self._begin(response)
                self._drip(response.body, 0.02 if fault.seconds is None else fault.seconds)
            case FaultKind.STATUS | FaultKind.HTML:
                self._respond(service.error(fault) if fault.processed else response)
            case FaultKind.HALF_OPEN:
                self._dead = True
            case _:  # silence
                pass

    def _answer(self, response: SandboxResponse) -> None:
        if not self._dead:
            self._begin(response)
            self._send(h11.Data(data=response.body))
            self._end()

    def _begin(self, response: SandboxResponse) -> None:
        headers = [*response.headers, (b"content-length", b"%d" % len(response.body))]
        if self._retired:
            headers.append(_CLOSE)
        self._send(h11.Response(status_code=response.status, headers=headers))

    def _drip(self, rest: bytes, pause: float) -> None:
        if self._dead:
            return
        if rest:
            self._send(h11.Data(data=rest[:1]))
            self._loop.call_later(pause, self._drip, rest[1:], pause)
        else:
            self._end()

    def _send(self, event: h11.Response | h11.Data | h11.EndOfMessage) -> None:
        self._transport.write(self._core.send(event) or b"")

    def _end(self) -> None:
        self._send(h11.EndOfMessage())
        self._busy = False
        if self._core.our_state is h11.MUST_CLOSE:
            self._transport.close()
        else:
            self._core.start_next_cycle()
            self._advance()

    def _retire(self) -> None:
        """End with the answer that is due, or at once."""
        self._retired = True
        if not self._busy and not self._dead:
            self._transport.close()


class NegotiatedConnection(asyncio.Protocol):
    """A TLS connection that becomes HTTP/2 or HTTP/1.1, as ALPN said."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Hand the connection over to its protocol."""
        tls = transport.get_extra_info("ssl_object")
        kind = FaultyHttp2Connection if tls.selected_alpn_protocol() == "h2" else Http1Connection
        protocol = kind(self._service)
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
