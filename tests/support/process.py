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


class Process:
    """A running command and what it wrote.

    Args:
        arguments: after `clarion-server`.
        output: file for standard output and standard error together.
        environment: added to the test's own, from which all CLARION_ variables are taken away; without authentication
            unless it says otherwise.
    """

    def __init__(self, arguments: list[str], output: Path, environment: Mapping[str, str]) -> None:
        self.output = output
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("CLARION_")}
        with output.open("wb") as sink:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "clarion_server", *arguments],
                stdout=sink,
                stderr=subprocess.STDOUT,
                env={**inherited, "CLARION_AUTHENTICATION": "none", **environment},
            )

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
            self._process.wait()


@contextmanager
def clarion_server(*arguments: str, output: Path, environment: Mapping[str, str] | None = None) -> Iterator[Process]:
    """Run `clarion-server` with arguments; end it at the end."""
    process = Process(list(arguments), output, environment or {})
    try:
        yield process
    finally:
        process.end()
