"""Golden requests: what a message becomes, in PreviewMessage and on the wire at the sandbox."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from google.protobuf import json_format
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message as ProtoMessage

from clarion.v1 import messaging_pb2
from clarion.v1.channel_pb2 import ChannelType
from clarion.v1.message_pb2 import DefaultMessage, DefaultPushMessage, Message
from clarion.v1.messaging_pb2 import PreviewMessageRequest, SendStart, Target
from tests.support.world import World


@dataclass(frozen=True)
class Soon:
    """Equals the time of the test plus so many seconds, as a number or as decimal digits."""

    seconds: int = 0

    def __eq__(self, other: object) -> bool:
        # As many seconds as the slowest machine takes for a test.
        if isinstance(other, bool) or not isinstance(other, int | str):
            return False
        return 0 <= time.time() + self.seconds - int(other) < 300

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True)
class Case:
    """One message and what it becomes.

    Attributes:
        name: of the case.
        message: JSON of a `clarion.v1.Message`.
        body: the body's JSON, exactly.
        headers: all headers but `authorization`, exactly.
        channel: name of the channel in the test's world.
        start: further fields of SendStart, JSON.
        target: further fields of the target, JSON.
    """

    name: str
    message: Mapping[str, Any]
    body: Any
    headers: Mapping[str, Any] = field(default_factory=dict)
    channel: str = ""
    start: Mapping[str, Any] = field(default_factory=dict)
    target: Mapping[str, Any] = field(default_factory=dict)

    def proto(self) -> Message:
        """Return the message."""
        return json_format.ParseDict(dict(self.message), Message())


@dataclass(frozen=True)
class Seen:
    """A request without what proves identity: URL, headers but `authorization`, that header's scheme, body."""

    url: str
    headers: Mapping[str, str]
    scheme: str
    body: Any


async def previewed(world: World, app_id: str, case: Case, address: str, channel_type: ChannelType) -> Seen:
    """Return what PreviewMessage says of a case."""
    answer = await world.messaging.PreviewMessage(
        PreviewMessageRequest(start=_start(app_id, case), targets=[_target(case, address, channel_type)])
    )
    (preview,) = answer.previews
    assert preview.WhichOneof("outcome") == "request", preview.failure
    request = preview.request
    assert request.method == "POST"
    assert 0 <= preview.payload_size <= preview.payload_limit
    assert preview.payload_limit
    headers = {header.name: header.value for header in request.headers}
    proof = headers.pop("authorization", "")
    assert proof in {"", "***"}
    return Seen(request.url, headers, "", _body(headers, request.body))


async def sent(world: World, app_id: str, case: Case, address: str, channel_type: ChannelType) -> Seen:
    """Send a case, which must succeed, and return what came to the sandbox."""
    world.sandbox.requests.clear()
    results, _ = await world.send(_start(app_id, case), [_target(case, address, channel_type)])
    (result,) = results
    assert result.delivery_status == messaging_pb2.DELIVERY_STATUS_SUCCESSFUL, result
    request = [request for request in world.sandbox.requests if not request.path.endswith("/token")][-1]
    headers = dict(request.headers)
    proof = headers.pop("authorization", "")
    return Seen(request.path, headers, proof.partition(" ")[0].partition("=")[0], _body(headers, request.body.decode()))


def _body(headers: Mapping[str, str], text: str) -> Any:
    """Return what a body says: its JSON, or the parameters of a form, each of which is there once."""
    if not headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return json.loads(text)
    parameters = parse_qsl(text, strict_parsing=True, keep_blank_values=True)
    assert len(dict(parameters)) == len(parameters)
    return dict(parameters)


def _start(app_id: str, case: Case) -> SendStart:
    start = SendStart(app_id=app_id, message=case.proto())
    return json_format.ParseDict(dict(case.start), start)


def _target(case: Case, address: str, channel_type: ChannelType) -> Target:
    return json_format.ParseDict(dict(case.target), Target(address=address, channel_type=channel_type))


def paths_of(descriptor: Any, prefix: str) -> Iterator[str]:
    """Yield the paths of all fields of a message of Clarion's own, with those of messages within it."""
    for each in descriptor.fields:
        path = f"{prefix}.{each.name}"
        yield path
        if each.type == FieldDescriptor.TYPE_MESSAGE and _is_ours(each):
            yield from paths_of(each.message_type, path)


def paths_in(message: ProtoMessage, prefix: str) -> Iterator[str]:
    """Yield the paths of the fields that a message sets."""
    for each, value in message.ListFields():
        path = f"{prefix}.{each.name}"
        yield path
        if each.type == FieldDescriptor.TYPE_MESSAGE and _is_ours(each):
            yield from paths_in(value, path)


def missing_fields(cases: Iterable[Case], name: str, descriptor: Any) -> set[str]:
    """Return the fields of a provider's message and of the default messages that are part of no case."""
    messages = {
        name: descriptor,
        "default_message": DefaultMessage.DESCRIPTOR,
        "default_push_message": DefaultPushMessage.DESCRIPTOR,
    }
    known = {path for field_name, each in messages.items() for path in paths_of(each, f".{field_name}")}
    return known - {path for case in cases for path in paths_in(case.proto(), "")}


def _is_ours(each: Any) -> bool:
    message_type = each.message_type
    return bool(message_type.full_name.startswith("clarion.") and not message_type.GetOptions().map_entry)


def values_of(descriptor: Any) -> Iterator[str]:
    """Yield the names of all enum values that fields of a message may have, but for the unspecified ones."""
    for each in descriptor.fields:
        if each.type == FieldDescriptor.TYPE_ENUM:
            yield from (value.name for value in each.enum_type.values if value.number)
        elif each.type == FieldDescriptor.TYPE_MESSAGE and _is_ours(each):
            yield from values_of(each.message_type)


def values_in(cases: Iterable[Case], field_name: str) -> set[str]:
    """Return the names of the enum values in the provider's message of some cases."""

    def walk(node: Any) -> Iterator[str]:
        if isinstance(node, Mapping):
            for value in node.values():
                yield from walk(value)
        elif isinstance(node, str):
            yield node

    return {text for case in cases for text in walk(case.message.get(field_name, {}))}
