"""A server of several worker processes, and which of them has a connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import httpx
from grpc_channelz.v1 import channelz_pb2, channelz_pb2_grpc
from prometheus_client.parser import text_string_to_metric_families

from clarion.v1 import app_pb2
from clarion_server.sandbox import Sandbox
from tests.support.process import Process, clarion_server
from tests.support.world import World, make_app, stubs

SERVING = r"serves gRPC on (\S+:\d+)"


def worker_pids(parent: int) -> dict[int, int]:
    """Return the process ids of a server's workers, by their numbers."""
    pids: dict[int, int] = {}
    for task in Path(f"/proc/{parent}/task").iterdir():
        for pid in map(int, (task / "children").read_text().split()):
            arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            if b"worker" in arguments:
                pids[int(arguments[arguments.index(b"worker") + 1])] = pid
    return pids


def is_alive(pid: int) -> bool:
    """Return whether a process runs."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@dataclass
class Cluster:
    """A server of several workers, and the sandbox that it sends to.

    Attributes:
        process: the parent.
        sandbox: the providers.
        address: where the workers serve.
        admin: path of worker 0's admin socket, without its number.
        metrics: path of the socket with the metrics.
        app_id: an app as `make_app` makes it.
        connections: one to each worker, by its number.
        stack: closes the connections.
    """

    process: Process
    sandbox: Sandbox
    address: str
    admin: str
    metrics: str
    app_id: str
    connections: dict[int, World]
    stack: AsyncExitStack

    async def wait_for(self, pattern: str) -> None:
        """Wait until the log has a match."""
        await asyncio.to_thread(self.process.wait_for, pattern)

    async def ended(self) -> int:
        """Wait for the parent's end, and return its exit code."""
        return await asyncio.to_thread(self.process.wait)

    async def samples(self) -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
        """Return the metrics."""
        async with httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(uds=self.metrics)) as client:
            answer = await client.get("http://localhost/metrics")
        assert answer.status_code == 200
        samples: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
        for family in text_string_to_metric_families(answer.text):
            for sample in family.samples:
                samples.setdefault(sample.name, {})[tuple(sorted(sample.labels.items()))] = sample.value
        return samples

    async def calls(self, number: int) -> int:
        """Return how many calls worker `number` has taken."""
        async with grpc.aio.insecure_channel(f"unix:{self.admin}.{number}") as channel:
            # The type stubs of this package leave out the methods of its stub, and asyncio.
            stub: Any = channelz_pb2_grpc.ChannelzStub
            answer = await stub(channel).GetServers(channelz_pb2.GetServersRequest())
        # The other one serves channelz itself.
        (public,) = (each for each in answer.server if "unix:" not in each.listen_socket[0].name)
        return int(public.data.calls_started)

    async def anew(self, number: int) -> None:
        """Open a connection to a worker that was started anew."""
        wanted = len(self.connections)
        del self.connections[number]
        await self.connect(wanted)

    async def connect(self, wanted: int) -> None:
        """Open connections until there is one to each of the workers 0 to `wanted` - 1."""
        for _ in range(500):
            if len(self.connections) == wanted:
                return
            # Else connections of one process to one address are shared.
            options = [("grpc.use_local_subchannel_pool", 1)]
            channel = await self.stack.enter_async_context(grpc.aio.insecure_channel(self.address, options))
            world = World(self.sandbox, *stubs(channel))
            world.app_id = self.app_id
            before = [await self.calls(number) for number in range(wanted)]
            await world.apps.ListApps(app_pb2.ListAppsRequest())
            after = [await self.calls(number) for number in range(wanted)]
            (number,) = (number for number in range(wanted) if after[number] > before[number])
            self.connections.setdefault(number, world)
        raise AssertionError("some worker never gets a connection")


@asynccontextmanager
async def open_cluster(directory: Path, workers: int, **environment: str) -> AsyncIterator[Cluster]:
    """Start a sandbox in this process and a server of several workers, with a connection to each."""
    async with Sandbox(directory / "sandbox", record=1000) as sandbox, AsyncExitStack() as stack:
        admin, metrics = directory / "admin", directory / "metrics"
        process = stack.enter_context(
            clarion_server(
                *("serve", "--listen", "127.0.0.1:0", "--data-dir", str(directory / "data")),
                *("--workers", str(workers)),
                output=directory / "log",
                fresh=True,
                environment={
                    **sandbox.info.server_env(),
                    "CLARION_ADMIN_LISTEN": f"unix:{admin}",
                    "CLARION_METRICS_LISTEN": f"unix:{metrics}",
                    **environment,
                },
            )
        )
        address = (await asyncio.to_thread(process.wait_for, SERVING))[1]
        cluster = Cluster(process, sandbox, address, str(admin), str(metrics), "", {}, stack)
        async with grpc.aio.insecure_channel(address) as channel:
            cluster.app_id = await make_app(World(sandbox, *stubs(channel)))
        await cluster.connect(workers)
        yield cluster
