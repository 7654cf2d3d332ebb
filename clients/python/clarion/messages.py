"""Makes messages and targets from plain Python values. Pure, no connection needed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, TypeVar, cast

from google.protobuf import json_format
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
from google.protobuf.message import Message as ProtoMessage

from clarion.v1 import channel_pb2, message_pb2
from clarion.v1.channel_pb2 import ChannelType
from clarion.v1.message_pb2 import (
    Action,
    AdmMessage,
    ApnsMessage,
    BaiduMessage,
    DefaultPushMessage,
    FcmMessage,
    Message,
    VariableValues,
)
from clarion.v1.messaging_pb2 import Overrides, SendMessagesRequest, Target

Substitutions = Mapping[str, str | Sequence[str]]
"""Values of variables: name → one value, or several, which are joined with `, `."""

AnyTarget: TypeAlias = "Target | tuple[str, str | ChannelType]"
"""A target, or just (address, channel type)."""

_Message = TypeVar("_Message", bound=ProtoMessage)


def channel_type(name: str | ChannelType) -> ChannelType:
    """Return the channel type with this short or full name, such as `APNS` or `CHANNEL_TYPE_APNS`.

    A value of the enum is returned as it is.

    Raises:
        ValueError: there is no such channel type.
    """
    return cast("ChannelType", enum_value(channel_pb2.ChannelType, name, "channel type"))


def enum_value(enum: EnumTypeWrapper, name: str | int, what: str) -> int:
    """Return the value of `enum` with this name, with or without the enum's prefix, in either case.

    Args:
        enum: a generated enum of `clarion.v1`.
        name: the name; a number is returned as it is.
        what: what it is, for the error.

    Raises:
        ValueError: there is no such value.
    """
    if not isinstance(name, str):
        return name
    zero = enum.Name(0)
    prefix = zero.removesuffix("UNSPECIFIED")
    full = prefix + name.strip().upper().replace("-", "_").removeprefix(prefix)
    if full == zero or full not in enum.keys():  # noqa: SIM118 (no dict)
        names = (known.removeprefix(prefix) for known in enum.keys() if known != zero)  # noqa: SIM118
        raise ValueError(f"{what}: {name!r} is none; use one of {', '.join(names)}")
    return enum.Value(full)


def enum_name(enum: EnumTypeWrapper, value: int) -> str:
    """Return the name of a value of `enum` without the enum's prefix; an unknown number stays a number."""
    if value not in enum.values():
        return str(value)
    return enum.Name(value).removeprefix(enum.Name(0).removesuffix("UNSPECIFIED"))


def message(
    *,
    title: str | None = None,
    body: str | None = None,
    data: Mapping[str, str] | None = None,
    action: str | Action | None = None,
    url: str | None = None,
    silent_push: bool | None = None,
    substitutions: Substitutions | None = None,
    apns: ApnsMessage | None = None,
    fcm: FcmMessage | None = None,
    adm: AdmMessage | None = None,
    baidu: BaiduMessage | None = None,
) -> Message:
    """Return a message for all providers; what a provider's own message says replaces it field by field.

    Args:
        title: text above the body.
        body: text of the notification, with `{{name}}` where a substitution goes.
        data: entries for the app.
        action: what a tap does: `OPEN_APP`, `DEEP_LINK` or `URL`; the last two need `url`.
        url: where the tap leads.
        silent_push: deliver without showing anything.
        substitutions: values of variables for all targets.
        apns: fields for APNs only.
        fcm: fields for FCM only.
        adm: fields for ADM only.
        baidu: fields for Baidu only.

    Raises:
        ValueError: there is no such action.
    """
    push = DefaultPushMessage(
        title=title,
        body=body,
        data=data,
        action=None if action is None else cast("Action", enum_value(message_pb2.Action, action, "action")),
        url=url,
        substitutions=_substitutions(substitutions),
    )
    if silent_push is not None:
        push.silent_push = silent_push
    return Message(default_push_message=push, apns=apns, fcm=fcm, adm=adm, baidu=baidu)


def message_from_json(text: str) -> Message:
    """Return the message that `text`, protobuf's JSON of `clarion.v1.Message`, describes.

    Raises:
        ValueError: it is not JSON, or has a field that a message does not have.
    """
    return _from_json(text, Message())


def request_from_json(text: str) -> SendMessagesRequest:
    """Return the request that `text`, protobuf's JSON of `clarion.v1.SendMessagesRequest`, describes.

    Raises:
        ValueError: it is not JSON, or has a field that a request does not have.
    """
    return _from_json(text, SendMessagesRequest())


def target_from_json(text: str) -> Target:
    """Return the target that `text`, protobuf's JSON of `clarion.v1.Target`, describes.

    Raises:
        ValueError: it is not JSON, or has a field that a target does not have.
    """
    return _from_json(text, Target())


def target(
    address: str,
    channel: str | ChannelType,
    *,
    title: str | None = None,
    body: str | None = None,
    raw_content: str | Mapping[str, Any] | None = None,
    substitutions: Substitutions | None = None,
    context: Mapping[str, str] | None = None,
    client_ref: str = "",
) -> Target:
    """Return a target, with what is different for it.

    Args:
        address: device token, registration id or channel id.
        channel: type of the channel, such as `APNS`.
        title: instead of the message's.
        body: instead of the message's.
        raw_content: the whole payload, as a JSON object or its text.
        substitutions: values of variables; they win over the message's.
        context: added to the context of the call.
        client_ref: comes back in the result.

    Raises:
        ValueError: there is no such channel type.
    """
    result = Target(address=address, channel_type=channel_type(channel), client_ref=client_ref)
    overrides = Overrides(
        title=title,
        body=body,
        raw_content=raw_content if raw_content is None or isinstance(raw_content, str) else json.dumps(raw_content),
        substitutions=_substitutions(substitutions),
        context=context,
    )
    if overrides.ByteSize():
        result.overrides.CopyFrom(overrides)
    return result


def as_target(value: AnyTarget) -> Target:
    """Return `value` as a target.

    Raises:
        TypeError: it is neither a target nor a pair.
        ValueError: there is no such channel type.
    """
    if isinstance(value, Target):
        return value
    pair: object = value  # callers without a type checker pass anything
    if isinstance(pair, tuple) and len(pair) == 2:
        address, channel = pair
        return Target(address=address, channel_type=channel_type(channel))
    # The value itself may be an address, which must not get into a log by way of the exception.
    raise TypeError(f"targets: expected Target or (address, channel type), got {type(value).__name__}")


def _substitutions(values: Substitutions | None) -> dict[str, VariableValues]:
    return {
        name: VariableValues(values=[value] if isinstance(value, str) else value)
        for name, value in (values or {}).items()
    }


def _from_json(text: str, into: _Message) -> _Message:
    try:
        return json_format.Parse(text, into)
    except json_format.ParseError as error:
        raise ValueError(f"not the JSON of {into.DESCRIPTOR.full_name}: {error}") from None
