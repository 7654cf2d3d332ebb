"""Makes channel settings from the files that providers' consoles give out.

The classes here hold secrets; their `repr` does not show them (that of the protobuf messages would).
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self, cast

from clarion.messages import channel_type, enum_value
from clarion.v1 import channel_pb2
from clarion.v1.channel_pb2 import (
    ApnsAuthenticationMethod,
    ChannelSettings,
    ChannelType,
    FcmAuthenticationMethod,
    FcmPresentation,
)

StrPath = str | os.PathLike[str]


@dataclass(frozen=True, slots=True)
class ApnsKey:
    """An APNs signing key.

    Attributes:
        private_key: text of the `.p8` file.
        key_id: 10-character id of the key.
        team_id: 10-character id of the Apple developer team.
    """

    private_key: str = field(repr=False)
    key_id: str
    team_id: str

    @classmethod
    def from_file(cls, path: StrPath, key_id: str, team_id: str) -> Self:
        """Read a `.p8` file.

        Raises:
            OSError: it cannot be read.
        """
        return cls(_text(path), key_id, team_id)


@dataclass(frozen=True, slots=True)
class ApnsCertificate:
    """A TLS client certificate for APNs; made by `from_p12` or `from_pem`."""

    _proto: channel_pb2.ApnsCertificate = field(repr=False)

    @classmethod
    def from_p12(cls, path: StrPath, password: str = "") -> Self:
        """Read a `.p12` file; `password` opens it.

        Raises:
            OSError: it cannot be read.
        """
        content = Path(path).read_bytes()
        pkcs12 = channel_pb2.Pkcs12Certificate(content=content, password=password)
        return cls(channel_pb2.ApnsCertificate(pkcs12=pkcs12))

    @classmethod
    def from_pem(cls, certificate: StrPath, private_key: StrPath) -> Self:
        """Read a certificate and its unencrypted private key from two PEM files.

        Raises:
            OSError: one of them cannot be read.
        """
        pem = channel_pb2.PemCertificate(certificate=_text(certificate), private_key=_text(private_key))
        return cls(channel_pb2.ApnsCertificate(pem=pem))

    def to_proto(self) -> channel_pb2.ApnsCertificate:
        """Return the message of the API. Secret."""
        return self._proto


@dataclass(frozen=True, slots=True)
class FcmServiceAccount:
    """A Google service account.

    Attributes:
        json: text of the key file.
    """

    json: str = field(repr=False)

    @classmethod
    def from_file(cls, path: StrPath) -> Self:
        """Read the key file that Google gives out.

        Raises:
            OSError: it cannot be read.
        """
        return cls(_text(path))


def apns_channel(
    channel: str | ChannelType = "APNS",
    *,
    bundle_id: str = "",
    key: ApnsKey | None = None,
    certificate: ApnsCertificate | None = None,
    default_authentication_method: str | ApnsAuthenticationMethod | None = None,
    enabled: bool | None = None,
) -> ChannelSettings:
    """Return the settings of a channel of one of the four APNs types; what is not given stays as it is on the server.

    Args:
        channel: `APNS`, `APNS_SANDBOX`, `APNS_VOIP` or `APNS_VOIP_SANDBOX`.
        bundle_id: the app's bundle identifier.
        key: signing key.
        certificate: client certificate.
        default_authentication_method: `SIGNING_KEY` or `CERTIFICATE`, for a channel that has both.
        enabled: whether the channel sends.

    Raises:
        ValueError: there is no such channel type or authentication method.
    """
    settings = channel_settings(channel, enabled=enabled)
    settings.apns.SetInParent()
    settings.apns.bundle_id = bundle_id
    if default_authentication_method is not None:
        settings.apns.default_authentication_method = cast(
            "ApnsAuthenticationMethod",
            enum_value(channel_pb2.ApnsAuthenticationMethod, default_authentication_method, "authentication method"),
        )
    if key is not None:
        settings.apns.signing_key.private_key = key.private_key
        settings.apns.signing_key.key_id = key.key_id
        settings.apns.signing_key.team_id = key.team_id
    if certificate is not None:
        settings.apns.certificate.CopyFrom(certificate.to_proto())
    return settings


def fcm_channel(
    *,
    service_account: FcmServiceAccount | None = None,
    legacy_key: str | None = None,
    presentation: str | FcmPresentation | None = None,
    default_authentication_method: str | FcmAuthenticationMethod | None = None,
    enabled: bool | None = None,
) -> ChannelSettings:
    """Return the settings of an FCM channel; what is not given stays as it is on the server.

    Args:
        service_account: credential of the HTTP v1 API.
        legacy_key: legacy server key (RETIRED: Google has shut down its API; used only without a service account).
        presentation: `SYSTEM` or `PINPOINT_SDK`: who draws a message on the device.
        default_authentication_method: `SERVICE_ACCOUNT` or `LEGACY_KEY`, for a channel that has both.
        enabled: whether the channel sends.

    Raises:
        ValueError: there is no such presentation or authentication method.
    """
    settings = channel_settings("FCM", enabled=enabled)
    settings.fcm.SetInParent()
    if service_account is not None:
        settings.fcm.service_account.json = service_account.json
    if legacy_key is not None:
        settings.fcm.legacy_key.server_key = legacy_key
    if presentation is not None:
        settings.fcm.presentation = cast(
            "FcmPresentation", enum_value(channel_pb2.FcmPresentation, presentation, "presentation")
        )
    if default_authentication_method is not None:
        settings.fcm.default_authentication_method = cast(
            "FcmAuthenticationMethod",
            enum_value(channel_pb2.FcmAuthenticationMethod, default_authentication_method, "authentication method"),
        )
    return settings


def adm_channel(client_id: str, client_secret: str, *, enabled: bool | None = None) -> ChannelSettings:
    """Return the settings of an ADM channel with the OAuth client of an Amazon security profile."""
    settings = channel_settings("ADM", enabled=enabled)
    settings.adm.client.client_id = client_id
    settings.adm.client.client_secret = client_secret
    return settings


def baidu_channel(api_key: str, secret_key: str, *, enabled: bool | None = None) -> ChannelSettings:
    """Return the settings of a Baidu channel with the keys of a Baidu Cloud Push application."""
    settings = channel_settings("BAIDU", enabled=enabled)
    settings.baidu.key_pair.api_key = api_key
    settings.baidu.key_pair.secret_key = secret_key
    return settings


def channel_settings(channel: str | ChannelType, *, enabled: bool | None = None) -> ChannelSettings:
    """Return settings that say only whether the channel sends.

    Raises:
        ValueError: there is no such channel type.
    """
    settings = ChannelSettings(type=channel_type(channel))
    if enabled is not None:
        settings.enabled = enabled
    return settings


def _text(path: StrPath) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        # The codec's message would quote bytes of a secret.
        raise ValueError(f"{os.fspath(path)}: is not a text file (PEM and JSON files are)") from None
