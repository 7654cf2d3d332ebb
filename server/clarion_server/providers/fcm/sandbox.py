"""The emulated FCM v1, with Google's token endpoint and the legacy API: as strict as the original.

Facts: FCM's v1 discovery document, Firebase's pages "FCM error codes" and "About FCM messages". What is the
sandbox's own choice is listed in docs/sandbox.md.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any
from uuid import uuid4

from clarion_server.providers.emulation import (
    DeviceBehaviour,
    DeviceTable,
    SandboxConnection,
    SandboxRequest,
    SandboxResponse,
    parse_json,
)
from clarion_server.providers.fcm.sandbox_legacy import LEGACY_PATH, LegacyEmulator
from clarion_server.providers.fcm.sandbox_schema import REQUEST, Violation, read_message
from clarion_server.providers.fcm.sandbox_tokens import ServiceAccount, TokenEndpoint

_TOKEN_PATH = "/token"  # noqa: S105 - a path, no secret
_SEND_PATH = re.compile(r"/v1/projects/([^/?]+)/messages:send")
_SCOPES = frozenset("https://www.googleapis.com/auth/" + name for name in ("firebase.messaging", "cloud-platform"))
_TARGETS = ("token", "fid", "topic", "condition")
_TOPIC = re.compile(r"[a-zA-Z0-9._~%-]{1,900}")
_REGISTRATION_TOKEN = re.compile(r"[\x21-\x7e]{1,4096}")
_COLOR = re.compile(r"#[0-9a-fA-F]{6}")
_MAX_TTL = 2_419_200
_MAX_PAYLOAD = 4096
_MAX_TOPIC_PAYLOAD = 2048
_FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
_BAD_REQUEST = "type.googleapis.com/google.rpc.BadRequest"
_QUOTA_FAILURE = "type.googleapis.com/google.rpc.QuotaFailure"
_APNS_ERROR = "type.googleapis.com/google.firebase.fcm.v1.ApnsError"
_JSON_TYPE = ((b"content-type", b"application/json; charset=UTF-8"),)
_HTML_TYPE = ((b"content-type", b"text/html; charset=UTF-8"),)
_BAD_GATEWAY = b"<!DOCTYPE html><title>Error 502 (Server Error)</title><p>Try again in 30 seconds."

# google.rpc code and a text, by FCM's error code, for what devices answer.
_DEVICE_ERRORS = {
    "INVALID_ARGUMENT": ("INVALID_ARGUMENT", "The registration token is not a valid FCM registration token"),
    "UNREGISTERED": ("NOT_FOUND", "Requested entity was not found."),
    "SENDER_ID_MISMATCH": ("PERMISSION_DENIED", "SenderId mismatch"),
    "QUOTA_EXCEEDED": ("RESOURCE_EXHAUSTED", "Quota exceeded for the messages of this device."),
    "INTERNAL": ("INTERNAL", "Internal error encountered."),
    "UNAVAILABLE": ("UNAVAILABLE", "The service is currently unavailable."),
    "THIRD_PARTY_AUTH_ERROR": ("UNAUTHENTICATED", "Auth error from APNS or Web Push Service"),
}

# google.rpc code and FCM's error code, by HTTP status, for errors that no request has caused.
_FAULTS = {
    400: ("INVALID_ARGUMENT", ""),
    401: ("UNAUTHENTICATED", ""),
    403: ("PERMISSION_DENIED", ""),
    404: ("NOT_FOUND", "UNREGISTERED"),
    429: ("RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED"),
    500: ("INTERNAL", "INTERNAL"),
    503: ("UNAVAILABLE", "UNAVAILABLE"),
}


def fcm_error(status: int, reason: str | None) -> SandboxResponse:
    """Return an error that no request has caused.

    Args:
        status: HTTP status.
        reason: FCM's error code; None = the usual one of this status.
    """
    word, code = _FAULTS.get(status, ("UNKNOWN", ""))
    code = code if reason is None else reason
    return _error(status, word, "A fault of the sandbox.", [{"@type": _FCM_ERROR, "errorCode": code}] if code else None)


class FcmEmulator:
    """FCM v1, Google's token endpoint, and FCM's legacy API as it was.

    Args:
        account: the service account.
        devices: how devices behave.
        clock: seconds since the epoch.
        legacy_key: server key of the legacy API; empty: that API is not there.
    """

    def __init__(
        self, *, account: ServiceAccount, devices: DeviceTable, clock: Callable[[], float], legacy_key: str = ""
    ) -> None:
        self._project_id = account.project_id
        self._devices = devices
        self._legacy = LegacyEmulator(legacy_key, devices) if legacy_key else None
        self.tokens = TokenEndpoint(account, clock)

    def connect(self, client_certificate: bytes | None) -> SandboxConnection:  # noqa: ARG002 - Google asks for none
        """See `Emulator.connect`."""
        return SandboxConnection()

    def handle(self, request: SandboxRequest) -> SandboxResponse:
        """See `Emulator.handle`."""
        if request.path == _TOKEN_PATH:
            return self.tokens.handle(request)
        if request.path == LEGACY_PATH and self._legacy is not None:
            return self._legacy.handle(request)
        path = _SEND_PATH.fullmatch(request.path)
        if path is None or request.method != "POST":
            return _error(404, "NOT_FOUND", "Method or path not found.")
        refusal = self._authorize(request, path[1])
        if refusal is not None:
            return refusal
        try:
            document = parse_json(request.body)
        except ValueError:
            return _bad_request([Violation("", "Invalid JSON payload received. Unexpected token.")], with_code=False)
        body, violations = read_message(document, REQUEST)
        if violations:
            return _bad_request(violations, with_code=False)
        message = body.get("message", {})
        violations = list(_check_message(message))
        if violations:
            return _bad_request(violations, with_code=True)
        if _is_too_big(message):
            return _error(400, "INVALID_ARGUMENT", "Android message is too big")
        return self._deliver(message, validate_only=body.get("validate_only", False))

    def _authorize(self, request: SandboxRequest, project_id: str) -> SandboxResponse | None:
        authorization = dict(request.headers).get(b"authorization", b"").decode("latin-1")
        scheme, _, text = authorization.partition(" ")
        token = self.tokens.find(text) if scheme.lower() == "bearer" else None
        if token is None:
            return _error(401, "UNAUTHENTICATED", "The request has no valid OAuth 2 access token.")
        if not token.scopes & _SCOPES:
            return _error(403, "PERMISSION_DENIED", "The access token's scopes do not include messaging.")
        if project_id != self._project_id:
            return _error(404, "NOT_FOUND", "Requested entity was not found.")
        return None

    def _deliver(self, message: Mapping[str, Any], *, validate_only: bool) -> SandboxResponse:
        address: str = message.get("token") or message.get("fid") or ""
        behaviour = self._devices.find(address)
        if behaviour is not None and (behaviour.reason or behaviour.status != 200):
            return _device_error(behaviour)
        if behaviour is not None and behaviour.delay is None:
            return SandboxResponse(200, "silent", delay=None)
        message_id = "fake_message_id" if validate_only else f"0:{uuid4().int:032x}"
        return SandboxResponse(
            200,
            "accepted",
            _JSON_TYPE,
            f'{{"name": "projects/{self._project_id}/messages/{message_id}"}}'.encode(),
            delay=0.0 if behaviour is None else behaviour.delay,
            device="" if validate_only else address,
        )


def _check_message(message: Mapping[str, Any]) -> Iterator[Violation]:
    """Yield what is wrong with a message beyond its schema."""
    yield from _check_target(message)
    if "android" in message and "android_v2" in message:
        yield Violation("message", "android and android_v2 exclude each other.")
    for section in ("android", "android_v2"):
        yield from _check_android(message.get(section, {}), f"message.{section}")
    yield from _check_data(message.get("data", {}), "message.data")
    apns = message.get("apns", {})
    headers = {name.lower(): value for name, value in apns.get("headers", {}).items()}
    if headers.get("apns-priority", "10") not in {"10", "5", "1"}:
        yield Violation("message.apns.headers", "Invalid apns-priority: it must be 10, 5 or 1.")
    if not isinstance(apns.get("payload", {}).get("aps", {}), dict):
        yield Violation("message.apns.payload", "Invalid APNs payload: aps must be an object.")


def _check_target(message: Mapping[str, Any]) -> Iterator[Violation]:
    targets = [name for name in _TARGETS if name in message]
    if not targets:
        yield Violation("message", "Recipient of the message is not set.")
        return
    for second in targets[1:]:
        yield Violation(
            "message",
            f"Invalid value at 'message' (oneof), oneof field 'target' is already set. Cannot set '{second}'",
        )
    name = targets[0]
    if name in {"token", "fid"} and _REGISTRATION_TOKEN.fullmatch(message[name]) is None:
        yield Violation(f"message.{name}", "Invalid registration token")
    if name == "topic" and _TOPIC.fullmatch(message[name]) is None:
        yield Violation("message.topic", "Invalid topic name: it has no /topics/, and only [a-zA-Z0-9-_.~%].")
    if name == "condition" and " in topics" not in message[name]:
        yield Violation("message.condition", "Invalid condition expression provided.")


def _check_android(android: Mapping[str, Any], path: str) -> Iterator[Violation]:
    ttl = android.get("ttl")
    if ttl is not None and not 0 <= float(ttl[:-1]) <= _MAX_TTL:
        yield Violation(f"{path}.ttl", f"Invalid ttl: it must be between 0s and {_MAX_TTL}s.")
    color = android.get("notification", {}).get("color")
    if color is not None and _COLOR.fullmatch(color) is None:
        yield Violation(f"{path}.notification.color", "Invalid color: it must have the form #rrggbb.")
    yield from _check_data(android.get("data", {}), f"{path}.data")


def _check_data(data: Mapping[str, str], path: str) -> Iterator[Violation]:
    for key in data:
        if key in {"", "from", "message_type"} or key.startswith(("google.", "gcm.notification.")):
            yield Violation(path, f"Invalid data payload key: {key}")


def _is_too_big(message: Mapping[str, Any]) -> bool:
    """Tell whether keys and values of data and notification exceed the limit. Android's data replaces the general."""
    android = message.get("android", message.get("android_v2", {}))
    size = _size(android.get("data") or message.get("data", {}))
    size += _size({**message.get("notification", {}), **android.get("notification", {})})
    limit = _MAX_TOPIC_PAYLOAD if "topic" in message or "condition" in message else _MAX_PAYLOAD
    apns_payload = json.dumps(message.get("apns", {}).get("payload", {}), ensure_ascii=False, separators=(",", ":"))
    return size > limit or _size(apns_payload) > limit


