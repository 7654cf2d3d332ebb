"""The emulated ADM and Amazon's token endpoint: from request to answer, as strict as the original.

Facts: Amazon, "Send a message" and "Request an access token" (Amazon Device Messaging). What is the sandbox's own
choice is listed in docs/sandbox.md.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote

from clarion_server.providers.emulation import (
    DeviceBehaviour,
    DeviceTable,
    SandboxConnection,
    SandboxRequest,
    SandboxResponse,
    parse_json,
)

TOKEN_PATH = "/auth/O2/token"  # noqa: S105 - a path, no secret
_SEND_PATH = re.compile(r"/messaging/registrations/([^/?]+)/messages")
_TOKEN_LIFETIME = 3600
_MAX_TOKENS = 1000
_MAX_PAYLOAD = 6 * 1024
_MAX_CONSOLIDATION_KEY = 64
_EXPIRATION = range(60, 31 * 24 * 3600 + 1)
_TYPES = {
    b"content-type": "application/json",
    b"accept": "application/json",
    b"x-amzn-type-version": "com.amazon.device.messaging.ADMMessage@1.0",
    b"x-amzn-accept-type": "com.amazon.device.messaging.ADMSendResult@1.0",
}
_KEYS = frozenset({"data", "notification", "consolidationKey", "expiresAfter", "md5", "priority"})
_JSON_TYPE = (b"content-type", b"application/json")
_BAD_GATEWAY = b"<!DOCTYPE html><title>502 Bad Gateway</title><h1>Bad Gateway</h1>"
_REPLACED, _OK = "sim-replaced", "sim-ok"

# ADM's words by HTTP status, for errors that no request has caused.
_USUAL_REASONS = {400: "InvalidData", 401: "AccessTokenExpired", 413: "MessageTooLarge", 429: "MaxRateExceeded"}


@dataclass(frozen=True, slots=True)
class AdmClient:
    """The only security profile there is."""

    client_id: str
    client_secret: str = field(repr=False)


class AdmEmulator:
    """ADM, and the token endpoint of Login with Amazon.

    Args:
        client: the security profile.
        devices: how devices behave.
        clock: seconds since the epoch.
    """

    def __init__(self, *, client: AdmClient, devices: DeviceTable, clock: Callable[[], float]) -> None:
        self._client = client
        self._devices = devices
        self._clock = clock
        self._issued: dict[str, float] = {}

    def connect(self, client_certificate: bytes | None) -> SandboxConnection:  # noqa: ARG002 - Amazon asks for none
        """See `Emulator.connect`."""
        return SandboxConnection()

    def revoke_access_tokens(self) -> None:
        """Make all access tokens invalid."""
        self._issued.clear()

    def handle(self, request: SandboxRequest) -> SandboxResponse:
        """See `Emulator.handle`."""
        if request.path == TOKEN_PATH:
            return self._token(request)
        path = _SEND_PATH.fullmatch(request.path)
        if path is None or request.method != "POST":
            return SandboxResponse(404, "no such path")
        reason = self._problem(request)
        if reason is not None:
            return adm_error({"MessageTooLarge": 413, "AccessTokenExpired": 401}.get(reason, 400), reason)
        return self._deliver(unquote(path[1]), json.loads(request.body).get("data", {}))

    def _problem(self, request: SandboxRequest) -> str | None:
        """Return ADM's word for what is wrong with a message, None if nothing is."""
        headers = {name: value.decode("latin-1") for name, value in request.headers}
        scheme, _, token = headers.get(b"authorization", "").partition(" ")
        if scheme != "Bearer" or self._clock() >= self._issued.get(token, 0.0):
            return "AccessTokenExpired"
        if any(headers.get(name, "").partition(";")[0] != value for name, value in _TYPES.items()):
            return "InvalidType"
        try:
            body = parse_json(request.body)
        except ValueError:
            return "InvalidData"
        return next(_problems(body), None) if isinstance(body, dict) else "InvalidData"

    def _deliver(self, address: str, data: dict[str, str]) -> SandboxResponse:
        behaviour = self._devices.find(address)
        if behaviour is not None and (behaviour.reason or behaviour.status != 200):
            return _device_error(behaviour)
        if behaviour is not None and behaviour.delay is None:
            return SandboxResponse(200, "silent", delay=None)
        canonical = address
        if behaviour is not None and behaviour.prefix == _REPLACED:
            canonical = address.replace(_REPLACED, _OK, 1)
        headers = (_JSON_TYPE, *_ids(), (b"x-amzn-data-md5", _checksum(data).encode()))
        delay = 0.0 if behaviour is None else behaviour.delay
        body = json.dumps({"registrationID": canonical}).encode()
        return SandboxResponse(200, "accepted", headers, body, delay, device=address)

    # --- the token endpoint ------------------------------------------------------------------

    def _token(self, request: SandboxRequest) -> SandboxResponse:
        problem = self._token_problem(request)
        if problem is not None:
            error, description = problem
            status = 401 if error == "invalid_client" else 400
            body = json.dumps({"error": error, "error_description": description}).encode()
            return SandboxResponse(status, error, (_JSON_TYPE, *_ids()), body)
        now = self._clock()
        if len(self._issued) >= _MAX_TOKENS:
            self._issued = {text: end for text, end in self._issued.items() if now < end}
        token = "Atc|sandbox-" + secrets.token_urlsafe(48)
        self._issued[token] = now + _TOKEN_LIFETIME
        answer = {
            "access_token": token,
            "expires_in": _TOKEN_LIFETIME,
            "scope": "messaging:push",
            "token_type": "Bearer",
        }
        headers = (_JSON_TYPE, *_ids(), (b"cache-control", b"no-store"))
        return SandboxResponse(200, "token issued", headers, json.dumps(answer).encode())

    def _token_problem(self, request: SandboxRequest) -> tuple[str, str] | None:
        """Return OAuth's error and its description."""
        if request.method != "POST":
            return "invalid_request", "The method must be POST."
        content_type = dict(request.headers).get(b"content-type", b"").partition(b";")[0].strip()
        if content_type != b"application/x-www-form-urlencoded":
            return "invalid_request", "The content type must be application/x-www-form-urlencoded."
        form = parse_qsl(request.body.decode("latin-1"), keep_blank_values=True)
        fields = dict(form)
        missing = {"grant_type", "scope", "client_id", "client_secret"} - fields.keys()
        if missing or len(fields) != len(form):
            return "invalid_request", "A required parameter is missing or repeated."
        if fields["grant_type"] != "client_credentials":
            return "unsupported_grant_type", "The grant type is not supported."
        if (fields["client_id"], fields["client_secret"]) != (self._client.client_id, self._client.client_secret):
            return "invalid_client", "Client authentication failed"
        if fields["scope"] != "messaging:push":
            return "invalid_scope", "The scope is not one of this client."
        return None


