"""SimulatePolicy: what would be decided, and why."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from clarion.v1 import error_pb2
from clarion_server.access.iam import arns
from clarion_server.access.iam.source import PolicySource
from clarion_server.access.policy import Decision, PolicyKind, PolicySet, decide, parse
from clarion_server.access_model import AccessRequest, CredentialType, Identity, IdentityKind
from clarion_server.errors import EntityNotFound, FieldViolation, RequestInvalid
from clarion_server.iam_model import Principal, PrincipalKind, PrincipalRef
from clarion_server.model import utc_now

_NOBODY = "simulated"


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked. Documents are already checked.

    Attributes:
        who: whose policies are asked; None: `documents` alone.
        documents: further identity-based policies.
        boundary: document of a permissions boundary in the place of the principal's own, empty for its own.
        resource_policy: document of a policy of the resource in the place of its own, empty for its own.
        source_ip: of the caller.
        secure_transport: whether it comes over TLS.
        time: when (aware, UTC); None: now.
        resource_tags: of the resource.
        request_tags: in the request.
        principal_tags: beside the principal's own.
        mfa: whether a second factor was used.
    """

    who: PrincipalRef | None
    documents: Sequence[str] = ()
    boundary: str = ""
    resource_policy: str = ""
    source_ip: str = ""
    secure_transport: bool = True
    time: datetime | None = None
    resource_tags: Mapping[str, str] = field(default_factory=dict)
    request_tags: Mapping[str, str] = field(default_factory=dict)
    principal_tags: Mapping[str, str] = field(default_factory=dict)
    mfa: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """The decision about one action on one resource."""

    action: str
    resource: str
    decision: Decision


class Simulator:
    """Decides about requests that nobody makes.

    Args:
        source: knows the policies.
        account: of this server, 12 digits.
        now: the time.
    """

    def __init__(self, source: PolicySource, *, account: str, now: Callable[[], datetime] = utc_now) -> None:
        self._source = source
        self._account = account
        self._now = now

    async def simulate(self, question: Question, actions: Sequence[str], resources: Sequence[str]) -> Sequence[Answer]:
        """Return the decisions about each action on each resource.

        Raises:
            EntityNotFound: there is no such user or role.
            RequestInvalid: a principal is asked that is none, such as a group.
        """
        identity = await self._identity(question)
        answers = []
        for action in actions:
            for resource in resources:
                request = AccessRequest(
                    identity=identity,
                    action=action,
                    resource=resource,
                    resource_tags=question.resource_tags,
                    request_tags=question.request_tags,
                    source_ip=question.source_ip,
                    secure_transport=question.secure_transport,
                    time=question.time or self._now(),
                )
                policies = await self._policies(question, request)
                answers.append(Answer(action, resource, decide(request, policies)))
        return answers

    async def _identity(self, question: Question) -> Identity:
        who = question.who
        if who is not None and who.kind is PrincipalKind.GROUP:
            raise RequestInvalid(
                [
                    FieldViolation(
                        "principal.group_name",
                        error_pb2.ERROR_REASON_FIELD_CONFLICT,
                        "is a group, which never calls; give one of its users, or documents alone",
                    )
                ]
            )
        found = None if who is None else await self._source.principal(who)
        if who is not None and found is None:
            raise EntityNotFound(f"there is no {who.kind.word} of this name")
        return self._identity_of(found, question)

    def _identity_of(self, found: Principal | None, question: Question) -> Identity:
        name = _NOBODY if found is None else found.name
        is_role = found is not None and found.kind is PrincipalKind.ROLE
        arn = (
            arns.assumed_role_arn(self._account, name, _NOBODY)
            if is_role
            else arns.principal_arn(self._account, PrincipalRef(PrincipalKind.USER, name))
        )
        return Identity(
            arn=arn,
            account=self._account,
            kind=IdentityKind.ASSUMED_ROLE if is_role else IdentityKind.USER,
            name=name,
            credential=CredentialType.TOKEN,
            session_name=_NOBODY if is_role else "",
            tags={**({} if found is None else found.tags), **question.principal_tags},
            mfa=question.mfa,
        )

    async def _policies(self, question: Question, request: AccessRequest) -> PolicySet:
        policies = PolicySet(account=self._account)
        if question.who is not None:
            policies = await self._source.policies(request.identity, request.action, request.resource) or policies
        own = tuple(
            parse(text, PolicyKind.IDENTITY, name=f"documents[{number}]")
            for number, text in enumerate(question.documents)
        )
        policies = replace(policies, identity=(*policies.identity, *own))
        if question.boundary:
            boundary = parse(question.boundary, PolicyKind.BOUNDARY, name="permissions_boundary")
            policies = replace(policies, boundary=boundary)
        if question.resource_policy:
            resource = parse(question.resource_policy, PolicyKind.RESOURCE, name="resource_policy")
            policies = replace(policies, resource=(resource,))
        return policies
