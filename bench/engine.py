"""The bare engine: the transport package alone, in a process of its own, without gRPC, store and results.

It sends what the server sends: headers and body come from the APNs provider, made before the clock starts.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import resource
import statistics
import time
from collections import Counter
from pathlib import Path
from typing import cast

from bench import workload
from bench.figures import Figures
from clarion_server.model import Channel
from clarion_server.providers.apns.provider import ApnsProvider
from clarion_server.providers.apns.settings import ApnsSettings
from clarion_server.providers.contract import HttpRequest, Outcome, Sender
from clarion_server.sending.resolve import Resolver
from clarion_server.settings import Settings
from clarion_server.transport import Exchange, Pool, Transport, TransportSettings
from clarion_server.transport.core import CoreName

_TIMEOUT = 300.0


class Load:
    """Keeps as many exchanges under way as a call of the server does, until all are done."""

    def __init__(self, pool: Pool, requests: list[HttpRequest], count: int) -> None:
        self.outcomes: Counter[str] = Counter()
        self.latencies: list[float] = []
        self._pool = pool
        self._requests = requests
        self._count = count
        self._submitted = 0
        self._done = 0
        self._loop = asyncio.get_running_loop()
        self._deadline = self._loop.time() + _TIMEOUT
        self._finished = asyncio.Event()

    async def run(self) -> None:
        """Send all, and return when the last answer is there."""
        for _ in range(min(Settings().max_in_flight, self._count)):
            self._submit()
        await self._finished.wait()

    async def run_at(self, rate: float) -> None:
        """Begin so many requests a second, whether or not the earlier ones have ended, and note how long each takes."""
        self._submitted = self._count  # answers bring no further requests
        first = self._loop.time()
        for number in range(self._count):
            await asyncio.sleep(first + number / rate - self._loop.time())
            request = self._requests[number % len(self._requests)]
            self._pool.submit(_TimedRequest(self, request, self._deadline))
        await self._finished.wait()

    def answered(self, exchange: Exchange) -> None:
        """Count an answer and send the next request."""
        self._done += 1
        if exchange.status != 200:
            self.outcomes[exchange.failure.value if exchange.failure else f"status {exchange.status}"] += 1
        if self._submitted < self._count:
            self._submit()
        elif self._done == self._count:
            self._finished.set()

    def _submit(self) -> None:
        request = self._requests[self._submitted % len(self._requests)]
        self._submitted += 1
        self._pool.submit(_Request(self, request, self._deadline))


class _Request(Exchange):
    __slots__ = ("load",)

    def __init__(self, load: Load, request: HttpRequest, deadline: float) -> None:
        super().__init__(request.headers, request.body, deadline)
        self.load = load

    def done(self) -> None:
        """Take the transport's answer."""
        self.load.answered(self)


class _TimedRequest(_Request):
    __slots__ = ("begun",)

    def __init__(self, load: Load, request: HttpRequest, deadline: float) -> None:
        super().__init__(load, request, deadline)
        self.begun = time.perf_counter()

    def done(self) -> None:
        """Take the transport's answer."""
        self.load.latencies.append(time.perf_counter() - self.begun)
        super().done()


def main() -> None:
    """Send as the command line says, and print the figures as JSON."""
    parser = argparse.ArgumentParser(prog="python -m bench.engine", description=__doc__)
    parser.add_argument("--endpoint", required=True)
    parser.add_argument("--ca-file", type=Path, required=True)
    parser.add_argument("--core", choices=("ngh2", "h2"), required=True)
    parser.add_argument("--requests", type=int, required=True)
    parser.add_argument("--warm-up", type=int, required=True)
    parser.add_argument("--rate", type=float, help="begin so many requests a second, and measure how long each takes")
    arguments = parser.parse_args()
    settings = ApnsSettings(production_endpoint=arguments.endpoint, ca_file=str(arguments.ca_file))
    figures = asyncio.run(_send(settings, arguments.core, arguments.requests, arguments.warm_up, arguments.rate))
    print(figures.to_json())


async def _send(settings: ApnsSettings, core: CoreName, count: int, warm_up: int, rate: float | None) -> Figures:
    transport = Transport(TransportSettings(max_connections=Settings().max_connections), core=core)
    sender, requests = prepare(ApnsProvider(transport, settings))
    await Load(sender.pool, requests, warm_up).run()
    load = Load(sender.pool, requests, count)
    begun, cpu = time.perf_counter(), time.process_time()
    await (load.run() if rate is None else load.run_at(rate))
    seconds, cpu = time.perf_counter() - begun, time.process_time() - cpu
    await transport.aclose(1)
    percentiles = statistics.quantiles(load.latencies, n=100, method="inclusive") if rate is not None else None
    return Figures(
        sent=count,
        seconds=seconds,
        cpu=cpu,
        peak_rss=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        p50=percentiles[49] if percentiles else None,
        p99=percentiles[98] if percentiles else None,
        faults=[f"{number} answers: {what}" for what, number in load.outcomes.items()],
    )


def make_channel(provider: ApnsProvider) -> Channel:
    """Return a channel as the server would make it from the workload's settings."""
    given = workload.apns_settings()
    credentials, problems = provider.read_credentials(given)
    assert not problems, problems
    config, problems = provider.configure(workload.CHANNEL_TYPE, given, credentials)
    assert not problems, problems
    now = dt.datetime.now(dt.UTC)
    return Channel("0" * 32, workload.CHANNEL_TYPE, True, config, credentials, 1, now, now, "anonymous")  # noqa: FBT003


def prepare(provider: ApnsProvider) -> tuple[Sender, list[HttpRequest]]:
    """Return the sender of a channel as the server would make it, and its request for each address."""
    channel = make_channel(provider)
    resolver = Resolver(workload.start("0" * 32), provider.settings_field)
    sender = provider.sender(channel, resolver.message)
    content = resolver.resolve(None)
    assert not isinstance(sender, Outcome), sender
    assert not isinstance(content, Outcome), content
    payload = provider.render(channel, content)
    assert not isinstance(payload, Outcome), payload
    return sender, [cast("HttpRequest", sender.request(payload, address)) for address in workload.ADDRESSES]


if __name__ == "__main__":
    main()
