"""The sandbox: emulated providers on real sockets."""

from __future__ import annotations

import asyncio
import errno
import ssl
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from clarion_server.providers.apns.sandbox import ApnsEmulator
from clarion_server.providers.apns.sandbox_identity import DEVELOPMENT, PRODUCTION, ApnsKey
from clarion_server.providers.emulation import Emulator
from clarion_server.providers.fcm.sandbox import FcmEmulator
from clarion_server.sandbox.control import ControlEmulator
from clarion_server.sandbox.devices import APNS_DEVICES, FCM_DEVICES
from clarion_server.sandbox.files import BUNDLE_ID, PROJECT_ID, Identities, SandboxFiles, SandboxInfo, prepare
from clarion_server.sandbox.http1 import Http1Connection, NegotiatedConnection
from clarion_server.sandbox.http2 import Http2Connection
from clarion_server.sandbox.stats import CountedEmulator, ListenerStats, RecordedRequest, SandboxStats

_CLOSE_SECONDS = 1.0
_RECORDED_BY_DEFAULT = 1000
_LOOPBACK = "127.0.0.1"
# RFC 9113, section 9.2.2, forbids all but ephemeral AEAD suites. TLS 1.3 has no others.
_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"


class SandboxError(Exception):
    """The sandbox cannot start; the message says why and what helps."""


