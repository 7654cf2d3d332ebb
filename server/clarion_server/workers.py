"""Several server processes on one port, and the one that looks after them.

gRPC in Python has one event loop a process. More cores are used by more processes: each listens on the same port with
SO_REUSEPORT, and the kernel gives every new connection to one of them. They are spawned, never forked, because a
process that has used gRPC cannot be forked safely.

The parent takes no calls. It keeps the port, starts a worker anew when one dies, and ends all when it is told to. A
worker's standard input is a pipe of the parent's: when that closes, because the parent is gone however it ended, the
worker stops as if it had been told to.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import structlog

_log: Any = structlog.get_logger(__name__)

#: What a worker writes on its standard output once it serves.
READY = b"ready\n"
# A worker that ends sooner than this after it was ready, or before, waits longer for its next start each time. Seconds.
_STEADY = 10.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
# On top of what the server itself allows for stopping. Seconds.
_STOP_MARGIN = 15.0


class WorkerFailed(Exception):
    """A worker ended before it served. What it wrote on standard error says why."""


@contextmanager
def reserved(listen: str) -> Iterator[str]:
    """Keep a port for the workers, and yield the address `HOST:PORT` with its real port.

    Raises:
        OSError: somebody else listens there, or the host is not this machine's.
    """
    host, _, port = listen.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With SO_REUSEPORT alone, another server that has it too would share the port unnoticed.
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, int(port)))
        taken = probe.getsockname()[1]
    with socket.socket(family, socket.SOCK_STREAM) as keeper:
        keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        keeper.bind((host, taken))
        # It never listens, so no connection comes to it.
        yield f"{listen.rpartition(':')[0]}:{taken}"


class Workers:
    """Runs workers until it is told to stop.

    Args:
        count: how many.
        command: program and arguments of a worker.
        environment: its environment variables; `CLARION_WORKER` is added, from 0.
        grace: seconds that a worker may take to stop.
    """

    def __init__(self, count: int, command: Sequence[str], environment: Mapping[str, str], grace: float) -> None:
        self._count = count
        self._command = command
        self._environment = environment
        self._grace = grace
        self._running: dict[int, asyncio.subprocess.Process] = {}
        self._stopping = False

    @property
    def pids(self) -> list[int]:
        """Process ids of the workers that run."""
        return [process.pid for process in self._running.values()]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Start all, and look after them until the block is left; then stop them.

        Raises:
            WorkerFailed: one ended before it served.
        """
        keepers: list[asyncio.Task[None]] = []
        try:
            first = await _all_or_none([self._start(number) for number in range(self._count)])
            keepers = [asyncio.create_task(self._keep(number, process)) for number, process in enumerate(first)]
            yield
        finally:
            self._stopping = True
            for keeper in keepers:
                keeper.cancel()
            await asyncio.gather(*keepers, return_exceptions=True)
            await self._stop()

    async def _start(self, number: int) -> asyncio.subprocess.Process:
        """Start a worker, and return when it serves."""
        process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={**self._environment, "CLARION_WORKER": str(number)},
            # Ctrl-C in a terminal goes to the parent alone.
            start_new_session=True,
        )
        self._running[number] = process
        output = process.stdout
        if output is None or await output.readline() != READY:
            code = await process.wait()
            self._running.pop(number, None)
            raise WorkerFailed(f"a worker ended with code {code} before it served; its message is above")
        return process

    async def _keep(self, number: int, process: asyncio.subprocess.Process) -> None:
        """Start a worker anew each time it ends."""
        loop = asyncio.get_running_loop()
        pause = _FIRST_PAUSE
        while True:
            ready = loop.time()
            code = await process.wait()
            self._running.pop(number, None)
            if loop.time() - ready >= _STEADY:
                pause = _FIRST_PAUSE
            while True:
                _log.error("a worker ended; starting it anew", worker=number, code=code, pause=pause)
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
                try:
                    process = await self._start(number)
                    break
                except WorkerFailed as failed:
                    _log.error("a worker does not start", worker=number, error=str(failed))
            _log.info("a worker serves again", worker=number)

    async def _stop(self) -> None:
        """Tell all to stop, wait for them, and kill what is still there then."""
        running = list(self._running.values())
        for process in running:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        waits = [asyncio.ensure_future(process.wait()) for process in running]
        try:
            if waits:
                await asyncio.wait(waits, timeout=self._grace + _STOP_MARGIN)
        finally:
            # Also when told a second time: at once.
            for process in running:
                if process.returncode is None:
                    with contextlib.suppress(ProcessLookupError):
                        process.kill()
            await asyncio.gather(*waits, return_exceptions=True)
        self._running.clear()


async def _all_or_none(
    starts: Sequence[Coroutine[Any, Any, asyncio.subprocess.Process]],
) -> list[asyncio.subprocess.Process]:
    """Return what all coroutines return; when one fails, wait for the others, and raise its error."""
    tasks = [asyncio.ensure_future(start) for start in starts]
    await asyncio.wait(tasks)
    return [task.result() for task in tasks]


async def told_by_parent(stop: Callable[[], None]) -> None:
    """In a worker: say that it serves, and call `stop` when the parent is gone."""
    sys.stdout.buffer.write(READY)
    sys.stdout.buffer.flush()
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while await reader.read(1024):
        pass
    stop()


def worker_number(environment: Mapping[str, str] = os.environ) -> int:
    """Return which worker this process is, from 0; 0 for a server without workers."""
    return int(environment.get("CLARION_WORKER", "0"))


__all__ = ["READY", "WorkerFailed", "Workers", "reserved", "told_by_parent", "worker_number"]
