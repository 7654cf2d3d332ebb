"""One HTTP/2 connection: socket and timers around a core."""

from __future__ import annotations

import asyncio
import math
import random
import re
import ssl
from json import loads
from typing import cast

from clarion_server.transport.core import (
    CANCEL,
    NO_ERROR,
    REFUSED_STREAM,
    SEND_PIECE,
    Core,
    InvalidRequestError,
    error_name,
    is_known,
)
from clarion_server.transport.exchange import Exchange, Failure, Headers
from clarion_server.transport.pooled import MAX_RESPONSE_BODY, ConnectionOwner
from clarion_server.transport.queue import FairQueue

_LAST_STREAM_ID = 2**31 - 10_000  # ids end at 2**31 - 1; leave room for one more batch


class Connection(asyncio.Protocol):
    """One connection. Its pool gives it exchanges with :meth:`take`; each leaves by a call to the owner.

    Writing is exact about what left: an exchange is handed to the core only when the socket accepts
    data, and the core's output goes to the socket at once. What the core still holds surely did not leave;
    what was handed to the socket may have left.
    """

    multiplexed = True

    def __init__(self, owner: ConnectionOwner, core: Core) -> None:
        self.streams: dict[int, Exchange] = {}
        self.limit = owner.initial_streams
        self.draining = False
        self.settled = False
        """Whether the peer's SETTINGS arrived."""
        self.answered = False
        self.refusal = ""
        """Why the handshake's outcome is of no use, if so."""
        self._owner = owner
        self._core = core
        self._release = owner.waiting.release
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport
        self._check_timer: asyncio.TimerHandle | None = None
        self._refill_timer: asyncio.TimerHandle | None = None
        self._writing_paused = False
        self._closing = False
        self._goaway = ""
        self._end: tuple[Failure, str] | None = None
        self._last_received = self._loop.time()
        self._received_anything = False
        self._waiting_since: float | None = None  # since when the peer owes us a byte
        self._pinged_at: float | None = None
        self._pings = 0
        age = owner.settings.max_connection_age
        self._retire_at = self._loop.time() + age * random.uniform(0.9, 1.0)  # noqa: S311 not a secret

    # --- what the pool calls -----------------------------------------------------------------

    def room(self) -> int:
        """How many more exchanges it takes now."""
        if self.draining or self._writing_paused or self._refill_timer is not None:
            return 0
        return self.limit - len(self.streams)

    def take(self, queue: FairQueue, count: int) -> None:
        """Send up to ``count`` (at most :meth:`room`) exchanges from the head of the queue, in one write."""
        now = self._loop.time()
        streams, submit = self.streams, self._core.submit
        stream_id = 0
        while count > 0 and (taken := queue.take(count)):
            for exchange in taken:
                if exchange.cancelled:
                    self._release(exchange.flow)
                    continue
                if exchange.deadline <= now:
                    self._release(exchange.flow)
                    self._owner.fail(exchange, Failure.NOT_SENT_DEADLINE, "waited for a free stream")
                    continue
                try:
                    stream_id = submit(exchange.headers, exchange.body)
                except InvalidRequestError as error:
                    self._release(exchange.flow)
                    self._owner.fail(exchange, Failure.INVALID_REQUEST, f"{error}; correct its headers")
                    continue
                streams[stream_id] = exchange
                exchange.attempts += 1
                exchange.sent_at = now
                count -= 1
        if not stream_id:
            return
        self._pings = 0
        if self._waiting_since is None:
            self._waiting_since = now
        self._flush()
        if stream_id > _LAST_STREAM_ID:
            self.drain()

    def expire(self, now: float) -> float:
        """Settle all exchanges whose deadline has passed; returns the earliest deadline of the others."""
        late = [stream_id for stream_id, exchange in self.streams.items() if exchange.deadline <= now]
        for stream_id in late:
            exchange = self.streams.pop(stream_id)
            self._release(exchange.flow)
            unsent = self._core.unsent(stream_id)
            self._core.reset(stream_id, CANCEL)
            if exchange.status:
                self._finish_cut_short(exchange, "deadline")
            elif unsent:
                self._owner.fail(exchange, Failure.NOT_SENT_DEADLINE, "the peer did not accept the whole request")
            else:
                self._owner.fail(exchange, Failure.ANSWER_TIMED_OUT, "")
        if late:
            self._flush()
            self._close_if_drained()
            self._owner.refill(self)
        return min((exchange.deadline for exchange in self.streams.values()), default=math.inf)

    def drain(self) -> None:
        """Take no more, finish what is in flight, then close."""
        self._leave(by_peer=False, failure=None, detail="")
        self._close_if_drained()

    def give_up(self, failure: Failure, detail: str) -> None:
        """End the connection at once."""
        self._end = (failure, detail)
        self._settle()
        self._leave(by_peer=True, failure=None if self.settled else Failure.CONNECT_FAILED, detail=detail)
        self._closing = True
        self._transport.abort()

    # --- what asyncio calls ------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin HTTP/2, if TLS agreed on it."""
        self._transport = cast("asyncio.Transport", transport)
        tls: ssl.SSLObject = transport.get_extra_info("ssl_object")
        if tls.selected_alpn_protocol() != "h2":
            self.refusal = "the peer does not offer HTTP/2 (ALPN h2)"
            self.draining = self._closing = True
            self._transport.abort()
            return
        # The TLS layer's buffer lies before the socket's: whatever waits in it means that the socket is full.
        # (With high=0 asyncio's TLS layer would report an empty buffer as full.)
        self._transport.set_write_buffer_limits(high=1, low=0)
        self._schedule_check()
        self._flush()
        self._owner.opened(self)

    def data_received(self, data: bytes) -> None:
        """Pass bytes through the core, then send what became possible, in one write."""
        self._received_anything = True
        self._last_received = self._loop.time()
        self._pinged_at = None
        intact = self._core.receive(data, self)
        self._waiting_since = self._last_received if self.streams else None
        if not intact:
            self.give_up(Failure.PROTOCOL_ERROR, "the peer broke HTTP/2")
            return
        self._owner.refill(self)
        self._flush()
        self._close_if_drained()

    def pause_writing(self) -> None:
        """Keep everything in the queue and in the core until the socket accepts data again."""
        self._writing_paused = True

    def resume_writing(self) -> None:
        """Send what waited."""
        self._writing_paused = False
        self._flush()
        self._owner.refill(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Settle what is left and leave the pool."""
        self._closing = True
        for timer in (self._check_timer, self._refill_timer):
            if timer is not None:
                timer.cancel()
        if self.refusal:
            return
        if self._end is None:
            self._end = self._describe_end(exc)
        failure, detail = self._end
        self._settle()
        if failure is not Failure.TLS_FAILED:
            failure = Failure.CONNECT_FAILED
        self._leave(by_peer=True, failure=None if self.settled else failure, detail=detail)
        self._owner.lost(self)

    # --- what the core calls -----------------------------------------------------------------

    def on_response(self, stream_id: int, headers: Headers, *, ended: bool) -> None:
        """See :class:`CoreHandler`."""
        exchange = self.streams.get(stream_id)
        if exchange is None:
            return
        status = headers[0][1]
        exchange.status = 200 if status == b"200" else int(status)
        exchange.response_headers = headers
        if not self.answered:
            self.answered = True
            self._owner.healthy()
        if ended:
            self._complete(stream_id, exchange)

    def on_data(self, stream_id: int, data: bytes, *, ended: bool) -> None:
        """See :class:`CoreHandler`."""
        exchange = self.streams.get(stream_id)
        if exchange is None:
            return
        if data:
            body = exchange.response_body
            if len(body) < MAX_RESPONSE_BODY:
                exchange.response_body = (body + data if body else data)[:MAX_RESPONSE_BODY]
        if ended:
            self._complete(stream_id, exchange)

    def on_closed(self, stream_id: int, error_code: int, *, by_peer: bool) -> None:
        """See :class:`CoreHandler`."""
        exchange = self.streams.pop(stream_id, None)
        if exchange is None:
            return
        self._release(exchange.flow)
        reason = f"{'RST_STREAM' if by_peer else 'we complained of'} {error_name(error_code)}"
        if exchange.status:
            self._finish_cut_short(exchange, reason)
        elif not by_peer:
            self._owner.in_doubt(exchange, Failure.PROTOCOL_ERROR, reason)
        elif error_code == REFUSED_STREAM:
            self._owner.give_back([exchange], reason)
            if self._refill_timer is None:
                self._refill_timer = self._loop.call_later(self._owner.settings.refused_pause, self._end_pause)
        else:
            self._owner.in_doubt(exchange, Failure.STREAM_RESET, reason)

    def on_goaway(self, last_stream_id: int, error_code: int, debug_data: bytes) -> None:
        """Move what was not processed; what the peer began with may still be answered here."""
        self._goaway = _goaway_reason(error_code, debug_data)
        self._owner.went_away(error_name(error_code) if is_known(error_code) else "unknown", self._goaway)
        moved: list[Exchange] = []
        for stream_id in [stream_id for stream_id in self.streams if stream_id > last_stream_id]:
            exchange = self.streams.pop(stream_id)
            self._release(exchange.flow)
            if exchange.status:
                self._finish_cut_short(exchange, self._goaway)
            else:
                moved.append(exchange)
        self._owner.give_back(moved, self._goaway)
        hopeless = error_code != NO_ERROR and not self.answered
        self._leave(by_peer=True, failure=Failure.REFUSED if hopeless else None, detail=self._goaway)

    def on_settings(self, max_streams: int | None) -> None:
        """Follow the peer's limit, up and down."""
        most = self._owner.policy.max_streams
        if max_streams is not None:
            self.limit = min(max_streams, most)
        elif not self.settled:
            self.limit = most  # RFC 9113, section 6.5.2: there is no limit initially
        self.settled = True

    # --- inside ------------------------------------------------------------------------------

    def _flush(self) -> None:
        """Send all that the socket accepts: normally in one write, large amounts in pieces."""
        size = SEND_PIECE
        while size >= SEND_PIECE and not self._writing_paused and not self._closing:
            data = self._core.data_to_send()
            size = len(data)
            if data:
                self._transport.write(data)

    def _complete(self, stream_id: int, exchange: Exchange) -> None:
        del self.streams[stream_id]
        self._release(exchange.flow)
        self._owner.finish(exchange)

    def _finish_cut_short(self, exchange: Exchange, reason: str) -> None:
        exchange.failure_detail = f"answer cut short: {reason}"
        self._owner.finish(exchange)

    def _settle(self) -> None:
        """Find out for every exchange what its end means when the connection ends now."""
        streams, self.streams = self.streams, {}
        failure, detail = self._end or (Failure.CONNECTION_LOST, "")
        back: list[Exchange] = []
        for stream_id, exchange in streams.items():
            self._release(exchange.flow)
            if exchange.status:
                self._finish_cut_short(exchange, detail)
            elif not failure.ambiguous or self._core.unsent(stream_id):
                back.append(exchange)
            else:
                self._owner.in_doubt(exchange, failure, detail)
        self._owner.give_back(back, detail)

    def _describe_end(self, exc: Exception | None) -> tuple[Failure, str]:
        if isinstance(exc, ssl.SSLError) and not self._received_anything and "ALERT" in (exc.reason or ""):
            # In TLS 1.3 the peer judges our certificate after we consider the handshake done. It has not
            # read any request then: it must verify our Finished before it reads application data.
            return Failure.TLS_FAILED, str(exc.reason).lower().replace("_", " ")
        if self._goaway:
            return Failure.CONNECTION_LOST, f"{self._goaway}, then closed"
        how = "closed by the peer" if exc is None else type(exc).__name__
        return Failure.CONNECTION_LOST, how if self.settled else f"{how} before SETTINGS"

    def _leave(self, *, by_peer: bool, failure: Failure | None, detail: str) -> None:
        if not self.draining:
            self.draining = True
            self._owner.leaving(self, by_peer=by_peer, failure=failure, detail=detail)

    def _close_if_drained(self) -> None:
        if self.draining and not self.streams and not self._closing:
            if not self._goaway:
                self._core.goaway()
            self._flush()
            self._closing = True
            self._transport.close()

    def _end_pause(self) -> None:
        self._refill_timer = None
        self._owner.refill(self)

    def _schedule_check(self) -> None:
        settings = self._owner.settings
        interval = min(settings.idle_ping_after, settings.ping_timeout, settings.idle_timeout) / 4
        self._check_timer = self._loop.call_later(interval, self._check)

    def _check(self) -> None:
        """Ping a connection that is silent though it owes answers; end one that is dead, idle or old."""
        settings, now = self._owner.settings, self._loop.time()
        self._schedule_check()
        if self._pinged_at is not None:
            if now - self._pinged_at >= settings.ping_timeout:
                self.give_up(Failure.CONNECTION_LOST, "silent, PING unanswered")
            return
        if self._waiting_since is not None:
            silent = now - self._waiting_since >= settings.idle_ping_after
            if silent and self._pings < self._owner.policy.max_pings_between_requests:
                self._pings += 1
                self._pinged_at = now
                self._core.ping()
                self._flush()
        elif not self.streams and now - self._last_received >= settings.idle_timeout:
            self.drain()
        if now >= self._retire_at:
            self.drain()


def _goaway_reason(error_code: int, debug_data: bytes) -> str:
    """Describe a GOAWAY. APNs' debug data is JSON with ``reason``, others send plain text."""
    text = debug_data[:1024].decode("ascii", "replace")
    try:
        document = loads(text)
    except ValueError:
        document = None
    if isinstance(document, dict) and isinstance(document.get("reason"), str):
        text = document["reason"]
    # Whatever looks like a token does not belong into logs and results.
    text = re.sub(r"[A-Za-z0-9+/=_:.-]{32,}", "…", re.sub(r"[^ -~]", "?", text))[:100]
    return f"GOAWAY {error_name(error_code)} {text}".rstrip()
