"""Names, TCP, TLS: what happens before HTTP/2."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import socket
import ssl
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
import trustme

from clarion_server.transport import ClientCertificate, Failure, Origin, TlsIdentity
from tests.transport.conftest import HANG, MakeEngine, failures, statuses
from tests.transport.fault_server import FaultConnection, FaultServer


async def test_unknown_authority(server: FaultServer, make_engine: MakeEngine, tmp_path: Path) -> None:
    """A peer whose certificate comes from an authority we do not trust gets no request."""
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "other.pem"))
    origin = Origin("localhost", server.port, TlsIdentity(str(tmp_path / "other.pem")))
    batch = await make_engine(origin=origin).run(3)
    assert failures(batch) == [Failure.TLS_FAILED] * 3
    assert "issuer" in batch[0].failure_detail
    assert server.received.total() == 0


async def test_wrong_host_name(server: FaultServer, make_engine: MakeEngine, ca_file: Path) -> None:
    """A valid certificate for another name gets no request."""
    batch = await make_engine(origin=Origin("127.0.0.1", server.port, TlsIdentity(str(ca_file)))).run(3)
    assert failures(batch) == [Failure.TLS_FAILED] * 3
    assert "mismatch" in batch[0].failure_detail


async def test_peer_without_http2(server: FaultServer, make_engine: MakeEngine, server_context: ssl.SSLContext) -> None:
    """A peer that does not agree on HTTP/2 by ALPN gets no request."""
    server_context.set_alpn_protocols(["http/1.1"])
    batch = await make_engine().run(3)
    assert failures(batch) == [Failure.TLS_FAILED] * 3
    assert "HTTP/2" in batch[0].failure_detail


async def test_unreadable_authority_file(server: FaultServer, make_engine: MakeEngine, tmp_path: Path) -> None:
    """A CA file that is not there fails the requests and says what is wrong."""
    (exchange,) = await make_engine(origin=Origin("localhost", server.port, TlsIdentity(str(tmp_path / "no")))).run()
    assert exchange.failure is Failure.TLS_FAILED
    assert "CA file" in exchange.failure_detail


async def test_connection_refused(make_engine: MakeEngine, ca_file: Path) -> None:
    """Where nothing listens, all that waits fails, after a second attempt; a later request tries again."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    engine = make_engine(origin=Origin("localhost", port, TlsIdentity(str(ca_file))))
    assert failures(await engine.run(20)) == [Failure.CONNECT_FAILED] * 20
    assert engine.pool.stats().failed == 2
    assert failures(await engine.run(1)) == [Failure.CONNECT_FAILED]
    assert engine.pool.stats().failed == 3


async def test_unknown_host(make_engine: MakeEngine) -> None:
    """A name without an address fails as such."""
    engine = make_engine(origin=Origin("nonexistent.invalid"), connect_timeout=20)
    assert failures(await engine.run(2)) == [Failure.NAME_NOT_RESOLVED] * 2


