"""Answers in all their shapes."""

from __future__ import annotations

import asyncio

from clarion_server.transport import Failure
from tests.transport.conftest import HANG, MakeEngine, failures, statuses
from tests.transport.fault_server import CANCEL, INTERNAL_ERROR, FaultConnection, FaultServer


async def test_many_requests_are_answered_over_several_connections(
    server: FaultServer, make_engine: MakeEngine
) -> None:
    """500 requests get 500 answers, and when they wait long enough a further connection takes its share."""

    async def patient(connection: FaultConnection) -> None:
        connection.settings({3: 50})
        while True:
            for request in await connection.take(10):
                connection.respond(request)

    server.scripts = [patient]
    engine = make_engine(grow_after=0.0)
    batch = await engine.run(500)
    assert statuses(batch) == [200] * 500
    assert all(exchange.attempts == 1 for exchange in batch)
    assert len(server.connections) == 2
    assert all(connection.most_open > 1 for connection in server.connections)


async def test_request_arrives_as_given(server: FaultServer, make_engine: MakeEngine) -> None:
    """The peer sees the given headers and body, and the caller the peer's headers and body."""

    async def echo(connection: FaultConnection) -> None:
        connection.settings({})
        request = await connection.next()
        assert request.headers == {":method": "POST", ":scheme": "https", ":authority": "localhost", ":path": "/0"}
        connection.respond(request, 201, request.body[::-1])
        await connection.gone.wait()

    server.scripts = [echo]
    (exchange,) = await make_engine().run(body=b"payload")
    assert exchange.status == 201
    assert exchange.response_body == b"daolyap"
    assert exchange.response_headers[0] == (b":status", b"201")
    assert (b"x-id", b"abc") in exchange.response_headers


async def test_empty_body_and_large_body(server: FaultServer, make_engine: MakeEngine) -> None:
    """A request without a body ends with its headers; one larger than every window arrives whole."""

    async def sizes(connection: FaultConnection) -> None:
        connection.settings({})
        while True:
            request = await connection.next()
            connection.respond(request, 200, str(len(request.body)).encode())

    server.scripts = [sizes]
    engine = make_engine()
    (empty,) = await engine.run(body=b"")
    (large,) = await engine.run(body=b"x" * 300_000)
    assert (empty.response_body, large.response_body) == (b"0", b"300000")


async def test_answer_in_pieces(server: FaultServer, make_engine: MakeEngine) -> None:
    """The body is put together from DATA frames; informational headers and an empty last frame change nothing."""

    async def pieces(connection: FaultConnection) -> None:
        connection.settings({})
        first, second = await connection.take(2)
        connection.respond(first, 400, b'{"reason":"BadTopic"}', pieces=7)
        connection.respond_headers(second, 103, end=False)
        connection.respond_headers(second, 200, end=False)
        connection.respond_data(second, b"abc", end=False)
        connection.respond_data(second, b"", end=True)
        await connection.gone.wait()

    server.scripts = [pieces]
    first, second = await make_engine().run(2)
    assert (first.status, first.response_body) == (400, b'{"reason":"BadTopic"}')
    assert (second.status, second.response_body) == (200, b"abc")


async def test_overlong_answer_is_bounded(server: FaultServer, make_engine: MakeEngine) -> None:
    """Of an answer of 200 KB the first 64 KiB are kept, and the connection stays of use."""

    async def verbose(connection: FaultConnection) -> None:
        connection.settings({})
        request = await connection.next()
        connection.process(request)
        connection.respond_headers(request, 500, end=False)
        for number in range(20):
            beyond = (number + 1) * 10_000 - 65_535
            await connection.until(lambda beyond=beyond: connection.granted[request.stream_id] >= beyond)  # type: ignore[misc]
            connection.respond_data(request, bytes([number]) * 10_000, end=number == 19)
        connection.respond(await connection.next())
        await connection.gone.wait()

    server.scripts = [verbose]
    engine = make_engine()
    (exchange,) = await engine.run()
    assert exchange.status == 500
    assert len(exchange.response_body) == 64 * 1024
    assert exchange.response_body.startswith(b"\0" * 10_000 + b"\1")
    assert statuses(await engine.run()) == [200]
    assert len(server.connections) == 1


async def test_reset_after_complete_answer_is_no_failure(server: FaultServer, make_engine: MakeEngine) -> None:
    """RST_STREAM behind a complete answer does not take the answer back."""

    async def eager(connection: FaultConnection) -> None:
        connection.settings({})
        while True:
            request = await connection.next()
            connection.respond(request, 200, b"done")
            connection.reset(request.stream_id, 0)

    server.scripts = [eager]
    batch = await make_engine().run(20)
    assert [exchange.response_body for exchange in batch] == [b"done"] * 20


