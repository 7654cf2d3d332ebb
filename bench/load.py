"""The load generator: a process of its own that sends to a server and checks every result.

It is cheap so that it takes little from the server beside it: requests are serialised before the clock starts, answers
stay bytes until it has stopped.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import resource
import statistics
import time
from collections import Counter
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterator, Sequence
from pathlib import Path

import grpc

from bench import workload
from bench.figures import Figures
from clarion.v1.messaging_pb2 import (
    DeliveryStatus,
    SendMessagesRequest,
    SendMessagesResponse,
    StreamMessagesRequest,
    TargetBatch,
)

FRAME = 500
_SEND = "/clarion.v1.MessagingService/SendMessages"
_STREAM = "/clarion.v1.MessagingService/StreamMessages"
# Calls of the kind `calls` that are under way at the same time.
_PARALLEL = 8
# Only so that a server that hangs does not hang the benchmark.
_TIMEOUT = 300.0


class Answers:
    """The answers to one call as they came, and when the first result was there."""

    def __init__(self) -> None:
        self.begun = time.perf_counter()
        self.first_result = 0.0
        self.messages: list[bytes] = []

    async def read(self, call: AsyncIterable[bytes]) -> Answers:
        """Keep all answers. The first says that the call started, the second brings the first results."""
        async for message in call:
            self.messages.append(message)
            if len(self.messages) == 2:
                self.first_result = time.perf_counter() - self.begun
        return self

    def faults(self, targets: int, failing: float) -> list[str]:
        """Return what is wrong with them: every target must have exactly one result, and the one that is expected."""
        seen = bytearray(targets)
        counts: Counter[str] = Counter()
        total = None
        for number, data in enumerate(self.messages):
            # Both RPCs answer with messages of the same form.
            answer = SendMessagesResponse.FromString(data)
            if number == 1 and answer.WhichOneof("event") != "results":
                counts["calls whose second answer has no results"] += 1
            for result in answer.results.results:
                if not 0 <= result.index < targets or seen[result.index]:
                    counts["results too many"] += 1
                else:
                    seen[result.index] = 1
                dead = workload.is_dead(result.index, failing)
                if result.delivery_status != (workload.REFUSED if dead else workload.SUCCESSFUL):
                    status = DeliveryStatus.Name(result.delivery_status)
                    counts[f"results {status} ({result.status_message or result.provider_reason})"] += 1
            if answer.HasField("summary"):
                total = answer.summary.total
        counts["targets without a result"] = seen.count(0)
        counts["calls whose summary does not add up"] = int(total != targets)
        return [f"{count} {what}" for what, count in counts.items() if count]


def main() -> None:
    """Send as the command line says, and print the figures as JSON."""
    parser = argparse.ArgumentParser(prog="python -m bench.load", description=__doc__)
    parser.add_argument("kind", choices=("stream", "unary", "calls", "single"))
    parser.add_argument("--server", required=True)
    parser.add_argument("--apps", type=Path, required=True, help="file with an app id a line; calls take them in turn")
    parser.add_argument("--ca-file", type=Path, help="speak TLS, and trust these certificates")
    parser.add_argument("--token-file", type=Path, help="file with the token that proves who calls")
    parser.add_argument("--targets", type=int, default=1, help="targets of a call")
    parser.add_argument("--calls", type=int, default=1)
    parser.add_argument("--rate", type=float, default=100.0, help="calls a second (single)")
    parser.add_argument("--streams", type=int, default=1, help="calls at the same time (stream)")
    parser.add_argument("--channel", choices=("APNs", "FCM"), default="APNs", help="of the targets")
    parser.add_argument("--failing", type=float, default=0.0, help="share of targets that the provider refuses")
    parser.add_argument("--personalised", action="store_true", help="a title and two variables for each target")
    arguments = parser.parse_args()
    print(asyncio.run(Load(arguments).run()).to_json())


class Load:
    """One measurement, as the command line describes it."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self._arguments = arguments
        self._apps: Sequence[str] = arguments.apps.read_text().split()
        self._targets: int = arguments.targets
        self._channel_type = workload.CHANNEL_TYPES[arguments.channel]
        self._calls: int = arguments.calls
        token = arguments.token_file.read_text().strip() if arguments.token_file else ""
        self._metadata = grpc.aio.Metadata(*([("authorization", f"Bearer {token}")] if token else []))

    async def run(self) -> Figures:
        """Send, and return the figures."""
        kind = self._arguments.kind
        # Connections of their own, so that with several workers each gets its share.
        async with _channels(self._arguments, self._arguments.streams if kind == "stream" else 1) as channels:
            if kind == "stream":
                return await self._streams(channels)
            call: grpc.aio.UnaryStreamMultiCallable[bytes, bytes] = channels[0].unary_stream(_SEND)
            send = _sender(call, [self._request(app) for app in self._apps], self._metadata)
            if kind == "single":
                await send(0)  # connects
                return await self._measure(lambda: _at_rate(send, self._calls, self._arguments.rate), each=True)
            parallel = _PARALLEL if kind == "calls" else 1
            return await self._measure(lambda: _in_parallel(send, self._calls, parallel))

    async def _streams(self, channels: Sequence[grpc.aio.Channel]) -> Figures:
        frames = self._frames()

        async def one(channel: grpc.aio.Channel) -> Answers:
            call: grpc.aio.StreamStreamMultiCallable[bytes, bytes] = channel.stream_stream(_STREAM)
            return await Answers().read(call(_feed(frames), timeout=_TIMEOUT, metadata=self._metadata))

        self._calls = len(channels)
        return await self._measure(lambda: asyncio.gather(*map(one, channels)))

    def _request(self, app: str) -> bytes:
        targets = workload.targets(0, self._targets, channel_type=self._channel_type, failing=self._arguments.failing)
        return SendMessagesRequest(start=workload.start(app), targets=targets).SerializeToString()

    def _frames(self) -> Callable[[], Iterator[bytes]]:
        """Return what makes the frames of one call; those that repeat are kept once."""
        personalised, failing, total = self._arguments.personalised, self._arguments.failing, self._targets
        start = StreamMessagesRequest(start=workload.start(self._apps[0], personalised=personalised))

        def frame(first: int, count: int) -> bytes:
            batch = workload.targets(
                first, count, channel_type=self._channel_type, failing=failing, personalised=personalised
            )
            return StreamMessagesRequest(targets=TargetBatch(targets=batch)).SerializeToString()

        whole, rest = divmod(total, FRAME)
        kept = [frame(FRAME * n, FRAME) for n in range(whole if personalised else min(whole, 1000 // FRAME))]
        last = [frame(FRAME * whole, rest)] if rest else []

        def frames() -> Iterator[bytes]:
            yield start.SerializeToString()
            for number in range(whole):
                yield kept[number % len(kept)]
            yield from last

        return frames

    async def _measure(self, send: Callable[[], Awaitable[Sequence[Answers]]], *, each: bool = False) -> Figures:
        # A pause of the generator would look like one of the server.
        gc.collect()
        gc.disable()
        begun, cpu = time.perf_counter(), time.process_time()
        done = await send()
        seconds, cpu = time.perf_counter() - begun, time.process_time() - cpu
        latencies = [answers.first_result for answers in done]
        percentiles = statistics.quantiles(latencies, n=100, method="inclusive") if each else None
        return Figures(
            sent=self._targets * self._calls,
            seconds=seconds,
            cpu=cpu,
            peak_rss=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
            first_result=statistics.median(latencies),
            p50=percentiles[49] if percentiles else None,
            p99=percentiles[98] if percentiles else None,
            faults=[fault for answers in done for fault in answers.faults(self._targets, self._arguments.failing)],
        )


class _channels:  # noqa: N801 - used like a function
    """Connections to the server, each its own."""

    def __init__(self, arguments: argparse.Namespace, count: int) -> None:
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_receive_message_length", -1)]
        self._channels = [
            grpc.aio.insecure_channel(arguments.server, options)
            if arguments.ca_file is None
            else grpc.aio.secure_channel(
                arguments.server, grpc.ssl_channel_credentials(arguments.ca_file.read_bytes()), options
            )
            for _ in range(count)
        ]

    async def __aenter__(self) -> Sequence[grpc.aio.Channel]:
        for channel in self._channels:
            await channel.channel_ready()
        return self._channels

    async def __aexit__(self, *_exception: object) -> None:
        for channel in self._channels:
            await channel.close()


def _sender(
    call: grpc.aio.UnaryStreamMultiCallable[bytes, bytes], requests: Sequence[bytes], metadata: grpc.aio.Metadata
) -> Callable[[int], Awaitable[Answers]]:
    def send(number: int) -> Awaitable[Answers]:
        return Answers().read(call(requests[number % len(requests)], timeout=_TIMEOUT, metadata=metadata))

    return send


async def _feed(frames: Callable[[], Iterator[bytes]]) -> AsyncIterator[bytes]:
    for frame in frames():
        yield frame


async def _in_parallel(send: Callable[[int], Awaitable[Answers]], calls: int, parallel: int) -> Sequence[Answers]:
    numbers = iter(range(calls))

    async def some() -> list[Answers]:
        return [await send(number) for number in numbers]

    return [answers for several in await asyncio.gather(*(some() for _ in range(parallel))) for answers in several]


async def _at_rate(send: Callable[[int], Awaitable[Answers]], calls: int, rate: float) -> Sequence[Answers]:
    """Begin calls at a fixed rate, whether or not the earlier ones have ended."""
    loop = asyncio.get_running_loop()
    first = loop.time()
    tasks = []
    for number in range(calls):
        await asyncio.sleep(first + number / rate - loop.time())
        tasks.append(asyncio.ensure_future(send(number)))
    return await asyncio.gather(*tasks)


if __name__ == "__main__":
    main()
