"""Who may send to the emulated APNs: provider tokens and client certificates."""

from __future__ import annotations

import ssl
import time
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509 import ObjectIdentifier, UnrecognizedExtension

from clarion_server.providers.apns.sandbox_identity import DEVELOPMENT, PRODUCTION, ApnsKey
from clarion_server.sandbox import Sandbox, SandboxFiles
from clarion_server.sandbox.certificates import Certified, make_authority, make_push_certificate, pem_key
from tests.integration.sandbox.clients import PHONE, ApnsClient, provider_token, reason, tls
from tests.integration.sandbox.conftest import SimulatedClock


def new_key(sandbox: Sandbox, key_id: str, team_id: str = "", **details: Any) -> str:
    """Register a further signing key and return its private half."""
    key = ec.generate_private_key(ec.SECP256R1())
    sandbox.register_apns_key(ApnsKey(key_id, team_id or sandbox.info.team_id, key.public_key(), **details))
    return pem_key(key).decode()


async def test_missing_token(apns: ApnsClient) -> None:
    """Without token and certificate nothing is served."""
    assert reason(await apns.push(headers={"authorization": None})) == (403, "MissingProviderToken")


@pytest.mark.parametrize(
    "authorization", ["bearer", "bearer ", "bearer x.y.z", "basic dXNlcjpwYXNz", "bearer e30.e30.e30", "ü"]
)
async def test_what_is_no_token(apns: ApnsClient, authorization: str) -> None:
    """Anything but a bearer JWT is invalid."""
    value = authorization.encode()
    answer = await apns.http.post(
        f"{apns.info.apns_endpoint}/3/device/{PHONE}",
        headers={b"authorization": value, b"apns-topic": apns.info.bundle_id.encode()},
        content=b'{"aps":{"alert":"x"}}',
    )
    assert reason(answer) == (403, "InvalidProviderToken")


@pytest.mark.parametrize(
    "claims", [{"iss": "OTHERTEAM1"}, {"iss": None}, {"iat": None}, {"iat": "now"}, {"iat": int(time.time()) + 3600}]
)
async def test_bad_claims(sandbox: Sandbox, claims: dict[str, Any]) -> None:
    """Team and time of a token must be right; a token of the future is invalid."""
    async with ApnsClient(sandbox.info, token=provider_token(sandbox.info, **claims)) as client:
        assert reason(await client.push()) == (403, "InvalidProviderToken")


async def test_unknown_key_wrong_signature_and_algorithm(sandbox: Sandbox) -> None:
    """A token must be signed with the key that its kid names, with ES256."""
    info = sandbox.info
    stranger = pem_key(ec.generate_private_key(ec.SECP256R1())).decode()
    claims = {"iss": info.team_id, "iat": int(time.time())}
    for token in (
        provider_token(info, key_id="UNKNOWNKEY"),
        provider_token(info, private_key=stranger),
        jwt.encode(claims, "secret" * 10, "HS256", headers={"kid": info.key_id}),
        jwt.encode(claims, "", "none", headers={"kid": info.key_id}),
        jwt.encode(claims, info.files.apns_key.read_text(), "ES256"),
    ):
        async with ApnsClient(info, token=token) as client:
            assert reason(await client.push()) == (403, "InvalidProviderToken")


async def test_token_expires_after_an_hour(apns: ApnsClient, clock: SimulatedClock) -> None:
    """The same token is good for an hour by the sandbox's clock, and not longer."""
    clock.moved = 3590
    assert (await apns.push()).status_code == 200
    clock.moved = 3610
    assert reason(await apns.push()) == (403, "ExpiredProviderToken")
    fresh = {"authorization": f"bearer {provider_token(apns.info, iat=int(clock()))}"}
    assert (await apns.push(headers=fresh)).status_code == 200


async def test_one_key_and_one_team_per_connection(sandbox: Sandbox, apns: ApnsClient) -> None:
    """After the first accepted token, those of another key or team are refused on that connection only."""
    related = {"private_key": new_key(sandbox, "SECONDKEY1"), "key_id": "SECONDKEY1"}
    foreign = {"private_key": new_key(sandbox, "FOREIGNKEY", "OTHERTEAM1"), "key_id": "FOREIGNKEY"}
    assert (await apns.push()).status_code == 200
    other_key = provider_token(apns.info, **related)
    assert reason(await apns.push(headers={"authorization": f"bearer {other_key}"})) == (403, "UnrelatedKeyIdInToken")
    other_team = provider_token(apns.info, iss="OTHERTEAM1", **foreign)
    assert reason(await apns.push(headers={"authorization": f"bearer {other_team}"})) == (403, "InvalidProviderToken")
    async with ApnsClient(sandbox.info, token=other_key) as second:
        assert (await second.push()).status_code == 200


