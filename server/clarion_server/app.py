"""The composition root: the one place that names concrete classes and puts them together."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, cast

import structlog

from clarion.v1.channel_pb2 import ChannelType, CredentialKind
from clarion_server.access.actions import ACTIONS, Scope
from clarion_server.access.app_tags import AppTags
from clarion_server.access.authenticator import Authenticator, NoAuthentication
from clarion_server.access.authority import Everything, PolicyAuthority
from clarion_server.access.iam.keys import AccessKeyOwner, AccessKeys
from clarion_server.access.iam.revision import RevisionWatch
from clarion_server.access.iam.sessions import Sessions
from clarion_server.access.iam.simulation import Simulator
from clarion_server.access.iam.source import PolicySource
from clarion_server.access.signing_keys import SigningKeys, create_signing_keys
from clarion_server.access.tokens import OwnTokens
from clarion_server.access_model import AuditLog
from clarion_server.audit import AuditLines, AuditTrail
from clarion_server.channels.cache import ChannelDirectory
from clarion_server.channels.expiry import ExpiryWatch
from clarion_server.channels.service import ChannelManager
from clarion_server.iam_model import PrincipalKind
from clarion_server.ports import KeyWrapper
from clarion_server.providers.adm.provider import AdmProvider
from clarion_server.providers.apns.provider import ApnsProvider
from clarion_server.providers.baidu.provider import BaiduProvider
from clarion_server.providers.contract import Provider
from clarion_server.providers.fcm.provider import FcmProvider
from clarion_server.quotas.keeper import QuotaKeeper
from clarion_server.rpc.apps import AppServicer
from clarion_server.rpc.audit import AuditServicer
from clarion_server.rpc.channels import ChannelServicer
from clarion_server.rpc.guard import Guard, Surroundings
from clarion_server.rpc.iam.parts import IamParts
from clarion_server.rpc.iam.service import IamServicer
from clarion_server.rpc.messaging import MessagingServicer
from clarion_server.rpc.provider_health import ProviderHealth
from clarion_server.rpc.quotas import QuotaServicer
from clarion_server.rpc.server import GrpcServer
from clarion_server.rpc.tls import TlsFiles, TlsSource
from clarion_server.sending.limits import Limits
from clarion_server.sending.service import Messaging
from clarion_server.settings import Settings
from clarion_server.store import (
    AccessKeyRow,
    ChannelCredentialRow,
    Database,
    SqlAppStore,
    SqlAuditStore,
    SqlChannelStore,
    SqlIamStore,
    SqlQuotaStore,
    SqlSealedRows,
)
from clarion_server.transport import Transport, TransportSettings
from clarion_server.vault import KeyringFile, Owner, SealedTable, Vault, create_keyring, load_key_wrapper

if TYPE_CHECKING:
    # Imported where they are wanted.
    from clarion_server.access.oidc import Issuer
    from clarion_server.metrics.collector import ServerCollector

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
        expiry: looks out for credentials that expire.
        metrics_address: where metrics are served, with the real port; empty: nowhere.
        audit: takes the records of calls.
        page: returns the metrics as text.
    """

    address: str
    server: GrpcServer
    transport: Transport
    expiry: ExpiryWatch
    metrics_address: str
    audit: AuditTrail
    page: Callable[[], bytes]


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
        ),
        SealedTable(
            "access key",
            SqlSealedRows(database, AccessKeyRow),
            lambda place: AccessKeyOwner(str(place[0])),
        ),
    ]


def own_tokens(settings: Settings) -> OwnTokens:
    """Return what signs and checks this server's own tokens.

    Raises:
        SigningKeysUnusable: the file of the keys is absent or unusable.
    """
    return OwnTokens(
        SigningKeys(settings.signing_keys),
        issuer=settings.token_issuer,
        audience=settings.token_audience,
        leeway=settings.token_leeway,
    )


