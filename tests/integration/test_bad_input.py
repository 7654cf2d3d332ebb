"""Whatever a client sends, it gets a clear status: never INTERNAL, never UNKNOWN, and no address in it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping
from typing import Any, TypeVar

import grpc
import pytest
from google.protobuf import descriptor as protobuf_descriptor
from google.protobuf.message import Message as ProtoMessage
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from clarion.v1 import app_pb2, channel_pb2, error_pb2, message_pb2, messaging_pb2
from clarion.v1.messaging_pb2 import Result, SendMessagesRequest, StreamMessagesRequest
from clarion_server.sandbox import adm_address, apns_address, baidu_address, fcm_address
from tests.support.world import World, add_adm_and_baidu, open_world

Field = protobuf_descriptor.FieldDescriptor
T = TypeVar("T")
Fields = dict[str, Any]
"""The fields of a message, as its constructor takes them."""

ADDRESS = "feedfacecafe" * 5 + "0123"
"""The address in all generated requests: no error may show it."""

AT_ONCE = 20
"""How many generated calls run at once."""

ODD_TEXTS = (
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
)
JSON_OBJECTS = (
    "{}",
    '{"aps":{"alert":{"title":"{{x}}"}}}',
    '{"aps":{"content-available":1},"pinpoint":{"a":[1,null]}}',
    '{"fcmV1Message":{"message":{"notification":{"title":"{{x}}"}}}}',
    '{"fcmV1Message":{"message":{"android":{"ttl":"5s","priority":"HIGH"},"data":{"a":"b"}}}}',
    '{"fcmV1Message":{"message":{"topic":"all"}}}',
    '{"notification":{"title":"t","body":"{{x}}"},"data":{"a":1},"priority":"high","time_to_live":5}',
)
"""Raw contents that are good, or whose faults Clarion sees; it leaves the schema of `fcmV1Message` to FCM."""
RAW_CONTENTS = ("[", '{"a":NaN}', *JSON_OBJECTS)

REFUSALS = {
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.ABORTED,
}


def messages(
    descriptor: Any,
    known: Mapping[str, list[Any]],
    exact: Mapping[str, st.SearchStrategy[Any]],
    depth: int = 0,
) -> st.SearchStrategy[Fields]:
    """Return a strategy for the fields of a message type, any of them absent, many of them wrong.

    Args:
        descriptor: the message type.
        known: values by field name that make it past the first check.
        exact: strategies by field name, for fields that are to be better than random.
        depth: of nesting.
    """
    fields = {
        field.name: value for field in descriptor.fields if (value := values(field, known, exact, depth)) is not None
    }

    @st.composite
    def some(draw: st.DrawFn) -> Fields:
        # A few of the fields: drawing all of a message's would take most of the test's time.
        names = draw(st.lists(st.sampled_from(sorted(fields)), max_size=4, unique=True)) if fields else []
        return one_of_each(descriptor, {name: draw(fields[name]) for name in names})

    return some()


def one_of_each(descriptor: Any, given: Fields) -> Fields:
    """Keep one field of each oneof: the last would win anyhow."""
    for group in descriptor.oneofs:
        present = [field.name for field in group.fields if field.name in given]
        for name in present[1:]:
            del given[name]
    return given


def values(
    field: Any, known: Mapping[str, list[Any]], exact: Mapping[str, st.SearchStrategy[Any]], depth: int
) -> st.SearchStrategy[Any] | None:
    """Return a strategy for a field's value, None to leave it out."""
    if field.name in exact:
        return exact[field.name]
    single: st.SearchStrategy[Any]
    if field.type == Field.TYPE_MESSAGE:
        if depth > 5:
            return None
        if field.message_type.GetOptions().map_entry:
            entry = field.message_type.fields_by_name
            keys = st.text(max_size=8)
            inner = values(entry["value"], known, exact, depth + 1)
            return st.dictionaries(keys, inner, max_size=3) if inner is not None else None
        single = messages(field.message_type, known, exact, depth + 1)
    elif field.type == Field.TYPE_ENUM:
        single = st.sampled_from([*field.enum_type.values_by_number, 99])
    elif field.type == Field.TYPE_BOOL:
        single = st.booleans()
    elif field.type == Field.TYPE_BYTES:
        single = st.binary(max_size=40)
    elif field.type == Field.TYPE_STRING:
        single = st.one_of(st.sampled_from([*ODD_TEXTS, *known.get(field.name, [])]), st.text(max_size=20))
    else:
        bits = 31 if field.type == Field.TYPE_INT32 else 63
        single = st.one_of(st.sampled_from([0, -1, 1, 2**bits - 1, -(2**bits)]), st.integers(-5, 5))
    return st.lists(single, max_size=3) if field.is_repeated else single


