"""Requests, and a send without its I/O: what goes into the stream, what comes out. Shared by both clients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from google.protobuf.duration_pb2 import Duration

from clarion.audit.v1.audit_pb2 import LookupEventsRequest
from clarion.errors import IncompleteSend
from clarion.messages import AnyTarget, as_target
from clarion.v1.channel_pb2 import ChannelSettings, UpdateChannelRequest
from clarion.v1.message_pb2 import Message
from clarion.v1.messaging_pb2 import (
    Result,
    SendOptions,
    SendStart,
    SendSummary,
    StreamMessagesRequest,
    StreamMessagesResponse,
)
from clarion.v1.quota_pb2 import Quotas, UpdateQuotasRequest

FRAME_TARGETS = 500
# A frame may have 4 MiB. One target with a large override fits beside this by far.
FRAME_BYTES = 1024 * 1024


def send_start(
    app_id: str,
    message: Message,
    *,
    context: Mapping[str, str] | None = None,
    trace_id: str = "",
    send_timeout: float | None = None,
    repeat_ambiguous: bool = False,
    max_attempts: int | None = None,
    max_wait: float | None = None,
) -> SendStart:
    """Return what a call says once; the arguments are those of `Client.send`."""
    start = SendStart(app_id=app_id, message=message, context=context, trace_id=trace_id)
    options = SendOptions()
    if send_timeout is not None:
        options.send_timeout.CopyFrom(_duration(send_timeout))
    if repeat_ambiguous:
        options.retry_policy.repeat_ambiguous = True
    if max_attempts is not None:
        options.retry_policy.max_attempts = max_attempts
    if max_wait is not None:
        options.retry_policy.max_wait.CopyFrom(_duration(max_wait))
    if options.ByteSize():
        start.options.CopyFrom(options)
    return start


def update_channel_request(
    app_id: str, settings: ChannelSettings, update_mask: Sequence[str] | None, expected_version: int | None
) -> UpdateChannelRequest:
    """Return the request of `Client.update_channel`. An empty mask is a mask; None is none."""
    request = UpdateChannelRequest(app_id=app_id, channel=settings)
    if update_mask is not None:
        request.update_mask.SetInParent()
        request.update_mask.paths.extend(update_mask)
    if expected_version is not None:
        request.expected_version = expected_version
    return request


def lookup_events_request(
    *, start_time: datetime | None, end_time: datetime | None, page_size: int, **filters: str
) -> LookupEventsRequest:
    """Return the request of `Client.lookup_events`.

    Raises:
        ValueError: a time has no time zone.
    """
    request = LookupEventsRequest(page_size=page_size)
    for name, text in filters.items():
        setattr(request, name, text)
    for name, moment in (("start_time", start_time), ("end_time", end_time)):
        if moment is not None:
            if moment.tzinfo is None:
                raise ValueError(f"{name}: has no time zone; give one, for example datetime.now(UTC)")
            getattr(request, name).FromDatetime(moment)
    return request


def update_quotas_request(quotas: Quotas, app_id: str, update_mask: Sequence[str] | None) -> UpdateQuotasRequest:
    """Return the request of `Client.update_quotas`. An empty mask is a mask; None is none."""
    request = UpdateQuotasRequest(app_id=app_id, quotas=quotas)
    if update_mask is not None:
        request.update_mask.SetInParent()
        request.update_mask.paths.extend(update_mask)
    return request


class FrameBuilder:
    """Puts targets into frames of bounded count and size, so that a stream of any length needs little memory."""

    def __init__(self) -> None:
        self._frame = StreamMessagesRequest()
        self._bytes = 0

    def add(self, value: AnyTarget) -> StreamMessagesRequest | None:
        """Take one more target, and return a frame if that filled it.

        Raises:
            TypeError, ValueError: see `as_target`.
        """
        target = as_target(value)
        targets = self._frame.targets.targets
        targets.append(target)
        self._bytes += target.ByteSize()
        if len(targets) >= FRAME_TARGETS or self._bytes >= FRAME_BYTES:
            return self.rest()
        return None

    def rest(self) -> StreamMessagesRequest | None:
        """Return a frame with what is left, None if nothing is."""
        if not self._frame.targets.targets:
            return None
        frame, self._frame, self._bytes = self._frame, StreamMessagesRequest(), 0
        return frame


class SendState:
    """What is known about a send; the base of `clarion.Send` and `clarion.AsyncSend`.

    Attributes:
        send_id: names the call in the server's log; empty until the server has accepted it.
        received: how many results have come.
        summary: counts of all results; None until the send is complete.
    """

    def __init__(self, start: SendStart) -> None:
        self.send_id = ""
        self.received = 0
        self.summary: SendSummary | None = None
        self._start = start
        self._used = False
        # What the caller's own iterable raised; it happens on gRPC's side and is raised to the caller from here.
        self._source_error: Exception | None = None

    def _begin(self) -> None:
        if self._used:
            raise RuntimeError("a send can be iterated over once only; call send() again to send again")
        self._used = True

    def _take(self, event: StreamMessagesResponse) -> Sequence[Result]:
        kind = event.WhichOneof("event")
        if kind == "results":
            self.received += len(event.results.results)
            return event.results.results
        if kind == "started":
            self.send_id = event.started.send_id
        elif kind == "summary":
            self.summary = event.summary
        return ()

    def _finish(self) -> SendSummary:
        if self.summary is None:
            raise IncompleteSend(
                f"the send ended without a summary after {self.received} results; targets without a result may or may "
                "not have been sent to"
            )
        return self.summary


def _duration(seconds: float) -> Duration:
    duration = Duration()
    duration.FromMicroseconds(round(seconds * 1_000_000))
    return duration
