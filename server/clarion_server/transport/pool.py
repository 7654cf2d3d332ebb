"""The connections of one origin and the queue before them."""

from __future__ import annotations

import asyncio
import logging
import math
import socket
import ssl
from collections import Counter
from collections.abc import Callable

from clarion_server.transport.connection import Connection
from clarion_server.transport.core import NO_ERROR, Core, error_name
from clarion_server.transport.exchange import NO_FLOW, Exchange, Failure, Flow
from clarion_server.transport.http1 import Http1Connection, Negotiation
from clarion_server.transport.origin import Origin
from clarion_server.transport.pooled import PooledConnection
from clarion_server.transport.queue import FairQueue
from clarion_server.transport.settings import PoolPolicy, TransportSettings
from clarion_server.transport.stats import PoolStats
from clarion_server.transport.tls import client_context

logger = logging.getLogger(__name__)

MAX_RETURNS = 5
"""How often an exchange that was surely not processed is sent elsewhere."""
MAX_ATTEMPTS_IN_DOUBT = 3
"""How often an exchange that allows it is sent in all when it may have been processed."""
_CONNECTING_GRACE = 0.5
# So many go to one connection before a second one gets any: each write costs as much as sending dozens of requests.
_TOGETHER = 64
_NO_ERROR = error_name(NO_ERROR)


