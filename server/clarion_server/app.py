"""The composition root: the one place that names concrete classes and puts them together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import structlog

from clarion.v1.channel_pb2 import ChannelType
from clarion_server.channels.cache import ChannelDirectory
from clarion_server.channels.service import ChannelManager
from clarion_server.providers.adm.provider import AdmProvider
from clarion_server.providers.apns.provider import ApnsProvider
from clarion_server.providers.baidu.provider import BaiduProvider
from clarion_server.providers.contract import Provider
from clarion_server.providers.fcm.provider import FcmProvider
from clarion_server.quotas.keeper import QuotaKeeper
from clarion_server.rpc.apps import AppServicer
from clarion_server.rpc.channels import ChannelServicer
from clarion_server.rpc.messaging import MessagingServicer
from clarion_server.rpc.quotas import QuotaServicer
from clarion_server.rpc.server import GrpcServer
from clarion_server.sending.dispatch import Limits
from clarion_server.sending.service import Messaging
from clarion_server.settings import Settings
from clarion_server.store import Database, SqlAppStore, SqlChannelStore, SqlQuotaStore
from clarion_server.transport import Transport, TransportSettings
from clarion_server.vault import Keyring, Vault, load_keyring, load_or_create_keyring

_log = structlog.get_logger(__name__)

# What calls that are not sends get, and what connections get to close. Seconds.
_SHORT_CALLS = 1.0
_CLOSING = 2.0


@dataclass(frozen=True, slots=True)
class Running:
    """A server that serves.

    Attributes:
        address: where, with the real port.
        server: the gRPC side.
        transport: the send engine.
    """

    address: str
    server: GrpcServer
    transport: Transport


def by_type(providers: Iterable[Provider]) -> dict[ChannelType, Provider]:
    """Return the providers by the channel types that they serve."""
    return {channel_type: provider for provider in providers for channel_type in provider.channel_types}


def _keyring(settings: Settings) -> Keyring:
    if settings.keyring_file is not None:
        # A wrong path must not silently become a new keyring.
        return load_keyring(settings.keyring_file)
    path = settings.data_dir / "keyring.json"
    if not path.exists():
        _log.warning("making a new keyring: back it up, stored credentials are lost without it", path=str(path))
    return load_or_create_keyring(path)


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Running]:
    """Start a server; on leaving, stop it in two stages: finish what runs within the grace time, then close.

    Raises:
        DatabaseUnusable, KeyringUnusable, PortUnavailable, StoreUnavailable: it cannot start; the text says why.
    """
    async with AsyncExitStack() as stack:
        database = Database(settings.database)
        stack.push_async_callback(database.close)
        await database.migrate()
        keyring = _keyring(settings)

        transport = Transport(TransportSettings(max_connections=settings.max_connections), settings.http2_core)
        stack.push_async_callback(transport.aclose, _CLOSING)
        fcm = FcmProvider(transport, settings.fcm)
        stack.push_async_callback(fcm.aclose)
        providers = by_type((ApnsProvider(transport, settings.apns), fcm, AdmProvider(), BaiduProvider()))

        apps = SqlAppStore(database)
        channel_store = SqlChannelStore(database)
        vault = Vault(keyring)
        directory = ChannelDirectory(channel_store, vault)
        quotas = QuotaKeeper(SqlQuotaStore(database), default_sends_per_second=settings.sends_per_second)
        stack.push_async_callback(quotas.aclose)
        await quotas.start()
        messaging = Messaging(directory, providers, Limits(in_flight=settings.max_in_flight), quotas)
        server = GrpcServer(
            settings.listen,
            settings.admin_listen,
            apps=AppServicer(apps, region=settings.region, account=settings.account, on_delete=directory.forget),
            channels=ChannelServicer(ChannelManager(channel_store, vault, providers, directory)),
            messaging=MessagingServicer(messaging),
            quotas=QuotaServicer(quotas),
        )
        address = await server.start()
        _log.info("serving", address=address, http2_core=settings.http2_core)
        try:
            yield Running(address, server, transport)
        finally:
            _log.info("stopping", grace=settings.shutdown_grace)
            grace = _SHORT_CALLS
            try:
                await server.say_not_serving()
                await messaging.drain(settings.shutdown_grace)
            except asyncio.CancelledError:
                # Told a second time: at once.
                grace = 0.0
                raise
            finally:
                await server.stop(grace)
                _log.info("stopped")