async def test_early_answer_ends_the_upload(server: FaultServer, make_engine: MakeEngine) -> None:
    """An answer that comes before the body could be sent counts, and the rest of the body is given up."""
    given_up = asyncio.Event()

    async def early(connection: FaultConnection) -> None:
        connection.grant_windows = False
        connection.settings({4: 10})
        await connection.until(lambda: bool(connection.open))
        (request,) = connection.open.values()
        connection.respond_headers(request, 413, end=True)
        await connection.until(lambda: bool(connection.resets))
        assert connection.resets == [(request.stream_id, CANCEL)]
        given_up.set()
        await connection.gone.wait()

    server.scripts = [early]
    engine = make_engine()
    (exchange,) = await engine.run(body=b"x" * 100_000)
    async with asyncio.timeout(HANG):
        await given_up.wait()
    assert exchange.status == 413
    assert engine.pool.pending == 0
    assert server.received.total() == 0


async def test_answer_cut_short_keeps_its_status(server: FaultServer, make_engine: MakeEngine) -> None:
    """When a reset or a lost connection cuts the body, the status stands, and the detail says that it was cut."""

    async def cut(connection: FaultConnection) -> None:
        connection.settings({3: 10})
        first, second = await connection.take(2)
        for request in (first, second):
            connection.process(request)
            connection.respond_headers(request, 400, end=False)
            connection.respond_data(request, b'{"rea', end=False)
        connection.reset(first.stream_id, INTERNAL_ERROR)
        await connection.close()

    server.scripts = [cut]
    batch = await make_engine().run(2)
    assert statuses(batch) == [400, 400]
    assert failures(batch) == [None, None]
    assert [exchange.response_body for exchange in batch] == [b'{"rea'] * 2
    assert batch[0].failure_detail == "answer cut short: RST_STREAM INTERNAL_ERROR"
    assert batch[1].failure_detail.startswith("answer cut short: ")


async def test_other_resets_are_in_doubt(server: FaultServer, make_engine: MakeEngine) -> None:
    """RST_STREAM with a code other than REFUSED_STREAM is an ambiguous failure, and the others go on."""

    async def resets(connection: FaultConnection) -> None:
        connection.settings({3: 10})
        while True:
            request = await connection.next()
            number = int(request.path[1:])
            if number % 2:
                connection.process(request)
                connection.reset(request.stream_id, CANCEL)
            else:
                connection.respond(request)

    server.scripts = [resets]
    batch = await make_engine().run(20)
    assert statuses(batch) == [200, 0] * 10
    assert failures(batch) == [None, Failure.STREAM_RESET] * 10
    assert batch[1].failure_detail == "RST_STREAM CANCEL"


async def test_garbage_is_a_protocol_error_in_doubt(server: FaultServer, make_engine: MakeEngine) -> None:
    """Bytes that are not HTTP/2 end the connection; answers before them count, what was sent is in doubt."""

    async def garbage(connection: FaultConnection) -> None:
        connection.settings({3: 10})
        first, second = await connection.take(2)
        connection.respond(first)
        connection.process(second)
        connection.send_raw(b"\x00\x00\x01\x06\x00\x00\x00\x00\x00\x00")  # PING of one byte
        await connection.gone.wait()

    server.scripts = [garbage]
    batch = await make_engine().run(2)
    assert failures(batch) == [None, Failure.PROTOCOL_ERROR]


async def test_invalid_request_harms_only_itself(server: FaultServer, make_engine: MakeEngine) -> None:
    """A header that is no pair of bytes fails its own exchange as never sent."""
    engine = make_engine()
    (fine,) = await engine.run()
    bad = engine.send()[0]
    bad.headers = [(b":method", b"POST"), ("x", 1)]  # type: ignore[list-item]
    (other,) = engine.send()
    await engine.finish([bad, other])
    assert failures([fine, bad, other]) == [None, Failure.INVALID_REQUEST, None]


async def test_raising_done_harms_nobody(server: FaultServer, make_engine: MakeEngine) -> None:
    """An exception in done() is logged and does not reach the engine."""
    engine = make_engine()
    batch = engine.send(3)

    def broken() -> None:
        raise RuntimeError

    batch[1].finished.set = broken  # type: ignore[method-assign]
    await engine.finish([batch[0], batch[2]])
    assert statuses(await engine.run(5)) == [200] * 5
