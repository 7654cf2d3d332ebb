"""The words of access control: who calls, what they ask for, and the record that every call leaves.

Pure data, shared by authentication (who is it?), policies (may they?), `rpc` (the call) and the audit log.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol


class IdentityKind(enum.Enum):
    """What a caller is, in the words of AWS's audit records."""

    USER = "User"
    ASSUMED_ROLE = "AssumedRole"
    FEDERATED = "FederatedUser"
    """A subject of another issuer, which this server does not keep as a user."""
    CERTIFICATE = "Certificate"
    """The subject of a TLS client certificate, which this server does not keep as a user."""
    ANONYMOUS = "Anonymous"
    """Nobody proved anything, and the server runs without authentication."""


class CredentialType(enum.Enum):
    """How a caller proved who it is."""

    TOKEN = "token"  # noqa: S105 - a name
    """A bearer token signed by this server."""
    OIDC_TOKEN = "oidc_token"  # noqa: S105 - a name
    """A bearer token of another issuer."""
    CLIENT_CERTIFICATE = "client_certificate"
    ACCESS_KEY = "access_key"
    """A request signed with an access key."""
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Identity:
    """Who calls.

    Attributes:
        arn: for example `arn:aws:iam::000000000000:user/ann`,
            `arn:aws:sts::000000000000:assumed-role/sender/session-1`; `anonymous` for nobody.
        account: 12 digits; another one than the server's for principals of other accounts. Empty for nobody.
        kind: what it is.
        name: the user's, or the role's, name: `aws:username` for a user.
        credential: how it proved who it is.
        credential_id: which one of its credentials, for example a token's id; never a secret.
        session_name: of an assumed role, else empty.
        session_policies: policy documents (JSON) that limit this session further.
        tags: of the principal and its session: `aws:PrincipalTag/…`.
        mfa: whether the issuer says that a second factor was used: `aws:MultiFactorAuthPresent`.
        expire_time: when the proof ends (aware, UTC); None if never.
        principal_id: `AIDA…` of the user or `AROA…` of the role, so that a later one of the same name is not taken for
            it. Empty: not known.
    """

    arn: str
    account: str
    kind: IdentityKind
    name: str
    credential: CredentialType
    credential_id: str = ""
    session_name: str = ""
    session_policies: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    mfa: bool = False
    expire_time: datetime | None = None
    principal_id: str = ""


ANONYMOUS = Identity(arn="anonymous", account="", kind=IdentityKind.ANONYMOUS, name="", credential=CredentialType.NONE)


@dataclass(frozen=True, slots=True)
class AccessRequest:
    """What somebody wants to do.

    Attributes:
        identity: who.
        action: for example `mobiletargeting:SendMessages`.
        resource: ARN of what it is done to, `*` when the action has no resource.
        resource_tags: `aws:ResourceTag/…`.
        request_tags: tags in the request: `aws:RequestTag/…`, `aws:TagKeys`.
        source_ip: IP address of the caller, empty over a Unix socket.
        secure_transport: whether the call came over TLS.
        time: when (aware, UTC).
    """

    identity: Identity
    action: str
    resource: str
    resource_tags: Mapping[str, str]
    request_tags: Mapping[str, str]
    source_ip: str
    secure_transport: bool
    time: datetime


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """What one call leaves behind. Never a secret, a device address, or the content of a message.

    Attributes:
        id: 32 lower-case hexadecimal digits, unique: the request id that the caller gets as well.
        time: when the call came (aware, UTC).
        identity: who; `ANONYMOUS` also for those whose proof was refused.
        source: IP address of the caller, or `unix`.
        action: for example `mobiletargeting:UpdateApnsChannel`.
        method: the RPC, for example `clarion.v1.ChannelService/UpdateChannel`.
        resource: ARN, `*` when the action has none.
        app_id: the app that the call was about, empty if none.
        parameters: of the request, secrets, addresses and content left out; JSON values.
        outcome: the gRPC status's name, such as `OK` or `PERMISSION_DENIED`.
        reason: name of the `ErrorReason` of a failed call, else empty.
        counts: for a send: results by delivery status.
        duration: seconds.
        user_agent: what the client says it is, at most 256 characters.
    """

    id: str
    time: datetime
    identity: Identity
    source: str
    action: str
    method: str
    resource: str
    app_id: str
    parameters: Mapping[str, object]
    outcome: str
    reason: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)
    duration: float = 0.0
    user_agent: str = ""


class AuditLog(Protocol):
    """Takes audit records."""

    def record(self, record: AuditRecord) -> None:
        """Take a record. Never blocks and never raises; it is written soon, in order."""
