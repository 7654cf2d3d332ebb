"""What gRPC knows about the other end of a call."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

import grpc

from clarion_server.errors import TokenInvalid

_MAX_USER_AGENT = 256


@dataclass(frozen=True, slots=True)
class Peer:
    """Where a call comes from, and what it carries.

    Attributes:
        source_ip: IP address, empty over a Unix socket.
        authorization: the header of that name; None without one. Secret.
        certificate: the client's certificate in PEM, None without one.
        user_agent: what the client says it is, shortened.
    """

    source_ip: str
    authorization: tuple[str, ...]
    certificate: bytes | None
    user_agent: str

    @property
    def source(self) -> str:
        """The address as audit records have it."""
        return self.source_ip or "unix"

    def one_authorization(self) -> str | None:
        """Return the header, None without one.

        Raises:
            TokenInvalid: there are several: who checked the first must not be followed by one who uses the last.
        """
        if len(self.authorization) > 1:
            raise TokenInvalid("the header authorization is there more than once")
        return self.authorization[0] if self.authorization else None


def peer_of(context: grpc.aio.ServicerContext[Any, Any], *, certificates: bool) -> Peer:
    """Return the peer of a call; its certificate is asked for only if the server takes any."""
    authorization: list[str] = []
    user_agent = ""
    for name, value in context.invocation_metadata() or ():
        if name == "authorization":
            authorization.append(value if isinstance(value, str) else "")
        elif name == "user-agent" and isinstance(value, str):
            user_agent = _printable(value[:_MAX_USER_AGENT])
    pem = next(iter(context.auth_context().get("x509_pem_cert", ())), None) if certificates else None
    return Peer(_ip(context.peer()), tuple(authorization), pem, user_agent)


# Calls come on few connections, from few kinds of clients.
@lru_cache(1024)
def _printable(text: str) -> str:
    return "".join(character for character in text if character.isprintable())


@lru_cache(1024)
def _ip(peer: str) -> str:
    """Return the address in gRPC's `ipv4:1.2.3.4:567` or `ipv6:%5B::1%5D:567`; IPv4 within IPv6 as IPv4."""
    kind, _, rest = peer.partition(":")
    if kind not in {"ipv4", "ipv6"}:
        return ""
    host = unquote(rest).rpartition(":")[0].strip("[]").partition("%")[0]
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return ""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)
