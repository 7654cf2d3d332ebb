"""Asks a running server for its health, as a container's health check does."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc


@dataclass(frozen=True, slots=True)
class ProbeTls:
    """How to ask a server that speaks TLS.

    Attributes:
        certificate: PEM file with the server's own certificate first, which is the only one that is believed.
        client_certificate: PEM file to prove oneself with, where the server asks for one; None without.
        client_key: PEM file with its key.
    """

    certificate: Path
    client_certificate: Path | None = None
    client_key: Path | None = None


def is_serving(address: str, timeout: float, tls: ProbeTls | None = None) -> bool:
    """Return whether the server at `address` says within `timeout` seconds that it is serving.

    Raises:
        OSError, ValueError: a file of `tls` cannot be read.
    """
    with _channel(address, tls) as channel:
        try:
            # The type stubs of this package leave the methods of its stub out.
            stub: Any = health_pb2_grpc.HealthStub(channel)
            answer = stub.Check(health_pb2.HealthCheckRequest(), timeout=timeout)
        except grpc.RpcError:
            return False
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


def _channel(address: str, tls: ProbeTls | None) -> grpc.Channel:
    if tls is None:
        return grpc.insecure_channel(address)
    pem = tls.certificate.read_bytes()
    credentials = grpc.ssl_channel_credentials(
        root_certificates=pem,
        private_key=tls.client_key.read_bytes() if tls.client_key else None,
        certificate_chain=tls.client_certificate.read_bytes() if tls.client_certificate else None,
    )
    name = _name(pem)
    # It is asked on this machine, by an address that its certificate need not name.
    options = [("grpc.ssl_target_name_override", name)] if name else []
    return grpc.secure_channel(address, credentials, options)


def _name(pem: bytes) -> str:
    """Return a name that the first certificate is good for; empty if it has none."""
    # Health is asked every few seconds, and without TLS this would be a fifth of the work.
    from cryptography import x509  # noqa: PLC0415  # see above

    certificate = x509.load_pem_x509_certificates(pem)[0]
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ""
    return next(iter(names.get_values_for_type(x509.DNSName)), "").replace("*", "any")
