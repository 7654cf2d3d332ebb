"""Reads and checks the credential of a Baidu channel: the pair of keys of an application.

What is stored is JSON: `{"api_key": …, "secret_key": …}`.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field

from clarion.v1 import channel_pb2
from clarion.v1.channel_pb2 import BaiduKeyPair, BaiduSettings, CredentialKind
from clarion_server.errors import FieldViolation
from clarion_server.model import Credential
from clarion_server.providers.checks import found, printable_ascii

_MAX_LENGTH = 256


@dataclass(frozen=True, slots=True)
class KeyPair:
    """The pair of keys of an application."""

    api_key: str
    secret_key: str = field(repr=False)

    @classmethod
    def from_secret(cls, secret: bytes) -> KeyPair:
        """Return what is stored."""
        return cls(**json.loads(secret))


def read_credentials(settings: BaiduSettings) -> tuple[dict[CredentialKind, Credential], list[FieldViolation]]:
    """Read and check the key pair, if there is one; paths start at the settings."""
    if not settings.HasField("key_pair"):
        return {}, []
    pair: BaiduKeyPair = settings.key_pair
    violations = found(
        printable_ascii("key_pair.api_key", pair.api_key, maximum=_MAX_LENGTH),
        printable_ascii("key_pair.secret_key", pair.secret_key, maximum=_MAX_LENGTH),
    )
    if violations:
        return {}, violations
    secret = {"api_key": pair.api_key, "secret_key": pair.secret_key}
    credential = Credential(
        kind=channel_pb2.CREDENTIAL_KIND_BAIDU_KEY_PAIR,
        public_id=pair.api_key,
        fingerprint=hashlib.sha256(pair.secret_key.encode()).hexdigest(),
        secret=json.dumps(secret, sort_keys=True, separators=(",", ":")).encode(),
    )
    return {credential.kind: credential}, []
