"""What a soak has seen, and whether it was flat."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bench.traffic import Traffic

# Share of the traffic's time after which memory counts: until then caches and allocator fill up.
_WARM = 0.2
# What counts as flat: MiB per million notifications.
_FLAT = 1.0


@dataclass(frozen=True, slots=True)
class Point:
    """One look at the server.

    Attributes:
        seconds: since the start.
        sent: targets until then that have had a result.
        rss: memory, in MiB.
        descriptors: open files and sockets.
    """

    seconds: float
    sent: int
    rss: float
    descriptors: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What was seen.

    Attributes:
        busy: looks while there was traffic; the first is from before.
        rest: looks afterwards.
        traffic: what went on.
        cpu: share of the machine's CPU time that all processes together took while there was traffic.
    """

    busy: list[Point]
    rest: list[Point]
    traffic: Traffic
    cpu: float

    @property
    def warm(self) -> list[Point]:
        """The looks that count for the memory."""
        return [point for point in self.busy if point.seconds >= _WARM * self.busy[-1].seconds]

    def line(self) -> tuple[float, float]:
        """Return the line through the memory after warm-up, by least squares: MiB at 0 sent, and MiB per million."""
        counted = self.warm
        mean_x = sum(point.sent for point in counted) / len(counted) / 1e6
        mean_y = sum(point.rss for point in counted) / len(counted)
        spread = sum((point.sent / 1e6 - mean_x) ** 2 for point in counted)
        slope = sum((point.sent / 1e6 - mean_x) * (point.rss - mean_y) for point in counted) / spread
        return mean_y - slope * mean_x, slope

    def facts(self) -> Iterator[str]:
        """Yield what happened, a line for each."""
        busy, traffic = self.busy, self.traffic
        yield f"{self.title()}, {self.cpu:.0%} of the machine's CPU time for all processes"
        yield ", ".join(f"{count:,} {kind}" for kind, count in sorted(traffic.calls.items()))
        when_warm, most = self.warm[0].rss, max(point.rss for point in busy)
        yield f"memory: {busy[0].rss:.0f} MiB before the traffic, {when_warm:.0f} after warm-up, {most:.0f} at most"
        yield from (f"{count} times {status}" for status, count in sorted(traffic.refused.items()))

    def title(self) -> str:
        """Return how much it was."""
        minutes, sent = self.busy[-1].seconds / 60, self.busy[-1].sent / 1e6
        return f"{sent:,.1f} million notifications in {minutes:.0f} minutes of mixed traffic"

    def verdict(self) -> Iterator[tuple[bool, str]]:
        """Yield each condition: whether it holds, and the figures."""
        _, slope = self.line()
        yield slope < _FLAT, f"memory after warm-up: {slope:+.2f} MiB per million notifications"
        first, last, most = self.busy[0], self.rest[-1], max(point.descriptors for point in self.busy)
        yield (
            last.descriptors <= first.descriptors,
            f"descriptors: {first.descriptors} before the traffic, {most} at most, {last.descriptors} after it",
        )
        refused = self.traffic.refused.total()
        yield not refused, f"calls that failed as a whole: {refused or 'none'}"
