"""Settings of the server: from a TOML file and from the environment, which wins.

`CLARION_DATA_DIR=/srv/clarion` sets `data_dir`; two underscores go one level down, `CLARION_APNS__CA_FILE`. The file is
named by `CLARION_CONFIG`. Lists and tables of names are JSON in the environment. A key that does not exist is refused,
in both.
"""

from __future__ import annotations

import ipaddress
import json
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from clarion_server.access.issuer_settings import IssuerSettings
from clarion_server.providers.adm.settings import AdmSettings
from clarion_server.providers.apns.settings import ApnsSettings
from clarion_server.providers.baidu.settings import BaiduSettings
from clarion_server.providers.fcm.settings import FcmSettings

_PREFIX = "CLARION_"
_LAST_PORT = 65535
# Of the environment, not settings: the file's name, and what the command-line client reads.
_NOT_SETTINGS = frozenset({"CLARION_CONFIG", "CLARION_SERVER", "CLARION_TOKEN", "CLARION_TOKEN_FILE"})
# Settings that are JSON in the environment: their parts have no names that a variable can have.
_JSON = {
    "issuers": """[{"issuer": "https://…", "audience": "…", "jwks_url": "https://…"}]""",
    "tls_client_users": """{"spiffe://…": "USER"}""",
}
# Kubernetes gives every container the addresses of the namespace's Services in variables like these, for a Service
# named `clarion` or `clarion-server` with our prefix. No setting has such a name. CLARION_PORT counts only with an
# address as its value: with a number it is somebody's attempt to set the port, which must not be passed over.
_KUBERNETES = re.compile(
    r"CLARION_([A-Z0-9]+_)*"
    r"((SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)=.*|PORT=[a-z]+://.*)"
)


class SettingsError(Exception):
    """A setting is wrong; the text names it, what is wrong with it, and the remedy. It never quotes the value."""


