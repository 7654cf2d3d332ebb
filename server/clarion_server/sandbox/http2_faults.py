"""An HTTP/2 connection on which faults strike."""

from __future__ import annotations

import asyncio
import json

from clarion_server.providers.emulation import SandboxRequest, SandboxResponse
from clarion_server.sandbox.fault import Fault, FaultKind
from clarion_server.sandbox.http2 import LAST_STREAM, Http2Connection
from clarion_server.sandbox.listener import reset
from clarion_server.sandbox.service import Service

_INTERNAL_ERROR = 2
_REFUSED_STREAM = 7
# Between the two GOAWAYs of a connection that ends in good order (RFC 9113, section 6.8). Seconds.
_NOTICE = 0.05


class FaultyHttp2Connection(Http2Connection):
    """One HTTP/2 connection of a client, on which the service's faults strike."""

    def __init__(self, service: Service) -> None:
        super().__init__(service)
        self._faults = service.faults
        self._last_processed = 0
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Announce the settings, unless the connection is to be silent."""
        faults = self._faults
        aged = None
        if faults.connections:
            self._dead = faults.strike_connection(FaultKind.SILENT_CONNECTION) is not None
            aged = faults.strike_connection(FaultKind.MAX_AGE)
        super().connection_made(transport)
        if aged is not None:
            self._timer = self._loop.call_later(1.0 if aged.seconds is None else aged.seconds, self._retire, aged)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the requests that nobody waits for any more."""
        if self._timer is not None:
            self._timer.cancel()
        super().connection_lost(exc)

    def _serve(self, stream_id: int, request: SandboxRequest) -> None:
        faults = self._faults
        fault = faults.strike_request(request.path, http2=True) if faults.requests else None
        if fault is not None:
            self._suffer(stream_id, request, fault)
            return
        self._last_processed = max(self._last_processed, stream_id)
        super()._serve(stream_id, request)

    def _suffer(self, stream_id: int, request: SandboxRequest, fault: Fault) -> None:
        """Do to a request what a fault says."""
        if fault.processed:
            self._last_processed = max(self._last_processed, stream_id)
            response = self._process(request)
        else:
            response = self._service.spare(request, fault)
        code = _INTERNAL_ERROR if fault.error_code is None else fault.error_code
        match fault.kind:
            case FaultKind.GOAWAY:
                self._go_away(stream_id, fault)
                if fault.processed:
                    self._respond(stream_id, response)
            case FaultKind.SETTINGS:
                self._ceiling = 1 if fault.max_streams is None else fault.max_streams
                self._announce_streams()
                self._respond(stream_id, response)
            case FaultKind.REFUSED_STREAM:
                self._core.reset_stream(stream_id, _REFUSED_STREAM)
            case FaultKind.STREAM_RESET:
                self._core.reset_stream(stream_id, code)
            case FaultKind.CONNECTION_RESET:
                self._dead = True
                reset(self._transport)
            case FaultKind.HALF_OPEN:
                self._dead = True
            case FaultKind.CUT_BODY:
                self._begin(stream_id, response)
                self._core.send_data(stream_id, response.body[: len(response.body) // 2])
                # Out with it first: a reset takes back what is not yet written.
                self._flush()
                self._core.reset_stream(stream_id, code)
            case FaultKind.SLOW_BODY:
                self._begin(stream_id, response)
                self._drip(stream_id, response.body, 0.02 if fault.seconds is None else fault.seconds)
            case FaultKind.STATUS | FaultKind.HTML:
                self._respond(stream_id, self._service.error(fault) if fault.processed else response)
            case _:  # silence
                pass

    def _begin(self, stream_id: int, response: SandboxResponse) -> None:
        self._core.send_response(stream_id, ((b":status", b"%d" % response.status), *response.headers))

    def _drip(self, stream_id: int, rest: bytes, pause: float) -> None:
        if not self._awaits(stream_id):
            return
        self._core.send_data(stream_id, rest[:1], end_stream=len(rest) <= 1)
        self._flush()
        if len(rest) > 1:
            self._loop.call_later(pause, self._drip, stream_id, rest[1:], pause)

    def _go_away(self, stream_id: int, fault: Fault) -> None:
        """Send GOAWAY; what comes above its last stream id is not processed."""
        last = self._last_processed
        if not fault.processed and last < stream_id:
            # Streams below, whose bodies are still on their way, will be processed: the id may include them.
            last = max(stream_id - 2, 0)
        elif not fault.processed:
            # One above was processed already, so the id must include this one: it is refused on its own.
            self._core.reset_stream(stream_id, _REFUSED_STREAM)
        self._say_goaway(last, fault)

    def _say_goaway(self, last: int, fault: Fault) -> None:
        if last > self._last_allowed:
            return  # it must not rise again
        self._last_allowed = last
        for each in [each for each in self._streams if each > last]:
            del self._streams[each]
        reason = "Shutdown" if fault.reason is None else fault.reason
        self._core.send_goaway(
            fault.error_code or 0, last_stream_id=last, debug_data=json.dumps({"reason": reason}).encode()
        )

    def _retire(self, fault: Fault) -> None:
        """End in good order: a notice, a moment for what is on its way, then the real last stream id."""
        if self._dead or self._last_allowed != LAST_STREAM:
            return
        self._core.send_shutdown_notice()
        self._flush()
        self._timer = self._loop.call_later(_NOTICE, self._retired, fault)

    def _retired(self, fault: Fault) -> None:
        if not self._dead:
            self._say_goaway(max(self._last_processed, *self._streams, 0), fault)
            self._flush()
