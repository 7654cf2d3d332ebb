from __future__ import annotations

import json
from typing import Any

import pytest

from clarion_server.access.policy import MAX_SIZE, FindingCode, PolicyInvalid, PolicyKind, decide, parse
from tests.unit.access.worlds import SEND, USER, allow, deny, document, policies, request

_ID = PolicyKind.IDENTITY


def _findings(found: Any, kind: PolicyKind = _ID) -> list[tuple[FindingCode, str]]:
    with pytest.raises(PolicyInvalid) as caught:
        parse(found, kind)
    for finding in caught.value.findings:
        assert finding.message
        assert finding.remedy
    return [(finding.code, finding.path) for finding in caught.value.findings]


def _one(statement: dict[str, Any], kind: PolicyKind = _ID) -> list[tuple[FindingCode, str]]:
    return _findings(document([statement]), kind)


def test_forms() -> None:
    """Text and mapping, one statement and several, strings and lists: all are read, and Id and Sid are kept apart."""
    for found in (
        document([allow(SEND)]),
        json.dumps(document([allow([SEND])])),
        {"Version": "2012-10-17", "Id": "x", "Statement": allow(SEND, Sid="One1")},
    ):
        made = parse(found, _ID, name="mine")
        assert (made.name, made.version, len(made.statements)) == ("mine", "2012-10-17", 1)
    assert parse({"Statement": [allow()]}, _ID).version == "2008-10-17"


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "line 1, column 1"),
        ("{", "line 1"),
        ('{"Version": NaN}', "NaN"),
        ("[" * 3000, "nested"),
        ('{"Statement": "' + "\\ud800" + '"}', "surrogate"),
        ('{"Id": ' + "9" * 5000 + "}", "integer"),
        ('{"Statement": [], "Statement": []}', "twice"),
        ('{"Statement": [{"Effect": "Allow", "Effect": "Deny"}]}', "twice"),
    ],
)
def test_what_is_no_json(text: str, word: str) -> None:
    """Each is refused with where and why; a key that is there twice too, because readers disagree which counts."""
    with pytest.raises(PolicyInvalid, match=word) as caught:
        parse(text, _ID)
    assert caught.value.findings[0].code is FindingCode.JSON_INVALID


def test_what_is_no_object() -> None:
    """A list or a string is no policy, and a mapping may only hold what JSON has."""
    assert _findings("[]") == [(FindingCode.WRONG_TYPE, "")]
    assert _findings({"Statement": {1, 2}}) == [(FindingCode.JSON_INVALID, "")]
    circle: dict[str, Any] = {}
    circle["Statement"] = circle
    assert _findings(circle) == [(FindingCode.JSON_INVALID, "")]


