# ruff: noqa: N802 (the names of the RPCs)
"""A gRPC server for tests of the clients: real sockets, and answers that the test scripts.

Apps and channels are kept in dictionaries. What a send does is a function of the test; the default one lets every
address fare as its text says (see `fates`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, NoReturn, Self

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2, status_pb2

from clarion.v1 import app_pb2, app_pb2_grpc, channel_pb2, channel_pb2_grpc, messaging_pb2, messaging_pb2_grpc
from clarion.v1 import error_pb2 as e
from clarion.v1.messaging_pb2 import Result, StreamMessagesRequest, StreamMessagesResponse

SEND_ID = "5e" * 16
APP_ID = "a0" * 16

Script = Callable[[Iterator[StreamMessagesRequest], grpc.ServicerContext], Iterator[StreamMessagesResponse]]


def abort(
    context: grpc.ServicerContext,
    code: grpc.StatusCode,
    message: str,
    reason: str = "",
    *,
    violations: Sequence[tuple[str, str, str]] = (),
    retry_seconds: int | None = None,
) -> NoReturn:
    """End a call as Clarion does: with ErrorInfo, BadRequest and RetryInfo in the status details."""
    details: list[Any] = []
    if reason:
        details.append(error_details_pb2.ErrorInfo(reason=reason, domain="clarion"))
    if violations:
        fields = [
            error_details_pb2.BadRequest.FieldViolation(field=path, reason=field_reason, description=text)
            for path, field_reason, text in violations
        ]
        details.append(error_details_pb2.BadRequest(field_violations=fields))
    if retry_seconds is not None:
        details.append(error_details_pb2.RetryInfo(retry_delay=Duration(seconds=retry_seconds)))
    status = status_pb2.Status(code=code.value[0], message=message)
    for detail in details:
        packed = AnyMessage()
        packed.Pack(detail)
        status.details.append(packed)
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    context.abort(code, message)


def started() -> StreamMessagesResponse:
    """Return the first event of a send."""
    return StreamMessagesResponse(started=messaging_pb2.SendStarted(send_id=SEND_ID))


def result(index: int, target: messaging_pb2.Target) -> Result:
    """Return the result that the text of the target's address asks for: `dead…`, `busy…`, `lost…`, else success."""
    made = Result(index=index, address=target.address, channel_type=target.channel_type)
    match target.address[:4]:
        case "dead":
            status, reason = messaging_pb2.DELIVERY_STATUS_PERMANENT_FAILURE, e.ERROR_REASON_ADDRESS_UNREGISTERED
        case "busy":
            status, reason = messaging_pb2.DELIVERY_STATUS_THROTTLED, e.ERROR_REASON_DEVICE_THROTTLED
        case "lost":
            status, reason = messaging_pb2.DELIVERY_STATUS_UNKNOWN_FAILURE, e.ERROR_REASON_CONNECTION_LOST
        case _:
            made.delivery_status = messaging_pb2.DELIVERY_STATUS_SUCCESSFUL
            made.message_id = f"message-{index}"
            return made
    made.delivery_status, made.reason = status, reason
    made.status_message = f"scripted for [{target.address}]"
    return made


def results(*batch: Result) -> StreamMessagesResponse:
    """Return an event with results."""
    return StreamMessagesResponse(results=messaging_pb2.SendResults(results=batch))


def summary(counts: Counter[messaging_pb2.DeliveryStatus]) -> StreamMessagesResponse:
    """Return the last event of a send."""
    by_status = [
        messaging_pb2.StatusCount(delivery_status=status, count=count) for status, count in counts.most_common()
    ]
    return StreamMessagesResponse(summary=messaging_pb2.SendSummary(total=counts.total(), by_status=by_status))


def fates(frames: Iterator[StreamMessagesRequest], context: grpc.ServicerContext) -> Iterator[StreamMessagesResponse]:
    """Send as the addresses say (the default script)."""
    next(frames)
    yield started()
    index = 0
    counts: Counter[messaging_pb2.DeliveryStatus] = Counter()
    for frame in frames:
        batch = [result(index + offset, target) for offset, target in enumerate(frame.targets.targets)]
        index += len(batch)
        counts.update(one.delivery_status for one in batch)
        yield results(*batch)
    yield summary(counts)


