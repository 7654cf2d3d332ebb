"""The Python client against a real gRPC server whose answers are scripted (tests/support/scripted_server.py)."""

from __future__ import annotations

import asyncio
import datetime as dt
import itertools
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import grpc
import pytest
import trustme

import clarion
from clarion.v1.messaging_pb2 import Result, StreamMessagesRequest, StreamMessagesResponse, Target
from tests.support import scripted_server
from tests.support.scripted_server import APP_ID, SEND_ID, ScriptedServer, abort, fates, result, results, started

MESSAGE = clarion.message(title="Hello", body="World")
Frames = Iterator[StreamMessagesRequest]
Events = Iterator[StreamMessagesResponse]
HANG = 60


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    """Run a scripted server."""
    with ScriptedServer() as running:
        yield running


@pytest.fixture
def client(server: ScriptedServer) -> Iterator[clarion.Client]:
    """Connect a client to it."""
    with clarion.Client(server.address) as connected:
        yield connected


def addresses(count: int) -> Iterator[tuple[str, str]]:
    """Yield so many targets, on two channels in turn."""
    for number in range(count):
        yield (f"{number:08x}", "APNS" if number % 2 else "FCM")


def test_send_yields_a_result_for_every_target_and_then_has_a_summary(
    client: clarion.Client, server: ScriptedServer
) -> None:
    """1,234 targets from a generator come back once each; they travelled in frames of at most 500."""
    send = client.send(APP_ID, MESSAGE, addresses(1_234), trace_id="t-1", send_timeout=2.5, repeat_ambiguous=True)
    got = list(send)
    assert [one.index for one in got] == list(range(1_234))
    assert send.send_id == SEND_ID
    assert send.received == 1_234
    assert send.summary is not None
    assert send.summary.total == 1_234
    start, *frames = server.requests
    assert [len(frame.targets.targets) for frame in frames] == [500, 500, 234]
    assert start.start.app_id == APP_ID
    assert start.start.trace_id == "t-1"
    assert start.start.message == MESSAGE
    assert start.start.options.send_timeout.ToTimedelta() == dt.timedelta(seconds=2.5)
    assert start.start.options.retry_policy.repeat_ambiguous


def test_results_come_while_targets_are_still_read(client: clarion.Client) -> None:
    """The first result arrives before the source of targets has ended: the source waits for it."""
    first_result = threading.Event()

    def source() -> Iterator[tuple[str, str]]:
        yield from addresses(500)
        assert first_result.wait(HANG)
        yield from addresses(10)

    send = client.send(APP_ID, MESSAGE, source())
    for _ in send:
        first_result.set()
    assert send.received == 510


def test_a_client_that_does_not_read_results_stops_reading_targets(client: clarion.Client) -> None:
    """Memory stays bounded: of an endless source only a part is read while nobody takes results."""
    read = itertools.count()
    position = 0

    def source() -> Iterator[tuple[str, str]]:
        nonlocal position
        for position in read:
            yield (f"{position:04000x}", "APNS")

    iterator = iter(client.send(APP_ID, MESSAGE, source()))
    next(iterator)
    before = -1
    while position != before:
        before = position
        threading.Event().wait(0.5)
    assert position < 20_000
    iterator.close()  # type: ignore[attr-defined]


def test_frames_of_large_targets_stay_under_the_servers_limit(client: clarion.Client, server: ScriptedServer) -> None:
    """Targets of 60 KiB each travel in frames well below 4 MiB."""
    raw = '{"text": "' + "x" * 60_000 + '"}'
    targets = (clarion.target(f"{number:08x}", "APNS", raw_content=raw) for number in range(100))
    assert client.send(APP_ID, MESSAGE, targets).wait().total == 100
    assert max(frame.ByteSize() for frame in server.requests) < 2 * 1024 * 1024


