"""The engine against nghttpd, an independent C server."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trustme

from clarion_server.transport import Failure, Origin, TlsIdentity
from tests.support.tools import require_tool
from tests.transport.conftest import MakeEngine, failures, statuses


class Nghttpd:
    """One running nghttpd with an empty document at every path that the engine's tests ask for."""

    def __init__(self, folder: Path, ca: trustme.CA) -> None:
        self.program = require_tool("nghttpd", "apt-get install nghttp2-server")
        self.folder = folder
        issued = ca.issue_cert("localhost")
        issued.private_key_pem.write_to_path(str(folder / "key.pem"))
        issued.cert_chain_pems[0].write_to_path(str(folder / "cert.pem"))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        arguments = ["-m", "100", "-a", "127.0.0.1", "-d", str(self.folder), str(self.port), "key.pem", "cert.pem"]
        self.process = await asyncio.create_subprocess_exec(self.program, *arguments, cwd=self.folder)
        async with asyncio.timeout(30):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                except OSError:
                    await asyncio.sleep(0.02)
                else:
                    writer.close()
                    await writer.wait_closed()
                    return

    async def kill(self) -> None:
        assert self.process is not None
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()


@pytest.fixture
async def nghttpd(tmp_path: Path, ca: trustme.CA) -> AsyncIterator[Nghttpd]:
    """Run nghttpd with a limit of 100 streams."""
    server = Nghttpd(tmp_path, ca)
    await server.start()
    yield server
    await server.kill()


async def test_ten_thousand(nghttpd: Nghttpd, make_engine: MakeEngine, ca_file: Path, core: str) -> None:
    """Thousands of requests through a server of other make: every one answered, with its limit of 100 streams kept."""
    engine = make_engine(origin=Origin("localhost", nghttpd.port, TlsIdentity(str(ca_file))), grow_after=0.0)
    count = {"ngh2": 10_000, "h2": 1_000}[core]
    batch = await engine.run(count, body=b"x" * 300)
    assert statuses(batch) == [404] * count
    assert engine.pool.stats().returned == 0


async def test_restart(nghttpd: Nghttpd, make_engine: MakeEngine, ca_file: Path) -> None:
    """After the server was killed and started again the engine goes on by itself."""
    engine = make_engine(origin=Origin("localhost", nghttpd.port, TlsIdentity(str(ca_file))))
    assert statuses(await engine.run(50)) == [404] * 50
    await nghttpd.kill()
    down = await engine.run(1)
    assert failures(down)[0] in {Failure.CONNECT_FAILED, Failure.CONNECTION_LOST}
    await nghttpd.start()
    assert statuses(await engine.run(50)) == [404] * 50