def build(kind: Any, fields: Fields) -> ProtoMessage:
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


TEXTS = st.one_of(st.sampled_from(ODD_TEXTS), st.text(max_size=20))
VALUES = st.fixed_dictionaries({"values": st.lists(TEXTS, min_size=1, max_size=2)})
LIFETIMES = st.sampled_from([{"seconds": 60}, {"seconds": 3600, "nanos": 5}])
BETTER: dict[str, st.SearchStrategy[Any]] = {
    "action": st.sampled_from([message_pb2.ACTION_UNSPECIFIED, message_pb2.ACTION_OPEN_APP]),
    "badge": st.sampled_from([0, 1, 2**31 - 1]),
    "collapse_id": st.sampled_from(["a", "é" * 32, "{{x}}"]),
    "consolidation_key": st.sampled_from(["a", "{{x}}"]),
    "context": st.dictionaries(st.text(min_size=1, max_size=8), TEXTS, max_size=3),
    "expires_after": LIFETIMES,
    "preferred_authentication_method": st.sampled_from([0, 0, 0, 1, 2]),
    "priority": st.sampled_from(message_pb2.Priority.values()),
    "push_type": st.sampled_from([0, 0, *message_pb2.ApnsPushType.values()]),
    "raw_content": st.sampled_from([*RAW_CONTENTS, *ODD_TEXTS]),
    "substitutions": st.fixed_dictionaries({"x": VALUES}, optional={"a.b": VALUES}),
    "time_to_live": LIFETIMES,
}
"""Strategies for fields that are so often wrong, when they are random, that hardly a message would be sent."""


def message_content() -> st.SearchStrategy[Fields]:
    """Return a strategy for messages, of which most pass the checks of the call and give every target something."""
    # Raw content that is no JSON object fails the whole call; overrides alone have it wrong.
    better = {**BETTER, "raw_content": st.sampled_from(JSON_OBJECTS)}
    some = messages(message_pb2.Message.DESCRIPTOR, {}, better)
    basis = st.sampled_from(
        [
            {},
            {"body": "b"},
            {"body": "{{x}}", "substitutions": {"x": {"values": ["y"]}}},
        ]
    )
    return st.builds(lambda basis, rest: {"default_message": basis, **rest}, basis, some)


def real_targets() -> st.SearchStrategy[Fields]:
    """Return a strategy for targets on the app's channels, most of them devices that take everything."""
    number = st.integers(0, 99)
    apns = st.sampled_from(["ok", "ok", "ok", "unregistered", "malformed", "wrong-topic", "throttled"])
    fcm = st.sampled_from(["ok", "ok", "ok", "unregistered", "malformed", "wrong-project", "throttled"])
    adm_or_baidu = st.sampled_from(["ok", "ok", "ok", "unregistered", "throttled"])
    recipient = st.one_of(
        st.tuples(
            st.sampled_from([channel_pb2.CHANNEL_TYPE_APNS, channel_pb2.CHANNEL_TYPE_APNS_SANDBOX]),
            st.one_of(st.builds(apns_address, apns, number), st.just(ADDRESS)),
        ),
        st.tuples(st.just(channel_pb2.CHANNEL_TYPE_FCM), st.builds(fcm_address, fcm, number)),
        st.tuples(st.just(channel_pb2.CHANNEL_TYPE_ADM), st.builds(adm_address, adm_or_baidu, number)),
        st.tuples(st.just(channel_pb2.CHANNEL_TYPE_BAIDU), st.builds(baidu_address, adm_or_baidu, number)),
    )
    none: Fields = {}
    overrides = st.one_of(st.just(none), messages(messaging_pb2.Overrides.DESCRIPTOR, {}, BETTER))
    return st.builds(
        lambda to, tailored: {"channel_type": to[0], "address": to[1], "overrides": tailored}, recipient, overrides
    )


GOOD_TARGETS = (
    {"channel_type": channel_pb2.CHANNEL_TYPE_APNS, "address": apns_address("ok", 1)},
    {"channel_type": channel_pb2.CHANNEL_TYPE_FCM, "address": fcm_address("ok", 1)},
)