def test_a_stream_without_summary_is_an_incomplete_send(client: clarion.Client, server: ScriptedServer) -> None:
    """The server ends the call with OK but without a summary: results are yielded, then IncompleteSend is raised."""

    def script(frames: Frames, context: grpc.ServicerContext) -> Events:
        next(frames)
        yield started()
        yield results(result(0, next(frames).targets.targets[0]))

    server.script = script
    send = client.send(APP_ID, MESSAGE, addresses(3))
    got: list[Result] = []
    with pytest.raises(clarion.IncompleteSend, match="after 1 results"):
        got.extend(send)
    assert [one.index for one in got] == [0]
    assert send.summary is None


def test_an_error_in_mid_stream_keeps_the_results_before_it(client: clarion.Client, server: ScriptedServer) -> None:
    """The results that came before the call failed are yielded before the error is raised."""

    def script(frames: Frames, context: grpc.ServicerContext) -> Events:
        next(frames)
        yield started()
        yield results(result(0, next(frames).targets.targets[0]))
        abort(context, grpc.StatusCode.UNAVAILABLE, "shutting down", "ERROR_REASON_SHUTTING_DOWN", retry_seconds=7)

    server.script = script
    got: list[Result] = []
    with pytest.raises(clarion.Unavailable) as caught:
        got.extend(client.send(APP_ID, MESSAGE, addresses(3)))
    assert [one.index for one in got] == [0]
    assert caught.value.reason == "ERROR_REASON_SHUTTING_DOWN"
    assert caught.value.retry_after == 7


def endless(left: threading.Event) -> scripted_server.Script:
    """Return a script that sends results until the client leaves, which it tells."""

    def script(frames: Frames, context: grpc.ServicerContext) -> Events:
        context.add_callback(left.set)
        next(frames)
        yield started()
        for index in itertools.count():
            yield results(result(index, Target(address="00", channel_type="CHANNEL_TYPE_APNS")))

    return script


def test_leaving_the_loop_cancels_the_call(client: clarion.Client, server: ScriptedServer) -> None:
    """`break` ends the call on the server, though the send object lives on."""
    left = threading.Event()
    server.script = endless(left)
    send = client.send(APP_ID, MESSAGE, addresses(10))
    for one in send:
        if one.index == 20:
            break
    assert left.wait(HANG)
    assert send.summary is None


def test_cancel_from_another_thread_raises_cancelled(client: clarion.Client, server: ScriptedServer) -> None:
    """`cancel()` ends the iteration with `Cancelled`."""
    server.script = endless(threading.Event())
    send = client.send(APP_ID, MESSAGE, addresses(10))
    with pytest.raises(clarion.Cancelled):  # noqa: PT012
        for one in send:
            if one.index == 20:
                threading.Thread(target=send.cancel).start()


def test_an_error_of_the_source_is_raised_and_cancels_the_call(client: clarion.Client, server: ScriptedServer) -> None:
    """What the caller's own generator raises comes out of the loop as it is, and the server sees a cancelled call."""
    left = threading.Event()

    def script(frames: Frames, context: grpc.ServicerContext) -> Events:
        if not context.add_callback(left.set):
            left.set()  # it was cancelled before it got here
        yield from fates(frames, context)

    def source() -> Iterator[tuple[str, str]]:
        yield from addresses(600)
        raise LookupError("the database is gone")

    server.script = script
    send = client.send(APP_ID, MESSAGE, source())
    with pytest.raises(LookupError, match="the database is gone"):
        send.wait()
    assert left.wait(HANG)
    assert send.summary is None


def test_a_target_of_a_wrong_type_is_told_without_its_address(client: clarion.Client) -> None:
    """A bare address is refused by its type; the text does not hold the address."""
    with pytest.raises(TypeError, match="got str") as caught:
        client.send(APP_ID, MESSAGE, ["ab12ab12"]).wait()  # type: ignore[list-item]
    assert "ab12ab12" not in str(caught.value)


def test_a_send_runs_once(client: clarion.Client) -> None:
    """Iterating a second time would send nothing or everything again, so it is refused."""
    send = client.send(APP_ID, MESSAGE, addresses(1))
    send.wait()
    with pytest.raises(RuntimeError, match="once only"):
        list(send)


