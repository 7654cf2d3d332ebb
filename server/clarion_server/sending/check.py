"""What is wrong with a call, and what is wrong with a target before it is rendered."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import chain
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message as ProtoMessage

from clarion.v1 import error_pb2, message_pb2
from clarion.v1.channel_pb2 import ChannelType
from clarion.v1.message_pb2 import VariableValues
from clarion.v1.messaging_pb2 import Overrides, SendStart
from clarion_server.errors import FieldViolation
from clarion_server.providers.checks import MAX_RAW_CONTENT, duration
from clarion_server.providers.contract import Outcome, Provider, refusal
from clarion_server.sending.layers import merged
from clarion_server.sending.substitute import VARIABLE_NAME, texts_of

MAX_ADDRESS_BYTES = 4096
MAX_CLIENT_REF_BYTES = 128
# Far more than any provider takes in a whole payload.
MAX_TEXT = 16_384
MAX_NAMES = 100
MAX_VALUES = 100
_LONGEST_NAME = 64
_TRACE_ID = re.compile(r"[A-Za-z0-9_.:\-]{0,64}")
_SHORTEST_TIMEOUT, _LONGEST_TIMEOUT = 0.1, 600
_MOST_ATTEMPTS = 10


def start_problems(start: SendStart, providers: Mapping[ChannelType, Provider]) -> list[FieldViolation]:
    """Return all that is wrong with what a call says once; paths start at `start`."""
    found: list[FieldViolation] = []
    if not start.app_id:
        found.append(FieldViolation("app_id", error_pb2.ERROR_REASON_FIELD_REQUIRED, "is required"))
    found += unknown_enums(start, "")
    found += context_problems(start.context, "context")
    if not _TRACE_ID.fullmatch(start.trace_id):
        found.append(
            FieldViolation(
                "trace_id",
                error_pb2.ERROR_REASON_FIELD_MALFORMED,
                "must have at most 64 characters of letters, digits, `_`, `-`, `.`, `:`",
            )
        )
    found += _option_problems(start)
    found += _message_problems(start, providers)
    return found


def _option_problems(start: SendStart) -> Iterator[FieldViolation]:
    if start.options.HasField("send_timeout"):
        given = start.options.send_timeout
        words = "between 0.1 seconds and 10 minutes"
        path = "options.send_timeout"
        if (violation := duration(path, given, minimum=0, maximum=_LONGEST_TIMEOUT, words=words)) is not None:
            yield violation
        elif given.seconds + given.nanos / 1e9 < _SHORTEST_TIMEOUT:
            yield FieldViolation(path, error_pb2.ERROR_REASON_FIELD_OUT_OF_RANGE, f"must be {words}")
    policy = start.options.retry_policy
    if policy.HasField("max_attempts") and not 1 <= policy.max_attempts <= _MOST_ATTEMPTS:
        yield FieldViolation(
            "options.retry_policy.max_attempts",
            error_pb2.ERROR_REASON_FIELD_OUT_OF_RANGE,
            f"must be from 1 (nothing is repeated) to {_MOST_ATTEMPTS}",
        )
    if policy.HasField("max_wait"):
        path, words = "options.retry_policy.max_wait", "from 0 seconds to 10 minutes"
        violation = duration(path, policy.max_wait, minimum=0, maximum=_LONGEST_TIMEOUT, words=words)
        if violation is not None:
            yield violation


def _message_problems(start: SendStart, providers: Mapping[ChannelType, Provider]) -> Iterator[FieldViolation]:
    message = start.message
    for descriptor, part in message.ListFields():
        path = f"message.{descriptor.name}"
        yield from _long_texts(part, path)
        if hasattr(part, "substitutions"):
            yield from substitution_problems(part.substitutions, f"{path}.substitutions")
    by_field = {provider.settings_field: provider for provider in providers.values()}
    for field, provider in by_field.items():
        if message.HasField(field):
            part = getattr(message, field)
            yield from (violation.under(f"message.{field}") for violation in provider.check_message(part))
            yield from _action_problems(merged(message, field), f"message.{field}")
    # It must be whole in itself only when some provider has no message of its own to complete it.
    if message.HasField("default_push_message") and not all(message.HasField(field) for field in by_field):
        yield from _action_problems(message.default_push_message, "message.default_push_message")


def _long_texts(part: ProtoMessage, path: str) -> Iterator[FieldViolation]:
    for descriptor, value in part.ListFields():
        if descriptor.name == "raw_content":
            continue  # it has a bound of its own
        if descriptor.name == "substitutions":
            continue  # likewise
        texts = value.values() if descriptor.name == "data" else texts_of(descriptor, value)
        if any(len(text) > MAX_TEXT for text in texts):
            yield _too_long(f"{path}.{descriptor.name}")


def _too_long(path: str) -> FieldViolation:
    return FieldViolation(
        path, error_pb2.ERROR_REASON_FIELD_TOO_LONG, f"a text must have at most {MAX_TEXT:,} characters"
    )


def _action_problems(message: Any, path: str) -> Iterator[FieldViolation]:
    if message.action in (message_pb2.ACTION_DEEP_LINK, message_pb2.ACTION_URL) and not message.url:
        yield FieldViolation(
            f"{path}.url",
            error_pb2.ERROR_REASON_FIELD_REQUIRED,
            f"is required with {message_pb2.Action.Name(message.action)}",
        )


def substitution_problems(given: Mapping[str, VariableValues], path: str) -> Iterator[FieldViolation]:
    """Yield what is wrong with substitutions; names are the caller's and not secret, values are not quoted."""
    if substitutions_fit(given):
        return
    if len(given) > MAX_NAMES:
        yield FieldViolation(path, error_pb2.ERROR_REASON_FIELD_TOO_LONG, f"must have at most {MAX_NAMES} names")
    if not all(VARIABLE_NAME.fullmatch(name) for name in given):
        yield FieldViolation(
            path,
            error_pb2.ERROR_REASON_FIELD_MALFORMED,
            "names must have 1 to 64 letters, digits, `_`, `-`, `.`",
        )
    if not all(1 <= len(values.values) <= MAX_VALUES for values in given.values()):
        words = f"each name must have 1 to {MAX_VALUES} values"
        yield FieldViolation(path, error_pb2.ERROR_REASON_FIELD_OUT_OF_RANGE, words)
    elif any(len(value) > MAX_TEXT for values in given.values() for value in values.values):
        yield _too_long(path)


