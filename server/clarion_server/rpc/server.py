"""The gRPC server: services, health, reflection, limits, and its two-stage stop."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import grpc
from grpc_channelz.v1 import channelz, channelz_pb2
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from clarion.audit.v1 import audit_pb2, audit_pb2_grpc
from clarion.iam.v1 import iam_pb2, iam_pb2_grpc
from clarion.v1 import (
    app_pb2,
    app_pb2_grpc,
    channel_pb2,
    channel_pb2_grpc,
    messaging_pb2,
    messaging_pb2_grpc,
    quota_pb2,
    quota_pb2_grpc,
)
from clarion_server.rpc.apps import AppServicer
from clarion_server.rpc.audit import AuditServicer
from clarion_server.rpc.channels import ChannelServicer
from clarion_server.rpc.counting import CallCounter
from clarion_server.rpc.errors import ErrorInterceptor
from clarion_server.rpc.guard import Guard
from clarion_server.rpc.iam.service import IamServicer
from clarion_server.rpc.messaging import MessagingServicer
from clarion_server.rpc.provider_health import ProviderHealth
from clarion_server.rpc.quotas import QuotaServicer
from clarion_server.rpc.tls import TlsSource
from clarion_server.rpc.wrapping import Remembering
from clarion_server.starting import PortUnavailable

CHANNELZ_SERVICE = channelz_pb2.DESCRIPTOR.services_by_name["Channelz"].full_name
HEALTH_SERVICE = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name
SERVICE_NAMES = (
    iam_pb2.DESCRIPTOR.services_by_name["IamService"].full_name,
    app_pb2.DESCRIPTOR.services_by_name["AppService"].full_name,
    channel_pb2.DESCRIPTOR.services_by_name["ChannelService"].full_name,
    messaging_pb2.DESCRIPTOR.services_by_name["MessagingService"].full_name,
    audit_pb2.DESCRIPTOR.services_by_name["AuditService"].full_name,
    quota_pb2.DESCRIPTOR.services_by_name["QuotaService"].full_name,
)

# Requests over 4 MiB are refused with a reason (see `errors`); gRPC's own limit would give none, so it lies higher.
_MAX_RECEIVE_BYTES = 16 * 1024 * 1024
_OPTIONS: Sequence[tuple[str, int]] = (
    ("grpc.max_receive_message_length", _MAX_RECEIVE_BYTES),
    # Clients behind load balancers keep idle connections alive; let them, down to every 20 seconds.
    ("grpc.http2.min_ping_interval_without_data_ms", 20_000),
    ("grpc.keepalive_permit_without_calls", 1),
    # A client that vanished without closing its connection (a machine that lost power, a NAT that forgot) would keep
    # its calls, and their results in memory, until TCP gives up, or for two hours, gRPC's default.
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    # In this version of gRPC this, 60 s by default, decides how long an answer to a ping may take.
    ("grpc.http2.ping_timeout_ms", 20_000),
)
# gRPC would share by default, and two servers on one port by mistake would each get half of the calls.
_SHARED = "grpc.so_reuseport"
# More are refused with RESOURCE_EXHAUSTED, before they cost memory. The checks and watches of health count as well.
_MAX_CALLS = 10_000


class _ByName:
    """Stands for a server when services are added, and has all their methods found by name when they are called.

    A method that is registered as well gets a wait of its own for its next call, and grpc.aio begins and ends the waits
    of all methods, over seventy, at each call of one. Methods that are found by name share one wait.
    """

    def __init__(self, server: grpc.aio.Server) -> None:
        self._server = server

    def add_generic_rpc_handlers(self, handlers: Sequence[grpc.GenericRpcHandler]) -> None:
        """Have methods found by name."""
        self._server.add_generic_rpc_handlers(handlers)

    def add_registered_method_handlers(self, service: str, handlers: Mapping[str, Any]) -> None:
        """Register nothing."""


class GrpcServer:
    """Serves Clarion's services, health and reflection.

    The last two answer everybody: they tell what this open-source server can do, and whether it does.

    Args:
        listen: `HOST:PORT` or `unix:PATH`; port 0 takes any free one.
        admin_listen: where channelz is served, in the same form, without TLS; empty: nowhere.
        tls: certificates of `listen`, None for plaintext.
        client_listen: a second address, for clients with certificates; empty: none.
        client_tls: certificates of `client_listen`.
        guard: lets calls in, or not.
        apps: AppService.
        channels: ChannelService.
        iam: IamService.
        messaging: MessagingService.
        quotas: QuotaService.
        audit: AuditService.
        providers: what health checks learn of the providers.
        shared: whether other processes listen on the same addresses, and each gets a part of the connections.

    Attributes:
        calls: counts calls.
    """

    def __init__(
        self,
        listen: str,
        admin_listen: str,
        *,
        tls: TlsSource | None,
        client_listen: str,
        client_tls: TlsSource | None,
        guard: Guard,
        apps: AppServicer,
        channels: ChannelServicer,
        iam: IamServicer,
        messaging: MessagingServicer,
        audit: AuditServicer,
        quotas: QuotaServicer,
        providers: ProviderHealth,
        shared: bool = False,
    ) -> None:
        self.calls = CallCounter("/clarion.")
        self._listen = listen
        self._admin_listen = admin_listen
        self._tls = tls
        self._client_listen = client_listen
        self._client_tls = client_tls
        self.client_address = ""
        """The real `client_listen`, when the server has started."""
        self._server = grpc.aio.server(
            interceptors=[Remembering(), self.calls, ErrorInterceptor(), guard],
            options=[*_OPTIONS, (_SHARED, int(shared))],
            maximum_concurrent_rpcs=_MAX_CALLS,
        )
        self._admin = grpc.aio.server(options=[(_SHARED, 0)])
        self._health = health.aio.HealthServicer()
        self._providers = providers
        self._reporting: asyncio.Task[None] | None = None
        services: Any = _ByName(self._server)
        # Looked through in this order for each call.
        messaging_pb2_grpc.add_MessagingServiceServicer_to_server(messaging, services)
        app_pb2_grpc.add_AppServiceServicer_to_server(apps, services)
        channel_pb2_grpc.add_ChannelServiceServicer_to_server(channels, services)
        iam_pb2_grpc.add_IamServiceServicer_to_server(iam, services)
        audit_pb2_grpc.add_AuditServiceServicer_to_server(audit, services)
        quota_pb2_grpc.add_QuotaServiceServicer_to_server(quotas, services)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, services)
        served = (*SERVICE_NAMES, HEALTH_SERVICE, reflection.SERVICE_NAME)
        reflection.enable_server_reflection(served, self._server)
        channelz.add_channelz_servicer(self._admin)
        reflection.enable_server_reflection((CHANNELZ_SERVICE, reflection.SERVICE_NAME), self._admin)

    async def start(self) -> str:
        """Listen, say SERVING, and return the address with its real port.

        Raises:
            PortUnavailable: somebody else listens there, or the host is not ours.
            TlsUnusable: the environment spoils TLS.
        """
        address = _bind(self._server, self._listen, self._tls.credentials() if self._tls is not None else None)
        if self._client_tls is not None:
            self.client_address = _bind(self._server, self._client_listen, self._client_tls.credentials())
        if self._admin_listen:
            _bind(self._admin, self._admin_listen, None)
            await self._admin.start()
        await self._server.start()
        for name in ("", *SERVICE_NAMES):
            await self._health.set(name, health_pb2.HealthCheckResponse.SERVING)
        await self._providers.report(self._health)
        self._reporting = asyncio.create_task(self._providers.keep_reporting(self._health), name="health of providers")
        return address

    async def say_not_serving(self) -> None:
        """Tell health checks that calls should go elsewhere: the first stage of stopping."""
        await self._health.enter_graceful_shutdown()

    async def stop(self, grace: float) -> None:
        """Close: the second stage. Calls that still run get up to `grace` seconds."""
        if self._reporting is not None:
            self._reporting.cancel()
            await asyncio.gather(self._reporting, return_exceptions=True)
        await self._server.stop(grace)
        if self._admin_listen:
            await self._admin.stop(0)

    async def wait(self) -> None:
        """Return when the server has stopped."""
        await self._server.wait_for_termination()


def _bind(server: grpc.aio.Server, listen: str, credentials: grpc.ServerCredentials | None) -> str:
    try:
        port = server.add_insecure_port(listen) if credentials is None else server.add_secure_port(listen, credentials)
    except RuntimeError as error:
        raise PortUnavailable(
            f"cannot listen on {listen}: the port is in use, or the host is not this machine's; "
            "--listen (CLARION_LISTEN) takes another address"
        ) from error
    if listen.startswith("unix:"):
        return listen
    return f"{listen.rpartition(':')[0]}:{port}"
