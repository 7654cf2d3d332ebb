"""A soak: mixed traffic for a long time, and whether memory and descriptors of the server stay flat.

`python -m bench.soak --minutes 60` runs one server on SQLite and a provider's stand-in that is restarted again and
again. At the same time, for as long as it lasts: streams of 20,000 targets, personalised ones, calls of 100, single
targets, clients that leave in the middle of their stream, and changes of the channel. Then everything rests for a
moment, and the descriptors are counted again.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

import grpc

from bench import workload
from bench.cases import Setup
from bench.children import ChildFailed
from bench.server import running_server
from bench.soak_plot import svg
from bench.stub import Certificate, build, make_certificate, running_stub
from clarion.v1 import channel_pb2, channel_pb2_grpc, messaging_pb2_grpc
from clarion.v1.messaging_pb2 import SendMessagesRequest, StreamMessagesRequest, TargetBatch

_HERE = Path(__file__).parent
_FRAME = 500
_STREAM = 20_000
# The stand-in takes turns of so many seconds; then its connections break, and it comes back.
_PROVIDER_TURN = 20.0
_SAMPLE_EVERY = 5.0
# Share of the time after which memory counts: until then caches and allocator fill up.
_WARM = 0.2
_REST = 10.0


@dataclass(frozen=True, slots=True)
class Point:
    """One look at the server.

    Attributes:
        seconds: since the start.
        sent: targets until then that have had a result.
        rss: memory, in bytes.
        descriptors: open files and sockets.
    """

    seconds: float
    sent: int
    rss: int
    descriptors: int


class Traffic:
    """All that goes on at the same time.

    Attributes:
        sent: targets that have had a result.
        calls: calls by kind.
        refused: calls that ended with a status, by status; the provider's restarts must not cause any.
    """

    def __init__(self, channel: grpc.aio.Channel, app: str, until: float) -> None:
        self.sent = 0
        self.calls: dict[str, int] = {}
        self.refused: dict[str, int] = {}
        self._app = app
        self._until = until
        self._messaging: messaging_pb2_grpc.MessagingServiceAsyncStub = messaging_pb2_grpc.MessagingServiceStub(channel)
        self._channels: channel_pb2_grpc.ChannelServiceAsyncStub = channel_pb2_grpc.ChannelServiceStub(channel)

    async def run(self) -> None:
        """Return when the time is over."""
        await asyncio.gather(
            self._again("stream", lambda: self._stream(personalised=False, leave=False), 0.0),
            self._again("personalised stream", lambda: self._stream(personalised=True, leave=False), 1.0),
            self._again("abandoned stream", lambda: self._stream(personalised=False, leave=True), 0.5),
            self._again("100 targets", lambda: self._unary(100), 0.05),
            self._again("one target", lambda: self._unary(1), 0.02),
            self._again("channel update", self._update, 3.0),
        )

    async def _again(self, kind: str, call: Callable[[], Awaitable[None]], pause: float) -> None:
        while time.monotonic() < self._until:
            try:
                await call()
            except grpc.aio.AioRpcError as error:
                status = f"{kind}: {error.code().name} {error.details()}"
                self.refused[status] = self.refused.get(status, 0) + 1
            self.calls[kind] = self.calls.get(kind, 0) + 1
            await asyncio.sleep(pause)

    async def _stream(self, *, personalised: bool, leave: bool) -> None:
        async def frames() -> AsyncIterator[StreamMessagesRequest]:
            yield StreamMessagesRequest(start=workload.start(self._app, personalised=personalised))
            for first in range(0, _STREAM, _FRAME):
                batch = workload.targets(first, _FRAME, failing=0.1, personalised=personalised)
                yield StreamMessagesRequest(targets=TargetBatch(targets=batch))

        call = self._messaging.StreamMessages(frames())
        async for response in call:
            self.sent += len(response.results.results)
            if leave and response.results.results[-1:] and response.results.results[-1].index > _STREAM // 4:
                call.cancel()
                return

    async def _unary(self, count: int) -> None:
        request = SendMessagesRequest(start=workload.start(self._app), targets=workload.targets(0, count, failing=0.1))
        async for response in self._messaging.SendMessages(request):
            self.sent += len(response.results.results)

    async def _update(self) -> None:
        settings = channel_pb2.ChannelSettings(type=workload.CHANNEL_TYPE, apns=workload.apns_settings())
        await self._channels.UpdateChannel(channel_pb2.UpdateChannelRequest(app_id=self._app, channel=settings))


async def soak(minutes: float, directory: Path) -> tuple[list[Point], Traffic]:
    """Run the traffic, and return what was seen of the server."""
    certificate = make_certificate(directory)
    program = build(directory)
    async with AsyncExitStack() as stack:
        provider = stack.enter_context(ExitStack())
        stub = provider.enter_context(running_stub(program, certificate, directory / "provider-0", 5))
        server = stack.enter_context(
            running_server(Setup(), stub, directory / "server", "ngh2", certificate=certificate, database_url="")
        )
        channel = await stack.enter_async_context(grpc.aio.insecure_channel(server.address))
        begun = time.monotonic()
        traffic = Traffic(channel, server.apps.read_text().split()[0], begun + 60 * minutes)
        points: list[Point] = []

        def look() -> None:
            points.append(Point(time.monotonic() - begun, traffic.sent, server.child.rss(), server.child.descriptors()))

        look()
        restarts = asyncio.create_task(_restart(provider, program, certificate, directory, stub.port))
        running = asyncio.create_task(traffic.run())
        while not running.done():
            await asyncio.wait([running], timeout=_SAMPLE_EVERY)
            look()
        restarts.cancel()
        await asyncio.gather(restarts, return_exceptions=True)
        await running
        await channel.close()
        await asyncio.sleep(_REST)
        look()
        return points, traffic


async def _restart(provider: ExitStack, program: Path, certificate: Certificate, directory: Path, port: int) -> None:
    """End the stand-in every some seconds, and start it again on the same port."""
    number = 0
    while True:
        await asyncio.sleep(_PROVIDER_TURN)
        number += 1
        await asyncio.to_thread(provider.close)
        stub = running_stub(program, certificate, directory / f"provider-{number}", 5, port=port)
        provider.enter_context(stub)


def slope(points: list[Point]) -> float:
    """Return by how many bytes memory grows per million notifications after warm-up: least squares."""
    counted = [point for point in points[:-1] if point.seconds >= _WARM * points[-1].seconds]
    mean_x = sum(point.sent for point in counted) / len(counted)
    mean_y = sum(point.rss for point in counted) / len(counted)
    spread = sum((point.sent - mean_x) ** 2 for point in counted)
    return 1e6 * sum((point.sent - mean_x) * (point.rss - mean_y) for point in counted) / spread


def report(points: list[Point], traffic: Traffic) -> str:
    """Return the outcome for a terminal."""
    first, last = points[0], points[-1]
    warm = next(point for point in points if point.seconds >= _WARM * last.seconds)
    growth = slope(points) / 2**20
    most = max(point.descriptors for point in points)
    at_start, when_warm, at_end = (point.rss / 2**20 for point in (first, warm, last))
    lines = [
        f"{last.seconds / 60:.1f} minutes, {last.sent:,} notifications",
        *(f"  {count:,} times {kind}" for kind, count in sorted(traffic.calls.items())),
        f"memory: {at_start:.0f} MiB at the start, {when_warm:.0f} warm, {at_end:.0f} at the end",
        f"memory after warm-up: {growth:+.2f} MiB per million notifications",
        f"descriptors: {first.descriptors} at the start, {most} at most, {last.descriptors} at rest at the end",
        *(f"  {count} times {status}" for status, count in sorted(traffic.refused.items())),
    ]
    return "\n".join(lines)


def main() -> int:
    """Run the soak as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--write", action="store_true", help="bring bench/soak.svg up to date")
    arguments = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory(prefix="clarion-soak-") as folder:
            points, traffic = asyncio.run(soak(arguments.minutes, Path(folder)))
    except ChildFailed as failed:
        print(f"bench: {failed}", file=sys.stderr)
        return 1
    print(report(points, traffic))
    if arguments.write:
        text = f"{slope(points) / 2**20:+.2f} MiB per million notifications after warm-up"
        (_HERE / "soak.svg").write_text(svg([asdict(point) for point in points], text, _WARM), encoding="utf-8")
        print(f"written: {_HERE / 'soak.svg'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
