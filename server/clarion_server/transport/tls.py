"""TLS contexts for the providers: TLS 1.2 or later, forward secrecy, the protocol by ALPN, always verified."""

from __future__ import annotations

import os
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from clarion_server.transport.origin import ClientCertificate, TlsIdentity


def client_context(identity: TlsIdentity, *, http1: bool = False) -> ssl.SSLContext:
    """Make the context for an identity, for HTTP/2 only or also for HTTP/1.1. Reads files: keep it off the event loop.

    Raises:
        OSError: ``ca_file`` cannot be read. ``ssl.SSLError`` is one: it or the client certificate is no valid PEM.
    """
    context = ssl.create_default_context(cafile=identity.ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # RFC 9113, section 9.2.2, forbids all but ephemeral AEAD suites. TLS 1.3 has no others.
    context.set_ciphers("ECDHE+AESGCM:ECDHE+CHACHA20")
    context.set_alpn_protocols(["h2", "http/1.1"] if http1 else ["h2"])
    if identity.client_certificate is not None:
        with _as_file(identity.client_certificate) as path:
            context.load_cert_chain(path)
    return context


@contextmanager
def _as_file(certificate: ClientCertificate) -> Iterator[str]:
    """Lend a file with key and chain: CPython loads keys from files only (python/cpython#129216)."""
    content = certificate.key_pem.rstrip() + b"\n" + certificate.chain_pem
    if hasattr(os, "memfd_create") and Path("/proc/self/fd").is_dir():
        descriptor = os.memfd_create("clarion-client-key", os.MFD_CLOEXEC)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            yield f"/proc/self/fd/{descriptor}"
    else:
        descriptor, path = tempfile.mkstemp(prefix="clarion-")  # made with mode 0600
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
            yield path
        finally:
            Path(path).unlink()
