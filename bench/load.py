"""The load generator: a process of its own that sends to a server and checks every result.

It is cheap so that it takes little from the server beside it: requests are serialised before the clock starts, answers
stay bytes until it has stopped.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

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
# Only so that a server that hangs does not hang the benchmark.
_TIMEOUT = 300.0


class Answers:
    """The answers to one call as they came, and when the first result was there."""

    def __init__(self) -> None:
        self.begun = time.perf_counter()
        self.first_result = 0.0
        self.messages: list[bytes] = []

    def add(self, message: bytes) -> None:
        """Keep an answer. The first says that the call started, the second brings the first results."""
        self.messages.append(message)
        if len(self.messages) == 2:
            self.first_result = time.perf_counter() - self.begun

    def faults(self, targets: int) -> list[str]:
        """Return what is wrong with them: every target must have exactly one result, and that a success."""
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
                if result.delivery_status != workload.SUCCESSFUL:
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
    parser.add_argument("kind", choices=("stream", "unary", "single"))
    parser.add_argument("--server", required=True)
    parser.add_argument("--app", required=True)
    parser.add_argument("--targets", type=int, default=1, help="targets of a call")
    parser.add_argument("--calls", type=int, default=1, help="calls, one after the other (single: in all)")
    parser.add_argument("--rate", type=float, default=100.0, help="calls a second (single)")
    arguments = parser.parse_args()
    if arguments.kind == "single":
        figures = asyncio.run(_single(arguments.server, arguments.app, arguments.calls, arguments.rate))
    else:
        with grpc.insecure_channel(arguments.server) as channel:
            send = _stream if arguments.kind == "stream" else _unary
            figures = send(channel, arguments.app, arguments.targets, arguments.calls)
    print(figures.to_json())


def _stream(channel: grpc.Channel, app_id: str, targets: int, calls: int) -> Figures:
    call: grpc.StreamStreamMultiCallable[bytes, bytes] = channel.stream_stream(_STREAM)
    frames = list(islice(_frames(targets), len(workload.ADDRESSES) // FRAME))  # from then on they repeat
    start = StreamMessagesRequest(start=workload.start(app_id)).SerializeToString()
    last = b""
    if rest := targets % FRAME:
        batch = TargetBatch(targets=workload.targets(targets - rest, rest))
        last = StreamMessagesRequest(targets=batch).SerializeToString()

    def requests() -> Iterator[bytes]:
        yield start
        for number in range(targets // FRAME):
            yield frames[number % len(frames)]
        if last:
            yield last

    return _measure(lambda: call(requests(), timeout=_TIMEOUT), targets, calls)


def _frames(targets: int) -> Iterator[bytes]:
    for first in range(0, targets, FRAME):
        batch = TargetBatch(targets=workload.targets(first, FRAME))
        yield StreamMessagesRequest(targets=batch).SerializeToString()


def _unary(channel: grpc.Channel, app_id: str, targets: int, calls: int) -> Figures:
    call: grpc.UnaryStreamMultiCallable[bytes, bytes] = channel.unary_stream(_SEND)
    request = _request(app_id, targets)
    return _measure(lambda: call(request, timeout=_TIMEOUT), targets, calls)


def _request(app_id: str, targets: int) -> bytes:
    request = SendMessagesRequest(start=workload.start(app_id), targets=workload.targets(0, targets))
    return request.SerializeToString()


def _measure(call: Callable[[], Iterable[bytes]], targets: int, calls: int) -> Figures:
    done: list[Answers] = []
    begun, cpu = time.perf_counter(), time.process_time()
    for _ in range(calls):
        answers = Answers()
        for message in call():
            answers.add(message)
        done.append(answers)
    seconds, cpu = time.perf_counter() - begun, time.process_time() - cpu
    return Figures(
        sent=targets * calls,
        seconds=seconds,
        cpu=cpu,
        peak_rss=_peak_rss(),
        first_result=statistics.median(answers.first_result for answers in done),
        faults=_faults(done, targets),
    )


async def _single(server: str, app_id: str, calls: int, rate: float) -> Figures:
    """Begin calls with one target at a fixed rate, whether or not the earlier ones have ended."""
    request = _request(app_id, 1)
    loop = asyncio.get_running_loop()
    async with grpc.aio.insecure_channel(server) as channel:
        call: grpc.aio.UnaryStreamMultiCallable[bytes, bytes] = channel.unary_stream(_SEND)

        async def one() -> Answers:
            answers = Answers()
            async for message in call(request, timeout=_TIMEOUT):
                answers.add(message)
            return answers

        await one()  # connects
        begun, cpu = time.perf_counter(), time.process_time()
        first = loop.time()
        tasks = []
        for number in range(calls):
            await asyncio.sleep(first + number / rate - loop.time())
            tasks.append(asyncio.create_task(one()))
        done = await asyncio.gather(*tasks)
        seconds, cpu = time.perf_counter() - begun, time.process_time() - cpu
    latencies = [answers.first_result for answers in done]
    percentiles = statistics.quantiles(latencies, n=100, method="inclusive")
    return Figures(
        sent=calls,
        seconds=seconds,
        cpu=cpu,
        peak_rss=_peak_rss(),
        first_result=statistics.median(latencies),
        p50=percentiles[49],
        p99=percentiles[98],
        faults=_faults(done, 1),
    )


def _faults(calls: Iterable[Answers], targets: int) -> list[str]:
    return [fault for answers in calls for fault in answers.faults(targets)]


def _peak_rss() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    main()
