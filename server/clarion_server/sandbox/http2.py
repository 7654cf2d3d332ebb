"""HTTP/2 for emulators: one protocol object per connection, no task and no timer per request."""

from __future__ import annotations

import asyncio
from typing import cast

from ngh2 import Configuration, Connection, DataReceived, RequestReceived, Role, StreamClosed, TrailersReceived
from ngh2.exceptions import NGH2Error

from clarion_server.providers.emulation import SandboxRequest, SandboxResponse
from clarion_server.sandbox.service import Service

MAX_BODY = 1 << 20
"""More of a body is read but not kept: no provider accepts as much."""

LAST_STREAM = 2**31 - 1

_MAX_CONCURRENT_STREAMS = 3
_CONNECTION_WINDOW = 1 << 24
# Sandboxes serve load tests that reset many streams; the engine's defaults defend public servers.
_CONFIGURATION = Configuration(stream_reset_rate_limit=(1_000_000, 1_000_000))


class _Stream:
    """A request on its way in."""

    __slots__ = ("body", "headers")

    def __init__(self, headers: tuple[tuple[bytes, bytes], ...]) -> None:
        self.headers = headers
        self.body = b""


class Http2Connection(asyncio.Protocol):
    """One HTTP/2 connection of a client. `http2_faults` has the class that can go wrong.

    Args:
        service: what answers.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._core = Connection(Role.SERVER, _CONFIGURATION)
        self._streams: dict[int, _Stream] = {}
        # What faults change: nothing is said any more, streams that are processed, streams allowed at the same time.
        self._dead = False
        self._last_allowed = LAST_STREAM
        self._ceiling = LAST_STREAM

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Announce the settings."""
        self._transport = cast("asyncio.Transport", transport)
        self._loop = asyncio.get_running_loop()
        self._service.connections.add(self._transport)
        tls = transport.get_extra_info("ssl_object")
        self._connection = self._service.connect(tls.getpeercert(binary_form=True) if tls is not None else None)
        self._announced = self._connection.max_concurrent_streams
        self._core.initiate_connection({_MAX_CONCURRENT_STREAMS: self._announced})
        self._core.set_local_window_size(_CONNECTION_WINDOW)
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Forget the requests that nobody waits for any more."""
        self._dead = True
        self._service.connections.discard(self._transport)
        self._streams.clear()

    def data_received(self, data: bytes) -> None:
        """Answer all requests that are complete with these bytes, in one write."""
        if self._dead:
            return
        broken = False
        try:
            self._core.receive_data(data)
        except NGH2Error:
            broken = True
        for event in self._core.events():
            if isinstance(event, DataReceived):
                stream = self._streams.get(event.stream_id)
                if stream is not None:
                    if len(stream.body) < MAX_BODY:
                        stream.body = stream.body + event.data if stream.body else event.data
                    if event.end_stream:
                        self._handle(event.stream_id, stream)
            elif isinstance(event, RequestReceived):
                stream = self._streams[event.stream_id] = _Stream(event.headers)
                if event.end_stream:
                    self._handle(event.stream_id, stream)
            elif isinstance(event, StreamClosed):
                self._streams.pop(event.stream_id, None)
            elif isinstance(event, TrailersReceived):
                stream = self._streams.get(event.stream_id)
                if stream is not None:
                    self._handle(event.stream_id, stream)
        if broken:
            self._transport.close()
            return
        self._flush()

    def _handle(self, stream_id: int, stream: _Stream) -> None:
        if self._dead or stream_id > self._last_allowed:
            return
        headers = stream.headers
        method = path = b""
        pseudo = 0
        for name, value in headers:
            if name[0] != 0x3A:  # a colon: pseudo headers come first
                break
            pseudo += 1
            if name == b":method":
                method = value
            elif name == b":path":
                path = value
        self._serve(
            stream_id,
            SandboxRequest(
                method.decode("latin-1"), path.decode("latin-1"), headers[pseudo:], stream.body, self._connection
            ),
        )

    def _serve(self, stream_id: int, request: SandboxRequest) -> None:
        self._respond(stream_id, self._process(request))

    def _process(self, request: SandboxRequest) -> SandboxResponse:
        """Let the emulator process a request, and return its answer."""
        response = self._service.handle(request)
        if self._connection.max_concurrent_streams != self._announced:
            self._announce_streams()
        return response

    def _announce_streams(self) -> None:
        most = min(self._connection.max_concurrent_streams, self._ceiling)
        if most != self._announced:
            self._announced = most
            self._core.update_settings({_MAX_CONCURRENT_STREAMS: most})

    def _respond(self, stream_id: int, response: SandboxResponse) -> None:
        if response.delay == 0:
            self._answer(stream_id, response)
        elif response.delay is not None:
            self._loop.call_later(response.delay, self._answer_late, stream_id, response)

    def _answer(self, stream_id: int, response: SandboxResponse) -> None:
        head = ((b":status", b"%d" % response.status), *response.headers)
        if response.body:
            self._core.send_response(stream_id, head)
            self._core.send_data(stream_id, response.body, end_stream=True)
        else:
            self._core.send_response(stream_id, head, end_stream=True)

    def _answer_late(self, stream_id: int, response: SandboxResponse) -> None:
        if self._awaits(stream_id):
            self._answer(stream_id, response)
            self._flush()

    def _awaits(self, stream_id: int) -> bool:
        """Whether the client still waits for an answer: neither stream nor connection were closed."""
        return stream_id in self._streams and not self._dead

    def _flush(self) -> None:
        """Write what is to be sent; when that was all that will ever be said, close."""
        if self._dead:
            return
        if data := self._core.data_to_send():
            self._transport.write(data)
        if not self._core.want_read and not self._core.want_write:
            self._transport.close()