class Settings(BaseModel):
    """All settings, with their defaults.

    Attributes:
        listen: where gRPC is served, `HOST:PORT` or `unix:PATH`.
        tls_certificate_file: PEM file, the server's certificate first; with `tls_key_file`, the port speaks TLS.
        tls_key_file: PEM file with the certificate's private key.
        tls_client_certificates: `none`; `required`: clients must give one that `tls_client_ca_file` vouches for; or
            `optional`: those who have one connect to `client_certificate_listen`, where they must give it.
        tls_client_ca_file: PEM file with the authorities that make client certificates.
        client_certificate_listen: a second address, for `optional`, in the form of `listen`.
        tls_client_users: names of users, by SPIFFE id or common name of client certificates.
        allow_plaintext_to_other_machines: serve without TLS on an address that other machines reach. Only behind
            something that has TLS, or everybody on the way reads tokens, credentials and messages.
        authentication: `required`, or `none`: everybody may do everything.
        allow_anonymous_from_other_machines: serve without authentication on an address that other machines reach. Only
            behind something that has it.
        signing_keys_file: JSON file with the keys that sign this server's tokens; it must exist. Default:
            `signing-keys.json` in `data_dir`, made on the first start.
        token_audience: `aud` of this server's tokens, and part of their `iss`: servers with other data need another
            one if they share signing keys.
        token_leeway: seconds by which the clocks of issuers may differ from ours.
        issuers: other issuers whose tokens are taken.
        workers: server processes that share `listen`.
        admin_listen: where channelz is served, `HOST:PORT` on loopback. Empty: nowhere. With several workers each has
            its own: the port, or the name of the socket, of worker N, from 0, is N further.
        metrics_listen: where metrics are served to Prometheus, `HOST:PORT` on loopback or `unix:PATH`. Empty: nowhere.
        data_dir: folder of the database and the keyring, made when it does not exist.
        database_url: SQLAlchemy URL of SQLite or PostgreSQL. Default: `clarion.db`, SQLite, in `data_dir`.
        keyring_file: JSON file with the keys that protect credentials; it must exist. Default: `keyring.json` in
            `data_dir`, made on the first start.
        key_wrapper: what holds the master keys: `file`, the keyring file, or the name of an installed adapter.
        key_wrapper_options: what the adapter takes, by name.
        audit_table: keep audit records in the database, where LookupEvents finds them.
        audit_file: append audit records as JSON lines to this file, `-` for standard output. Empty: to none.
        audit_retention_days: after so many days audit records are removed from the database; 0: never.
        region: region in ARNs.
        account: account in ARNs, 12 digits.
        http2_core: which HTTP/2 implementation sends: `ngh2` (fast) or `h2` (pure Python).
        max_in_flight: targets of one call that are on their way at the same time; its channels share them.
        sends_per_second: quota of the account as long as none is set through the API.
        max_connections: connections to one provider host and credential.
        shutdown_grace: seconds that running calls get when the server is told to stop.
        log_format: `console` for people, `json` for machines.
        log_level: the least severe level that is logged.
        apns: of the APNs provider.
        fcm: of the FCM provider.
        adm: of the ADM provider.
        baidu: of the Baidu provider.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    listen: str = "127.0.0.1:8080"
    tls_certificate_file: Path | None = None
    tls_key_file: Path | None = None
    tls_client_certificates: Literal["none", "optional", "required"] = "none"
    tls_client_ca_file: Path | None = None
    client_certificate_listen: str = ""
    tls_client_users: dict[str, str] = Field(default_factory=dict)
    allow_plaintext_to_other_machines: bool = False
    authentication: Literal["required", "none"] = "required"
    allow_anonymous_from_other_machines: bool = False
    signing_keys_file: Path | None = None
    token_audience: str = Field(default="clarion", pattern=r"^[A-Za-z0-9._:/-]{1,128}$")
    token_leeway: float = Field(default=10.0, ge=0, le=300)
    issuers: tuple[IssuerSettings, ...] = ()
    workers: int = Field(default=1, ge=1, le=64)
    admin_listen: str = ""
    metrics_listen: str = ""
    data_dir: Path = Path("clarion-data")
    database_url: str | None = Field(default=None, repr=False)  # holds a password
    keyring_file: Path | None = None
    key_wrapper: str = Field(default="file", min_length=1)
    key_wrapper_options: dict[str, str] = Field(default_factory=dict, repr=False)
    audit_table: bool = True
    audit_file: str = ""
    audit_retention_days: int = Field(default=90, ge=0, le=36_500)
    region: str = Field(default="us-east-1", pattern=r"^[a-z0-9-]{1,32}$")
    account: str = Field(default="000000000000", pattern=r"^[0-9]{12}$")
    http2_core: Literal["ngh2", "h2"] = "ngh2"
    max_in_flight: int = Field(default=8000, ge=200, le=100_000)
    sends_per_second: int = Field(default=25_000, ge=1, le=10_000_000)
    max_connections: int = Field(default=8, ge=1, le=100)
    shutdown_grace: float = Field(default=20.0, ge=0, le=3600)
    log_format: Literal["console", "json"] = "console"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    apns: ApnsSettings = ApnsSettings()
    fcm: FcmSettings = FcmSettings()
    adm: AdmSettings = AdmSettings()
    baidu: BaiduSettings = BaiduSettings()

    @field_validator("listen", "admin_listen", "client_certificate_listen", "metrics_listen")
    @classmethod
    def _address(cls, value: str) -> str:
        host, colon, port = value.rpartition(":")
        # gRPC itself would take port 99999 for 34463.
        good = value.removeprefix("unix:") if value.startswith("unix:") else colon and host and _is_port(port)
        if value and not good:
            raise ValueError("must be HOST:PORT with a port from 0 to 65535, or unix:PATH")
        return value

    @model_validator(mode="after")
    def _whole_tls(self) -> Settings:
        if (self.tls_certificate_file is None) != (self.tls_key_file is None):
            raise ValueError("tls_certificate_file and tls_key_file belong together: set both, or neither")
        if (self.tls_client_certificates != "none") != (self.tls_client_ca_file is not None):
            raise ValueError("tls_client_certificates and tls_client_ca_file belong together: set both, or neither")
        if (self.tls_client_certificates == "optional") != bool(self.client_certificate_listen):
            raise ValueError(
                'tls_client_certificates = "optional" and client_certificate_listen belong together: set both, or '
                "neither"
            )
        if self.tls_client_ca_file is not None and not self.tls:
            raise ValueError("tls_client_ca_file needs TLS: set tls_certificate_file and tls_key_file too")
        return self

    @model_validator(mode="after")
    def _different_issuers(self) -> Settings:
        names = [each.issuer for each in self.issuers]
        if len(names) != len(set(names)):
            raise ValueError("issuers: two have the same issuer; name each once")
        if self.token_issuer in names:
            raise ValueError(f"issuers: {self.token_issuer} is this server itself; set another token_audience")
        return self

    @model_validator(mode="after")
    def _shared_by_workers(self) -> Settings:
        for name in ("listen", "client_certificate_listen"):
            if self.workers > 1 and getattr(self, name).startswith("unix:"):
                raise ValueError(
                    f"{name} is a Unix socket, which several workers cannot share: set HOST:PORT, or workers = 1"
                )
        host, _, port = self.admin_listen.rpartition(":")
        if host and _is_port(port) and int(port) + self.workers - 1 > _LAST_PORT:
            raise ValueError("admin_listen: each worker takes a port from there on, and there are not enough")
        return self

    @model_validator(mode="after")
    def _stay_on_this_machine(self) -> Settings:
        for name in ("listen", "client_certificate_listen", "admin_listen", "metrics_listen"):
            address = getattr(self, name)
            if not address or is_local(address):
                continue
            # The ports of operators have neither.
            ours = name in {"listen", "client_certificate_listen"}
            if not (ours and self.tls) and not self.allow_plaintext_to_other_machines:
                raise ValueError(
                    f"{name} is an address that other machines reach, and it is not encrypted: "
                    + ("set tls_certificate_file and tls_key_file, " if ours else "")
                    + "listen on loopback or a Unix socket, or set allow_plaintext_to_other_machines when something in "
                    "front of it does the encrypting"
                )
            if not (ours and self.authentication == "required") and not self.allow_anonymous_from_other_machines:
                raise ValueError(
                    f"{name} is an address that other machines reach, and nobody is asked who it is: "
                    + ('set authentication = "required", ' if ours else "")
                    + "listen on loopback or a Unix socket, or set allow_anonymous_from_other_machines when something "
                    "in front of it asks"
                )
        return self

    @property
    def tls(self) -> bool:
        """Whether the gRPC port speaks TLS."""
        return self.tls_certificate_file is not None

    @property
    def token_issuer(self) -> str:
        """`iss` of this server's own tokens."""
        return f"clarion-server:{self.account}:{self.token_audience}"

    @property
    def signing_keys(self) -> Path:
        """The file of the signing keys."""
        return self.signing_keys_file or self.data_dir / "signing-keys.json"

    @property
    def database(self) -> str:
        """SQLAlchemy URL of the database."""
        return self.database_url or f"sqlite:///{(self.data_dir / 'clarion.db').absolute()}"

    @property
    def keyring_path(self) -> Path:
        """The keyring file."""
        return self.keyring_file or self.data_dir / "keyring.json"


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and int(text) <= _LAST_PORT


