"""Metrics as text: of one process, or of several as if they were one."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

# Of a gauge, the processes' values are added; of these the largest is taken: they tell of something that all of them
# see, and the worst that one sees counts.
LARGEST = frozenset(
    {
        "clarion_build_info",
        "clarion_breaker_state",
        "clarion_channel_held_seconds",
        "clarion_credential_expiry_timestamp_seconds",
    }
)
# Their samples only ever grow in a process.
_GROWING = frozenset({"counter", "histogram"})


class _Key(NamedTuple):
    family: str
    name: str
    labels: tuple[tuple[str, str], ...]


class _Family(NamedTuple):
    documentation: str
    type: str


_Samples = dict[_Key, float]


def render(collector: Collector) -> bytes:
    """Return a collector's metrics as text."""
    registry = CollectorRegistry()
    registry.register(collector)
    return generate_latest(registry)


class Summing:
    """Sums the pages of processes so that what only grows never falls, though processes end and begin.

    What one that ended counted after its last page is lost.
    """

    def __init__(self) -> None:
        self._families: dict[str, _Family] = {}
        self._seen: dict[int, _Samples] = {}
        self._ended: _Samples = {}

    def render(self, pages: Mapping[int, bytes], running: Collection[int], *, away: int, restarts: int) -> bytes:
        """Return the sum of pages.

        Args:
            pages: by process id. Of a process that runs and has none here, what it counted before goes on counting.
            running: ids of all processes that run.
            away: how many that should serve gave no page.
            restarts: how often a process was started anew.
        """
        gauges: _Samples = {}
        for pid, page in pages.items():
            self._seen[pid] = self._read(page, gauges)
        for pid in self._seen.keys() - set(running):
            _add(self._ended, self._seen.pop(pid))
        total = dict(self._ended)
        for seen in self._seen.values():
            _add(total, seen)
        return render(_Sum(self._families, {**total, **gauges}, serving=len(pages), away=away, restarts=restarts))

    def _read(self, page: bytes, gauges: _Samples) -> _Samples:
        """Return the samples of a page that only grow, and put the others into `gauges`."""
        growing: _Samples = {}
        for family in text_string_to_metric_families(page.decode()):
            self._families[family.name] = _Family(family.documentation, family.type)
            for sample in family.samples:
                key = _Key(family.name, sample.name, tuple(sample.labels.items()))
                if family.type in _GROWING:
                    growing[key] = sample.value
                elif family.name in LARGEST:
                    gauges[key] = max(gauges.get(key, sample.value), sample.value)
                else:
                    gauges[key] = gauges.get(key, 0) + sample.value
        return growing


class _Sum(Collector):
    """The sum, and how the workers are."""

    def __init__(
        self, families: Mapping[str, _Family], samples: Mapping[_Key, float], *, serving: int, away: int, restarts: int
    ) -> None:
        self._families = families
        self._samples = samples
        self._serving = serving
        self._away = away
        self._restarts = restarts

    def collect(self) -> Iterator[Metric]:
        """Yield every metric."""
        metrics = {name: Metric(name, *family) for name, family in self._families.items()}
        for key, value in self._samples.items():
            metrics[key.family].add_sample(key.name, dict(key.labels), value)
        yield from metrics.values()
        workers = GaugeMetricFamily(
            "clarion_workers", "Workers that are in these metrics, and those that are away.", labels=["state"]
        )
        workers.add_metric(["serving"], self._serving)
        workers.add_metric(["away"], self._away)
        yield workers
        yield CounterMetricFamily("clarion_worker_restarts", "Times a worker was started anew.", value=self._restarts)


def _add(total: _Samples, samples: _Samples) -> None:
    for key, value in samples.items():
        total[key] = total.get(key, 0) + value