def _size(value: Any) -> int:
    if isinstance(value, dict):
        return sum(_size(key) + _size(item) for key, item in value.items())
    if isinstance(value, list):
        return sum(map(_size, value))
    # JSON escapes can spell half a surrogate pair.
    return len(str(value).encode(errors="surrogatepass"))


def _device_error(behaviour: DeviceBehaviour) -> SandboxResponse:
    if not behaviour.reason:
        return SandboxResponse(behaviour.status, "bad gateway", _HTML_TYPE, _BAD_GATEWAY, behaviour.delay)
    status, text = _DEVICE_ERRORS[behaviour.reason]
    details: list[dict[str, Any]] = [{"@type": _FCM_ERROR, "errorCode": behaviour.reason}]
    if behaviour.reason == "INVALID_ARGUMENT":
        violation = {"field": "message.token", "description": "Invalid registration token"}
        details.append({"@type": _BAD_REQUEST, "fieldViolations": [violation]})
    elif behaviour.reason == "QUOTA_EXCEEDED":
        violation = {"subject": "device", "description": "Message rate of the device exceeded."}
        details.append({"@type": _QUOTA_FAILURE, "violations": [violation]})
    elif behaviour.reason == "THIRD_PARTY_AUTH_ERROR":
        details.append({"@type": _APNS_ERROR, "statusCode": 403, "reason": "InvalidProviderToken"})
    return _error(
        behaviour.status,
        status,
        text,
        details,
        outcome=behaviour.reason,
        retry_after=behaviour.retry_after,
        delay=behaviour.delay,
    )


def _bad_request(violations: Iterable[Violation], *, with_code: bool) -> SandboxResponse:
    """Return 400 INVALID_ARGUMENT. FCM's own code is only in answers to what passed the schema."""
    listed = [{"field": violation.field, "description": violation.description} for violation in violations]
    details: list[dict[str, Any]] = [{"@type": _BAD_REQUEST, "fieldViolations": listed}]
    if with_code:
        details.append({"@type": _FCM_ERROR, "errorCode": "INVALID_ARGUMENT"})
    text = "\n".join(violation["description"] for violation in listed)
    return _error(400, "INVALID_ARGUMENT", text, details)


def _error(
    code: int,
    status: str,
    message: str,
    details: list[dict[str, Any]] | None = None,
    *,
    outcome: str = "",
    retry_after: int = 0,
    delay: float | None = 0.0,
) -> SandboxResponse:
    error: dict[str, Any] = {"code": code, "message": message, "status": status}
    if details:
        error["details"] = details
    headers = _JSON_TYPE + (((b"retry-after", str(retry_after).encode()),) if retry_after else ())
    return SandboxResponse(code, outcome or status, headers, json.dumps({"error": error}).encode(), delay)
