"""Whatever a client sends, it gets a clear status: never INTERNAL, never UNKNOWN, and no address in it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from google.protobuf import descriptor as protobuf_descriptor
from google.protobuf.message import Message as ProtoMessage
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from clarion.v1 import app_pb2, channel_pb2, error_pb2, messaging_pb2
from clarion.v1.messaging_pb2 import SendMessagesRequest, StreamMessagesRequest
from tests.support.world import World, open_world

Field = protobuf_descriptor.FieldDescriptor
ADDRESS = "feedfacecafe" * 5 + "0123"
"""The address in all generated requests: no error may show it."""

REFUSALS = {
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.ABORTED,
}


def messages(descriptor: Any, known: dict[str, list[Any]], depth: int = 0) -> st.SearchStrategy[dict[str, Any]]:
    """Return a strategy for the fields of a message type, any of them absent, many of them wrong.

    Args:
        descriptor: the message type.
        known: values by field name that make it past the first check.
        depth: of nesting.
    """
    fields = {field.name: value for field in descriptor.fields if (value := values(field, known, depth)) is not None}

    @st.composite
    def some(draw: st.DrawFn) -> dict[str, Any]:
        # A few of the fields: drawing all of a message's would take most of the test's time.
        names = draw(st.lists(st.sampled_from(sorted(fields)), max_size=4, unique=True)) if fields else []
        return one_of_each(descriptor, {name: draw(fields[name]) for name in names})

    return some()


def one_of_each(descriptor: Any, given: dict[str, Any]) -> dict[str, Any]:
    """Keep one field of each oneof: the last would win anyhow."""
    for group in descriptor.oneofs:
        present = [field.name for field in group.fields if field.name in given]
        for name in present[1:]:
            del given[name]
    return given


def values(field: Any, known: dict[str, list[Any]], depth: int) -> st.SearchStrategy[Any] | None:
    """Return a strategy for a field's value, None to leave it out."""
    single: st.SearchStrategy[Any]
    if field.type == Field.TYPE_MESSAGE:
        if depth > 5:
            return None
        if field.message_type.GetOptions().map_entry:
            entry = field.message_type.fields_by_name
            keys = st.text(max_size=8)
            inner = values(entry["value"], known, depth + 1)
            return st.dictionaries(keys, inner, max_size=3) if inner is not None else None
        single = messages(field.message_type, known, depth + 1)
    elif field.type == Field.TYPE_ENUM:
        single = st.sampled_from([*field.enum_type.values_by_number, 99])
    elif field.type == Field.TYPE_BOOL:
        single = st.booleans()
    elif field.type == Field.TYPE_BYTES:
        single = st.binary(max_size=40)
    elif field.type == Field.TYPE_STRING:
        odd = [
            "",
            " ",
            "\0",
            "{{x}}",
            "x" * 300,
            "{",
            '{"aps": 1}',
            '{"aps":{"alert":[]}}',
            "é" * 200,
            "../..",
            "\u202e",
        ]
        single = st.one_of(st.sampled_from([*odd, *known.get(field.name, [])]), st.text(max_size=20))
    else:
        bits = 31 if field.type == Field.TYPE_INT32 else 63
        single = st.one_of(st.sampled_from([0, -1, 1, 2**bits - 1, -(2**bits)]), st.integers(-5, 5))
    return st.lists(single, max_size=3) if field.is_repeated else single


def build(kind: Any, fields: dict[str, Any]) -> ProtoMessage:
    """Return the message; fields that protobuf's own constructor refuses are no request anybody could send."""
    return kind(**fields)  # type: ignore[no-any-return]


def refused(error: grpc.aio.AioRpcError) -> None:
    """Assert that a failed call says what is wrong, for programs and people, and shows no address."""
    assert error.code() in REFUSALS, error
    status = rpc_status.from_call(error)  # type: ignore[arg-type]
    assert status is not None
    assert ADDRESS not in str(status)
    details: Counter[str] = Counter()
    for detail in status.details:
        details[detail.type_url.rpartition(".")[2]] += 1
        bad = error_details_pb2.BadRequest()
        if detail.Unpack(bad):
            for violation in bad.field_violations:
                assert violation.field
                assert violation.description
                assert violation.reason in error_pb2.ErrorReason.keys()  # noqa: SIM118 - no mapping
    assert details["ErrorInfo"] == 1
    if error.code() is grpc.StatusCode.INVALID_ARGUMENT:
        assert details["BadRequest"] == 1


class Fuzzer:
    """Sends generated requests from hypothesis' synchronous tests to a server in an event loop."""

    def __init__(self, world: World, loop: asyncio.AbstractEventLoop) -> None:
        self.world = world
        self.loop = loop
        self._strategies: dict[Any, st.SearchStrategy[dict[str, Any]]] = {}
        self.known = {
            "app_id": [world.app_id],
            "address": [ADDRESS, "0" * 64, "sim-ok-1"],
            "raw_content": ['{"aps":{"alert":"x"}}', '{"fcmV1Message":{"message":{}}}'],
        }

    def requests(self, kind: Any) -> st.SearchStrategy[dict[str, Any]]:
        """Return the strategy for a request type's fields; building one takes longer than drawing from it."""
        if kind not in self._strategies:
            self._strategies[kind] = messages(kind.DESCRIPTOR, self.known)
        return self._strategies[kind]

    def check(self, call: Any) -> None:
        """Run a call: it succeeds, or is refused as it should be."""
        try:
            self.loop.run_until_complete(call)
        except grpc.aio.AioRpcError as error:
            refused(error)

    async def send(self, request: SendMessagesRequest) -> None:
        """Call SendMessages: when it succeeds, each target has its result."""
        call = self.world.messaging.SendMessages(request)
        indexes = [result.index async for response in call for result in response.results.results]
        assert sorted(indexes) == list(range(len(request.targets)))

    async def stream(self, frames: list[StreamMessagesRequest]) -> None:
        """Call StreamMessages: when it succeeds, each target has its result."""
        call = self.world.messaging.StreamMessages(iter(frames))
        indexes = [result.index async for response in call for result in response.results.results]
        assert sorted(indexes) == list(range(sum(len(frame.targets.targets) for frame in frames)))


