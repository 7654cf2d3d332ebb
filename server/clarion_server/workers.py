"""Several server processes on one port, and the one that looks after them.

gRPC in Python has one event loop a process. More cores are used by more processes: each listens on the same port with
SO_REUSEPORT, and the kernel gives every new connection to one of them. They are spawned, never forked, because a
process that has used gRPC cannot be forked safely.

The parent takes no calls. It keeps the port, starts a worker anew when one dies, and ends all when it is told to. A
worker's standard input is a socket of the parent's (`worker_link` is its other end): on it the worker says that it
serves, and answers with its metrics. When it closes, because the parent is gone however it ended, the worker stops as
if it had been told to.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from typing import Any

import structlog

from clarion_server.starting import CannotStart
from clarion_server.worker_link import CANNOT_START, PAGE, READY, START

_log: Any = structlog.get_logger(__name__)

# A worker that ends sooner than this after it was ready waits longer for its next start each time. Seconds.
_STEADY = 10.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
# On top of what the server itself allows for stopping. Seconds.
_STOP_MARGIN = 15.0
# Seconds that a worker gets to answer with its metrics.
_PAGE_PATIENCE = 2.0


class WorkerFailed(CannotStart):
    """A worker ended before it served; the text says why, as far as it is known."""


@contextmanager
def reserved(listen: str) -> Iterator[str]:
    """Keep a port for the workers, and yield the address `HOST:PORT` with its real port.

    Raises:
        OSError: somebody else listens there, or the host is not this machine's.
    """
    host, _, port = listen.rpartition(":")
    found = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    with ExitStack() as stack:
        taken = int(port)
        # A name may have several addresses, `localhost` one of each kind; gRPC listens on all of them.
        for family, kind, protocol, _, (address, *_) in found:
            taken = _refuse_if_taken(family, str(address), taken)
            keeper = stack.enter_context(socket.socket(family, kind, protocol))
            keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            try:
                keeper.bind((address, taken))
            except OSError:
                # What is in the way then are only closed connections of an earlier server, which did not share it. In
                # this case alone the next probe fails only when a worker listens.
                keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                keeper.bind((address, taken))
            # It never listens, so no connection comes to it.
        yield f"{host}:{taken}"


def _refuse_if_taken(family: int, address: str, port: int) -> int:
    """Return the port, or a free one for 0. With SO_REUSEPORT alone another server could share it unnoticed."""
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((address, port))
        return int(probe.getsockname()[1])


class Worker:
    """A worker that runs.

    Args:
        process: it.
        reader, writer: the parent's end of its standard input.

    Attributes:
        is_serving: whether it has said so.
    """

    def __init__(
        self, process: asyncio.subprocess.Process, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.is_serving = False
        self._process = process
        self._reader = reader
        self._writer = writer
        self._asking: asyncio.Task[bytes] | None = None

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    async def serving(self) -> None:
        """Let it start, and return when it serves.

        Raises:
            WorkerFailed: it ended before.
        """
        try:
            self._writer.write(START)
            await self._writer.drain()
            said = await self._reader.readline()
        except OSError:
            # It ended without reading START: an error of the socket's, else an end like any other.
            said = b""
        if said == READY:
            self.is_serving = True
            return
        code = await self.ended()
        reason = said.removeprefix(CANNOT_START).decode(errors="replace").strip().replace("\\n", "\n")
        raise WorkerFailed(reason or f"a worker ended with code {code} before it served; the log may say why")

    async def page(self) -> bytes:
        """Return its metrics as text.

        Raises:
            TimeoutError, OSError: it does not answer.
        """
        # Only one question at a time is on its way. One that is answered too late answers the next that asks.
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask())
        async with asyncio.timeout(_PAGE_PATIENCE):
            return await asyncio.shield(self._asking)

    async def _ask(self) -> bytes:
        self._writer.write(PAGE)
        await self._writer.drain()
        try:
            return await self._reader.readexactly(int(await self._reader.readline()))
        except (ValueError, asyncio.IncompleteReadError) as error:
            raise OSError("the worker has ended") from error

    async def ended(self) -> int:
        """Return its exit code when it has ended."""
        code = await self._process.wait()
        self.is_serving = False
        if self._asking is not None:
            await asyncio.gather(self._asking, return_exceptions=True)
        self._writer.close()
        return code

    def terminate(self) -> None:
        """Tell it to stop."""
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()

    def kill(self) -> None:
        """End it at once, if it still runs."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()