@pytest.mark.parametrize("kind", PolicyKind)
def test_size(kind: PolicyKind) -> None:
    """White space does not count; one character more than the kind's bound is refused."""
    principal = {"Principal": "*"} if kind in (PolicyKind.RESOURCE, PolicyKind.ENDPOINT, PolicyKind.TRUST) else {}
    resource = None if kind is PolicyKind.TRUST else "*"
    found = {"Id": "", **document([allow(SEND, resource, **principal)])}
    room = MAX_SIZE[kind] - len(json.dumps(found, separators=(",", ":")))
    fits = {**found, "Id": "x" * room}
    parse(json.dumps(fits, indent=4), kind)
    assert _findings({**found, "Id": "x" * (room + 1)}, kind) == [(FindingCode.TOO_LARGE, "")]
    assert _findings(" " * 70_000 + json.dumps(found), kind) == [(FindingCode.TOO_LARGE, "")]


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ({"Action": "*", "Resource": "*"}, [(FindingCode.INVALID_EFFECT, "Effect")]),
        ({**allow(), "Effect": "allow"}, [(FindingCode.INVALID_EFFECT, "Effect")]),
        ({"Effect": "Allow", "Resource": "*"}, [(FindingCode.MISSING_ELEMENT, "Action")]),
        ({"Effect": "Allow", "Action": "*"}, [(FindingCode.MISSING_ELEMENT, "Resource")]),
        ({**allow(), "NotAction": "*"}, [(FindingCode.CONFLICTING_ELEMENTS, "NotAction")]),
        ({**allow(), "NotResource": "*"}, [(FindingCode.CONFLICTING_ELEMENTS, "NotResource")]),
        ({**allow(), "Principal": "*"}, [(FindingCode.ELEMENT_NOT_ALLOWED, "Principal")]),
        ({**allow(), "Sid": "a b"}, [(FindingCode.INVALID_SID, "Sid")]),
        ({**allow(), "Sid": 1}, [(FindingCode.INVALID_SID, "Sid")]),
        (allow([]), [(FindingCode.WRONG_TYPE, "Action")]),
        (allow(""), [(FindingCode.WRONG_TYPE, "Action")]),
        (allow([SEND, ""]), [(FindingCode.WRONG_TYPE, "Action")]),
        (allow("SendMessages"), [(FindingCode.INVALID_ACTION, "Action")]),
        (allow("mobile*:SendMessages"), [(FindingCode.INVALID_ACTION, "Action")]),
        (allow(resource="apps/1"), [(FindingCode.INVALID_RESOURCE, "Resource")]),
        (allow(resource="arn:aws:iam::user/ann"), [(FindingCode.INVALID_RESOURCE, "Resource")]),
        (allow(resource="*:apps"), [(FindingCode.INVALID_RESOURCE, "Resource")]),
        (allow(resource="${aws:PrincipalArn}"), [(FindingCode.INVALID_RESOURCE, "Resource")]),
        (allow(resource="arn:aws:iam::*:user/${aws:username"), [(FindingCode.INVALID_VARIABLE, "Resource")]),
        (allow(resource="arn:aws:iam::*:user/${a, b}"), [(FindingCode.INVALID_VARIABLE, "Resource")]),
        (allow(Condition=[]), [(FindingCode.WRONG_TYPE, "Condition")]),
        (allow(Condition={"Bool": "x"}), [(FindingCode.WRONG_TYPE, 'Condition["Bool"]')]),
    ],
)
def test_findings(statement: dict[str, Any], expected: list[tuple[FindingCode, str]]) -> None:
    """Each mistake is found at its place."""
    assert _one(statement) == [(code, f"Statement[0].{path}") for code, path in expected]


@pytest.mark.parametrize(
    ("operator", "key", "value", "code"),
    [
        ("stringEquals", "aws:username", "x", FindingCode.INVALID_OPERATOR),
        ("StringMatches", "aws:username", "x", FindingCode.INVALID_OPERATOR),
        ("NullIfExists", "aws:username", "true", FindingCode.INVALID_OPERATOR),
        ("ForAnyValue:Null", "aws:TagKeys", "true", FindingCode.INVALID_OPERATOR),
        ("StringEquals", "aws:TagKeys", "x", FindingCode.MISSING_QUALIFIER),
        ("StringEquals", "aws:username", [], FindingCode.WRONG_TYPE),
        ("StringEquals", "aws:username", None, FindingCode.WRONG_TYPE),
        ("StringEquals", "aws:username", "${x", FindingCode.INVALID_VARIABLE),
        ("NumericEquals", "aws:EpochTime", "ten", FindingCode.INVALID_CONDITION_VALUE),
        ("NumericEquals", "aws:EpochTime", "${aws:EpochTime}", FindingCode.INVALID_CONDITION_VALUE),
        ("DateLessThan", "aws:CurrentTime", "yesterday", FindingCode.INVALID_CONDITION_VALUE),
        ("DateLessThan", "aws:CurrentTime", "2026-13-01", FindingCode.INVALID_CONDITION_VALUE),
        ("DateLessThan", "aws:CurrentTime", "2026-01-01T10:00:00", FindingCode.INVALID_CONDITION_VALUE),
        ("Bool", "aws:SecureTransport", "yes", FindingCode.INVALID_CONDITION_VALUE),
        ("Null", "aws:SecureTransport", "maybe", FindingCode.INVALID_CONDITION_VALUE),
        ("IpAddress", "aws:SourceIp", "300.1.1.1", FindingCode.INVALID_CONDITION_VALUE),
        ("ArnLike", "aws:PrincipalArn", "user/*", FindingCode.INVALID_CONDITION_VALUE),
        ("ArnLike", "aws:PrincipalArn", "arn:aws:iam*", FindingCode.INVALID_CONDITION_VALUE),
        ("BinaryEquals", "aws:RequestTag/x", "not base64", FindingCode.INVALID_CONDITION_VALUE),
    ],
)
def test_findings_in_conditions(operator: str, key: str, value: Any, code: FindingCode) -> None:
    """Each mistake in a condition is found at its operator and key."""
    path = f'Statement[0].Condition["{operator}"]["{key}"]'
    assert _one(allow(Condition={operator: {key: value}})) == [(code, path)]


