"""Reads and checks the credential of an ADM channel: the OAuth client of an Amazon security profile.

What is stored is JSON: `{"client_id": …, "client_secret": …}`.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field

from clarion.v1 import channel_pb2
from clarion.v1.channel_pb2 import AdmClient, AdmSettings, CredentialKind
from clarion_server.errors import FieldViolation
from clarion_server.model import Credential
from clarion_server.providers.checks import found, printable_ascii

_MAX_LENGTH = 256


@dataclass(frozen=True, slots=True)
class SecurityProfile:
    """The OAuth client of an Amazon security profile."""

    client_id: str
    client_secret: str = field(repr=False)

    @classmethod
    def from_secret(cls, secret: bytes) -> SecurityProfile:
        """Return what is stored."""
        return cls(**json.loads(secret))


def read_credentials(settings: AdmSettings) -> tuple[dict[CredentialKind, Credential], list[FieldViolation]]:
    """Read and check the client, if there is one; paths start at the settings."""
    if not settings.HasField("client"):
        return {}, []
    client: AdmClient = settings.client
    violations = found(
        printable_ascii("client.client_id", client.client_id, maximum=_MAX_LENGTH),
        printable_ascii("client.client_secret", client.client_secret, maximum=_MAX_LENGTH),
    )
    if violations:
        return {}, violations
    secret = {"client_id": client.client_id, "client_secret": client.client_secret}
    credential = Credential(
        kind=channel_pb2.CREDENTIAL_KIND_ADM_CLIENT,
        public_id=client.client_id,
        fingerprint=hashlib.sha256(client.client_secret.encode()).hexdigest(),
        secret=json.dumps(secret, sort_keys=True, separators=(",", ":")).encode(),
    )
    return {credential.kind: credential}, []
