"""The sandbox's directory: keys and certificates, made at the first start and reused afterwards."""

from __future__ import annotations

import json
import os
import secrets
import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12

from clarion_server.providers.adm.sandbox import AdmClient
from clarion_server.providers.apns.sandbox_identity import ApnsKey
from clarion_server.providers.baidu.sandbox import BaiduKeys
from clarion_server.providers.fcm.sandbox_tokens import TOKEN_URL, ServiceAccount
from clarion_server.sandbox.certificates import make_authority, make_push_certificate, make_server_certificate, pem_key

TEAM_ID = "CLARIONDEV"
KEY_ID = "SANDBOXKEY"
BUNDLE_ID = "com.example.clarion"
WEBSITE_ID = f"web.{BUNDLE_ID}"
PROJECT_ID = "clarion-sandbox"
CLIENT_EMAIL = f"sandbox@{PROJECT_ID}.iam.gserviceaccount.com"


@dataclass(frozen=True, slots=True)
class SandboxFiles:
    """Paths in the sandbox's directory. Those with secrets have mode 0600.

    Attributes:
        ca: the authority that clients of the sandbox must trust (PEM).
        server: the sandbox's own TLS certificate and key (PEM).
        server_unknown: a TLS certificate and key that the authority did not sign (PEM), for faults.
        server_expired: one that has expired.
        server_other_host: one for another host.
        apple_ca: the authority of push certificates (PEM).
        apns_key: the APNs signing key (.p8).
        apns_p12: the push certificate with its key (PKCS#12).
        apns_certificate: the push certificate (PEM).
        apns_certificate_key: its key (PEM).
        apns_website_certificate: the push certificate of a website, for Safari (PEM).
        apns_website_certificate_key: its key (PEM).
        service_account: the FCM service account (JSON).
        fcm_legacy_key: the server key of FCM's retired API (text).
        settings: `sandbox.json`, everything that `SandboxInfo` has.
        server_env: environment variables that point a Clarion server at this sandbox.
        channel_apns: a request of UpdateChannel with the signing key (JSON); `APP_ID` stands for the app's id.
        channel_apns_voip: the same for the VoIP channel.
        channel_fcm: the same with the service account.
        adm_client: the client of ADM's security profile (JSON).
        baidu_keys: the keys of the Baidu application (JSON).
        channel_adm: a request of UpdateChannel with the client.
        channel_baidu: the same with the keys.
        channel_fcm_legacy: the same with the legacy key.
    """

    ca: Path
    server: Path
    server_unknown: Path
    server_expired: Path
    server_other_host: Path
    apple_ca: Path
    apns_key: Path
    apns_p12: Path
    apns_certificate: Path
    apns_certificate_key: Path
    apns_website_certificate: Path
    apns_website_certificate_key: Path
    service_account: Path
    fcm_legacy_key: Path
    settings: Path
    server_env: Path
    channel_apns: Path
    channel_apns_voip: Path
    channel_fcm: Path
    adm_client: Path
    baidu_keys: Path
    channel_adm: Path
    channel_baidu: Path
    channel_fcm_legacy: Path

    @classmethod
    def within(cls, directory: Path) -> SandboxFiles:
        """Return the paths within a directory."""
        return cls(
            ca=directory / "ca.pem",
            server=directory / "server.pem",
            server_unknown=directory / "server-unknown.pem",
            server_expired=directory / "server-expired.pem",
            server_other_host=directory / "server-other-host.pem",
            apple_ca=directory / "apple-ca.pem",
            apns_key=directory / "apns-key.p8",
            apns_p12=directory / "apns-certificate.p12",
            apns_certificate=directory / "apns-certificate.pem",
            apns_certificate_key=directory / "apns-certificate-key.pem",
            apns_website_certificate=directory / "apns-website-certificate.pem",
            apns_website_certificate_key=directory / "apns-website-certificate-key.pem",
            service_account=directory / "fcm-service-account.json",
            fcm_legacy_key=directory / "fcm-legacy-key.txt",
            settings=directory / "sandbox.json",
            server_env=directory / "server.env",
            channel_apns=directory / "channel-apns.json",
            channel_apns_voip=directory / "channel-apns-voip.json",
            channel_fcm=directory / "channel-fcm.json",
            adm_client=directory / "adm-client.json",
            baidu_keys=directory / "baidu-keys.json",
            channel_adm=directory / "channel-adm.json",
            channel_baidu=directory / "channel-baidu.json",
            channel_fcm_legacy=directory / "channel-fcm-legacy.json",
        )

    @property
    def other_certificates(self) -> dict[str, Path]:
        """What the fault `other_certificate` shows, by its `certificate`."""
        return {
            "unknown_authority": self.server_unknown,
            "expired": self.server_expired,
            "other_host": self.server_other_host,
        }


