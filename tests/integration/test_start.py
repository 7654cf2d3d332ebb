"""What commands import: a start, and a probe of health, must not pay for what they do not use."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from clarion_server.worker_link import READY, START
from tests.integration.test_process import SERVING, run_fresh
from tests.support.process import clarion_server

# Python then tells on standard error what it imports.
TELLING = {"PYTHONPROFILEIMPORTTIME": "1"}
_TOLD = re.compile(r"^import time: +\d+ \| +\d+ \| +(\S+)$", re.MULTILINE)


def imported(text: str) -> set[str]:
    """Return the modules that a program says it imported, with the packages around them."""
    names = {name for name in _TOLD.findall(text) if name != "package"}
    return {".".join(name.split(".")[: depth + 1]) for name in names for depth in range(name.count(".") + 1)}


def serve(data: Path, log: Path) -> set[str]:
    """Start a server, end it when it serves, and return what it has imported until then."""
    with clarion_server(
        "serve", "--listen", "127.0.0.1:0", "--data-dir", str(data), output=log, environment=TELLING, fresh=True
    ) as server:
        server.wait_for(SERVING)
        return imported(server.text())


def test_start_imports_what_it_needs(tmp_path: Path) -> None:
    """A server on a current database imports no migrations, no sandbox, and no client or dialect that it does not use.

    The first start on a new folder has to migrate: there the same look finds Alembic.
    """
    first = serve(tmp_path / "data", tmp_path / "first")
    assert {"alembic", "clarion_server.app", "grpc", "sqlalchemy"} <= first
    second = serve(tmp_path / "data", tmp_path / "second")
    assert {"clarion_server.app", "grpc", "sqlalchemy"} <= second
    unused = {
        "alembic",
        "clarion_server.commands.play",
        "clarion_server.sandbox",
        "clarion_server.supervisor",
        "h2",
        "hpack",
        "httpx",
        "prometheus_client",
        "psycopg",
        "sqlalchemy.dialects.postgresql",
    }
    assert not unused & second


@pytest.mark.parametrize("metrics", ["", "127.0.0.1:0"])
def test_worker_is_ready_for_scrapes(tmp_path: Path, metrics: str) -> None:
    """A worker imports what its metrics need before it is ready, if its parent serves metrics, and not otherwise.

    Else the first scrape would import it while calls wait.
    """
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("CLARION_")}
    environment = {**inherited, **TELLING, "CLARION_AUTHENTICATION": "none", "CLARION_METRICS_LISTEN": metrics}
    arguments = ("worker", "0", "--listen", "127.0.0.1:0", "--data-dir", str(tmp_path / "data"))
    parent, link = socket.socketpair()
    with (tmp_path / "log").open("wb") as log, parent, link:
        command = [sys.executable, "-m", "clarion_server", *arguments]
        worker = subprocess.Popen(command, stdin=link.fileno(), stdout=log, stderr=log, env=environment)
        link.close()
        parent.sendall(START)
        assert parent.recv(len(READY), socket.MSG_WAITALL) == READY
        modules = imported((tmp_path / "log").read_text())
    # The worker ends: its parent is gone.
    assert worker.wait(60) == 0
    assert "clarion_server.app" in modules
    assert ("prometheus_client" in modules) is bool(metrics)


def test_collector_works_in_jobs() -> None:
    """The garbage collector, off while a command imports, is on in the job of the command, and spares the imports."""
    code = (
        "import gc; gc.disable()\n"
        "from clarion_server.commands.common import run\n"
        "async def job(stop): print(gc.isenabled(), gc.get_freeze_count() > 0)\n"
        "run(job)"
    )
    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert told.stdout == "True True\n"


def test_probe_of_health_is_light(tmp_path: Path) -> None:
    """`health`, which containers run every few seconds, imports gRPC and its own options, and nothing of the server."""
    with clarion_server(
        "serve", "--listen", "127.0.0.1:0", "--data-dir", str(tmp_path / "data"), output=tmp_path / "log"
    ) as server:
        probed = run_fresh("health", CLARION_LISTEN=server.wait_for(SERVING)[1], **TELLING)
    assert probed.returncode == 0, probed.stderr
    assert probed.stdout == "serving\n"
    modules = imported(probed.stderr)
    assert {"grpc", "grpc_health", "typer"} <= modules
    assert {name for name in modules if name.startswith("clarion_server.")} <= {
        "clarion_server.cli",
        "clarion_server.rpc",
        "clarion_server.rpc.probe",
    }
    # Pydantic is not among them: Typer uses it for options.
    assert not modules & {"clarion", "cryptography", "httpx", "rich", "sqlalchemy", "sqlmodel", "structlog"}


def test_help_is_light() -> None:
    """The help of `clarion-server` and of its commands imports none of what the commands do."""
    for arguments in (["--help"], ["serve", "--help"], ["keys", "--help"]):
        helped = run_fresh(*arguments, **TELLING)
        assert helped.returncode == 0, helped.stderr
        modules = imported(helped.stderr)
        assert {name for name in modules if name.startswith("clarion_server.")} == {"clarion_server.cli"}
        assert not modules & {"clarion", "grpc", "sqlalchemy", "structlog"}


def test_parent_of_workers_is_light() -> None:
    """The parent of `serve --workers` imports nothing of what its workers do: they wait for it."""
    code = "import sys, clarion_server.commands.supervise; print(*sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    modules = set(told.stdout.split())
    assert "clarion_server.workers" in modules
    assert not modules & {
        "clarion",
        "clarion_server.app",
        "clarion_server.store",
        "cryptography",
        "grpc",
        "httpx",
        "prometheus_client",
        "sqlalchemy",
    }
