"""The emulated APNs: one environment of it, from request to answer, as strict as the original.

Facts: Apple, "Sending notification requests to APNs", "Handling notification responses from APNs", "Generating a
remote notification", "Pushing background updates to your app". Where Apple leaves the reason open, the choice made
here is listed in docs/sandbox.md.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from clarion_server.providers.apns.sandbox_identity import (
    INVALID_TOKEN,
    ApnsKey,
    CertificateIdentity,
    ProviderToken,
    Refusal,
    TokenChecker,
    read_certificate,
)
from clarion_server.providers.emulation import (
    DeviceTable,
    SandboxConnection,
    SandboxRequest,
    SandboxResponse,
    parse_json,
)

TOPIC_SUFFIXES = {
    "alert": "",
    "background": "",
    "mdm": "",
    "voip": ".voip",
    "complication": ".complication",
    "fileprovider": ".pushkit.fileprovider",
    "location": ".location-query",
    "liveactivity": ".push-type.liveactivity",
    "pushtotalk": ".voip-ptt",
    "widgets": ".push-type.widgets",
    "controls": ".push-type.controls",
}
"""What follows the bundle id in the topic, by push type."""

_FAULT_REASONS = {
    400: "BadDeviceToken",
    403: "InvalidProviderToken",
    404: "BadPath",
    405: "MethodNotAllowed",
    410: "Unregistered",
    413: "PayloadTooLarge",
    429: "TooManyRequests",
    500: "InternalServerError",
    503: "ServiceUnavailable",
}
WEBSITE_PREFIX = "web."
"""How the topic of a website begins."""

# Push types that need a provider token.
_TOKEN_ONLY = frozenset({"location", "liveactivity"})
_PATH = "/3/device/"
_DEVICE_TOKEN = re.compile(r"[0-9a-fA-F]{64,200}")
_MESSAGE_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TOPIC = re.compile(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
_EXPIRATION = re.compile(rb"[0-9]{1,10}")
_LAST_EXPIRATION = 2**32 - 1
_STREAMS_BEFORE_TRUST = 1
_STREAMS = 1000
_MAX_PAYLOAD = 4096
_MAX_VOIP_PAYLOAD = 5120
_DEAD_FOR_SECONDS = 3600


def apns_error(status: int, reason: str | None) -> SandboxResponse:
    """Return an error that no request has caused.

    Args:
        status: HTTP status.
        reason: APNs' word for it; None = the usual one of this status.
    """
    word = _FAULT_REASONS.get(status, "InternalServerError") if reason is None else reason
    headers = ((b"apns-id", str(uuid4()).encode()),)
    return SandboxResponse(status, word, headers, json.dumps({"reason": word}).encode())


@dataclass(slots=True, eq=False)
class ApnsConnection(SandboxConnection):
    """One connection.

    Attributes:
        certificate: what the client's certificate allows, None without one.
        bad_certificate: the client presented a certificate that is none for pushing.
        key: the signing key of the first accepted provider token; the others must be of the same key.
    """

    certificate: CertificateIdentity | None = None
    bad_certificate: bool = False
    key: ApnsKey | None = None


class ApnsEmulator:
    """One environment of APNs.

    Args:
        environment: `production` or `development`.
        keys: all registered signing keys by key id; may grow later.
        bundle_ids: the apps of all teams.
        devices: how devices behave.
        clock: seconds since the epoch.
    """

    def __init__(
        self,
        *,
        environment: str,
        keys: Mapping[str, ApnsKey],
        bundle_ids: Iterable[str],
        devices: DeviceTable,
        clock: Callable[[], float],
    ) -> None:
        self._environment = environment
        self._tokens = TokenChecker(keys, environment)
        self._devices = devices
        self._clock = clock
        apps = tuple(bundle_ids)
        self._suffixes = {bundle_id + suffix: suffix for bundle_id in apps for suffix in TOPIC_SUFFIXES.values()}
        # Each app has a website, too. What it shows are alerts, so its topic has no suffix.
        self._websites = frozenset(f"{WEBSITE_PREFIX}{bundle_id}" for bundle_id in apps)

    def connect(self, client_certificate: bytes | None) -> ApnsConnection:
        """See `Emulator.connect`. Only a certificate is trusted from the start."""
        if client_certificate is None:
            return ApnsConnection(_STREAMS_BEFORE_TRUST)
        certificate = read_certificate(client_certificate)
        return ApnsConnection(_STREAMS, certificate, bad_certificate=certificate is None)

    def handle(self, request: SandboxRequest) -> SandboxResponse:
        """See `Emulator.handle`."""
        headers = dict(request.headers)
        given_id = headers.get(b"apns-id")
        # Errors carry an id too; a malformed one is not echoed.
        good_id = given_id is not None and _MESSAGE_ID.fullmatch(given_id.decode("latin-1")) is not None
        message_id = given_id if given_id is not None and good_id else str(uuid4()).encode()
        refusal = self._refusal(request, headers)
        if refusal is None and given_id is not None and not good_id:
            refusal = Refusal(400, "BadMessageId")
        if refusal is not None:
            return self._refuse(refusal, message_id)

        token = request.path[len(_PATH) :].lower()
        behaviour = self._devices.find(token, self._environment)
        if behaviour is None:
            return SandboxResponse(200, "accepted", self._success_headers(message_id), device=token)
        if behaviour.reason:
            return self._refuse(Refusal(behaviour.status, behaviour.reason), message_id, behaviour.delay)
        if behaviour.delay is None:
            return SandboxResponse(200, "silent", delay=None)
        return SandboxResponse(200, "accepted", self._success_headers(message_id), delay=behaviour.delay, device=token)

    def _success_headers(self, message_id: bytes) -> tuple[tuple[bytes, bytes], ...]:
        if self._environment == "production":
            return ((b"apns-id", message_id),)
        return ((b"apns-id", message_id), (b"apns-unique-id", str(uuid4()).encode()))

    def _refuse(self, refusal: Refusal, message_id: bytes, delay: float | None = 0.0) -> SandboxResponse:
        body: dict[str, Any] = {"reason": refusal.reason}
        if refusal.status == 410:
            body["timestamp"] = int((self._clock() - _DEAD_FOR_SECONDS) * 1000)
        return SandboxResponse(
            refusal.status, refusal.reason, ((b"apns-id", message_id),), json.dumps(body).encode(), delay
        )

    def _refusal(self, request: SandboxRequest, headers: Mapping[bytes, bytes]) -> Refusal | None:
        """Return what is wrong with a request, except for its apns-id."""
        path = request.path
        if path != _PATH[:-1] and (not path.startswith(_PATH) or "/" in path[len(_PATH) :]):
            return Refusal(404, "BadPath")
        if request.method != "POST":
            return Refusal(405, "MethodNotAllowed")
        if len(headers) != len(request.headers):
            return Refusal(400, "DuplicateHeaders")
        token = path[len(_PATH) :]
        if not token:
            return Refusal(400, "MissingDeviceToken")
        if _DEVICE_TOKEN.fullmatch(token) is None:
            return Refusal(400, "BadDeviceToken")
        connection = request.connection
        if not isinstance(connection, ApnsConnection):
            raise TypeError("the request's connection must come from this emulator's connect()")
        return (
            self._authenticate(connection, headers.get(b"authorization"))
            or self._check_delivery(headers)
            or self._check_content(connection, headers, request.body)
        )

    def _authenticate(self, connection: ApnsConnection, authorization: bytes | None) -> Refusal | None:
        if authorization is None:
            if connection.bad_certificate:
                return Refusal(403, "BadCertificate")
            if connection.certificate is None:
                return Refusal(403, "MissingProviderToken")
            if self._environment not in connection.certificate.environments:
                return Refusal(403, "BadCertificateEnvironment")
            if not connection.certificate.valid_at(self._clock()):
                return Refusal(403, "BadCertificate")
            return None
        token = self._tokens.check(authorization, self._clock())
        if not isinstance(token, ProviderToken):
            return token
        if connection.key is None:
            connection.key = token.key
            connection.max_concurrent_streams = _STREAMS
        elif connection.key.team_id != token.key.team_id:
            return INVALID_TOKEN
        elif connection.key.key_id != token.key.key_id:
            return Refusal(403, "UnrelatedKeyIdInToken")
        return None

    @staticmethod
    def _check_delivery(headers: Mapping[bytes, bytes]) -> Refusal | None:
        expiration = headers.get(b"apns-expiration")
        if expiration is not None and (_EXPIRATION.fullmatch(expiration) is None or int(expiration) > _LAST_EXPIRATION):
            return Refusal(400, "BadExpirationDate")
        if headers.get(b"apns-priority", b"10") not in {b"10", b"5", b"1"}:
            return Refusal(400, "BadPriority")
        if len(headers.get(b"apns-collapse-id", b"")) > 64:
            return Refusal(400, "BadCollapseId")
        return None

    def _check_content(self, connection: ApnsConnection, headers: Mapping[bytes, bytes], body: bytes) -> Refusal | None:
        push_type = headers.get(b"apns-push-type", b"").decode("latin-1")
        if push_type not in TOPIC_SUFFIXES and b"apns-push-type" in headers:
            return Refusal(400, "InvalidPushType")
        topic = headers.get(b"apns-topic", b"").decode("latin-1")
        # A token speaks for its team even where a certificate was presented too.
        certificate = None if b"authorization" in headers else connection.certificate
        if not topic and certificate is not None:
            topic = certificate.default_topic
        if not topic:
            return Refusal(400, "MissingTopic")
        if _TOPIC.fullmatch(topic) is None:
            return Refusal(400, "BadTopic")
        suffix = "" if topic in self._websites else self._suffixes.get(topic)
        if suffix is None or (certificate is not None and topic not in certificate.topics):
            return Refusal(400, "TopicDisallowed")
        if push_type and suffix != TOPIC_SUFFIXES[push_type]:
            return Refusal(400, "BadTopic")
        if topic in self._websites and push_type not in {"", "alert"}:
            return Refusal(400, "BadTopic")
        if certificate is not None and push_type in _TOKEN_ONLY:
            return Refusal(400, "InvalidPushType")
        if len(body) > (_MAX_VOIP_PAYLOAD if suffix == ".voip" else _MAX_PAYLOAD):
            return Refusal(413, "PayloadTooLarge")
        return _check_payload(body, push_type, headers.get(b"apns-priority", b"10"))


def _check_payload(body: bytes, push_type: str, priority: bytes) -> Refusal | None:
    """Check the body and what priority and push type demand of it."""
    empty = Refusal(400, "PayloadEmpty")
    try:
        payload = parse_json(body)
    except ValueError:
        return empty
    aps = payload.get("aps", {}) if isinstance(payload, dict) else None
    if not payload or not isinstance(aps, dict):
        return empty
    shows_something = "alert" in aps or "badge" in aps or "sound" in aps
    if push_type == "background":
        if priority != b"5":
            return Refusal(400, "BadPriority")
        if shows_something or aps.get("content-available") != 1:
            return Refusal(400, "InvalidPushType")
    elif priority == b"10" and "content-available" in aps and not shows_something and push_type in {"", "alert"}:
        return Refusal(400, "BadPriority")
    return None
