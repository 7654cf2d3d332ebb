"""One HTTP/1.1 connection, for peers that do not offer HTTP/2: one exchange after the other."""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Callable
from typing import cast

import h11

from clarion_server.transport.exchange import Exchange, Failure
from clarion_server.transport.pooled import MAX_RESPONSE_BODY, ConnectionOwner
from clarion_server.transport.queue import FairQueue


class Http1Connection(asyncio.Protocol):
    """One connection with keep-alive. Its pool gives it exchanges with :meth:`take`, one at a time.

    HTTP/1.1 cannot say which requests a peer has not processed. So there are two cases only: what was never handed to
    the socket stays in the pool's queue and goes elsewhere, and what was handed to it and has no answer is in doubt.
    There is no pipelining.
    """

    multiplexed = False
    settled = True
    limit = 1
    refusal = ""

    def __init__(self, owner: ConnectionOwner) -> None:
        self.streams: tuple[Exchange, ...] = ()
        self.draining = False
        self.answered = False
        self._owner = owner
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport
        self._core: h11.Connection | None = None  # of the present exchange
        self._closing = False
        self._ended_by_peer = False  # it sends no more
        self._end: tuple[Failure, str] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._idle_since = self._loop.time()
        self._retire_at = self._idle_since + owner.settings.max_connection_age * random.uniform(0.9, 1.0)  # noqa: S311 not a secret

    # --- what the pool calls -----------------------------------------------------------------

    def room(self) -> int:
        """See :class:`PooledConnection`."""
        busy = self.streams or self.draining or self._ended_by_peer or self._transport.is_closing()
        return 0 if busy else 1

    def take(self, queue: FairQueue, count: int) -> None:
        """See :class:`PooledConnection`."""
        now = self._loop.time()
        release = self._owner.waiting.release
        while count > 0 and not self.streams and (taken := queue.take(1)):
            (exchange,) = taken
            if exchange.cancelled:
                release(exchange.flow)
                continue
            if exchange.deadline <= now:
                release(exchange.flow)
                self._owner.fail(exchange, Failure.NOT_SENT_DEADLINE, "waited for a free connection")
                continue
            core = h11.Connection(h11.CLIENT)
            try:
                data = _request(core, exchange)
            except h11.LocalProtocolError:
                release(exchange.flow)
                # What it says quotes the header, which may be secret.
                self._owner.fail(exchange, Failure.INVALID_REQUEST, "a header that HTTP/1.1 does not allow; correct it")
                continue
            self._core, self.streams = core, (exchange,)
            exchange.attempts += 1
            exchange.sent_at = now
            self._transport.write(data)

    def expire(self, now: float) -> float:
        """See :class:`PooledConnection`. An answer that is late can only be got rid of with its connection."""
        if not self.streams:
            return math.inf
        (exchange,) = self.streams
        if exchange.deadline > now:
            return exchange.deadline
        self.streams = ()
        self._owner.waiting.release(exchange.flow)
        if exchange.status:
            self._finish_cut_short(exchange, "deadline")
        else:
            self._owner.fail(exchange, Failure.ANSWER_TIMED_OUT, "")
        self._abort(by_peer=False)
        return math.inf

    def drain(self) -> None:
        """See :class:`PooledConnection`."""
        self._leave(by_peer=False, failure=None, detail="")
        if not self.streams:
            self._close()

    def give_up(self, failure: Failure, detail: str) -> None:
        """See :class:`PooledConnection`."""
        self._end = (failure, detail)
        self._settle()
        self._abort(by_peer=True, detail=detail)

    # --- what asyncio calls ------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Offer itself to the pool."""
        self._transport = cast("asyncio.Transport", transport)
        self._schedule_check()
        self._owner.opened(self)

    def data_received(self, data: bytes) -> None:
        """Take in a part of an answer."""
        if self._closing:
            return
        if self._core is None:
            self.give_up(Failure.PROTOCOL_ERROR, "the peer sent what nobody asked for")
            return
        self._core.receive_data(data)
        self._read(self._core)

    def eof_received(self) -> None:
        """The peer sends no more: an answer without a length ends here. asyncio closes the connection then."""
        self._ended_by_peer = True
        if self._core is None:
            self._leave(by_peer=True, failure=None, detail="closed by the peer")
        elif not self._closing:
            self._core.receive_data(b"")
            self._read(self._core)

    def connection_lost(self, exc: Exception | None) -> None:
        """Settle what is left and leave the pool."""
        self._closing = True
        if self._timer is not None:
            self._timer.cancel()
        if self._end is None:
            how = "closed by the peer" if exc is None else type(exc).__name__
            self._end = (Failure.CONNECTION_LOST, how)
        used = bool(self.streams)
        self._settle()
        # A connection that closes unused was idle; one that closes instead of answering is an ill peer.
        self._leave(by_peer=True, failure=Failure.CONNECT_FAILED if used else None, detail=self._end[1])
        self._owner.lost(self)

    # --- inside ------------------------------------------------------------------------------

    def _read(self, core: h11.Connection) -> None:
        """Go through what has come, up to the end of the answer or of the bytes."""
        (exchange,) = self.streams
        try:
            while True:
                event = core.next_event()
                if isinstance(event, h11.Response):
                    exchange.status = event.status_code
                    exchange.response_headers = ((b":status", b"%d" % event.status_code), *event.headers)
                    self.answered = True
                    self._owner.healthy()
                elif isinstance(event, h11.Data):
                    if len(exchange.response_body) < MAX_RESPONSE_BODY:
                        exchange.response_body = (exchange.response_body + event.data)[:MAX_RESPONSE_BODY]
                elif isinstance(event, h11.EndOfMessage):
                    self._complete(core, exchange)
                    return
                elif not isinstance(event, h11.InformationalResponse):
                    # NEED_DATA; PAUSED and ConnectionClosed come only after the end of an answer.
                    return
        except h11.RemoteProtocolError:
            # An end in the middle of an answer is a lost connection, which connection_lost tells.
            if not self._ended_by_peer:
                self.give_up(Failure.PROTOCOL_ERROR, "the peer broke HTTP/1.1")

    def _complete(self, core: h11.Connection, exchange: Exchange) -> None:
        reusable = core.our_state is core.their_state is h11.DONE and not core.trailing_data[0]
        self.streams, self._core = (), None
        self._owner.waiting.release(exchange.flow)
        self._idle_since = self._loop.time()
        if not reusable:
            self._leave(by_peer=True, failure=None, detail="the peer keeps no connection")
        self._owner.finish(exchange)
        if self.draining:
            self._close()
        else:
            self._owner.refill(self)

    def _settle(self) -> None:
        streams, self.streams = self.streams, ()
        failure, detail = self._end or (Failure.CONNECTION_LOST, "")
        for exchange in streams:
            self._owner.waiting.release(exchange.flow)
            if exchange.status:
                self._finish_cut_short(exchange, detail)
            else:
                self._owner.in_doubt(exchange, failure, detail)

    def _finish_cut_short(self, exchange: Exchange, reason: str) -> None:
        exchange.failure_detail = f"answer cut short: {reason}"
        self._owner.finish(exchange)

    def _leave(self, *, by_peer: bool, failure: Failure | None, detail: str) -> None:
        if not self.draining:
            self.draining = True
            self._owner.leaving(self, by_peer=by_peer, failure=failure, detail=detail)

    def _close(self) -> None:
        if not self._closing:
            self._closing = True
            self._transport.close()

    def _abort(self, *, by_peer: bool, detail: str = "") -> None:
        self._leave(by_peer=by_peer, failure=None, detail=detail)
        self._closing = True
        self._transport.abort()

    def _schedule_check(self) -> None:
        settings = self._owner.settings
        interval = min(settings.http1_idle_timeout, settings.max_connection_age) / 4
        self._timer = self._loop.call_later(interval, self._check)

    def _check(self) -> None:
        """End a connection that is idle or old: the sooner we close it, the rarer a request meets a peer's close."""
        self._schedule_check()
        now = self._loop.time()
        idle = not self.streams and now - self._idle_since >= self._owner.settings.http1_idle_timeout
        if idle or now >= self._retire_at:
            self.drain()


