"""From an empty folder to the first call: `init`, `tokens issue`, `tokens rotate`."""

from __future__ import annotations

import subprocess
from pathlib import Path

import grpc
import pytest

from clarion.v1 import app_pb2, app_pb2_grpc
from tests.support.access import bearer, reason_of
from tests.support.process import clarion_server, run_server_command

SERVING = r"serves gRPC on (\S+:\d+)"


def run(*arguments: str, data: Path, fresh: bool = False) -> subprocess.CompletedProcess[str]:
    """Run a command that ends by itself."""
    return run_server_command(*arguments, environment={"CLARION_DATA_DIR": str(data)}, fresh=fresh)


def call(address: str, token: str | None) -> str:
    """Call ListApps; return the name of the status, or of the reason."""
    with grpc.insecure_channel(address) as channel:
        try:
            metadata = bearer(token) if token is not None else None
            app_pb2_grpc.AppServiceStub(channel).ListApps(app_pb2.ListAppsRequest(), metadata=metadata, timeout=10)
        except grpc.RpcError as error:
            return reason_of(error)  # type: ignore[arg-type]
    return "OK"


def test_first_steps(tmp_path: Path) -> None:
    """`init` on a new folder prints a token that may do everything, once; a second `init` is refused; nobody else may.

    Tokens made meanwhile work at once, and end when all keys are rotated away.
    """
    data = tmp_path / "data"
    made = run("init", "--user", "ann", data=data, fresh=True)
    assert made.returncode == 0, made.stderr
    token = made.stdout.strip()
    assert token.count(".") == 2
    assert token not in made.stderr
    assert {path.name: path.stat().st_mode & 0o777 for path in data.iterdir() if path.is_file()}.items() >= {
        "clarion.db": 0o600,
        "keyring.json": 0o600,
        "signing-keys.json": 0o600,
    }.items()
    again = run("init", "--user", "bob", data=data)
    assert (again.returncode, again.stdout) == (1, "")
    assert "there are users already" in again.stderr

    with clarion_server(
        "serve",
        "--listen=127.0.0.1:0",
        f"--data-dir={data}",
        output=tmp_path / "log",
        environment={"CLARION_AUTHENTICATION": "required"},
    ) as server:
        address = server.wait_for(SERVING)[1]
        assert call(address, token) == "OK"
        assert call(address, None) == "TOKEN_REQUIRED"
        more = run("tokens", "issue", "--user", "ann", "--expires", "15m", data=data, fresh=True)
        assert call(address, more.stdout.strip()) == "OK"
        nobody = run("tokens", "issue", "--user", "bob", data=data)
        assert (nobody.returncode, nobody.stdout) == (1, "")
        assert "no user of this name" in nobody.stderr
        rotated = run("tokens", "rotate", "--keep", "0", data=data, fresh=True)
        assert rotated.returncode == 0, rotated.stderr
        fresh = run("tokens", "issue", "--user", "ann", data=data).stdout.strip()
        for _ in range(300):
            if call(address, fresh) == "OK":
                break
        assert call(address, fresh) == "OK"
        assert token not in server.text()
        assert run("init", "--user", "ann", "--restore", data=data).returncode == 0


@pytest.mark.parametrize("expires", ["0h", "31d", "1", "h", "-1h", "1w"])
def test_tokens_are_short(tmp_path: Path, expires: str) -> None:
    """A token cannot be made for longer than 30 days, and a wrong time is told."""
    ended = run("tokens", "issue", "--user", "ann", "--expires", expires, data=tmp_path)
    assert ended.returncode == 1
    assert "30d" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_server_without_users_says_so(tmp_path: Path) -> None:
    """A server that asks who calls, and has no user, says which command makes the first."""
    with clarion_server(
        "serve",
        "--listen=127.0.0.1:0",
        f"--data-dir={tmp_path / 'data'}",
        output=tmp_path / "log",
        environment={"CLARION_AUTHENTICATION": "required"},
    ) as server:
        server.wait_for("clarion-server init")