def test_the_timeout_of_a_send_ends_it(client: clarion.Client, server: ScriptedServer) -> None:
    """A call longer than `timeout` ends with DeadlineExceeded."""
    server.script = endless(threading.Event())
    with pytest.raises(clarion.DeadlineExceeded):
        client.send(APP_ID, MESSAGE, addresses(1), timeout=0.2).wait()


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (grpc.StatusCode.INVALID_ARGUMENT, clarion.InvalidRequest),
        (grpc.StatusCode.NOT_FOUND, clarion.NotFound),
        (grpc.StatusCode.ABORTED, clarion.Conflict),
        (grpc.StatusCode.FAILED_PRECONDITION, clarion.PreconditionFailed),
        (grpc.StatusCode.PERMISSION_DENIED, clarion.AccessDenied),
        (grpc.StatusCode.UNAUTHENTICATED, clarion.AccessDenied),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, clarion.LimitExceeded),
        (grpc.StatusCode.UNAVAILABLE, clarion.Unavailable),
        (grpc.StatusCode.INTERNAL, clarion.ServerFault),
        (grpc.StatusCode.UNIMPLEMENTED, clarion.ServerFault),
    ],
)
def test_a_status_becomes_the_error_of_its_kind(
    client: clarion.Client, server: ScriptedServer, code: grpc.StatusCode, expected: type[clarion.ClarionError]
) -> None:
    """Each status that a server may answer has its place in the tree, with reason and field violations."""

    def script(frames: Frames, context: grpc.ServicerContext) -> Events:
        field = ("start.app_id", "ERROR_REASON_FIELD_REQUIRED", "is empty")
        abort(context, code, "it is wrong", "ERROR_REASON_REQUEST_INVALID", violations=[field])

    server.script = script
    with pytest.raises(expected) as caught:
        client.send("", MESSAGE, addresses(1)).wait()
    error = caught.value
    assert type(error) is expected
    assert (error.code, error.reason) == (code, "ERROR_REASON_REQUEST_INVALID")
    assert error.violations == (clarion.FieldViolation("start.app_id", "ERROR_REASON_FIELD_REQUIRED", "is empty"),)
    assert str(error) == "it is wrong; start.app_id: is empty (ERROR_REASON_REQUEST_INVALID)"


