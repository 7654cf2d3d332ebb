"""The commands as processes of their own, as an operator starts them."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.support.fork_server import Forked, run_command


class Process:
    """A running command and what it wrote.

    Args:
        arguments: after `clarion-server`.
        fresh: whether Python starts anew; else the process is forked from one that has imported everything, which is
            ten times as quick (`tests/support/fork_server.py`).
        output: file for standard output and standard error together.
        environment: added to the test's own, from which all CLARION_ variables are taken away; without authentication
            unless it says otherwise.
    """

    def __init__(self, arguments: list[str], output: Path, environment: Mapping[str, str], *, fresh: bool) -> None:
        self.output = output
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("CLARION_")}
        chosen = {**inherited, "CLARION_AUTHENTICATION": "none", **environment}
        self._process: subprocess.Popen[bytes] | Forked
        with output.open("wb") as sink, Path(os.devnull).open("rb") as nothing:
            if fresh:
                command = [sys.executable, "-m", "clarion_server", *arguments]
                self._process = subprocess.Popen(command, stdin=nothing, stdout=sink, stderr=sink, env=chosen)
            else:
                streams = (nothing.fileno(), sink.fileno(), sink.fileno())
                self._process = Forked("clarion-server", arguments, streams, chosen)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def wait_for(self, pattern: str, seconds: float = 60) -> re.Match[str]:
        """Return the first match of a regular expression in the output.

        Raises:
            AssertionError: the process ended, or the time was over, without a match.
        """
        until = time.monotonic() + seconds
        while True:
            ended = self._process.poll() is not None
            text = self.text()
            if match := re.search(pattern, text):
                return match
            if ended or time.monotonic() > until:
                raise AssertionError(f"{pattern!r} did not appear in:\n{text}")
            time.sleep(0.02)

    def text(self) -> str:
        """Return what was written until now."""
        return self.output.read_text(encoding="utf-8", errors="replace")

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        self._process.send_signal(number)

    def wait(self, seconds: float = 60) -> int:
        """Return the exit code."""
        return self._process.wait(seconds)

    def end(self) -> None:
        """End the process if it still runs."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait(60)


@contextmanager
def clarion_server(
    *arguments: str, output: Path, environment: Mapping[str, str] | None = None, fresh: bool = False
) -> Iterator[Process]:
    """Run `clarion-server` with arguments; end it at the end. `Process` says what the other parameters are."""
    process = Process(list(arguments), output, environment or {}, fresh=fresh)
    try:
        yield process
    finally:
        process.end()


def run_server_command(
    *arguments: str, environment: Mapping[str, str], fresh: bool = False
) -> subprocess.CompletedProcess[str]:
    """Run a command of `clarion-server` that ends by itself, with no more environment than is given, and PATH."""
    chosen = {"PATH": "/usr/bin:/bin", **environment}
    if not fresh:
        return run_command("clarion-server", *arguments, environment=chosen)
    return _run_fresh("-m", "clarion_server", *arguments, environment=chosen)


def run_client_command(
    *arguments: str, environment: Mapping[str, str], text: str = "", fresh: bool = False
) -> subprocess.CompletedProcess[str]:
    """Run a `clarion` command that ends by itself, with `text` on its standard input, and this environment alone."""
    if not fresh:
        return run_command("clarion", *arguments, environment=environment, text=text)
    return _run_fresh("-c", "from clarion.cli import main; main()", *arguments, environment=environment, text=text)


def _run_fresh(*arguments: str, environment: Mapping[str, str], text: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        env=environment,
        input=text,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
