from __future__ import annotations

from typing import Any

import pytest

from clarion_server.access.actions import ACTIONS
from clarion_server.access.policy import FindingCode, PolicyKind, Severity, parse, validate
from tests.unit.access.worlds import ACCOUNT, APP_ARN, SEND, USER, allow, deny, document

_ERROR, _SECURITY, _WARNING, _HINT = (
    Severity.ERROR,
    Severity.SECURITY_WARNING,
    Severity.WARNING,
    Severity.SUGGESTION,
)
_GOOD = allow(SEND, f"{APP_ARN}/*")


def _found(
    *statements: dict[str, Any], kind: PolicyKind = PolicyKind.IDENTITY, version: str | None = "2012-10-17"
) -> list[tuple[Severity, FindingCode, str]]:
    findings = validate(document(statements, version), kind, ACTIONS)
    assert all(finding.message and finding.remedy for finding in findings)
    return [(finding.severity, finding.code, finding.path) for finding in findings]


def test_nothing_to_say() -> None:
    """A narrow policy has no findings; nor has a wide one that only denies or limits."""
    assert _found(_GOOD) == []
    assert _found(deny()) == []
    assert _found(allow(), kind=PolicyKind.BOUNDARY) == []
    assert _found(allow(), kind=PolicyKind.SERVICE_CONTROL) == []
    assert _found(allow(Principal="*"), kind=PolicyKind.ENDPOINT, version=None) == []


def test_errors_of_the_form_come_first() -> None:
    """What `parse` refuses is there, and the statements that can be read are checked as well."""
    found = _found(allow("x"), allow("mobiletargeting:SendMesages"))
    assert found == [
        (_ERROR, FindingCode.INVALID_ACTION, "Statement[0].Action"),
        (_ERROR, FindingCode.UNKNOWN_ACTION, "Statement[1].Action"),
    ]
    assert [each.code for each in validate("{", PolicyKind.IDENTITY, ACTIONS)] == [FindingCode.JSON_INVALID]


@pytest.mark.parametrize(
    ("statement", "severity", "code", "path"),
    [
        (allow("mobiletargeting:SendMesages"), _ERROR, FindingCode.UNKNOWN_ACTION, "Action"),
        (allow("mobiletargeting:Post*"), _ERROR, FindingCode.UNKNOWN_ACTION, "Action"),
        (allow("s3:GetObject"), _WARNING, FindingCode.ACTION_OF_OTHER_SERVICE, "Action"),
        (deny(NotAction="s3:*"), _WARNING, FindingCode.ACTION_OF_OTHER_SERVICE, "NotAction"),
        (allow([SEND, SEND.lower()]), _HINT, FindingCode.REDUNDANT_ACTION, "Action"),
        (allow(SEND, "arn:aws:s3:::*"), _ERROR, FindingCode.RESOURCE_NEVER_MATCHES, "Resource"),
        (
            allow(SEND, "arn:aws:mobiletargeting:eu-central-1:12:apps/*"),
            _ERROR,
            FindingCode.RESOURCE_NEVER_MATCHES,
            "Resource",
        ),
        (allow(SEND, "arn:aws:mobiletargeting:*:*:"), _ERROR, FindingCode.RESOURCE_NEVER_MATCHES, "Resource"),
        (allow(), _SECURITY, FindingCode.ALLOWS_EVERYTHING, "Action"),
        (allow("iam:*"), _SECURITY, FindingCode.ALLOWS_ALL_IDENTITY_ACTIONS, "Action"),
        (allow(NotAction="mobiletargeting:Get*"), _SECURITY, FindingCode.ALLOWS_WITH_NOT_ACTION, "NotAction"),
        (allow(SEND, NotResource=APP_ARN), _SECURITY, FindingCode.ALLOWS_WITH_NOT_RESOURCE, "NotResource"),
        (
            allow(SEND, "arn:aws:mobiletargeting:*:*:apps/${aws:user}"),
            _WARNING,
            FindingCode.UNKNOWN_VARIABLE,
            "Resource",
        ),
    ],
)
def test_findings(statement: dict[str, Any], severity: Severity, code: FindingCode, path: str) -> None:
    """Each is found at its place, and the policy can be used nevertheless."""
    parse(document([statement]), PolicyKind.IDENTITY)
    assert (severity, code, f"Statement[0].{path}") in _found(statement)


