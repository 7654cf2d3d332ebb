"""Whether a channel's provider is asked at all: the breaker, and the pauses for which the provider asks.

One breaker for each channel and way to the provider, shared by all calls. It opens when nothing but faults has come
back for a while: then targets are not tried, and say so at once, but for one now and then that finds out whether the
fault has passed. What concerns one device or one message never counts.
"""

from __future__ import annotations

import asyncio
import enum
import math
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import structlog

from clarion.v1 import channel_pb2, error_pb2, messaging_pb2
from clarion.v1.channel_pb2 import ChannelType
from clarion_server.model import Channel
from clarion_server.providers.contract import Outcome
from clarion_server.transport import Failure, Flow

_log: Any = structlog.get_logger(__name__)

# Channels whose breakers are kept; the least recently used give way.
_MAX_CHANNELS = 10_000
# A request that was given less time than this says more about its caller than about the provider. Seconds.
_PATIENCE = 2.0
# One that has had no answer for so long says something about the provider, whatever becomes of its connection. Seconds.
_LONG = 5.0

# An open breaker that nobody has asked for so long is not shown as one. Seconds.
_FORGOTTEN = 900.0

_FAULTS = frozenset(
    {
        Failure.NAME_NOT_RESOLVED,
        Failure.CONNECT_FAILED,
        Failure.TLS_FAILED,
        Failure.REFUSED,
        Failure.ANSWER_TIMED_OUT,
        Failure.CONNECTION_LOST,
        Failure.STREAM_RESET,
        Failure.PROTOCOL_ERROR,
    }
)
"""Failures that speak against the provider, or the way to it. The others are the caller's time, or our own doing."""


class State(enum.Enum):
    """Of a breaker; the values are what metrics show."""

    CLOSED = 0
    HALF_OPEN = 1
    OPEN = 2


@dataclass(frozen=True, slots=True)
class BreakerSettings:
    """When a breaker opens, and for how long. Times are in seconds.

    Attributes:
        faults: so many in a row open it, …
        span: … if nothing good has come back for so long.
        faults_of_a_loss: a connection that dies, or several together, count as so many faults, however many requests
            were lost with them soon after they were sent: a thousand, or one. The next connection may be well; after
            three in a row that is no longer likely.
        first_pause: before the first request that tries again. Doubles each time.
        longest_pause: the longest such pause.
        probe_interval: between requests that try, while none of them has come back.
        longest_hold: the longest time for which a provider's Retry-After holds up the whole channel; then it is asked
            again.
    """

    faults: int = 10
    span: float = 1.0
    faults_of_a_loss: int = 4
    first_pause: float = 1.0
    longest_pause: float = 30.0
    probe_interval: float = 1.0
    longest_hold: float = 60.0