class Fuzzer:
    """Sends generated requests to a server in an event loop, many at once: most of a call's time is waiting.

    Attributes:
        successful: how many results were SUCCESSFUL.
    """

    def __init__(self, world: World, loop: asyncio.AbstractEventLoop) -> None:
        self.world = world
        self.loop = loop
        self.successful = 0
        self._strategies: dict[Any, st.SearchStrategy[Fields]] = {}
        self.known = {
            "app_id": [world.app_id],
            "address": [ADDRESS, "0" * 64, "sim-ok-1"],
            "raw_content": ['{"aps":{"alert":"x"}}', '{"fcmV1Message":{"message":{}}}'],
        }

    def requests(self, kind: Any) -> st.SearchStrategy[Fields]:
        """Return the strategy for a request type's fields; building one takes longer than drawing from it."""
        if kind not in self._strategies:
            self._strategies[kind] = messages(kind.DESCRIPTOR, self.known, {})
        return self._strategies[kind]

    def check_all(self, call: Callable[[T], Coroutine[Any, Any, object]], requests: Iterable[T]) -> None:
        """Call with each request: each call succeeds, or is refused as it should be."""

        async def check(request: T) -> None:
            try:
                await call(request)
            except grpc.aio.AioRpcError as error:
                refused(error)

        self.run_all(check, requests)

    def run_all(self, call: Callable[[T], Coroutine[Any, Any, object]], requests: Iterable[T]) -> None:
        """Call with each request, `AT_ONCE` at a time; the first failure ends it, and has the request in it."""
        waiting = iter(requests)

        async def take() -> None:
            for request in waiting:
                try:
                    await call(request)
                except Exception as error:
                    error.add_note(f"the request: {request}")
                    raise

        async def run() -> None:
            async with asyncio.TaskGroup() as group:
                for _ in range(AT_ONCE):
                    group.create_task(take())

        self.loop.run_until_complete(run())

    async def send(self, request: Any) -> list[Result]:
        """Call SendMessages: when it succeeds, each target has its result. Returns them in the targets' order."""
        return await self._results(self.world.messaging.SendMessages(request), len(request.targets))

    async def stream(self, frames: list[Any]) -> list[Result]:
        """Call StreamMessages: when it succeeds, each target has its result. Returns them in the targets' order."""
        total = sum(len(frame.targets.targets) for frame in frames)
        return await self._results(self.world.messaging.StreamMessages(iter(frames)), total)

    async def _results(self, call: Any, total: int) -> list[Result]:
        results = [result async for response in call for result in response.results.results]
        results.sort(key=lambda result: result.index)
        assert [result.index for result in results] == list(range(total))
        for result in results:
            assert result.reason != error_pb2.ERROR_REASON_INTERNAL, result
            assert ADDRESS not in result.status_message
            # A short address, such as a blank, is in every text.
            assert len(result.address) < 8 or result.address not in result.status_message
        self.successful += sum(map(is_successful, results))
        return results


def is_successful(result: Result) -> bool:
    """Return whether the provider took the message."""
    return result.delivery_status == messaging_pb2.DELIVERY_STATUS_SUCCESSFUL


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
    await add_adm_and_baidu(world)
    return world


def generate(count: int, example: Callable[[st.DataObject], T]) -> list[T]:
    """Return what an example draws, so many times, the same in every run.

    It only draws, and whoever calls this sends what it has drawn: in the example, one would wait for the other.
    """
    drawn: list[T] = []
    how = settings(
        max_examples=count,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        derandomize=True,
        database=None,
    )
    how(given(st.data())(lambda data: drawn.append(example(data))))()
    assert len(drawn) >= count
    return drawn


def test_generated_sends(fuzzer: Fuzzer) -> None:
    """2,500 generated SendMessages requests are either carried out whole or refused clearly."""

    def example(data: st.DataObject) -> Any:
        fields = data.draw(fuzzer.requests(SendMessagesRequest))
        # Almost every random start is refused; let some reach their targets.
        start = fields.setdefault("start", {})
        if data.draw(st.booleans()):
            start["app_id"] = fuzzer.world.app_id
        if data.draw(st.booleans()):
            start["message"] = {"default_push_message": {"title": "t", "body": "b"}}
        start["options"] = {"send_timeout": {"nanos": 200_000_000}}
        return build(SendMessagesRequest, fields)

    fuzzer.check_all(fuzzer.send, generate(2500, example))


