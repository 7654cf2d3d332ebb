"""Reads and checks the credentials of an APNs channel: signing key (`.p8`) and certificate (`certificate.py`).

What is stored is JSON: `{"private_key": PEM}` with key and team id for a signing key, `{"chain": PEM, "key": PEM}` for
a certificate.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from clarion.v1 import channel_pb2, error_pb2
from clarion.v1.channel_pb2 import ApnsSettings as ApnsSettingsMessage
from clarion.v1.channel_pb2 import ApnsSigningKey, CredentialKind
from clarion_server.errors import FieldViolation
from clarion_server.model import Credential
from clarion_server.providers.apns.certificate import read_certificate
from clarion_server.providers.apns.pem import PemProblem, load_private_key
from clarion_server.providers.checks import found, required, utf8_length

# Apple's key and team ids.
_ID = re.compile(r"[A-Z0-9]{10}", re.ASCII)
_MAX_PEM = 16 * 1024


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A signing key, ready to sign.

    Attributes:
        private_key: on P-256.
        key_id: 10 characters, the `kid` of its tokens.
        team_id: 10 characters, the `iss` of its tokens.
    """

    private_key: ec.EllipticCurvePrivateKey = field(repr=False)
    key_id: str
    team_id: str


def read_credentials(
    settings: ApnsSettingsMessage, now: float
) -> tuple[dict[CredentialKind, Credential], list[FieldViolation]]:
    """Read and check all credentials that the settings hold.

    Args:
        settings: may hold a signing key, a certificate, both or none.
        now: seconds since the epoch, against which a certificate's expiry is checked.

    Returns:
        Those that are good, and what is wrong with the others, with paths from the settings on.
    """
    good: dict[CredentialKind, Credential] = {}
    violations: list[FieldViolation] = []
    if settings.HasField("signing_key"):
        credential, problems = read_signing_key(settings.signing_key)
        violations += [problem.under("signing_key") for problem in problems]
        if credential is not None:
            good[credential.kind] = credential
    if settings.HasField("certificate"):
        credential, problems = read_certificate(settings.certificate, now)
        violations += [problem.under("certificate") for problem in problems]
        if credential is not None:
            good[credential.kind] = credential
    return good, violations


def read_signing_key(given: ApnsSigningKey) -> tuple[Credential | None, list[FieldViolation]]:
    """Read and check a signing key; paths start at it."""
    violations = found(_id("key_id", given.key_id, "key"), _id("team_id", given.team_id, "team"))
    private_key = None
    if too_long := utf8_length("private_key", given.private_key, maximum=_MAX_PEM):
        violations.append(too_long)
    else:
        try:
            private_key = _p256(load_private_key(given.private_key, what="the .p8 file from Apple's developer site"))
        except PemProblem as problem:
            violations.append(FieldViolation("private_key", error_pb2.ERROR_REASON_CREDENTIAL_INVALID, str(problem)))
    if private_key is None or violations:
        return None, violations
    public = private_key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    pem = private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    secret = {"private_key": pem.decode(), "key_id": given.key_id, "team_id": given.team_id}
    credential = Credential(
        kind=channel_pb2.CREDENTIAL_KIND_APNS_SIGNING_KEY,
        public_id=given.key_id,
        fingerprint=hashlib.sha256(public).hexdigest(),
        secret=json.dumps(secret, sort_keys=True, separators=(",", ":")).encode(),
        team_id=given.team_id,
    )
    return credential, []


def load_signing_key(secret: bytes) -> SigningKey:
    """Return the signing key that a stored credential's secret holds."""
    stored = json.loads(secret)
    private_key = load_pem_private_key(stored["private_key"].encode(), password=None)
    if not isinstance(private_key, ec.EllipticCurvePrivateKey):  # only `read_signing_key` makes such secrets
        raise TypeError("the stored APNs signing key is no EC key")
    return SigningKey(private_key, stored["key_id"], stored["team_id"])


def _id(path: str, value: str, of_what: str) -> FieldViolation | None:
    if absent := required(path, value):
        return absent
    if _ID.fullmatch(value):
        return None
    text = f"must be the {of_what}'s id: 10 characters, upper-case letters and digits"
    return FieldViolation(path, error_pb2.ERROR_REASON_FIELD_MALFORMED, text)


def _p256(key: PrivateKeyTypes) -> ec.EllipticCurvePrivateKey:
    if isinstance(key, ec.EllipticCurvePrivateKey):
        if isinstance(key.curve, ec.SECP256R1):
            return key
        raise PemProblem(f"is an EC key on the curve {key.curve.name}; APNs needs one on P-256")
    kind = "an RSA key" if isinstance(key, rsa.RSAPrivateKey) else "no EC key"
    raise PemProblem(f"is {kind}; APNs signs with an EC key on P-256, such as the .p8 file from Apple holds")


__all__ = ["SigningKey", "load_signing_key", "read_credentials", "read_signing_key"]
