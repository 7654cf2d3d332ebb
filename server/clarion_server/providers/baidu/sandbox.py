"""The emulated Baidu Cloud Push: from request to answer, as strict as the original.

It shares no code with what signs requests. Facts: Baidu, "REST API", "Message structure", and its SDKs. What is the
sandbox's own choice is listed in docs/sandbox.md.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote

from clarion_server.providers.emulation import (
    DeviceTable,
    SandboxConnection,
    SandboxRequest,
    SandboxResponse,
    parse_json,
)

_PATH = "/rest/3.0/push/single_device"
_STATISTICS = "/rest/3.0/report/statistic_device"
_IDENTITY = frozenset({"apikey", "timestamp", "sign"})
_REQUIRED = _IDENTITY | {"channel_id", "msg"}
_KNOWN = _REQUIRED | {"device_type", "expires", "msg_type", "msg_expires", "deploy_status", "topic_id"}
_USER_AGENT = re.compile(r"BCCS_SDK/3\.0 \([^()]+\) [^\s/]+/\S+ \([^()]+\)")
_CHANNEL_ID = re.compile(r"[0-9A-Za-z_-]{1,64}")
_NUMBER = re.compile(r"[0-9]{1,12}")
_TOPIC = re.compile(r"[A-Za-z0-9_]{1,128}")
_SIGNATURE_LIFETIME = 600
_MAX_MSG = 4096
_LONGEST_EXPIRES = 604_800
_JSON_TYPE = ((b"content-type", b"application/json"),)
_HTML_TYPE = ((b"content-type", b"text/html"),)
_BAD_GATEWAY = b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"

_PARAMS, _AUTHENTICATION, _EXPIRED = 30602, 30603, 30606

# HTTP status and text by error code.
_ERRORS: Mapping[int, tuple[int, str]] = {
    30600: (500, "Internal Server Error"),
    30601: (405, "Method Not Allowed"),
    _PARAMS: (400, "Request Params Not Valid"),
    _AUTHENTICATION: (401, "Authentication Failed"),
    30604: (402, "Quota Use Up Payment Required"),
    30605: (404, "Data Required Not Found"),
    _EXPIRED: (408, "Request Time Expires Timeout"),
    30607: (408, "Channel Token Timeout"),
    30608: (404, "Bind Relation Not Found"),
    30609: (404, "Bind Number Too Many"),
    30610: (400, "Duplicate Operation"),
    30611: (400, "Group Not Found"),
    30612: (403, "Application Forbidden, Need Whitelist Authorization"),
    30613: (400, "App Need Inied First In Push-console"),
    30614: (400, "Number Of Tag For User Too Many"),
    30615: (400, "Number Of Tag For App Too Many"),
    30616: (403, "Application Do Not Have Unicast Capability"),
    30617: (403, "Application Do Not Have Multicast Capability"),
    30618: (403, "Application Is Not Approved, Can Not Use The Push Service"),
    30699: (503, "Requests Are Too Frequent To Be Temporarily Rejected"),
    40002: (400, "Get lightapp info fail"),
    110001: (400, "User blacked this app"),
}
_USUAL_CODES = {400: _PARAMS, 401: _AUTHENTICATION, 402: 30604, 403: 30612, 404: 30608, 429: 30699}


@dataclass(frozen=True, slots=True)
class BaiduKeys:
    """The keys of the only application there is."""

    api_key: str
    secret_key: str = field(repr=False)


class BaiduEmulator:
    """Baidu's `push/single_device`, and `report/statistic_device`, which knows of no devices.

    Args:
        keys: the application's.
        devices: how devices behave.
        clock: seconds since the epoch.

    Attributes:
        origins: under which names it is reached, such as `https://localhost:8445`: the URL is part of what is signed.
    """

    def __init__(self, *, keys: BaiduKeys, devices: DeviceTable, clock: Callable[[], float]) -> None:
        self._keys = keys
        self._devices = devices
        self._clock = clock
        self.origins: set[str] = set()

    def connect(self, client_certificate: bytes | None) -> SandboxConnection:  # noqa: ARG002 - Baidu asks for none
        """See `Emulator.connect`."""
        return SandboxConnection()

    def handle(self, request: SandboxRequest) -> SandboxResponse:
        """See `Emulator.handle`."""
        if request.path not in {_PATH, _STATISTICS}:
            return SandboxResponse(404, "no such path")
        if request.method != "POST":
            return _error(30601)
        headers = {name: value.decode("latin-1") for name, value in request.headers}
        if not _USER_AGENT.fullmatch(headers.get(b"user-agent", "")):
            return _error(_AUTHENTICATION)
        media, _, charset = headers.get(b"content-type", "").lower().partition(";")
        if media != "application/x-www-form-urlencoded" or charset.strip() not in {"", "charset=utf-8"}:
            return _error(_PARAMS)
        try:
            pairs = parse_qsl(
                request.body.decode("ascii"), keep_blank_values=True, strict_parsing=True, errors="strict"
            )
        except ValueError:
            return _error(_PARAMS)
        parameters = dict(pairs)
        required, known = (_REQUIRED, _KNOWN) if request.path == _PATH else (_IDENTITY, _IDENTITY)
        if len(parameters) != len(pairs) or not required <= parameters.keys() <= known:
            return _error(_PARAMS)
        if code := self._identity_problem(request.path, parameters):
            return _error(code)
        if request.path == _STATISTICS:
            return _success({"total_num": 0, "result": {}})
        code = _problem(parameters)
        return _error(code) if code else self._deliver(parameters["channel_id"])

    def _identity_problem(self, path: str, parameters: Mapping[str, str]) -> int:
        """Return the error code if key, time or signature are wrong, else 0."""
        if parameters["apikey"] != self._keys.api_key:
            return _AUTHENTICATION
        if not all(_NUMBER.fullmatch(parameters.get(key, "0")) for key in ("timestamp", "expires")):
            return _PARAMS
        now = self._clock()
        if abs(now - int(parameters["timestamp"])) > _SIGNATURE_LIFETIME:
            return _EXPIRED
        if "expires" in parameters and int(parameters["expires"]) < now:
            return _EXPIRED
        signed = "".join(f"{key}={parameters[key]}" for key in sorted(parameters) if key != "sign")
        for origin in self.origins:
            text = f"POST{origin}{path}{signed}{self._keys.secret_key}"
            # PHP's urlencode: letters, digits, `-`, `_` and `.` stay, a space becomes `+`.
            encoded = quote(text, safe=" ").replace("~", "%7E").replace(" ", "+")
            digest = hashlib.md5(encoded.encode(), usedforsecurity=False).hexdigest()
            if secrets.compare_digest(digest, parameters["sign"]):
                return 0
        return _AUTHENTICATION

    def _deliver(self, channel_id: str) -> SandboxResponse:
        behaviour = self._devices.find(channel_id)
        delay = 0.0 if behaviour is None else behaviour.delay
        if behaviour is not None and behaviour.reason:
            return _error(int(behaviour.reason))
        if behaviour is not None and behaviour.status != 200:
            return SandboxResponse(behaviour.status, behaviour.name, _HTML_TYPE, _BAD_GATEWAY, delay)
        if delay is None:
            return SandboxResponse(200, "silent", delay=None)
        params = {"msg_id": str(secrets.randbelow(10**18)), "send_time": int(self._clock())}
        response = _success(params)
        response.delay, response.device = delay, channel_id
        return response


def _success(params: Mapping[str, object]) -> SandboxResponse:
    body = json.dumps({"request_id": secrets.randbelow(2**32), "response_params": params}).encode()
    return SandboxResponse(200, "accepted", _JSON_TYPE, body)


def baidu_error(status: int, reason: str | None) -> SandboxResponse:
    """Return an error in Baidu's form.

    Args:
        status: HTTP status.
        reason: the error code; None = the usual one of this status.
    """
    known = reason is not None and _NUMBER.fullmatch(reason)
    code = int(reason) if known and reason is not None else _USUAL_CODES.get(status, 30600)
    response = _error(code)
    response.status = status
    return response


def _problem(parameters: Mapping[str, str]) -> int:
    """Return the error code if a parameter of the push is wrong, else 0."""
    msg = parameters["msg"]
    kind = parameters.get("msg_type", "0")
    expires = parameters.get("msg_expires", "0")
    good = (
        _CHANNEL_ID.fullmatch(parameters["channel_id"])
        and parameters.get("device_type", "3") == "3"
        and "deploy_status" not in parameters  # of iOS
        and _NUMBER.fullmatch(expires)
        and int(expires) <= _LONGEST_EXPIRES
        and _TOPIC.fullmatch(parameters.get("topic_id", "x"))
        and 1 <= len(msg.encode()) <= _MAX_MSG
        and (kind == "0" or (kind == "1" and _is_notification(msg)))
    )
    return 0 if good else _PARAMS


def _is_notification(msg: str) -> bool:
    try:
        document: Any = parse_json(msg.encode())
    except ValueError:
        return False
    if (
        not isinstance(document, dict)
        or not isinstance(document.get("description"), str)
        or not document["description"]
    ):
        return False
    numbers = {"notification_builder_id": 2**31 - 1, "notification_basic_style": 7, "open_type": 2}
    if any(
        not isinstance(document.get(key, 0), int) or not 0 <= document.get(key, 0) <= numbers[key] for key in numbers
    ):
        return False
    texts = ("title", "url", "pkg_content", "target_channel_id")
    if any(not isinstance(document.get(key, ""), str) for key in texts):
        return False
    return isinstance(document.get("custom_content", {}), dict) and (
        document.get("open_type") != 1 or "url" in document
    )


def _error(code: int) -> SandboxResponse:
    status, text = _ERRORS.get(code, (400, "Unknown Error"))
    body = json.dumps({"request_id": secrets.randbelow(2**32), "error_code": code, "error_msg": text}).encode()
    return SandboxResponse(status, str(code), _JSON_TYPE, body)