def test_generated_contents(fuzzer: Fuzzer) -> None:
    """2,500 requests with generated messages and overrides for real devices are carried out or refused clearly.

    What Clarion lets pass is good enough for the providers: none refuses a message for its content.
    """
    contents, targets = message_content(), st.lists(real_targets(), min_size=1, max_size=4)

    def example(data: st.DataObject) -> Any:
        start = {"app_id": fuzzer.world.app_id, "message": data.draw(contents), "context": data.draw(BETTER["context"])}
        return build(SendMessagesRequest, {"start": start, "targets": data.draw(targets)})

    async def sent(request: Any) -> None:
        for result in await fuzzer.send(request):
            assert result.reason != error_pb2.ERROR_REASON_MESSAGE_REJECTED, (result, request)

    before = fuzzer.successful
    fuzzer.check_all(sent, generate(2500, example))
    assert fuzzer.successful - before >= 1000


def test_generated_neighbours(fuzzer: Fuzzer) -> None:
    """In 1,000 calls with a good message, two good targets succeed whatever the generated targets beside them are."""
    good = {"app_id": fuzzer.world.app_id, "message": {"default_push_message": {"title": "t", "body": "b"}}}
    any_target = messages(messaging_pb2.Target.DESCRIPTOR, fuzzer.known, {})
    targets = st.lists(st.one_of(any_target, real_targets()), max_size=4)

    def example(data: st.DataObject) -> Any:
        return build(SendMessagesRequest, {"start": good, "targets": [*data.draw(targets), *GOOD_TARGETS]})

    async def sent(request: Any) -> None:
        results = await fuzzer.send(request)
        assert all(map(is_successful, results[-len(GOOD_TARGETS) :])), results

    fuzzer.run_all(sent, generate(1000, example))


def test_generated_streams(fuzzer: Fuzzer) -> None:
    """1,500 generated streams of frames, in any order, end with all results or a clear refusal."""
    good = {"app_id": fuzzer.world.app_id, "message": {"default_message": {"body": "b"}}}
    frame = st.one_of(
        st.just({"start": good}),
        st.lists(real_targets(), max_size=3).map(lambda targets: {"targets": {"targets": targets}}),
        fuzzer.requests(StreamMessagesRequest),
    )

    def example(data: st.DataObject) -> list[Any]:
        return [build(StreamMessagesRequest, fields) for fields in data.draw(st.lists(frame, max_size=4))]

    fuzzer.check_all(fuzzer.stream, generate(1500, example))


def test_generated_previews(fuzzer: Fuzzer) -> None:
    """500 generated PreviewMessage requests are answered or refused clearly; every second one is nearly good."""
    contents, targets = message_content(), st.lists(real_targets(), min_size=1, max_size=4)
    rendered = 0

    def example(data: st.DataObject) -> Any:
        if data.draw(st.booleans()):
            start = {"app_id": fuzzer.world.app_id, "message": data.draw(contents)}
            fields = {"start": start, "targets": data.draw(targets)}
        else:
            fields = data.draw(fuzzer.requests(messaging_pb2.PreviewMessageRequest))
        return build(messaging_pb2.PreviewMessageRequest, fields)

    async def previewed(request: Any) -> None:
        nonlocal rendered
        for preview in (await fuzzer.world.messaging.PreviewMessage(request)).previews:
            assert preview.failure.reason != error_pb2.ERROR_REASON_INTERNAL, preview
            assert ADDRESS not in preview.failure.message
            rendered += preview.HasField("request")

    fuzzer.check_all(previewed, generate(500, example))
    assert rendered >= 100


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


def test_generated_administration(fuzzer: Fuzzer) -> None:
    """2,000 generated requests to AppService and ChannelService are answered or refused clearly."""

    def example(data: st.DataObject) -> tuple[str, str, Any]:
        service, method, kind = data.draw(st.sampled_from(ADMINISTRATION))
        return service, method, build(kind, data.draw(fuzzer.requests(kind)))

    async def called(drawn: tuple[str, str, Any]) -> None:
        service, method, request = drawn
        await getattr(getattr(fuzzer.world, service), method)(request)

    fuzzer.check_all(called, generate(2000, example))


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
