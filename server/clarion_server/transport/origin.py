"""What may share a connection: the pool key and the TLS identity in it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """A TLS client certificate held in memory. Equality and hash go by :attr:`fingerprint`.

    Attributes:
        chain_pem: The certificate and its intermediates, PEM.
        key_pem: The unencrypted private key, PEM. Never in ``repr``.
        fingerprint: SHA-256 over both, hexadecimal; made here.
    """

    chain_pem: bytes = field(repr=False, compare=False)
    key_pem: bytes = field(repr=False, compare=False)
    fingerprint: str = field(init=False)

    def __post_init__(self) -> None:
        digest = hashlib.sha256(self.chain_pem + b"\0" + self.key_pem).hexdigest()
        object.__setattr__(self, "fingerprint", digest)


@dataclass(frozen=True, slots=True)
class TlsIdentity:
    """Whom we trust and who we are. The peer's certificate and host name are always verified.

    Attributes:
        ca_file: Path of a PEM file with the only roots to trust; ``None`` means the system's trust store.
        client_certificate: What we present when the peer asks for a certificate.
    """

    ca_file: str | None = None
    client_certificate: ClientCertificate | None = None


@dataclass(frozen=True, slots=True)
class Origin:
    """The pool key: requests of equal origins may share a connection.

    Attributes:
        host: Name to resolve and to verify the peer's certificate against.
        port: TCP port.
        tls: Whom we trust and who we are.
        identity: Keeps apart what the peer wants on separate connections, such as APNs' ``team/key``.
            Never logged and not in ``repr``.
    """

    host: str
    port: int = 443
    tls: TlsIdentity = TlsIdentity()
    identity: str = field(default="", repr=False)
