"""What applies to a call: the policies of who calls, the limits of the account, and the resource's own policy.

This is asked before every call, so everything is kept in memory, parsed, until identity data change.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

import structlog

from clarion_server.access.iam import arns
from clarion_server.access.iam.builtin import BUILT_IN_POLICIES
from clarion_server.access.iam.ports import IamStore
from clarion_server.access.iam.revision import RevisionWatch
from clarion_server.access.policy import (
    Decision,
    DecisionKind,
    Policy,
    PolicyInvalid,
    PolicyKind,
    PolicySet,
    decide,
    parse,
)
from clarion_server.access_model import AccessRequest, Identity, IdentityKind
from clarion_server.errors import AppNotFound
from clarion_server.iam_model import AccountPolicy, Grants, Principal, PrincipalKind, PrincipalRef

_log = structlog.get_logger(__name__)

_K = TypeVar("_K", bound=Hashable)
_V = TypeVar("_V")

_KINDS = {IdentityKind.USER: PrincipalKind.USER, IdentityKind.ASSUMED_ROLE: PrincipalKind.ROLE}
ROLE_ACTIONS = frozenset({"sts:assumerole", "sts:tagsession"})
"""What a role's trust policy decides about, in lower case."""
# What another account allows its own principals is that account's business. The issuer of their token speaks for it, so
# that side of a grant across accounts counts as given; the other side is the policy of the app or role.
_VOUCHED = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
_VOUCHED_NAME = "the principal's own account"


@dataclass(frozen=True, slots=True)
class _Known:
    """A user or role, and its policies."""

    principal: Principal
    identity: tuple[Policy, ...]
    boundary: Policy | None


@dataclass(frozen=True, slots=True)
class _Limits:
    """The limits of the account."""

    service_control: tuple[Policy, ...]
    endpoint: tuple[Policy, ...]


