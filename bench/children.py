"""Processes that a measurement starts, and what the kernel says about them (Linux's /proc)."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

_START = 30.0
_STOP = 10.0
_TICKS = os.sysconf("SC_CLK_TCK")


class ChildFailed(Exception):
    """A process ended, or did not start to listen; the text says which, and what it last wrote."""


class Child:
    """A process that is ended, by its own id, when the `with` block is left, however that happens.

    It has a session of its own, so that Ctrl-C reaches only the benchmark, which then ends its children.

    Args:
        name: for messages.
        command: program and arguments.
        log: file for what it writes.
        environment: all of its environment variables.
    """

    def __init__(self, name: str, command: Sequence[str], log: Path, environment: Mapping[str, str]) -> None:
        self._name = name
        self._log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(environment),
                start_new_session=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._process.terminate()
        try:
            self._process.wait(_STOP)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def wait_until_listening(self, port: int, pause: float = 0.05) -> None:
        """Return when the process accepts connections on a port of loopback; look every `pause` seconds.

        Raises:
            ChildFailed: it ended, or does not listen within half a minute.
        """
        until = time.monotonic() + _START
        while time.monotonic() < until:
            if self._process.poll() is not None:
                raise ChildFailed(f"{self._name} ended with code {self._process.returncode}:\n{self._last_words()}")
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                return
            time.sleep(pause)
        raise ChildFailed(f"{self._name} does not listen on port {port}:\n{self._last_words()}")

    def pids(self) -> list[int]:
        """Return the ids of the process and of all that it has started, directly or not."""
        found = [self._process.pid]
        for pid in found:
            for task in Path(f"/proc/{pid}/task").glob("*/children"):
                found += map(int, task.read_text().split())
        return found

    def cpu(self) -> float:
        """Return the seconds of CPU time that it and its children have used, the kernel's part for them included."""
        return sum(_cpu(f"/proc/{pid}/stat") for pid in self.pids())

    def main_thread_cpu(self) -> float:
        """Return the seconds of CPU time of the process's main thread."""
        return _cpu(f"/proc/{self._process.pid}/task/{self._process.pid}/stat")

    def wait(self) -> int:
        """Wait until the process has ended by itself, and return its code."""
        return self._process.wait()

    def stop(self) -> int:
        """Ask the process to end as Ctrl-C does, and return its code."""
        self._process.send_signal(signal.SIGINT)
        return self.wait()

    def wait_until_said(self, text: str) -> None:
        """Return when the process has written the text.

        Raises:
            ChildFailed: it ended, or is silent for half a minute.
        """
        until = time.monotonic() + _START
        while text not in self._log.read_text(errors="replace"):
            if self._process.poll() is not None:
                raise ChildFailed(f"{self._name} ended with code {self._process.returncode}:\n{self._last_words()}")
            if time.monotonic() > until:
                raise ChildFailed(f"{self._name} does not say {text!r}:\n{self._last_words()}")
            time.sleep(0.05)

    def peak_rss(self) -> int:
        """Return the most memory that was ever resident, in bytes; of several processes the largest."""
        return max(self._status("VmHWM", pid) for pid in self.pids())

    def rss(self) -> int:
        """Return the memory that is resident now, in bytes; the sum over its processes."""
        return sum(self._status("VmRSS", pid) for pid in self.pids())

    def descriptors(self) -> int:
        """Return how many files and sockets are open; the sum over its processes."""
        return sum(len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in self.pids())

    def _status(self, field: str, pid: int) -> int:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(f"{field}:"):
                return int(line.split()[1]) * 1024
        raise ChildFailed(f"{self._name} has ended:\n{self._last_words()}")

    def _last_words(self) -> str:
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-20:])


def _cpu(stat: str) -> float:
    # The name of the program, the second field, may hold blanks and brackets.
    fields = Path(stat).read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def free_port() -> int:
    """Return a port of loopback that nobody listens on just now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def unwind_on_signals() -> None:
    """Let SIGTERM and SIGHUP end the program as Ctrl-C does: by unwinding the stack, which ends the children."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _frame: sys.exit(128 + number))
