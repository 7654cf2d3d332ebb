"""How to reach a server: address, TLS and keepalive. Pure, shared by both clients."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import grpc

from clarion.authorization import Token, token_source

DEFAULT_SERVER = "127.0.0.1:8080"

# What gRPC receives ahead of its reader, per call. By default that grows to several MiB, some 40,000 results: so many
# targets more would be sent to after a program has stopped reading. This is enough for 80,000 results a second at a
# round trip of 100 ms.
_LOOK_AHEAD_BYTES = 1024 * 1024
# A preview of 100 targets or a page of 1,000 apps with all their tags is larger than gRPC's default of 4 MiB.
_MAX_RECEIVE_BYTES = 64 * 1024 * 1024
_SERVER = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+(?:%\w+)?\]|[A-Za-z0-9._-]+):(?P<port>\d{1,5})")

_CERTIFICATE = b"-----BEGIN CERTIFICATE-----"

ChannelOptions = tuple[tuple[str, int], ...]
Tls = bool | bytes | str | os.PathLike[str] | None
_Pem = bytes | str | os.PathLike[str]
ClientCertificate = tuple[_Pem, _Pem] | None
"""A certificate and its private key: paths of PEM files, or their bytes."""


@dataclass(frozen=True, slots=True)
class Connection:
    """What a gRPC channel is made from.

    Attributes:
        target: gRPC's name of the server.
        credentials: TLS, or None for plaintext.
        options: gRPC channel arguments.
        token: gives the token of every call, None without one.
    """

    target: str
    credentials: grpc.ChannelCredentials | None
    options: ChannelOptions
    token: Callable[[], str] | None = None


def connection(
    server: str,
    *,
    tls: Tls,
    insecure: bool,
    keepalive_time: float,
    keepalive_timeout: float,
    token: Token = None,
    client_certificate: ClientCertificate = None,
) -> Connection:
    """Decide how to connect; the arguments are those of `clarion.Client`.

    Raises:
        ValueError: `server` is neither `host:port` nor `unix:PATH`, or plaintext would leave this machine unasked, or
            with a token.
        OSError: a file of certificates cannot be read.
    """
    unix = server.startswith("unix:")
    host = server if unix else _host(server)
    loopback = unix or _is_loopback(host)
    if insecure and tls:
        raise ValueError("tls and insecure contradict each other: give one of them")
    if tls is False and not (loopback or insecure):
        raise ValueError(
            f"server: {host} is another machine, and without TLS anybody in between reads credentials and messages; "
            "use tls=True, or insecure=True if the network is trusted"
        )
    plaintext = insecure or tls is False or (tls is None and loopback and client_certificate is None)
    if plaintext and client_certificate is not None:
        raise ValueError("client_certificate: there is no TLS to use it in; leave out tls=False and insecure")
    source = token_source(token)
    if plaintext and source is not None and not loopback:
        raise ValueError(
            "token: without TLS anybody between here and the server could read it and be you; leave out insecure"
        )
    options: list[tuple[str, int]] = [
        ("grpc.max_receive_message_length", _MAX_RECEIVE_BYTES),
        ("grpc.http2.bdp_probe", 0),
        ("grpc.http2.lookahead_bytes", _LOOK_AHEAD_BYTES),
        ("grpc.keepalive_time_ms", round(keepalive_time * 1000)),
        ("grpc.keepalive_timeout_ms", round(keepalive_timeout * 1000)),
        # An unanswered ping closes the connection after this time (by default a minute), whatever the line above says.
        ("grpc.http2.ping_timeout_ms", round(keepalive_timeout * 1000)),
        # By default gRPC stops pinging after two pings without data, and then a dead connection is never noticed.
        ("grpc.http2.max_pings_without_data", 0),
    ]
    if loopback:
        # A proxy named by the environment cannot reach this machine's loopback.
        options.append(("grpc.enable_http_proxy", 0))
    return Connection(
        server, None if plaintext else _credentials(tls, client_certificate), tuple(options), token=source
    )


def _host(server: str) -> str:
    match = _SERVER.fullmatch(server)
    if match is None or not 0 < int(match["port"]) < 65536:
        raise ValueError(
            f"server: {server!r} is not `host:port`, such as {DEFAULT_SERVER} or [::1]:8080, nor `unix:PATH`"
        )
    return match["host"].strip("[]")


def _is_loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _credentials(tls: Tls, client_certificate: ClientCertificate) -> grpc.ChannelCredentials:
    roots = None if tls is None or isinstance(tls, bool) else _pem(tls)
    # gRPC itself would only say, call by call, that the connection cannot be made.
    if roots is not None and _CERTIFICATE not in roots:
        raise ValueError("tls: the root certificates are not PEM (no `-----BEGIN CERTIFICATE-----`)")
    if client_certificate is None:
        return grpc.ssl_channel_credentials(root_certificates=roots)
    certificate, key = map(_pem, client_certificate)
    if _CERTIFICATE not in certificate or b"PRIVATE KEY-----" not in key:
        raise ValueError("client_certificate: give a certificate and its private key, both in PEM, in this order")
    return grpc.ssl_channel_credentials(root_certificates=roots, private_key=key, certificate_chain=certificate)


def _pem(given: _Pem) -> bytes:
    return given if isinstance(given, bytes) else Path(given).read_bytes()
