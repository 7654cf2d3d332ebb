"""The parts of the path alone, each without the others: the send path, the transport, and gRPC.

`python -m bench.path` prints the CPU time per target of each. The send path gets decoded targets and a pool that
answers at once; the transport writes to what is no socket, where a server's HTTP/2 connection answers; gRPC reads
frames of targets and answers with ready results, in a process of its own. Nothing else takes part, so no part hides
another.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import statistics
import sys
import time
from collections.abc import AsyncIterator, Callable
from typing import Any, cast

import ngh2

from bench import grpc_floor, workload
from bench.children import ChildFailed
from bench.engine import make_channel, prepare
from clarion.v1.messaging_pb2 import StreamMessagesResponse, Target
from clarion_server.__main__ import set_up_collector
from clarion_server.model import Channel
from clarion_server.providers.apns.provider import ApnsProvider
from clarion_server.providers.apns.settings import ApnsSettings
from clarion_server.sending.breaker import Breakers
from clarion_server.sending.dispatch import SendCall
from clarion_server.sending.limits import Limits
from clarion_server.sending.meter import Meter
from clarion_server.sending.plan import Plans
from clarion_server.sending.retry import RetryPolicy
from clarion_server.transport import Exchange, Pool, Transport
from clarion_server.transport.connection import Connection
from clarion_server.transport.ngh2_core import Ngh2Core

TARGETS = 20_000
_FRAME = 500
_BATCH = 128
_MAX_CONCURRENT_STREAMS = 3
_ANSWER = [(b":status", b"200"), (b"apns-id", b"eabeae54-14a8-11e5-b60b-1697f925ec7b")]


class _Answering:
    """A pool that answers every exchange in the next turn of the loop."""

    def __init__(self) -> None:
        self._given: list[Exchange] = []

    def submit(self, exchange: Exchange) -> None:
        """Take a request."""
        if not self._given:
            asyncio.get_running_loop().call_soon(self._answer)
        self._given.append(exchange)

    def _answer(self) -> None:
        given, self._given = self._given, []
        for exchange in given:
            exchange.attempts += 1
            exchange.status = 200
            exchange.response_headers = _ANSWER
            exchange.done()


class _Apns:
    """The APNs provider, whose senders have another pool."""

    def __init__(self, provider: ApnsProvider, pool: _Answering) -> None:
        self._provider = provider
        self._pool = pool

    def __getattr__(self, name: str) -> Any:
        return getattr(self._provider, name)

    def sender(self, channel: Channel, message: Any) -> Any:
        """Return the provider's own sender with the other pool."""
        sender: Any = self._provider.sender(channel, message)
        sender._pool = self._pool  # noqa: SLF001
        return sender


class _Directory:
    """One app with one channel."""

    def __init__(self, channel: Channel) -> None:
        self._channels = {workload.CHANNEL_TYPE: channel}

    async def channels(self, _app_id: str) -> Any:
        """Return the channels of any app."""
        return self._channels


async def send_path(*, personalised: bool, limits: Limits) -> float:
    """Return the CPU seconds from decoded targets to results, per target."""
    provider = ApnsProvider(Transport(), ApnsSettings())
    providers = {workload.CHANNEL_TYPE: cast("Any", _Apns(provider, _Answering()))}
    start = workload.start("0" * 32, personalised=personalised)
    plans = Plans(start, cast("Any", _Directory(make_channel(provider))), providers)
    await plans.load()
    call = SendCall(
        "f" * 32,
        plans,
        send_timeout=30.0,
        call_deadline=float("inf"),
        policy=RetryPolicy(),
        limits=limits,
        breakers=Breakers(),
        meter=Meter(),
        response=StreamMessagesResponse,
    )
    frames = [list(workload.targets(first, _FRAME, personalised=personalised)) for first in range(0, TARGETS, _FRAME)]

    async def source() -> AsyncIterator[list[Target]]:
        for frame in frames:
            yield frame

    results = 0
    begun = time.process_time()
    async for event in call.events(source()):
        results += len(event.results.results)
    took = time.process_time() - begun
    assert results == TARGETS, f"{results} results for {TARGETS} targets"
    return took / TARGETS


