"""gRPC alone: a method that reads frames of 500 targets and answers with ready messages of 250 results."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.message import Message

from bench import workload
from bench.children import Child, ChildFailed, free_port
from clarion.v1.messaging_pb2 import Result, StreamMessagesRequest, StreamMessagesResponse, TargetBatch

_TARGETS = 400_000  # the kernel counts CPU time in steps of 10 ms
_FRAME = 500
_BATCH = 250
_SERVICE, _METHOD = "bench.Floor", "Stream"


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
        self._answer.results.results.extend(_result(number) for number in range(_BATCH))

    async def stream(self, frames: AsyncIterator[StreamMessagesRequest], _context: Any) -> AsyncIterator[Message]:
        """Answer each half frame."""
        async for frame in frames:
            for _ in range(len(frame.targets.targets) // _BATCH):
                yield self._answer


def _result(number: int) -> Result:
    return Result(
        index=100_000 + number,
        address=workload.ADDRESSES[number],
        channel_type=workload.CHANNEL_TYPE,
        delivery_status=workload.SUCCESSFUL,
        attempts=1,
        status_code=200,
        message_id="eabeae54-14a8-11e5-b60b-1697f925ec7b",
    )


async def _serve(port: int) -> None:
    server = grpc.aio.server()
    method = grpc.stream_stream_rpc_method_handler(
        _Ready().stream, StreamMessagesRequest.FromString, StreamMessagesResponse.SerializeToString
    )
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(_SERVICE, {_METHOD: method}),))
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    await server.wait_for_termination()


if __name__ == "__main__":
    gc.set_threshold(10_000, 20, 20)  # as the server does
    asyncio.run(_serve(int(sys.argv[1])))