async def test_key_of_one_environment(sandbox: Sandbox) -> None:
    """A key for development is refused in production."""
    private_key = new_key(sandbox, "DEVONLYKEY", environments=frozenset({DEVELOPMENT}))
    token = provider_token(sandbox.info, private_key=private_key, key_id="DEVONLYKEY")
    async with ApnsClient(sandbox.info, token=token) as client:
        assert reason(await client.push()) == (403, "BadEnvironmentKeyInToken")
        assert (await client.push(development=True)).status_code == 200


@pytest.fixture
def apple(sandbox: Sandbox, tmp_path: Path) -> Certified:
    """An authority whose push certificates the running sandbox accepts."""
    authority = make_authority("Apple of this test")
    path = tmp_path / "apple.pem"
    path.write_bytes(authority.pem)
    sandbox.trust_push_certificates_of(path)
    return authority


def client_context(files: SandboxFiles, certified: Certified, directory: Path) -> ssl.SSLContext:
    """Return a context with a client certificate."""
    path = directory / "client.pem"
    path.write_bytes(certified.pem + pem_key(certified.key))
    context = ssl.create_default_context(cafile=files.ca)
    context.load_cert_chain(path)
    return context


async def test_certificate_instead_of_a_token(sandbox: Sandbox) -> None:
    """The push certificate serves in both environments, for the topics that it lists."""
    files = sandbox.info.files
    async with ApnsClient(
        sandbox.info, tls(sandbox.info, files.apns_certificate, files.apns_certificate_key)
    ) as client:
        assert (await client.push()).status_code == 200
        assert (await client.push(development=True)).status_code == 200
        voip = {"apns-push-type": "voip", "apns-topic": f"{sandbox.info.bundle_id}.voip"}
        assert (await client.push(headers=voip)).status_code == 200
        assert reason(await client.push(headers={"apns-topic": None})) == (400, "MissingTopic")
        for push_type, suffix in (("location", ".location-query"), ("liveactivity", ".push-type.liveactivity")):
            token_only = {"apns-push-type": push_type, "apns-topic": sandbox.info.bundle_id + suffix}
            assert reason(await client.push(headers=token_only)) == (400, "TopicDisallowed")


async def test_single_topic_certificate_needs_no_topic(sandbox: Sandbox, apple: Certified, tmp_path: Path) -> None:
    """A certificate without a list of topics is for its UID, which is then the default topic."""
    certified = make_push_certificate(apple, sandbox.info.bundle_id, {})
    async with ApnsClient(sandbox.info, client_context(sandbox.info.files, certified, tmp_path)) as client:
        assert (await client.push(headers={"apns-topic": None})).status_code == 200
        voip = {"apns-push-type": "voip", "apns-topic": f"{sandbox.info.bundle_id}.voip"}
        assert reason(await client.push(headers=voip)) == (400, "TopicDisallowed")


async def test_certificate_of_one_environment(sandbox: Sandbox, apple: Certified, tmp_path: Path) -> None:
    """A certificate for development is refused in production, and the other way round."""
    for environment, development in ((DEVELOPMENT, False), (PRODUCTION, True)):
        certified = make_push_certificate(apple, sandbox.info.bundle_id, {}, frozenset({environment}))
        async with ApnsClient(sandbox.info, client_context(sandbox.info.files, certified, tmp_path)) as client:
            assert reason(await client.push(development=development)) == (403, "BadCertificateEnvironment")
            assert (await client.push(development=not development)).status_code == 200


async def test_certificate_of_another_authority(sandbox: Sandbox, tmp_path: Path) -> None:
    """TLS refuses a certificate that "Apple" did not issue."""
    certified = make_push_certificate(make_authority("Stranger"), sandbox.info.bundle_id, {})
    async with ApnsClient(sandbox.info, client_context(sandbox.info.files, certified, tmp_path)) as client:
        with pytest.raises(httpx.TransportError):
            await client.push()


def test_files_of_the_certificate(sandbox: Sandbox) -> None:
    """The PKCS#12 opens with its password, holds the PEM pair, and looks like Apple's."""
    files = sandbox.info.files
    loaded = pkcs12.load_pkcs12(files.apns_p12.read_bytes(), sandbox.info.p12_password.encode())
    assert loaded.cert is not None
    certificate = loaded.cert.certificate
    assert certificate.public_bytes(serialization.Encoding.PEM) == files.apns_certificate.read_bytes()
    assert certificate.subject.rfc4514_string().endswith(f"UID={sandbox.info.bundle_id}")
    extension = certificate.extensions.get_extension_for_oid(ObjectIdentifier("1.2.840.113635.100.6.3.6")).value
    assert isinstance(extension, UnrecognizedExtension)
    assert b"\x0c\x18com.example.clarion.voip0\x06\x0c\x04voip" in extension.value
