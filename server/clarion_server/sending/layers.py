"""The layers of a message: what a provider's own message does not say, the weaker ones do."""

from __future__ import annotations

from typing import Any

from clarion.v1.message_pb2 import Message

_MERGED_FIELDS = ("action", "body", "data", "silent_push", "title", "url")


def merged(message: Message, field: str) -> Any:
    """Return the provider's message (`field`, such as `apns`) with the weaker messages' fields where it has none."""
    result = type(getattr(message, field))()
    result.CopyFrom(getattr(message, field))
    for weaker in (message.default_push_message, message.default_message):
        for descriptor, value in weaker.ListFields():
            name = descriptor.name
            if name not in _MERGED_FIELDS or _is_set(result, name):
                continue
            if name == "data":
                result.data.update(value)
            else:
                setattr(result, name, value)
    return result


def _is_set(message: Any, name: str) -> bool:
    return any(descriptor.name == name for descriptor, _ in message.ListFields())
