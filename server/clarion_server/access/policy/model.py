"""Policies in the form in which they decide, and what decisions and checks say. Pure data.

`parse` (`parse.py`) makes a `Policy` of a document; `decide` (`decide.py`) asks a `PolicySet` about a request.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from clarion_server.access.policy.conditions import Condition
from clarion_server.access.policy.matching import Actions, Resources
from clarion_server.access.policy.principals import Principals


class PolicyKind(enum.Enum):
    """Where a policy is attached. It decides which elements the document must have, and how long it may be."""

    IDENTITY = "identity-based policy"
    """To a user, group or role: grants."""
    BOUNDARY = "permissions boundary"
    """To a user or role: limits what its identity-based policies grant."""
    SESSION = "session policy"
    """To one session: limits it."""
    SERVICE_CONTROL = "service control policy"
    """To the account: limits all its principals."""
    RESOURCE = "resource-based policy"
    """To a resource: grants to those it names."""
    ENDPOINT = "endpoint policy"
    """To a listener: limits all that comes through it."""
    TRUST = "role trust policy"
    """To a role: who may assume it."""


PRINCIPAL_KINDS = frozenset({PolicyKind.RESOURCE, PolicyKind.ENDPOINT, PolicyKind.TRUST})
"""The kinds whose statements name principals."""

MAX_SIZE = {
    PolicyKind.IDENTITY: 6144,
    PolicyKind.BOUNDARY: 6144,
    PolicyKind.SESSION: 2048,
    PolicyKind.SERVICE_CONTROL: 5120,
    PolicyKind.RESOURCE: 20_480,
    PolicyKind.ENDPOINT: 20_480,
    PolicyKind.TRUST: 2048,
}
"""The most characters of a document, white space not counted: AWS's bounds."""


class Severity(enum.Enum):
    """How much a finding matters, in the words of AWS's policy checks."""

    ERROR = "ERROR"
    """The policy, or a statement of it, cannot do what it says."""
    SECURITY_WARNING = "SECURITY_WARNING"
    """It may grant more than its author thinks."""
    WARNING = "WARNING"
    """It may not do what its author thinks."""
    SUGGESTION = "SUGGESTION"
    """It can be said better."""


