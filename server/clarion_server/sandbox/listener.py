"""One listener: a socket with TLS, the connections on it, and the faults that strike below HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import ssl
import struct
from collections.abc import Callable
from pathlib import Path

from clarion_server.sandbox.fault import FaultKind
from clarion_server.sandbox.faults import ListenerFaults
from clarion_server.starting import CannotStart

_CLOSE_SECONDS = 1.0
_BACKLOG = 1024
# RFC 9113, section 9.2.2, forbids all but ephemeral AEAD suites. TLS 1.3 has no others.
_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class SandboxError(CannotStart):
    """The sandbox cannot start; the message says why and what helps."""


def reset(transport: asyncio.Transport) -> None:
    """End a connection with a TCP RST, whatever is still to be sent."""
    connected = transport.get_extra_info("socket")
    if connected is not None and connected.fileno() >= 0:
        with contextlib.suppress(OSError):
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    transport.abort()


def server_context(
    certificate: Path,
    alpn: tuple[str, ...],
    client_authority: Path | None = None,
    faults: ListenerFaults | None = None,
    other_certificates: dict[str, Path] | None = None,
) -> ssl.SSLContext:
    """Return the TLS context of a listener.

    Args:
        certificate: the server's certificate and key (PEM).
        alpn: protocols, the preferred one first.
        client_authority: who signs client certificates; None = they are not asked for.
        faults: strike handshakes.
        other_certificates: what `other_certificate` shows, by the fault's `certificate`.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS)
    context.set_alpn_protocols(list(alpn))
    context.load_cert_chain(certificate)
    if client_authority is not None:
        context.load_verify_locations(client_authority)
        context.verify_mode = ssl.CERT_OPTIONAL
    if faults is not None:
        others = other_certificates or {}

        # OpenSSL asks this at every ClientHello, with a server name in it or without.
        def struck(handshake: ssl.SSLObject, name: str | None, own: ssl.SSLContext) -> int | None:  # noqa: ARG001
            fault = faults.strike_handshake() if faults.handshakes else None
            if fault is None:
                return None
            if fault.kind is FaultKind.TLS_REFUSED:
                return ssl.ALERT_DESCRIPTION_HANDSHAKE_FAILURE
            handshake.context = server_context(others[fault.certificate or "unknown_authority"], alpn)
            return None

        context.sni_callback = struck
    return context


class Listener:
    """A listening socket that can be closed and opened again on the same port.

    Args:
        name: for error messages.
        host: where to listen; empty = everywhere.
        protocol: makes the protocol of a new connection.
        tls: None = plain.
        connections: the open connections; the protocol keeps it.
    """

    def __init__(
        self,
        name: str,
        host: str,
        protocol: Callable[[], asyncio.Protocol],
        tls: ssl.SSLContext | None,
        connections: set[asyncio.Transport],
    ) -> None:
        self._name = name
        self._host = host
        self._protocol = protocol
        self._tls = tls
        self._connections = connections
        self._servers: list[asyncio.Server] = []
        self._held: list[socket.socket] = []
        self._refusing = False
        self._closed = False
        self._opening: asyncio.Task[None] | None = None

    async def open(self, port: int) -> int:
        """Listen, and return the port.

        Raises:
            SandboxError: the port is in use, or cannot be used.
        """
        host = self._host
        try:
            server = await asyncio.get_running_loop().create_server(
                self._protocol,
                host or None,
                port,
                ssl=self._tls,
                ssl_shutdown_timeout=_CLOSE_SECONDS if self._tls is not None else None,
                backlog=_BACKLOG,
            )
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise SandboxError(
                    f"{self._name} port {port} on {host} is in use: choose another one, or stop what listens there"
                ) from error
            raise SandboxError(f"{self._name} cannot listen on {host} port {port}: {error.strerror}") from error
        self._servers.append(server)
        return int(server.sockets[0].getsockname()[1])

    def trust_clients_of(self, authority: Path) -> None:
        """Accept client certificates of a further authority (PEM file)."""
        if self._tls is not None:
            self._tls.load_verify_locations(authority)

    def disconnect(self) -> int:
        """Reset all connections, and return how many there were."""
        connections = list(self._connections)
        for transport in connections:
            reset(transport)
        return len(connections)

    def refuse(self) -> None:
        """Close the socket and reset all connections; the port stays ours."""
        self._refusing = True
        if self._opening is None:
            self._close_sockets()
        self.disconnect()

    def _close_sockets(self) -> None:
        for server in self._servers:
            names = [(each.family, each.getsockname()) for each in server.sockets]
            server.close()
            # Bound, but not listening: nobody else gets the port, and connecting is refused.
            for family, name in names:
                held = socket.socket(family, socket.SOCK_STREAM)
                held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family is socket.AF_INET6:
                    held.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                held.bind(name)
                self._held.append(held)
        self._servers.clear()

    def reopen(self) -> None:
        """Listen again after `refuse`. Connections are taken from now on."""
        self._refusing = False
        if self._closed:
            return
        for held in self._held:
            held.listen(_BACKLOG)
        if self._held and self._opening is None:
            self._opening = asyncio.get_running_loop().create_task(self._reopen(), name=f"reopen {self._name}")

    async def _reopen(self) -> None:
        held, self._held = self._held, []
        for listening in held:
            server = await asyncio.get_running_loop().create_server(
                self._protocol,
                sock=listening,
                ssl=self._tls,
                ssl_shutdown_timeout=_CLOSE_SECONDS if self._tls is not None else None,
                backlog=_BACKLOG,
            )
            self._servers.append(server)
        self._opening = None
        if self._refusing and not self._closed:  # since then
            self.refuse()

    def stop_listening(self) -> None:
        """Take no new connections, and let the open ones go in good order."""
        self._closed = True
        for server in self._servers:
            server.close()
        if self._opening is None:
            for held in self._held:
                held.close()
        for transport in list(self._connections):
            transport.close()

    async def aclose(self) -> None:
        """Stop listening and close all connections. Harmless when it is not open."""
        if self._opening is not None:
            await self._opening
        self.stop_listening()
        try:
            async with asyncio.timeout(2 * _CLOSE_SECONDS):
                for server in self._servers:
                    await server.wait_closed()
                # Before Python 3.12 that does not wait for the connections.
                while self._connections:  # noqa: ASYNC110 - they have no event
                    await asyncio.sleep(0.01)
        except TimeoutError:
            for transport in list(self._connections):
                transport.abort()
        self._servers.clear()
        self._held.clear()