@dataclass(frozen=True, slots=True)
class SandboxInfo:
    """What a client of the sandbox needs to know.

    Attributes:
        team_id: the team of the APNs signing key.
        key_id: its id.
        bundle_id: the app.
        project_id: the FCM project.
        p12_password: the password of the PKCS#12 file.
        apns_endpoint: the emulated production environment, such as `https://127.0.0.1:2197`.
        apns_sandbox_endpoint: the emulated development environment.
        fcm_endpoint: the emulated FCM.
        token_endpoint: the emulated token endpoint of Google.
        adm_endpoint: the emulated ADM.
        adm_token_endpoint: the emulated token endpoint of Amazon.
        baidu_endpoint: the emulated Baidu.
        control_endpoint: counters, in plain HTTP.
        files: where everything is.
    """

    team_id: str
    key_id: str
    bundle_id: str
    project_id: str
    p12_password: str = field(repr=False)
    apns_endpoint: str
    apns_sandbox_endpoint: str
    fcm_endpoint: str
    token_endpoint: str
    adm_endpoint: str
    adm_token_endpoint: str
    baidu_endpoint: str
    control_endpoint: str
    files: SandboxFiles

    @property
    def ports(self) -> dict[str, int]:
        """The listeners' ports by name."""
        endpoints = {
            "apns": self.apns_endpoint,
            "apns_sandbox": self.apns_sandbox_endpoint,
            "fcm": self.fcm_endpoint,
            "adm": self.adm_endpoint,
            "baidu": self.baidu_endpoint,
            "control": self.control_endpoint,
        }
        return {name: int(endpoint.rpartition(":")[2]) for name, endpoint in endpoints.items()}

    def server_env(self) -> dict[str, str]:
        """Return the environment variables that point a Clarion server at this sandbox."""
        return {
            "CLARION_APNS__PRODUCTION_ENDPOINT": self.apns_endpoint,
            "CLARION_APNS__SANDBOX_ENDPOINT": self.apns_sandbox_endpoint,
            "CLARION_APNS__CA_FILE": str(self.files.ca),
            "CLARION_FCM__ENDPOINT": self.fcm_endpoint,
            "CLARION_FCM__TOKEN_ENDPOINT": self.token_endpoint,
            "CLARION_FCM__CA_FILE": str(self.files.ca),
            "CLARION_ADM__ENDPOINT": self.adm_endpoint,
            "CLARION_ADM__TOKEN_ENDPOINT": self.adm_token_endpoint,
            "CLARION_ADM__CA_FILE": str(self.files.ca),
            "CLARION_BAIDU__ENDPOINT": self.baidu_endpoint,
            "CLARION_BAIDU__CA_FILE": str(self.files.ca),
        }

    def write(self) -> None:
        """Write what describes the sandbox: ports may differ from start to start. `server.env` comes last."""
        document = asdict(self) | {
            "ports": self.ports,
            "files": {name: str(path) for name, path in asdict(self.files).items()},
        }
        _write_json(self.files.settings, document)
        for path, channel in (
            (self.files.channel_apns, self._apns_channel("CHANNEL_TYPE_APNS")),
            (self.files.channel_apns_voip, self._apns_channel("CHANNEL_TYPE_APNS_VOIP")),
            (self.files.channel_fcm, self._fcm_channel()),
            (self.files.channel_adm, self._adm_channel()),
            (self.files.channel_baidu, self._baidu_channel()),
            (self.files.channel_fcm_legacy, self._fcm_legacy_channel()),
        ):
            _write_json(path, {"appId": "APP_ID", "channel": channel})
        lines = (f"{name}={shlex.quote(value)}\n" for name, value in self.server_env().items())
        _write(self.files.server_env, "".join(lines).encode(), secret=False)

    def _apns_channel(self, channel_type: str) -> dict[str, Any]:
        key = {"privateKey": self.files.apns_key.read_text(), "keyId": self.key_id, "teamId": self.team_id}
        return {"type": channel_type, "apns": {"bundleId": self.bundle_id, "signingKey": key}}

    def _fcm_channel(self) -> dict[str, Any]:
        account = {"json": self.files.service_account.read_text()}
        return {"type": "CHANNEL_TYPE_FCM", "fcm": {"serviceAccount": account}}

    def _adm_channel(self) -> dict[str, Any]:
        client = json.loads(self.files.adm_client.read_text())
        named = {"clientId": client["client_id"], "clientSecret": client["client_secret"]}
        return {"type": "CHANNEL_TYPE_ADM", "adm": {"client": named}}

    def _baidu_channel(self) -> dict[str, Any]:
        keys = json.loads(self.files.baidu_keys.read_text())
        named = {"apiKey": keys["api_key"], "secretKey": keys["secret_key"]}
        return {"type": "CHANNEL_TYPE_BAIDU", "baidu": {"keyPair": named}}

    def _fcm_legacy_channel(self) -> dict[str, Any]:
        return {"type": "CHANNEL_TYPE_FCM", "fcm": {"legacyKey": {"serverKey": self.files.fcm_legacy_key.read_text()}}}


