"""Who sends to the emulated APNs: provider tokens (JWT) and client certificates, checked as Apple does.

Facts: Apple, "Establishing a token-based connection to APNs" and "Establishing a certificate-based connection to
APNs".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import jwt
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID, ObjectIdentifier

from clarion_server.providers.emulation import parse_json

PRODUCTION = "production"
DEVELOPMENT = "development"
ENVIRONMENTS = frozenset({PRODUCTION, DEVELOPMENT})

# Extensions of Apple's push certificates. The first lists what else than its UID a certificate may push to.
TOPICS_EXTENSION = ObjectIdentifier("1.2.840.113635.100.6.3.6")
DEVELOPMENT_EXTENSION = ObjectIdentifier("1.2.840.113635.100.6.3.1")
PRODUCTION_EXTENSION = ObjectIdentifier("1.2.840.113635.100.6.3.2")

_TOKEN_LIFETIME = 3600
_REMEMBERED_TOKENS = 1000
_UTF8_STRING = 0x0C
_SEQUENCE = 0x30


@dataclass(frozen=True, slots=True)
class ApnsKey:
    """A signing key as Apple knows it.

    Attributes:
        key_id: ten characters, the `kid` of its tokens.
        team_id: ten characters, the `iss` of its tokens.
        public_key: the public half, on P-256.
        environments: where it may be used.
    """

    key_id: str
    team_id: str
    public_key: ec.EllipticCurvePublicKey
    environments: frozenset[str] = ENVIRONMENTS


@dataclass(frozen=True, slots=True)
class Refusal:
    """A request is not answered with success: HTTP status and Apple's reason."""

    status: int
    reason: str


INVALID_TOKEN = Refusal(403, "InvalidProviderToken")


@dataclass(frozen=True, slots=True)
class ProviderToken:
    """A token whose signature is right."""

    key: ApnsKey
    issued_at: float


class TokenChecker:
    """Checks provider tokens. A token's signature is verified once and remembered.

    Args:
        keys: all registered signing keys by key id; may grow later.
        environment: `production` or `development`.
    """

    def __init__(self, keys: Mapping[str, ApnsKey], environment: str) -> None:
        self._keys = keys
        self._environment = environment
        self._verified: dict[bytes, ProviderToken] = {}

    def check(self, authorization: bytes, now: float) -> ProviderToken | Refusal:
        """Check the value of an `authorization` header at a time (seconds since the epoch)."""
        token = self._verified.get(authorization)
        if token is None:
            token = self._verify(authorization)
            if token is None:
                return INVALID_TOKEN
            if len(self._verified) >= _REMEMBERED_TOKENS:
                self._verified.clear()
            self._verified[authorization] = token
        if token.issued_at > now:
            return INVALID_TOKEN
        if now - token.issued_at > _TOKEN_LIFETIME:
            return Refusal(403, "ExpiredProviderToken")
        if self._environment not in token.key.environments:
            return Refusal(403, "BadEnvironmentKeyInToken")
        return token

    def _verify(self, authorization: bytes) -> ProviderToken | None:
        scheme, _, text = authorization.partition(b" ")
        if scheme.lower() != b"bearer":
            return None
        try:
            key = self._keys.get(jwt.get_unverified_header(text).get("kid", ""))
            if key is None:
                return None
            # The signature only: the rules for the claims are Apple's, and time is the sandbox's.
            claims = parse_json(jwt.PyJWS().decode(text, key.public_key, algorithms=["ES256"]))
        except (jwt.InvalidTokenError, ValueError, TypeError):
            return None
        if not isinstance(claims, dict):
            return None
        issued_at = claims.get("iat")
        if claims.get("iss") != key.team_id or isinstance(issued_at, bool) or not isinstance(issued_at, int | float):
            return None
        return ProviderToken(key, issued_at)


@dataclass(frozen=True, slots=True)
class CertificateIdentity:
    """What a push certificate allows.

    Attributes:
        default_topic: the topic of a request without one; empty when the certificate has several topics.
        topics: all topics it may push to.
        environments: where it may be used.
        not_before: since when it is valid, in seconds since the epoch.
        not_after: until when it is valid.
    """

    default_topic: str
    topics: frozenset[str]
    environments: frozenset[str]
    not_before: float
    not_after: float

    def valid_at(self, moment: float) -> bool:
        """Whether it is valid at a time (seconds since the epoch)."""
        return self.not_before <= moment <= self.not_after


def read_certificate(der: bytes) -> CertificateIdentity | None:
    """Return what a client certificate allows, None if it is no push certificate."""
    certificate = x509.load_der_x509_certificate(der)
    subject = certificate.subject.get_attributes_for_oid(NameOID.USER_ID)
    if not subject:
        return None
    bundle_id = str(subject[0].value)
    extensions = {extension.oid: extension.value for extension in certificate.extensions}
    listed = extensions.get(TOPICS_EXTENSION)
    topics = read_topics(listed.value) if isinstance(listed, x509.UnrecognizedExtension) else []
    marks = {PRODUCTION: PRODUCTION_EXTENSION, DEVELOPMENT: DEVELOPMENT_EXTENSION}
    return CertificateIdentity(
        default_topic="" if topics else bundle_id,
        topics=frozenset(topics or [bundle_id]),
        environments=frozenset(name for name, oid in marks.items() if oid in extensions),
        not_before=certificate.not_valid_before_utc.timestamp(),
        not_after=certificate.not_valid_after_utc.timestamp(),
    )


def write_topics(topics: Mapping[str, str]) -> bytes:
    """Return the DER of the topics extension: a sequence in which each topic is followed by a sequence of its kinds.

    Args:
        topics: kind by topic, such as `{"com.example.app": "app", "com.example.app.voip": "voip"}`.
    """
    return _der(
        _SEQUENCE,
        b"".join(
            _der(_UTF8_STRING, topic.encode()) + _der(_SEQUENCE, _der(_UTF8_STRING, kind.encode()))
            for topic, kind in topics.items()
        ),
    )


def read_topics(der: bytes) -> list[str]:
    """Return the topics of a topics extension; none if it is malformed."""
    outer = _elements(der)
    if len(outer) != 1 or outer[0][0] != _SEQUENCE:
        return []
    return [value.decode() for tag, value in _elements(outer[0][1]) if tag == _UTF8_STRING]


def _der(tag: int, value: bytes) -> bytes:
    length = len(value)
    if length < 0x80:
        return bytes((tag, length)) + value
    size = (length.bit_length() + 7) // 8
    return bytes((tag, 0x80 | size)) + length.to_bytes(size, "big") + value


def _elements(der: bytes) -> list[tuple[int, bytes]]:
    """Split DER elements that follow one another into tags and values."""
    elements = []
    at = 0
    while at + 2 <= len(der):
        tag, length = der[at], der[at + 1]
        at += 2
        if length >= 0x80:
            size = length & 0x7F
            length = int.from_bytes(der[at : at + size], "big")
            at += size
        elements.append((tag, der[at : at + length]))
        at += length
    return elements
