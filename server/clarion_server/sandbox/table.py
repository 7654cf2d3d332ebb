"""The listeners of the sandbox: one row for each emulated service."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from clarion_server.providers.adm.sandbox import AdmEmulator, adm_error
from clarion_server.providers.apns.sandbox import ApnsEmulator, apns_error
from clarion_server.providers.apns.sandbox_identity import DEVELOPMENT, PRODUCTION, ApnsKey
from clarion_server.providers.baidu.sandbox import BaiduEmulator, baidu_error
from clarion_server.providers.emulation import Emulator
from clarion_server.providers.fcm.sandbox import FcmEmulator, fcm_error
from clarion_server.sandbox.devices import ADM_DEVICES, APNS_DEVICES, BAIDU_DEVICES, FCM_DEVICES
from clarion_server.sandbox.files import BUNDLE_ID, Identities
from clarion_server.sandbox.service import ErrorAnswer, plain_error

CONTROL = "control"
DEFAULT_CONTROL_PORT = 8081
HTTP2 = "h2"
HTTP1 = "http/1.1"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What emulators are made from.

    Attributes:
        identities: what is known of the keys in the directory.
        apns_keys: all registered signing keys by key id; may grow later.
        clock: seconds since the epoch.
    """

    identities: Identities
    apns_keys: Mapping[str, ApnsKey]
    clock: Callable[[], float]


@dataclass(frozen=True, slots=True)
class ListenerSpec:
    """An emulated service.

    Attributes:
        name: of the listener, in the API, the counters and `sandbox.json`.
        title: for people.
        port: the command's default port.
        emulator: makes what answers.
        error: makes the errors that faults answer with.
        alpn: the protocols it speaks, the preferred one first.
        tls: whether it speaks TLS; without it HTTP/1.1 only.
        client_certificates: whether it asks for push certificates.
    """

    name: str
    title: str
    port: int
    emulator: Callable[[Surroundings], Emulator]
    error: ErrorAnswer = plain_error
    alpn: tuple[str, ...] = (HTTP2,)
    tls: bool = True
    client_certificates: bool = False


def _apns(environment: str) -> Callable[[Surroundings], Emulator]:
    return lambda around: ApnsEmulator(
        environment=environment,
        keys=around.apns_keys,
        bundle_ids=(BUNDLE_ID,),
        devices=APNS_DEVICES,
        clock=around.clock,
    )


def _fcm(around: Surroundings) -> Emulator:
    return FcmEmulator(
        account=around.identities.service_account,
        devices=FCM_DEVICES,
        clock=around.clock,
        legacy_key=around.identities.legacy_key,
    )


def _adm(around: Surroundings) -> Emulator:
    return AdmEmulator(client=around.identities.adm_client, devices=ADM_DEVICES, clock=around.clock)


def _baidu(around: Surroundings) -> Emulator:
    return BaiduEmulator(keys=around.identities.baidu_keys, devices=BAIDU_DEVICES, clock=around.clock)


LISTENERS = (
    ListenerSpec("apns", "APNs", 2197, _apns(PRODUCTION), apns_error, client_certificates=True),
    ListenerSpec("apns_sandbox", "APNs, development", 2198, _apns(DEVELOPMENT), apns_error, client_certificates=True),
    ListenerSpec("fcm", "FCM", 8443, _fcm, fcm_error, alpn=(HTTP2, HTTP1)),
    # HTTP/1.1 only, so that the way of a provider without HTTP/2 is gone.
    ListenerSpec("adm", "ADM", 8444, _adm, adm_error, alpn=(HTTP1,)),
    ListenerSpec("baidu", "Baidu", 8445, _baidu, baidu_error, alpn=(HTTP2, HTTP1)),
)
"""All emulated services; the control listener comes in addition."""

DEFAULT_PORTS = {**{spec.name: spec.port for spec in LISTENERS}, CONTROL: DEFAULT_CONTROL_PORT}
"""The ports of `clarion-server sandbox`, by listener."""
