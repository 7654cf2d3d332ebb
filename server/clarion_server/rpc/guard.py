"""Stands before every method: who calls, may they, and the record that the call leaves, allowed or not."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, Self

import grpc
from google.rpc import code_pb2

from clarion.v1 import error_pb2
from clarion_server.access.actions import Access, Scope, access_of
from clarion_server.access.app_tags import AppTags
from clarion_server.access.authority import Authority
from clarion_server.access_model import ANONYMOUS, AccessRequest, AuditLog, AuditRecord, Identity
from clarion_server.errors import (
    AccessDenied,
    ClarionError,
    IdentityUnavailable,
    StoreUnavailable,
    TokenExpired,
    Unauthenticated,
)
from clarion_server.model import utc_now
from clarion_server.providers.contract import Outcome
from clarion_server.rpc.audited import parameters
from clarion_server.rpc.call import Call, time_remaining
from clarion_server.rpc.errors import OURS, Requests, accepted, discard, status_of
from clarion_server.rpc.peer import Peer, peer_of
from clarion_server.rpc.wrapping import Behaviour, wrapped
from clarion_server.sending import faults

REQUEST_ID = "x-clarion-request-id"
"""The trailer that tells the caller the id of its call's audit record."""

_CHANGE_TAGS = frozenset(f"clarion.v1.AppService/{rpc}" for rpc in ("TagApp", "UntagApp", "DeleteApp"))

Context = grpc.aio.ServicerContext[Any, Any]


class Identifier(Protocol):
    """Finds out who calls: see `clarion_server.access.authenticator`."""

    async def identify(self, authorization: str | None, certificate: bytes | None) -> Identity:
        """Return who calls."""

    def check_time(self, identity: Identity) -> None:
        """Raise `TokenExpired` if the proof has ended since."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the guard needs to know about the server.

    Attributes:
        scope: where its resources are.
        tls: whether the port speaks TLS.
        client_certificates: whether clients prove themselves by certificates.
    """

    scope: Scope
    tls: bool
    client_certificates: bool


