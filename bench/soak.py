"""A soak: mixed traffic for a long time, and whether memory and descriptors of the server stay flat.

`python -m bench.soak --minutes 60` runs one server on SQLite and a provider's stand-in that is restarted again and
again. At the same time, for as long as it lasts: streams of 20,000 targets, personalised ones, calls of 100, single
targets, clients that leave in the middle of their stream, and changes of the channel. All processes together take half
of the machine's CPU time, or what `--share` says. Then everything rests until the server has closed its idle
connections to the provider, some four minutes, and the descriptors are counted again: as many as before, when caller
and database were connected already.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from contextlib import AsyncExitStack, ExitStack, suppress
from pathlib import Path

import grpc

from bench import page
from bench.cases import Setup
from bench.children import ChildFailed, unwind_on_signals
from bench.server import running_server
from bench.soak_outcome import Outcome, Point
from bench.soak_plot import svg
from bench.stub import Certificate, Stub, build, make_certificate, running_stub
from bench.throttle import Throttle
from bench.traffic import Traffic

_PICTURE = Path(__file__).with_name("soak.svg")
# The stand-in takes turns of so many seconds; then its connections break, and it comes back.
_PROVIDER_TURN = 20.0
_PROVIDER_DELAY = 5
_SAMPLE_EVERY = 5.0
# The longest rest, in seconds: idle connections to a provider are closed within this.
_REST = 300.0


class Provider:
    """A stand-in that goes away and comes back on the same port."""

    def __init__(self, program: Path, certificate: Certificate, directory: Path) -> None:
        self._program = program
        self._certificate = certificate
        self._directory = directory
        self._turns = 0
        self._port = 0
        self._ended = 0.0
        self._current: Stub | None = None
        self._stack = ExitStack()

    def __enter__(self) -> Stub:
        stub = self._start()
        self._port = stub.port
        return stub

    def __exit__(self, *_exception: object) -> None:
        self._forget().close()

    async def keep_restarting(self) -> None:
        """Restart it every some seconds, until cancelled."""
        while True:
            await asyncio.sleep(_PROVIDER_TURN)
            stack = self._forget()
            await asyncio.to_thread(stack.close)
            self._start()

    def cpu(self) -> float:
        """Return the seconds of CPU time of all its processes so far."""
        return self._ended + (self._current.child.cpu() if self._current else 0.0)

    def _start(self) -> Stub:
        directory = self._directory / f"provider-{self._turns}"
        self._turns += 1
        running = running_stub(self._program, self._certificate, directory, _PROVIDER_DELAY, port=self._port)
        self._current = self._stack.enter_context(running)
        return self._current

    def _forget(self) -> ExitStack:
        """Count the current one's CPU time as it is and look at it no more; return what ends it.

        To be called on the loop, before it is ended: a process that is gone has no CPU time to ask for.
        """
        self._ended, self._current = self.cpu(), None
        return self._stack.pop_all()


async def soak(minutes: float, share: float, directory: Path) -> Outcome:
    """Run the traffic, and return what was seen of the server.

    Args:
        minutes: how long.
        share: of the machine's CPU time, for all processes together.
        directory: for everything; empty.
    """
    certificate = make_certificate(directory)
    async with AsyncExitStack() as stack:
        provider = Provider(build(directory), certificate, directory)
        stub = stack.enter_context(provider)
        server = stack.enter_context(
            running_server(Setup(), stub, directory / "server", "ngh2", certificate=certificate, database_url="")
        )

        def used() -> float:
            return server.child.cpu() + provider.cpu() + time.process_time()

        channel = await stack.enter_async_context(grpc.aio.insecure_channel(server.address))
        throttle = Throttle(share, used)
        begun, used_before = time.monotonic(), used()
        traffic = Traffic(channel, server.apps.read_text().split()[0], begun + 60 * minutes, throttle)

        def look() -> Point:
            rss, descriptors = server.child.rss() / 2**20, server.child.descriptors()
            return Point(time.monotonic() - begun, traffic.sent, rss, descriptors)

        await traffic.connect()
        busy = [look()]
        beside = [asyncio.create_task(throttle.run()), asyncio.create_task(provider.keep_restarting())]
        running = asyncio.create_task(traffic.run())
        while not running.done():
            await asyncio.wait([running, *beside], timeout=_SAMPLE_EVERY, return_when=asyncio.FIRST_COMPLETED)
            for task in beside:
                if task.done():
                    running.cancel()
                    await task  # it never ends but by an exception
            busy.append(look())
        await running
        cpu = (used() - used_before) / busy[-1].seconds / len(os.sched_getaffinity(0))
        for task in beside:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        rest = [look()]
        while rest[-1].descriptors > busy[0].descriptors and rest[-1].seconds - busy[-1].seconds < _REST:
            await asyncio.sleep(_SAMPLE_EVERY)
            rest.append(look())
        return Outcome(busy=busy, rest=rest, traffic=traffic, cpu=cpu)


def main() -> int:
    """Run the soak as the command line says; return 0, or 1 when something is not flat or a process failed."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0, help="of traffic (default: 60)")
    parser.add_argument("--share", type=float, default=0.5, help="of the machine's CPU time to take (default: 0.5)")
    parser.add_argument("--write", action="store_true", help="bring bench/README.md and bench/soak.svg up to date")
    arguments = parser.parse_args()
    if arguments.minutes < 1 or arguments.share <= 0:
        parser.error("--minutes must be at least 1, --share above 0")
    unwind_on_signals()
    try:
        with tempfile.TemporaryDirectory(prefix="clarion-soak-") as folder:
            outcome = asyncio.run(soak(arguments.minutes, arguments.share, Path(folder)))
    except ChildFailed as failed:
        print(f"bench: {failed}", file=sys.stderr)
        return 1
    lines = [*outcome.facts(), *(f"{'flat' if held else 'NOT FLAT'}: {text}" for held, text in outcome.verdict())]
    print("\n".join(lines))
    if arguments.write:
        _PICTURE.write_text(svg(outcome), encoding="utf-8")
        page.fill(
            "soak", "\n".join([f"![Memory and descriptors over time]({_PICTURE.name})", "", *map("- {}".format, lines)])
        )
        print(f"written: {page.README}, {_PICTURE}")
    return 0 if all(held for held, _ in outcome.verdict()) else 1


if __name__ == "__main__":
    sys.exit(main())