@dataclass(frozen=True, slots=True)
class Identities:
    """What the emulators know of the keys in the directory."""

    apns_key: ApnsKey
    service_account: ServiceAccount
    adm_client: AdmClient
    baidu_keys: BaiduKeys
    p12_password: str = field(repr=False)
    legacy_key: str = field(repr=False)


def prepare(directory: Path) -> tuple[SandboxFiles, Identities]:
    """Make what the sandbox needs in its directory, or read what is there. Blocks for up to a second.

    If any of the files is missing, all are made anew: they belong together.

    Raises:
        OSError: the directory or a file cannot be made or read.
        ValueError: a file is not what the sandbox wrote; remove the directory.
    """
    files = SandboxFiles.within(directory.resolve())
    written_at_each_start = {
        files.server_env,
        files.channel_apns,
        files.channel_apns_voip,
        files.channel_fcm,
        files.channel_fcm_legacy,
        files.channel_adm,
        files.channel_baidu,
    }
    needed = set(asdict(files).values()) - written_at_each_start
    if not all(path.is_file() for path in needed):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        _make(files)
    return files, _read(files)


def _make(files: SandboxFiles) -> None:
    authority = make_authority("Clarion sandbox")
    server = make_server_certificate(authority)
    _write(files.ca, authority.pem, secret=False)
    unknown = make_server_certificate(make_authority("Not the Clarion sandbox"))
    for path, certified in (
        (files.server, server),
        (files.server_unknown, unknown),
        (files.server_expired, make_server_certificate(authority, expired=True)),
        (files.server_other_host, make_server_certificate(authority, hosts=("other.invalid",), addresses=())),
    ):
        _write(path, certified.pem + pem_key(certified.key), secret=True)

    apple = make_authority("Clarion sandbox, in the role of Apple")
    topics = {
        BUNDLE_ID: "app",
        f"{BUNDLE_ID}.voip": "voip",
        f"{BUNDLE_ID}.complication": "complication",
    }
    push = make_push_certificate(apple, BUNDLE_ID, topics)
    password = secrets.token_urlsafe(12)
    _write(files.apple_ca, apple.pem, secret=False)
    _write(files.apns_certificate, push.pem, secret=False)
    _write(files.apns_certificate_key, pem_key(push.key), secret=True)
    if not isinstance(push.key, rsa.RSAPrivateKey):
        raise TypeError("push certificates have RSA keys")
    bundle = pkcs12.serialize_key_and_certificates(
        b"Apple Push Services",
        push.key,
        push.certificate,
        None,
        serialization.BestAvailableEncryption(password.encode()),
    )
    _write(files.apns_p12, bundle, secret=True)
    _write(files.apns_key, pem_key(ec.generate_private_key(ec.SECP256R1())), secret=True)

    website = make_push_certificate(apple, WEBSITE_ID, {})
    _write(files.apns_website_certificate, website.pem, secret=False)
    _write(files.apns_website_certificate_key, pem_key(website.key), secret=True)

    _write(files.fcm_legacy_key, f"AAAA{secrets.token_urlsafe(96)}".encode(), secret=True)
    account_key = pem_key(rsa.generate_private_key(public_exponent=65537, key_size=2048))
    _write(files.service_account, json.dumps(_service_account(account_key), indent=2).encode() + b"\n", secret=True)
    adm_client = {
        "client_id": f"amzn1.application-oa2-client.{secrets.token_hex(16)}",
        "client_secret": f"amzn1.oa2-cs.v1.{secrets.token_hex(32)}",
    }
    _write_json(files.adm_client, adm_client)
    _write_json(files.baidu_keys, {"api_key": secrets.token_hex(12), "secret_key": secrets.token_hex(16)})
    _write(files.settings, json.dumps({"p12_password": password}).encode(), secret=True)


