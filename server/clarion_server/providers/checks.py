"""Small checks of single fields that several providers share.

Each returns what is wrong as a `FieldViolation`, or None. Texts name the bound, never the value: it may be secret.
"""

from __future__ import annotations

import ssl
from functools import lru_cache
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from google.protobuf.duration_pb2 import Duration
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper

from clarion.v1 import error_pb2
from clarion_server.errors import FieldViolation
from clarion_server.rawjson import RawJsonError, parse_object

#: Bytes of raw content that a message may have.
MAX_RAW_CONTENT = 64 * 1024

#: Checking a longer RSA key takes seconds, which the whole server would stand still for.
MAX_RSA_BITS = 4096


def found(*violations: FieldViolation | None) -> list[FieldViolation]:
    """Return the violations among the answers of several checks."""
    return [violation for violation in violations if violation is not None]


def required(path: str, value: str | bytes) -> FieldViolation | None:
    """Check that a text is there."""
    return None if value else FieldViolation(path, error_pb2.ERROR_REASON_FIELD_REQUIRED, "is required")


def printable_ascii(path: str, value: str, *, maximum: int) -> FieldViolation | None:
    """Check for 1 to `maximum` printable ASCII characters without spaces at either end."""
    if not value:
        return required(path, value)
    if len(value) > maximum:
        return too_long(path, f"has {len(value)} characters; the most is {maximum}")
    if not (value.isascii() and value.isprintable()) or value != value.strip():
        text = "may hold printable ASCII characters only, and no space at its beginning or end"
        return FieldViolation(path, error_pb2.ERROR_REASON_FIELD_MALFORMED, text)
    return None


def length(path: str, value: str, *, maximum: int) -> FieldViolation | None:
    """Check for 1 to `maximum` characters."""
    if not value:
        return required(path, value)
    return too_long(path, f"has {len(value)} characters; the most is {maximum}") if len(value) > maximum else None


def utf8_length(path: str, value: str | bytes, *, maximum: int) -> FieldViolation | None:
    """Check for 1 to `maximum` bytes, of a text in UTF-8."""
    if not value:
        return required(path, value)
    size = len(value.encode()) if isinstance(value, str) else len(value)
    return too_long(path, f"has {size} bytes; the most is {maximum}") if size > maximum else None


def too_long(path: str, message: str) -> FieldViolation:
    """Return the violation of a text's upper bound."""
    return FieldViolation(path, error_pb2.ERROR_REASON_FIELD_TOO_LONG, message)


def header_problem(value: str) -> str:
    """Return why a text cannot be the value of an HTTP header, empty if it can (RFC 9113, section 8.2.1)."""
    if any(character < " " or character == "\x7f" for character in value):
        return "holds a control character"
    if value != value.strip(" "):
        return "begins or ends with a space"
    return ""


def duration(path: str, value: Duration, *, minimum: int, maximum: int, words: str) -> FieldViolation | None:
    """Check that a duration is well-formed and within bounds in seconds; `words` says the bounds for people."""
    if abs(value.nanos) >= 1_000_000_000 or value.seconds * value.nanos < 0:
        text = "is no valid duration: nanos must be within a second and have the sign of seconds"
        return FieldViolation(path, error_pb2.ERROR_REASON_FIELD_MALFORMED, text)
    over = value.seconds > maximum or (value.seconds == maximum and value.nanos > 0)
    if over or value.seconds < minimum or value.nanos < 0:
        return FieldViolation(path, error_pb2.ERROR_REASON_FIELD_OUT_OF_RANGE, f"must be {words}")
    return None


def known_enum(path: str, value: int, enum: EnumTypeWrapper) -> FieldViolation | None:
    """Check that this server knows an enum's number."""
    if value in enum.values():
        return None
    name = enum.DESCRIPTOR.name
    text = f"{value} is no {name} that this server knows; the client may be newer than the server"
    return FieldViolation(path, error_pb2.ERROR_REASON_FIELD_UNKNOWN, text)


def raw_content(path: str, text: str) -> FieldViolation | None:
    """Check that raw content is a JSON object of at most 64 KiB."""
    if text and (violation := utf8_length(path, text, maximum=MAX_RAW_CONTENT)):
        return violation
    try:
        parse_object(text)
    except RawJsonError as problem:
        return FieldViolation(path, error_pb2.ERROR_REASON_JSON_INVALID, str(problem))
    return None


class RsaKeyTooLong(ValueError):
    """An RSA key has more than `MAX_RSA_BITS` bits; the text says so, as a clause about the key."""


def private_key(pem: bytes) -> PrivateKeyTypes:
    """Return the unencrypted private key of a PEM text, after checking it.

    Raises:
        RsaKeyTooLong: it is not even checked.
        TypeError: it is encrypted.
        ValueError, UnsupportedAlgorithm: it is damaged, or of an unknown kind.
    """
    key = load_pem_private_key(pem, password=None, unsafe_skip_rsa_key_validation=True)
    if not isinstance(key, RSAPrivateKey):
        return key
    refuse_long_rsa(key)
    return load_pem_private_key(pem, password=None)


def refuse_long_rsa(key: PrivateKeyTypes) -> None:
    """Raise `RsaKeyTooLong` for an RSA key of more than `MAX_RSA_BITS` bits."""
    if isinstance(key, RSAPrivateKey) and key.key_size > MAX_RSA_BITS:
        raise RsaKeyTooLong(f"is an RSA key of {key.key_size} bits; the most is {MAX_RSA_BITS}: make a shorter one")


def clean(text: str, *, maximum: int) -> str:
    r"""Return a provider's text as protobuf can carry it: at most `maximum` characters, and no lone surrogates.

    JSON can hold them (`"\ud800"`), UTF-8 cannot.
    """
    return text[:maximum].encode("utf-8", "replace").decode()


def ca_file(path: str | None) -> str | None:
    """Return the path of a file of certificate authorities, None if there is none.

    Raises:
        ValueError: it cannot be read, or holds no certificate.
    """
    if path is not None:
        try:
            ssl.create_default_context(cafile=path)
        except OSError as error:  # ssl.SSLError is one
            raise ValueError(f"must be a PEM file with certificates; {path} is not ({error.strerror})") from None
    return path


@lru_cache(256)
def https_origin(url: str) -> tuple[str, int]:
    """Return host and port of an endpoint such as `https://api.push.apple.com` or `https://localhost:8443`.

    Raises:
        ValueError: it is something else: another scheme, no host, a path, a user, …
    """
    parts = urlsplit(url)
    extra = parts.path not in {"", "/"} or parts.query or parts.fragment or parts.username is not None
    if parts.scheme != "https" or not parts.hostname or parts.port == 0 or extra:
        raise ValueError("must be https://HOST or https://HOST:PORT and nothing more")
    return parts.hostname, 443 if parts.port is None else parts.port


def https_url(url: str) -> None:
    """Check the URL of a single resource, such as a token endpoint.

    Raises:
        ValueError: it is not https, or has no host, or a user name.
    """
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname or parts.username is not None:
        raise ValueError("must be an https:// URL without a user name")


def authority(host: str, port: int) -> str:
    """Return the value of `:authority` for host and port of an https origin."""
    name = f"[{host}]" if ":" in host else host
    return name if port == 443 else f"{name}:{port}"
