"""The server under measurement: `clarion-server serve` as an operator runs it, with a channel in each app."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import grpc

from bench import secured, workload
from bench.cases import Setup
from bench.children import Child, free_port
from bench.secured import PROGRAM, Secured
from bench.stub import Certificate, Stub
from bench.token_endpoint import running_token_endpoint
from clarion.v1 import app_pb2, app_pb2_grpc, channel_pb2, channel_pb2_grpc
from clarion.v1.channel_pb2 import ChannelType


@dataclass(frozen=True, slots=True)
class Server:
    """A running server.

    Attributes:
        child: its process.
        address: where it serves gRPC.
        apps: file with the id of an app a line; the channel of each leads to the stub.
        ca_file: PEM file of the authority behind its certificate; None when it speaks plaintext.
        token_file: file with the token of a user who may send, and nothing else; None when nobody is asked.
    """

    child: Child
    address: str
    apps: Path
    ca_file: Path | None
    token_file: Path | None


@contextmanager
def running_server(
    setup: Setup,
    stub: Stub,
    directory: Path,
    core: str,
    *,
    certificate: Certificate,
    database_url: str,
    environment: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[Server]:
    """Run a server with everything below `directory`.

    Args:
        setup: how it runs.
        stub: the provider.
        directory: made here.
        core: the HTTP/2 implementation that sends.
        certificate: for gRPC over TLS, and for the token endpoint.
        database_url: of an empty PostgreSQL database, where the set-up asks for one.
        environment: further variables.
    """
    directory.mkdir()
    port = free_port()
    address = f"127.0.0.1:{port}"
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("CLARION_")}
    environment = inherited | {
        "CLARION_APNS__PRODUCTION_ENDPOINT": stub.endpoint,
        "CLARION_APNS__CA_FILE": str(stub.ca_file),
        "CLARION_AUTHENTICATION": "required" if setup.access == "secured" else "none",
        "CLARION_DATA_DIR": str(directory / "data"),
        "CLARION_HTTP2_CORE": core,
        "CLARION_LOG_LEVEL": "warning",
        # What is measured is the server, not its quota.
        "CLARION_SENDS_PER_SECOND": "10000000",
        **environment,
    }
    if setup.database == "postgresql":
        environment["CLARION_DATABASE_URL"] = database_url
    if setup.tls:
        environment["CLARION_TLS_CERTIFICATE_FILE"] = str(certificate.chain)
        environment["CLARION_TLS_KEY_FILE"] = str(certificate.key)
    if setup.access == "bare":
        environment["CLARION_AUDIT_TABLE"] = "false"
    elif setup.access == "secured":
        environment["CLARION_AUDIT_FILE"] = str(directory / "audit.jsonl")
    guard = Secured(directory, environment) if setup.access == "secured" else None
    command = [PROGRAM, "serve", "--listen", address]
    if setup.workers > 1:
        command += ["--workers", str(setup.workers)]
    ca_file = certificate.ca_file if setup.tls else None
    with ExitStack() as stack:
        if setup.channel == "FCM":
            environment["CLARION_FCM__ENDPOINT"] = stub.endpoint
            environment["CLARION_FCM__CA_FILE"] = str(stub.ca_file)
            environment["CLARION_FCM__TOKEN_ENDPOINT"] = stack.enter_context(running_token_endpoint(certificate))
        child = stack.enter_context(Child("clarion-server", command, directory / "server.log", environment))
        child.wait_until_listening(port)
        apps = directory / "apps"
        with _connection(address, ca_file) as connection:
            channel = guard.authorised(connection) if guard else connection
            channel_type = workload.CHANNEL_TYPES[setup.channel]
            ids = [_make_app(channel, channel_type) for _ in range(setup.apps)]
            apps.write_text("\n".join(ids))
            token_file = guard.make_sender(channel, ids) if guard else None
        yield Server(child, address, apps, ca_file, token_file)


def _connection(address: str, ca_file: Path | None) -> grpc.Channel:
    if ca_file is None:
        return grpc.insecure_channel(address)
    return grpc.secure_channel(address, grpc.ssl_channel_credentials(ca_file.read_bytes()))


def _make_app(channel: grpc.Channel, channel_type: ChannelType) -> str:
    apps, channels = app_pb2_grpc.AppServiceStub(channel), channel_pb2_grpc.ChannelServiceStub(channel)
    app = apps.CreateApp(app_pb2.CreateAppRequest(name="Benchmark", tags=secured.TAGS), timeout=10).app
    settings = workload.channel_settings(channel_type)
    channels.UpdateChannel(channel_pb2.UpdateChannelRequest(app_id=app.id, channel=settings), timeout=10)
    return str(app.id)