def is_local(address: str) -> bool:
    """Return whether only this machine reaches an address of the form `HOST:PORT` or `unix:PATH`."""
    if address.startswith("unix:"):
        return True
    host = address.rpartition(":")[0].strip("[]")
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def load(environment: Mapping[str, str] = os.environ, **overrides: Any) -> Settings:
    """Return the settings from file, environment, and `overrides` (of the command line; None is passed over).

    Raises:
        SettingsError: a key does not exist, a value is wrong, or the file cannot be read.
    """
    values: dict[str, Any] = {}
    if path := environment.get("CLARION_CONFIG"):
        values = _read_file(Path(path))
    for name, text in sorted(environment.items()):  # a whole table before what is in it
        if name.startswith(_PREFIX) and name not in _NOT_SETTINGS and not _KUBERNETES.fullmatch(f"{name}={text}"):
            _put(values, name.removeprefix(_PREFIX).lower().split("__"), text)
    values.update({name: value for name, value in overrides.items() if value is not None})
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        raise SettingsError("\n".join(_explain(each) for each in error.errors())) from None


def _read_file(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"CLARION_CONFIG: cannot read {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"CLARION_CONFIG: {path} is not TOML: {error}") from None


def _put(values: dict[str, Any], path: list[str], text: str) -> None:
    for name in path[:-1]:
        inner = values.setdefault(name, {})
        if not isinstance(inner, dict):
            raise SettingsError(f"{_PREFIX}{'__'.join(path).upper()}: {name} has no settings below it")
        values = inner
    values[path[-1]] = _parsed(path[0], text) if len(path) == 1 and path[0] in _JSON else text


def _parsed(name: str, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        # Without the cause's text, which may quote the value.
        raise SettingsError(f"{_PREFIX}{name.upper()}: is not JSON; give for example {_JSON[name]}") from None


def _explain(error: Mapping[str, Any]) -> str:
    name = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        variable = _PREFIX + "__".join(str(part) for part in error["loc"]).upper()
        return f"{name}: there is no such setting (file: {name}, environment: {variable}); see docs/configuration.md"
    message = str(error["msg"]).removeprefix("Value error, ")
    return f"{name}: {message}" if name else message