@asynccontextmanager
async def open_identity(settings: Settings) -> AsyncIterator[SqlIamStore]:
    """Open the identity data of a server, which need not run; make database and keys if need be.

    Raises:
        DatabaseUnusable, KeyringUnusable, SigningKeysUnusable, StoreUnavailable: it cannot be opened; the text says
            why.
    """
    database = Database(settings.database)
    try:
        await database.migrate()
        key_wrapper(settings)
        _make_signing_keys(settings)
        yield SqlIamStore(database)
    finally:
        await database.close()


def _make_signing_keys(settings: Settings) -> None:
    # One that is set must exist: a wrong path must not silently become new keys.
    if settings.signing_keys_file is None and not settings.signing_keys.exists():
        create_signing_keys(settings.signing_keys)


async def _authenticator(settings: Settings, stack: AsyncExitStack) -> Authenticator:
    _make_signing_keys(settings)
    authenticator = Authenticator(
        own_tokens(settings),
        _issuers(settings, stack) if settings.issuers else {},
        account=settings.account,
        certificate_users=settings.tls_client_users,
        leeway=settings.token_leeway,
    )
    stack.push_async_callback(authenticator.aclose)
    return authenticator


def _issuers(settings: Settings, stack: AsyncExitStack) -> dict[str, Issuer]:
    # Only where there are other issuers: with httpx, this is a twentieth of the start.
    from clarion_server.access.jwks import KeySet, key_client  # noqa: PLC0415  # see above
    from clarion_server.access.oidc import Issuer  # noqa: PLC0415  # see above

    issuers: dict[str, Issuer] = {}
    for each in settings.issuers:
        client = key_client(each.ca_file)
        stack.push_async_callback(client.aclose)
        keys = KeySet(each.jwks_url, client)
        issuers[each.issuer] = Issuer(each, keys, account=settings.account, leeway=settings.token_leeway)
    return issuers


def _tls(settings: Settings, *, client_certificates: bool) -> TlsSource | None:
    if settings.tls_certificate_file is None or settings.tls_key_file is None:
        return None
    client_ca = settings.tls_client_ca_file if client_certificates else None
    return TlsSource(TlsFiles(settings.tls_certificate_file, settings.tls_key_file, client_ca))


def _page(messaging: Messaging, transport: Transport, server: GrpcServer, expiry: ExpiryWatch) -> Callable[[], bytes]:
    """Return what makes a page of metrics."""

    @functools.cache
    def collector() -> ServerCollector:
        # With the first scrape: many servers have none, and prometheus_client is large.
        from clarion_server.metrics.collector import ServerCollector, Sources  # noqa: PLC0415  # see above

        return ServerCollector(
            Sources(
                version=version("clarion-server"),
                meter=messaging.meter,
                in_flight=messaging.in_flight,
                breakers=messaging.breakers,
                pools=lambda: ((f"{origin.host}:{origin.port}", each) for origin, each in transport.stats().items()),
                calls=server.calls.ended,
                calls_running=server.calls.running,
                expiring=lambda: expiry.credentials,
            )
        )

    def page() -> bytes:
        from clarion_server.metrics.page import render  # noqa: PLC0415  # as above

        return render(collector())

    return page


async def _serve_metrics(listen: str, page: Callable[[], bytes], stack: AsyncExitStack, *, shared: bool) -> str:
    """Serve metrics until the stack is left; return the address, empty for nowhere. If `shared`, the parent does."""
    if not listen:
        return ""
    page()  # Imports what the first scrape would, before calls would wait for it.
    if shared:
        return ""
    from clarion_server.metrics.listener import serve_metrics  # noqa: PLC0415  # only where metrics are wanted

    async def answer() -> bytes:
        return page()

    return await serve_metrics(listen, answer, stack)