@pytest.mark.parametrize(
    "principal",
    [
        [],
        {},
        "ann",
        {"AWS": []},
        {"Aws": "*"},
        {"AWS": "arn:aws:iam::111122223333:user/*"},
        {"AWS": "arn:aws:iam::1111:user/ann"},
        {"AWS": "arn:aws:iam::111122223333:user"},
        {"AWS": "11112222333"},
        {"Federated": ""},
        {"Federated": "a*"},
    ],
)
def test_principals_that_are_none(principal: Any) -> None:
    """A principal is `*`, an account, or the whole ARN of somebody: never a part of one."""
    found = _one({**allow(), "Principal": principal}, PolicyKind.RESOURCE)
    assert len(found) == 1
    assert found[0][1].startswith("Statement[0].Principal")


def test_whom_a_policy_must_name() -> None:
    """Resource, endpoint and trust policies name principals; NotPrincipal only denies; trust names no resource."""
    for kind in (PolicyKind.RESOURCE, PolicyKind.ENDPOINT, PolicyKind.TRUST):
        resource = None if kind is PolicyKind.TRUST else "*"
        assert _one(allow(resource=resource), kind) == [(FindingCode.MISSING_ELEMENT, "Statement[0].Principal")]
        both = allow(resource=resource, Principal="*", NotPrincipal="*")
        assert _one(both, kind) == [(FindingCode.CONFLICTING_ELEMENTS, "Statement[0].NotPrincipal")]
        inverted = allow(resource=resource, NotPrincipal={"AWS": USER.arn})
        assert _one(inverted, kind) == [(FindingCode.ELEMENT_NOT_ALLOWED, "Statement[0].NotPrincipal")]
        parse(document([deny(resource=resource, NotPrincipal={"AWS": USER.arn})]), kind)
    found = _one(allow(Principal="*"), PolicyKind.TRUST)
    assert found == [(FindingCode.ELEMENT_NOT_ALLOWED, "Statement[0].Resource")]


def test_elements_of_the_document() -> None:
    """Version, Id and Statement are checked, and no other element passes: a misspelled one would do nothing."""
    assert _findings({"Version": "2012-10-17"}) == [(FindingCode.MISSING_ELEMENT, "Statement")]
    assert _findings({"Statement": []}) == [(FindingCode.WRONG_TYPE, "Statement")]
    assert _findings({"Statement": ["x"]}) == [(FindingCode.WRONG_TYPE, "Statement[0]")]
    assert _findings({**document([allow()]), "Version": "2026-01-01"}) == [(FindingCode.INVALID_VERSION, "Version")]
    assert _findings({**document([allow()]), "Version": ["x"]}) == [(FindingCode.INVALID_VERSION, "Version")]
    assert _findings({**document([allow()]), "Id": 1}) == [(FindingCode.WRONG_TYPE, "Id")]
    assert _findings({**document([allow()]), "statement": 1}) == [(FindingCode.UNKNOWN_ELEMENT, '"statement"')]
    assert _one({**allow(), "condition": {}}) == [(FindingCode.UNKNOWN_ELEMENT, 'Statement[0]["condition"]')]
    twice = document([allow(Sid="A"), allow(Sid="B"), deny(Sid="A")])
    assert _findings(twice) == [(FindingCode.DUPLICATE_SID, "Statement[2].Sid")]


def test_all_is_told_at_once() -> None:
    """Whoever mends a policy sees all that is wrong with it."""
    found = _findings({"Statement": [allow("x"), {**deny(), "Effect": "No"}, allow(resource="y")]})
    assert [path for _, path in found] == ["Statement[0].Action", "Statement[1].Effect", "Statement[2].Resource"]


def test_slow_patterns_do_not_exist() -> None:
    """A pattern of many wildcards on a long value is decided: backtracking would take longer than anybody waits."""
    stars = "*a" * 1000
    slow = policies(identity=[allow(resource=f"arn:aws:mobiletargeting:*:*:{stars}*b")])
    assert not decide(request(resource="arn:aws:mobiletargeting:eu-central-1:111122223333:" + "a" * 5000), slow).allowed
    mixed = policies(identity=[allow(resource=f"arn:aws:mobiletargeting:*:*:{'*?a' * 800}*b")])
    assert not decide(
        request(resource="arn:aws:mobiletargeting:eu-central-1:111122223333:" + "a" * 5000), mixed
    ).allowed
