"""The server under measurement: `clarion-server serve` as an operator runs it, on SQLite, with one APNs channel."""

from __future__ import annotations

import os
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc

from bench import workload
from bench.children import Child, free_port
from bench.stub import Stub
from clarion.v1 import app_pb2, app_pb2_grpc, channel_pb2, channel_pb2_grpc


@dataclass(frozen=True, slots=True)
class Server:
    """A running server.

    Attributes:
        child: its process.
        address: where it serves gRPC.
        app_id: an app whose APNs channel leads to the stub.
    """

    child: Child
    address: str
    app_id: str


@contextmanager
def running_server(stub: Stub, directory: Path, core: str) -> Iterator[Server]:
    """Run a server with everything below `directory`; `core` is the HTTP/2 implementation that sends."""
    directory.mkdir()
    port = free_port()
    address = f"127.0.0.1:{port}"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CLARION_")}
    environment |= {
        "CLARION_APNS__PRODUCTION_ENDPOINT": stub.endpoint,
        "CLARION_APNS__CA_FILE": str(stub.ca_file),
        "CLARION_AUTHENTICATION": "none",
        "CLARION_HTTP2_CORE": core,
        "CLARION_LOG_LEVEL": "warning",
        # What is measured is the server, not its quota.
        "CLARION_SENDS_PER_SECOND": "10000000",
    }
    program = str(Path(sysconfig.get_path("scripts")) / "clarion-server")
    command = [program, "serve", "--listen", address, "--data-dir", str(directory / "data")]
    with Child("clarion-server", command, directory / "server.log", environment) as child:
        child.wait_until_listening(port)
        yield Server(child, address, _make_app(address))


def _make_app(address: str) -> str:
    with grpc.insecure_channel(address) as channel:
        apps, channels = app_pb2_grpc.AppServiceStub(channel), channel_pb2_grpc.ChannelServiceStub(channel)
        app = apps.CreateApp(app_pb2.CreateAppRequest(name="Benchmark"), timeout=10).app
        settings = channel_pb2.ChannelSettings(type=workload.CHANNEL_TYPE, apns=workload.apns_settings())
        channels.UpdateChannel(channel_pb2.UpdateChannelRequest(app_id=app.id, channel=settings), timeout=10)
        return str(app.id)
