"""Certificates, keys and tokens for tests of who calls, made at run time."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from clarion_server.access_model import AuditRecord

HOUR = dt.timedelta(hours=1)


class KeptAudit:
    """An audit log that keeps its records in memory."""

    def __init__(self) -> None:
        self.records: list[AuditRecord] = []

    def record(self, record: AuditRecord) -> None:
        self.records.append(record)

    def by_id(self, request_id: str) -> AuditRecord:
        """Return the only record of a call."""
        (found,) = (record for record in self.records if record.id == request_id)
        return found


class Authority:
    """A certificate authority."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test authority")])
        self.certificate = self._sign(self._name, self._key.public_key(), HOUR * 24, [], ca=True)
        self.pem = self.certificate.public_bytes(Encoding.PEM)

    def issue(
        self,
        common_name: str | None,
        *,
        dns: tuple[str, ...] = (),
        uris: tuple[str, ...] = (),
        lifetime: dt.timedelta = HOUR,
        rsa_key: bool = False,
    ) -> tuple[bytes, bytes]:
        """Return a certificate and its key, in PEM."""
        key = rsa.generate_private_key(65537, 2048) if rsa_key else ec.generate_private_key(ec.SECP256R1())
        names = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)] if common_name else []
        alternatives: list[x509.GeneralName] = [x509.DNSName(name) for name in dns]
        alternatives += [x509.UniformResourceIdentifier(uri) for uri in uris]
        certificate = self._sign(x509.Name(names), key.public_key(), lifetime, alternatives, ca=False)
        return (
            certificate.public_bytes(Encoding.PEM),
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        )

    def _sign(
        self,
        subject: x509.Name,
        key: Any,
        lifetime: dt.timedelta,
        alternatives: list[x509.GeneralName],
        *,
        ca: bool,
    ) -> x509.Certificate:
        now = dt.datetime.now(dt.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - HOUR)
            .not_valid_after(now + lifetime)
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )
        if alternatives:
            builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        return builder.sign(self._key, hashes.SHA256())


@dataclass(frozen=True)
class ServerFiles:
    """TLS files of a server, and the authority that made them."""

    authority: Authority
    certificate: Path
    key: Path
    ca: Path

    def settings(self, *, client_certificates: bool = False) -> dict[str, Any]:
        """Return the settings that name them."""
        chosen: dict[str, Any] = {"tls_certificate_file": self.certificate, "tls_key_file": self.key}
        if client_certificates:
            chosen |= {"tls_client_certificates": "required", "tls_client_ca_file": self.ca}
        return chosen

    def renew(self, *, rsa_key: bool = False) -> bytes:
        """Put a new certificate and key in the place of the old ones; return the certificate in PEM."""
        certificate, key = self.authority.issue("localhost", dns=("localhost",), rsa_key=rsa_key)
        for path, content in ((self.certificate, certificate), (self.key, key)):
            draft = path.with_suffix(".new")
            draft.write_bytes(content)
            draft.replace(path)
        return certificate


def server_files(folder: Path, *, rsa_key: bool = False) -> ServerFiles:
    """Make TLS files for a server on localhost."""
    folder.mkdir(exist_ok=True)
    authority = Authority()
    files = ServerFiles(authority, folder / "tls.crt", folder / "tls.key", folder / "ca.crt")
    files.ca.write_bytes(authority.pem)
    files.renew(rsa_key=rsa_key)
    return files


@dataclass
class TestIssuer:
    """Another issuer of tokens, with a web server that tells its keys.

    Attributes:
        url: `iss` of its tokens, and where it is.
        keys: private keys by id.
        published: ids of the keys that it tells.
        fetches: how often it told its keys.
        answers: whether it answers at all.
        asked: set when a request has come.
        hold: clear it to let requests wait.
        extra: further entries of the document.
    """

    __test__ = False

    url: str = ""
    keys: dict[str, Any] = field(default_factory=dict)
    published: list[str] = field(default_factory=list)
    fetches: int = 0
    answers: bool = True
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    hold: asyncio.Event = field(default_factory=asyncio.Event)
    extra: list[dict[str, Any]] = field(default_factory=list)

    def add_key(self, key_id: str, *, publish: bool = True) -> None:
        """Make a key."""
        self.keys[key_id] = rsa.generate_private_key(65537, 2048)
        if publish:
            self.published.append(key_id)

    def token(self, *, key_id: str = "k1", algorithm: str = "RS256", **claims: Any) -> str:
        """Return a token; `claims` are added to, or replace, the usual ones."""
        now = int(dt.datetime.now(dt.UTC).timestamp())
        usual = {"iss": self.url, "aud": "clarion", "sub": "ann", "iat": now, "exp": now + 600}
        every = {name: value for name, value in {**usual, **claims}.items() if value is not None}
        return jwt.encode(every, self.keys[key_id], algorithm=algorithm, headers={"kid": key_id})

    def settings(self, **more: Any) -> dict[str, Any]:
        """Return the settings of a server that takes its tokens."""
        return {"issuer": self.url, "audience": "clarion", "jwks_url": f"{self.url}/keys", **more}

    def document(self) -> bytes:
        """Return its keys as a JWKS document."""
        keys = [
            json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.keys[key_id].public_key()))
            | {"kid": key_id, "use": "sig"}
            for key_id in self.published
        ]
        return json.dumps({"keys": [*keys, *self.extra]}).encode()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        await reader.readuntil(b"\r\n\r\n")
        self.fetches += 1
        self.asked.set()
        await self.hold.wait()
        body = self.document() if self.answers else b""
        status = b"200 OK" if self.answers else b"503 Service Unavailable"
        writer.write(b"HTTP/1.1 %s\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%s" % (status, len(body), body))
        await writer.drain()
        writer.close()
        await writer.wait_closed()


@asynccontextmanager
async def open_issuer() -> AsyncIterator[TestIssuer]:
    """Run an issuer with one key, `k1`."""
    issuer = TestIssuer()
    issuer.hold.set()
    issuer.add_key("k1")
    server = await asyncio.start_server(issuer.serve, "127.0.0.1", 0)
    issuer.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield issuer


@dataclass
class Hand:
    """A clock that is moved by hand; both kinds of time."""

    seconds: float = 1_000_000.0

    def __call__(self) -> float:
        return self.seconds

    def now(self) -> dt.datetime:
        """Return the time of day."""
        return dt.datetime.fromtimestamp(1_700_000_000 + self.seconds, dt.UTC)
