"""What can be wrong with a call.

::

    ClarionError                 a reason and a text for people
    ├── RequestInvalid           fields of the request are wrong (INVALID_ARGUMENT)
    ├── AppNotFound              (NOT_FOUND)
    ├── ChannelNotFound          (NOT_FOUND)
    ├── VersionMismatch          the channel changed meanwhile (ABORTED)
    ├── Unauthenticated          who calls is unknown (UNAUTHENTICATED)
    │   ├── TokenRequired        nothing was given
    │   ├── TokenExpired         its time is over
    │   └── TokenInvalid         it proves nothing
    ├── AccessDenied             who calls may not (PERMISSION_DENIED)
    ├── IdentityUnavailable      who calls, or what it may, cannot be found out now (UNAVAILABLE)
    ├── CredentialUnreadable     a stored credential does not decrypt (FAILED_PRECONDITION)
    ├── EntityNotFound           no such user, group, role, policy or access key (NOT_FOUND)
    ├── EntityExists             the name is taken (ALREADY_EXISTS)
    ├── EntityChanged            the role or policy changed meanwhile (ABORTED)
    ├── EntityInUse              what shall be removed is in use (FAILED_PRECONDITION)
    ├── EntityLimitExceeded      there would be too many (RESOURCE_EXHAUSTED)
    ├── PolicyReadOnly           the policy is built in (FAILED_PRECONDITION)
    ├── QuotaExceeded            the request is over a quota (RESOURCE_EXHAUSTED)
    ├── TooManyStreams           the principal has too many calls running (RESOURCE_EXHAUSTED)
    ├── StoreUnavailable         the database, or a key service, does not answer (UNAVAILABLE)
    └── ShuttingDown             the server is stopping (UNAVAILABLE)

`clarion_server.rpc.errors` turns them into gRPC statuses; nothing below `rpc` knows about gRPC. What is wrong with one
target is not an exception but an `Outcome` (`clarion_server.providers.contract`).

Texts never contain a secret or a device address: name the field by its path instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from clarion.v1 import error_pb2
from clarion.v1.error_pb2 import ErrorReason
from clarion_server.starting import CannotStart


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """One field that is wrong.

    Attributes:
        path: the field from the root of the request, such as `channel.apns.signing_key.key_id` or `targets[3].address`.
        reason: one of the field reasons of `ErrorReason`.
        message: what is wrong with the value and what would be right, without quoting secrets or addresses.
    """

    path: str
    reason: ErrorReason
    message: str

    def under(self, prefix: str) -> FieldViolation:
        """Return the same violation with its path below `prefix`."""
        return FieldViolation(f"{prefix}.{self.path}" if self.path else prefix, self.reason, self.message)


class ClarionError(Exception):
    """A call cannot be done; see the tree above."""

    reason: ErrorReason = error_pb2.ERROR_REASON_INTERNAL

    def __init__(self, message: str, *, reason: ErrorReason | None = None) -> None:
        super().__init__(message)
        self.message = message
        if reason is not None:
            self.reason = reason


class RequestInvalid(ClarionError):
    """One or more fields of the request are wrong: mend them and call again."""

    reason = error_pb2.ERROR_REASON_REQUEST_INVALID

    def __init__(self, violations: Sequence[FieldViolation], *, reason: ErrorReason | None = None) -> None:
        first = violations[0]
        more = f" (and {len(violations) - 1} more)" if len(violations) > 1 else ""
        super().__init__(f"{first.path}: {first.message}{more}", reason=reason)
        self.violations = tuple(violations)


class AppNotFound(ClarionError):
    """There is no app with this id."""

    reason = error_pb2.ERROR_REASON_APP_NOT_FOUND

    def __init__(self) -> None:
        super().__init__("there is no app with this app_id; ListApps tells which there are")


class ChannelNotFound(ClarionError):
    """The app has no channel of this type."""

    reason = error_pb2.ERROR_REASON_CHANNEL_NOT_FOUND

    def __init__(self) -> None:
        super().__init__("the app has no channel of this type; UpdateChannel creates it")


class VersionMismatch(ClarionError):
    """The channel is not at the version that the caller expected."""

    reason = error_pb2.ERROR_REASON_VERSION_MISMATCH

    def __init__(self, actual: int) -> None:
        super().__init__(
            f"the channel is at version {actual}, not at expected_version; read it again"
            if actual
            else "the channel does not exist, so it is not at expected_version; expected_version 0 creates it"
        )
        self.actual = actual


class Unauthenticated(ClarionError):
    """Who calls is unknown. Texts never quote what was given."""


class TokenRequired(Unauthenticated):
    """The call carries no proof of who calls."""

    reason = error_pb2.ERROR_REASON_TOKEN_REQUIRED

    def __init__(self) -> None:
        super().__init__("this server asks who calls: give the header `authorization: Bearer TOKEN`")


class TokenExpired(Unauthenticated):
    """The time of the token, or of the client certificate, is over."""

    reason = error_pb2.ERROR_REASON_TOKEN_EXPIRED

    def __init__(self) -> None:
        super().__init__("the token's time is over; get a new one")


class TokenInvalid(Unauthenticated):
    """The token, or the client certificate, proves nothing here."""

    reason = error_pb2.ERROR_REASON_TOKEN_INVALID


class AccessDenied(ClarionError):
    """Who calls may not do this."""

    reason = error_pb2.ERROR_REASON_ACCESS_DENIED


class IdentityUnavailable(ClarionError):
    """Who calls, or what it may, cannot be found out now."""

    reason = error_pb2.ERROR_REASON_IDENTITY_UNAVAILABLE


class CredentialUnreadable(ClarionError):
    """A stored credential does not decrypt."""

    reason = error_pb2.ERROR_REASON_CREDENTIAL_UNREADABLE


class EntityNotFound(ClarionError):
    """There is no such user, group, role, policy or access key; the text says which."""

    reason = error_pb2.ERROR_REASON_ENTITY_NOT_FOUND


class EntityExists(ClarionError):
    """A user, group, role or policy has this name already."""

    reason = error_pb2.ERROR_REASON_ENTITY_ALREADY_EXISTS


class EntityChanged(ClarionError):
    """The role or policy is not at the version that the caller expected."""

    reason = error_pb2.ERROR_REASON_VERSION_MISMATCH

    def __init__(self, what: str, actual: int) -> None:
        super().__init__(f"the {what} is at version {actual}, not at expected_version; read it again")


class EntityInUse(ClarionError):
    """What shall be removed still has something, or belongs to something; the text says what."""

    reason = error_pb2.ERROR_REASON_ENTITY_IN_USE


class EntityLimitExceeded(ClarionError):
    """There would be more of something than there may be; the text says of what."""

    reason = error_pb2.ERROR_REASON_ENTITY_LIMIT_EXCEEDED


class PolicyReadOnly(ClarionError):
    """The policy comes with Clarion."""

    reason = error_pb2.ERROR_REASON_POLICY_READ_ONLY

    def __init__(self) -> None:
        super().__init__("the policy comes with Clarion and cannot be changed; make one of your own from its document")


class QuotaExceeded(ClarionError):
    """The request has more than a quota allows. It will not pass later."""

    reason = error_pb2.ERROR_REASON_QUOTA_EXCEEDED

    def __init__(self, quota: str, problem: str, most: int) -> None:
        super().__init__(
            f"{problem} {quota} of {most:,}; send less at once, through StreamMessages, or have the quota raised by "
            "UpdateQuotas"
        )
        self.quota = quota


class TooManyStreams(ClarionError):
    """The principal has as many sending calls running as it may."""

    reason = error_pb2.ERROR_REASON_TOO_MANY_STREAMS

    def __init__(self, most: int) -> None:
        super().__init__(
            f"{most:,} sending calls of this principal are running, as many as its quota streams_per_principal allows; "
            "try again when one of them has ended, or send more targets in one stream"
        )


class StoreUnavailable(ClarionError, CannotStart):
    """The database, or the service that keeps the master keys, does not answer."""

    reason = error_pb2.ERROR_REASON_STORE_UNAVAILABLE

    def __init__(self, message: str = "the database does not answer; try again later") -> None:
        super().__init__(message)


class ShuttingDown(ClarionError):
    """The server takes no new calls."""

    reason = error_pb2.ERROR_REASON_SHUTTING_DOWN

    def __init__(self) -> None:
        super().__init__("the server is shutting down; call another one, or try again later")


__all__ = [
    "AccessDenied",
    "AppNotFound",
    "ChannelNotFound",
    "ClarionError",
    "CredentialUnreadable",
    "EntityChanged",
    "EntityExists",
    "EntityInUse",
    "EntityLimitExceeded",
    "EntityNotFound",
    "FieldViolation",
    "IdentityUnavailable",
    "PolicyReadOnly",
    "QuotaExceeded",
    "RequestInvalid",
    "ShuttingDown",
    "StoreUnavailable",
    "TokenExpired",
    "TokenInvalid",
    "TokenRequired",
    "TooManyStreams",
    "Unauthenticated",
    "VersionMismatch",
]
