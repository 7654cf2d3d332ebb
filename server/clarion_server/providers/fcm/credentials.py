"""Reads and checks the credentials of an FCM channel.

A service account is the JSON file that the Firebase console gives out under *Project settings, Service accounts*. The
server signs with its key and posts the result to its `token_uri`, so that URL must be Google's: a file that names
another host would make the server connect wherever its author likes.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from clarion.v1 import channel_pb2, error_pb2
from clarion.v1.error_pb2 import ErrorReason
from clarion_server.errors import FieldViolation
from clarion_server.model import Credential
from clarion_server.providers import checks

MAX_JSON_BYTES = 16 * 1024
MIN_KEY_BITS = 2048
_REQUIRED = ("type", "project_id", "private_key", "client_email", "token_uri")
_PROJECT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9.:-]{0,99}")
_EMAIL = re.compile(r"[!-?A-~]{1,192}@[!-?A-~]{1,128}")

# How other files that people have at hand give themselves away.
_OTHER_FILES = (
    ({"project_info", "client"}, "is a google-services.json, which belongs into the Android app"),
    ({"apiKey", "projectId"}, "is the configuration of a web app"),
    ({"installed"}, "is an OAuth client"),
    ({"web"}, "is an OAuth client"),
)
_OTHER_TYPES = {"authorized_user", "external_account", "impersonated_service_account", "gdch_service_account"}
_REMEDY = "give the JSON key file of a service account (Firebase console, Project settings, Service accounts)"


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """A service account that was found good.

    Attributes:
        project_id: Firebase project that it sends for.
        client_email: its name.
        private_key: PEM (PKCS#8, RSA). Secret.
        private_key_id: Google's name for the key; may be empty.
        token_uri: where Google trades its assertions for access tokens.
    """

    project_id: str
    client_email: str
    private_key: str = field(repr=False)
    private_key_id: str
    token_uri: str

    def to_secret(self) -> bytes:
        """Return the form in which it is stored (encrypted): equal for equal service accounts."""
        fields = {name: getattr(self, name) for name in self.__slots__}
        return json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()

    @classmethod
    def from_secret(cls, secret: bytes) -> ServiceAccount:
        """Return the service account that `to_secret` made the bytes of."""
        return cls(**json.loads(secret))


class _Unusable(Exception):
    """The credential cannot be used; the text says why, without quoting it."""

    def __init__(self, message: str, reason: ErrorReason = error_pb2.ERROR_REASON_CREDENTIAL_INVALID) -> None:
        super().__init__(message)
        self.reason = reason


def read_service_account(
    settings: channel_pb2.FcmServiceAccount, *, any_token_uri: bool = False
) -> Credential | FieldViolation:
    """Read the content of a service account's key file.

    Args:
        settings: what the caller gave.
        any_token_uri: allow a `token_uri` on any https host; for servers whose settings name the token endpoint, which
            then is used instead.

    Returns:
        The credential, or what is wrong with it (path `json`).
    """
    try:
        account, fingerprint = _service_account(settings.json, any_token_uri=any_token_uri)
    except _Unusable as error:
        return FieldViolation("json", error.reason, str(error))
    return Credential(
        kind=channel_pb2.CREDENTIAL_KIND_FCM_SERVICE_ACCOUNT,
        public_id=account.client_email,
        fingerprint=fingerprint,
        secret=account.to_secret(),
    )


def read_legacy_key(settings: channel_pb2.FcmLegacyKey) -> Credential | FieldViolation:
    """Read a legacy server key: return the credential, or what is wrong with it (path `server_key`)."""
    key = settings.server_key
    if violation := checks.printable_ascii("server_key", key, maximum=512):
        return violation
    return Credential(
        kind=channel_pb2.CREDENTIAL_KIND_FCM_LEGACY_KEY,
        public_id="",
        fingerprint=hashlib.sha256(key.encode()).hexdigest(),
        secret=key.encode(),
    )


def _service_account(text: str, *, any_token_uri: bool) -> tuple[ServiceAccount, str]:
    document = _parse(text)
    _check_kind(document)
    missing = [name for name in _REQUIRED if not document.get(name)]
    if missing:
        raise _Unusable(f"lacks {', '.join(missing)}; {_REMEDY}")
    for name in (*_REQUIRED, "private_key_id"):
        if not isinstance(document.get(name, ""), str):
            raise _Unusable(f"{name} must be a text; {_REMEDY}")
    if not _PROJECT_ID.fullmatch(document["project_id"]):
        raise _Unusable("project_id is not the id of a project: letters, digits, '-', '.' and ':' only")
    if not _EMAIL.fullmatch(document["client_email"]):
        raise _Unusable("client_email is not an e-mail address")
    _check_token_uri(document["token_uri"], any_host=any_token_uri)
    key = _private_key(document["private_key"])
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    account = ServiceAccount(
        project_id=document["project_id"],
        client_email=document["client_email"],
        private_key=key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode(),
        private_key_id=document.get("private_key_id", ""),
        token_uri=document["token_uri"],
    )
    return account, hashlib.sha256(public).hexdigest()


def _parse(text: str) -> dict[str, Any]:
    if len(text.encode("utf-8", "surrogatepass")) > MAX_JSON_BYTES:
        raise _Unusable("has more than 16 KiB", error_pb2.ERROR_REASON_FIELD_TOO_LONG)
    if not text.strip():
        raise _Unusable(f"is empty; {_REMEDY}", error_pb2.ERROR_REASON_FIELD_REQUIRED)
    start = text.lstrip()
    if start.startswith("-----BEGIN"):
        raise _Unusable(f"is a private key alone; {_REMEDY}")
    if start.startswith("<"):
        raise _Unusable(f"is XML, not JSON; {_REMEDY}")
    if "firebaseConfig" in text:
        raise _Unusable(f"is the configuration of a web app; {_REMEDY}")
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        # Not error.doc nor the text: they hold the key.
        raise _Unusable(f"is not JSON (line {error.lineno}, column {error.colno}); {_REMEDY}") from None
    except (RecursionError, ValueError):
        raise _Unusable(f"is not JSON of a key file; {_REMEDY}") from None
    if not isinstance(document, dict):
        raise _Unusable(f"is JSON, but no object; {_REMEDY}")
    return document


def _check_kind(document: dict[str, Any]) -> None:
    for keys, what in _OTHER_FILES:
        if keys <= document.keys():
            raise _Unusable(f"{what}; {_REMEDY}")
    kind = document.get("type")
    if isinstance(kind, str) and kind in _OTHER_TYPES:  # a list could not even be looked up
        raise _Unusable(f"is a credential of type {kind}; {_REMEDY}")
    if kind and kind != "service_account":
        raise _Unusable(f"its type is not service_account; {_REMEDY}")


def _check_token_uri(token_uri: str, *, any_host: bool) -> None:
    try:
        url = urlsplit(token_uri)
        host, port = url.hostname or "", url.port
    except ValueError:
        raise _Unusable("token_uri is not a URL") from None
    if url.scheme != "https" or not host or url.username is not None or not re.fullmatch(r"[!-~]{1,512}", token_uri):
        raise _Unusable("token_uri must be an https:// URL")
    google = host == "accounts.google.com" or host.endswith(".googleapis.com")
    if not any_host and (not google or port not in {None, 443}):
        raise _Unusable(
            "token_uri must be on Google's hosts (accounts.google.com, *.googleapis.com, port 443), because the server "
            "connects to it; the file usually has https://oauth2.googleapis.com/token"
        )


def _private_key(pem: str) -> rsa.RSAPrivateKey:
    try:
        key = checks.private_key(pem.encode())
    except checks.RsaKeyTooLong as error:
        raise _Unusable(f"private_key {error}") from None
    except TypeError:
        raise _Unusable("private_key is encrypted with a password; Google's key files are not") from None
    except (ValueError, UnsupportedAlgorithm):
        hint = (
            "it has the two characters \\n where line ends should be: the file was escaped twice"
            if "\\n" in pem
            else "copy the file again, unchanged"
        )
        raise _Unusable(f"private_key is not a readable PEM private key; {hint}") from None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise _Unusable("private_key is not an RSA key")
    if key.key_size < MIN_KEY_BITS:
        raise _Unusable(f"private_key has {key.key_size} bits; Google's have {MIN_KEY_BITS} or more")
    return key
