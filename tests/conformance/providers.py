"""The providers that the conformance tests run through: a row makes a provider join all of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace

from clarion.v1 import channel_pb2
from clarion.v1.channel_pb2 import ChannelSettings, ChannelType
from clarion_server.sandbox import Fault, SandboxInfo, adm_address, apns_address, baidu_address, fcm_address


@dataclass(frozen=True, slots=True)
class Subject:
    """A channel to test.

    Attributes:
        name: of the test's parameter.
        channel_type: the channel's type.
        listener: the sandbox's listener that it sends to.
        path: how the paths of sends start there, so that faults do not strike requests for tokens.
        settings: makes the channel from the sandbox's credentials.
        address: makes an address from a behaviour's name and a number.
        wrong_app: the behaviour of an address that belongs to another app; None when the provider does not tell it from
            an address that nobody has.
        rejection: what the provider says of a credential that it does not accept; None when only its token endpoint
            says so.
        expiry: what it says of a proof of identity that is too old; None when it has none.
        http2: whether it sends over HTTP/2.
        tells_retry_after: whether the provider's documentation knows the header `retry-after`.
        throttled_status: HTTP status for a device that gets too much.
        tells_malformed: whether the provider tells a malformed address from other mistakes.
    """

    name: str
    channel_type: ChannelType
    listener: str
    path: str
    settings: Callable[[SandboxInfo], ChannelSettings]
    address: Callable[[str, int], str]
    wrong_app: str | None
    rejection: Fault | None
    expiry: Fault | None
    http2: bool = True
    tells_retry_after: bool = True
    throttled_status: int = 429
    tells_malformed: bool = True


def _apns_key(info: SandboxInfo, channel_type: ChannelType = channel_pb2.CHANNEL_TYPE_APNS) -> ChannelSettings:
    key = channel_pb2.ApnsSigningKey(
        private_key=info.files.apns_key.read_text(), key_id=info.key_id, team_id=info.team_id
    )
    return ChannelSettings(
        type=channel_type,
        apns=channel_pb2.ApnsSettings(bundle_id=info.bundle_id, signing_key=key),
    )


def _apns_certificate(
    info: SandboxInfo, channel_type: ChannelType = channel_pb2.CHANNEL_TYPE_APNS_SANDBOX
) -> ChannelSettings:
    pem = channel_pb2.PemCertificate(
        certificate=info.files.apns_certificate.read_text(), private_key=info.files.apns_certificate_key.read_text()
    )
    return ChannelSettings(
        type=channel_type,
        apns=channel_pb2.ApnsSettings(bundle_id=info.bundle_id, certificate=channel_pb2.ApnsCertificate(pem=pem)),
    )


def _fcm_account(info: SandboxInfo) -> ChannelSettings:
    account = channel_pb2.FcmServiceAccount(json=info.files.service_account.read_text())
    return ChannelSettings(type=channel_pb2.CHANNEL_TYPE_FCM, fcm=channel_pb2.FcmSettings(service_account=account))


def _adm_client(info: SandboxInfo) -> ChannelSettings:
    client = channel_pb2.AdmClient(**json.loads(info.files.adm_client.read_text()))
    return ChannelSettings(type=channel_pb2.CHANNEL_TYPE_ADM, adm=channel_pb2.AdmSettings(client=client))


def _baidu_keys(info: SandboxInfo) -> ChannelSettings:
    pair = channel_pb2.BaiduKeyPair(**json.loads(info.files.baidu_keys.read_text()))
    return ChannelSettings(type=channel_pb2.CHANNEL_TYPE_BAIDU, baidu=channel_pb2.BaiduSettings(key_pair=pair))


def _status(status: int, reason: str | None = None) -> Fault:
    return Fault.model_validate({"kind": "status", "status": status, "reason": reason})


ONE_A_LISTENER = (
    Subject(
        name="apns-key",
        channel_type=channel_pb2.CHANNEL_TYPE_APNS,
        listener="apns",
        path="/3/device/",
        settings=_apns_key,
        address=apns_address,
        wrong_app="wrong-topic",
        rejection=_status(403, "InvalidProviderToken"),
        expiry=_status(403, "ExpiredProviderToken"),
        tells_retry_after=False,
    ),
    Subject(
        name="apns-certificate",
        channel_type=channel_pb2.CHANNEL_TYPE_APNS_SANDBOX,
        listener="apns_sandbox",
        path="/3/device/",
        settings=_apns_certificate,
        address=apns_address,
        wrong_app="wrong-topic",
        rejection=_status(403, "BadCertificate"),
        expiry=None,
        tells_retry_after=False,
    ),
    Subject(
        name="fcm",
        channel_type=channel_pb2.CHANNEL_TYPE_FCM,
        listener="fcm",
        path="/v1/",
        settings=_fcm_account,
        address=fcm_address,
        wrong_app="wrong-project",
        rejection=_status(403),
        expiry=_status(401),
    ),
    Subject(
        name="adm",
        channel_type=channel_pb2.CHANNEL_TYPE_ADM,
        listener="adm",
        path="/messaging/",
        settings=_adm_client,
        address=adm_address,
        wrong_app=None,
        rejection=None,
        expiry=_status(401, "AccessTokenExpired"),
        http2=False,
    ),
    Subject(
        name="baidu",
        channel_type=channel_pb2.CHANNEL_TYPE_BAIDU,
        listener="baidu",
        path="/rest/",
        settings=_baidu_keys,
        address=baidu_address,
        wrong_app=None,
        rejection=_status(401, "30603"),
        expiry=_status(408, "30606"),
        throttled_status=503,
        tells_malformed=False,
    ),
)
"""One channel for each listener of the sandbox: they can go into one storm, since each has its own counters there."""

_OF_KEY, _OF_CERTIFICATE = ONE_A_LISTENER[:2]
SUBJECTS = (
    *ONE_A_LISTENER,
    replace(
        _OF_KEY,
        name="voip-key",
        channel_type=channel_pb2.CHANNEL_TYPE_APNS_VOIP,
        settings=lambda info: _apns_key(info, channel_pb2.CHANNEL_TYPE_APNS_VOIP),
    ),
    replace(
        _OF_CERTIFICATE,
        name="voip-certificate",
        channel_type=channel_pb2.CHANNEL_TYPE_APNS_VOIP_SANDBOX,
        settings=lambda info: _apns_certificate(info, channel_pb2.CHANNEL_TYPE_APNS_VOIP_SANDBOX),
    ),
)
"""All channel types."""
