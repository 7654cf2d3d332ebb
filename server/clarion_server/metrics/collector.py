"""What is shown: made at each scrape from what the server counts anyway."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate, islice

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from clarion.v1.channel_pb2 import ChannelType, CredentialKind
from clarion.v1.error_pb2 import ErrorReason
from clarion.v1.messaging_pb2 import DeliveryStatus
from clarion_server.ports import ExpiringCredential
from clarion_server.sending.breaker import Breaker
from clarion_server.sending.meter import LATENCY_BOUNDS, Meter
from clarion_server.transport import PoolStats

MAX_CHANNELS = 500
"""The most series with an app's id, for each metric that has one. Those that need attention come first."""

_PROVIDERS = {"APNS": "apns", "FCM": "fcm", "ADM": "adm", "BAIDU": "baidu"}


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the numbers come from. All are read in the event loop.

    Attributes:
        version: the server's.
        meter: counts of the send path.
        in_flight: targets without a result, by channel type.
        breakers: of all channels.
        pools: of the send engine: host and port, and counts; several pools may have the same.
        calls: ended calls, by method and gRPC code.
        calls_running: calls that run, by method.
        expiring: credentials that expire, the soonest first.
    """

    version: str
    meter: Meter
    in_flight: Callable[[], Mapping[ChannelType, int]]
    breakers: Iterable[Breaker]
    pools: Callable[[], Iterable[tuple[str, PoolStats]]]
    calls: Mapping[tuple[str, str], int]
    calls_running: Mapping[str, int]
    expiring: Callable[[], Collection[ExpiringCredential]]


class ServerCollector(Collector):
    """All metrics of a server."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    def collect(self) -> Iterator[Metric]:
        """Yield every metric."""
        yield InfoMetricFamily("clarion_build", "The server's version.", value={"version": self._sources.version})
        yield from self._sending()
        yield from self._channels()
        yield from self._connections()
        yield from self._calls()

    def _sending(self) -> Iterator[Metric]:
        meter = self._sources.meter
        results = CounterMetricFamily(
            "clarion_results",
            "Targets that have their result.",
            labels=["provider", "channel_type", "status", "reason"],
        )
        for (channel_type, status, reason), count in list(meter.results.items()):
            name = _channel_type(channel_type)
            labels = [_provider(name), name, _status(status), _reason(reason)]
            results.add_metric(labels, count)
        yield results
        attempts = CounterMetricFamily(
            "clarion_attempts", "Requests put on a connection to a provider.", labels=["provider", "channel_type"]
        )
        for channel_type, count in list(meter.attempts.items()):
            attempts.add_metric(_both(channel_type), count)
        yield attempts
        retries = CounterMetricFamily(
            "clarion_retries",
            "Targets tried again, by the reason of the try before.",
            labels=["provider", "channel_type", "reason"],
        )
        for (channel_type, reason), count in list(meter.retries.items()):
            retries.add_metric([*_both(channel_type), _reason(reason)], count)
        yield retries
        latency = HistogramMetricFamily(
            "clarion_answer_seconds",
            "Time from when a request is ready to the provider's answer; waiting for a free stream included.",
            labels=["provider", "channel_type"],
        )
        for channel_type, each in list(meter.latency.items()):
            bounds = [*(f"{bound:g}" for bound in LATENCY_BOUNDS), "+Inf"]
            buckets = list(zip(bounds, accumulate(each.counts), strict=True))
            latency.add_metric(_both(channel_type), buckets, each.total)
        yield latency
        in_flight = GaugeMetricFamily(
            "clarion_targets_in_flight",
            "Targets taken in whose result is not known yet.",
            labels=["provider", "channel_type"],
        )
        for channel_type, count in self._sources.in_flight().items():
            in_flight.add_metric(_both(channel_type), count)
        yield in_flight

    def _channels(self) -> Iterator[Metric]:
        labels = ["app_id", "channel_type"]
        # A channel has one for each credential that it has sent with: the one that is least well counts.
        worst_of: dict[tuple[str, ChannelType], Breaker] = {}
        by_type: defaultdict[tuple[str, str], int] = defaultdict(int)
        for breaker in self._sources.breakers:
            key = (breaker.app_id, breaker.channel_type)
            if key not in worst_of or breaker.seen_state.value > worst_of[key].seen_state.value:
                worst_of[key] = breaker
        for breaker in worst_of.values():
            by_type[_channel_type(breaker.channel_type), breaker.seen_state.name.lower()] += 1
        counts = GaugeMetricFamily(
            "clarion_breakers", "Channels by the state of their breaker.", labels=["channel_type", "state"]
        )
        for (name, state), count in by_type.items():
            counts.add_metric([name, state], count)
        yield counts
        states = GaugeMetricFamily(
            "clarion_breaker_state",
            f"Of a channel's breaker: 0 closed, 1 half open, 2 open. At most {MAX_CHANNELS}, the open ones first.",
            labels=labels,
        )
        held = GaugeMetricFamily(
            "clarion_channel_held_seconds",
            "Seconds for which the provider wants nothing from the channel (Retry-After).",
            labels=labels,
        )
        worst = sorted(worst_of.values(), key=lambda each: -each.seen_state.value)
        for breaker in islice(worst, MAX_CHANNELS):
            states.add_metric([breaker.app_id, _channel_type(breaker.channel_type)], breaker.seen_state.value)
        for breaker in islice((each for each in worst_of.values() if each.held_for), MAX_CHANNELS):
            held.add_metric([breaker.app_id, _channel_type(breaker.channel_type)], breaker.held_for)
        yield states
        yield held
        expiry = GaugeMetricFamily(
            "clarion_credential_expiry_timestamp_seconds",
            f"When a credential expires, in seconds since the epoch. At most {MAX_CHANNELS}, the soonest first.",
            labels=[*labels, "credential"],
        )
        for each in islice(self._sources.expiring(), MAX_CHANNELS):
            credential = _short(CredentialKind.Name, each.kind, "CREDENTIAL_KIND_")
            expiry.add_metric([each.app_id, _channel_type(each.type), credential], each.expire_time.timestamp())
        yield expiry

    def _connections(self) -> Iterator[Metric]:
        sums: defaultdict[str, PoolStats] = defaultdict(PoolStats)
        pools: defaultdict[str, int] = defaultdict(int)
        for host, stats in self._sources.pools():
            pools[host] += 1
            total = sums[host]
            for field in (*_GAUGES, *_COUNTERS):
                setattr(total, field, getattr(total, field) + getattr(stats, field))
            total.goaways.update(stats.goaways)
        number = GaugeMetricFamily("clarion_pools", "Connection pools by provider host.", labels=["host"])
        for host, count in pools.items():
            number.add_metric([host], count)
        yield number
        for field, text in _GAUGES.items():
            gauge = GaugeMetricFamily(f"clarion_pool_{field}", text, labels=["host"])
            for host, total in sums.items():
                gauge.add_metric([host], getattr(total, field))
            yield gauge
        for field, text in _COUNTERS.items():
            counter = CounterMetricFamily(f"clarion_pool_{field}", text, labels=["host"])
            for host, total in sums.items():
                counter.add_metric([host], getattr(total, field))
            yield counter
        goaways = CounterMetricFamily(
            "clarion_pool_goaways", "GOAWAY frames received, by error code.", labels=["host", "code"]
        )
        for host, total in sums.items():
            for code, count in total.goaways.items():
                goaways.add_metric([host, code], count)
        yield goaways

    def _calls(self) -> Iterator[Metric]:
        ended = CounterMetricFamily("clarion_calls", "Ended calls.", labels=["method", "code"])
        for (method, code), count in list(self._sources.calls.items()):
            ended.add_metric([method, code], count)
        yield ended
        running = GaugeMetricFamily("clarion_calls_running", "Calls that run.", labels=["method"])
        for method, count in list(self._sources.calls_running.items()):
            running.add_metric([method], count)
        yield running


_GAUGES = {
    "connections": "Connections that take requests.",
    "draining": "Connections that only finish what they began.",
    "in_flight": "Requests on a connection.",
    "queued": "Requests that wait for a connection or a free stream.",
}
_COUNTERS = {
    "opened": "Connections opened.",
    "failed": "Attempts to connect that failed.",
    "lost": "Connections that ended other than by our wish.",
    "returned": "Times a request came back unprocessed and was sent elsewhere.",
}


def _short(name: Callable[[int], str], number: int, prefix: str) -> str:
    try:
        return name(number).removeprefix(prefix)
    except ValueError:
        return "UNKNOWN"


def _channel_type(number: ChannelType) -> str:
    return _short(ChannelType.Name, number, "CHANNEL_TYPE_")


def _provider(channel_type: str) -> str:
    return _PROVIDERS.get(channel_type.partition("_")[0], "none")


def _both(number: ChannelType) -> list[str]:
    name = _channel_type(number)
    return [_provider(name), name]


def _status(number: DeliveryStatus) -> str:
    return _short(DeliveryStatus.Name, number, "DELIVERY_STATUS_")


def _reason(number: ErrorReason) -> str:
    return _short(ErrorReason.Name, number, "ERROR_REASON_") if number else ""
