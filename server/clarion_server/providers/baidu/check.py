"""Checks a caller's `BaiduMessage`."""

from __future__ import annotations

from clarion.v1.message_pb2 import BaiduMessage
from clarion_server.errors import FieldViolation
from clarion_server.providers.checks import duration, found, raw_content

SEVEN_DAYS = 7 * 24 * 3600


def check_message(message: BaiduMessage) -> list[FieldViolation]:
    """Return what is wrong with the bounds of single fields; paths start at the message."""
    words = "0 seconds to 7 days"
    return found(
        raw_content("raw_content", message.raw_content) if message.HasField("raw_content") else None,
        duration("time_to_live", message.time_to_live, minimum=0, maximum=SEVEN_DAYS, words=words),
    )
