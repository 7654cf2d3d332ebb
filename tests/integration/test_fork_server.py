"""What tests fork in place of starting behaves like what is started."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from clarion.v1 import app_pb2
from tests.support.fork_server import run_command
from tests.support.process import clarion_server, run_client_command, run_server_command
from tests.support.scripted_server import ScriptedServer

SERVING = r"serves gRPC on (\S+:\d+)"


@pytest.mark.parametrize(
    ("arguments", "environment", "code"),
    [
        (("version",), {}, 0),
        (("keys", "--help"), {"COLUMNS": "70"}, 0),
        (("serve",), {"CLARION_PORT": "1"}, 1),
        (("nonsense",), {}, 2),
        (("health", "--server", "127.0.0.1:9", "--timeout", "0.2"), {}, 1),
    ],
)
def test_server_commands_are_as_if_started(arguments: tuple[str, ...], environment: dict[str, str], code: int) -> None:
    """A forked command has the exit code and, on each stream, the words of one that Python starts."""
    forked = run_server_command(*arguments, environment=environment)
    fresh = run_server_command(*arguments, environment=environment, fresh=True)
    assert forked.returncode == fresh.returncode == code
    # Only the name that the program was called by may differ, and with it the breaks of lines.
    said = [(run.stdout + run.stderr).replace("python -m clarion_server", "clarion-server") for run in (forked, fresh)]
    assert said[0].split() == said[1].split()
    assert bool(forked.stdout) is bool(fresh.stdout)


@pytest.mark.parametrize(("text", "code"), [("n\n", 1), ("y\n", 0), ("", 1)])
def test_client_command_is_as_if_started(text: str, code: int) -> None:
    """So has a forked `clarion`, which asks on its standard input, and sees its end."""
    ended = []
    for fresh in (False, True):
        with ScriptedServer() as server:
            server.apps["x"] = app_pb2.App(id="x", name="Shop")
            environment = {"PATH": os.defpath, "CLARION_SERVER": server.address}
            run = run_client_command("apps", "delete", "x", environment=environment, text=text, fresh=fresh)
            ended.append((run.returncode, run.stdout, run.stderr, list(server.apps)))
    assert ended[0] == ended[1]
    assert ended[0][0] == code


def test_ends_as_it_is_told(tmp_path: Path) -> None:
    """A forked server has an id of its own, ends on a signal with the right code, and is told from a killed one."""
    arguments = ("serve", "--listen", "127.0.0.1:0", "--data-dir", str(tmp_path / "data"))
    for number, code in ((signal.SIGTERM, 0), (signal.SIGKILL, -signal.SIGKILL)):
        with clarion_server(*arguments, output=tmp_path / "log") as server:
            server.wait_for(SERVING)
            assert server.pid != os.getpid()
            server.send(number)
            assert server.wait() == code
            server.send(number)  # what has ended hears nothing


def test_variables_that_count_at_the_start_are_refused() -> None:
    """A test that sets what Python or gRPC read when they start is told to start Python anew."""
    with pytest.raises(AssertionError, match="PYTHONPROFILEIMPORTTIME"):
        run_command("clarion-server", "version", environment={"PYTHONPROFILEIMPORTTIME": "1"})
