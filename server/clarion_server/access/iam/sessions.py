"""AssumeRole: a caller becomes a role for a while."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from clarion.v1 import error_pb2
from clarion_server.access.iam import arns
from clarion_server.access.iam.ports import SessionIssuer
from clarion_server.access.iam.source import PolicySource
from clarion_server.access_model import AccessRequest, CredentialType, Identity, IdentityKind
from clarion_server.errors import AccessDenied, FieldViolation, RequestInvalid
from clarion_server.iam_model import PrincipalKind, PrincipalRef
from clarion_server.model import utc_now

MIN_SECONDS = 900
DEFAULT_SECONDS = 3600
MAX_CHAINED_SECONDS = 3600
"""The longest session that a session of a role can open."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, and from where.

    Attributes:
        identity: who.
        source_ip: IP address, empty over a Unix socket.
        secure_transport: whether the call came over TLS.
    """

    identity: Identity
    source_ip: str = ""
    secure_transport: bool = False


@dataclass(frozen=True, slots=True)
class Session:
    """An open session of a role.

    Attributes:
        token: secret.
        expire_time: aware, UTC.
        arn: who the session is.
    """

    token: str
    expire_time: datetime
    arn: str


class Sessions:
    """Opens sessions of roles.

    Args:
        source: knows the policies.
        issuer: signs tokens; None on a server without authentication, where nobody could use them.
        account: of this server, 12 digits.
        now: the time.
    """

    def __init__(
        self,
        source: PolicySource,
        issuer: SessionIssuer | None,
        *,
        account: str,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._source = source
        self._issuer = issuer
        self._account = account
        self._now = now

    async def assume(
        self,
        caller: Caller,
        role_arn: str,
        session_name: str,
        *,
        policies: tuple[str, ...] = (),
        seconds: int | None = None,
        tags: Mapping[str, str],
    ) -> Session:
        """Open a session. Names, documents, tags and the lower bound of the time are already checked.

        Raises:
            AccessDenied: the caller may not, or there is no such role.
            RequestInvalid: the session would be longer than it may.
        """
        name = arns.role_name(self._account, role_arn)
        role = None if name is None else await self._source.principal(PrincipalRef(PrincipalKind.ROLE, name))
        if role is None or self._issuer is None:
            raise _denied(caller, "sts:AssumeRole", role_arn)
        for action in ("sts:AssumeRole", *(["sts:TagSession"] if tags else [])):
            request = AccessRequest(
                identity=caller.identity,
                action=action,
                resource=role_arn,
                resource_tags=role.tags,
                request_tags=tags,
                source_ip=caller.source_ip,
                secure_transport=caller.secure_transport,
                time=self._now(),
            )
            if not (await self._source.decide(request)).allowed:
                raise _denied(caller, action, role_arn)
        wanted = _seconds(seconds, role.max_session, chained=caller.identity.kind is IdentityKind.ASSUMED_ROLE)
        identity = Identity(
            arn=arns.assumed_role_arn(self._account, role.name, session_name),
            account=self._account,
            kind=IdentityKind.ASSUMED_ROLE,
            name=role.name,
            credential=CredentialType.TOKEN,
            session_name=session_name,
            session_policies=policies,
            tags=dict(tags),
            mfa=caller.identity.mfa,
            principal_id=role.id,
        )
        token, expire_time = self._issuer.issue(identity, wanted)
        return Session(token, expire_time, identity.arn)


def _seconds(given: int | None, most: int, *, chained: bool) -> int:
    if chained:
        most = min(most, MAX_CHAINED_SECONDS)
    if given is None:
        return min(DEFAULT_SECONDS, most)
    if given > most:
        why = "a session opened by a session" if chained else "a session of this role"
        problem = f"is longer than {why} may last; give at most {most} seconds"
        raise RequestInvalid([FieldViolation("duration", error_pb2.ERROR_REASON_FIELD_OUT_OF_RANGE, problem)])
    return given


def _denied(caller: Caller, action: str, role_arn: str) -> AccessDenied:
    return AccessDenied(f"User: {caller.identity.arn} is not authorized to perform: {action} on resource: {role_arn}")
