"""The soak's traffic: everything that clients do, at the same time, for as long as it is told."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable

import grpc

from bench import workload
from bench.throttle import Throttle
from clarion.v1 import channel_pb2, channel_pb2_grpc, messaging_pb2_grpc
from clarion.v1.messaging_pb2 import SendMessagesRequest, StreamMessagesRequest, TargetBatch

_FRAME = 500
_STREAM = 20_000
_REFUSED = 0.1
_CROWD = 100


class Traffic:
    """All that goes on at the same time.

    Attributes:
        sent: targets that have had a result.
        calls: calls by kind.
        refused: calls that ended with a status, by kind and status; the provider's restarts must not cause any.

    Args:
        channel: connection to the server.
        app: where to send.
        until: end, in seconds of the monotonic clock.
        throttle: asked before each call and each frame of a stream.
    """

    def __init__(self, channel: grpc.aio.Channel, app: str, until: float, throttle: Throttle) -> None:
        self.sent = 0
        self.calls: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self._app = app
        self._until = until
        self._throttle = throttle
        self._messaging: messaging_pb2_grpc.MessagingServiceAsyncStub = messaging_pb2_grpc.MessagingServiceStub(channel)
        self._channels: channel_pb2_grpc.ChannelServiceAsyncStub = channel_pb2_grpc.ChannelServiceStub(channel)
        # Made once: what the generator saves, the server can use.
        self._plain, self._personal = (self._stream_of(personalised=personal) for personal in (False, True))
        self._hundred, self._one = (
            SendMessagesRequest(start=workload.start(app), targets=workload.targets(0, count, failing=_REFUSED))
            for count in (100, 1)
        )

    async def connect(self) -> None:
        """Make so many calls at a time that the server opens all the connections to its database that it keeps."""
        request = channel_pb2.ListChannelsRequest(app_id=self._app)
        await asyncio.gather(*(self._channels.ListChannels(request) for _ in range(_CROWD)))

    async def run(self) -> None:
        """Return when the time is over."""
        await asyncio.gather(
            self._again("streams", lambda: self._stream(self._plain), 0.0),
            self._again("personalised streams", lambda: self._stream(self._personal), 1.0),
            self._again("streams that the client leaves", lambda: self._stream(self._plain, leave=True), 0.5),
            self._again("calls of 100 targets", lambda: self._unary(self._hundred), 0.05),
            self._again("calls of one target", lambda: self._unary(self._one), 0.02),
            self._again("channel updates", self._update, 3.0),
        )

    async def _again(self, kind: str, call: Callable[[], Awaitable[None]], pause: float) -> None:
        while time.monotonic() < self._until:
            await self._throttle.wait()
            try:
                await call()
            except grpc.aio.AioRpcError as error:
                self.refused[f"{kind}: {error.code().name} {error.details()}"] += 1
            self.calls[kind] += 1
            await asyncio.sleep(pause)

    def _stream_of(self, *, personalised: bool) -> list[StreamMessagesRequest]:
        return [
            StreamMessagesRequest(start=workload.start(self._app, personalised=personalised)),
            *(
                StreamMessagesRequest(
                    targets=TargetBatch(
                        targets=workload.targets(first, _FRAME, failing=_REFUSED, personalised=personalised)
                    )
                )
                for first in range(0, _STREAM, _FRAME)
            ),
        ]

    async def _stream(self, requests: list[StreamMessagesRequest], *, leave: bool = False) -> None:
        async def frames() -> AsyncIterator[StreamMessagesRequest]:
            for request in requests:
                await self._throttle.wait()
                yield request

        call = self._messaging.StreamMessages(frames())
        async for response in call:
            self.sent += len(response.results.results)
            if leave and response.results.results[-1:] and response.results.results[-1].index > _STREAM // 4:
                call.cancel()
                return

    async def _unary(self, request: SendMessagesRequest) -> None:
        async for response in self._messaging.SendMessages(request):
            self.sent += len(response.results.results)

    async def _update(self) -> None:
        settings = workload.channel_settings(workload.CHANNEL_TYPE)
        await self._channels.UpdateChannel(channel_pb2.UpdateChannelRequest(app_id=self._app, channel=settings))