class _Wire:
    """Stands for TLS and socket: keeps what is written until the peer reads it."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self._peer = ngh2.Connection(ngh2.Role.SERVER, ngh2.Configuration())
        self._peer.initiate_connection({_MAX_CONCURRENT_STREAMS: 1000})

    def get_extra_info(self, _name: str) -> Any:
        return self

    def selected_alpn_protocol(self) -> str:
        return "h2"

    def set_write_buffer_limits(self, **_limits: int) -> None:
        """Nothing waits here."""

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def answers(self) -> bytes:
        """Return what the peer says to all that was written since."""
        self._peer.receive_data(b"".join(self.written))
        self.written.clear()
        asked = [event.stream_id for event in self._peer.events() if isinstance(event, ngh2.RequestReceived)]
        for stream_id in asked:
            self._peer.send_response(stream_id, _ANSWER, end_stream=True)
        return self._peer.data_to_send()


class _Counted(Exchange):
    __slots__ = ("count",)
    count: Callable[[], None]

    def done(self) -> None:
        """Count the answer."""
        self.count()


async def transport() -> float:
    """Return the CPU seconds of submit, take, write, read and done, per request."""
    sender, requests = prepare(ApnsProvider(Transport(), ApnsSettings()))
    pool: Pool = sender.pool
    wire = _Wire()
    connection = Connection(pool, Ngh2Core(1))
    connection.connection_made(cast("asyncio.Transport", wire))
    connection.data_received(wire.answers())
    done: list[None] = []
    deadline = asyncio.get_running_loop().time() + 1000
    took = 0.0
    for first in range(0, TARGETS, _BATCH):
        batch = []
        for number in range(first, first + _BATCH):
            request = requests[number % len(requests)]
            exchange = _Counted(request.headers, request.body, deadline)
            exchange.count = lambda: done.append(None)
            batch.append(exchange)
        begun = time.process_time()
        for exchange in batch:
            pool.submit(exchange)
        pool._pump()  # noqa: SLF001  # now, not in the loop's next turn, which is not the transport's
        took += time.process_time() - begun
        answers = wire.answers()
        begun = time.process_time()
        connection.data_received(answers)
        took += time.process_time() - begun
    assert len(done) >= TARGETS, f"{len(done)} answers to {TARGETS} requests"
    return took / len(done)


def parts(limits: Limits) -> dict[str, Callable[[], float]]:
    """Return what measures `TARGETS` targets once, by part; of those that need no other process."""
    return {
        "transport": lambda: asyncio.run(transport()),
        "send path, one message to all": lambda: asyncio.run(send_path(personalised=False, limits=limits)),
        "send path, title and two variables for each": lambda: asyncio.run(send_path(personalised=True, limits=limits)),
    }


def main() -> int:
    """Measure all in turn, and print a table; return 0, or 1 when a process failed."""
    parser = argparse.ArgumentParser(prog="python -m bench.path", description=__doc__)
    parser.add_argument("--runs", type=int, default=9, help="of each (default: 9)")
    runs = max(parser.parse_args().runs, 1)
    set_up_collector()
    measured: dict[str, Callable[[], float]] = {
        "gRPC alone": grpc_floor.measure,
        **parts(Limits()),
    }
    taken: dict[str, list[float]] = {name: [] for name in measured}
    try:
        for _ in range(runs):
            for name, measure in measured.items():
                gc.collect()
                taken[name].append(measure() * 1e6)
    except ChildFailed as failed:
        print(f"bench: {failed}", file=sys.stderr)
        return 1
    print("| CPU µs per target | least | median |\n| --- | ---: | ---: |")
    for name, figures in taken.items():
        print(f"| {name} | {min(figures):.2f} | {statistics.median(figures):.2f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
