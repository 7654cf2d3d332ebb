"""Service accounts made at run time."""

from __future__ import annotations

import functools
import json
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

TOKEN_URI = "https://oauth2.googleapis.com/token"


def pem(key: PrivateKeyTypes, password: bytes | None = None) -> str:
    """Return a key as PEM text."""
    encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption).decode()


@functools.cache
def rsa_key(bits: int = 2048, number: int = 0) -> rsa.RSAPrivateKey:
    """Return an RSA key, made once for each pair of arguments."""
    return rsa.generate_private_key(65537, bits)


def ec_key() -> ec.EllipticCurvePrivateKey:
    """Return a key of the wrong kind."""
    return ec.generate_private_key(ec.SECP256R1())


def service_account(**changes: Any) -> dict[str, Any]:
    """Return the content of a key file, with some keys changed; None leaves a key out."""
    content = {
        "type": "service_account",
        "project_id": "demo-project",
        "private_key_id": "0123456789abcdef",
        "private_key": pem(rsa_key()),
        "client_email": "sender@demo-project.iam.gserviceaccount.com",
        "client_id": "1",
        "token_uri": TOKEN_URI,
    }
    return {key: value for key, value in (content | changes).items() if value is not None}


def service_account_json(**changes: Any) -> str:
    """Return a key file."""
    return json.dumps(service_account(**changes))
