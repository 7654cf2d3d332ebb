"""Checks a caller's `AdmMessage`.

Facts: Amazon, "Send a message" (Amazon Device Messaging): the checksum is the base64 MD5 of `key:value` pairs, sorted
by key and joined with commas.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping

from clarion.v1 import error_pb2 as err
from clarion.v1.message_pb2 import AdmMessage
from clarion_server.errors import FieldViolation
from clarion_server.providers.checks import duration, found, length, raw_content

MINUTE = 60
MONTH = 31 * 24 * 3600
MAX_CONSOLIDATION_KEY = 64


def check_message(message: AdmMessage) -> list[FieldViolation]:
    """Return what is wrong with the bounds of single fields, and with md5; paths start at the message."""
    return found(
        _consolidation_key(message),
        _expires_after(message),
        _md5(message),
        raw_content("raw_content", message.raw_content) if message.HasField("raw_content") else None,
    )


def checksum(data: Mapping[str, str]) -> str:
    """Return ADM's checksum of data."""
    text = ",".join(f"{key}:{data[key]}" for key in sorted(data))
    return base64.b64encode(hashlib.md5(text.encode(), usedforsecurity=False).digest()).decode()


def _consolidation_key(message: AdmMessage) -> FieldViolation | None:
    # How long a variable's value is shows when it is filled.
    if not message.HasField("consolidation_key") or "{{" in message.consolidation_key:
        return None
    return length("consolidation_key", message.consolidation_key, maximum=MAX_CONSOLIDATION_KEY)


def _expires_after(message: AdmMessage) -> FieldViolation | None:
    if not message.HasField("expires_after"):
        return None
    words = "1 minute to 31 days"
    return duration("expires_after", message.expires_after, minimum=MINUTE, maximum=MONTH, words=words)


def _md5(message: AdmMessage) -> FieldViolation | None:
    # With variables in it, or data from a weaker message, data is not known yet.
    data = message.data
    if not message.HasField("md5") or not data or any("{{" in text for pair in data.items() for text in pair):
        return None
    if message.md5 == checksum(data):
        return None
    text = "is not the base64 MD5 of data: of key:value pairs sorted by key and joined with commas; or leave it out"
    return FieldViolation("md5", err.ERROR_REASON_FIELD_CONFLICT, text)