def _request(core: h11.Connection, exchange: Exchange) -> bytes:
    """Return a whole request as it goes onto the wire.

    Raises:
        h11.LocalProtocolError: it cannot be expressed in HTTP/1.1.
    """
    pseudo = {name: value for name, value in exchange.headers if name.startswith(b":")}
    headers = [(b"host", pseudo.get(b":authority", b""))]
    headers += [(name, value) for name, value in exchange.headers if not name.startswith(b":")]
    headers.append((b"content-length", b"%d" % len(exchange.body)))
    head = h11.Request(method=pseudo.get(b":method", b""), target=pseudo.get(b":path", b""), headers=headers)
    events = (head, h11.Data(data=exchange.body), h11.EndOfMessage())
    return b"".join(core.send(event) or b"" for event in events)


class Negotiation(asyncio.Protocol):
    """A connection on which TLS agrees on the protocol: it becomes the one that was chosen.

    Args:
        make_http2: makes the connection if that is HTTP/2.
        make_http1: if it is HTTP/1.1, or if the peer knows nothing of ALPN.
    """

    def __init__(self, make_http2: Callable[[], asyncio.Protocol], make_http1: Callable[[], asyncio.Protocol]) -> None:
        self._make_http2 = make_http2
        self._make_http1 = make_http1

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Hand the connection over."""
        chosen = transport.get_extra_info("ssl_object").selected_alpn_protocol()
        protocol = self._make_http2() if chosen == "h2" else self._make_http1()
        cast("asyncio.Transport", transport).set_protocol(protocol)
        protocol.connection_made(transport)
