"""The TLS port, looked at from outside: by OpenSSL, which shares no code with it."""

from __future__ import annotations

import asyncio
import re
import ssl
import subprocess
from pathlib import Path

import grpc
import pytest

from clarion.v1 import app_pb2, app_pb2_grpc
from clarion_server.app import running
from clarion_server.rpc.probe import ProbeTls, is_serving
from clarion_server.rpc.tls import SUITES, TlsFiles, TlsSource, TlsUnusable
from clarion_server.settings import Settings, SettingsError, load
from tests.support.identities import Authority, Hand, KeptAudit, ServerFiles, server_files
from tests.support.process import clarion_server
from tests.support.tools import require_tool

OPENSSL_HINT = "apt-get install openssl"
WEAKEST = "@SECLEVEL=0"


def settings_of(tmp_path: Path, files: ServerFiles, *, client_certificates: bool = False) -> Settings:
    """Return settings of a TLS server without authentication."""
    return load(
        {},
        listen="127.0.0.1:0",
        data_dir=tmp_path / "server",
        authentication="none",
        **files.settings(client_certificates=client_certificates),
    )


async def handshake(address: str, *options: str) -> tuple[str, str] | None:
    """Return protocol and suite that OpenSSL's client gets with these options; None if it gets none."""
    program = require_tool("openssl", OPENSSL_HINT)
    process = await asyncio.create_subprocess_exec(
        program,
        "s_client",
        "-connect",
        address,
        "-alpn",
        "h2",
        *options,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    got = re.search(r"New, \S+, Cipher is (\S+)", output.decode(errors="replace"))
    protocol = re.search(r"Protocol\s*(?:version)?\s*: (\S+)", output.decode(errors="replace"))
    if got is None or got[1] == "(NONE)":
        return None
    if protocol is None:
        protocol = re.search(r"New, (\S+),", output.decode(errors="replace"))
    assert protocol is not None
    return protocol[1], got[1]


def suites(version: str) -> list[str]:
    """Return every suite of a version that OpenSSL's client can offer, the weakest included."""
    program = str(require_tool("openssl", OPENSSL_HINT))
    arguments = [program, "ciphers", "-s", version, f"ALL:COMPLEMENTOFALL:eNULL:{WEAKEST}"]
    listed = subprocess.run(arguments, capture_output=True, text=True, check=True).stdout.strip().split(":")
    return [suite for suite in listed if suite.startswith("TLS_") == (version == "-tls1_3")]


@pytest.mark.parametrize("rsa_key", [False, True], ids=["ECDSA", "RSA"])
async def test_scan(tmp_path: Path, *, rsa_key: bool) -> None:
    """A scan of every version and suite shows TLS 1.2 with four forward-secret suites, TLS 1.3, and nothing else."""
    files = server_files(tmp_path / "tls", rsa_key=rsa_key)
    kind = "RSA" if rsa_key else "ECDSA"
    async with running(settings_of(tmp_path, files), audit=KeptAudit()) as server:
        for version in ("-tls1", "-tls1_1"):
            assert await handshake(server.address, version, "-cipher", f"ALL:{WEAKEST}") is None
        offered = suites("-tls1_2")
        assert len(offered) > 50, "the client can offer too little to prove anything"
        taken = {
            suite
            for suite in offered
            if await handshake(server.address, "-tls1_2", "-cipher", f"{suite}:{WEAKEST}") is not None
        }
        assert taken == {suite for suite in SUITES if suite.startswith(f"ECDHE-{kind}-")}
        modern = {
            suite
            for suite in suites("-tls1_3")
            if await handshake(server.address, "-tls1_3", "-ciphersuites", suite) is not None
        }
        assert modern == {suite for suite in SUITES if suite.startswith("TLS_")}
        # What takes no version into account: SSL 3 and plain text.
        with pytest.raises(grpc.aio.AioRpcError):
            async with grpc.aio.insecure_channel(server.address) as channel:
                await app_pb2_grpc.AppServiceStub(channel).ListApps(app_pb2.ListAppsRequest(), timeout=2)


def test_weak_suites_from_the_environment_are_refused(tmp_path: Path) -> None:
    """A server whose environment would make gRPC offer other suites does not start, and says which variable it is."""
    files = server_files(tmp_path / "tls")
    source = TlsSource(TlsFiles(files.certificate, files.key))
    with pytest.raises(TlsUnusable, match="GRPC_SSL_CIPHER_SUITES"):
        source.credentials({"GRPC_SSL_CIPHER_SUITES": "ECDHE-ECDSA-AES128-GCM-SHA256:AES128-SHA"})
    with clarion_server(
        "serve",
        "--listen=127.0.0.1:0",
        f"--data-dir={tmp_path / 'data'}",
        output=tmp_path / "log",
        environment={
            "CLARION_TLS_CERTIFICATE_FILE": str(files.certificate),
            "CLARION_TLS_KEY_FILE": str(files.key),
            "GRPC_SSL_CIPHER_SUITES": "AES128-SHA",
        },
        fresh=True,
    ) as server:
        assert server.wait() == 1
        assert "GRPC_SSL_CIPHER_SUITES" in server.text()
        assert "Traceback" not in server.text()


async def served_certificate(address: str) -> str:
    """Return the certificate that a server shows, in PEM."""
    host, _, port = address.rpartition(":")
    return await asyncio.to_thread(ssl.get_server_certificate, (host, int(port)))


async def test_certificates_are_read_again(tmp_path: Path) -> None:
    """A renewed certificate is shown to new connections without a restart, while an old connection goes on."""
    files = server_files(tmp_path / "tls")
    async with running(settings_of(tmp_path, files), audit=KeptAudit()) as server:
        port = server.address.rpartition(":")[2]
        credentials = grpc.ssl_channel_credentials(files.authority.pem)
        async with grpc.aio.secure_channel(f"localhost:{port}", credentials) as channel:
            stub = app_pb2_grpc.AppServiceStub(channel)
            await stub.ListApps(app_pb2.ListAppsRequest())
            old = await served_certificate(server.address)
            renewed = files.renew().decode()
            shown = old
            for _ in range(100):
                shown = await served_certificate(server.address)
                if shown.strip() == renewed.strip():
                    break
                await asyncio.sleep(0.1)
            assert shown.strip() == renewed.strip() != old.strip()
            await stub.ListApps(app_pb2.ListAppsRequest())


def test_half_a_renewal_changes_nothing(tmp_path: Path) -> None:
    """While certificate and key do not fit together the old pair stays; when the second follows, both are taken."""
    files = server_files(tmp_path / "tls")
    clock = Hand()
    source = TlsSource(TlsFiles(files.certificate, files.key), clock)
    certificate, key = files.authority.issue("localhost", dns=("localhost",))
    files.certificate.write_bytes(certificate)
    clock.seconds += 5
    assert source._changed() is None
    files.key.write_bytes(key)
    assert source._changed() is None, "looked again at once"
    clock.seconds += 5
    assert source._changed() is not None
    clock.seconds += 5
    assert source._changed() is None


async def test_client_certificate_is_required(tmp_path: Path) -> None:
    """With mTLS a client without a certificate, or with one of another authority, gets no connection; ours does."""
    files = server_files(tmp_path / "tls")
    audit = KeptAudit()
    ours, foreign = files.authority.issue("ann"), Authority().issue("ann")
    async with running(settings_of(tmp_path, files, client_certificates=True), audit=audit) as server:
        port = server.address.rpartition(":")[2]
        outcomes = []
        for certificate, key in ((None, None), (foreign[0], foreign[1]), ours):
            credentials = grpc.ssl_channel_credentials(files.authority.pem, key, certificate)
            async with grpc.aio.secure_channel(f"localhost:{port}", credentials) as channel:
                try:
                    await app_pb2_grpc.AppServiceStub(channel).ListApps(app_pb2.ListAppsRequest(), timeout=5)
                except grpc.aio.AioRpcError as error:
                    outcomes.append(error.code())
                else:
                    outcomes.append(grpc.StatusCode.OK)
    assert outcomes == [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.OK]
    assert [record.outcome for record in audit.records] == ["OK"]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"tls_certificate_file": "/x"}, "belong together"),
        ({"tls_client_certificates": "required"}, "belong together"),
        ({"tls_client_certificates": "optional", "tls_client_ca_file": "/x"}, "client_certificate_listen"),
        ({"tls_client_certificates": "required", "tls_client_ca_file": "/x"}, "needs TLS"),
        ({"listen": "0.0.0.0:1"}, "allow_plaintext_to_other_machines"),
        ({"listen": "0.0.0.0:1", "authentication": "none", "allow_plaintext_to_other_machines": True}, "anonymous"),
        ({"admin_listen": "0.0.0.0:1"}, "admin_listen"),
        ({"issuers": [{"issuer": "i", "audience": "a", "jwks_url": "http://elsewhere/keys"}]}, "https"),
        ({"issuers": [{"issuer": "i", "audience": "a", "jwks_url": "https://x/", "algorithms": ["HS256"]}]}, "RS256"),
        ({"issuers": [{"issuer": "i", "audience": "a", "jwks_url": "https://x/", "algorithms": ["none"]}]}, "RS256"),
    ],
)
def test_settings_that_would_be_unsafe(values: dict[str, object], said: str) -> None:
    """A setting that would send secrets in the clear, ask nobody, or take forged tokens is refused, with the remedy."""
    with pytest.raises(SettingsError, match=said):
        load({}, **values)


