"""Reads and checks the TLS client certificate of an APNs channel: PKCS#12 (`.p12`) or a pair of PEM texts.

Facts: Apple, "Establishing a certificate-based connection to APNs"; the subject's UID is the topic, and a certificate
for several topics lists them in the extension 1.2.840.113635.100.6.3.6.
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import NameOID, ObjectIdentifier

from clarion.v1 import channel_pb2, error_pb2
from clarion.v1.channel_pb2 import ApnsCertificate, PemCertificate, Pkcs12Certificate
from clarion_server.errors import FieldViolation
from clarion_server.model import Credential
from clarion_server.providers.apns.pem import PemProblem, load_private_key
from clarion_server.providers.apns.pkcs12 import Pkcs12Problem, open_pkcs12
from clarion_server.providers.checks import RsaKeyTooLong, refuse_long_rsa, utf8_length
from clarion_server.transport import ClientCertificate

_MAX_SIZE = 64 * 1024
_TOPICS_EXTENSION = ObjectIdentifier("1.2.840.113635.100.6.3.6")
_DEVELOPMENT_EXTENSION = ObjectIdentifier("1.2.840.113635.100.6.3.1")
_PRODUCTION_EXTENSION = ObjectIdentifier("1.2.840.113635.100.6.3.2")
_UTF8_STRING = 0x0C
_SEQUENCE = 0x30
# What reading a piece of a certificate raises. The x509 ones are no ValueErrors.
_UNREADABLE = (
    ValueError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)
# A PKCS#12 file is a DER sequence that begins with the integer 3, its version.
_PKCS12_VERSION = b"\x02\x01\x03"
_PKCS12_PROBLEMS = {
    "unsupported": "is encrypted in a way that this server does not know; export it with AES-256 or 3DES",
    "damaged": "is a damaged PKCS#12 file; export it again",
    "laborious": "takes too long to open: it asks for too many iterations, or its key is too long; export it again "
    "with fewer than a million iterations and an RSA key of 2048 bits",
}


class _Refused(Exception):
    """Carries what is wrong; stays within this module."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(message)
        self.violation = FieldViolation(path, error_pb2.ERROR_REASON_CREDENTIAL_INVALID, message)


def read_certificate(given: ApnsCertificate, now: float) -> tuple[Credential | None, list[FieldViolation]]:
    """Read and check a certificate; paths start at it.

    A certificate that is not valid yet is accepted: it may be given before its time comes.

    Args:
        given: in one of its formats.
        now: seconds since the epoch.
    """
    form = given.WhichOneof("format")
    if form is None:
        text = "is required: give pkcs12 (a .p12 file) or pem (certificate and key as text)"
        return None, [FieldViolation("", error_pb2.ERROR_REASON_FIELD_REQUIRED, text)]
    if violations := _too_long(given):
        return None, violations
    where = "pkcs12.content" if form == "pkcs12" else "pem.certificate"
    try:
        key, chain = _read_pkcs12(given.pkcs12) if form == "pkcs12" else _read_pem(given.pem)
        return _check(key, chain, where, now), []
    except _Refused as refused:
        return None, [refused.violation]
    except _UNREADABLE:
        # Certificates are parsed piece by piece, when a piece is asked for.
        text = "holds something that cannot be read; export it again"
        return None, [FieldViolation(where, error_pb2.ERROR_REASON_CREDENTIAL_INVALID, text)]


def load_client_certificate(secret: bytes) -> tuple[ClientCertificate, x509.Certificate]:
    """Return what a stored credential's secret holds: what TLS presents, and the certificate itself."""
    stored = json.loads(secret)
    chain = stored["chain"].encode()
    return ClientCertificate(chain, stored["key"].encode()), x509.load_pem_x509_certificate(chain)


def topics_of(certificate: x509.Certificate) -> tuple[str, ...]:
    """Return the topics that a certificate may push to: its subject's UID first, then those of the extension."""
    topics = [_text(attribute.value) for attribute in certificate.subject.get_attributes_for_oid(NameOID.USER_ID)]
    return tuple(dict.fromkeys(topic for topic in [*topics, *listed_topics(certificate)] if topic))


def listed_topics(certificate: x509.Certificate) -> list[str]:
    """Return the topics in the extension of a certificate for several topics; none if it has no such extension."""
    extension = _extension(certificate, _TOPICS_EXTENSION)
    return _listed_topics(extension) if extension is not None else []


def for_development_only(certificate: x509.Certificate) -> bool:
    """Return whether a certificate carries Apple's mark for the development environment and not that for production."""
    development = _extension(certificate, _DEVELOPMENT_EXTENSION) is not None
    return development and _extension(certificate, _PRODUCTION_EXTENSION) is None


def _extension(certificate: x509.Certificate, oid: ObjectIdentifier) -> bytes | None:
    """Return the value of one of Apple's extensions, None if it is not there."""
    try:
        extension = certificate.extensions.get_extension_for_oid(oid).value
    except (x509.ExtensionNotFound, *_UNREADABLE):  # some other extension may be malformed
        return None
    return extension.value if isinstance(extension, x509.UnrecognizedExtension) else None