def adm_error(status: int, reason: str | None) -> SandboxResponse:
    """Return an error in ADM's form.

    Args:
        status: HTTP status.
        reason: ADM's word for it; None = the usual one of this status, 5xx have none.
    """
    word = _USUAL_REASONS.get(status, "") if reason is None else reason
    body = json.dumps({"reason": word}).encode() if word else b""
    return SandboxResponse(status, word or f"status {status}", (_JSON_TYPE, *_ids()), body)


def _problems(body: dict[str, Any]) -> Iterator[str]:
    """Yield ADM's words for what is wrong with a body, the first counts."""
    data, notification = body.get("data"), body.get("notification")
    if not body.keys() <= _KEYS or (data is None and notification is None):
        yield "InvalidData"
    if data is not None and not _is_text_map(data):
        yield "InvalidData"
    if not data and notification is None and "consolidationKey" not in body:
        yield "InvalidData"
    if notification is not None:
        texts = [notification.get(key) for key in ("title", "body")] if isinstance(notification, dict) else [None]
        if not all(isinstance(text, str) and text for text in texts):
            yield "InvalidData"
    if sum(_size(part) for part in (data, notification) if part is not None) > _MAX_PAYLOAD:
        yield "MessageTooLarge"
    key = body.get("consolidationKey", "x")
    if not isinstance(key, str) or not 1 <= len(key) <= _MAX_CONSOLIDATION_KEY:
        yield "InvalidConsolidationKey"
    expires = body.get("expiresAfter", 3600)
    if not isinstance(expires, int) or isinstance(expires, bool) or expires not in _EXPIRATION:
        yield "InvalidExpiration"
    if "md5" in body and body["md5"] != _checksum(data or {}):
        yield "InvalidChecksum"
    if body.get("priority", "normal") not in {"normal", "high"}:
        yield "InvalidData"


def _is_text_map(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(text, str) for text in value.values())


def _size(value: Any) -> int:
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(errors="surrogatepass"))


def _checksum(data: dict[str, str]) -> str:
    text = ",".join(f"{key}:{value}" for key, value in sorted(data.items()))
    digest = hashlib.md5(text.encode(errors="surrogatepass"), usedforsecurity=False).digest()
    return base64.b64encode(digest).decode()


def _device_error(behaviour: DeviceBehaviour) -> SandboxResponse:
    if behaviour.status == 502:
        html = ((b"content-type", b"text/html"),)
        return SandboxResponse(502, "bad gateway", html, _BAD_GATEWAY, behaviour.delay)
    response = adm_error(behaviour.status, behaviour.reason)
    response.delay = behaviour.delay
    if behaviour.retry_after:
        response.headers = (*response.headers, (b"retry-after", b"%d" % behaviour.retry_after))
    return response


def _ids() -> tuple[tuple[bytes, bytes], ...]:
    return ((b"x-amzn-requestid", secrets.token_hex(16).encode()),)
