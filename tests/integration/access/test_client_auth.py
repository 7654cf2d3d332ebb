"""The Python client and its command against a server that asks who calls."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

import clarion
from clarion.connection import connection
from tests.support.access import ALLOW_ALL, Guarded, open_guarded
from tests.support.identities import Authority, server_files


def ask(server: str, token: object, **options: object) -> list[str]:
    """Return the names of all apps, by the blocking client."""
    with clarion.Client(server, token=token, **options) as client:  # type: ignore[arg-type]
        return [app.name for app in client.list_apps()]


async def test_tokens_of_both_clients(tmp_path: Path) -> None:
    """Both clients send a token, one from a file, or one from a function, which are asked anew for every call."""
    async with open_guarded(tmp_path, {"admin": ALLOW_ALL}) as guarded:
        server, token = guarded.running.address, guarded.token("admin")
        file = tmp_path / "token"
        file.write_text("nonsense\n")
        given = iter([token, token, "nonsense"])
        async with clarion.AsyncClient(server, token=lambda: next(given)) as client:
            app = await client.create_app("x")
            assert [each.id async for each in client.list_apps()] == [app.id]
            with pytest.raises(clarion.AccessDenied, match="JWT"):
                await client.get_app(app.id)
        async with clarion.AsyncClient(server, token=file) as client:
            with pytest.raises(clarion.AccessDenied):
                await client.get_app(app.id)
            file.write_text(f"{token}\n")
            assert (await client.get_app(app.id)).name == "x"
            send = client.send(app.id, clarion.message(body="b"), [("00" * 32, "APNS")])
            assert [result.reason async for result in send] != []
        assert await asyncio.to_thread(ask, server, token) == ["x"]
        with pytest.raises(clarion.AccessDenied) as caught:
            await asyncio.to_thread(ask, server, None)
        assert caught.value.reason == "ERROR_REASON_TOKEN_REQUIRED"


async def test_client_certificates(tmp_path: Path) -> None:
    """The client proves itself by a certificate, from files or bytes."""
    files = server_files(tmp_path / "tls")
    certificate, key = files.authority.issue("ann")
    (tmp_path / "c").write_bytes(certificate)
    (tmp_path / "k").write_bytes(key)
    async with open_guarded(tmp_path, {"ann": ALLOW_ALL}, **files.settings(client_certificates=True)) as guarded:
        server = f"localhost:{guarded.running.address.rpartition(':')[2]}"
        for pair in ((certificate, key), (tmp_path / "c", str(tmp_path / "k"))):
            assert await asyncio.to_thread(ask, server, None, tls=files.ca, client_certificate=pair) == []
        assert {record.identity.name for record in guarded.audit.records} == {"ann"}


def test_tokens_stay_on_encrypted_ways() -> None:
    """A token is never sent to another machine in plaintext, nor is a wrong one quoted."""
    common = {"keepalive_time": 30.0, "keepalive_timeout": 20.0}
    with pytest.raises(ValueError, match="anybody between"):
        connection("push.example.com:1", tls=None, insecure=True, token="t", **common)  # type: ignore[arg-type]
    assert connection("127.0.0.1:1", tls=None, insecure=False, token="t", **common).token is not None  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="bearer token") as caught:
        connection("127.0.0.1:1", tls=None, insecure=False, token="se cret", **common)  # type: ignore[arg-type]
    assert "cret" not in str(caught.value)
    certificate, key = Authority().issue("x")
    with pytest.raises(ValueError, match="in this order"):
        connection("127.0.0.1:1", tls=True, insecure=False, client_certificate=(key, certificate), **common)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no TLS"):
        connection("127.0.0.1:1", tls=False, insecure=False, client_certificate=(certificate, key), **common)  # type: ignore[arg-type]


async def command(guarded: Guarded, *options: str, **environment: str) -> tuple[int, str]:
    """Run `clarion OPTIONS apps list`; return the exit code and all that it wrote."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "import sys; from clarion.cli.root import run; sys.exit(run())",
        "--server",
        guarded.running.address,
        *options,
        "apps",
        "list",
        env={"PATH": "/usr/bin:/bin", **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode()


async def test_command(tmp_path: Path) -> None:
    """The command takes its token from the environment or a file; without one it says which header the server wants."""
    async with open_guarded(tmp_path, {"admin": ALLOW_ALL}) as guarded:
        token = guarded.token("admin")
        file = tmp_path / "token"
        file.write_text(token)
        assert (await command(guarded, CLARION_TOKEN=token))[0] == 0
        assert (await command(guarded, "--token-file", str(file)))[0] == 0
        code, told = await command(guarded)
        assert code == 3
        assert "TOKEN_REQUIRED" in told
        assert (await command(guarded, "--client-key", str(file)))[0] == 2
