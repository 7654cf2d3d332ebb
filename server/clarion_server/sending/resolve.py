"""What one target gets: the message's layers merged, overrides applied, variables filled.

The order, weakest first: default message, default push message, the provider's message, the target's overrides; raw
content replaces the payload, the target's before the message's. All of it is pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.protobuf.descriptor import FieldDescriptor

from clarion.v1 import error_pb2
from clarion.v1.message_pb2 import Message
from clarion.v1.messaging_pb2 import Overrides, SendStart
from clarion_server.providers.contract import Content, Outcome, refusal
from clarion_server.rawjson import RawJsonError, parse_object
from clarion_server.sending.substitute import (
    Filler,
    Template,
    TooMuchText,
    VariableMissing,
    is_plain,
    joined,
    texts_of,
)

# Texts that do not belong to the payload and so apply to raw content as well.
_BESIDE_THE_PAYLOAD = ("collapse_id", "collapse_key", "consolidation_key", "restricted_package_name")
#: Texts that targets most often have of their own.
TAILORED = ("title", "body")
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


class Resolver:
    """Resolves the message of one call for the targets of one provider.

    Attributes:
        message: the provider's message with weaker messages merged in, before overrides and variables.
    """

    def __init__(self, start: SendStart, field: str) -> None:
        self.message = merged(start.message, field)
        self._raw: dict[str, Any] | None = (
            parse_object(self.message.raw_content) if self.message.HasField("raw_content") else None
        )
        self._raw_has_variables = _may_have_variables(self.message.raw_content)
        self._variables = (
            joined(start.message.default_message.substitutions)
            | joined(start.message.default_push_message.substitutions)
            | joined(self.message.substitutions)
        )
        self._context = dict(start.context)
        self._trace_id = start.trace_id
        self._empty = not any(
            descriptor.name != "substitutions" and not descriptor.name.startswith("preferred_")
            for descriptor, _ in self.message.ListFields()
        )
        # What is left is the template: neither raw content nor variables are part of a payload as they are.
        self.message.ClearField("raw_content")
        self.message.ClearField("substitutions")
        self._texts = [
            descriptor.name
            for descriptor, value in self.message.ListFields()
            if isinstance(value, str) and "{{" in value
        ]
        # Lists of texts, and messages within the message; `data` is treated by itself.
        self._nested = [
            descriptor.name
            for descriptor, value in self.message.ListFields()
            if descriptor.name != "data" and not isinstance(value, str) and _has_variables(descriptor, value)
        ]
        self._data_has_variables = any("{{" in value for value in self.message.data.values())
        # Whether title and body are all that a target can change by substitutions.
        self._tailors = (
            self._raw is None
            and not self._data_has_variables
            and not self._nested
            and all(name in TAILORED for name in self._texts)
            and all(is_plain(value) for value in self._context.values())
        )
        self._templates = [
            (name, Template(getattr(self.message, name)) if self.message.HasField(name) else None) for name in TAILORED
        ]

    def tailored(self, overrides: Overrides) -> list[str] | None:
        """Return title and body of a target, variables filled, when its content differs from others in them alone.

        Hot path. One that the content has not is an empty text in the list. None: it differs in more, one of them is
        empty (which takes it away), a variable has no value, or the target's own title or body has variables.
        """
        if not self._tailors or overrides.context or overrides.HasField("raw_content"):
            return None
        substitutions = overrides.substitutions
        texts = []
        try:
            for name, template in self._templates:
                if overrides.HasField(name):
                    text = getattr(overrides, name)
                    if not text or not is_plain(text):
                        return None
                elif template is None:
                    text = ""
                else:
                    text = template.fill(substitutions, self._variables)
                    if not text:
                        return None
                texts.append(text)
        except (VariableMissing, TooMuchText):
            return None
        return texts

    def with_texts(self, texts: Mapping[str, str]) -> Content:
        """Return the content of a target for which `tailored` returned these texts."""
        message = type(self.message)()
        message.CopyFrom(self.message)
        for name, text in texts.items():
            setattr(message, name, text)
        return Content(message, None, self._context, self._trace_id)

    def resolve(self, overrides: Overrides | None) -> Content | Outcome:
        """Return what a target with these overrides (None: without any) gets, or why it cannot."""
        message, raw, variables, context = self.message, self._raw, self._variables, self._context
        texts: list[str] | set[str] = self._texts
        title_or_body = False
        fill_raw = self._raw_has_variables
        if overrides is not None:
            if overrides.substitutions:
                variables = variables | joined(overrides.substitutions)
            if overrides.context:
                context = context | dict(overrides.context)
            if overrides.HasField("raw_content"):
                parsed = _parse(overrides.raw_content) if overrides.raw_content else None
                if isinstance(parsed, Outcome):
                    return parsed
                raw = parsed
                fill_raw = _may_have_variables(overrides.raw_content)
            title_or_body = raw is None and (overrides.HasField("title") or overrides.HasField("body"))
        if self._empty and raw is None and not title_or_body:
            return refusal(
                error_pb2.ERROR_REASON_CONTENT_MISSING,
                "nothing in the message is for this channel; give default_message or the provider's own message",
            )
        fill_data = raw is None and self._data_has_variables
        nested = self._nested if raw is None else []
        if raw is not None:
            # It is the payload: what else would be in it is not sent, and may lack values of variables.
            texts, context = [name for name in texts if name in _BESIDE_THE_PAYLOAD], {}
        if texts or title_or_body or fill_data or nested:
            message = type(message)()
            message.CopyFrom(self.message)
            if overrides is not None and title_or_body:
                if overrides.HasField("title"):
                    message.title = overrides.title
                if overrides.HasField("body"):
                    message.body = overrides.body
                texts = {*texts, "title", "body"}
        filler = Filler(variables)
        try:
            for name in texts:
                if message.HasField(name):
                    setattr(message, name, filler.text(getattr(message, name)))
            for name in nested:
                filler.field(message, name)
            if fill_data:
                # Over a copy: a map of protobuf that is changed may be gone through in another order, and pass entries.
                for key, value in list(message.data.items()):
                    message.data[key] = filler.text(value)
            if raw is not None and fill_raw:
                raw = filler.json(raw)
            if any("{{" in value for value in context.values()):
                context = {key: filler.text(value) for key, value in context.items()}
        except VariableMissing as missing:
            return refusal(
                error_pb2.ERROR_REASON_VARIABLE_MISSING,
                f"no value for the variable {missing.name!r}; give it in the substitutions of message or target",
            )
        except TooMuchText:
            return refusal(
                error_pb2.ERROR_REASON_PAYLOAD_TOO_LARGE,
                "the values of variables, where they stand, add up to more than any provider takes",
            )
        return Content(message, raw, context, self._trace_id)


def _has_variables(descriptor: FieldDescriptor, value: Any) -> bool:
    return any("{{" in text for text in texts_of(descriptor, value))


def _may_have_variables(json_text: str) -> bool:
    # Some serialisers escape braces.
    return "{{" in json_text or "\\u007b" in json_text.lower()


def _parse(text: str) -> dict[str, Any] | Outcome:
    try:
        return parse_object(text)
    except RawJsonError as error:
        return refusal(error_pb2.ERROR_REASON_JSON_INVALID, f"overrides.raw_content {error}")
