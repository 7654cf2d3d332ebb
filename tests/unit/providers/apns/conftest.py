"""Keys, certificates and channels for the tests of APNs, made at run time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID, ObjectIdentifier

from clarion.v1 import channel_pb2
from clarion.v1.channel_pb2 import ApnsConfig, ApnsSigningKey, CredentialKind
from clarion_server.model import Channel, Credential

NOW = datetime(2030, 6, 1, 12, 0, tzinfo=UTC)
BUNDLE = "com.example.app"

MakeCertificate = Callable[..., x509.Certificate]
MakeChannel = Callable[..., Channel]


@pytest.fixture(scope="session")
def now() -> float:
    """Return the time of all tests of APNs, in seconds since the epoch."""
    return NOW.timestamp()


@pytest.fixture(scope="session")
def signing_key() -> ApnsSigningKey:
    """Return a signing key as a caller gives it."""
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return ApnsSigningKey(private_key=pem, key_id="KEY1234567", team_id="TEAM123456")


@pytest.fixture(scope="session")
def rsa_key() -> rsa.RSAPrivateKey:
    """Return a key for certificates."""
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture(scope="session")
def make_certificate(rsa_key: rsa.RSAPrivateKey) -> MakeCertificate:
    """Return a function that makes a certificate of `rsa_key` with a UID, listed topics and an expiry."""

    def make(
        uid: str = BUNDLE,
        topics: bytes = b"",
        expires: datetime = NOW + timedelta(days=100),
        begins: datetime = NOW - timedelta(days=300),
    ) -> x509.Certificate:
        name = x509.Name(
            [
                x509.NameAttribute(NameOID.USER_ID, uid),
                x509.NameAttribute(NameOID.COMMON_NAME, f"Apple Push Services: {uid}"),
            ]
        )
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(rsa_key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begins)
            .not_valid_after(expires)
        )
        if topics:
            oid = ObjectIdentifier("1.2.840.113635.100.6.3.6")
            builder = builder.add_extension(x509.UnrecognizedExtension(oid, topics), critical=False)
        return builder.sign(rsa_key, hashes.SHA256())

    return make


@pytest.fixture
def make_channel() -> MakeChannel:
    """Return a function that makes a channel with some credentials."""

    def make(
        *credentials: Credential,
        channel_type: channel_pb2.ChannelType = channel_pb2.CHANNEL_TYPE_APNS,
        bundle_id: str = BUNDLE,
        default: channel_pb2.ApnsAuthenticationMethod = channel_pb2.APNS_AUTHENTICATION_METHOD_UNSPECIFIED,
    ) -> Channel:
        by_kind: dict[CredentialKind, Credential] = {credential.kind: credential for credential in credentials}
        return Channel(
            app_id="0" * 32,
            type=channel_type,
            enabled=True,
            config=ApnsConfig(bundle_id=bundle_id, default_authentication_method=default),
            credentials=by_kind,
            version=1,
            create_time=NOW,
            update_time=NOW,
            updated_by="anonymous",
        )

    return make
