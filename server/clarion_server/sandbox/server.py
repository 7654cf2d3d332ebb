"""The sandbox: emulated providers on real sockets."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from clarion_server.providers.adm.sandbox import TOKEN_PATH, AdmEmulator
from clarion_server.providers.apns.sandbox_identity import ApnsKey
from clarion_server.providers.baidu.sandbox import BaiduEmulator
from clarion_server.providers.emulation import Emulator
from clarion_server.providers.fcm.sandbox import FcmEmulator
from clarion_server.sandbox.clock import SimulatedClock
from clarion_server.sandbox.control import ControlEmulator
from clarion_server.sandbox.faults import Faults, ListenerFaults, NoSuchListener
from clarion_server.sandbox.files import BUNDLE_ID, PROJECT_ID, Identities, SandboxFiles, SandboxInfo, prepare
from clarion_server.sandbox.http1 import Http1Connection, NegotiatedConnection
from clarion_server.sandbox.http2_faults import FaultyHttp2Connection
from clarion_server.sandbox.listener import Listener, SandboxError, server_context
from clarion_server.sandbox.service import Service
from clarion_server.sandbox.stats import ListenerStats, RecordedRequest, SandboxStats
from clarion_server.sandbox.table import CONTROL, DEFAULT_PORTS, HTTP1, HTTP2, LISTENERS, ListenerSpec, Surroundings

_RECORDED_BY_DEFAULT = 1000
_LOOPBACK = "127.0.0.1"


class Sandbox:
    """Emulates APNs (production and development), FCM, ADM, Baidu, and the token endpoints of Google and Amazon.

    An async context manager; or call `start` and `aclose`. It cannot be started twice.

    Args:
        directory: where keys and certificates are; made at the first start.
        host: where to listen. The control listener is on 127.0.0.1 in any case.
        ports: by the listener's name, and `control`; any free one where none is given, or 0.
        record: keep the last requests in `requests`: how many, or True for 1,000.
        max_devices: how many addresses the statistics count one by one; 0 = none.
        clock: seconds since the epoch, below the simulated clock.

    Attributes:
        clock: the time of day that the emulated services go by; tests move it.
        faults: what goes wrong: `sandbox.faults.add("apns", Fault(kind=FaultKind.GOAWAY, count=1))`.
        stats: the counters.
        requests: the recorded requests, oldest first.

    Raises:
        ValueError: `ports` names a listener that does not exist.
    """

    def __init__(
        self,
        directory: Path,
        *,
        host: str = _LOOPBACK,
        ports: Mapping[str, int] | None = None,
        record: bool | int = False,
        max_devices: int = 100_000,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._directory = directory
        self._host = host
        self._ports = dict(ports or {})
        if unknown := self._ports.keys() - DEFAULT_PORTS:
            raise ValueError(f"ports: there is no listener {sorted(unknown)}; there are: {', '.join(DEFAULT_PORTS)}")
        self._keys: dict[str, ApnsKey] = {}
        self._emulators: dict[str, Emulator] = {}
        self._listeners: dict[str, Listener] = {}
        self._info: SandboxInfo | None = None
        self.clock = SimulatedClock(clock)
        self.faults = Faults({spec.name: (spec.tls and HTTP2 in spec.alpn, spec.tls) for spec in LISTENERS})
        self.stats = SandboxStats({spec.name: ListenerStats(max_devices) for spec in LISTENERS})
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

    def trust_push_certificates_of(self, authority: Path) -> None:
        """Accept push certificates of a further authority (PEM file), as if it were Apple too. Only while running."""
        for spec in LISTENERS:
            if spec.client_certificates:
                self._listeners[spec.name].trust_clients_of(authority)

    def revoke_access_tokens(self) -> None:
        """Make all access tokens of FCM and ADM invalid, as if Google and Amazon had revoked them."""
        for emulator in self._emulators.values():
            if isinstance(emulator, FcmEmulator):
                emulator.tokens.revoke_all()
            elif isinstance(emulator, AdmEmulator):
                emulator.revoke_access_tokens()

    def disconnect(self, listener: str) -> int:
        """Reset all connections of a listener, and return how many there were.

        Raises:
            NoSuchListener: there is none, or it is not open.
        """
        if listener not in self._listeners:
            raise NoSuchListener(f"there is no open listener {listener!r}; there are: {', '.join(self._listeners)}")
        return self._listeners[listener].disconnect()

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
            fcm = self._emulators["fcm"]
            if isinstance(fcm, FcmEmulator):
                fcm.tokens.audiences.add(self._info.token_endpoint)
            baidu = self._emulators["baidu"]
            if isinstance(baidu, BaiduEmulator):
                names = (f"https://{host}:{ports['baidu']}" for host in (_LOOPBACK, "localhost"))
                baidu.origins.update({self._info.baidu_endpoint, *names})
            await asyncio.to_thread(self._info.write)
        except BaseException:
            await self.aclose()
            raise
        return self._info

    async def _listen(self, files: SandboxFiles, identities: Identities) -> dict[str, int]:
        """Open all listeners and return their ports."""
        around = Surroundings(identities, self._keys, self.clock)
        ports = {}
        for spec in LISTENERS:
            emulator = self._emulators[spec.name] = spec.emulator(around)
            ports[spec.name] = await self._open(spec, emulator, files)
        control = ControlEmulator(self.stats, self.faults, self.clock, self.disconnect)
        service = Service(CONTROL, control, ListenerFaults(()))
        listener = Listener(CONTROL, _LOOPBACK, lambda: Http1Connection(service), None, service.connections)
        self._listeners[CONTROL] = listener
        ports[CONTROL] = await listener.open(self._ports.get(CONTROL, 0))
        return ports

    async def _open(self, spec: ListenerSpec, emulator: Emulator, files: SandboxFiles) -> int:
        faults = self.faults.of(spec.name)
        requests = self.requests if self._recording else None
        service = Service(spec.name, emulator, faults, stats=self.stats[spec.name], requests=requests, error=spec.error)
        kind: type[asyncio.Protocol] | Callable[[Service], asyncio.Protocol]
        tls = None
        if spec.tls:
            authority = files.apple_ca if spec.client_certificates else None
            tls = server_context(files.server, spec.alpn, authority, faults, files.other_certificates)
        if tls is None or spec.alpn == (HTTP1,):
            kind = Http1Connection
        else:
            kind = FaultyHttp2Connection if spec.alpn == (HTTP2,) else NegotiatedConnection
        listener = Listener(spec.name, self._host, lambda: kind(service), tls, service.connections)
        self._listeners[spec.name] = listener
        port = await listener.open(self._ports.get(spec.name, 0))
        faults.close_listener, faults.open_listener = listener.refuse, listener.reopen
        return port

    async def aclose(self) -> None:
        """Stop listening and close all connections. Harmless when it is not running."""
        for listener in self._listeners.values():
            listener.stop_listening()
        self.faults.clear()
        for listener in self._listeners.values():
            await listener.aclose()
        self._listeners.clear()
        self._info = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


def _describe(files: SandboxFiles, identities: Identities, name: str, ports: dict[str, int]) -> SandboxInfo:
    fcm, adm = (f"https://{name}:{ports[service]}" for service in ("fcm", "adm"))
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
        adm_endpoint=adm,
        adm_token_endpoint=f"{adm}{TOKEN_PATH}",
        baidu_endpoint=f"https://{name}:{ports['baidu']}",
        control_endpoint=f"http://{_LOOPBACK}:{ports['control']}",
        files=files,
    )
