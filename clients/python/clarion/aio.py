"""The client for asyncio code."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

import grpc

from clarion.audit.v1.audit_pb2 import Event
from clarion.audit.v1.audit_pb2_grpc import AuditServiceStub
from clarion.authorization import Token, authorized
from clarion.calls import (
    FrameBuilder,
    SendState,
    lookup_events_request,
    send_start,
    update_channel_request,
    update_quotas_request,
)
from clarion.connection import DEFAULT_SERVER, ClientCertificate, Tls, connection
from clarion.endings import Ending
from clarion.errors import Cancelled, from_rpc_error
from clarion.iam.aio import AsyncIam
from clarion.iam.v1.iam_pb2_grpc import IamServiceStub
from clarion.messages import AnyTarget, as_target, channel_type
from clarion.v1 import app_pb2, channel_pb2, messaging_pb2, quota_pb2
from clarion.v1.app_pb2 import App
from clarion.v1.app_pb2_grpc import AppServiceStub
from clarion.v1.channel_pb2 import Channel, ChannelSettings, ChannelType, VerifyChannelResponse
from clarion.v1.channel_pb2_grpc import ChannelServiceStub
from clarion.v1.message_pb2 import Message
from clarion.v1.messaging_pb2 import Preview, Result, SendStart, SendSummary, StreamMessagesRequest
from clarion.v1.messaging_pb2_grpc import MessagingServiceStub
from clarion.v1.quota_pb2 import GetQuotasResponse, Quotas, UpdateQuotasResponse
from clarion.v1.quota_pb2_grpc import QuotaServiceStub

if TYPE_CHECKING:
    # These exist in the type stubs only: at run time one stub serves both kinds of channels.
    from clarion.audit.v1.audit_pb2_grpc import AuditServiceAsyncStub
    from clarion.iam.v1.iam_pb2_grpc import IamServiceAsyncStub
    from clarion.v1.app_pb2_grpc import AppServiceAsyncStub
    from clarion.v1.channel_pb2_grpc import ChannelServiceAsyncStub
    from clarion.v1.messaging_pb2_grpc import MessagingServiceAsyncStub
    from clarion.v1.quota_pb2_grpc import QuotaServiceAsyncStub

_Response = TypeVar("_Response")


class AsyncClient:
    """A connection to a Clarion server, for one event loop. Make it inside a coroutine, in an `async with` statement.

    Every method raises `ClarionError`, in the subclass that says what is wrong.

    Attributes:
        iam: identity management.

    Args:
        server: `host:port`, or `unix:PATH` for a Unix socket.
        tls: True (trust the system's root certificates), the path of a PEM file of root certificates, or its bytes.
            Default: TLS, but plaintext on this machine's loopback.
        insecure: plaintext to another machine, where anybody in between reads credentials and messages.
        token: proves who calls: a bearer token; the path of a file that holds one, or a function that returns one,
            for tokens that are renewed: both are asked for every call. Never sent in plaintext to another machine.
        client_certificate: proves who calls, where the server asks for certificates: paths of PEM files, or their
            bytes, of certificate and private key.
        timeout: seconds that a call may take, other than a send.
        keepalive_time: seconds without a sign of life after which a connection with a call in flight is pinged. A
            server refuses clients that ping more often than it allows.
        keepalive_timeout: seconds without an answer to a ping after which the connection counts as dead.

    Raises:
        ValueError: `server` is neither of both, `tls` has no certificate, or it is False for another machine.
        OSError: a file of certificates cannot be read.
    """

    def __init__(
        self,
        server: str = DEFAULT_SERVER,
        *,
        tls: Tls = None,
        insecure: bool = False,
        token: Token = None,
        client_certificate: ClientCertificate = None,
        timeout: float = 30.0,
        keepalive_time: float = 30.0,
        keepalive_timeout: float = 20.0,
    ) -> None:
        plan = connection(
            server,
            tls=tls,
            insecure=insecure,
            keepalive_time=keepalive_time,
            keepalive_timeout=keepalive_timeout,
            token=token,
            client_certificate=client_certificate,
        )
        self._channel = (
            grpc.aio.insecure_channel(plan.target, plan.options)
            if plan.credentials is None
            else grpc.aio.secure_channel(plan.target, plan.credentials, plan.options)
        )
        calls = authorized(self._channel, plan.token)
        self._timeout = timeout
        self._apps: AppServiceAsyncStub = AppServiceStub(calls)
        self._channels: ChannelServiceAsyncStub = ChannelServiceStub(calls)
        self._messaging: MessagingServiceAsyncStub = MessagingServiceStub(calls)
        self._audit: AuditServiceAsyncStub = AuditServiceStub(calls)
        iam: IamServiceAsyncStub = IamServiceStub(calls)
        self.iam = AsyncIam(iam, self._call)
        self._quotas: QuotaServiceAsyncStub = QuotaServiceStub(calls)

    async def close(self) -> None:
        """Close the connection; calls in flight are cancelled."""
        await self._channel.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _call(self, method: Callable[..., Awaitable[_Response]], request: Any) -> _Response:
        try:
            return await method(request, timeout=self._timeout)
        except grpc.RpcError as error:
            raise from_rpc_error(error) from error

    # --- apps ---

    async def create_app(self, name: str, *, tags: Mapping[str, str] | None = None) -> App:
        """Make an app and return it."""
        return (await self._call(self._apps.CreateApp, app_pb2.CreateAppRequest(name=name, tags=tags))).app

    async def get_app(self, app_id: str) -> App:
        """Return an app."""
        return (await self._call(self._apps.GetApp, app_pb2.GetAppRequest(app_id=app_id))).app

    async def list_apps(self, *, page_size: int = 0) -> AsyncIterator[App]:
        """Yield all apps, oldest first; they are fetched `page_size` at a time (0: the server chooses)."""
        request = app_pb2.ListAppsRequest(page_size=page_size)
        while True:
            page = await self._call(self._apps.ListApps, request)
            for app in page.apps:
                yield app
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    async def update_app(self, app_id: str, *, name: str) -> App:
        """Rename an app and return it."""
        return (await self._call(self._apps.UpdateApp, app_pb2.UpdateAppRequest(app_id=app_id, name=name))).app

    async def delete_app(self, app_id: str) -> App:
        """Remove an app with all it holds, and return it as it was."""
        return (await self._call(self._apps.DeleteApp, app_pb2.DeleteAppRequest(app_id=app_id))).app

    async def tag_app(self, app_id: str, tags: Mapping[str, str]) -> dict[str, str]:
        """Add tags or replace their values, and return all tags of the app."""
        return dict((await self._call(self._apps.TagApp, app_pb2.TagAppRequest(app_id=app_id, tags=tags))).tags)

    async def untag_app(self, app_id: str, tag_keys: Sequence[str]) -> dict[str, str]:
        """Remove tags, and return those that are left."""
        return dict(
            (await self._call(self._apps.UntagApp, app_pb2.UntagAppRequest(app_id=app_id, tag_keys=tag_keys))).tags
        )

    async def list_app_tags(self, app_id: str) -> dict[str, str]:
        """Return the tags of an app."""
        return dict((await self._call(self._apps.ListAppTags, app_pb2.ListAppTagsRequest(app_id=app_id))).tags)

    # --- channels ---

    async def update_channel(
        self,
        app_id: str,
        settings: ChannelSettings,
        *,
        update_mask: Sequence[str] | None = None,
        expected_version: int | None = None,
    ) -> Channel:
        """Create a channel or change it, and return it.

        Args:
            app_id: the app that holds it.
            settings: the new values; `clarion.apns_channel`, `clarion.fcm_channel`, … make them.
            update_mask: paths of `settings` to set, removing those that are not given. Default: what is given is set
                and all else stays.
            expected_version: change it only if it has this version (0: if it does not exist), else raise `Conflict`.
        """
        request = update_channel_request(app_id, settings, update_mask, expected_version)
        return (await self._call(self._channels.UpdateChannel, request)).channel

    async def get_channel(self, app_id: str, channel: str | ChannelType) -> Channel:
        """Return a channel of an app."""
        request = channel_pb2.GetChannelRequest(app_id=app_id, type=channel_type(channel))
        return (await self._call(self._channels.GetChannel, request)).channel

    async def verify_channel(self, app_id: str, channel: str | ChannelType) -> VerifyChannelResponse:
        """Ask the provider whether it accepts the channel's credentials; no device gets anything."""
        request = channel_pb2.VerifyChannelRequest(app_id=app_id, type=channel_type(channel))
        return await self._call(self._channels.VerifyChannel, request)

    async def list_channels(self, app_id: str) -> list[Channel]:
        """Return all channels of an app."""
        request = channel_pb2.ListChannelsRequest(app_id=app_id)
        return list((await self._call(self._channels.ListChannels, request)).channels)

    async def delete_channel(self, app_id: str, channel: str | ChannelType) -> Channel:
        """Remove a channel with its credentials, and return it as it was."""
        request = channel_pb2.DeleteChannelRequest(app_id=app_id, type=channel_type(channel))
        return (await self._call(self._channels.DeleteChannel, request)).channel

    # --- audit ---

    async def lookup_events(
        self,
        *,
        start_time: datetime | None = None,
        end_time: datetime | None = None,
        principal_arn: str = "",
        action: str = "",
        resource: str = "",
        app_id: str = "",
        outcome: str = "",
        request_id: str = "",
        page_size: int = 0,
    ) -> AsyncIterator[Event]:
        """Yield audit events that match all given filters, newest first.

        Args:
            start_time: events at or after it; aware.
            end_time: events before it; aware.
            principal_arn: events of this principal.
            action: events of this action, such as `mobiletargeting:SendMessages`.
            resource: events about this ARN.
            app_id: events about this app.
            outcome: events with this gRPC status, such as `PERMISSION_DENIED`.
            request_id: the event of this request.
            page_size: how many are fetched at a time (0: the server chooses).

        Raises:
            ValueError: a time has no time zone.
        """
        request = lookup_events_request(
            start_time=start_time,
            end_time=end_time,
            principal_arn=principal_arn,
            action=action,
            resource=resource,
            app_id=app_id,
            outcome=outcome,
            request_id=request_id,
            page_size=page_size,
        )
        while True:
            page = await self._call(self._audit.LookupEvents, request)
            for event in page.events:
                yield event
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    # --- quotas ---

    async def get_quotas(self, app_id: str = "") -> GetQuotasResponse:
        """Return the quotas of an app, or of the account: `effective` are those in force, `set` those that were set."""
        request = quota_pb2.GetQuotasRequest(app_id=app_id)
        return await self._call(self._quotas.GetQuotas, request)

    async def update_quotas(
        self, quotas: Quotas, *, app_id: str = "", update_mask: Sequence[str] | None = None
    ) -> UpdateQuotasResponse:
        """Set quotas of an app, or of the account, and return what `get_quotas` returns.

        Args:
            quotas: the new values.
            app_id: whose; empty: the account's.
            update_mask: fields of `quotas` to set, taking back those that are not given. Default: what is given is set
                and all else stays.
        """
        request = update_quotas_request(quotas, app_id, update_mask)
        return await self._call(self._quotas.UpdateQuotas, request)

    # --- messages ---

    def send(
        self,
        app_id: str,
        message: Message,
        targets: Iterable[AnyTarget] | AsyncIterable[AnyTarget],
        *,
        context: Mapping[str, str] | None = None,
        trace_id: str = "",
        timeout: float | None = None,
        send_timeout: float | None = None,
        repeat_ambiguous: bool = False,
        max_attempts: int | None = None,
        max_wait: float | None = None,
    ) -> AsyncSend:
        """Send one message to any number of targets; iterate over what this returns to send and get the results.

        Args:
            app_id: the app whose channels are used.
            message: what is sent; `clarion.message` makes one.
            targets: targets or (address, channel type) pairs. Read while results already come, and never kept, so
                that a generator of millions needs little memory. An asynchronous iterable will do as well.
            context: entries for the payload's `pinpoint` object.
            trace_id: for finding the call again.
            timeout: seconds that the whole call may take. Default: no limit.
            send_timeout: seconds that one target may take. Default: the server's.
            repeat_ambiguous: also repeat what may have been delivered already.
            max_attempts: tries of one target in all, where repeating cannot double a delivery. Default: the server's.
            max_wait: seconds of the longest pause before a repeat. Default: as long as `send_timeout` allows.
        """
        start = send_start(
            app_id,
            message,
            context=context,
            trace_id=trace_id,
            send_timeout=send_timeout,
            repeat_ambiguous=repeat_ambiguous,
            max_attempts=max_attempts,
            max_wait=max_wait,
        )
        return AsyncSend(self._messaging, start, targets, timeout)

    async def preview(
        self,
        app_id: str,
        message: Message,
        targets: Iterable[AnyTarget],
        *,
        context: Mapping[str, str] | None = None,
        trace_id: str = "",
    ) -> list[Preview]:
        """Return the exact request that each target's provider would get, without sending it; at most 100 targets."""
        request = messaging_pb2.PreviewMessageRequest(
            start=send_start(app_id, message, context=context, trace_id=trace_id),
            targets=[as_target(target) for target in targets],
        )
        return list((await self._call(self._messaging.PreviewMessage, request)).previews)


class AsyncSend(SendState):
    """One send. Iterating over it sends, and yields a `Result` for each target, in the order in which they come.

    Leaving the loop early cancels the call: targets that were not sent to yet will not be.

    Attributes:
        send_id: names the call in the server's log; empty until the server has accepted it.
        received: how many results have come.
        summary: counts of all results; None until the send is complete.
    """

    def __init__(
        self,
        stub: MessagingServiceAsyncStub,
        start: SendStart,
        targets: Iterable[AnyTarget] | AsyncIterable[AnyTarget],
        timeout: float | None,
    ) -> None:
        super().__init__(start)
        self._stub = stub
        self._targets = targets
        self._timeout = timeout
        self._call: grpc.aio.StreamStreamCall[StreamMessagesRequest, messaging_pb2.StreamMessagesResponse] | None = None

    async def __aiter__(self) -> AsyncIterator[Result]:
        """Send, and yield the results.

        Raises:
            ClarionError: the call failed; `IncompleteSend` if it ended too early.
            RuntimeError: the send was iterated over before.
        """
        self._begin()
        call = self._call = self._stub.StreamMessages(self._frames(), timeout=self._timeout)
        ending = Ending(call)
        try:
            async for event in call:
                for result in self._take(event):
                    yield result
        except asyncio.CancelledError:
            # grpc.aio says the same when this task is cancelled and when only the call was.
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            raise (self._source_error or Cancelled("the send was cancelled")) from None
        except grpc.RpcError as error:
            if (true := await ending.true_error(error)) is not None:
                raise from_rpc_error(true) from error
        finally:
            call.cancel()  # without effect on a call that is complete
        self._finish()

    async def wait(self) -> SendSummary:
        """Send, drop the single results and return the summary.

        Raises:
            ClarionError, RuntimeError: as iterating does.
        """
        async for _ in self:
            pass
        return self._finish()

    def cancel(self) -> None:
        """Stop sending; who iterates gets `Cancelled`."""
        if self._call is not None:
            self._call.cancel()

    async def _frames(self) -> AsyncIterator[StreamMessagesRequest]:
        yield StreamMessagesRequest(start=self._start)
        builder = FrameBuilder()
        try:
            if isinstance(self._targets, AsyncIterable):
                async for target in self._targets:
                    if frame := builder.add(target):
                        yield frame
            else:
                for target in self._targets:
                    if frame := builder.add(target):
                        yield frame
        except Exception as error:  # noqa: BLE001 (it is the caller's own, and goes back to the caller)
            # Ending here without cancelling would tell the server that these were all the targets.
            self._source_error = error
            self.cancel()
            return
        if frame := builder.rest():
            yield frame