class Pool:
    """Sends exchanges to one origin. Belongs to the event loop it was made in; made by :class:`Transport`.

    Exchanges wait in a queue, first in, first out within a flow, and connections pull from it as they have room.
    """

    def __init__(
        self, origin: Origin, settings: TransportSettings, policy: PoolPolicy, make_core: Callable[[int], Core]
    ) -> None:
        self.settings = settings
        self.policy = policy
        # In TLS 1.3 the peer judges our certificate after we consider the handshake done: a request that
        # was sent at once would be in doubt if the connection then ended. Its SETTINGS show that it agreed.
        self.initial_streams = 0 if origin.tls.client_certificate else policy.initial_streams
        self._origin = origin
        self._name = f"{origin.host}:{origin.port}"
        self._make_core = make_core
        self._loop = asyncio.get_running_loop()
        self._context: ssl.SSLContext | None = None
        self.waiting = self._queue = FairQueue()
        self._flow = Flow()  # of exchanges that have none
        self._live: list[PooledConnection] = []
        self._draining: set[PooledConnection] = set()
        self._connecting: asyncio.Task[None] | None = None
        self._pump_scheduled = False
        self._grow_timer: asyncio.TimerHandle | None = None
        self._backed_up_since: float | None = None
        self._failures = 0  # attempts in a row that brought no answer
        self._not_before = 0.0  # end of the cool-down
        self._deadline_timer: asyncio.TimerHandle | None = None
        self._wake_at = (
            math.inf
        )  # when deadlines are looked at next; never after the earliest by more than the interval
        self._closed = False
        self._all_lost = asyncio.Event()
        self._counted = PoolStats()

    # --- for callers -------------------------------------------------------------------------

    def submit(self, exchange: Exchange) -> None:
        """Queue an exchange. Never blocks, never raises; whatever happens, ``exchange.done()`` comes later."""
        if self._closed:
            self._loop.call_soon(self.fail, exchange, Failure.POOL_CLOSED, "")
            return
        if exchange.flow is NO_FLOW:
            exchange.flow = self._flow
        self._queue.append(exchange)
        if exchange.deadline < self._wake_at:
            self._wake_by(exchange.deadline)
        if not self._pump_scheduled:
            self._schedule_pump()

    @property
    def pending(self) -> int:
        """Exchanges queued or in flight."""
        return self._queue.waiting + self._in_flight()

    def stats(self) -> PoolStats:
        """Return the present counts, as a copy."""
        counted = self._counted
        return PoolStats(
            connections=len(self._live),
            draining=len(self._draining),
            in_flight=self._in_flight(),
            queued=self._queue.waiting,
            opened=counted.opened,
            failed=counted.failed,
            lost=counted.lost,
            goaways=Counter(counted.goaways),
            returned=counted.returned,
            last_goaway=counted.last_goaway,
        )

    def retire(self, reason: str) -> None:
        """Let the present connections finish what they began; what waits goes to new ones."""
        logger.info("connections to %s retire: %s", self._name, reason)
        for connection in list(self._live):
            connection.drain()
        self._schedule_pump()

    def close_to_new(self) -> None:
        """Fail with ``POOL_CLOSED`` whatever is submitted from now on."""
        self._closed = True

    async def aclose(self, grace: float) -> None:
        """Take nothing more, fail what waits, give what is in flight ``grace`` seconds, then end it."""
        self._closed = True
        self._fail_queue(Failure.POOL_CLOSED, "")
        connecting = [self._connecting] if self._connecting is not None else []
        for connection in list(self._live):
            connection.drain()
        try:
            async with asyncio.timeout(grace):
                if connecting:
                    await asyncio.wait(connecting)
                await self._wait_until_lost()
        except TimeoutError:
            if connecting:
                # A cancelled attempt loses a socket that connected in the same moment: rather wait a little.
                await asyncio.wait(connecting, timeout=_CONNECTING_GRACE)
                connecting[0].cancel()
                await asyncio.wait(connecting)
            for connection in [*self._live, *self._draining]:
                connection.give_up(Failure.CONNECTION_LOST, "the transport was closed")
            await self._wait_until_lost()
        for timer in (self._grow_timer, self._deadline_timer):
            if timer is not None:
                timer.cancel()

    # --- for connections (ConnectionOwner) ---------------------------------------------------

    def opened(self, connection: PooledConnection) -> None:
        """See :class:`ConnectionOwner`."""
        self._counted.opened += 1
        self._live.append(connection)
        self._schedule_pump()
        if self._closed:
            self._loop.call_soon(connection.drain)
        logger.info("connected to %s (%d connections)", self._name, len(self._live))

    def refill(self, connection: PooledConnection) -> None:
        """See :class:`ConnectionOwner`."""
        queue = self._queue
        if queue.shared:
            self._share()
        if queue:
            room = connection.room()
            if room > 0:
                connection.take(queue, room)
            self._grow()

    def healthy(self) -> None:
        """See :class:`ConnectionOwner`."""
        self._failures = 0
        self._not_before = 0.0

    def leaving(self, connection: PooledConnection, *, by_peer: bool, failure: Failure | None, detail: str) -> None:
        """See :class:`ConnectionOwner`."""
        self._live.remove(connection)
        self._draining.add(connection)
        if by_peer:
            self._counted.lost += 1
            logger.info("connection to %s ends: %s", self._name, detail)
            if not connection.answered:
                self._cool_down(failure, detail)
        self._schedule_pump()

    def lost(self, connection: PooledConnection) -> None:
        """See :class:`ConnectionOwner`."""
        self._draining.discard(connection)
        if not self._draining and not self._live:
            self._all_lost.set()

    def went_away(self, code: str, reason: str) -> None:
        """See :class:`ConnectionOwner`."""
        self._counted.goaways[code] += 1
        self._counted.last_goaway = reason
        level = logging.INFO if code == _NO_ERROR else logging.WARNING
        logger.log(level, "%s says %s", self._name, reason)

    def finish(self, exchange: Exchange) -> None:
        """See :class:`ConnectionOwner`."""
        try:
            exchange.done()
        except Exception:
            logger.exception("done() of an exchange with %s raised", self._name)

    def fail(self, exchange: Exchange, failure: Failure, detail: str) -> None:
        """See :class:`ConnectionOwner`."""
        exchange.failure = failure
        exchange.failure_detail = detail
        self.finish(exchange)

    def give_back(self, exchanges: list[Exchange], reason: str) -> None:
        """See :class:`ConnectionOwner`."""
        self._counted.returned += len(exchanges)
        for exchange in reversed(exchanges):
            exchange.returns += 1
            if self._closed:
                self.fail(exchange, Failure.POOL_CLOSED, reason)
            elif exchange.returns > MAX_RETURNS:
                self.fail(exchange, Failure.REFUSED, reason)
            else:
                self._queue.appendleft(exchange)
        self._schedule_pump()

    def in_doubt(self, exchange: Exchange, failure: Failure, detail: str) -> None:
        """See :class:`ConnectionOwner`."""
        if exchange.repeat_ambiguous and exchange.attempts < MAX_ATTEMPTS_IN_DOUBT and not self._closed:
            exchange.doubt = failure
            self._queue.appendleft(exchange)
            self._schedule_pump()
        else:
            self.fail(exchange, failure, detail)

    # --- giving out --------------------------------------------------------------------------

    def _schedule_pump(self) -> None:
        if not self._pump_scheduled:
            self._pump_scheduled = True
            self._loop.call_soon(self._pump)

    def _pump(self) -> None:
        """Spread the queue over the connections, the least busy first."""
        self._pump_scheduled = False
        queue = self._queue
        if queue.shared:
            self._share()
        ready = [connection for connection in self._live if connection.room() > 0]
        while queue and ready:
            ready.sort(key=_load)
            share = max(-(-len(queue) // len(ready)), _TOGETHER)
            for connection in ready:
                connection.take(queue, min(share, connection.room()))
            ready = [connection for connection in ready if connection.room() > 0]
        self._grow()

    def _share(self) -> None:
        """Tell the queue how many streams the flows share."""
        self._queue.share(sum(connection.limit for connection in self._live))

    def _grow(self) -> None:
        """Open a connection if there is none, or if all have been full for a while. One at a time."""
        if not self._queue.waiting or self._closed:
            self._backed_up_since = None
            return
        one_at_a_time = any(not connection.multiplexed for connection in self._live)
        most = self.policy.max_http1_connections if one_at_a_time else self.settings.max_connections
        if self._connecting is not None or len(self._live) >= most:
            return
        now = self._loop.time()
        due = self._not_before
        if self._live and not one_at_a_time:
            if not all(connection.settled for connection in self._live):
                return  # its SETTINGS will tell how much it takes
            if self._backed_up_since is None:
                self._backed_up_since = now
            due = max(due, self._backed_up_since + self.settings.grow_after)
        if now >= due:
            self._backed_up_since = None
            self._connecting = self._loop.create_task(self._connect())
        elif self._grow_timer is None:
            self._grow_timer = self._loop.call_at(due, self._grow_later)

    def _grow_later(self) -> None:
        self._grow_timer = None
        self._schedule_pump()

    async def _connect(self) -> None:
        try:
            failure, detail = await self._try_connect()
        finally:
            self._connecting = None
        if failure is not None:
            self._counted.failed += 1
            logger.warning("connecting to %s failed: %s (%s)", self._name, failure.value, detail)
            self._cool_down(failure, detail)
        self._schedule_pump()

    async def _try_connect(self) -> tuple[Failure | None, str]:
        settings, origin = self.settings, self._origin
        try:
            if self._context is None:
                self._context = await asyncio.to_thread(client_context, origin.tls, http1=self.policy.http1)
        except (OSError, ValueError) as error:
            return Failure.TLS_FAILED, f"CA file or client certificate cannot be loaded: {_describe(error)}"
        try:
            async with asyncio.timeout(settings.connect_timeout):
                _, protocol = await self._loop.create_connection(
                    self._new_connection,
                    origin.host,
                    origin.port,
                    ssl=self._context,
                    server_hostname=origin.host,
                    ssl_handshake_timeout=settings.connect_timeout,
                    ssl_shutdown_timeout=settings.shutdown_timeout,
                    happy_eyeballs_delay=0.25,
                )
        except TimeoutError:
            return Failure.CONNECT_FAILED, "timed out"
        except ssl.SSLError as error:
            return Failure.TLS_FAILED, _describe(error)
        except (socket.gaierror, UnicodeError) as error:
            return Failure.NAME_NOT_RESOLVED, _describe(error)
        except OSError as error:
            return Failure.CONNECT_FAILED, _describe(error)
        if isinstance(protocol, Connection) and protocol.refusal:
            return Failure.TLS_FAILED, protocol.refusal
        return None, ""

    def _new_connection(self) -> asyncio.Protocol:
        def http2() -> Connection:
            return Connection(self, self._make_core(self.initial_streams))

        return Negotiation(http2, lambda: Http1Connection(self)) if self.policy.http1 else http2()

    def _cool_down(self, failure: Failure | None, detail: str) -> None:
        """Wait longer after each attempt that brought nothing; do not let requests wait for a hopeless peer."""
        settings = self.settings
        self._failures += 1
        pause = min(settings.max_cool_down, settings.min_cool_down * 2.0 ** min(self._failures - 1, 30))
        self._not_before = self._loop.time() + pause
        if failure is not None and self._failures >= settings.connect_attempts and not self._live:
            self._fail_queue(failure, detail)

    # --- deadlines and the end ---------------------------------------------------------------

    def _wake_by(self, deadline: float) -> None:
        """Look at the deadlines when this one has passed; on a grid, so that few looks serve many deadlines."""
        interval = self.settings.deadline_interval
        when = math.ceil(max(deadline, self._loop.time()) / interval) * interval
        if when >= self._wake_at:
            return
        if self._deadline_timer is not None:
            self._deadline_timer.cancel()
        self._wake_at = when
        self._deadline_timer = self._loop.call_at(when, self._expire)

    def _expire(self) -> None:
        self._deadline_timer = None
        self._wake_at = math.inf
        now = self._loop.time()
        late: list[Exchange] = []  # failed below: done() may submit more
        earliest = math.inf
        for exchange in self._queue.clear():
            if exchange.deadline <= now:
                late.append(exchange)
            elif not exchange.cancelled:
                earliest = min(earliest, exchange.deadline)
                self._queue.append(exchange)
        for exchange in late:
            if not exchange.cancelled:
                self.fail(exchange, Failure.NOT_SENT_DEADLINE, "waited for a connection with a free stream")
        for connection in [*self._live, *self._draining]:
            earliest = min(earliest, connection.expire(now))
        if earliest < self._wake_at:
            self._wake_by(earliest)

    def _fail_queue(self, failure: Failure, detail: str) -> None:
        for exchange in self._queue.clear():
            if not exchange.cancelled:
                self.fail(exchange, failure, detail)

    def _in_flight(self) -> int:
        return sum(len(connection.streams) for connection in (*self._live, *self._draining))

    async def _wait_until_lost(self) -> None:
        while self._live or self._draining:
            self._all_lost.clear()
            await self._all_lost.wait()


def _load(connection: PooledConnection) -> int:
    return len(connection.streams)


def _describe(error: Exception) -> str:
    """Say what went wrong without the addresses that the texts of socket errors contain."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    if isinstance(error, ssl.SSLError):
        return str(error.reason or "handshake failed").lower().replace("_", " ")
    if isinstance(error, OSError) and error.strerror and error.errno is not None and "(" not in error.strerror:
        return error.strerror
    if type(error) is OSError:
        return "no address of the host accepts connections"
    return type(error).__name__