class Workers:
    """Runs workers until it is told to stop.

    Args:
        count: how many.
        command: returns program and arguments of a worker, by its number from 0.
        grace: seconds that a worker may take to stop.

    Attributes:
        count: how many there should be.
        restarts: how often a worker was started anew.
    """

    def __init__(self, count: int, command: Callable[[int], Sequence[str]], grace: float) -> None:
        self.restarts = 0
        self.count = count
        self._command = command
        self._grace = grace
        self._running: dict[int, Worker] = {}
        self._prepared = asyncio.Event()

    @property
    def serving(self) -> list[Worker]:
        """Those that serve."""
        return [worker for worker in self._running.values() if worker.is_serving]

    async def pages(self) -> dict[int, bytes]:
        """Return the metrics of those that answer, by process id."""
        asked = self.serving
        pages = await asyncio.gather(*(worker.page() for worker in asked), return_exceptions=True)
        return {worker.pid: page for worker, page in zip(asked, pages, strict=True) if isinstance(page, bytes) and page}

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Start all, and look after them until the block is left; then stop them, at once if it was cancelled.

        Raises:
            WorkerFailed: one ended before it served.
        """
        keepers: list[asyncio.Task[None]] = []
        grace = self._grace + _STOP_MARGIN
        try:
            first = await _all_or_none([self._start(number) for number in range(self.count)])
            keepers = [asyncio.create_task(self._keep(number, worker)) for number, worker in enumerate(first)]
            yield
        except asyncio.CancelledError:
            grace = 0.0
            raise
        finally:
            for keeper in keepers:
                keeper.cancel()
            await asyncio.gather(*keepers, return_exceptions=True)
            await self._stop(grace)

    async def _start(self, number: int) -> Worker:
        """Start a worker, and return when it serves."""
        ours, theirs = socket.socketpair()
        with theirs:
            reader, writer = await asyncio.open_unix_connection(sock=ours)
            try:
                # A session of its own: Ctrl-C in a terminal goes to the parent alone.
                process = await asyncio.create_subprocess_exec(
                    *self._command(number), stdin=theirs.fileno(), start_new_session=True
                )
            except BaseException:
                writer.close()
                raise
        worker = self._running[number] = Worker(process, reader, writer)
        # Worker 0 migrates the database and makes the keys. The others only import until it serves.
        if number:
            await self._prepared.wait()
        await worker.serving()
        self._prepared.set()
        return worker

    async def _keep(self, number: int, worker: Worker) -> None:
        """Start a worker anew each time it ends."""
        loop = asyncio.get_running_loop()
        pause = _FIRST_PAUSE
        while True:
            ready = loop.time()
            code = await worker.ended()
            if loop.time() - ready >= _STEADY:
                pause = _FIRST_PAUSE
            _log.error("a worker ended; starting it anew", number=number, pid=worker.pid, code=code, pause=pause)
            while True:
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
                self.restarts += 1
                try:
                    worker = await self._start(number)
                    break
                except (WorkerFailed, OSError) as failed:
                    _log.error("a worker does not start", number=number, reason=str(failed), pause=pause)
            _log.info("a worker serves again", number=number, pid=worker.pid)

    async def _stop(self, grace: float) -> None:
        """Tell all to stop, wait for them, and kill what is still there then."""
        running = list(self._running.values())
        ends = [asyncio.ensure_future(worker.ended()) for worker in running]
        try:
            if ends and grace:
                for worker in running:
                    worker.terminate()
                await asyncio.wait(ends, timeout=grace)
        finally:
            # Also when told a second time: at once.
            for worker in running:
                worker.kill()
            await asyncio.gather(*ends, return_exceptions=True)
            self._running.clear()


async def _all_or_none(starts: Sequence[Coroutine[Any, Any, Worker]]) -> list[Worker]:
    """Return what all coroutines return; when one fails, end the others, and raise its error."""
    tasks = [asyncio.ensure_future(start) for start in starts]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        for task in done:
            task.result()
        return [task.result() for task in tasks]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


__all__ = ["Worker", "WorkerFailed", "Workers", "reserved"]