class ScriptedServer(
    app_pb2_grpc.AppServiceServicer,
    channel_pb2_grpc.ChannelServiceServicer,
    messaging_pb2_grpc.MessagingServiceServicer,
):
    """The server, as a context manager.

    Attributes:
        address: `127.0.0.1:PORT`.
        script: what StreamMessages does.
        requests: every request of ChannelService and PreviewMessage, and every frame of StreamMessages that was read.
        apps: by id.
        channels: by type.
    """

    def __init__(
        self,
        script: Script = fates,
        *,
        credentials: grpc.ServerCredentials | None = None,
        options: Sequence[tuple[str, int]] = (),
    ) -> None:
        self.script = script
        self.requests: list[Any] = []
        self.apps: dict[str, app_pb2.App] = {}
        self.channels: dict[int, channel_pb2.Channel] = {}
        self._pool = ThreadPoolExecutor(max_workers=8)
        self._server = grpc.server(self._pool, options=[("grpc.so_reuseport", 0), *options])
        app_pb2_grpc.add_AppServiceServicer_to_server(self, self._server)
        channel_pb2_grpc.add_ChannelServiceServicer_to_server(self, self._server)
        messaging_pb2_grpc.add_MessagingServiceServicer_to_server(self, self._server)
        self.port = (
            self._server.add_insecure_port("127.0.0.1:0")
            if credentials is None
            else self._server.add_secure_port("127.0.0.1:0", credentials)
        )
        self.address = f"127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.stop(grace=None).wait()
        self._pool.shutdown(wait=False)

    def StreamMessages(self, request_iterator: Any, context: Any) -> Any:
        return self.script(self._recorded(request_iterator), context)

    def _recorded(self, frames: Iterator[StreamMessagesRequest]) -> Iterator[StreamMessagesRequest]:
        for frame in frames:
            self.requests.append(frame)
            yield frame

    def SendMessages(self, request: Any, context: Any) -> Any:
        abort(context, grpc.StatusCode.UNIMPLEMENTED, "the clients stream always")

    def PreviewMessage(self, request: Any, context: Any) -> Any:
        self.requests.append(request)
        previews = []
        for index, target in enumerate(request.targets):
            preview = messaging_pb2.Preview(index=index, channel_type=target.channel_type)
            if target.address.startswith("dead"):
                preview.failure.reason = e.ERROR_REASON_CHANNEL_DISABLED
                preview.failure.message = "the channel is disabled"
            else:
                preview.payload_size, preview.payload_limit = 17, 4096
                preview.request.method, preview.request.body = "POST", '{"aps":{"badge":1}}'
                preview.request.url = f"https://push.invalid/3/device/{target.address}"
                preview.request.headers.add(name="apns-topic", value="com.example.app")
            previews.append(preview)
        return messaging_pb2.PreviewMessageResponse(previews=previews)

    def _app(self, app_id: str, context: Any) -> app_pb2.App:
        if app_id not in self.apps:
            abort(context, grpc.StatusCode.NOT_FOUND, "there is no app with this app_id", "ERROR_REASON_APP_NOT_FOUND")
        return self.apps[app_id]

    def CreateApp(self, request: Any, context: Any) -> Any:
        if not request.name:
            field = ("name", "ERROR_REASON_FIELD_REQUIRED", "must have 1 to 64 characters")
            reason = "ERROR_REASON_REQUEST_INVALID"
            abort(
                context,
                grpc.StatusCode.INVALID_ARGUMENT,
                "name: must have 1 to 64 characters",
                reason,
                violations=[field],
            )
        app = app_pb2.App(id=f"{len(self.apps):032x}", name=request.name, tags=request.tags)
        self.apps[app.id] = app
        return app_pb2.CreateAppResponse(app=app)

    def GetApp(self, request: Any, context: Any) -> Any:
        return app_pb2.GetAppResponse(app=self._app(request.app_id, context))

    def ListApps(self, request: Any, context: Any) -> Any:
        apps = list(self.apps.values())
        begin, size = int(request.page_token or "0"), request.page_size or 2
        more = str(begin + size) if begin + size < len(apps) else ""
        return app_pb2.ListAppsResponse(apps=apps[begin : begin + size], next_page_token=more)

    def UpdateApp(self, request: Any, context: Any) -> Any:
        app = self._app(request.app_id, context)
        app.name = request.name
        return app_pb2.UpdateAppResponse(app=app)

    def DeleteApp(self, request: Any, context: Any) -> Any:
        app = self._app(request.app_id, context)
        del self.apps[app.id]
        return app_pb2.DeleteAppResponse(app=app)

    def TagApp(self, request: Any, context: Any) -> Any:
        app = self._app(request.app_id, context)
        app.tags.update(request.tags)
        return app_pb2.TagAppResponse(tags=app.tags)

    def UntagApp(self, request: Any, context: Any) -> Any:
        app = self._app(request.app_id, context)
        for key in request.tag_keys:
            app.tags.pop(key, None)
        return app_pb2.UntagAppResponse(tags=app.tags)

    def ListAppTags(self, request: Any, context: Any) -> Any:
        return app_pb2.ListAppTagsResponse(tags=self._app(request.app_id, context).tags)

    def _channel(self, type_: int, context: Any) -> channel_pb2.Channel:
        if type_ not in self.channels:
            reason = "ERROR_REASON_CHANNEL_NOT_FOUND"
            abort(context, grpc.StatusCode.NOT_FOUND, "the app has no channel of this type", reason)
        return self.channels[type_]

    def UpdateChannel(self, request: Any, context: Any) -> Any:
        self.requests.append(request)
        channel = self.channels.setdefault(
            request.channel.type, channel_pb2.Channel(app_id=request.app_id, type=request.channel.type, enabled=True)
        )
        if request.HasField("expected_version") and request.expected_version != channel.version:
            reason = "ERROR_REASON_VERSION_MISMATCH"
            abort(context, grpc.StatusCode.ABORTED, f"the channel is at version {channel.version}", reason)
        channel.version += 1
        if request.channel.HasField("enabled"):
            channel.enabled = request.channel.enabled
        return channel_pb2.UpdateChannelResponse(channel=channel)

    def GetChannel(self, request: Any, context: Any) -> Any:
        return channel_pb2.GetChannelResponse(channel=self._channel(request.type, context))

    def ListChannels(self, request: Any, context: Any) -> Any:
        return channel_pb2.ListChannelsResponse(channels=[self.channels[key] for key in sorted(self.channels)])

    def VerifyChannel(self, request: Any, context: Any) -> Any:
        self.requests.append(request)
        self._channel(request.type, context)
        kind = channel_pb2.CREDENTIAL_KIND_APNS_SIGNING_KEY
        verdict = channel_pb2.CredentialVerdict(
            kind=kind, public_id="KEY", verdict=channel_pb2.VERDICT_INVALID, message="bad key", status_code=403
        )
        return channel_pb2.VerifyChannelResponse(verdict=channel_pb2.VERDICT_INVALID, credentials=[verdict])

    def DeleteChannel(self, request: Any, context: Any) -> Any:
        channel = self._channel(request.type, context)
        del self.channels[request.type]
        return channel_pb2.DeleteChannelResponse(channel=channel)
