"""Laws that hold for all policies, tried on generated ones."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from clarion_server.access.policy import (
    DecisionKind,
    Policy,
    PolicyInvalid,
    PolicyKind,
    PolicySet,
    decide,
    explain,
    parse,
    validate,
)
from clarion_server.access.policy.conditions import OPERATORS
from clarion_server.access_model import AccessRequest
from tests.unit.access.worlds import (
    ACCOUNT,
    APP_ARN,
    FEDERATED,
    FOREIGNER,
    MESSAGES,
    NOBODY,
    OTHER_ACCOUNT,
    PREFIX,
    ROLE_ARN,
    SEND,
    SESSION,
    USER,
    deny,
    document,
    request,
)

_KINDS = ("identity", "boundary", "session", "control", "endpoint", "resource")
_OF = {
    "identity": PolicyKind.IDENTITY,
    "boundary": PolicyKind.BOUNDARY,
    "session": PolicyKind.SESSION,
    "control": PolicyKind.SERVICE_CONTROL,
    "endpoint": PolicyKind.ENDPOINT,
    "resource": PolicyKind.RESOURCE,
}
_PRINCIPALS = ["*", USER.arn, ROLE_ARN, SESSION.arn, FEDERATED.arn, FOREIGNER.arn, ACCOUNT, OTHER_ACCOUNT]

_actions = st.sampled_from([SEND, "mobiletargeting:*", "*", "mobiletargeting:Get*", "iam:*", "mobiletargeting:?end*"])
_resources = st.sampled_from([MESSAGES, "*", f"{APP_ARN}/*", f"{PREFIX}apps/${{aws:username}}/*", f"{PREFIX}apps/x"])
_conditions = st.sampled_from(
    [
        {},
        {"Bool": {"aws:SecureTransport": "true"}},
        {"StringNotEquals": {"aws:ResourceTag/team": "${aws:PrincipalTag/team}"}},
        {"ForAllValues:StringLike": {"aws:TagKeys": ["a*", "b*"]}},
        {"Null": {"aws:MultiFactorAuthPresent": "true"}, "NotIpAddress": {"aws:SourceIp": "203.0.113.0/24"}},
    ]
)


@st.composite
def _statements(draw: st.DrawFn, kind: str, effects: tuple[str, ...] = ("Allow", "Deny")) -> dict[str, Any]:
    statement: dict[str, Any] = {"Effect": draw(st.sampled_from(effects)), "Condition": draw(_conditions)}
    statement[draw(st.sampled_from(["Action", "NotAction"]))] = draw(st.lists(_actions, min_size=1, max_size=2))
    statement[draw(st.sampled_from(["Resource", "NotResource"]))] = draw(_resources)
    if kind in ("endpoint", "resource"):
        statement["Principal"] = {"AWS": draw(st.lists(st.sampled_from(_PRINCIPALS), min_size=1, max_size=2))}
    return statement


_documents = st.fixed_dictionaries(
    {},
    optional={kind: st.lists(_statements(kind), min_size=1, max_size=3) for kind in _KINDS},
)
_requests = st.builds(
    request,
    st.sampled_from([USER, SESSION, FEDERATED, FOREIGNER, NOBODY]),
    st.sampled_from([SEND, "mobiletargeting:GetApp", "iam:GetUser"]),
    st.sampled_from([MESSAGES, APP_ARN, "*"]),
    resource_tags=st.sampled_from([{}, {"team": "blue"}, {"team": "red"}]),
    request_tags=st.sampled_from([{}, {"a": "1"}, {"c": "1", "a": ""}]),
    secure_transport=st.booleans(),
)


def _set(documents: dict[str, list[dict[str, Any]]]) -> PolicySet:
    made = {kind: (parse(document(each), _OF[kind], max_size=100_000),) for kind, each in documents.items()}
    return PolicySet(
        identity=made.get("identity", ()),
        boundary=made["boundary"][0] if "boundary" in made else None,
        session=made.get("session", ()),
        service_control=made.get("control", ()),
        endpoint=made.get("endpoint", ()),
        resource=made.get("resource", ()),
    )


@given(_requests, _documents, st.sampled_from(_KINDS))
def test_a_deny_always_wins(asked: AccessRequest, documents: dict[str, Any], kind: str) -> None:
    """A statement that denies everything, to everyone, in any policy, denies whatever the others say."""
    everyone = {"Principal": "*"} if kind in ("endpoint", "resource") else {}
    more = {**documents, kind: [*documents.get(kind, []), deny(**everyone)]}
    assert decide(asked, _set(more)).kind is DecisionKind.EXPLICIT_DENY


@given(_requests, _documents, st.data())
def test_adding_a_deny_never_allows(asked: AccessRequest, documents: dict[str, Any], data: st.DataObject) -> None:
    """What is denied stays denied when a statement that denies is added to any policy."""
    kind = data.draw(st.sampled_from(sorted(documents) or ["identity"]))
    added = data.draw(_statements(kind, ("Deny",)))
    more = {**documents, kind: [*documents.get(kind, []), added]}
    assert decide(asked, _set(documents)).allowed or not decide(asked, _set(more)).allowed


@given(_requests, _documents, st.randoms(use_true_random=False))
def test_order_never_matters(asked: AccessRequest, documents: dict[str, Any], random: Any) -> None:
    """Statements in another order decide the same."""
    shuffled = {kind: random.sample(statements, len(statements)) for kind, statements in documents.items()}
    assert decide(asked, _set(documents)).kind is decide(asked, _set(shuffled)).kind


@given(_requests, _documents, st.data())
def test_removing_an_allow_never_allows(asked: AccessRequest, documents: dict[str, Any], data: st.DataObject) -> None:
    """What is denied stays denied when a statement that allows is taken out of any policy, which stays."""
    places = [(kind, index) for kind, each in documents.items() for index, one in enumerate(each) if _allows(one)]
    if not places:
        return
    kind, index = data.draw(st.sampled_from(places))
    silent = {**documents[kind][index], "Action": ["iam:Nothing"]}
    silent.pop("NotAction", None)
    fewer = {**documents, kind: [*documents[kind][:index], silent, *documents[kind][index + 1 :]]}
    assert decide(asked, _set(documents)).allowed or not decide(asked, _set(fewer)).allowed


def _allows(statement: dict[str, Any]) -> bool:
    return bool(statement["Effect"] == "Allow")


@given(_requests, _documents, st.sampled_from(["boundary", "session", "control", "endpoint"]), st.data())
def test_limits_only_restrict(asked: AccessRequest, documents: dict[str, Any], kind: str, data: st.DataObject) -> None:
    """What is denied without a limit is denied with any."""
    without = {each: statements for each, statements in documents.items() if each != kind}
    limited = {**without, kind: data.draw(st.lists(_statements(kind), min_size=1, max_size=3))}
    assert decide(asked, _set(without)).allowed or not decide(asked, _set(limited)).allowed


@given(_requests, _documents)
def test_the_explanation_agrees(asked: AccessRequest, documents: dict[str, Any]) -> None:
    """A denial by statement is explained by that statement, and nothing is allowed that no statement allows."""
    found = _set(documents)
    explained = explain(asked, found)
    applying = {each.statement for each in explained.statements if each.applies}
    assert set(explained.decision.matched) <= applying
    denied = any(each.applies and not each.allows for each in explained.statements)
    assert denied is (explained.decision.kind is DecisionKind.EXPLICIT_DENY)
    if explained.decision.allowed:
        assert any(each.applies and each.allows for each in explained.statements)


# --- any document at all ----------------------------------------------------------------------

_scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12)
_words = st.sampled_from(
    [
        *("Version", "Id", "Statement", "Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction"),
        *("Resource", "NotResource", "Condition", "AWS", "Federated", "2012-10-17", "2008-10-17", "Allow", "Deny", "*"),
        *OPERATORS,
        *("Null", "ForAllValues:StringLike", "ForAnyValue:ArnLike", "BoolIfExists", "aws:username", "aws:TagKeys"),
        *("aws:ResourceTag/x", "aws:CurrentTime", "${aws:username}", "${aws:x, 'y'}", "${", "${*}", "true", "10"),
        *("mobiletargeting:*", "mobiletargeting:SendMessages", MESSAGES, "arn:aws:iam::*", "10.0.0.0/8", "2026-01-01"),
    ]
)
_values = st.recursive(
    _scalars | _words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_words | st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)
_likely = st.fixed_dictionaries(
    {
        "Version": st.sampled_from(["2012-10-17", "2008-10-17"]) | _values,
        "Statement": st.lists(
            st.fixed_dictionaries(
                {
                    "Effect": st.sampled_from(["Allow", "Deny"]),
                    "Action": st.lists(_words, min_size=1, max_size=2) | st.sampled_from(["*", "mobiletargeting:*"]),
                    "Resource": st.sampled_from(["*", MESSAGES, f"{PREFIX}${{aws:username}}"]) | _words,
                },
                optional={
                    "Condition": st.dictionaries(
                        st.sampled_from([*OPERATORS, "Null", "ForAllValues:StringLike", "NumericLessThanIfExists"]),
                        st.dictionaries(_words, _words | st.lists(_words, max_size=2), max_size=2),
                        max_size=2,
                    ),
                    "Principal": _values,
                },
            ),
            max_size=3,
        ),
    }
)


@given(_likely | st.dictionaries(_words, _values, max_size=4), st.sampled_from(PolicyKind), _requests)
def test_no_document_breaks_anything(found: dict[str, Any], kind: PolicyKind, asked: AccessRequest) -> None:
    """A document is a policy, or is refused with the findings that a check has too; a policy decides every request."""
    findings = validate(found, kind, [SEND])
    made = _parsed(found, kind)
    if isinstance(made, PolicyInvalid):
        assert made.findings
        assert findings[: len(made.findings)] == list(made.findings)
        return
    for policies in (
        PolicySet(identity=(made,)),
        PolicySet(identity=(made,), boundary=made, session=(made,), service_control=(made,)),
        PolicySet(identity=(made,), endpoint=(made,), resource=(made,)),
    ):
        decide(asked, policies)
        explain(replace(asked, source_ip="not an address"), policies)


@given(st.text(max_size=60) | _values.map(lambda value: json.dumps(value)[:200]), st.sampled_from(PolicyKind))
def test_no_text_breaks_anything(text: str, kind: PolicyKind) -> None:
    """Any text is a policy or is refused."""
    validate(text, kind, [SEND])
    made = _parsed(text, kind)
    assert isinstance(made, Policy) or made.findings


def _parsed(found: str | dict[str, Any], kind: PolicyKind) -> Policy | PolicyInvalid:
    try:
        return parse(found, kind)
    except PolicyInvalid as error:
        return error