def _too_long(given: ApnsCertificate) -> list[FieldViolation]:
    if given.WhichOneof("format") == "pkcs12":
        fields: dict[str, str | bytes] = {"pkcs12.content": given.pkcs12.content}
    else:
        fields = {"pem.certificate": given.pem.certificate, "pem.private_key": given.pem.private_key}
    checked = (utf8_length(path, value, maximum=_MAX_SIZE) for path, value in fields.items())
    return [violation for violation in checked if violation is not None]


def _read_pkcs12(given: Pkcs12Certificate) -> tuple[PrivateKeyTypes, list[x509.Certificate]]:
    content = given.content
    if content.lstrip().startswith((b"-----BEGIN", b"Bag Attributes")):
        raise _Refused("pkcs12.content", "is PEM text, not a .p12 file; give it as pem")
    if content[:1] != bytes([_SEQUENCE]) or _PKCS12_VERSION not in content[:10]:
        raise _Refused("pkcs12.content", "is not a PKCS#12 (.p12) file; in JSON its bytes are base64, once")
    try:
        key, chain = open_pkcs12(content, given.password)
    except Pkcs12Problem as problem:
        if str(problem) == "password":
            hint = "does not open this file" if given.password else "is absent or empty, and this file has one"
            raise _Refused("pkcs12.password", f"{hint}, or the file is damaged") from None
        raise _Refused("pkcs12.content", _PKCS12_PROBLEMS[str(problem)]) from None
    if key is None:
        text = "holds no private key; export the certificate together with its key"
        raise _Refused("pkcs12.content", text)
    if not chain:
        raise _Refused("pkcs12.content", "holds no certificate that belongs to its private key")
    return key, chain


def _read_pem(given: PemCertificate) -> tuple[PrivateKeyTypes, list[x509.Certificate]]:
    if "-----BEGIN CERTIFICATE-----" not in given.certificate:
        text = "is not PEM text of a certificate: it must hold -----BEGIN CERTIFICATE-----"
        raise _Refused("pem.certificate", text)
    try:
        chain = x509.load_pem_x509_certificates(given.certificate.encode())
    except _UNREADABLE:
        raise _Refused("pem.certificate", "is PEM text, but its content is damaged; export it again") from None
    try:
        key = load_private_key(given.private_key, what="the certificate's private key as PEM text")
    except PemProblem as problem:
        raise _Refused("pem.private_key", str(problem)) from None
    spki = _public_bytes(key)
    if spki != _certified(chain[0]):
        if any(spki == _certified(certificate) for certificate in chain[1:]):
            raise _Refused("pem.certificate", "must begin with the client's own certificate; others follow it")
        raise _Refused("pem.private_key", "does not belong to the certificate")
    return key, chain


def _check(key: PrivateKeyTypes, chain: list[x509.Certificate], where: str, now: float) -> Credential:
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise _Refused(where, "has a key that is neither RSA nor EC")
    try:
        refuse_long_rsa(key)
    except RsaKeyTooLong as error:
        raise _Refused(where, f"has a key that {error}") from None
    certificate = chain[0]
    if _public_bytes(key) != _certified(certificate):
        raise _Refused(where, "holds a private key that does not belong to its certificate")
    expire_time = certificate.not_valid_after_utc
    if expire_time <= datetime.fromtimestamp(now, UTC):
        raise _Refused(where, f"expired on {expire_time:%Y-%m-%d %H:%M} UTC; renew it on Apple's developer site")
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    secret = {
        "chain": "".join(one.public_bytes(Encoding.PEM).decode() for one in chain),
        "key": key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
    }
    return Credential(
        kind=channel_pb2.CREDENTIAL_KIND_APNS_CERTIFICATE,
        public_id=_text(names[0].value) if names else "",
        fingerprint=hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest(),
        secret=json.dumps(secret, sort_keys=True, separators=(",", ":")).encode(),
        expire_time=expire_time,
    )


def _public_bytes(key: PrivateKeyTypes) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _certified(certificate: x509.Certificate) -> bytes:
    """Return the certificate's public key; empty for a kind of key that is not known here, which none equals."""
    try:
        return certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except _UNREADABLE:
        return b""


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("utf-8", "replace")


def _listed_topics(der: bytes) -> list[str]:
    """Return the topics of the extension: a sequence in which each topic (UTF8String) precedes a sequence of kinds."""
    outer = _elements(der)
    inner = _elements(outer[0][1]) if outer and outer[0][0] == _SEQUENCE else []
    return [value.decode("utf-8", "replace") for tag, value in inner if tag == _UTF8_STRING]


def _elements(der: bytes) -> list[tuple[int, bytes]]:
    """Split DER elements that follow one another into tag and value; what is cut short is left out."""
    elements = []
    at = 0
    while at + 2 <= len(der):
        tag, size = der[at], der[at + 1]
        at += 2
        if size & 0x80:  # the length follows in so many bytes
            count = size & 0x7F
            size = int.from_bytes(der[at : at + count], "big")
            at += count
        if at + size > len(der):
            break
        elements.append((tag, der[at : at + size]))
        at += size
    return elements