class _Cache(Generic[_K, _V]):
    """Keeps what was loaded until it is cleared; the least recently used gives way."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._values: OrderedDict[_K, _V] = OrderedDict()
        self._clearings = 0

    def clear(self) -> None:
        self._clearings += 1
        self._values.clear()

    async def get(self, key: _K, load: Callable[[_K], Awaitable[_V]]) -> _V:
        if key in self._values:
            self._values.move_to_end(key)
            return self._values[key]
        before = self._clearings
        value = await load(key)
        if before == self._clearings:  # else it may be from before a change
            self._values[key] = value
            if len(self._values) > self._size:
                self._values.popitem(last=False)
        return value


class PolicySource:
    """Knows all policies that apply to a request, and decides by them.

    Args:
        store: keeps identity data.
        watch: tells when they change.
        account: of this server, 12 digits.
        max_principals: how many principals, and as many apps, are kept in memory.
    """

    def __init__(self, store: IamStore, watch: RevisionWatch, *, account: str, max_principals: int = 10_000) -> None:
        self._store = store
        self._watch = watch
        self._account = account
        self._seen = -1
        self._principals: _Cache[PrincipalRef, _Known | None] = _Cache(max_principals)
        self._apps: _Cache[str, tuple[Policy, ...]] = _Cache(max_principals)
        self._limits: _Cache[str, _Limits] = _Cache(1)
        # Documents do not change, so these stay when identity data do.
        self._parsed: OrderedDict[tuple[PolicyKind, str, str], Policy] = OrderedDict()
        self._max_parsed = 4 * max_principals
        self._vouched = parse(_VOUCHED, PolicyKind.IDENTITY, name=_VOUCHED_NAME)

    async def decide(self, request: AccessRequest) -> Decision:
        """Return whether a request is allowed, and why.

        The tags of a user or role are those of now; those of a session come beside them and count more.

        Raises:
            StoreUnavailable: the store does not answer, and what is needed is not known.
        """
        try:
            policies = await self.policies(request.identity, request.action, request.resource)
            request = await self._with_resource_tags(request)
        except PolicyInvalid as error:
            # Stored by another version, or altered. What it would deny is not known, so everything is.
            _log.exception("a stored policy cannot be read; its principals can do nothing", problem=str(error))
            policies = None
        if policies is None:
            return Decision(allowed=False, kind=DecisionKind.NOT_ALLOWED_BY_IDENTITY, matched=())
        return decide(await self._with_tags(request), policies)

    async def policies(self, identity: Identity, action: str, resource: str) -> PolicySet | None:
        """Return the policies that apply, None if who calls, or the role that it wants, does not exist (any more).

        Raises:
            StoreUnavailable: as `decide`.
            PolicyInvalid: a stored policy cannot be read.
        """
        await self._renew()
        own: tuple[Policy, ...] = ()
        boundary = None
        foreign = bool(identity.account) and identity.account != self._account
        if foreign:
            own = (self._vouched,)
        elif identity.kind in _KINDS:
            known = await self._known(identity)
            if known is None:
                return None
            own, boundary = known.identity, known.boundary
        resource_policies = await self._resource_policies(action, resource)
        if resource_policies is None:
            return None
        limits = await self._limits.get("", self._load_limits)
        return PolicySet(
            identity=own,
            boundary=boundary,
            session=tuple(
                self._parse(document, PolicyKind.SESSION, f"session_policies[{number}]")
                for number, document in enumerate(identity.session_policies)
            ),
            service_control=() if foreign or not identity.account else limits.service_control,
            endpoint=limits.endpoint,
            resource=resource_policies,
            account=self._account,
        )

    async def principal(self, who: PrincipalRef) -> Principal | None:
        """Return a user or role as it is now, None if there is none. From memory, like everything here.

        Raises:
            StoreUnavailable: as `decide`.
        """
        await self._renew()
        try:
            known = await self._principals.get(who, self._load_principal)
        except PolicyInvalid:
            grants = await self._store.grants(who)
            return None if grants is None else grants.principal
        return None if known is None else known.principal

    async def _renew(self) -> None:
        generation = await self._watch.generation()
        if generation != self._seen:
            self._seen = generation
            for cache in (self._principals, self._apps, self._limits):
                cache.clear()

    async def _known(self, identity: Identity) -> _Known | None:
        who = PrincipalRef(_KINDS[identity.kind], identity.name)
        known = await self._principals.get(who, self._load_principal)
        if known is None or identity.principal_id not in {"", known.principal.id}:
            return None
        return known

    async def _with_tags(self, request: AccessRequest) -> AccessRequest:
        identity = request.identity
        if identity.kind not in _KINDS or identity.account != self._account:
            return request
        known = await self._known(identity)
        if known is None:
            return request
        own = known.principal.tags
        tags = own if identity.kind is IdentityKind.USER else {**own, **identity.tags}
        return request if tags == identity.tags else replace(request, identity=replace(identity, tags=tags))

    async def _with_resource_tags(self, request: AccessRequest) -> AccessRequest:
        """Add the tags of the user or role that the request is about; those of apps come with the request."""
        who = arns.principal_of(self._account, request.resource)
        if who is None or request.resource_tags:
            return request
        known = await self._principals.get(who, self._load_principal)
        if known is None or not known.principal.tags:
            return request
        return replace(request, resource_tags=known.principal.tags)

    async def _resource_policies(self, action: str, resource: str) -> tuple[Policy, ...] | None:
        if action.lower() in ROLE_ACTIONS:
            name = arns.role_name(self._account, resource)
            role = name and await self._principals.get(PrincipalRef(PrincipalKind.ROLE, name), self._load_principal)
            if not role:
                return None
            return (self._parse(role.principal.trust_policy, PolicyKind.TRUST, f"trust policy of {resource}"),)
        app_id = arns.app_id(resource)
        return () if app_id is None else await self._apps.get(app_id, self._load_app)

    # --- loading ------------------------------------------------------------------------------

    async def _load_principal(self, who: PrincipalRef) -> _Known | None:
        grants = await self._store.grants(who)
        return None if grants is None else self._compiled(grants)

    def _compiled(self, grants: Grants) -> _Known:
        documents: dict[str, str] = {}
        for key in grants.built_in:
            # One that this version does not have comes from a newer one on the same database, and grants nothing here.
            if key in BUILT_IN_POLICIES:
                documents[arns.policy_arn(self._account, key)] = BUILT_IN_POLICIES[key].document
        for key, document in grants.attached.items():
            documents[arns.policy_arn(self._account, key)] = document
        documents.update(grants.inline)
        identity = tuple(self._parse(text, PolicyKind.IDENTITY, name) for name, text in documents.items())
        return _Known(grants.principal, identity, self._boundary(grants))

    def _boundary(self, grants: Grants) -> Policy | None:
        key = grants.principal.boundary
        if not key:
            return None
        built_in = BUILT_IN_POLICIES.get(key)
        # An empty document does not parse: a limit that is not known must not become no limit.
        text = built_in.document if built_in else grants.boundary
        return self._parse(text, PolicyKind.BOUNDARY, arns.policy_arn(self._account, key))

    async def _load_app(self, app_id: str) -> tuple[Policy, ...]:
        try:
            stored = await self._store.get_app_policy(app_id)
        except AppNotFound:
            return ()
        return () if stored is None else (self._parse(stored.document, PolicyKind.RESOURCE, f"app/{app_id}"),)

    async def _load_limits(self, _key: str) -> _Limits:
        found: dict[AccountPolicy, tuple[Policy, ...]] = {}
        for which, kind in (
            (AccountPolicy.SERVICE_CONTROL, PolicyKind.SERVICE_CONTROL),
            (AccountPolicy.ENDPOINT, PolicyKind.ENDPOINT),
        ):
            stored = await self._store.get_account_policy(which)
            found[which] = () if stored is None else (self._parse(stored.document, kind, kind.value),)
        return _Limits(found[AccountPolicy.SERVICE_CONTROL], found[AccountPolicy.ENDPOINT])

    def _parse(self, document: str, kind: PolicyKind, name: str) -> Policy:
        key = (kind, name, document)
        policy = self._parsed.get(key)
        if policy is None:
            # Bounds were checked when it was given; a lower bound since then must not lock anybody out.
            policy = self._parsed[key] = parse(document, kind, name=name, max_size=_NO_BOUND)
            if len(self._parsed) > self._max_parsed:
                self._parsed.popitem(last=False)
        else:
            self._parsed.move_to_end(key)
        return policy


_NO_BOUND = 1 << 20
