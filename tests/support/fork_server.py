"""Processes for tests that run the project's commands, without paying half a second of imports for each.

This file is a program too: `python -P fork_server.py FD` imports the commands once, and then forks for each that it is
asked for. What a test starts is a process of its own, with its own id, streams, environment, signals and exit code;
only the imports are done already. So what depends on how Python itself starts and ends (its options, `PYTHON…`
variables, what is imported when, how much memory it takes) needs a process that is started anew.
"""

from __future__ import annotations

import array
import atexit
import contextlib
import functools
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

COMMANDS = {"clarion-server": "clarion_server.__main__", "clarion": "clarion.cli"}
"""The commands, and the module with the function `main` of each."""
_PRELOADED = (
    *COMMANDS.values(),
    "clarion.cli.root",
    "clarion_server.app",
    "clarion_server.commands.administration",
    "clarion_server.commands.keys",
    "clarion_server.commands.play",
    "clarion_server.commands.serve",
    "clarion_server.commands.supervise",
    "clarion_server.store.migrations.upgrade",
    "psycopg",
    "sqlalchemy.dialects.postgresql.psycopg",
)
_READ_AT_START = ("PYTHON", "GRPC_", "LD_", "MALLOC_")
_MOST = 1 << 20
# Bytes of a report, the process's id or exit code: of one length, because both may be there when the first is read.
_REPORT = 20
_MOST_INPUT = 60_000
"""Bytes of standard input that surely fit into a pipe that nobody reads yet."""


class Forked:
    """A running command, much like `subprocess.Popen`.

    Args:
        command: one of `COMMANDS`.
        arguments: after its name.
        streams: file descriptors of standard input, output and error; they stay the caller's.
        environment: its whole environment.
    """

    def __init__(
        self, command: str, arguments: Sequence[str], streams: tuple[int, int, int], environment: Mapping[str, str]
    ) -> None:
        late = {name for name in environment if name.startswith(_READ_AT_START)}
        late = {name for name in late if environment[name] != os.environ.get(name)}
        assert not late, f"{late} count when Python or gRPC start: run the command anew"
        self.args = [command, *arguments]
        self.returncode: int | None = None
        ours, theirs = os.pipe()
        self._reports = os.fdopen(ours, "rb", buffering=0)
        request = json.dumps([command, list(arguments), dict(environment), str(Path.cwd())])
        fds = array.array("i", [*streams, theirs])
        try:
            _fork_server().sendmsg([request.encode()], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])
        finally:
            os.close(theirs)
        self.pid = int(self._reports.read(_REPORT))

    def poll(self) -> int | None:
        """Return the exit code, negative for a signal, or None while it runs."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float) -> int:
        """Wait for the end, at most so many seconds; return the exit code.

        Raises:
            subprocess.TimeoutExpired: it still runs.
        """
        if self.returncode is None:
            if not select.select([self._reports], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(self.args, timeout)
            self.returncode = int(self._reports.read(_REPORT))
            self._reports.close()
        return self.returncode

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal if it still runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)


def run_command(
    command: str, *arguments: str, environment: Mapping[str, str], text: str = "", timeout: float = 120
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, as `subprocess.run` does with captured output.

    Args:
        command: one of `COMMANDS`.
        arguments: after its name.
        environment: its whole environment.
        text: its standard input, from a pipe.
        timeout: seconds after which it is killed.

    Raises:
        subprocess.TimeoutExpired: it did not end.
    """
    given = text.encode()
    assert len(given) <= _MOST_INPUT, "start the installed script with a pipe"
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as stdin, tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        with os.fdopen(writing, "wb") as sink:
            sink.write(given)
        forked = Forked(command, arguments, (stdin.fileno(), stdout.fileno(), stderr.fileno()), environment)
        try:
            code = forked.wait(timeout)
        except BaseException:
            forked.kill()
            forked.wait(timeout)
            raise
        return subprocess.CompletedProcess(forked.args, code, _content(stdout), _content(stderr))


def _content(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode()


@functools.cache
def _fork_server() -> socket.socket:
    """Start the program below, once for this process; it ends with this process."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        program = subprocess.Popen(
            [sys.executable, "-P", __file__, str(theirs.fileno())], pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL
        )

    @atexit.register
    def end() -> None:
        ours.close()
        program.wait(60)

    return ours


def _serve(requests: socket.socket) -> Callable[[], None]:
    """Fork for each request; in the process that is to be the command, return what it has to do."""
    while True:
        request, fds, _, _ = socket.recv_fds(requests, _MOST, 4)
        _reap()
        if not request:
            os._exit(0)
        if os.fork() == 0:
            requests.close()
            break
        for fd in fds:
            os.close(fd)
    *streams, report = fds
    pid = os.fork()
    if pid == 0:
        os.close(report)
        return _prepare(request, streams)
    # The command's parent: it tells how the command ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for fd in streams:
        os.close(fd)
    os.write(report, str(pid).ljust(_REPORT).encode())
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.write(report, str(status).ljust(_REPORT).encode())
    os._exit(0)


def _reap() -> None:
    """Let go those that have reported an end; their time then counts as this process's, for whoever measures."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _prepare(request: bytes, streams: list[int]) -> Callable[[], None]:
    """Make this process look as if the command had just been started."""
    command, arguments, environment, directory = json.loads(request)
    for number, fd in enumerate(streams):
        os.dup2(fd, number)
        os.close(fd)
    # As Python does at its start.
    sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    sys.argv = [command, *arguments]
    main: Callable[[], None] = importlib.import_module(COMMANDS[command]).main
    return main


def _main() -> Callable[[], None]:
    requests = socket.socket(fileno=int(sys.argv[1]))
    for name in _PRELOADED:
        importlib.import_module(name)
    threads = Path("/proc/self/task")
    assert not threads.is_dir() or len(list(threads.iterdir())) == 1, "what forks must have one thread"
    return _serve(requests)


def _run(main: Callable[[], None]) -> int:
    """Run a command, and return the exit code that Python would give it."""
    code = 0
    try:
        main()
    except SystemExit as error:
        if isinstance(error.code, int):
            code = error.code
        elif error.code is not None:
            sys.stderr.write(f"{error.code}\n")
            code = 1
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        traceback.print_exc()
        sys.stdout.flush()
        signal.raise_signal(signal.SIGINT)
    except Exception:  # noqa: BLE001 - as Python does
        traceback.print_exc()
        code = 1
    # What Python does at its end, but for taking all modules apart, which takes as long as importing them.
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    return code


if __name__ == "__main__":
    os._exit(_run(_main()))