class Guard(grpc.aio.ServerInterceptor):
    """Lets calls of Clarion's services in, or not, and records each. Stands inside `ErrorInterceptor`.

    A call is authenticated before anything of its request is looked at, and authorised before it is found out whether
    what it names exists.

    Args:
        identifier: who calls?
        authority: may they?
        tags: of apps.
        audit: takes the records.
        surroundings: the server.
        now: the time.
    """

    def __init__(
        self,
        identifier: Identifier,
        authority: Authority,
        tags: AppTags,
        audit: AuditLog,
        surroundings: Surroundings,
        *,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._identifier = identifier
        self._authority = authority
        self._tags = tags
        self._audit = audit
        self._surroundings = surroundings
        self._now = now

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """Wrap the method's handler."""
        handler = await continuation(handler_call_details)
        method = handler_call_details.method
        if handler is None or not method.startswith(OURS):
            return handler
        name = method.removeprefix("/")
        # As long as the request is not known.
        access = access_of(name, None, self._surroundings.scope)
        guarded = wrapped(
            handler,
            one=lambda behaviour: self._one(behaviour, name, access),
            many=lambda behaviour: self._many(behaviour, name, access),
        )
        if guarded is None:
            raise AssertionError(f"{name} has a shape that nothing guards")
        return guarded

    def _one(self, behaviour: Behaviour, method: str, access: Access) -> Behaviour:
        async def call(request: Any, context: Context) -> Any:
            with self._entry(method, access, context) as entry:
                await self._identify(entry)
                await self._authorise(entry, accepted(request))
                try:
                    return await behaviour(request, self._call(entry, context))
                finally:
                    if method in _CHANGE_TAGS:
                        # Also after an error: a commit whose answer got lost may have happened.
                        self._tags.forget(entry.access.app_id)

        return call

    def _many(self, behaviour: Behaviour, method: str, access: Access) -> Behaviour:
        async def call(request_iterator: AsyncIterator[Any], context: Context) -> Any:
            requests = Requests(request_iterator)
            with self._entry(method, access, context) as entry:
                try:
                    await self._identify(entry)
                    first = await anext(requests, None)
                    await self._authorise(entry, first)
                except ClarionError:
                    await discard(requests)
                    raise
                return await behaviour(_Resumed(first, requests), self._call(entry, context))

        return call

    # --- the three questions ------------------------------------------------------------------

    def _entry(self, method: str, access: Access, context: Context) -> _Entry:
        entry = _Entry(
            uuid.uuid4().hex,
            self._now(),
            method,
            peer_of(context, certificates=self._surroundings.client_certificates),
            self._audit,
            self._now,
            context,
            access=access,
        )
        context.set_trailing_metadata(((REQUEST_ID, entry.id),))
        return entry

    async def _identify(self, entry: _Entry) -> None:
        entry.identity = await self._identifier.identify(entry.peer.one_authorization(), entry.peer.certificate)

    async def _authorise(self, entry: _Entry, request: Any) -> None:
        entry.access = access_of(entry.method, request, self._surroundings.scope)
        if request is not None:
            entry.parameters = parameters(request)
        await self._authority.authorise(await self._access_request(entry))

    async def _access_request(self, entry: _Entry) -> AccessRequest:
        # Without authentication nothing depends on tags, so the database is not asked for them.
        app_id = entry.access.app_id if entry.identity is not ANONYMOUS else ""
        return AccessRequest(
            identity=entry.identity,
            action=entry.access.action,
            resource=entry.access.resource,
            resource_tags=await self._tags.of(app_id) if app_id else {},
            request_tags=entry.access.request_tags,
            source_ip=entry.peer.source_ip,
            secure_transport=self._surroundings.tls,
            time=self._now(),
        )

    def _call(self, entry: _Entry, context: Context) -> Call:
        async def still_allowed() -> Outcome | None:
            return await self._still_allowed(entry)

        entry.call = Call(
            entry.id, entry.identity, entry.peer.source_ip, self._surroundings.tls, still_allowed, context
        )
        return entry.call

    async def _still_allowed(self, entry: _Entry) -> Outcome | None:
        """Ask all again. While it cannot be found out the call goes on, as it does with its channels."""
        try:
            await self._identify(entry)
            self._identifier.check_time(entry.identity)
            await self._authority.authorise(await self._access_request(entry))
        except TokenExpired:
            return faults.CALLER_EXPIRED
        except (Unauthenticated, AccessDenied):
            return faults.PERMISSION_WITHDRAWN
        except (StoreUnavailable, IdentityUnavailable):
            return None
        return None


@dataclass(slots=True)
class _Entry:
    """An audit record in the making; written when the `with` statement ends, however it ends."""

    id: str
    time: datetime
    method: str
    peer: Peer
    audit: AuditLog
    now: Callable[[], datetime]
    context: Context
    access: Access
    identity: Identity = ANONYMOUS
    parameters: Mapping[str, object] = field(default_factory=dict)
    call: Call | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        outcome, reason = self._outcome(error)
        self.audit.record(
            AuditRecord(
                id=self.id,
                time=self.time,
                identity=self.identity,
                source=self.peer.source,
                action=self.access.action,
                method=self.method,
                resource=self.access.resource,
                app_id=self.access.app_id,
                parameters=self.parameters,
                outcome=outcome,
                reason=reason,
                counts=self.call.counts if self.call is not None else {},
                duration=max(0.0, (self.now() - self.time).total_seconds()),
                user_agent=self.peer.user_agent,
            )
        )
        # It refers back to this. In a circle, both, and what gRPC has of the call, would stay until the garbage
        # collector comes, which makes all calls wait.
        self.call = None

    def _outcome(self, error: BaseException | None) -> tuple[str, str]:
        """Return the name of the gRPC status, and of the reason."""
        if error is None:
            return "OK", ""
        # A stream whose caller has left also looks like one that ended too early.
        gone = self.context.cancelled()
        if isinstance(error, ClarionError) and not gone:
            return code_pb2.Code.Name(status_of(error).code), error_pb2.ErrorReason.Name(error.reason)
        if isinstance(error, Exception) and not gone:
            return code_pb2.Code.Name(code_pb2.INTERNAL), error_pb2.ErrorReason.Name(ClarionError.reason)
        left = time_remaining(self.context)
        return ("DEADLINE_EXCEEDED" if left is not None and left <= 0 else "CANCELLED"), ""


class _Resumed:
    """A stream's requests with the first one, which was read to see what it wants, put back."""

    def __init__(self, first: Any, requests: Requests) -> None:
        self._first = first
        self._requests = requests

    def __aiter__(self) -> _Resumed:
        return self

    async def __anext__(self) -> Any:
        if self._first is not None:
            first, self._first = self._first, None
            return first
        return await anext(self._requests)
