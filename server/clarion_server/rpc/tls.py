"""TLS of the gRPC port: certificate files that are read again when they change, and client certificates.

gRPC takes TLS 1.2 and 1.3 only, and of 1.2 the four suites of ECDHE with AES-GCM; no argument changes that, only the
environment variable `GRPC_SSL_CIPHER_SUITES`, which gRPC reads when it is loaded. So it is checked, not set.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import grpc
import structlog
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from clarion_server.starting import CannotStart

_log = structlog.get_logger(__name__)

SUITES = frozenset(
    {
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        "ECDHE-RSA-AES128-GCM-SHA256",
        "ECDHE-RSA-AES256-GCM-SHA384",
        # Of TLS 1.3; they cannot be switched off, nor need they be.
        "TLS_AES_128_GCM_SHA256",
        "TLS_AES_256_GCM_SHA384",
        "TLS_CHACHA20_POLY1305_SHA256",
    }
)
"""All suites that a client can get, in OpenSSL's words."""
_SUITES_VARIABLE = "GRPC_SSL_CIPHER_SUITES"
# Seconds between two looks at the files.
_LOOK_AGAIN = 1.0


class TlsUnusable(CannotStart):
    """The server cannot serve TLS as it is told to. The text names the setting, the problem and the remedy."""


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Where the certificates are.

    Attributes:
        certificate: PEM file, the server's certificate first, then the authorities in between.
        key: PEM file with its private key, without a password.
        client_ca: PEM file of the authorities whose client certificates are taken; None: clients give no certificate.
            With it every client must give one.
    """

    certificate: Path
    key: Path
    client_ca: Path | None = None


@dataclass(frozen=True, slots=True)
class _Loaded:
    certificate: bytes
    key: bytes
    client_ca: bytes | None


class TlsSource:
    """The certificates, as they are now. Thread-safe: gRPC asks from threads of its own, at every handshake.

    Files that have changed are read again, without a restart; while they do not fit together (one of the two has been
    replaced, the other not yet) the server goes on with what it had.

    Args:
        files: where they are.
        clock: seconds.

    Raises:
        TlsUnusable: the files cannot be read, or do not fit together.
    """

    def __init__(self, files: TlsFiles, clock: Callable[[], float] = time.monotonic) -> None:
        self._files = files
        self._clock = clock
        self._lock = threading.Lock()
        self._look_at = 0.0
        self._seen = self._state()
        self._current = self._load()

    def credentials(self, environment: Mapping[str, str] = os.environ) -> grpc.ServerCredentials:
        """Return gRPC's credentials, which follow the files.

        Raises:
            TlsUnusable: the environment allows suites without forward secrecy.
        """
        named = set(environment.get(_SUITES_VARIABLE, "").replace("!", ":").split(":")) - {""}
        if named - SUITES:
            raise TlsUnusable(
                f"{_SUITES_VARIABLE} in the environment names suites that this server does not offer; unset it, or "
                f"choose from {', '.join(sorted(SUITES))}"
            )
        return grpc.dynamic_ssl_server_credentials(
            _configuration(self._current),
            # gRPC takes None for "as before", which its stubs do not say.
            self._changed,  # type: ignore[arg-type]
            require_client_authentication=self._files.client_ca is not None,
        )

    def _changed(self) -> grpc.ServerCertificateConfiguration | None:
        """Return the new configuration if the files have changed, else None."""
        with self._lock:
            now = self._clock()
            if now < self._look_at:
                return None
            self._look_at = now + _LOOK_AGAIN
            try:
                state = self._state()
                if state == self._seen:
                    return None
                loaded = self._load()
            except TlsUnusable as error:
                # Not remembered as seen: the other file may follow.
                _log.warning("new certificates cannot be used yet; the old ones stay", problem=str(error))
                return None
            self._seen = state
            if loaded == self._current:
                return None
            self._current = loaded
            _log.info("certificates read again", file=str(self._files.certificate))
            return _configuration(loaded)

    def _state(self) -> tuple[tuple[int, int, int], ...]:
        """Return what changes when a file, or a link to it, is replaced or written."""
        found = []
        for setting, path in self._paths():
            try:
                status = path.stat()
            except OSError as error:
                raise TlsUnusable(f"{setting}: cannot read {path}: {error.strerror}") from None
            found.append((status.st_ino, status.st_mtime_ns, status.st_size))
        return tuple(found)

    def _paths(self) -> list[tuple[str, Path]]:
        paths = [("tls_certificate_file", self._files.certificate), ("tls_key_file", self._files.key)]
        if self._files.client_ca is not None:
            paths.append(("tls_client_ca_file", self._files.client_ca))
        return paths

    def _load(self) -> _Loaded:
        contents: list[bytes] = []
        for setting, path in self._paths():
            try:
                contents.append(path.read_bytes())
            except OSError as error:
                raise TlsUnusable(f"{setting}: cannot read {path}: {error.strerror}") from None
        loaded = _Loaded(contents[0], contents[1], contents[2] if len(contents) > 2 else None)
        _check(loaded)
        return loaded


def _check(loaded: _Loaded) -> None:
    """Raise `TlsUnusable` for what gRPC would refuse without a word, call by call."""
    certificate = _certificates("tls_certificate_file", loaded.certificate)[0]
    if loaded.client_ca is not None:
        _certificates("tls_client_ca_file", loaded.client_ca)
    try:
        key = load_pem_private_key(loaded.key, None)
    except (TypeError, ValueError, UnsupportedAlgorithm):
        # The cause is left out on purpose: it may hold part of the key.
        raise TlsUnusable(
            "tls_key_file: is not a private key in PEM without a password; `openssl pkey -in FILE` shows what it is"
        ) from None
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if key.public_key().public_bytes(*form) != certificate.public_key().public_bytes(*form):
        raise TlsUnusable(
            "tls_key_file: is not the key of the first certificate in tls_certificate_file; put the server's own "
            "certificate first, and give both files of the same issue"
        )


def _certificates(setting: str, text: bytes) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(text)
    except ValueError:
        raise TlsUnusable(f"{setting}: holds no certificate in PEM, or a damaged one") from None


def _configuration(loaded: _Loaded) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration(
        [(loaded.key, loaded.certificate)], root_certificates=loaded.client_ca
    )
