from __future__ import annotations

from pathlib import Path

import pytest
import trustme

from clarion.connection import Connection, Tls, connection


def plan(server: str, tls: Tls = None, *, insecure: bool = False) -> Connection:
    """Plan a connection with keepalive times that do not matter here."""
    return connection(server, tls=tls, insecure=insecure, keepalive_time=30, keepalive_timeout=20)


@pytest.mark.parametrize(
    "server", ["127.0.0.1:8080", "127.8.8.8:1", "localhost:8080", "[::1]:8080", "unix:/run/c.sock"]
)
def test_loopback_is_plaintext_unless_tls_is_asked_for(server: str) -> None:
    """On this machine nobody is in between, and no proxy is asked."""
    assert plan(server).credentials is None
    assert ("grpc.enable_http_proxy", 0) in plan(server).options
    assert plan(server, tls=True).credentials is not None


@pytest.mark.parametrize(
    "server", ["push.example.com:443", "10.0.0.1:8080", "[2001:db8::1]:8080", "localhost.example:1"]
)
def test_other_machines_are_reached_by_tls(server: str) -> None:
    """TLS is the default there; plaintext has to be asked for by name."""
    assert plan(server).credentials is not None
    with pytest.raises(ValueError, match="insecure=True"):
        plan(server, tls=False)
    assert plan(server, insecure=True).credentials is None


@pytest.mark.parametrize("server", ["", "localhost", "http://localhost:1", "host:0", "host:65536", "a b:1", "::1:8080"])
def test_what_is_no_address_is_refused(server: str) -> None:
    """The error shows the right form."""
    with pytest.raises(ValueError, match="`host:port`"):
        plan(server)


def test_tls_and_insecure_contradict_each_other() -> None:
    """Both together cannot be meant."""
    with pytest.raises(ValueError, match="contradict"):
        plan("push.example.com:443", tls=True, insecure=True)


def test_root_certificates_come_from_bytes_or_a_file(tmp_path: Path) -> None:
    """A PEM file is read; what is no PEM is refused at once rather than by each call."""
    pem = trustme.CA().cert_pem.bytes()
    file = tmp_path / "ca.pem"
    file.write_bytes(pem)
    for tls in (pem, file, str(file)):
        assert plan("127.0.0.1:1", tls=tls).credentials is not None
    with pytest.raises(ValueError, match="not PEM"):
        plan("127.0.0.1:1", tls=b"nonsense")
    with pytest.raises(FileNotFoundError):
        plan("127.0.0.1:1", tls=tmp_path / "absent")