@pytest.mark.parametrize(
    ("condition", "severity", "code"),
    [
        ({"StringEquals": {"aws:SourceVpc": "x"}}, _WARNING, FindingCode.UNKNOWN_CONDITION_KEY),
        ({"NumericEquals": {"aws:username": "1"}}, _ERROR, FindingCode.OPERATOR_TYPE_MISMATCH),
        ({"StringEquals": {"aws:SourceIp": "10.0.0.1"}}, _ERROR, FindingCode.OPERATOR_TYPE_MISMATCH),
        ({"StringEquals": {"aws:username": "a*"}}, _WARNING, FindingCode.WILDCARD_TAKEN_LITERALLY),
        ({"ForAllValues:StringEquals": {"aws:username": "a"}}, _SECURITY, FindingCode.QUALIFIER_ON_SINGLE_VALUE),
        ({"ForAnyValue:StringEquals": {"aws:username": "a"}}, _WARNING, FindingCode.QUALIFIER_ON_SINGLE_VALUE),
        ({"ForAllValues:StringEquals": {"aws:TagKeys": "a"}}, _SECURITY, FindingCode.FOR_ALL_VALUES_WITHOUT_NULL_CHECK),
        (
            {"StringEquals": {"aws:username": "a"}, "Null": {"aws:username": "true"}},
            _ERROR,
            FindingCode.CONDITION_NEVER_TRUE,
        ),
        (
            {"StringEquals": {"aws:username": "a", "AWS:username": "b"}},
            _ERROR,
            FindingCode.CONDITION_NEVER_TRUE,
        ),
        (
            {"StringEquals": {"aws:username": "a"}, "StringNotEquals": {"aws:username": ["a", "b"]}},
            _ERROR,
            FindingCode.CONDITION_NEVER_TRUE,
        ),
    ],
)
def test_findings_in_conditions(condition: dict[str, Any], severity: Severity, code: FindingCode) -> None:
    """Each is found at the condition."""
    found = _found({**_GOOD, "Condition": condition})
    assert any(each[:2] == (severity, code) and "Condition" in each[2] for each in found), found


def test_conditions_without_findings() -> None:
    """The usual ones have none."""
    condition = {
        "ForAllValues:StringEquals": {"aws:TagKeys": ["a", "b"]},
        "Null": {"aws:TagKeys": "false"},
        "StringLike": {"aws:username": "a*"},
        "StringEquals": {"aws:ResourceTag/team": "${aws:PrincipalTag/team}"},
        "StringEqualsIfExists": {"aws:ResourceTag/cost": "1"},
        "IpAddress": {"aws:SourceIp": "10.0.0.0/8"},
        "Bool": {"aws:MultiFactorAuthPresent": "true"},
        "DateLessThan": {"aws:CurrentTime": "2027-01-01T00:00:00Z"},
        "ArnLike": {"aws:PrincipalArn": f"arn:aws:iam::{ACCOUNT}:user/*"},
    }
    assert _found({**_GOOD, "Condition": condition}) == []


def test_version() -> None:
    """Its absence is told, and that variables then are text; an endpoint policy needs none."""
    assert _found(_GOOD, version=None) == [(_WARNING, FindingCode.MISSING_VERSION, "Version")]
    with_variable = allow(SEND, f"{APP_ARN}/${{aws:username}}")
    found = _found(with_variable, version="2008-10-17")
    assert found == [(_WARNING, FindingCode.OLD_VERSION_WITH_VARIABLE, "Version")]


def test_principals() -> None:
    """Everyone without a condition, NotPrincipal, and kinds of principals that never come are told."""
    kind = PolicyKind.RESOURCE
    assert _found({**_GOOD, "Principal": {"AWS": USER.arn}}, kind=kind) == []
    everyone = {**_GOOD, "Principal": "*"}
    assert _found(everyone, kind=kind) == [(_SECURITY, FindingCode.ALLOWS_EVERY_PRINCIPAL, "Statement[0].Principal")]
    limited = {**everyone, "Condition": {"StringEquals": {"aws:PrincipalAccount": ACCOUNT}}}
    assert _found(limited, kind=kind) == []
    excepted = deny(NotPrincipal={"AWS": USER.arn})
    assert _found(excepted, kind=kind) == [(_WARNING, FindingCode.NOT_PRINCIPAL, "Statement[0].NotPrincipal")]
    service = {**_GOOD, "Principal": {"Service": "sns.amazonaws.com"}}
    found = _found(service, kind=kind)
    assert found == [(_ERROR, FindingCode.PRINCIPAL_NEVER_MATCHES, "Statement[0].Principal.Service")]