def _service_account(key: bytes) -> Mapping[str, str]:
    """Return a service account's file as Google writes it, with Google's own addresses."""
    certificates = "https://www.googleapis.com"
    return {
        "type": "service_account",
        "project_id": PROJECT_ID,
        "private_key_id": secrets.token_hex(20),
        "private_key": key.decode(),
        "client_email": CLIENT_EMAIL,
        "client_id": str(10**20 + secrets.randbelow(10**20)),
        "auth_uri": "https://accounts.google.com/o/oauth2/auth",
        "token_uri": TOKEN_URL,
        "auth_provider_x509_cert_url": f"{certificates}/oauth2/v1/certs",
        "client_x509_cert_url": f"{certificates}/robot/v1/metadata/x509/{CLIENT_EMAIL.replace('@', '%40')}",
        "universe_domain": "googleapis.com",
    }


def _read(files: SandboxFiles) -> Identities:
    try:
        signing_key = serialization.load_pem_private_key(files.apns_key.read_bytes(), None)
        account = json.loads(files.service_account.read_text())
        account_key = serialization.load_pem_private_key(account["private_key"].encode(), None)
        legacy_key = files.fcm_legacy_key.read_text()
        password = json.loads(files.settings.read_text())["p12_password"]
        adm_client = AdmClient(**json.loads(files.adm_client.read_text()))
        baidu_keys = BaiduKeys(**json.loads(files.baidu_keys.read_text()))
        ids = account["client_email"], account["private_key_id"], account["project_id"]
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged(files) from error
    if not isinstance(signing_key, ec.EllipticCurvePrivateKey) or not isinstance(account_key, rsa.RSAPrivateKey):
        raise _damaged(files)
    email, key_id, project_id = ids
    return Identities(
        ApnsKey(KEY_ID, TEAM_ID, signing_key.public_key()),
        ServiceAccount(email, key_id, account_key.public_key(), project_id),
        adm_client,
        baidu_keys,
        password,
        legacy_key,
    )


def _damaged(files: SandboxFiles) -> ValueError:
    return ValueError(f"{files.settings.parent} holds damaged sandbox files; remove the directory to make new ones")


def _write_json(path: Path, document: Any) -> None:
    _write(path, json.dumps(document, indent=2).encode() + b"\n", secret=True)


def _write(path: Path, content: bytes, *, secret: bool) -> None:
    """Write a file in one step, so that nobody reads half of it; a secret is never readable for others."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if secret else 0o644)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    temporary.replace(path)
