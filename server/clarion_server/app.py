"""The composition root: the one place that names concrete classes and puts them together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import cast

import structlog

from clarion.v1.channel_pb2 import ChannelType, CredentialKind
from clarion_server.audit import AuditLines, AuditTrail
from clarion_server.channels.cache import ChannelDirectory
from clarion_server.channels.service import ChannelManager
from clarion_server.ports import KeyWrapper
from clarion_server.providers.adm.provider import AdmProvider
from clarion_server.providers.apns.provider import ApnsProvider
from clarion_server.providers.baidu.provider import BaiduProvider
from clarion_server.providers.contract import Provider
from clarion_server.providers.fcm.provider import FcmProvider
from clarion_server.rpc.apps import AppServicer
from clarion_server.rpc.audit import AuditServicer
from clarion_server.rpc.channels import ChannelServicer
from clarion_server.rpc.messaging import MessagingServicer
from clarion_server.rpc.server import GrpcServer
from clarion_server.sending.dispatch import Limits
from clarion_server.sending.service import Messaging
from clarion_server.settings import Settings
from clarion_server.store import (
    ChannelCredentialRow,
    Database,
    SqlAppStore,
    SqlAuditStore,
    SqlChannelStore,
    SqlSealedRows,
)
from clarion_server.transport import Transport, TransportSettings
from clarion_server.vault import KeyringFile, Owner, SealedTable, Vault, create_keyring, load_key_wrapper

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
        audit: takes the records of calls.
    """

    address: str
    server: GrpcServer
    transport: Transport
    audit: AuditTrail


def by_type(providers: Iterable[Provider]) -> dict[ChannelType, Provider]:
    """Return the providers by the channel types that they serve."""
    return {channel_type: provider for provider in providers for channel_type in provider.channel_types}


def key_wrapper(settings: Settings) -> KeyWrapper:
    """Return what holds the master keys.

    Raises:
        KeyringUnusable: it cannot be used.
    """
    if settings.key_wrapper != "file":
        return load_key_wrapper(settings.key_wrapper, settings.key_wrapper_options)
    path = settings.keyring_path
    # A wrong path that somebody set must not silently become a new keyring.
    if settings.keyring_file is None and not path.exists():
        _log.warning("making a new keyring: back it up, stored credentials are lost without it", path=str(path))
        create_keyring(path)
    return KeyringFile(path)


def sealed_tables(database: Database) -> list[SealedTable]:
    """Return every table with sealed secrets, for wrapping their data keys anew."""
    return [
        SealedTable(
            "credential of a channel",
            SqlSealedRows(database, ChannelCredentialRow),
            lambda place: Owner(str(place[0]), cast("ChannelType", place[1]), cast("CredentialKind", place[2])),
        )
    ]


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Running]:
    """Start a server; on leaving, stop it in two stages: finish what runs within the grace time, then close.

    Raises:
        AuditFileUnusable, DatabaseUnusable, KeyringUnusable, PortUnavailable, StoreUnavailable: it cannot start; the
            text says why.
    """
    async with AsyncExitStack() as stack:
        database = Database(settings.database)
        stack.push_async_callback(database.close)
        await database.migrate()
        keys = key_wrapper(settings)
        audit_store = SqlAuditStore(database)
        audit = AuditTrail(
            audit_store if settings.audit_table else None,
            AuditLines(settings.audit_file) if settings.audit_file else None,
            retention_days=settings.audit_retention_days,
        )
        stack.push_async_callback(audit.aclose)
        audit.start()

        transport = Transport(TransportSettings(max_connections=settings.max_connections), settings.http2_core)
        stack.push_async_callback(transport.aclose, _CLOSING)
        fcm = FcmProvider(transport, settings.fcm)
        stack.push_async_callback(fcm.aclose)
        providers = by_type((ApnsProvider(transport, settings.apns), fcm, AdmProvider(), BaiduProvider()))

        apps = SqlAppStore(database)
        channel_store = SqlChannelStore(database)
        vault = Vault(keys)
        directory = ChannelDirectory(channel_store, vault)
        messaging = Messaging(directory, providers, Limits(in_flight=settings.max_in_flight))
        server = GrpcServer(
            settings.listen,
            settings.admin_listen,
            apps=AppServicer(apps, region=settings.region, account=settings.account, on_delete=directory.forget),
            channels=ChannelServicer(ChannelManager(channel_store, vault, providers, directory)),
            messaging=MessagingServicer(messaging),
            audit=AuditServicer(audit_store),
        )
        address = await server.start()
        _log.info("serving", address=address, http2_core=settings.http2_core)
        try:
            yield Running(address, server, transport, audit)
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