def test_settings_that_are_safe() -> None:
    """Other machines are served with TLS and authentication, or when both flags say that it is meant."""
    tls = {"tls_certificate_file": "/c", "tls_key_file": "/k"}
    assert load({}, listen="0.0.0.0:1", **tls).authentication == "required"
    flags = {"allow_plaintext_to_other_machines": True, "allow_anonymous_from_other_machines": True}
    assert load({}, listen="0.0.0.0:1", authentication="none", **flags).listen == "0.0.0.0:1"
    assert load({}, listen="unix:/x", authentication="none").listen == "unix:/x"


@pytest.mark.parametrize("broken", ["certificate", "key", "other key", "absent"])
def test_unusable_files(tmp_path: Path, broken: str) -> None:
    """Files that TLS cannot be served with are refused at the start, by the name of the setting, without the key."""
    files = server_files(tmp_path / "tls")
    if broken == "certificate":
        files.certificate.write_text("nonsense")
    elif broken == "key":
        files.key.write_text("secret nonsense")
    elif broken == "other key":
        files.key.write_bytes(files.authority.issue("x")[1])
    else:
        files.key.unlink()
    with pytest.raises(TlsUnusable, match=r"tls_\w+_file: ") as caught:
        TlsSource(TlsFiles(files.certificate, files.key))
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({}, r"transport       plaintext, this machine only\n  authentication  none, this machine only"),
        ({"CLARION_AUTHENTICATION": "required"}, r"authentication  required: tokens of this server"),
        ({"TLS": "1"}, r"transport       TLS 1.2 and 1.3\n"),
        (
            {"TLS": "1", "MTLS": "1", "CLARION_AUTHENTICATION": "required"},
            r"client certificates required\n.*required: tok",
        ),
        (
            {
                "CLARION_LISTEN": "0.0.0.0:0",
                "CLARION_ALLOW_PLAINTEXT_TO_OTHER_MACHINES": "1",
                "CLARION_ALLOW_ANONYMOUS_FROM_OTHER_MACHINES": "1",
            },
            r"plaintext, OTHER MACHINES TOO\n  authentication  none, OTHER MACHINES TOO",
        ),
    ],
)
def test_banner(tmp_path: Path, environment: dict[str, str], said: str) -> None:
    """The first thing that a server says is what protects it."""
    files = server_files(tmp_path / "tls")
    chosen = {name: value for name, value in environment.items() if name.startswith("CLARION_")}
    if "TLS" in environment:
        chosen |= {"CLARION_TLS_CERTIFICATE_FILE": str(files.certificate), "CLARION_TLS_KEY_FILE": str(files.key)}
    if "MTLS" in environment:
        chosen |= {"CLARION_TLS_CLIENT_CERTIFICATES": "required", "CLARION_TLS_CLIENT_CA_FILE": str(files.ca)}
    chosen.setdefault("CLARION_LISTEN", "127.0.0.1:0")
    with clarion_server(
        "serve", f"--data-dir={tmp_path / 'data'}", output=tmp_path / "log", environment=chosen
    ) as server:
        server.wait_for(said)


async def test_health_over_tls(tmp_path: Path) -> None:
    """The health check reaches a server with TLS by its certificate file, believes no other, and proves itself."""
    files = server_files(tmp_path / "tls")
    other = server_files(tmp_path / "other")
    certificate, key = files.authority.issue("probe")
    ours, ours_key = tmp_path / "c", tmp_path / "k"
    ours.write_bytes(certificate)
    ours_key.write_bytes(key)
    async with running(settings_of(tmp_path, files, client_certificates=True), audit=KeptAudit()) as server:
        probes = (
            (ProbeTls(files.certificate, ours, ours_key), True),
            (ProbeTls(files.certificate), False),
            (ProbeTls(other.certificate, ours, ours_key), False),
            (None, False),
        )
        for probe, expected in probes:
            assert await asyncio.to_thread(is_serving, server.address, 2, probe) is expected
