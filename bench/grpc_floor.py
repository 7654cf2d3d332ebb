"""gRPC alone: methods that have their answers ready.

`Stream` reads frames of 500 targets and answers with messages of 250 results. `SendMessages` has the name of Clarion's
and answers every call as that would answer one with one target.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.message import Message

from bench import workload
from bench.children import Child, ChildFailed, free_port
from bench.server import Server
from clarion.v1.messaging_pb2 import (
    Result,
    SendMessagesRequest,
    SendMessagesResponse,
    SendStarted,
    SendSummary,
    StatusCount,
    StreamMessagesRequest,
    StreamMessagesResponse,
    TargetBatch,
)
from clarion_server.__main__ import set_up_collector

_TARGETS = 400_000  # the kernel counts CPU time in steps of 10 ms
_FRAME = 500
_BATCH = 250
_SERVICE, _METHOD = "bench.Floor", "Stream"
_ID = "eabeae54-14a8-11e5-b60b-1697f925ec7b"


def measure() -> float:
    """Return the CPU seconds of a serving process per target.

    Raises:
        ChildFailed: it did not start, or not all results came.
    """
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="clarion-floor-") as folder:
        command = [sys.executable, "-m", "bench.grpc_floor", str(port)]
        with Child("gRPC alone", command, Path(folder) / "log", os.environ) as child:
            child.wait_until_listening(port)
            asyncio.run(_call(port, 10 * _FRAME))
            before = child.cpu()
            asyncio.run(_call(port, _TARGETS))
            return (child.cpu() - before) / _TARGETS


@contextmanager
def running(directory: Path) -> Iterator[Server]:
    """Run a server of gRPC alone, which can be called like one of Clarion; it writes to `directory`.

    Raises:
        ChildFailed: it did not start.
    """
    port = free_port()
    apps = directory / "no-apps"
    apps.write_text("0" * 32)
    command = [sys.executable, "-m", "bench.grpc_floor", str(port)]
    with Child("gRPC alone", command, directory / "grpc-alone.log", os.environ) as child:
        child.wait_until_listening(port)
        yield Server(child, f"127.0.0.1:{port}", apps, None, None)


async def _call(port: int, count: int) -> None:
    batch = TargetBatch(targets=list(workload.targets(0, _FRAME)))
    frame = StreamMessagesRequest(targets=batch).SerializeToString()

    async def frames() -> AsyncIterator[bytes]:
        for _ in range(count // _FRAME):
            yield frame

    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        answers = 0
        method: Any = channel.stream_stream(f"/{_SERVICE}/{_METHOD}")
        async for _ in method(frames()):
            answers += 1
    if answers != count // _BATCH:
        raise ChildFailed(f"gRPC alone answered {answers} times to {count} targets")


class _Ready:
    def __init__(self) -> None:
        self._answer = StreamMessagesResponse()
        self._answer.results.results.extend(_result(100_000 + number, number) for number in range(_BATCH))
        started, results = SendMessagesResponse(started=SendStarted(send_id=_ID)), SendMessagesResponse()
        results.results.results.append(_result(0, 0))
        counts = [StatusCount(delivery_status=workload.SUCCESSFUL, count=1)]
        self._answers = (started, results, SendMessagesResponse(summary=SendSummary(total=1, by_status=counts)))

    async def stream(self, frames: AsyncIterator[StreamMessagesRequest], _context: Any) -> AsyncIterator[Message]:
        """Answer each half frame."""
        async for frame in frames:
            for _ in range(len(frame.targets.targets) // _BATCH):
                yield self._answer

    async def send(self, _request: SendMessagesRequest, context: Any) -> None:
        """Answer as Clarion would for one target."""
        for answer in self._answers:
            await context.write(answer)


def _result(index: int, number: int) -> Result:
    return Result(
        index=index,
        address=workload.ADDRESSES[number],
        channel_type=workload.CHANNEL_TYPE,
        delivery_status=workload.SUCCESSFUL,
        attempts=1,
        status_code=200,
        message_id=_ID,
    )


async def _serve(port: int) -> None:
    server = grpc.aio.server()
    ready = _Ready()
    method = grpc.stream_stream_rpc_method_handler(
        ready.stream, StreamMessagesRequest.FromString, StreamMessagesResponse.SerializeToString
    )
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(_SERVICE, {_METHOD: method}),))
    send = grpc.unary_stream_rpc_method_handler(
        ready.send, SendMessagesRequest.FromString, SendMessagesResponse.SerializeToString
    )
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("clarion.v1.MessagingService", {"SendMessages": send}),)
    )
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    await server.wait_for_termination()


if __name__ == "__main__":
    set_up_collector()
    asyncio.run(_serve(int(sys.argv[1])))
