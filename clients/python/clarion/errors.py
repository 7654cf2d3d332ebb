"""What can go wrong with a call.

::

    ClarionError             code, reason, message, violations, retry_after
    ├── InvalidRequest       the request is wrong: `violations` names the fields (INVALID_ARGUMENT)
    ├── NotFound             what the call names does not exist (NOT_FOUND)
    ├── Conflict             it changed meanwhile, or exists already (ABORTED, ALREADY_EXISTS)
    ├── PreconditionFailed   the server is not in a state to do it (FAILED_PRECONDITION)
    ├── AccessDenied         who calls is unknown or may not (UNAUTHENTICATED, PERMISSION_DENIED)
    ├── LimitExceeded        a limit of the way in between: a request too large, or too many (RESOURCE_EXHAUSTED)
    ├── Unavailable          no server answers, or it is stopping: try again later (UNAVAILABLE)
    ├── DeadlineExceeded     the call took longer than its timeout (DEADLINE_EXCEEDED)
    ├── Cancelled            the call was cancelled (CANCELLED)
    ├── ServerFault          a fault in the server, or a server of another version (all other codes)
    └── IncompleteSend       a send ended without a summary: some targets have no result

What is wrong with one target of a send is not an exception but its `Result`.
"""

from __future__ import annotations

from dataclasses import dataclass

import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

_DETAILS_KEY = "grpc-status-details-bin"


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """One field of the request that is wrong.

    Attributes:
        path: the field from the root of the request, such as `channel.apns.signing_key.key_id`.
        reason: name of an `ErrorReason`, such as `ERROR_REASON_FIELD_REQUIRED`; empty if the server gave none.
        message: what is wrong with it, for people.
    """

    path: str
    reason: str
    message: str


class ClarionError(Exception):
    """A call failed; see the tree above.

    Attributes:
        code: the gRPC status, None for an error that the client found itself.
        reason: name of an `ErrorReason`, such as `ERROR_REASON_APP_NOT_FOUND`: match on it, never on texts. Empty when
            the failure did not come from Clarion, for example when nothing answered.
        message: what happened, for people.
        violations: the fields that are wrong.
        retry_after: seconds that the server asks to wait before the next try, None if it asked nothing.
    """

    def __init__(
        self,
        message: str,
        *,
        code: grpc.StatusCode | None = None,
        reason: str = "",
        violations: tuple[FieldViolation, ...] = (),
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.reason = reason
        self.violations = violations
        self.retry_after = retry_after

    def __str__(self) -> str:
        """Return the message, and every wrong field that the message does not already tell."""
        told = [self.message]
        told += [f"{field.path}: {field.message}" for field in self.violations if field.message not in self.message]
        text = "; ".join(told)
        return f"{text} ({self.reason})" if self.reason else text


class InvalidRequest(ClarionError):
    """The request is wrong; mend the fields that `violations` names."""


class NotFound(ClarionError):
    """What the call names does not exist; the message says what."""


class Conflict(ClarionError):
    """What was to be changed has changed meanwhile; read it again."""


class PreconditionFailed(ClarionError):
    """The server is not in a state to do this; the message says what is missing."""


class AccessDenied(ClarionError):
    """The server does not know who calls, or does not allow the call."""


class LimitExceeded(ClarionError):
    """The request is too large for gRPC, or there are too many; the message says which."""


class Unavailable(ClarionError):
    """No server answers, or it takes no calls now; try again later."""


class DeadlineExceeded(ClarionError):
    """The call took longer than its timeout."""


class Cancelled(ClarionError):
    """The call was cancelled."""


class ServerFault(ClarionError):
    """A fault in the server; report it with its reason and the time."""


class IncompleteSend(ClarionError):
    """A send ended without a summary: targets without a result may or may not have been sent to."""


_BY_CODE: dict[grpc.StatusCode, type[ClarionError]] = {
    grpc.StatusCode.INVALID_ARGUMENT: InvalidRequest,
    grpc.StatusCode.OUT_OF_RANGE: InvalidRequest,
    grpc.StatusCode.NOT_FOUND: NotFound,
    grpc.StatusCode.ABORTED: Conflict,
    grpc.StatusCode.ALREADY_EXISTS: Conflict,
    grpc.StatusCode.FAILED_PRECONDITION: PreconditionFailed,
    grpc.StatusCode.UNAUTHENTICATED: AccessDenied,
    grpc.StatusCode.PERMISSION_DENIED: AccessDenied,
    grpc.StatusCode.UNAVAILABLE: Unavailable,
    grpc.StatusCode.RESOURCE_EXHAUSTED: LimitExceeded,
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineExceeded,
    grpc.StatusCode.CANCELLED: Cancelled,
}


def from_rpc_error(error: grpc.RpcError) -> ClarionError:
    """Return the error of the tree above that says what `error`, from either kind of gRPC client, means."""
    if not isinstance(error, (grpc.Call, grpc.aio.AioRpcError)):
        return ServerFault(str(error))
    code = error.code()
    status = _status_details(error)
    reason = ""
    violations: list[FieldViolation] = []
    retry_after: float | None = None
    for detail in status.details:
        # A detail that is not Clarion's (a proxy's, say) or does not decode says nothing, and hides nothing either.
        try:
            if detail.Is(error_details_pb2.ErrorInfo.DESCRIPTOR):
                info = error_details_pb2.ErrorInfo.FromString(detail.value)
                reason = reason or info.reason
            elif detail.Is(error_details_pb2.BadRequest.DESCRIPTOR):
                request = error_details_pb2.BadRequest.FromString(detail.value)
                violations += [FieldViolation(v.field, v.reason, v.description) for v in request.field_violations]
            elif detail.Is(error_details_pb2.RetryInfo.DESCRIPTOR):
                retry = error_details_pb2.RetryInfo.FromString(detail.value).retry_delay
                retry_after = retry.seconds + retry.nanos / 1e9
        except DecodeError:
            continue
    return _BY_CODE.get(code, ServerFault)(
        error.details() or code.name,
        code=code,
        reason=reason,
        violations=tuple(violations),
        retry_after=retry_after,
    )


def _status_details(error: grpc.Call | grpc.aio.AioRpcError) -> status_pb2.Status:
    for key, value in error.trailing_metadata() or ():
        if key == _DETAILS_KEY and isinstance(value, bytes):
            try:
                return status_pb2.Status.FromString(value)
            except DecodeError:
                break
    return status_pb2.Status()
