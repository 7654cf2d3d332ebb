"""Which fields of a request go into its audit record: an allow-list, message by message.

A field that is not named here is never recorded; a request that is not named here stops a test. A path may end in `?`
(recorded is only that it is there: credentials, content) or in `#` (how many there are: targets).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message

from clarion_server.rpc.iam.audited import IAM_PARAMETERS

_START = (
    "start.app_id",
    "start.trace_id",
    "start.message?",
    "start.options.send_timeout",
    "start.options.retry_policy.repeat_ambiguous",
)
_CHANNEL = ("app_id", "type", "expected_version")

PARAMETERS: Mapping[str, tuple[str, ...]] = {
    "clarion.v1.CreateAppRequest": ("name", "tags"),
    "clarion.v1.GetAppRequest": ("app_id",),
    "clarion.v1.ListAppsRequest": ("page_size",),
    "clarion.v1.UpdateAppRequest": ("app_id", "name"),
    "clarion.v1.DeleteAppRequest": ("app_id",),
    "clarion.v1.TagAppRequest": ("app_id", "tags"),
    "clarion.v1.UntagAppRequest": ("app_id", "tag_keys"),
    "clarion.v1.ListAppTagsRequest": ("app_id",),
    "clarion.v1.UpdateChannelRequest": (
        "app_id",
        "channel.type",
        "channel.enabled",
        "channel.apns.bundle_id",
        "channel.apns.default_authentication_method",
        "channel.apns.signing_key?",
        "channel.apns.certificate?",
        "channel.fcm.default_authentication_method",
        "channel.fcm.presentation",
        "channel.fcm.service_account?",
        "channel.fcm.legacy_key?",
        "channel.adm?",
        "channel.baidu?",
        "update_mask",
        "expected_version",
    ),
    "clarion.v1.GetChannelRequest": _CHANNEL[:2],
    "clarion.v1.ListChannelsRequest": ("app_id",),
    "clarion.v1.DeleteChannelRequest": _CHANNEL,
    "clarion.v1.VerifyChannelRequest": _CHANNEL[:2],
    "clarion.v1.SendMessagesRequest": (*_START, "targets#"),
    "clarion.v1.StreamMessagesRequest": _START,
    "clarion.v1.PreviewMessageRequest": (*_START, "targets#"),
    "clarion.v1.GetQuotasRequest": ("app_id",),
    "clarion.v1.UpdateQuotasRequest": (
        "app_id",
        "quotas.sends_per_second",
        "quotas.burst",
        "quotas.targets_per_call",
        "quotas.request_size",
        "quotas.streams_per_principal",
        "update_mask",
    ),
    "clarion.audit.v1.LookupEventsRequest": (
        "start_time?",
        "end_time?",
        "principal_arn?",
        "action?",
        "resource?",
        "app_id",
        "outcome?",
        "request_id?",
        "page_size",
    ),
    **IAM_PARAMETERS,
}

_MAX_TEXT = 256
_MAX_ENTRIES = 100
_APP_ID = re.compile(r"[0-9a-f]{32}")
# In the place of an app id that cannot be one: it may be anything, given by mistake.
_UNFIT = "(malformed)"


class _Path(NamedTuple):
    """A path, taken apart: its name in the record, the messages on the way, the field, and `?`, `#` or nothing."""

    name: str
    steps: tuple[str, ...]
    field: str
    mark: str


def _paths(paths: tuple[str, ...]) -> Iterator[_Path]:
    for path in paths:
        name = path.rstrip("?#")
        *steps, field = name.split(".")
        yield _Path(name, tuple(steps), field, path[len(name) :])


_PATHS = {request: tuple(_paths(paths)) for request, paths in PARAMETERS.items()}


def parameters(request: Message) -> dict[str, object]:
    """Return what the audit record tells of a request: JSON values by path. What is absent is left out."""
    told: dict[str, object] = {}
    for name, steps, last, mark in _PATHS.get(request.DESCRIPTOR.full_name, ()):
        message: Any = request
        for step in steps:
            if not message.HasField(step):
                break
            message = getattr(message, step)
        else:
            field = message.DESCRIPTOR.fields_by_name[last]
            value = getattr(message, last)
            if mark == "#":
                told[name] = len(value)
            elif not _is_there(message, field, value):
                continue
            elif mark == "?":
                told[name] = True
            elif last == "app_id":
                told[name] = value if _APP_ID.fullmatch(value) else _UNFIT
            else:
                told[name] = _value(field, value)
    return told


def _is_there(message: Any, field: Any, value: Any) -> bool:
    return bool(message.HasField(field.name)) if field.has_presence else bool(value)


def _value(field: Any, value: Any) -> object:
    if isinstance(value, FieldMask):
        # A path that names nothing may hold anything.
        return [
            path
            for path in value.paths[:_MAX_ENTRIES]
            if re.fullmatch(r"(enabled|(apns|fcm|adm|baidu)\.[a-z_]{1,40}|[a-z]+_per_[a-z]+|burst|request_size)", path)
        ]
    if isinstance(value, Duration):
        return value.seconds + value.nanos / 1e9
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        return {_text(key): _text(value[key]) for key in list(value)[:_MAX_ENTRIES]}
    if field.is_repeated:
        return [_scalar(field, each) for each in value[:_MAX_ENTRIES]]
    return _scalar(field, value)


def _scalar(field: Any, value: Any) -> object:
    if field.enum_type is not None:
        known = field.enum_type.values_by_number.get(value)
        return known.name if known is not None else int(value)
    return _text(value) if isinstance(value, str) else value


def _text(value: str) -> str:
    return value if len(value) <= _MAX_TEXT else f"{value[:_MAX_TEXT]}…"
