"""The decision about a request, in AWS's order.

1. A statement of any policy denies it: denied.
2. A limit is set and does not allow it - service control policy, endpoint policy: denied.
3. Within an account, identity-based policies *or* the resource's policy must allow it. For a principal of another
   account both must. A role is assumed only if its trust policy allows it.
4. The permissions boundary and the session policies limit what comes from identity-based policies, and what a
   resource's policy grants to the session's *role*. What it grants to the user, the session itself, or everyone, is
   not limited, within an account. A resource's policy that names the account grants nothing by itself: it lets the
   account's identity-based policies grant.
5. Else: denied.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from clarion_server.access.policy.keys import account_of
from clarion_server.access.policy.model import (
    Decision,
    DecisionKind,
    MatchedStatement,
    Policy,
    PolicyKind,
    PolicySet,
    Statement,
)
from clarion_server.access.policy.principals import Reach
from clarion_server.access_model import AccessRequest, IdentityKind


def decide(request: AccessRequest, policies: PolicySet) -> Decision:
    """Return whether the request is allowed, and why."""
    asked = _Asked(request, policies)
    denied = asked.denials()
    if denied:
        return Decision(allowed=False, kind=DecisionKind.EXPLICIT_DENY, matched=denied)
    kind, matched = asked.grant()
    return Decision(kind is DecisionKind.ALLOWED, kind, tuple(matched))


@dataclass(frozen=True, slots=True)
class StatementReport:
    """What one statement says about a request.

    Attributes:
        statement: which.
        allows: whether its effect is Allow.
        applies: whether it is about the request.
        obstacle: the first thing that keeps it from applying: `principal`, `action`, `resource`, or a condition such as
            `StringEquals aws:username`; empty if it applies.
    """

    statement: MatchedStatement
    allows: bool
    applies: bool
    obstacle: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """A decision with what led to it.

    Attributes:
        decision: as `decide` gives it.
        statements: what each statement of each policy says.
        missing_keys: condition keys that the request does not have, in statements that are otherwise about it.
    """

    decision: Decision
    statements: tuple[StatementReport, ...]
    missing_keys: tuple[str, ...]


def explain(request: AccessRequest, policies: PolicySet) -> Explanation:
    """Return the decision and all that led to it. Slower than `decide`."""
    asked = _Asked(request, policies)
    reports: list[StatementReport] = []
    missing: dict[str, None] = {}
    for policy in asked.all_policies():
        for statement in policy.statements:
            obstacle = asked.obstacle(statement)
            reports.append(StatementReport(_matched(policy, statement), statement.allows, not obstacle, obstacle))
            if asked.is_about(statement):
                missing.update((each.name, None) for each in statement.conditions if each.is_absent(request))
    return Explanation(decide(request, policies), tuple(reports), tuple(missing))


class _Asked:
    """One request before one set of policies."""

    __slots__ = ("_action", "_bounded", "_policies", "_request")

    def __init__(self, request: AccessRequest, policies: PolicySet) -> None:
        self._request = request
        self._policies = policies
        self._action = request.action.lower()
        self._bounded = policies.boundary is not None

    def all_policies(self) -> tuple[Policy, ...]:
        policies = self._policies
        boundary = () if policies.boundary is None else (policies.boundary,)
        return (
            *policies.service_control,
            *policies.endpoint,
            *policies.resource,
            *policies.identity,
            *boundary,
            *policies.session,
        )

    def denials(self) -> tuple[MatchedStatement, ...]:
        """Return all statements that deny."""
        found = []
        for policy in self.all_policies():
            for statement in policy.denies:
                if self._applies(statement):
                    found.append(_matched(policy, statement))  # noqa: PERF401 - faster on this path
        return tuple(found)

    def grant(self) -> tuple[DecisionKind, list[MatchedStatement]]:
        """Return the decision if nothing denies, and the statements that allow."""
        policies, matched = self._policies, list[MatchedStatement]()
        if policies.service_control and not self._allowed(policies.service_control, matched):
            return DecisionKind.NOT_ALLOWED_BY_SERVICE_CONTROL, matched
        if policies.endpoint and not self._allowed(policies.endpoint, matched):
            return DecisionKind.NOT_ALLOWED_BY_ENDPOINT, matched
        reach = self._reach(matched)
        foreign = self._foreign()
        if reach is Reach.NONE and (foreign or any(each.kind is PolicyKind.TRUST for each in policies.resource)):
            return DecisionKind.NOT_ALLOWED_BY_RESOURCE, matched
        identity = self._request.identity
        if identity.kind is IdentityKind.ANONYMOUS:
            # Nobody has no policies: only a resource open to everyone is open to nobody.
            kind = DecisionKind.ALLOWED if reach is Reach.EVERYONE else DecisionKind.NOT_ALLOWED_BY_RESOURCE
            return kind, matched
        if not foreign and (reach is Reach.EVERYONE or (reach is Reach.DIRECT and not self._speaks_for_a_user())):
            return DecisionKind.ALLOWED, matched
        if not self._allowed(policies.identity, matched) and (foreign or reach < Reach.ROLE):
            return DecisionKind.NOT_ALLOWED_BY_IDENTITY, matched
        if policies.boundary is not None and not self._allowed((policies.boundary,), matched):
            return DecisionKind.NOT_ALLOWED_BY_BOUNDARY, matched
        if policies.session and not self._allowed(policies.session, matched):
            return DecisionKind.NOT_ALLOWED_BY_SESSION, matched
        return DecisionKind.ALLOWED, matched

    def _foreign(self) -> bool:
        """Tell whether the principal is of another account than the resource."""
        owner = self._policies.account or account_of(self._request.resource)
        return bool(owner) and owner != self._request.identity.account

    def _speaks_for_a_user(self) -> bool:
        """Tell whether this is a limited session under a user's own ARN: what is granted to the user is limited too."""
        return self._request.identity.kind is IdentityKind.USER and bool(self._policies.session)

    def _reach(self, matched: list[MatchedStatement]) -> Reach:
        """Return how directly the resource's policies grant the request, and add the statement that does most."""
        best, found = Reach.NONE, None
        for policy in self._policies.resource:
            for statement in policy.allows:
                reach = self._reach_of(statement)
                if reach > best and self._applies(statement):
                    best, found = reach, _matched(policy, statement)
        if found is not None:
            matched.append(found)
        return best

    def _allowed(self, policies: Sequence[Policy], matched: list[MatchedStatement]) -> bool:
        """Tell whether one of the policies allows, and add the statement that does."""
        for policy in policies:
            for statement in policy.allows:
                if self._applies(statement):
                    matched.append(_matched(policy, statement))
                    return True
        return False

    def _applies(self, statement: Statement) -> bool:
        request = self._request
        if not statement.actions.match(self._action, request) or not statement.resources.match(request):
            return False
        if statement.principals is not None and self._reach_of(statement) is Reach.NONE:
            return False
        for condition in statement.conditions:  # noqa: SIM110 - faster on this path
            if not condition.holds(request):
                return False
        return True

    def _reach_of(self, statement: Statement) -> Reach:
        if statement.principals is None:
            return Reach.NONE
        return statement.principals.reach(self._request.identity, bounded=self._bounded)

    def is_about(self, statement: Statement) -> bool:
        """Tell whether the statement would apply if its conditions held."""
        return self.obstacle(statement) not in ("principal", "action", "resource")

    def obstacle(self, statement: Statement) -> str:
        """Return what keeps the statement from applying, empty if nothing does."""
        request = self._request
        if statement.principals is not None and self._reach_of(statement) is Reach.NONE:
            return "principal"
        if not statement.actions.match(self._action, request):
            return "action"
        if not statement.resources.match(request):
            return "resource"
        failed = next((each for each in statement.conditions if not each.holds(request)), None)
        return "" if failed is None else f"{failed.operator_name} {failed.name}"


def _matched(policy: Policy, statement: Statement) -> MatchedStatement:
    return MatchedStatement(policy.kind, policy.name, statement.sid, statement.index)