@pytest.fixture(scope="module")
def fuzzer(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Provide a server in an event loop of its own, for all generated requests."""
    loop = asyncio.new_event_loop()
    opened = open_world(tmp_path_factory.mktemp("fuzz"))
    try:
        yield Fuzzer(loop.run_until_complete(anext_of(opened)), loop)
    finally:
        loop.run_until_complete(opened.__aexit__(None, None, None))
        loop.close()


async def anext_of(opened: Any) -> World:
    """Enter a context manager from outside its loop."""
    world: World = await opened.__aenter__()
    return world


def examples(count: int) -> settings:
    """Return hypothesis settings; shrinking is for people, who run the test alone."""
    return settings(
        max_examples=count,
        phases=[Phase.explicit, Phase.reuse, Phase.generate],
        suppress_health_check=list(HealthCheck),
        derandomize=True,
    )


@examples(4000)
@given(data=st.data())
def test_generated_sends(fuzzer: Fuzzer, data: st.DataObject) -> None:
    """4,000 generated SendMessages requests are either carried out whole or refused clearly."""
    fields = data.draw(fuzzer.requests(SendMessagesRequest))
    # Almost every random start is refused; let some reach their targets.
    start = fields.setdefault("start", {})
    if data.draw(st.booleans()):
        start["app_id"] = fuzzer.world.app_id
    if data.draw(st.booleans()):
        start["message"] = {"default_push_message": {"title": "t", "body": "b"}}
    start["options"] = {"send_timeout": {"nanos": 200_000_000}}
    fuzzer.check(fuzzer.send(build(SendMessagesRequest, fields)))  # type: ignore[arg-type]


@examples(2000)
@given(data=st.data())
def test_generated_streams(fuzzer: Fuzzer, data: st.DataObject) -> None:
    """2,000 generated streams of frames, in any order, end with all results or a clear refusal."""
    good = {"app_id": fuzzer.world.app_id, "message": {"default_message": {"body": "b"}}}
    frame = st.one_of(
        st.just({"start": good}),
        fuzzer.requests(StreamMessagesRequest),
    )
    frames = [build(StreamMessagesRequest, fields) for fields in data.draw(st.lists(frame, max_size=4))]
    fuzzer.check(fuzzer.stream(frames))  # type: ignore[arg-type]


@examples(1000)
@given(data=st.data())
def test_generated_previews(fuzzer: Fuzzer, data: st.DataObject) -> None:
    """1,000 generated PreviewMessage requests are answered or refused clearly."""
    request = build(
        messaging_pb2.PreviewMessageRequest,
        data.draw(fuzzer.requests(messaging_pb2.PreviewMessageRequest)),
    )
    fuzzer.check(one(fuzzer.world.messaging.PreviewMessage, request))


ADMINISTRATION: list[tuple[str, str, Any]] = [
    ("apps", "CreateApp", app_pb2.CreateAppRequest),
    ("apps", "GetApp", app_pb2.GetAppRequest),
    ("apps", "ListApps", app_pb2.ListAppsRequest),
    ("apps", "UpdateApp", app_pb2.UpdateAppRequest),
    ("apps", "TagApp", app_pb2.TagAppRequest),
    ("apps", "UntagApp", app_pb2.UntagAppRequest),
    ("apps", "ListAppTags", app_pb2.ListAppTagsRequest),
    ("channels", "UpdateChannel", channel_pb2.UpdateChannelRequest),
    ("channels", "GetChannel", channel_pb2.GetChannelRequest),
    ("channels", "ListChannels", channel_pb2.ListChannelsRequest),
]


@examples(3000)
@given(data=st.data())
def test_generated_administration(fuzzer: Fuzzer, data: st.DataObject) -> None:
    """3,000 generated requests to AppService and ChannelService are answered or refused clearly."""
    service, method, kind = data.draw(st.sampled_from(ADMINISTRATION))
    request = build(kind, data.draw(fuzzer.requests(kind)))
    fuzzer.check(one(getattr(getattr(fuzzer.world, service), method), request))


async def one(method: Any, request: Any) -> None:
    """Make a unary call."""
    await method(request)


@pytest.mark.parametrize(
    ("kind", "method"),
    [
        ("unary_unary", "AppService/GetApp"),
        ("unary_stream", "MessagingService/SendMessages"),
        ("stream_stream", "MessagingService/StreamMessages"),
    ],
)
async def test_not_even_protobuf(world: World, kind: str, method: str) -> None:
    """Bytes that are no protobuf are refused like any other bad request, whatever the kind of method."""
    garbage = b"\xff\xff\xff"
    async with grpc.aio.insecure_channel(world.server.address) as channel:
        call = getattr(channel, kind)(f"/clarion.v1.{method}")
        with pytest.raises(grpc.aio.AioRpcError) as caught:  # noqa: PT012 - the kinds are called differently
            if kind == "unary_unary":
                await call(garbage)
            else:
                await collect_all(call(garbage if kind == "unary_stream" else iter([garbage])))
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    refused(caught.value)


async def collect_all(call: AsyncIterator[Any]) -> None:
    """Read a stream to its end."""
    async for _ in call:
        pass
