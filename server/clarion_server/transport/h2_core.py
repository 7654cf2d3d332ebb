"""The spare core: h2, pure Python, mature and slow."""

from __future__ import annotations

from contextlib import suppress

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    DataReceived,
    Event,
    RemoteSettingsChanged,
    ResponseReceived,
    StreamReset,
    TrailersReceived,
)
from h2.exceptions import H2Error, StreamClosedError
from h2.settings import SettingCodes
from hpack.exceptions import HPACKError

from clarion_server.transport.core import CANCEL, RECEIVE_WINDOW, SEND_PIECE, CoreHandler, InvalidRequestError
from clarion_server.transport.exchange import Headers

_FRAME_HEADER = 9
_GOAWAY = 0x7


class H2Core:
    """Core on h2.

    Two things h2 leaves to its user are done here: bodies wait for the peer's flow-control window, and
    GOAWAY frames are taken out of the input, because h2 shuts the whole connection at the first one,
    though streams up to its last id still get their answers (RFC 9113, section 6.8).
    """

    def __init__(self, initial_streams: int) -> None:
        # The caller keeps to the stream limit; h2 learns the peer's from its SETTINGS.
        del initial_streams
        self._connection = H2Connection(H2Configuration(client_side=True, header_encoding=None))
        self._connection.local_settings[SettingCodes.ENABLE_PUSH] = 0
        self._connection.initiate_connection()
        self._connection.increment_flow_control_window(RECEIVE_WINDOW - self._connection.inbound_flow_control_window)
        self._bodies: dict[int, memoryview] = {}
        self._input = bytearray()

    def submit(self, headers: Headers, body: bytes) -> int:
        """See :meth:`Core.submit`."""
        try:
            stream_id = self._connection.get_next_available_stream_id()
            self._connection.send_headers(stream_id, headers, end_stream=not body)
        except (H2Error, AttributeError, TypeError, ValueError) as error:
            raise InvalidRequestError(str(error)) from error
        if body:
            self._bodies[stream_id] = memoryview(body)
        return stream_id

    def receive(self, data: bytes, handler: CoreHandler) -> bool:
        """See :meth:`Core.receive`."""
        self._input += data
        start = 0
        while len(self._input) - start >= _FRAME_HEADER:
            end = start + _FRAME_HEADER + int.from_bytes(self._input[start : start + 3])
            # h2 itself judges a frame that is larger than allowed, by its header.
            oversized = end - start - _FRAME_HEADER > self._connection.max_inbound_frame_size
            if end > len(self._input) and not oversized:
                break
            frame = bytes(self._input[start:end])
            start = end
            if not self._receive_frame(frame, handler):
                return False
        del self._input[:start]
        return True

    def _receive_frame(self, frame: bytes, handler: CoreHandler) -> bool:
        if frame[3] == _GOAWAY and len(frame) >= _FRAME_HEADER + 8:
            last_stream_id = int.from_bytes(frame[9:13]) & 0x7FFFFFFF
            handler.on_goaway(last_stream_id, int.from_bytes(frame[13:17]), frame[17:])
            return True
        try:
            events = self._connection.receive_data(frame)
        except (H2Error, HPACKError):
            return False
        for event in events:
            self._dispatch(event, handler)
        return True

    def _dispatch(self, event: Event, handler: CoreHandler) -> None:
        if isinstance(event, ResponseReceived):
            handler.on_response(event.stream_id, tuple(event.headers), ended=self._ends(event))
        elif isinstance(event, DataReceived):
            if event.flow_controlled_length:
                self._connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            handler.on_data(event.stream_id, event.data, ended=self._ends(event))
        elif isinstance(event, TrailersReceived):
            handler.on_data(event.stream_id, b"", ended=self._ends(event))
        elif isinstance(event, StreamReset):
            handler.on_closed(event.stream_id, int(event.error_code), by_peer=event.remote_reset)
            self._bodies.pop(event.stream_id, None)
        elif isinstance(event, RemoteSettingsChanged):
            changed = event.changed_settings.get(SettingCodes.MAX_CONCURRENT_STREAMS)
            handler.on_settings(None if changed is None else changed.new_value)

    def _ends(self, event: ResponseReceived | DataReceived | TrailersReceived) -> bool:
        """Return whether an answer ends with this; the rest of its request is not sent then."""
        if event.stream_ended is None:
            return False
        if self.unsent(event.stream_id):
            self.reset(event.stream_id, CANCEL)
        return True

    def data_to_send(self) -> bytes:
        """See :meth:`Core.data_to_send`."""
        room = SEND_PIECE
        for stream_id in list(self._bodies):
            room = min(room, self._connection.outbound_flow_control_window)
            if room <= 0:
                break
            room -= self._send_body(stream_id, room)
        return self._connection.data_to_send()

    def _send_body(self, stream_id: int, room: int) -> int:
        """Frame as much of a body as its window and ``room`` allow; returns how much that was."""
        body = self._bodies[stream_id]
        sent = 0
        try:
            while sent < len(body):
                window = self._connection.local_flow_control_window(stream_id)
                size = min(window, self._connection.max_outbound_frame_size, room - sent, len(body) - sent)
                if size <= 0:
                    self._bodies[stream_id] = body[sent:]
                    return sent
                end = sent + size
                self._connection.send_data(stream_id, bytes(body[sent:end]), end_stream=end == len(body))
                sent = end
        except StreamClosedError:
            pass  # it was reset; the handler has heard or will hear of it
        del self._bodies[stream_id]
        return sent

    def unsent(self, stream_id: int) -> bool:
        """See :meth:`Core.unsent`."""
        return stream_id in self._bodies

    def reset(self, stream_id: int, error_code: int) -> None:
        """See :meth:`Core.reset`."""
        self._bodies.pop(stream_id, None)
        with suppress(H2Error):  # it, or the whole connection, is over already
            self._connection.reset_stream(stream_id, error_code)

    def ping(self) -> None:
        """See :meth:`Core.ping`."""
        with suppress(H2Error):
            self._connection.ping(b"clarion!")

    def goaway(self) -> None:
        """See :meth:`Core.goaway`."""
        with suppress(H2Error):
            self._connection.close_connection()
