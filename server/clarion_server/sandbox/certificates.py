"""Certificates of the sandbox: its own authority and server certificate, and "Apple" with a push certificate."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from clarion_server.providers.apns.sandbox_identity import (
    DEVELOPMENT,
    DEVELOPMENT_EXTENSION,
    ENVIRONMENTS,
    PRODUCTION,
    PRODUCTION_EXTENSION,
    TOPICS_EXTENSION,
    write_topics,
)

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

_LIFETIME = timedelta(days=3650)
_ASN1_NULL = b"\x05\x00"


def pem_key(key: PrivateKey) -> bytes:
    """Return a private key as PEM (PKCS#8, not encrypted)."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


@dataclass(frozen=True, slots=True)
class Certified:
    """A certificate with its private key."""

    certificate: x509.Certificate
    key: PrivateKey

    @property
    def pem(self) -> bytes:
        """The certificate as PEM."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)


def make_authority(common_name: str) -> Certified:
    """Make a certificate authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name(common_name)
    builder = _builder(name, name, key).add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    usage = x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=True,
        crl_sign=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    builder = builder.add_extension(usage, critical=True)
    return Certified(builder.sign(key, hashes.SHA256()), key)


def make_server_certificate(
    authority: Certified,
    *,
    hosts: Sequence[str] = ("localhost",),
    addresses: Sequence[str] = ("127.0.0.1", "::1"),
    expired: bool = False,
) -> Certified:
    """Make a certificate for servers, by default for those on this machine.

    Args:
        authority: the issuer.
        hosts: DNS names, at least one.
        addresses: IP addresses.
        expired: it was good until yesterday.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    names: list[x509.GeneralName] = [x509.DNSName(host) for host in hosts]
    names += [x509.IPAddress(ipaddress.ip_address(address)) for address in addresses]
    builder = (
        _builder(_name(hosts[0]), authority.certificate.subject, key, authority, expired=expired)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    )
    return Certified(builder.sign(authority.key, hashes.SHA256()), key)


def make_push_certificate(
    authority: Certified,
    bundle_id: str,
    topics: Mapping[str, str],
    environments: frozenset[str] = ENVIRONMENTS,
) -> Certified:
    """Make a push certificate as Apple issues them.

    Args:
        authority: the issuer.
        bundle_id: the subject's UID.
        topics: topics and their kinds for Apple's topics extension; empty = no such extension.
        environments: where it may be used.
    """
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.USER_ID, bundle_id),
            x509.NameAttribute(NameOID.COMMON_NAME, f"Apple Push Services: {bundle_id}"),
        ]
    )
    builder = _builder(subject, authority.certificate.subject, key, authority).add_extension(
        x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False
    )
    for environment, oid in ((DEVELOPMENT, DEVELOPMENT_EXTENSION), (PRODUCTION, PRODUCTION_EXTENSION)):
        if environment in environments:
            builder = builder.add_extension(x509.UnrecognizedExtension(oid, _ASN1_NULL), critical=False)
    if topics:
        listed = x509.UnrecognizedExtension(TOPICS_EXTENSION, write_topics(topics))
        builder = builder.add_extension(listed, critical=False)
    return Certified(builder.sign(authority.key, hashes.SHA256()), key)


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: PrivateKey,
    authority: Certified | None = None,
    *,
    expired: bool = False,
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    end = now - timedelta(days=1) if expired else now + _LIFETIME
    issuer_key = authority.key if authority is not None else key
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(min(now, end) - timedelta(days=1))
        .not_valid_after(end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
