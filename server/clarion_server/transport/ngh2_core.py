"""The default core: libnghttp2 through ngh2."""

from __future__ import annotations

from contextlib import suppress

from ngh2 import (
    Configuration,
    Connection,
    ConnectionClosed,
    DataReceived,
    GoAwayReceived,
    ResponseReceived,
    Role,
    SettingsReceived,
    StreamClosed,
    TrailersReceived,
)
from ngh2.exceptions import NGH2Error

from clarion_server.transport.core import CANCEL, RECEIVE_WINDOW, SEND_PIECE, CoreHandler, InvalidRequestError
from clarion_server.transport.exchange import Headers

_ENABLE_PUSH = 2
_MAX_CONCURRENT_STREAMS = 3


class Ngh2Core:
    """Core on ngh2. libnghttp2 does framing, HPACK, flow control and stream states."""

    __slots__ = ("_connection", "_output", "_peer_code", "_violated", "_went_away")

    def __init__(self, initial_streams: int) -> None:
        self._connection = Connection(Role.CLIENT, Configuration(peer_max_concurrent_streams=initial_streams))
        self._connection.initiate_connection({_ENABLE_PUSH: 0})
        self._connection.set_local_window_size(RECEIVE_WINDOW)
        self._output = b""
        self._went_away = False
        self._peer_code = 0
        self._violated = False

    def submit(self, headers: Headers, body: bytes) -> int:
        """See :meth:`Core.submit`."""
        connection = self._connection
        try:
            if not body:
                return connection.send_request(headers, end_stream=True)
            stream_id = connection.send_request(headers)
            connection.send_data(stream_id, body, end_stream=True)
        except (NGH2Error, AttributeError, TypeError, ValueError) as error:
            raise InvalidRequestError(str(error)) from error
        return stream_id

    def receive(self, data: bytes, handler: CoreHandler) -> bool:
        """See :meth:`Core.receive`."""
        connection = self._connection
        try:
            connection.receive_data(data)
        except NGH2Error:
            self._violated = True
        self._dispatch(handler)
        if not connection.can_send_request:
            # After a violation libnghttp2 wants no more requests, as after a GOAWAY of the peer.
            # Between these two only the events of its last output tell the difference.
            self._violated = self._violated or not self._went_away
            self._output += connection.data_to_send()
            self._dispatch(handler)
        return not self._violated

    def _dispatch(self, handler: CoreHandler) -> None:
        # Nothing is submitted while the events are gone through.
        all_sent = self._connection.queued_body_size() == 0
        for event in self._connection.events():
            kind = type(event)
            # Most frequent first: this loop runs some three times per request.
            if kind is ResponseReceived:
                stream_id, ended = event.stream_id, event.end_stream  # type: ignore[attr-defined]
                if ended and not all_sent:
                    self._stop_sending(stream_id)
                handler.on_response(stream_id, event.headers, ended=ended)  # type: ignore[attr-defined]
            elif kind is DataReceived:
                stream_id, ended = event.stream_id, event.end_stream  # type: ignore[attr-defined]
                if ended and not all_sent:
                    self._stop_sending(stream_id)
                handler.on_data(stream_id, event.data, ended=ended)  # type: ignore[attr-defined]
            elif kind is StreamClosed:
                # Of one that is complete it says nothing new.
                if (stream_id := event.stream_id) in handler.streams:  # type: ignore[attr-defined]
                    handler.on_closed(stream_id, event.error_code, by_peer=event.local_error is None)  # type: ignore[attr-defined]
            elif isinstance(event, TrailersReceived):
                self._stop_sending(event.stream_id)
                handler.on_data(event.stream_id, b"", ended=True)
            elif isinstance(event, SettingsReceived):
                handler.on_settings(event.settings.get(_MAX_CONCURRENT_STREAMS))
            elif isinstance(event, GoAwayReceived):
                self._went_away = True
                self._peer_code = event.error_code
                handler.on_goaway(event.last_stream_id, event.error_code, event.debug_data)
            elif isinstance(event, ConnectionClosed):
                self._violated = self._violated or event.error_code not in {0, self._peer_code}

    def _stop_sending(self, stream_id: int) -> None:
        if self.unsent(stream_id):
            self.reset(stream_id, CANCEL)

    def data_to_send(self) -> bytes:
        """See :meth:`Core.data_to_send`."""
        data = self._connection.data_to_send(SEND_PIECE)
        if self._output:
            data, self._output = self._output + data, b""
        return data

    def unsent(self, stream_id: int) -> bool:
        """See :meth:`Core.unsent`."""
        return self._connection.queued_body_size(stream_id) > 0

    def reset(self, stream_id: int, error_code: int) -> None:
        """See :meth:`Core.reset`."""
        with suppress(NGH2Error):  # it, or the whole connection, is over already
            self._connection.reset_stream(stream_id, error_code)

    def ping(self) -> None:
        """See :meth:`Core.ping`."""
        with suppress(NGH2Error):
            self._connection.ping(b"clarion!")

    def goaway(self) -> None:
        """See :meth:`Core.goaway`."""
        with suppress(NGH2Error):
            self._connection.send_goaway()