def substitutions_fit(given: Mapping[str, VariableValues]) -> bool:
    """Return whether nothing is wrong with substitutions. Hot path."""
    if len(given) > MAX_NAMES:
        return False
    # By name: going through the items of a protobuf map takes twice as long.
    for name in given:
        values = given[name].values
        if not 1 <= len(values) <= MAX_VALUES or len(name) > _LONGEST_NAME or not _is_name(name):
            return False
        if max(map(len, values)) > MAX_TEXT:
            return False
    return True


def context_problems(given: Mapping[str, str], path: str) -> Iterator[FieldViolation]:
    """Yield what is wrong with a context."""
    if not given:
        return
    if len(given) > 100:
        yield FieldViolation(path, error_pb2.ERROR_REASON_FIELD_TOO_LONG, "must have at most 100 entries")
    if not all(1 <= len(key) <= 128 for key in given):
        yield FieldViolation(path, error_pb2.ERROR_REASON_FIELD_OUT_OF_RANGE, "keys must have 1 to 128 characters")
    if any(len(value) > MAX_TEXT for value in given.values()):
        yield _too_long(path)


def unknown_enums(message: ProtoMessage, path: str) -> Iterator[FieldViolation]:
    """Yield a violation for each enum field, at any depth, whose number this server does not know."""
    for descriptor, value in message.ListFields():
        here = f"{path}.{descriptor.name}" if path else descriptor.name
        if descriptor.type == FieldDescriptor.TYPE_ENUM and descriptor.enum_type is not None:
            numbers = value if descriptor.is_repeated else [value]
            if any(number not in descriptor.enum_type.values_by_number for number in numbers):
                yield FieldViolation(
                    here,
                    error_pb2.ERROR_REASON_FIELD_UNKNOWN,
                    f"has a number that this server does not know as a {descriptor.enum_type.name}",
                )
        elif descriptor.type == FieldDescriptor.TYPE_MESSAGE and not descriptor.is_repeated:
            yield from unknown_enums(value, here)


def fits(text: str, most: int) -> bool:
    """Return whether a text has at most so many bytes in UTF-8. Hot path."""
    # A character has up to four bytes.
    return len(text) <= most // 4 or len(text.encode()) <= most


# The few names of an audience come again and again. Not for long texts, which are not to stay in memory.
@lru_cache(1024)
def _is_name(text: str) -> bool:
    return VARIABLE_NAME.fullmatch(text) is not None


def target_problem(address: str, client_ref: str) -> Outcome | None:
    """Return why a target cannot be sent to whatever its channel and overrides, None if it can. Hot path."""
    # Most are so short that their bytes need no counting.
    if 0 < len(address) <= MAX_ADDRESS_BYTES // 4 and len(client_ref) <= MAX_CLIENT_REF_BYTES // 4:
        return None
    if not address or not fits(address, MAX_ADDRESS_BYTES):
        return refusal(
            error_pb2.ERROR_REASON_ADDRESS_MALFORMED,
            "the address is too long; at most 4,096 bytes" if address else "the target has no address",
        )
    if not fits(client_ref, MAX_CLIENT_REF_BYTES):
        return refusal(error_pb2.ERROR_REASON_OVERRIDE_INVALID, "client_ref must have at most 128 bytes")
    return None


def overrides_problem(overrides: Overrides) -> Outcome | None:
    """Return why a target cannot have these overrides, None if it can."""
    if max(len(overrides.title), len(overrides.body)) > MAX_TEXT:
        return refusal(
            error_pb2.ERROR_REASON_OVERRIDE_INVALID,
            f"overrides.title and overrides.body must have at most {MAX_TEXT:,} characters each",
        )
    if not fits(overrides.raw_content, MAX_RAW_CONTENT):
        return refusal(error_pb2.ERROR_REASON_OVERRIDE_INVALID, "overrides.raw_content must have at most 64 KiB")
    problems = chain(
        substitution_problems(overrides.substitutions, "overrides.substitutions"),
        context_problems(overrides.context, "overrides.context"),
    )
    for problem in problems:
        return refusal(error_pb2.ERROR_REASON_OVERRIDE_INVALID, f"{problem.path} {problem.message}")
    return None
