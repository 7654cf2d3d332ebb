"""An HTTP/2 server that misbehaves by script. Made of hyperframe and hpack only: it shares no code with the engine."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

from hpack import Decoder, Encoder
from hyperframe.frame import (
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
MAX_CONCURRENT_STREAMS = SettingsFrame.MAX_CONCURRENT_STREAMS
INITIAL_WINDOW_SIZE = SettingsFrame.INITIAL_WINDOW_SIZE
REFUSED_STREAM, CANCEL, INTERNAL_ERROR, ENHANCE_YOUR_CALM = 0x7, 0x8, 0x2, 0xB


@dataclass
class Request:
    """A request, complete when its END_STREAM arrived."""

    stream_id: int
    headers: dict[str, str]
    body: bytes = b""
    complete: bool = False

    @property
    def path(self) -> str:
        return self.headers[":path"]


class PeerGoneError(Exception):
    """The client closed the connection."""


class FaultConnection:
    """One accepted connection; a script drives it through the methods."""

    def __init__(self, server: FaultServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.server = server
        self.requests: asyncio.Queue[Request | None] = asyncio.Queue()
        self.open: dict[int, Request] = {}
        self.answer_pings = True
        self.grant_windows = True
        self.begun = False
        self._unacknowledged = 0
        self.pings = 0
        self.resets: list[tuple[int, int]] = []
        self.granted: Counter[int] = Counter()  # bytes of answer the client allows beyond the first 64 KiB, by stream
        self.goaways = 0
        self.most_open = 0
        self.gone = asyncio.Event()
        self.reading = asyncio.Event()
        self.reading.set()
        self.frame_seen = asyncio.Condition()
        self._reader, self._writer = reader, writer
        self._encoder, self._decoder = Encoder(), Decoder()

    # --- what scripts call -------------------------------------------------------------------

    async def next(self) -> Request:
        """Wait for the next complete request."""
        request = await self.requests.get()
        if request is None:
            raise PeerGoneError
        return request

    async def take(self, count: int) -> list[Request]:
        """Wait for ``count`` complete requests."""
        return [await self.next() for _ in range(count)]

    def process(self, request: Request) -> None:
        """Act on a request: what must happen at most once."""
        assert request.complete
        self.server.processed[request.path] += 1

    def respond(self, request: Request, status: int = 200, body: bytes = b"", pieces: int = 1) -> None:
        """Process and answer a request; the body in one DATA frame or several."""
        self.process(request)
        self.respond_headers(request, status, end=not body)
        size = -(-len(body) // pieces) if body else 0
        for start in range(0, len(body), size or 1):
            self.respond_data(request, body[start : start + size], end=start + size >= len(body))

    def respond_headers(self, request: Request, status: int, *, end: bool) -> None:
        frame = HeadersFrame(request.stream_id, data=self._encoder.encode([(":status", str(status)), ("x-id", "abc")]))
        frame.flags.add("END_HEADERS")
        if end:
            frame.flags.add("END_STREAM")
            self.open.pop(request.stream_id, None)
        self.send(frame)

    def respond_data(self, request: Request, data: bytes, *, end: bool) -> None:
        frame = DataFrame(request.stream_id, data=data)
        if end:
            frame.flags.add("END_STREAM")
            self.open.pop(request.stream_id, None)
        self.send(frame)

    def settings(self, values: dict[int, int]) -> None:
        self.send(SettingsFrame(0, settings=values))
        self.begun = True
        self._acknowledge_settings()

    def reset(self, stream_id: int, code: int) -> None:
        self.open.pop(stream_id, None)
        self.send(RstStreamFrame(stream_id, error_code=code))

    def goaway(self, last_stream_id: int, code: int = 0, debug: bytes = b"") -> None:
        self.send(GoAwayFrame(0, last_stream_id=last_stream_id, error_code=code, additional_data=debug))

    def window(self, stream_id: int, size: int) -> None:
        self.send(WindowUpdateFrame(stream_id, window_increment=size))

    def send(self, frame: Frame) -> None:
        self.send_raw(frame.serialize())

    def send_raw(self, data: bytes) -> None:
        if not self._writer.is_closing():
            self._writer.write(data)

    async def close(self) -> None:
        """End properly: what was sent arrives, then FIN."""
        with suppress(OSError, TimeoutError):
            await self._writer.drain()
        self._writer.close()

    def abort(self) -> None:
        """End with a TCP reset."""
        raw: socket.socket = self._writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    def peer_names(self) -> list[str]:
        """DNS names in the client's certificate."""
        certificate = self._writer.get_extra_info("peercert")
        return [str(value) for kind, value in certificate["subjectAltName"] if kind == "DNS"]

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until a frame makes the condition true."""
        async with self.frame_seen:
            await self.frame_seen.wait_for(lambda: condition() or self.gone.is_set())
        if not condition():
            raise PeerGoneError

    # --- inside ------------------------------------------------------------------------------

    async def run(self, script: Script) -> None:
        reading = asyncio.ensure_future(self._read())
        try:
            await script(self)
            await reading
        except PeerGoneError:
            pass
        finally:
            reading.cancel()
            with suppress(asyncio.CancelledError, OSError):
                await reading
            self._writer.close()

    async def _read(self) -> None:
        try:
            assert await self._reader.readexactly(len(PREFACE)) == PREFACE
            while True:
                await self.reading.wait()
                head = await self._reader.readexactly(9)
                frame, length = Frame.parse_frame_header(memoryview(head))
                frame.parse_body(memoryview(await self._reader.readexactly(length)))
                self._receive(frame, length)
                async with self.frame_seen:
                    self.frame_seen.notify_all()
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            self.gone.set()
            self.requests.put_nowait(None)
            async with self.frame_seen:
                self.frame_seen.notify_all()

    def _receive(self, frame: Frame, length: int) -> None:
        if isinstance(frame, HeadersFrame):
            assert "END_HEADERS" in frame.flags
            pairs = self._decoder.decode(frame.data)
            request = Request(frame.stream_id, {str(name): str(value) for name, value in pairs})
            self.open[frame.stream_id] = request
            self.most_open = max(self.most_open, len(self.open))
            self._end_if(frame, request)
        elif isinstance(frame, DataFrame):
            if self.grant_windows and self.begun and length:
                self.window(0, length)
                self.window(frame.stream_id, length)
            known = self.open.get(frame.stream_id)
            if known is not None:
                known.body += frame.data
                self._end_if(frame, known)
        elif isinstance(frame, SettingsFrame) and "ACK" not in frame.flags:
            self._unacknowledged += 1
            self._acknowledge_settings()
        elif isinstance(frame, PingFrame) and "ACK" not in frame.flags:
            self.pings += 1
            if self.answer_pings:
                pong = PingFrame(0, opaque_data=frame.opaque_data)
                pong.flags.add("ACK")
                self.send(pong)
        elif isinstance(frame, RstStreamFrame):
            self.resets.append((frame.stream_id, frame.error_code))
            self.open.pop(frame.stream_id, None)
        elif isinstance(frame, WindowUpdateFrame):
            self.granted[frame.stream_id] += frame.window_increment
        elif isinstance(frame, GoAwayFrame):
            self.goaways += 1

    def _acknowledge_settings(self) -> None:
        """Acknowledge the client's SETTINGS, but not before our own, which must be the first frame of all."""
        while self.begun and self._unacknowledged:
            self._unacknowledged -= 1
            frame = SettingsFrame(0)
            frame.flags.add("ACK")
            self.send(frame)

    def _end_if(self, frame: Frame, request: Request) -> None:
        if "END_STREAM" in frame.flags:
            request.complete = True
            self.server.received[request.path] += 1
            self.requests.put_nowait(request)


Script = Callable[[FaultConnection], Awaitable[None]]


async def serve_all(connection: FaultConnection) -> None:
    """The script without a fault: answer everything with 200."""
    connection.settings({MAX_CONCURRENT_STREAMS: 100})
    while True:
        connection.respond(await connection.next())


class FaultServer:
    """Accepts connections; the n-th runs the n-th script, all later ones the last."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self.scripts: list[Script] = [serve_all]
        self.connections: list[FaultConnection] = []
        self.received: Counter[str] = Counter()  # complete requests, by path
        self.processed: Counter[str] = Counter()  # those that were acted on, by path
        self.errors: list[BaseException] = []
        self.repeats_allowed = False  # the test opted in to repeats
        self.port = 0
        self._context = context
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(
            self._accept, "127.0.0.1", 0, ssl=self._context, limit=2**20, ssl_shutdown_timeout=1
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._run(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = FaultConnection(self, reader, writer)
        script = self.scripts[min(len(self.connections), len(self.scripts) - 1)]
        self.connections.append(connection)
        try:
            await connection.run(script)
        except (AssertionError, ValueError, KeyError, TypeError) as error:  # a defect of the test or of the engine
            self.errors.append(error)
            raise
