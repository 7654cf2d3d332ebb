"""The emulated legacy HTTP API of FCM, as it was before Google shut it down: strict, for one address a request.

Facts: Firebase's "Firebase Cloud Messaging HTTP protocol" (archived), and what client libraries of its time read. It
answers 200 with an `error` in `results` when the address or the message is wrong, 400 with a text when the request is,
and 401 with HTML when the key is.
"""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from clarion_server.providers.emulation import DeviceTable, SandboxRequest, SandboxResponse, parse_json

LEGACY_PATH = "/fcm/send"
MOVED_PREFIX = "sim-moved"
"""Addresses that begin so have been replaced: an answer names the new one, `sim-ok…`."""

_MAX_TTL = 2_419_200
_MAX_PAYLOAD = 4096
_ADDRESS = re.compile(r"[\x21-\x7e]{1,4096}")
_TEXT_TYPE = ((b"content-type", b"text/plain; charset=UTF-8"),)
_JSON_TYPE = ((b"content-type", b"application/json; charset=UTF-8"),)
_HTML_TYPE = ((b"content-type", b"text/html; charset=UTF-8"),)
_UNAUTHORIZED = b"<HTML><HEAD><TITLE>Unauthorized</TITLE></HEAD><BODY><H1>Unauthorized</H1></BODY></HTML>"

_KEYS: Mapping[str, tuple[type, ...]] = {
    "to": (str,),
    "registration_ids": (list,),
    "condition": (str,),
    "collapse_key": (str,),
    "content_available": (bool,),
    "data": (dict,),
    "delay_while_idle": (bool,),
    "dry_run": (bool,),
    "mutable_content": (bool,),
    "notification": (dict,),
    "priority": (str,),
    "restricted_package_name": (str,),
    "time_to_live": (int,),
}
# The error of each simulated device, by the code that HTTP v1 has for it.
_DEVICE_ERRORS = {
    "INVALID_ARGUMENT": "InvalidRegistration",
    "UNREGISTERED": "NotRegistered",
    "SENDER_ID_MISMATCH": "MismatchSenderId",
    "QUOTA_EXCEEDED": "DeviceMessageRateExceeded",
    "INTERNAL": "InternalServerError",
    "UNAVAILABLE": "Unavailable",
    "THIRD_PARTY_AUTH_ERROR": "InvalidApnsCredential",
}


class LegacyEmulator:
    """The legacy API of one project.

    Args:
        server_key: the only key that may send.
        devices: how devices behave.
    """

    def __init__(self, server_key: str, devices: DeviceTable) -> None:
        self._authorization = f"key={server_key}".encode()
        self._devices = devices

    def handle(self, request: SandboxRequest) -> SandboxResponse:
        """Answer a request to `LEGACY_PATH`."""
        headers = dict(request.headers)
        if not hmac.compare_digest(headers.get(b"authorization", b""), self._authorization):
            return SandboxResponse(401, "unauthorized", _HTML_TYPE, _UNAUTHORIZED)
        if request.method != "POST":
            return SandboxResponse(405, "method not allowed", _TEXT_TYPE)
        if headers.get(b"content-type", b"").partition(b";")[0].strip() != b"application/json":
            return _bad_request("the content-type must be application/json")
        try:
            body = parse_json(request.body)
        except ValueError as error:
            return _bad_request(f"JSON_PARSING_ERROR: {error}")
        if not isinstance(body, dict):
            return _bad_request("JSON_TYPE_ERROR: an object is expected")
        if problem := _problem(body):
            return _bad_request(problem)
        return self._deliver(body)

    def _deliver(self, body: Mapping[str, Any]) -> SandboxResponse:
        address: str = body.get("to", "")
        if not address:
            return _result({"error": "MissingRegistration"})
        if _ADDRESS.fullmatch(address) is None:
            return _result({"error": "InvalidRegistration"})
        if error := _message_error(body):
            return _result({"error": error})
        behaviour = self._devices.find(address)
        if behaviour is not None and behaviour.reason:
            answer = _result({"error": _DEVICE_ERRORS[behaviour.reason]})
            if behaviour.retry_after:
                answer.headers += ((b"retry-after", str(behaviour.retry_after).encode()),)
            answer.delay = behaviour.delay
            return answer
        if behaviour is not None and behaviour.status != 200:
            return SandboxResponse(behaviour.status, "bad gateway", _HTML_TYPE, b"<title>Error</title>")
        if behaviour is not None and behaviour.delay is None:
            return SandboxResponse(200, "silent", delay=None)
        result = {"message_id": f"0:{uuid4().int:032x}"}
        if address.startswith(MOVED_PREFIX):
            result["registration_id"] = "sim-ok" + address.removeprefix(MOVED_PREFIX)
        answer = _result(result)
        answer.delay = 0.0 if behaviour is None else behaviour.delay
        answer.device = "" if body.get("dry_run") else address
        return answer


def _problem(body: Mapping[str, Any]) -> str:
    """Return what is wrong with a request as a whole, empty if nothing is."""
    for key, value in body.items():
        if key not in _KEYS:
            return f"{key!a} is no key of a message"
        if not isinstance(value, _KEYS[key]) or (isinstance(value, bool) and bool not in _KEYS[key]):
            return f"JSON_TYPE_ERROR: Field {key!a} has the wrong type"
    if "registration_ids" in body or "condition" in body or body.get("to", "").startswith("/topics/"):
        return "the sandbox sends to one device a request"
    return ""


def _message_error(body: Mapping[str, Any]) -> str:
    """Return the error that a message gets whatever its address, empty if there is none."""
    if body.get("priority", "normal").lower() not in {"normal", "high"}:
        return "InvalidParameters"
    if not 0 <= body.get("time_to_live", 0) <= _MAX_TTL:
        return "InvalidTtl"
    data, notification = body.get("data", {}), body.get("notification", {})
    if any(key in {"", "from", "gcm", "message_type"} or key.startswith(("google", "gcm.")) for key in data):
        return "InvalidDataKey"
    size = sum(
        len(_text(key).encode()) + len(_text(value).encode())
        for part in (data, notification)
        for key, value in part.items()
    )
    return "MessageTooBig" if size > _MAX_PAYLOAD else ""


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text.encode(errors="replace").decode()


def _result(result: dict[str, str]) -> SandboxResponse:
    failed = "error" in result
    document = {
        "multicast_id": uuid4().int >> 65,
        "success": int(not failed),
        "failure": int(failed),
        "canonical_ids": int("registration_id" in result),
        "results": [result],
    }
    return SandboxResponse(200, result.get("error", "accepted"), _JSON_TYPE, json.dumps(document).encode())


def _bad_request(text: str) -> SandboxResponse:
    return SandboxResponse(400, "bad request", _TEXT_TYPE, text.encode())