@asynccontextmanager
async def running(
    settings: Settings, *, audit: AuditLog | None = None, worker: int | None = None
) -> AsyncIterator[Running]:
    """Start a server; on leaving, stop it in two stages: finish what runs within the grace time, then close.

    Args:
        settings: all of them.
        audit: takes the records of calls in place of the settings' places.
        worker: which of several servers on the same addresses it is, from 0; None: it is alone.

    Raises:
        AuditFileUnusable, DatabaseUnusable, KeyringUnusable, PortUnavailable, SigningKeysUnusable, StoreUnavailable,
            TlsUnusable: it cannot start; the text says why.
    """
    # What several would do again and again, or say several times, the first does.
    first = not worker
    async with AsyncExitStack() as stack:
        database = Database(settings.database)
        stack.push_async_callback(database.close)
        await database.migrate()
        keys = key_wrapper(settings)
        audit_store = SqlAuditStore(database)
        trail = AuditTrail(
            audit_store if settings.audit_table else None,
            AuditLines(settings.audit_file) if settings.audit_file else None,
            retention_days=settings.audit_retention_days if first else 0,
        )
        stack.push_async_callback(trail.aclose)
        trail.start()

        transport = Transport(TransportSettings(max_connections=settings.max_connections), settings.http2_core)
        stack.push_async_callback(transport.aclose, _CLOSING)
        fcm = FcmProvider(transport, settings.fcm)
        stack.push_async_callback(fcm.aclose)
        adm = AdmProvider(transport, settings.adm)
        stack.push_async_callback(adm.aclose)
        baidu = BaiduProvider(transport, settings.baidu)
        providers = by_type((ApnsProvider(transport, settings.apns), fcm, adm, baidu))

        apps = SqlAppStore(database)
        channel_store = SqlChannelStore(database)
        vault = Vault(keys)
        directory = ChannelDirectory(channel_store, vault)
        quotas = QuotaKeeper(SqlQuotaStore(database), default_sends_per_second=settings.sends_per_second)
        stack.push_async_callback(quotas.aclose)
        await quotas.start()
        messaging = Messaging(directory, providers, Limits(in_flight=settings.max_in_flight), quotas=quotas)
        required = settings.authentication == "required"
        iam_store = SqlIamStore(database)
        watch = RevisionWatch(iam_store)
        policies = PolicySource(iam_store, watch, account=settings.account)
        guard = Guard(
            await _authenticator(settings, stack) if required else NoAuthentication(),
            PolicyAuthority(policies) if required else Everything(),
            AppTags(apps),
            audit or trail,
            Surroundings(
                Scope(settings.region, settings.account),
                tls=settings.tls,
                client_certificates=settings.tls_client_ca_file is not None,
            ),
        )
        server = GrpcServer(
            settings.listen,
            settings.admin_listen,
            tls=_tls(settings, client_certificates=settings.tls_client_certificates == "required"),
            client_listen=settings.client_certificate_listen,
            client_tls=_tls(settings, client_certificates=True) if settings.client_certificate_listen else None,
            guard=guard,
            apps=AppServicer(apps, region=settings.region, account=settings.account, on_delete=directory.forget),
            channels=ChannelServicer(ChannelManager(channel_store, vault, providers, directory)),
            iam=IamServicer(
                IamParts(
                    account=settings.account,
                    store=iam_store,
                    watch=watch,
                    keys=AccessKeys(iam_store, vault, watch, account=settings.account),
                    sessions=Sessions(policies, own_tokens(settings) if required else None, account=settings.account),
                    simulator=Simulator(policies, account=settings.account),
                    known_actions=ACTIONS,
                )
            ),
            messaging=MessagingServicer(messaging),
            audit=AuditServicer(audit_store),
            quotas=QuotaServicer(quotas),
            providers=ProviderHealth(messaging.breakers, providers),
            shared=worker is not None,
        )
        if first and required and not (await iam_store.list_principals(PrincipalKind.USER, 1)).items:
            _log.warning("nobody can call yet: `clarion-server init` makes the first administrator")
        expiry = ExpiryWatch(channel_store, warns=first)
        expiry.start()
        stack.push_async_callback(expiry.aclose)
        page = _page(messaging, transport, server, expiry)
        metrics_address = await _serve_metrics(settings.metrics_listen, page, stack, shared=worker is not None)
        address = await server.start()
        _log.info("serving", address=address, http2_core=settings.http2_core)
        try:
            yield Running(address, server, transport, expiry, metrics_address, trail, page)
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