class Sandbox:
    """Emulates APNs (production and development), FCM and Google's token endpoint, over TLS and HTTP/2.

    An async context manager; or call `start` and `aclose`. It cannot be started twice.

    Args:
        directory: where keys and certificates are; made at the first start.
        host: where to listen. The control listener is on 127.0.0.1 in any case.
        apns_port: the emulated production environment; 0 = any free port, as for the other ports.
        apns_sandbox_port: the emulated development environment.
        fcm_port: FCM and the token endpoint.
        control_port: counters, in plain HTTP.
        record: keep the last requests in `requests`: how many, or True for 1,000.
        max_devices: how many addresses the statistics count one by one; 0 = none.
        clock: seconds since the epoch, for the age of tokens.

    Attributes:
        stats: the counters.
        requests: the recorded requests, oldest first.
    """

    def __init__(
        self,
        directory: Path,
        *,
        host: str = _LOOPBACK,
        apns_port: int = 0,
        apns_sandbox_port: int = 0,
        fcm_port: int = 0,
        control_port: int = 0,
        record: bool | int = False,
        max_devices: int = 100_000,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._directory = directory
        self._host = host
        self._ports = {
            "apns": apns_port,
            "apns_sandbox": apns_sandbox_port,
            "fcm": fcm_port,
            "control": control_port,
        }
        self._clock = clock
        self._keys: dict[str, ApnsKey] = {}
        self._fcm: FcmEmulator | None = None
        self._servers: list[asyncio.Server] = []
        self._open_connections: set[asyncio.Transport] = set()
        self._info: SandboxInfo | None = None
        self.stats = SandboxStats(*(ListenerStats(max_devices) for _ in range(3)))
        self._recording = record is not False and record != 0
        self.requests: deque[RecordedRequest] = deque(maxlen=_RECORDED_BY_DEFAULT if record is True else int(record))

    @property
    def info(self) -> SandboxInfo:
        """Endpoints, ids and paths.

        Raises:
            RuntimeError: the sandbox is not running.
        """
        if self._info is None:
            raise RuntimeError("the sandbox is not running: start it first")
        return self._info

    def register_apns_key(self, key: ApnsKey) -> None:
        """Register a further signing key, as if it had been made at Apple."""
        self._keys[key.key_id] = key

    def revoke_access_tokens(self) -> None:
        """Make all access tokens of FCM invalid, as if Google had revoked them."""
        if self._fcm is not None:
            self._fcm.tokens.revoke_all()

    async def start(self) -> SandboxInfo:
        """Make what is missing in the directory, and listen.

        Raises:
            SandboxError: a port is in use, or the directory cannot be used.
        """
        try:
            files, identities = await asyncio.to_thread(prepare, self._directory)
        except (OSError, ValueError) as error:
            raise SandboxError(f"cannot use the sandbox directory: {error}") from error
        self.register_apns_key(identities.apns_key)
        try:
            ports = await self._listen(files, identities)
            name = "localhost" if self._host in {"", "0.0.0.0", "::"} else self._host  # noqa: S104 - compared only
            self._info = _describe(files, identities, f"[{name}]" if ":" in name else name, ports)
            if self._fcm is not None:
                self._fcm.tokens.audiences.add(self._info.token_endpoint)
            await asyncio.to_thread(self._info.write)
        except BaseException:
            await self.aclose()
            raise
        return self._info

    async def _listen(self, files: SandboxFiles, identities: Identities) -> dict[str, int]:
        """Open all listeners and return their ports."""
        apns_tls = _tls(files, ["h2"], client_authority=files.apple_ca)
        fcm_tls = _tls(files, ["h2", "http/1.1"])
        environments = {"apns": PRODUCTION, "apns_sandbox": DEVELOPMENT}
        ports = {}
        for name, environment in environments.items():
            emulator = ApnsEmulator(
                environment=environment,
                keys=self._keys,
                bundle_ids=(BUNDLE_ID,),
                devices=APNS_DEVICES,
                clock=self._clock,
            )
            ports[name] = await self._open(name, Http2Connection, self._counted(name, emulator), apns_tls)
        self._fcm = FcmEmulator(
            account=identities.service_account,
            devices=FCM_DEVICES,
            clock=self._clock,
            legacy_key=identities.legacy_key,
        )
        ports["fcm"] = await self._open("fcm", NegotiatedConnection, self._counted("fcm", self._fcm), fcm_tls)
        ports["control"] = await self._open("control", Http1Connection, ControlEmulator(self.stats), None)
        return ports

    def _counted(self, name: str, emulator: Emulator) -> CountedEmulator:
        stats: ListenerStats = getattr(self.stats, name)
        return CountedEmulator(name, emulator, stats, self.requests if self._recording else None)

    async def _open(
        self,
        name: str,
        protocol: Callable[[Emulator, set[asyncio.Transport]], asyncio.Protocol],
        emulator: Emulator,
        tls: ssl.SSLContext | None,
    ) -> int:
        host, port = _LOOPBACK if name == "control" else self._host, self._ports[name]
        try:
            server = await asyncio.get_running_loop().create_server(
                lambda: protocol(emulator, self._open_connections),
                host or None,
                port,
                ssl=tls,
                ssl_shutdown_timeout=_CLOSE_SECONDS if tls is not None else None,
                backlog=1024,
            )
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise SandboxError(
                    f"{name} port {port} on {host} is in use: choose another one, or stop what listens there"
                ) from error
            raise SandboxError(f"{name} cannot listen on {host} port {port}: {error.strerror}") from error
        self._servers.append(server)
        return int(server.sockets[0].getsockname()[1])

    async def aclose(self) -> None:
        """Stop listening and close all connections. Harmless when it is not running."""
        for server in self._servers:
            server.close()
        for transport in list(self._open_connections):
            transport.close()
        for server in self._servers:
            try:
                await asyncio.wait_for(server.wait_closed(), 2 * _CLOSE_SECONDS)
            except TimeoutError:
                for transport in list(self._open_connections):
                    transport.abort()
        self._servers.clear()
        self._info = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


def _tls(files: SandboxFiles, alpn: list[str], client_authority: Path | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS)
    context.set_alpn_protocols(alpn)
    context.load_cert_chain(files.server)
    if client_authority is not None:
        context.load_verify_locations(client_authority)
        context.verify_mode = ssl.CERT_OPTIONAL
    return context


def _describe(files: SandboxFiles, identities: Identities, name: str, ports: dict[str, int]) -> SandboxInfo:
    fcm = f"https://{name}:{ports['fcm']}"
    return SandboxInfo(
        team_id=identities.apns_key.team_id,
        key_id=identities.apns_key.key_id,
        bundle_id=BUNDLE_ID,
        project_id=PROJECT_ID,
        p12_password=identities.p12_password,
        apns_endpoint=f"https://{name}:{ports['apns']}",
        apns_sandbox_endpoint=f"https://{name}:{ports['apns_sandbox']}",
        fcm_endpoint=fcm,
        token_endpoint=f"{fcm}/token",
        control_endpoint=f"http://{_LOOPBACK}:{ports['control']}",
        files=files,
    )