def test_no_server_is_unavailable() -> None:
    """A port on which nobody listens gives Unavailable, at once and without a reason."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with (
            clarion.Client(f"127.0.0.1:{taken.getsockname()[1]}") as client,
            pytest.raises(clarion.Unavailable) as caught,
        ):
            client.get_app(APP_ID)
    assert caught.value.reason == ""


def test_apps_live_from_create_to_delete(client: clarion.Client) -> None:
    """Every method of AppService does its part; listing goes on over all pages (the server gives two a page)."""
    made = [client.create_app(f"app {number}", tags={"n": str(number)}) for number in range(5)]
    assert [app.id for app in client.list_apps()] == [app.id for app in made]
    assert client.get_app(made[3].id).name == "app 3"
    assert client.update_app(made[3].id, name="other").name == "other"
    assert client.tag_app(made[3].id, {"a": "b"}) == {"n": "3", "a": "b"}
    assert client.untag_app(made[3].id, ["n"]) == {"a": "b"}
    assert client.list_app_tags(made[3].id) == {"a": "b"}
    assert client.delete_app(made[3].id).id == made[3].id
    with pytest.raises(clarion.NotFound) as caught:
        client.get_app(made[3].id)
    assert caught.value.reason == "ERROR_REASON_APP_NOT_FOUND"


def test_channels_live_from_update_to_delete(client: clarion.Client, server: ScriptedServer) -> None:
    """Every method of ChannelService does its part; mask and expected version reach the server as given."""
    key = clarion.ApnsKey("secret", "ABC123DEFG", "DEF123GHIJ")
    settings = clarion.apns_channel("APNS", bundle_id="com.example.app", key=key)
    assert client.update_channel(APP_ID, settings, expected_version=0).version == 1
    assert server.requests[-1].expected_version == 0
    assert not server.requests[-1].HasField("update_mask")
    client.update_channel(APP_ID, clarion.channel_settings("APNS", enabled=False), update_mask=["enabled"])
    assert list(server.requests[-1].update_mask.paths) == ["enabled"]
    assert not client.get_channel(APP_ID, "APNS").enabled
    assert [channel.version for channel in client.list_channels(APP_ID)] == [2]
    with pytest.raises(clarion.Conflict):
        client.update_channel(APP_ID, settings, expected_version=1)
    assert client.delete_channel(APP_ID, "APNS").version == 2
    with pytest.raises(clarion.NotFound):
        client.get_channel(APP_ID, "APNS")


def test_preview_returns_one_preview_for_each_target(client: clarion.Client) -> None:
    """A rendered request and a failure both come back as previews."""
    previews = client.preview(APP_ID, MESSAGE, [("00ff", "APNS"), ("dead", "APNS")])
    assert previews[0].request.url.endswith("/00ff")
    assert previews[1].failure.message == "the channel is disabled"


async def test_async_send_works_with_both_kinds_of_iterables(server: ScriptedServer) -> None:
    """AsyncClient takes targets from an asynchronous generator as well as from a plain one."""

    async def source() -> AsyncIterator[tuple[str, str]]:
        for pair in addresses(700):
            await asyncio.sleep(0)
            yield pair

    async with clarion.AsyncClient(server.address) as client:
        send = client.send(APP_ID, MESSAGE, source())
        assert [one.index async for one in send] == list(range(700))
        assert send.summary is not None
        assert (await client.send(APP_ID, MESSAGE, addresses(501)).wait()).total == 501


async def test_async_leaving_the_loop_cancels_the_call(server: ScriptedServer) -> None:
    """`break` ends the call on the server."""
    left = threading.Event()
    server.script = endless(left)
    async with clarion.AsyncClient(server.address) as client:
        send = client.send(APP_ID, MESSAGE, addresses(1))
        async for one in send:
            if one.index == 20:
                break
        assert await asyncio.to_thread(left.wait, HANG)


async def test_async_errors_are_those_of_the_sync_client(server: ScriptedServer) -> None:
    """Status, incomplete stream, source error and cancel() give the same exceptions as with Client."""

    def incomplete(frames: Frames, context: grpc.ServicerContext) -> Events:
        yield started()

    async def source() -> AsyncIterator[tuple[str, str]]:
        yield ("00", "APNS")
        raise LookupError("the database is gone")

    async with clarion.AsyncClient(server.address) as client:
        with pytest.raises(clarion.NotFound) as caught:
            await client.get_app(APP_ID)
        assert caught.value.reason == "ERROR_REASON_APP_NOT_FOUND"
        with pytest.raises(LookupError, match="the database is gone"):
            await client.send(APP_ID, MESSAGE, source()).wait()
        server.script = incomplete
        with pytest.raises(clarion.IncompleteSend):
            await client.send(APP_ID, MESSAGE, addresses(1)).wait()
        server.script = endless(threading.Event())
        send = client.send(APP_ID, MESSAGE, addresses(1))
        with pytest.raises(clarion.Cancelled):  # noqa: PT012
            async for one in send:
                if one.index == 5:
                    send.cancel()


async def test_async_a_call_refused_while_it_writes_keeps_its_status(server: ScriptedServer) -> None:
    """The server's status survives that the client was still writing targets when the call ended."""

    def refused(frames: Frames, context: grpc.ServicerContext) -> Events:
        next(frames)
        abort(context, grpc.StatusCode.NOT_FOUND, "there is no app with this app_id", "ERROR_REASON_APP_NOT_FOUND")

    server.script = refused
    async with clarion.AsyncClient(server.address) as client:
        for _ in range(20):
            with pytest.raises(clarion.NotFound) as caught:
                await client.send(APP_ID, MESSAGE, addresses(5000)).wait()
            assert caught.value.reason == "ERROR_REASON_APP_NOT_FOUND"


