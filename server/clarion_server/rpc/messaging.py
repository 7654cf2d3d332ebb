"""MessagingService."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from typing import Any

from clarion.v1 import error_pb2, messaging_pb2_grpc
from clarion.v1.error_pb2 import ErrorReason
from clarion.v1.messaging_pb2 import (
    PreviewMessageRequest,
    PreviewMessageResponse,
    SendMessagesRequest,
    SendMessagesResponse,
    SendStart,
    StreamMessagesRequest,
    StreamMessagesResponse,
    Target,
)
from clarion_server.errors import ClarionError, FieldViolation, RequestInvalid
from clarion_server.rpc.call import Call
from clarion_server.rpc.errors import discard
from clarion_server.sending.service import Messaging

MAX_TARGETS = 10_000
MAX_PREVIEWED_TARGETS = 100


class MessagingServicer(messaging_pb2_grpc.MessagingServiceServicer):
    """The RPCs of MessagingService; see its proto."""

    def __init__(self, messaging: Messaging) -> None:
        self._messaging = messaging

    # gRPC's type stubs know only methods that yield their responses, not those that write them.
    async def SendMessages(  # type: ignore[override]  # noqa: N802 - named by gRPC
        self, request: SendMessagesRequest, context: Any
    ) -> None:
        """Send to the targets of one request."""
        call: Call = context
        _check_start(request)
        _check_targets(len(request.targets), MAX_TARGETS, "send through StreamMessages, in frames of some hundred")
        self._messaging.quotas.check_request(request.start.app_id, request.ByteSize, len(request.targets))
        await self._messaging.send(
            request.start,
            _only(request.targets),
            call.write,
            time_left=call.time_remaining(),
            response=SendMessagesResponse,
            still_allowed=call.still_allowed,
            on_end=call.count,
            principal=call.identity.arn,
        )

    async def StreamMessages(  # type: ignore[override]  # noqa: N802 - named by gRPC
        self, request_iterator: AsyncIterator[StreamMessagesRequest], context: Any
    ) -> None:
        """Send to targets as they arrive."""
        call: Call = context
        frames = aiter(request_iterator)
        try:
            start = await _first(frames)
            await self._messaging.send(
                start,
                self._batches(start.app_id, frames),
                call.write,
                time_left=call.time_remaining(),
                response=StreamMessagesResponse,
                still_allowed=call.still_allowed,
                on_end=call.count,
                principal=call.identity.arn,
            )
        except ClarionError:
            await discard(frames)
            raise

    async def _batches(
        self, app_id: str, frames: AsyncIterator[StreamMessagesRequest]
    ) -> AsyncGenerator[Sequence[Target], None]:
        async for frame in frames:
            self._messaging.quotas.check_request(app_id, frame.ByteSize)
            yield _targets_of(frame)

    async def PreviewMessage(  # noqa: N802 - named by gRPC
        self, request: PreviewMessageRequest, _context: Any
    ) -> PreviewMessageResponse:
        """Render without sending."""
        _check_start(request)
        _check_targets(len(request.targets), MAX_PREVIEWED_TARGETS, "preview some of them")
        return PreviewMessageResponse(previews=await self._messaging.preview(request.start, request.targets))


async def _only(targets: Sequence[Target]) -> AsyncGenerator[Sequence[Target], None]:
    yield targets


async def _first(frames: AsyncIterator[StreamMessagesRequest]) -> SendStart:
    frame = await anext(frames, None)
    if frame is None:
        raise _out_of_order("start", "the stream ended before its first frame, which must be `start`")
    if frame.WhichOneof("frame") != "start":
        raise _out_of_order("start", "the first frame must be `start`")
    return frame.start


def _targets_of(frame: StreamMessagesRequest) -> Sequence[Target]:
    kind = frame.WhichOneof("frame")
    if kind == "start":
        raise _out_of_order("start", "must be the first frame only")
    if kind is None:
        raise _out_of_order("targets", "the frame has neither `start` nor `targets`")
    if len(frame.targets.targets) > MAX_TARGETS:
        raise _too_many("targets.targets", MAX_TARGETS, "send several frames of some hundred")
    return frame.targets.targets


def _check_start(request: SendMessagesRequest | PreviewMessageRequest) -> None:
    if not request.HasField("start"):
        raise RequestInvalid([FieldViolation("start", error_pb2.ERROR_REASON_FIELD_REQUIRED, "is required")])


def _check_targets(count: int, most: int, remedy: str) -> None:
    if not count:
        raise RequestInvalid(
            [FieldViolation("targets", error_pb2.ERROR_REASON_FIELD_REQUIRED, "must have at least one target")]
        )
    if count > most:
        raise _too_many("targets", most, remedy)


def _too_many(path: str, most: int, remedy: str) -> RequestInvalid:
    return _invalid(
        path,
        error_pb2.ERROR_REASON_FIELD_TOO_LONG,
        f"must have at most {most:,} targets; {remedy}",
        error_pb2.ERROR_REASON_TOO_MANY_TARGETS,
    )


def _out_of_order(path: str, message: str) -> RequestInvalid:
    return _invalid(path, error_pb2.ERROR_REASON_FIELD_CONFLICT, message, error_pb2.ERROR_REASON_STREAM_OUT_OF_ORDER)


def _invalid(path: str, field_reason: ErrorReason, message: str, reason: ErrorReason) -> RequestInvalid:
    return RequestInvalid([FieldViolation(path, field_reason, message)], reason=reason)