class Breaker:
    """Of one channel and one way to its provider.

    Args:
        app_id: the channel's.
        channel_type: the channel's.
        settings: when it opens, and for how long.

    Attributes:
        sound: nothing but good answers lately: then a further one need only be noted in `last_good`.
        last_good: `loop.time()` of the latest good answer.
        impeded: False as long as requests just go out: then there is no need to ask `admit`.
        flow: what puts the channel's requests in a queue of their own in the pool.
    """

    def __init__(self, app_id: str, channel_type: ChannelType, settings: BreakerSettings) -> None:
        self.app_id = app_id
        self.channel_type = channel_type
        self.sound = True
        self.last_good = -math.inf
        self.impeded = False
        self.flow = Flow()
        self._settings = settings
        self._loop = asyncio.get_running_loop()
        self._row = 0  # faults since anything good came back
        self._row_since = math.inf
        self._lost_at = -math.inf  # when a connection died last
        self._state = State.CLOSED
        self._opened_at = 0.0
        self._openings = 0  # in a row
        self._until = 0.0  # while it is open: when the next one may try
        self._asked_at = 0.0
        self._held_until = 0.0
        self._watchers: dict[object, Callable[[Outcome], None]] = {}

    @property
    def state(self) -> State:
        """The state now."""
        return self._state

    @property
    def seen_state(self) -> State:
        """The state as it matters to an operator: nobody is kept from sending on a channel that nobody sends on."""
        forgotten = self._loop.time() - self._asked_at > _FORGOTTEN
        return State.CLOSED if forgotten else self._state

    @property
    def used(self) -> bool:
        """Whether the channel has sent lately: whether its state says something about its provider now."""
        return self.seen_state is not State.CLOSED or self._loop.time() - self.last_good <= _FORGOTTEN

    @property
    def held_for(self) -> float:
        """Seconds for which the provider still wants nothing from the channel."""
        return max(0.0, self._held_until - self._loop.time())

    def watch(self, who: object, opened: Callable[[Outcome], None]) -> None:
        """Have `opened` called, with the outcome of all that was not sent, whenever it opens."""
        self._watchers[who] = opened

    def unwatch(self, who: object) -> None:
        """Undo `watch`."""
        self._watchers.pop(who, None)

    def admit(self, now: float) -> Outcome | float | None:
        """Say whether a request may go out now.

        Returns:
            None: it may. A time: not before then. An outcome: that of its target.
        """
        if self._state is not State.CLOSED:
            self._asked_at = now
            if now < self._until:
                return self._refusal(now)
            self._state = State.HALF_OPEN
            self._until = now + self._settings.probe_interval
            return None
        if now < self._held_until:
            return self._held_until
        self.impeded = False
        return None

    def answered(self, now: float, status: int, sent_at: float) -> None:
        """Take the HTTP status of an answer to a request that was put on a connection at `sent_at`."""
        if status >= 500:
            self._fault(now, sent_at, f"status {status}")
            return
        self.last_good = now
        if not self.sound:
            self._recover()

    def failed(self, now: float, failure: Failure, sent_at: float) -> None:
        """Take the failure of a request that was put on a connection at `sent_at`, or queued, if it never was."""
        if failure not in _FAULTS or (failure is Failure.ANSWER_TIMED_OUT and now - sent_at < _PATIENCE):
            return
        weight = 1
        if failure is Failure.CONNECTION_LOST and now - sent_at < _LONG and self._state is State.CLOSED:
            if sent_at <= self._lost_at:
                return
            self._lost_at = now
            weight = self._settings.faults_of_a_loss
        self._fault(now, sent_at, failure.value, weight)

    def hold(self, now: float, seconds: float) -> None:
        """Send nothing on the channel for so long: the provider asks for it."""
        until = now + min(seconds, self._settings.longest_hold)
        if until > self._held_until:
            self._held_until = until
            self.impeded = True

    def throttled(self, now: float) -> Outcome:
        """Return the outcome of a target that has less time than the provider wants to be left alone."""
        return Outcome(
            status=messaging_pb2.DELIVERY_STATUS_THROTTLED,
            reason=error_pb2.ERROR_REASON_NOT_TRIED_THROTTLED,
            origin=messaging_pb2.ORIGIN_GATEWAY,
            message="not tried: the provider asks for a pause that is longer than the time for this target",
            retry_after=max(0.0, self._held_until - now),
        )

    def _refusal(self, now: float) -> Outcome:
        return Outcome(
            status=messaging_pb2.DELIVERY_STATUS_TEMPORARY_FAILURE,
            reason=error_pb2.ERROR_REASON_NOT_TRIED_PROVIDER_FAILING,
            origin=messaging_pb2.ORIGIN_GATEWAY,
            message="not tried: the provider has only failed for a while on this channel; try again after retry_after",
            retry_after=max(0.0, self._until - now),
        )

    def _fault(self, now: float, sent_at: float, what: str, weight: int = 1) -> None:
        if self._state is not State.CLOSED:
            # What was sent before it opened tells nothing new, nor does what the pool has sent again meanwhile.
            if self._state is State.HALF_OPEN and sent_at >= self._opened_at:
                self._open(now, what)
            return
        self.sound = False
        self._row_since = max(min(self._row_since, sent_at), self.last_good)
        self._row += weight
        if self._row >= self._settings.faults and now - self._row_since >= self._settings.span:
            self._open(now, what)

    def _open(self, now: float, what: str) -> None:
        settings = self._settings
        pause = min(settings.longest_pause, settings.first_pause * 2.0 ** min(self._openings, 30))
        self._openings += 1
        self._opened_at = self._asked_at = now
        self._until = now + pause
        self._state = State.OPEN
        self.impeded = True
        _log.warning(
            "the provider is failing: the channel pauses",
            app_id=self.app_id,
            channel_type=channel_pb2.ChannelType.Name(self.channel_type),
            last_fault=what,
            faults_in_a_row=self._row,
            pause=pause,
        )
        refusal = self._refusal(now)
        for opened in list(self._watchers.values()):
            opened(refusal)

    def _recover(self) -> None:
        self.sound = True
        self._row = 0
        self._row_since = math.inf
        if self._state is not State.CLOSED:
            self._state = State.CLOSED
            self._openings = 0
            _log.info(
                "the provider answers again: the channel goes on",
                app_id=self.app_id,
                channel_type=channel_pb2.ChannelType.Name(self.channel_type),
            )


class Breakers:
    """All breakers of a server, by channel and way to its provider.

    A changed channel begins with a new one: a broken credential may have been what looked like a fault.

    Args:
        settings: of each.
    """

    def __init__(self, settings: BreakerSettings | None = None) -> None:
        self._settings = settings or BreakerSettings()
        self._channels: OrderedDict[tuple[str, ChannelType], _OfChannel] = OrderedDict()

    def get(self, channel: Channel, way: object) -> Breaker:
        """Return the breaker of a channel; `way` is the connection pool that carries its requests."""
        key = (channel.app_id, channel.type)
        known = self._channels.get(key)
        if known is None or known.version < channel.version:
            known = self._channels[key] = _OfChannel(channel.version, {})
            if len(self._channels) > _MAX_CHANNELS:
                self._channels.popitem(last=False)
        elif known.version > channel.version:
            # Of a call that has not seen the change yet.
            return Breaker(channel.app_id, channel.type, self._settings)
        self._channels.move_to_end(key)
        breaker = known.by_way.get(way)
        if breaker is None:
            breaker = known.by_way[way] = Breaker(channel.app_id, channel.type, self._settings)
        return breaker

    def ill(self) -> frozenset[ChannelType]:
        """Return the channel types whose provider seems ill: at least half of the channels that are used pause.

        One that pauses among many may be ill by itself, because of its certificate or its way through a proxy.
        """
        paused = Counter(each.channel_type for each in self if each.state is not State.CLOSED and each.used)
        if not paused:
            return frozenset()
        used = Counter(each.channel_type for each in self if each.used)
        return frozenset(kind for kind, count in paused.items() if 2 * count >= used[kind])

    def __iter__(self) -> Iterator[Breaker]:
        """Yield all, those of the most recently used channels first."""
        for known in reversed(self._channels.values()):
            yield from known.by_way.values()


@dataclass(slots=True)
class _OfChannel:
    """The breakers of one state of a channel, by way to its provider; there are as many as it has credentials."""

    version: int
    by_way: dict[object, Breaker]