async def test_peer_that_accepts_and_says_nothing(make_engine: MakeEngine, ca_file: Path) -> None:
    """A TLS handshake that does not proceed ends with the connect time-out."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        origin = Origin("localhost", listener.getsockname()[1], TlsIdentity(str(ca_file)))
        batch = await make_engine(origin=origin, connect_timeout=0.1).run(2)
    assert failures(batch) == [Failure.CONNECT_FAILED] * 2


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("by", ["memory", "file"])
async def test_client_certificate_is_presented(
    *,
    server: FaultServer,
    make_engine: MakeEngine,
    server_context: ssl.SSLContext,
    ca: trustme.CA,
    ca_file: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    by: str,
    version: ssl.TLSVersion,
) -> None:
    """A key in memory authenticates us; where there is no memory file, a temporary one is used and removed."""
    server_context.verify_mode = ssl.CERT_REQUIRED
    server_context.load_verify_locations(str(ca_file))
    server_context.maximum_version = version
    if by == "file":
        monkeypatch.delattr(os, "memfd_create", raising=False)
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    issued = ca.issue_cert("client.example")
    chain = b"".join(pem.bytes() for pem in issued.cert_chain_pems)
    identity = TlsIdentity(str(ca_file), ClientCertificate(chain, issued.private_key_pem.bytes()))
    subjects = []

    async def look(connection: FaultConnection) -> None:
        subjects.append(connection.peer_names())
        connection.settings({3: 10})
        while True:
            connection.respond(await connection.next())

    server.scripts = [look]
    batch = await make_engine(origin=Origin("localhost", server.port, identity)).run(3)
    assert statuses(batch) == [200] * 3
    assert subjects == [["client.example"]]
    assert os.listdir(tmp_path) == []  # noqa: PTH208 as cheap as it gets


def reject_handshakes(listener: socket.socket, context: ssl.SSLContext, count: int) -> int:
    """Accept connections whose TLS handshake is going to fail; returns how often it did not."""
    succeeded = 0
    for _ in range(count):
        plain = listener.accept()[0]
        tls = context.wrap_socket(plain, server_side=True, do_handshake_on_connect=False)
        tls.settimeout(HANG)
        try:
            tls.do_handshake()
            succeeded += 1
        except ssl.SSLError:  # the alert is on its way; closing now could overtake it
            with suppress(OSError), socket.socket(fileno=tls.detach()) as raw:
                raw.settimeout(HANG)
                while raw.recv(65536):
                    pass
    return succeeded


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_missing_client_certificate_is_no_doubt(
    make_engine: MakeEngine, server_context: ssl.SSLContext, ca_file: Path, version: ssl.TLSVersion
) -> None:
    """Without the certificate that the peer requires nothing was processed, though TLS 1.3 tells us late."""
    server_context.verify_mode = ssl.CERT_REQUIRED
    server_context.load_verify_locations(str(ca_file))
    server_context.maximum_version = version
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(HANG)
        rejecting = asyncio.create_task(asyncio.to_thread(reject_handshakes, listener, server_context, 2))
        origin = Origin("localhost", listener.getsockname()[1], TlsIdentity(str(ca_file)))
        batch = await make_engine(origin=origin).run(5)
        assert await rejecting == 0
    assert failures(batch) == [Failure.TLS_FAILED] * 5


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_rejected_client_certificate_is_no_doubt(
    server: FaultServer,
    make_engine: MakeEngine,
    server_context: ssl.SSLContext,
    ca_file: Path,
    version: ssl.TLSVersion,
) -> None:
    """With a client certificate no request is sent before the peer has accepted it, however it says no."""
    server_context.verify_mode = ssl.CERT_REQUIRED
    server_context.load_verify_locations(str(ca_file))
    server_context.maximum_version = version
    issued = trustme.CA().issue_cert("stranger.example")
    chain = b"".join(pem.bytes() for pem in issued.cert_chain_pems)
    identity = TlsIdentity(str(ca_file), ClientCertificate(chain, issued.private_key_pem.bytes()))
    batch = await make_engine(origin=Origin("localhost", server.port, identity)).run(5)
    assert {exchange.failure for exchange in batch} <= {Failure.TLS_FAILED, Failure.CONNECT_FAILED}
    assert {exchange.attempts for exchange in batch} == {0}


def test_identities_keep_their_secrets() -> None:
    """Keys and identities decide equality and are in no repr."""
    first, second = (ClientCertificate(b"chain", key) for key in (b"SECRET-1", b"SECRET-2"))
    origin = Origin("h", 1, TlsIdentity(None, first), "TEAM/KEYID")
    assert first != second
    assert origin == Origin("h", 1, TlsIdentity(None, ClientCertificate(b"chain", b"SECRET-1")), "TEAM/KEYID")
    assert hash(origin) != hash(Origin("h", 1, TlsIdentity(None, second), "TEAM/KEYID"))
    assert "SECRET" not in repr(origin)
    assert "KEYID" not in repr(origin)


async def test_expired_certificate_of_the_peer(
    server: FaultServer, make_engine: MakeEngine, server_context: ssl.SSLContext, ca: trustme.CA
) -> None:
    """A peer whose certificate has expired gets no request, and the detail says why."""
    expired = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)
    ca.issue_cert("localhost", not_after=expired).configure_cert(server_context)
    batch = await make_engine().run(3)
    assert failures(batch) == [Failure.TLS_FAILED] * 3
    assert "expired" in batch[0].failure_detail
    assert server.received.total() == 0


async def test_host_that_drops_packets(make_engine: MakeEngine, ca_file: Path) -> None:
    """A TCP connection that does not come about ends with the connect time-out; nothing was sent."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        # A full queue of connections that nobody accepts: the kernel drops what knocks further.
        fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.settimeout(0)
            with suppress(BlockingIOError):
                filler.connect(("127.0.0.1", port))
            fillers.append(filler)
        await asyncio.sleep(0.2)
        origin = Origin("127.0.0.1", port, TlsIdentity(str(ca_file)))
        batch = await make_engine(origin=origin, connect_timeout=0.5).run(3)
        for filler in fillers:
            filler.close()
    assert failures(batch) == [Failure.CONNECT_FAILED] * 3
    assert batch[0].failure_detail == "timed out"


async def test_peer_that_ends_the_handshake(make_engine: MakeEngine, ca_file: Path) -> None:
    """A peer that closes the connection in the middle of the TLS handshake gets no request, whatever it sent."""
    for noise in (b"", b"HTTP/1.1 400 Bad Request\r\n\r\n"):

        async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, noise: bytes = noise) -> None:
            await reader.read(1)
            writer.write(noise)
            writer.close()

        listener = await asyncio.start_server(hang_up, "127.0.0.1", 0)
        origin = Origin("127.0.0.1", listener.sockets[0].getsockname()[1], TlsIdentity(str(ca_file)))
        batch = await make_engine(origin=origin).run(3)
        assert set(failures(batch)) <= {Failure.CONNECT_FAILED, Failure.TLS_FAILED}
        listener.close()
        await listener.wait_closed()