async def test_async_cancelling_the_task_stays_a_cancellation(server: ScriptedServer) -> None:
    """A cancelled task ends with CancelledError, not with an error of ours, and the server sees the call end."""
    left = threading.Event()
    server.script = endless(left)
    async with clarion.AsyncClient(server.address) as client:
        task = asyncio.ensure_future(client.send(APP_ID, MESSAGE, addresses(1)).wait())
        await asyncio.sleep(0.2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(left.wait, HANG)


async def test_async_apps_and_channels(server: ScriptedServer) -> None:
    """The asynchronous twins of apps, channels and preview do the same."""
    async with clarion.AsyncClient(server.address) as client:
        made = [await client.create_app(f"app {number}") for number in range(5)]
        assert [app.id async for app in client.list_apps()] == [app.id for app in made]
        assert (await client.update_app(made[0].id, name="x")).name == "x"
        assert await client.tag_app(made[0].id, {"a": "b", "c": "d"}) == {"a": "b", "c": "d"}
        assert await client.untag_app(made[0].id, ["a"]) == await client.list_app_tags(made[0].id)
        assert (await client.delete_app(made[0].id)).name == "x"
        channel = await client.update_channel(APP_ID, clarion.fcm_channel(legacy_key="k"))
        assert channel == await client.get_channel(APP_ID, "FCM")
        assert await client.list_channels(APP_ID) == [channel]
        assert await client.delete_channel(APP_ID, "FCM") == channel
        assert len(await client.preview(APP_ID, MESSAGE, addresses(3))) == 3


def test_tls_with_the_callers_root_certificates() -> None:
    """A server certificate is checked: the right root connects, another one does not."""
    authority, other = trustme.CA(), trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    pair = (issued.private_key_pem.bytes(), issued.cert_chain_pems[0].bytes())
    with ScriptedServer(credentials=grpc.ssl_server_credentials([pair])) as server:
        with clarion.Client(server.address, tls=authority.cert_pem.bytes()) as client:
            assert client.create_app("x").name == "x"
        with clarion.Client(server.address, tls=other.cert_pem.bytes()) as client, pytest.raises(clarion.Unavailable):
            client.create_app("x")


class BlackHole:
    """A TCP relay that, once told to, swallows everything and closes nothing: a link that died in silence."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.swallow = threading.Event()
        self._sockets: list[socket.socket] = [self._listener]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        inside, _ = self._listener.accept()
        outside = socket.create_connection(("127.0.0.1", self._to))
        self._sockets += [inside, outside]
        for source, sink in ((inside, outside), (outside, inside)):
            threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                if not self.swallow.is_set():
                    sink.sendall(data)
        except OSError:
            return

    def close(self) -> None:
        for one in self._sockets:
            one.close()


def test_a_connection_that_died_in_silence_is_noticed() -> None:
    """Keepalive works: a send over a link that swallows everything ends with Unavailable instead of hanging."""

    def silent(frames: Frames, context: grpc.ServicerContext) -> Events:
        yield started()
        yield results(result(0, Target(address="00", channel_type="CHANNEL_TYPE_APNS")))
        over.wait(HANG)

    over = threading.Event()
    with ScriptedServer(silent) as server:
        link = BlackHole(server.port)
        try:
            with clarion.Client(link.address, keepalive_time=1, keepalive_timeout=1) as client:
                iterator = iter(client.send(APP_ID, MESSAGE, addresses(1), timeout=HANG))
                next(iterator)
                link.swallow.set()
                with pytest.raises(clarion.Unavailable):
                    next(iterator)
        finally:
            over.set()
            link.close()


@pytest.mark.parametrize("make", [clarion.Client, clarion.AsyncClient])
async def test_plaintext_to_another_machine_is_refused(make: Callable[..., Any]) -> None:
    """tls=False is for this machine, unless `insecure` says otherwise."""
    with pytest.raises(ValueError, match="insecure=True"):
        make("push.example.com:443", tls=False)