class FindingCode(enum.Enum):
    """What is wrong with a policy document. Names are stable."""

    JSON_INVALID = "JSON_INVALID"
    TOO_LARGE = "TOO_LARGE"
    WRONG_TYPE = "WRONG_TYPE"
    UNKNOWN_ELEMENT = "UNKNOWN_ELEMENT"
    MISSING_ELEMENT = "MISSING_ELEMENT"
    CONFLICTING_ELEMENTS = "CONFLICTING_ELEMENTS"
    ELEMENT_NOT_ALLOWED = "ELEMENT_NOT_ALLOWED"
    INVALID_VERSION = "INVALID_VERSION"
    INVALID_SID = "INVALID_SID"
    DUPLICATE_SID = "DUPLICATE_SID"
    INVALID_EFFECT = "INVALID_EFFECT"
    INVALID_ACTION = "INVALID_ACTION"
    INVALID_RESOURCE = "INVALID_RESOURCE"
    INVALID_PRINCIPAL = "INVALID_PRINCIPAL"
    INVALID_OPERATOR = "INVALID_OPERATOR"
    INVALID_CONDITION_VALUE = "INVALID_CONDITION_VALUE"
    INVALID_VARIABLE = "INVALID_VARIABLE"
    MISSING_QUALIFIER = "MISSING_QUALIFIER"
    # Of documents that can be used; see `validate`.
    MISSING_VERSION = "MISSING_VERSION"
    OLD_VERSION_WITH_VARIABLE = "OLD_VERSION_WITH_VARIABLE"
    UNKNOWN_ACTION = "UNKNOWN_ACTION"
    ACTION_OF_OTHER_SERVICE = "ACTION_OF_OTHER_SERVICE"
    RESOURCE_NEVER_MATCHES = "RESOURCE_NEVER_MATCHES"
    UNKNOWN_CONDITION_KEY = "UNKNOWN_CONDITION_KEY"
    UNKNOWN_VARIABLE = "UNKNOWN_VARIABLE"
    OPERATOR_TYPE_MISMATCH = "OPERATOR_TYPE_MISMATCH"
    QUALIFIER_ON_SINGLE_VALUE = "QUALIFIER_ON_SINGLE_VALUE"
    FOR_ALL_VALUES_WITHOUT_NULL_CHECK = "FOR_ALL_VALUES_WITHOUT_NULL_CHECK"
    CONDITION_NEVER_TRUE = "CONDITION_NEVER_TRUE"
    WILDCARD_TAKEN_LITERALLY = "WILDCARD_TAKEN_LITERALLY"
    ALLOWS_EVERYTHING = "ALLOWS_EVERYTHING"
    ALLOWS_ALL_IDENTITY_ACTIONS = "ALLOWS_ALL_IDENTITY_ACTIONS"
    ALLOWS_WITH_NOT_ACTION = "ALLOWS_WITH_NOT_ACTION"
    ALLOWS_WITH_NOT_RESOURCE = "ALLOWS_WITH_NOT_RESOURCE"
    ALLOWS_EVERY_PRINCIPAL = "ALLOWS_EVERY_PRINCIPAL"
    NOT_PRINCIPAL = "NOT_PRINCIPAL"
    PRINCIPAL_NEVER_MATCHES = "PRINCIPAL_NEVER_MATCHES"
    REDUNDANT_ACTION = "REDUNDANT_ACTION"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about a policy document.

    Attributes:
        severity: how much it matters; what makes `parse` refuse the document is an ERROR.
        code: what it is.
        path: where, from the document's root, such as `Statement[0].Condition.StringLike["aws:username"]`; empty for
            the document as a whole.
        message: what is wrong, for people.
        remedy: what would be right, for people.
    """

    severity: Severity
    code: FindingCode
    path: str
    message: str
    remedy: str


class PolicyInvalid(Exception):
    """A document is not a policy of its kind.

    Attributes:
        findings: all that is wrong with it, at least one.
    """

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        first = findings[0]
        more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
        super().__init__(f"{first.path or 'policy'}: {first.message}; {first.remedy}{more}")
        self.findings = findings


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement, ready to decide.

    Attributes:
        index: its place in the document.
        sid: its `Sid`, empty if none.
        allows: whether its effect is Allow; else it is Deny.
        principals: whom it is about; None in kinds that name nobody.
        actions: what it is about.
        resources: on which resources.
        conditions: all of which must hold.
    """

    index: int
    sid: str
    allows: bool
    principals: Principals | None
    actions: Actions
    resources: Resources
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy, ready to decide. Immutable: keep it as long as its document does not change.

    Attributes:
        kind: where it is attached.
        name: what decisions call it.
        version: `2012-10-17` or `2008-10-17`.
        statements: in the order of the document.
        allows: those that allow.
        denies: those that deny.
    """

    kind: PolicyKind
    name: str
    version: str
    statements: tuple[Statement, ...]
    allows: tuple[Statement, ...]
    denies: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class PolicySet:
    """The policies that apply to one request.

    Attributes:
        identity: of the principal: managed, inline and of its groups; of a session, those of its role.
        boundary: the principal's permissions boundary; of a session, its role's.
        session: of the session; one of them must allow. None given: no limit.
        service_control: of the principal's account; one of them must allow. None given: no limit.
        endpoint: of the listener through which the request came; one of them must allow. None given: no limit.
        resource: of the resource; for `sts:AssumeRole` the role's trust policy (`PolicyKind.TRUST`), without which
            nobody assumes it.
        account: 12 digits: the account of the resource, where its ARN does not tell. Empty: the ARN's.
    """

    identity: tuple[Policy, ...] = ()
    boundary: Policy | None = None
    session: tuple[Policy, ...] = ()
    service_control: tuple[Policy, ...] = ()
    endpoint: tuple[Policy, ...] = ()
    resource: tuple[Policy, ...] = ()
    account: str = ""


class DecisionKind(enum.Enum):
    """Why a request is allowed or denied. A denial without a statement that denies says which policy did not allow."""

    ALLOWED = "allowed"
    EXPLICIT_DENY = "explicit deny"
    NOT_ALLOWED_BY_SERVICE_CONTROL = "not allowed by a service control policy"
    NOT_ALLOWED_BY_ENDPOINT = "not allowed by the endpoint policy"
    NOT_ALLOWED_BY_RESOURCE = "not allowed by a resource-based policy"
    NOT_ALLOWED_BY_IDENTITY = "not allowed by an identity-based policy"
    NOT_ALLOWED_BY_BOUNDARY = "not allowed by the permissions boundary"
    NOT_ALLOWED_BY_SESSION = "not allowed by a session policy"


@dataclass(frozen=True, slots=True)
class MatchedStatement:
    """A statement that took part in a decision.

    Attributes:
        kind: of its policy.
        policy: its policy's name.
        sid: its `Sid`, empty if none.
        index: its place in the policy.
    """

    kind: PolicyKind
    policy: str
    sid: str
    index: int


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer to a request.

    Attributes:
        allowed: whether it may be done.
        kind: why, or why not.
        matched: all statements that deny it; if none does, one of each kind of policy that allows it, also when
            another one's silence denies it.
    """

    allowed: bool
    kind: DecisionKind
    matched: tuple[MatchedStatement, ...]

    def because(self, action: str) -> str:
        """Return the end of a denial's message, in AWS's words; empty if allowed."""
        if self.allowed:
            return ""
        if self.kind is DecisionKind.EXPLICIT_DENY:
            return f"with an explicit deny in {_with_article(self.matched[0].kind.value)}"
        return f"because no {_SILENT[self.kind].value} allows the {action} action"


_SILENT = {
    DecisionKind.NOT_ALLOWED_BY_SERVICE_CONTROL: PolicyKind.SERVICE_CONTROL,
    DecisionKind.NOT_ALLOWED_BY_ENDPOINT: PolicyKind.ENDPOINT,
    DecisionKind.NOT_ALLOWED_BY_RESOURCE: PolicyKind.RESOURCE,
    DecisionKind.NOT_ALLOWED_BY_IDENTITY: PolicyKind.IDENTITY,
    DecisionKind.NOT_ALLOWED_BY_BOUNDARY: PolicyKind.BOUNDARY,
    DecisionKind.NOT_ALLOWED_BY_SESSION: PolicyKind.SESSION,
}


def _with_article(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"
