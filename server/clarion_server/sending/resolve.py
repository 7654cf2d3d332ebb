"""What one target gets: the message's layers merged, overrides applied, variables filled.

The order, weakest first: default message, default push message, the provider's message, the target's overrides; raw
content replaces the payload, the target's before the message's. All of it is pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.protobuf.descriptor import FieldDescriptor

from clarion.v1 import error_pb2
from clarion.v1.messaging_pb2 import SendStart
from clarion_server.providers.contract import Content, Outcome, refusal
from clarion_server.rawjson import RawJsonError, parse_object
from clarion_server.sending.layers import merged
from clarion_server.sending.substitute import (
    Filler,
    Template,
    TooMuchText,
    VariableMissing,
    is_plain,
    joined,
    texts_of,
)
from clarion_server.sending.tailoring import Tailoring

# Texts that do not belong to the payload and so apply to raw content as well.
_BESIDE_THE_PAYLOAD = ("collapse_id", "collapse_key", "consolidation_key", "restricted_package_name")
# Texts that targets most often have of their own.
_TAILORED = ("title", "body")


class Resolver:
    """Resolves the message of one call for the targets of one provider.

    Attributes:
        message: the provider's message with weaker messages merged in, before overrides and variables.
        variables: the text of each variable, for targets that give none.
        tailors: whether title and body are all that a target can change by substitutions, unless it has raw content or
            context of its own.
    """

    def __init__(self, start: SendStart, field: str) -> None:
        self.message = merged(start.message, field)
        self._raw: dict[str, Any] | None = (
            parse_object(self.message.raw_content) if self.message.HasField("raw_content") else None
        )
        self._raw_has_variables = _may_have_variables(self.message.raw_content)
        self.variables = (
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
        self.tailors = (
            self._raw is None
            and not self._data_has_variables
            and not self._nested
            and all(name in _TAILORED for name in self._texts)
            and all(is_plain(value) for value in self._context.values())
        )

    def texts(self, own: Mapping[str, bool]) -> dict[str, Template | None]:
        """Return title and body of a target, as far as it has them: the message's text, None for one of its own."""
        texts: dict[str, Template | None] = {}
        for name, is_own in own.items():
            if is_own:
                texts[name] = None
            elif self.message.HasField(name):
                texts[name] = Template(getattr(self.message, name))
        return texts

    def with_texts(self, texts: Mapping[str, str]) -> Content:
        """Return the content of a target with these texts for those that `texts` named."""
        message = type(self.message)()
        message.CopyFrom(self.message)
        for name, text in texts.items():
            setattr(message, name, text)
        return Content(message, None, self._context, self._trace_id)

    def resolve(self, own: Tailoring | None) -> Content | Outcome:
        """Return what a target with this of its own (None: nothing) gets, or why it cannot."""
        message, raw, variables, context = self.message, self._raw, self.variables, self._context
        texts: list[str] | set[str] = self._texts
        title_or_body = False
        fill_raw = self._raw_has_variables
        if own is not None:
            variables = {**variables, **own.variables}
            context = {**context, **own.context}
            if own.raw_content is not None:
                parsed = _parse(own.raw_content) if own.raw_content else None
                if isinstance(parsed, Outcome):
                    return parsed
                raw = parsed
                fill_raw = _may_have_variables(own.raw_content)
            title_or_body = raw is None and (own.title is not None or own.body is not None)
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
            if own is not None and title_or_body:
                if own.title is not None:
                    message.title = own.title
                if own.body is not None:
                    message.body = own.body
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
