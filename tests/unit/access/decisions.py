"""Decisions worked out by hand from AWS's published rules. Each name says the rule.

The rules stand in the IAM user guide, in its chapters on the elements of JSON policies, condition operators, variables
and tags, and policy evaluation.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from clarion_server.access.policy import DecisionKind, PolicySet
from clarion_server.access_model import AccessRequest, CredentialType, Identity
from tests.unit.access.worlds import (
    ACCOUNT,
    APP,
    APP_ARN,
    FEDERATED,
    FOREIGN_SESSION,
    FOREIGNER,
    MESSAGES,
    NOBODY,
    NOW,
    OTHER_ACCOUNT,
    OTHER_APP,
    PREFIX,
    ROLE_ARN,
    SEND,
    SESSION,
    USER,
    allow,
    deny,
    policies,
    request,
)

YES = DecisionKind.ALLOWED
DENY = DecisionKind.EXPLICIT_DENY
IDENTITY = DecisionKind.NOT_ALLOWED_BY_IDENTITY
BOUNDARY = DecisionKind.NOT_ALLOWED_BY_BOUNDARY
SESSION_POLICY = DecisionKind.NOT_ALLOWED_BY_SESSION
CONTROL = DecisionKind.NOT_ALLOWED_BY_SERVICE_CONTROL
ENDPOINT = DecisionKind.NOT_ALLOWED_BY_ENDPOINT
RESOURCE = DecisionKind.NOT_ALLOWED_BY_RESOURCE

EVERYONE = {"Principal": "*"}
READ = "mobiletargeting:GetApp"


@dataclass(frozen=True)
class Case:
    """One decision: what is expected of a request before some policies."""

    name: str
    expected: DecisionKind
    request: AccessRequest
    policies: PolicySet = field(repr=False)


def cases() -> Iterator[Case]:
    """Yield all decisions."""
    yield from _simple()
    yield from _actions()
    yield from _resources()
    yield from _conditions()
    yield from _variables()
    yield from _limits()
    yield from _resource_policies()
    yield from _other_accounts()
    yield from _trust()


def _simple() -> Iterator[Case]:
    ask = request()
    yield Case("no policy at all is an implicit deny", IDENTITY, ask, policies())
    yield Case("an allow allows", YES, ask, policies(identity=[allow()]))
    yield Case("a deny denies", DENY, ask, policies(identity=[deny()]))
    yield Case("a deny beats an allow before it", DENY, ask, policies(identity=[allow(), deny()]))
    yield Case("a deny beats an allow after it", DENY, ask, policies(identity=[deny(), allow()]))
    yield Case("a deny of something else does not matter", YES, ask, policies(identity=[allow(), deny(READ)]))
    yield Case("an allow of something else does not help", IDENTITY, ask, policies(identity=[allow(READ)]))
    yield Case("one of several allows is enough", YES, ask, policies(identity=[allow(READ), allow(SEND)]))
    narrow = deny(SEND, f"{PREFIX}apps/{OTHER_APP}/*")
    yield Case("a deny for another resource does not matter", YES, ask, policies(identity=[allow(), narrow]))
    yield Case("a narrow deny beats a wide allow", DENY, ask, policies(identity=[allow(), deny(SEND, MESSAGES)]))
    yield Case("a wide deny beats a narrow allow", DENY, ask, policies(identity=[allow(SEND, MESSAGES), deny()]))
    conditioned = deny(Condition={"Bool": {"aws:SecureTransport": "false"}})
    yield Case("a deny whose condition fails does not matter", YES, ask, policies(identity=[allow(), conditioned]))
    plain = request(secure_transport=False)
    yield Case("a deny whose condition holds denies", DENY, plain, policies(identity=[allow(), conditioned]))


def _actions() -> Iterator[Case]:
    ask = request()
    rows = [
        ("the action's own name matches", SEND, True),
        ("another name does not match", "mobiletargeting:SendUsersMessages", False),
        ("names are compared without regard to case", "MobileTargeting:sendmessages", True),
        ("star alone is every action", "*", True),
        ("star for service and name is every action", "*:*", True),
        ("star is every action of the service", "mobiletargeting:*", True),
        ("star of another service is not", "iam:*", False),
        ("star at the end", "mobiletargeting:Send*", True),
        ("star at the beginning", "mobiletargeting:*Messages", True),
        ("star in the middle", "mobiletargeting:S*s", True),
        ("star stands for nothing too", "mobiletargeting:SendMessages*", True),
        ("two stars", "mobiletargeting:*nd*ag*", True),
        ("star does not skip what must follow", "mobiletargeting:Send*s2", False),
        ("question mark is one character", "mobiletargeting:SendMessage?", True),
        ("question mark is not none", "mobiletargeting:SendMessages?", False),
        ("several question marks", "mobiletargeting:????Messages", True),
        ("too few question marks", "mobiletargeting:???Messages", False),
        ("star and question mark", "mobiletargeting:?end*", True),
        ("wildcards without regard to case", "mobiletargeting:SEND*", True),
        ("a name is not a prefix", "mobiletargeting:Send", False),
        ("a service is not a prefix", "mobile:*", False),
    ]
    for name, action, matches in rows:
        yield Case(f"Action: {name}", YES if matches else IDENTITY, ask, policies(identity=[allow(action)]))
        if not matches or "?" in action:
            opposite = IDENTITY if matches else YES
            yield Case(f"NotAction: not {name}", opposite, ask, policies(identity=[allow(NotAction=action)]))
    several = [READ, "mobiletargeting:Send*"]
    yield Case("Action: one of a list", YES, ask, policies(identity=[allow(several)]))
    yield Case("NotAction: none of a list", IDENTITY, ask, policies(identity=[allow(NotAction=several)]))
    yield Case("NotAction: others are allowed", YES, ask, policies(identity=[allow(NotAction=["iam:*", READ])]))
    yield Case("NotAction with Deny denies others", DENY, ask, policies(identity=[allow(), deny(NotAction=READ)]))
    excepted = policies(identity=[allow(), deny(NotAction=["mobiletargeting:*"])])
    yield Case("NotAction with Deny excepts what it names", YES, ask, excepted)


def _resources() -> Iterator[Case]:
    ask = request()
    rows = [
        ("its ARN", MESSAGES, True),
        ("star", "*", True),
        ("star for the rest of the path", f"{APP_ARN}/*", True),
        ("star includes slashes", f"{PREFIX}apps/*", True),
        ("star in the middle", f"{PREFIX}apps/*/messages", True),
        ("question marks", f"{PREFIX}apps/{'?' * 32}/messages", True),
        ("too few question marks", f"{PREFIX}apps/{'?' * 31}/messages", False),
        ("question mark for a slash", f"{APP_ARN}?messages", True),
        ("another app", f"{PREFIX}apps/{OTHER_APP}/*", False),
        ("an app is not what is in it", APP_ARN, False),
        ("names are compared with regard to case", MESSAGES.upper().replace("ARN:AWS", "arn:aws"), False),
        ("any region", f"arn:aws:mobiletargeting:*:{ACCOUNT}:apps/*", True),
        ("part of a region", f"arn:aws:mobiletargeting:eu-*:{ACCOUNT}:apps/*", True),
        ("another region", f"arn:aws:mobiletargeting:us-east-1:{ACCOUNT}:apps/*", False),
        ("any account", "arn:aws:mobiletargeting:eu-central-1:*:apps/*", True),
        ("another account", f"arn:aws:mobiletargeting:eu-central-1:{OTHER_ACCOUNT}:apps/*", False),
        ("star stays within its segment", f"arn:aws:*:{ACCOUNT}:apps/{APP}/messages*", False),
        ("star at the end goes beyond colons", "arn:aws:mobiletargeting:*", True),
        ("star at the very end of the service too", "arn:aws:mobile*", True),
        ("another service", "arn:aws:s3:::*", False),
        ("another partition", f"arn:aws-cn:mobiletargeting:eu-central-1:{ACCOUNT}:apps/*", False),
        ("all segments star", "arn:*:*:*:*:*", True),
        ("an empty region is no star", f"arn:aws:mobiletargeting::{ACCOUNT}:apps/*", False),
        ("all of the account", f"{PREFIX}*", True),
    ]
    for name, resource, matches in rows:
        yield Case(f"Resource: {name}", YES if matches else IDENTITY, ask, policies(identity=[allow(SEND, resource)]))
        if resource != "*":
            denied = policies(identity=[allow(), deny(SEND, resource)])
            yield Case(f"Resource of a deny: {name}", DENY if matches else YES, ask, denied)
    for name, resource, matches in rows[:6]:
        found = policies(identity=[allow(SEND, NotResource=resource)])
        yield Case(f"NotResource: not {name}", IDENTITY if matches else YES, ask, found)
    several = [f"{PREFIX}apps/{OTHER_APP}/*", f"{APP_ARN}/*"]
    yield Case("Resource: one of a list", YES, ask, policies(identity=[allow(SEND, several)]))
    yield Case("NotResource: none of a list", IDENTITY, ask, policies(identity=[allow(SEND, NotResource=several)]))
    spared = policies(identity=[allow(), deny(NotResource=f"{APP_ARN}/*")])
    yield Case("NotResource with Deny excepts what it names", YES, ask, spared)
    other = request(resource=f"{PREFIX}apps/{OTHER_APP}/messages")
    yield Case("NotResource with Deny denies the rest", DENY, other, spared)
    colons = request(resource=f"arn:aws:iam::{ACCOUNT}:user/a:b")
    sixth = policies(identity=[allow("*", f"arn:aws:iam::{ACCOUNT}:user/*")])
    yield Case("Resource: the sixth segment may have colons", YES, colons, sixth)
    nothing = request(action="cloudtrail:LookupEvents", resource="*")
    yield Case("an action without resource needs star", YES, nothing, policies(identity=[allow()]))
    by_arn = policies(identity=[allow("*", f"{PREFIX}*")])
    yield Case("an action without resource is in no ARN", IDENTITY, nothing, by_arn)


def _conditions() -> Iterator[Case]:
    for name, ask, condition, holds in _condition_rows():
        yield Case(
            f"condition: {name}", YES if holds else IDENTITY, ask, policies(identity=[allow(Condition=condition)])
        )


_Row = tuple[str, AccessRequest, Mapping[str, Any], bool]


def _condition_rows() -> Iterator[_Row]:
    yield from _strings()
    yield from _numbers_and_dates()
    yield from _other_types()
    yield from _sets()
    ask = request(resource_tags={"team": "blue"})
    both = {"StringEquals": {"aws:username": "ann"}, "Bool": {"aws:SecureTransport": "true"}}
    yield ("all operators must hold", ask, both, True)
    yield ("one operator that fails is enough to fail", request(secure_transport=False), both, False)
    keys = {"StringEquals": {"aws:username": "ann", "aws:ResourceTag/team": "blue"}}
    yield ("all keys must hold", ask, keys, True)
    yield ("one key that fails is enough to fail", request(resource_tags={"team": "red"}), keys, False)
    yield ("keys are compared without regard to case", ask, {"StringEquals": {"AWS:UserName": "ann"}}, True)
    yield ("a tag's key too", ask, {"StringEquals": {"aws:resourcetag/TEAM": "blue"}}, True)
    yield ("an unknown key is absent", ask, {"StringEquals": {"aws:SourceVpc": "vpc-1"}}, False)
    yield ("an empty block of conditions holds", ask, {}, True)


def _strings() -> Iterator[_Row]:
    ask = request(resource_tags={"team": "blue", "odd": "a*c?"})
    tag = "aws:ResourceTag/team"
    rows: list[tuple[str, str, Any, bool]] = [
        ("StringEquals same", "StringEquals", "blue", True),
        ("StringEquals other", "StringEquals", "red", False),
        ("StringEquals with regard to case", "StringEquals", "Blue", False),
        ("StringEquals any of several", "StringEquals", ["red", "blue"], True),
        ("StringEquals none of several", "StringEquals", ["red", "green"], False),
        ("StringEquals takes a star literally", "StringEquals", "b*", False),
        ("StringNotEquals same", "StringNotEquals", "blue", False),
        ("StringNotEquals other", "StringNotEquals", "red", True),
        ("StringNotEquals none of several", "StringNotEquals", ["red", "green"], True),
        ("StringNotEquals one of several", "StringNotEquals", ["red", "blue"], False),
        ("StringEqualsIgnoreCase", "StringEqualsIgnoreCase", "BLUE", True),
        ("StringEqualsIgnoreCase other", "StringEqualsIgnoreCase", "RED", False),
        ("StringNotEqualsIgnoreCase", "StringNotEqualsIgnoreCase", "BLUE", False),
        ("StringNotEqualsIgnoreCase other", "StringNotEqualsIgnoreCase", "RED", True),
        ("StringLike same", "StringLike", "blue", True),
        ("StringLike star", "StringLike", "b*", True),
        ("StringLike question mark", "StringLike", "bl?e", True),
        ("StringLike question mark is one", "StringLike", "b?e", False),
        ("StringLike with regard to case", "StringLike", "B*", False),
        ("StringLike any of several", "StringLike", ["r*", "b*"], True),
        ("StringNotLike", "StringNotLike", "b*", False),
        ("StringNotLike other", "StringNotLike", "r*", True),
        ("StringNotLike one of several", "StringNotLike", ["r*", "b*"], False),
    ]
    for name, operator, value, holds in rows:
        yield (name, ask, {operator: {tag: value}}, holds)
    absent = "aws:ResourceTag/none"
    for operator, holds in (
        ("StringEquals", False),
        ("StringLike", False),
        ("StringNotEquals", True),
        ("StringNotLike", True),
        ("StringEqualsIfExists", True),
        ("StringLikeIfExists", True),
        ("StringNotEqualsIfExists", True),
    ):
        yield (f"{operator} with the key absent", ask, {operator: {absent: "x"}}, holds)
    yield ("StringEqualsIfExists with the key there, other", ask, {"StringEqualsIfExists": {tag: "red"}}, False)
    yield ("StringEqualsIfExists with the key there, same", ask, {"StringEqualsIfExists": {tag: "blue"}}, True)
    odd = "aws:ResourceTag/odd"
    yield ("StringLike ${*} is a star itself", ask, {"StringLike": {odd: "a${*}c${?}"}}, True)
    yield ("StringLike ${*} is no wildcard", ask, {"StringLike": {tag: "b${*}"}}, False)
    yield ("Null true with the key absent", ask, {"Null": {absent: "true"}}, True)
    yield ("Null true with the key there", ask, {"Null": {tag: "true"}}, False)
    yield ("Null false with the key absent", ask, {"Null": {absent: "false"}}, False)
    yield ("Null false with the key there", ask, {"Null": {tag: False}}, True)


def _numbers_and_dates() -> Iterator[_Row]:
    ask = request(request_tags={"size": "10"})
    size = "aws:RequestTag/size"
    for operator, value, holds in (
        ("NumericEquals", 10, True),
        ("NumericEquals", "10.0", True),
        ("NumericEquals", "11", False),
        ("NumericEquals", ["9", "10"], True),
        ("NumericNotEquals", "10", False),
        ("NumericNotEquals", "11", True),
        ("NumericLessThan", "10", False),
        ("NumericLessThan", "10.5", True),
        ("NumericLessThanEquals", "10", True),
        ("NumericLessThanEquals", "9", False),
        ("NumericGreaterThan", "10", False),
        ("NumericGreaterThan", "-3", True),
        ("NumericGreaterThanEquals", "10", True),
        ("NumericGreaterThanEquals", "1e2", False),
    ):
        yield (f"{operator} of 10 and {value}", ask, {operator: {size: value}}, holds)
    words = request(request_tags={"size": "many"})
    yield ("NumericEquals with no number in the request", words, {"NumericEquals": {size: "10"}}, False)
    yield ("NumericNotEquals with no number in the request", words, {"NumericNotEquals": {size: "10"}}, True)
    yield ("NumericLessThan with the key absent", request(), {"NumericLessThan": {size: "10"}}, False)
    yield ("NumericLessThanIfExists with the key absent", request(), {"NumericLessThanIfExists": {size: "1"}}, True)
    now = "aws:CurrentTime"
    stamp = str(int(NOW.timestamp()))
    for operator, value, holds in (
        ("DateGreaterThan", "2026-03-15T12:00:00Z", True),
        ("DateGreaterThan", "2026-03-15T12:30:00Z", False),
        ("DateGreaterThanEquals", "2026-03-15T12:30:00Z", True),
        ("DateLessThan", "2026-03-15", False),
        ("DateLessThan", "2026-03-16", True),
        ("DateLessThan", "2027", True),
        ("DateLessThan", "2026-03", False),
        ("DateLessThanEquals", "2026-03-15T13:30:00+01:00", True),
        ("DateLessThanEquals", "2026-03-15T13:29:00+01:00", False),
        ("DateEquals", "2026-03-15T12:30Z", True),
        ("DateEquals", "2026-03-15T12:31Z", False),
        ("DateNotEquals", "2026-03-15T12:30:00.000Z", False),
        ("DateEquals", stamp, True),
        ("DateLessThan", int(stamp), False),
    ):
        yield (f"{operator} of the time and {value}", request(), {operator: {now: value}}, holds)
    epoch = {"DateGreaterThan": {"aws:EpochTime": "2026-03-15T12:00:00Z"}}
    yield ("aws:EpochTime compares with dates", request(), epoch, True)
    yield ("aws:EpochTime compares with numbers", request(), {"NumericEquals": {"aws:EpochTime": stamp}}, True)
    window = {"DateGreaterThan": {now: "2026-03-15"}, "DateLessThan": {now: "2026-03-16"}}
    yield ("a window of time, within", request(), window, True)
    yield ("a window of time, after", request(time=NOW + timedelta(days=1)), window, False)
    yield ("a window of time, before", request(time=datetime(2026, 3, 14, 23, 59, tzinfo=UTC)), window, False)


def _other_types() -> Iterator[_Row]:
    secure, plain = request(), request(secure_transport=False)
    yield ("Bool true", secure, {"Bool": {"aws:SecureTransport": "true"}}, True)
    yield ("Bool true, not so", plain, {"Bool": {"aws:SecureTransport": "true"}}, False)
    yield ("Bool false", plain, {"Bool": {"aws:SecureTransport": False}}, True)
    yield ("Bool either", plain, {"Bool": {"aws:SecureTransport": ["true", "false"]}}, True)
    mfa = {"Bool": {"aws:MultiFactorAuthPresent": "true"}}
    yield ("MFA with it", request(replace(USER, mfa=True)), mfa, True)
    yield ("MFA without it", request(), mfa, False)
    with_key = request(replace(USER, credential=CredentialType.ACCESS_KEY))
    yield ("MFA is absent with an access key", with_key, mfa, False)
    yield ("Null tells that MFA is absent", with_key, {"Null": {"aws:MultiFactorAuthPresent": "true"}}, True)
    no_mfa = {"Bool": {"aws:MultiFactorAuthPresent": "false"}}
    yield ("Bool false does not hold when MFA is absent", with_key, no_mfa, False)
    yield ("BoolIfExists false does", with_key, {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}}, True)
    here = "203.0.113.77"
    for operator, value, address, holds in (
        ("IpAddress", "203.0.113.0/24", here, True),
        ("IpAddress", "203.0.113.77", here, True),
        ("IpAddress", "203.0.113.78", here, False),
        ("IpAddress", "198.51.100.0/24", here, False),
        ("IpAddress", ["198.51.100.0/24", "203.0.113.0/24"], here, True),
        ("IpAddress", "0.0.0.0/0", here, True),
        ("IpAddress", "2001:db8::/32", "2001:db8::1", True),
        ("IpAddress", "2001:db8::/32", "2001:db9::1", False),
        ("IpAddress", "0.0.0.0/0", "2001:db8::1", False),
        ("IpAddress", "::/0", here, False),
        ("IpAddress", "203.0.113.0/24", f"::ffff:{here}", True),
        ("IpAddress", "203.0.113.0/24", "", False),
        ("IpAddressIfExists", "203.0.113.0/24", "", True),
        ("NotIpAddress", "203.0.113.0/24", here, False),
        ("NotIpAddress", "198.51.100.0/24", here, True),
        ("NotIpAddress", ["198.51.100.0/24", "203.0.113.0/24"], here, False),
        ("NotIpAddress", "203.0.113.0/24", "", True),
    ):
        caller = request(source_ip=address)
        yield (f"{operator} of {address or 'nothing'} and {value}", caller, {operator: {"aws:SourceIp": value}}, holds)
    for identity, operator, value, holds in (
        (USER, "ArnEquals", USER.arn, True),
        (USER, "ArnEquals", ROLE_ARN, False),
        (USER, "ArnLike", f"arn:aws:iam::{ACCOUNT}:user/*", True),
        (USER, "ArnEquals", "arn:aws:iam::*:user/a?n", True),
        (USER, "ArnLike", f"arn:aws:*:{ACCOUNT}:user/ann:*", False),
        (USER, "ArnLike", f"arn:aws:iam:*:{ACCOUNT}:*", True),
        (USER, "ArnNotEquals", USER.arn, False),
        (USER, "ArnNotLike", "arn:aws:iam::*:role/*", True),
        (USER, "ArnNotLike", ["arn:aws:iam::*:role/*", "arn:aws:iam::*:user/*"], False),
        (SESSION, "ArnEquals", ROLE_ARN, True),
        (SESSION, "ArnEquals", SESSION.arn, False),
        (NOBODY, "ArnLike", "arn:*:*:*:*:*", False),
    ):
        if identity is NOBODY:
            continue
        condition = {operator: {"aws:PrincipalArn": value}}
        yield (f"{operator} of {identity.kind.value} and {value}", request(identity), condition, holds)
    yield ("aws:PrincipalType", request(SESSION), {"StringEquals": {"aws:PrincipalType": "AssumedRole"}}, True)
    yield ("aws:PrincipalAccount", request(), {"StringEquals": {"aws:PrincipalAccount": ACCOUNT}}, True)
    yield ("aws:ResourceAccount", request(), {"StringNotEquals": {"aws:ResourceAccount": ACCOUNT}}, False)
    yield ("aws:RequestedRegion", request(), {"StringLike": {"aws:RequestedRegion": "eu-*"}}, True)
    yield ("aws:username is absent for a role", request(SESSION), {"StringLike": {"aws:username": "*"}}, False)
    binary = request(request_tags={"hash": "AAEC"})
    yield ("BinaryEquals same bytes", binary, {"BinaryEquals": {"aws:RequestTag/hash": "AAEC"}}, True)
    yield ("BinaryEquals other bytes", binary, {"BinaryEquals": {"aws:RequestTag/hash": "AAED"}}, False)


def _sets() -> Iterator[_Row]:
    keys = "aws:TagKeys"
    none, one, both, more = (
        request(),
        request(request_tags={"team": "x"}),
        request(request_tags={"team": "x", "cost": "y"}),
        request(request_tags={"team": "x", "other": "z"}),
    )
    permitted = ["team", "cost"]
    all_of, any_of = "ForAllValues:StringEquals", "ForAnyValue:StringEquals"
    for name, ask, operator, holds in (
        ("all values permitted", both, all_of, True),
        ("fewer values than permitted", one, all_of, True),
        ("one value not permitted", more, all_of, False),
        ("no value at all", none, all_of, True),
        ("any value wanted", more, any_of, True),
        ("all values wanted", both, any_of, True),
        ("no value wanted", request(request_tags={"other": "z"}), any_of, False),
        ("no value at all", none, any_of, False),
        ("none is unwanted", request(request_tags={"other": "z"}), "ForAllValues:StringNotEquals", True),
        ("one is unwanted", more, "ForAllValues:StringNotEquals", False),
        ("one is not among them", more, "ForAnyValue:StringNotEquals", True),
        ("all are among them", both, "ForAnyValue:StringNotEquals", False),
        ("no value at all", none, "ForAnyValue:StringNotEquals", False),
        ("no value at all", none, "ForAllValues:StringNotEquals", True),
        ("no value at all", none, "ForAnyValue:StringEqualsIfExists", True),
        ("with regard to case", request(request_tags={"Team": "x"}), all_of, False),
        ("without regard to case", request(request_tags={"TEAM": "x"}), "ForAllValues:StringEqualsIgnoreCase", True),
    ):
        yield (f"{operator}: {name}", ask, {operator: {keys: permitted}}, holds)
    yield ("ForAnyValue:StringLike", more, {"ForAnyValue:StringLike": {keys: "oth*"}}, True)
    yield ("ForAllValues:StringLike", more, {"ForAllValues:StringLike": {keys: "t*"}}, False)
    strict = {"ForAllValues:StringEquals": {keys: permitted}, "Null": {keys: "false"}}
    yield ("Null false closes the gap of ForAllValues", none, strict, False)
    yield ("and lets values through", both, strict, True)
    # With a key of one value, as AWS documents: a missing key satisfies ForAllValues.
    single = {"ForAllValues:StringEquals": {"aws:PrincipalTag/none": "x"}}
    yield ("ForAllValues with a key of one value that is absent", none, single, True)


def _variables() -> Iterator[Case]:
    own = "arn:aws:iam::*:user/${aws:username}"
    key = "iam:ListAccessKeys"
    mine = request(action=key, resource=USER.arn)
    yield Case("variable in Resource", YES, mine, policies(identity=[allow(key, own)]))
    hers = request(action=key, resource=f"arn:aws:iam::{ACCOUNT}:user/zoe")
    yield Case("variable in Resource, another's", IDENTITY, hers, policies(identity=[allow(key, own)]))
    role = request(SESSION, action=key, resource=f"arn:aws:iam::{ACCOUNT}:user/sender")
    yield Case("variable without a value matches no resource", IDENTITY, role, policies(identity=[allow(key, own)]))
    kept = policies(identity=[allow(), deny(key, own)])
    yield Case("variable without a value denies no resource", YES, role, kept)
    literal = request(action=key, resource=f"arn:aws:iam::{ACCOUNT}:user/${{aws:username}}")
    old = policies(identity=[allow(key, own)], version="2008-10-17")
    yield Case("the version of 2008 has no variables", IDENTITY, mine, old)
    yield Case("there they are literal", YES, literal, old)
    none = policies(identity=[allow(key, own)], version=None)
    yield Case("a policy without Version has no variables either", IDENTITY, mine, none)
    team = "aws:ResourceTag/team"
    same = policies(identity=[allow(Condition={"StringEquals": {team: "${aws:PrincipalTag/team}"}})])
    blue, red = request(resource_tags={"team": "blue"}), request(resource_tags={"team": "red"})
    yield Case("tag of the principal equals tag of the resource", YES, blue, same)
    yield Case("tag of the principal differs", IDENTITY, red, same)
    yield Case("tag of the resource absent", IDENTITY, request(), same)
    untagged = replace(USER, tags={})
    nothing = request(untagged, resource_tags={"team": "blue"})
    yield Case("variable without a value equals nothing", IDENTITY, nothing, same)
    differs = {"StringNotEquals": {team: "${aws:PrincipalTag/team}"}}
    unlike = policies(identity=[allow(), deny(Condition=differs)])
    yield Case("a deny for other teams spares one's own", YES, blue, unlike)
    yield Case("a deny for other teams", DENY, red, unlike)
    yield Case("variable without a value differs from all", DENY, nothing, unlike)
    default = policies(identity=[allow(SEND, f"{PREFIX}apps/${{aws:PrincipalTag/app, '{APP}'}}/*")])
    yield Case("default value", YES, request(), default)
    tagged = request(replace(USER, tags={"app": OTHER_APP}))
    yield Case("default value only without a value", IDENTITY, tagged, default)
    star = request(replace(USER, name="*"), action=key, resource=f"arn:aws:iam::{ACCOUNT}:user/zoe")
    yield Case("a star in a value is no wildcard", IDENTITY, star, policies(identity=[allow(key, own)]))
    prefix = policies(identity=[allow(Condition={"StringLike": {"aws:ResourceTag/owner": "${aws:username}-*"}})])
    yield Case("variable beside a wildcard", YES, request(resource_tags={"owner": "ann-1"}), prefix)
    yield Case("variable beside a wildcard, other", IDENTITY, request(resource_tags={"owner": "bob-1"}), prefix)
    arn = policies(identity=[allow(Condition={"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:user/${aws:username}"}})])
    yield Case("variable in an ARN of a condition", YES, request(), arn)
    dollar = policies(identity=[allow(Condition={"StringEquals": {"aws:ResourceTag/price": "${$}5"}})])
    yield Case("${$} is a dollar", YES, request(resource_tags={"price": "$5"}), dollar)
    twice = policies(identity=[allow(SEND, f"{PREFIX}apps/${{aws:PrincipalTag/a}}${{aws:PrincipalTag/b}}/*")])
    halves = request(replace(USER, tags={"a": APP[:16], "b": APP[16:]}))
    yield Case("two variables side by side", YES, halves, twice)
    case = policies(identity=[allow(key, "arn:aws:iam::*:user/${AWS:USERNAME}")])
    yield Case("names of variables without regard to case", YES, mine, case)
    other = policies(identity=[allow(key, NotResource=own)])
    yield Case("NotResource with a variable", YES, hers, other)
    yield Case("NotResource with a variable, one's own", IDENTITY, mine, other)
    yield Case("NotResource that is not known allows nothing", IDENTITY, role, other)


def _one(kind: str, statements: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {kind: statements}


def _limits() -> Iterator[Case]:
    ask, session = request(), request(SESSION)
    all_, some, none = [allow()], [allow(SEND)], [allow(READ)]
    for name, kind, expected, who in (
        ("permissions boundary", "boundary", BOUNDARY, ask),
        ("session policy", "session", SESSION_POLICY, session),
        ("service control policy", "control", CONTROL, ask),
    ):
        yield Case(f"{name} that allows limits nothing", YES, who, policies(identity=all_, **_one(kind, some)))
        yield Case(f"{name} that is silent denies", expected, who, policies(identity=all_, **_one(kind, none)))
        yield Case(
            f"{name} that denies denies", DENY, who, policies(identity=all_, **_one(kind, [allow(), deny(SEND)]))
        )
        yield Case(f"{name} grants nothing by itself", IDENTITY, who, policies(**_one(kind, all_)))
    door = [allow(SEND, **EVERYONE)]
    yield Case("endpoint policy that allows limits nothing", YES, ask, policies(identity=all_, endpoint=door))
    shut = [allow(READ, **EVERYONE)]
    yield Case("endpoint policy that is silent denies", ENDPOINT, ask, policies(identity=all_, endpoint=shut))
    barred = [allow(**EVERYONE), deny(SEND, **EVERYONE)]
    yield Case("endpoint policy that denies denies", DENY, ask, policies(identity=all_, endpoint=barred))
    yield Case("endpoint policy grants nothing by itself", IDENTITY, ask, policies(endpoint=door))
    guests = [allow(Principal={"AWS": FEDERATED.arn})]
    yield Case("endpoint policy for somebody else denies", ENDPOINT, ask, policies(identity=all_, endpoint=guests))
    yield Case("and lets him through", YES, request(FEDERATED), policies(identity=all_, endpoint=guests))
    locals_ = [allow(Principal={"AWS": ACCOUNT})]
    yield Case("endpoint policy for the account", YES, ask, policies(identity=all_, endpoint=locals_))
    yield Case(
        "all limits together allow",
        YES,
        session,
        policies(identity=all_, boundary=some, session=some, control=some, endpoint=door),
    )
    yield Case(
        "the boundary is silent among limits that allow",
        BOUNDARY,
        session,
        policies(identity=all_, boundary=none, session=some, control=some),
    )
    yield Case(
        "the session policy is silent among limits that allow",
        SESSION_POLICY,
        session,
        policies(identity=all_, boundary=some, session=none, control=some),
    )
    wide = policies(identity=some, boundary=[allow(NotAction="iam:*")])
    yield Case("a boundary of everything but some", YES, ask, wide)
    user = policies(identity=all_, session=none)
    yield Case("a user's limited session is limited", SESSION_POLICY, ask, user)
    two = PolicySet(
        identity=policies(identity=all_).identity,
        session=(*policies(session=none).session, *policies(session=some).session),
    )
    yield Case("one of several session policies is enough", YES, session, two)
    conditioned = [allow(Condition={"Bool": {"aws:SecureTransport": "true"}})]
    yield Case("a limit's condition holds", YES, ask, policies(identity=all_, boundary=conditioned))
    plain = request(secure_transport=False)
    yield Case("a limit's condition fails", BOUNDARY, plain, policies(identity=all_, boundary=conditioned))


def _named(*arns: str, **more: Any) -> list[dict[str, Any]]:
    return [allow(Principal={"AWS": list(arns)}, **more)]


def _resource_policies() -> Iterator[Case]:
    ask, session = request(), request(SESSION)
    silent = [allow(READ)]
    user, role, night = _named(USER.arn), _named(ROLE_ARN), _named(SESSION.arn)
    yield Case("resource policy that names the user allows alone", YES, ask, policies(resource=user))
    yield Case("resource policy that names another does not", IDENTITY, ask, policies(resource=role))
    yield Case(
        "resource policy for another action does not", IDENTITY, ask, policies(resource=_named(USER.arn, action=READ))
    )
    yield Case(
        "identity policy allows beside a silent resource policy", YES, ask, policies(identity=[allow()], resource=role)
    )
    yield Case(
        "resource policy that denies beats the identity policy",
        DENY,
        ask,
        policies(identity=[allow()], resource=[deny(Principal={"AWS": USER.arn})]),
    )
    yield Case(
        "identity policy that denies beats the resource policy", DENY, ask, policies(identity=[deny()], resource=user)
    )
    yield Case("a grant to the user is not limited by the boundary", YES, ask, policies(resource=user, boundary=silent))
    yield Case(
        "a grant to the user is limited by the service control policy",
        CONTROL,
        ask,
        policies(resource=user, control=silent),
    )
    yield Case(
        "a grant to the user is limited by the endpoint policy",
        ENDPOINT,
        ask,
        policies(resource=user, endpoint=[allow(READ, **EVERYONE)]),
    )
    yield Case(
        "a grant to the user is limited in his limited session",
        SESSION_POLICY,
        ask,
        policies(resource=user, session=silent),
    )
    yield Case(
        "a deny in the boundary stops a grant to the user",
        DENY,
        ask,
        policies(resource=user, boundary=[allow(), deny(SEND)]),
    )
    yield Case("a grant to the role allows its session", YES, session, policies(resource=role))
    yield Case(
        "a grant to the role is limited by the boundary", BOUNDARY, session, policies(resource=role, boundary=silent)
    )
    yield Case(
        "a grant to the role is limited by the session policy",
        SESSION_POLICY,
        session,
        policies(resource=role, session=silent),
    )
    yield Case(
        "a grant to the role passes limits that allow",
        YES,
        session,
        policies(resource=role, boundary=[allow()], session=[allow(SEND)]),
    )
    yield Case(
        "a grant to a role with a path",
        YES,
        session,
        policies(resource=_named(f"arn:aws:iam::{ACCOUNT}:role/night/sender")),
    )
    yield Case(
        "a grant to another role", IDENTITY, session, policies(resource=_named(f"arn:aws:iam::{ACCOUNT}:role/reader"))
    )
    yield Case(
        "a grant to the same role of another account",
        IDENTITY,
        session,
        policies(resource=_named(f"arn:aws:iam::{OTHER_ACCOUNT}:role/sender")),
    )
    yield Case("a grant to the session allows it", YES, session, policies(resource=night))
    yield Case(
        "a grant to the session is not limited by the boundary", YES, session, policies(resource=night, boundary=silent)
    )
    yield Case(
        "a grant to the session is not limited by the session policy",
        YES,
        session,
        policies(resource=night, session=silent),
    )
    yield Case(
        "a grant to the session is stopped by a deny there",
        DENY,
        session,
        policies(resource=night, session=[deny(SEND)]),
    )
    day = replace(SESSION, arn=SESSION.arn.replace("night", "day"), session_name="day")
    yield Case("a grant to the session is not for another session", IDENTITY, request(day), policies(resource=night))
    yield Case(
        "a role is no user of the same name", IDENTITY, request(replace(USER, name="sender")), policies(resource=role)
    )
    bob = request(FEDERATED)
    yield Case("a grant to a federated user", YES, bob, policies(resource=_named(FEDERATED.arn), session=silent))
    for account in (ACCOUNT, f"arn:aws:iam::{ACCOUNT}:root"):
        own = _named(account)
        yield Case(
            f"a grant to the account ({account}) needs an identity policy", IDENTITY, ask, policies(resource=own)
        )
        yield Case(
            f"a grant to the account ({account}) with one", YES, ask, policies(resource=own, identity=[allow(SEND)])
        )
        denied = policies(identity=[allow()], resource=[deny(Principal={"AWS": account})])
        yield Case(f"a deny for the account ({account}) is for all in it", DENY, ask, denied)
    everyone = [allow(**EVERYONE)]
    yield Case("a grant to everyone allows", YES, ask, policies(resource=everyone))
    yield Case("a grant to everyone under AWS allows", YES, ask, policies(resource=_named("*")))
    yield Case(
        "a grant to everyone is not limited by the boundary", YES, ask, policies(resource=everyone, boundary=silent)
    )
    yield Case("a grant to everyone allows nobody in particular", YES, request(NOBODY), policies(resource=everyone))
    yield Case("nobody in particular needs a grant to everyone", RESOURCE, request(NOBODY), policies(resource=user))
    yield Case("nobody in particular has no identity policies", RESOURCE, request(NOBODY), policies(identity=[allow()]))
    limited = [allow(Condition={"ArnEquals": {"aws:PrincipalArn": ROLE_ARN}}, **EVERYONE)]
    yield Case(
        "a grant to everyone with the role in a condition", YES, session, policies(resource=limited, boundary=silent)
    )
    yield Case("a grant to everyone with another in a condition", IDENTITY, ask, policies(resource=limited))
    for who, expected, names in (
        (USER, YES, [USER.arn, ACCOUNT]),
        (USER, DENY, [USER.arn]),
        (USER, DENY, [FEDERATED.arn, ACCOUNT]),
        (USER, DENY, [ACCOUNT]),
        (SESSION, YES, [SESSION.arn, ROLE_ARN, ACCOUNT]),
        (SESSION, DENY, [SESSION.arn, ACCOUNT]),
        (SESSION, DENY, [ROLE_ARN, ACCOUNT]),
    ):
        found = policies(identity=[allow()], resource=[deny(NotPrincipal={"AWS": names})])
        yield Case(
            f"NotPrincipal with {len(names)} names: {who.kind.value} {expected.value} {names[0]}",
            expected,
            request(who),
            found,
        )
    bounded = policies(
        identity=[allow()], boundary=[allow()], resource=[deny(NotPrincipal={"AWS": [USER.arn, ACCOUNT]})]
    )
    yield Case("NotPrincipal denies whoever has a boundary", DENY, ask, bounded)
    inner = policies(resource=[allow(SEND, None, **EVERYONE)])
    yield Case("a resource policy without Resource is about its resource", YES, ask, inner)


def _other_accounts() -> Iterator[Case]:
    eve, there = request(FOREIGNER), request(FOREIGN_SESSION)
    ours = policies(identity=[allow()], resource=_named(FOREIGNER.arn))
    yield Case("another account: both allow", YES, eve, ours)
    yield Case("another account: its own policies are not enough", RESOURCE, eve, policies(identity=[allow()]))
    yield Case(
        "another account: the resource's policy is not enough", IDENTITY, eve, policies(resource=_named(FOREIGNER.arn))
    )
    yield Case("another account: not even one for everyone", IDENTITY, eve, policies(resource=[allow(**EVERYONE)]))
    yield Case(
        "another account: for everyone and its own",
        YES,
        eve,
        policies(identity=[allow(SEND)], resource=[allow(**EVERYONE)]),
    )
    yield Case(
        "another account: the account is named", YES, eve, policies(identity=[allow()], resource=_named(OTHER_ACCOUNT))
    )
    yield Case(
        "another account: our own account is named",
        RESOURCE,
        eve,
        policies(identity=[allow()], resource=_named(ACCOUNT)),
    )
    refused = [*_named(FOREIGNER.arn), deny(SEND, Principal={"AWS": OTHER_ACCOUNT})]
    yield Case(
        "another account: the resource's policy denies", DENY, eve, policies(identity=[allow()], resource=refused)
    )
    yield Case(
        "another account: its own policy denies",
        DENY,
        eve,
        policies(identity=[allow(), deny(SEND)], resource=_named(FOREIGNER.arn)),
    )
    yield Case(
        "another account: the boundary limits",
        BOUNDARY,
        eve,
        policies(identity=[allow()], boundary=[allow(READ)], resource=_named(FOREIGNER.arn)),
    )
    role = f"arn:aws:iam::{OTHER_ACCOUNT}:role/sender"
    yield Case("another account: its role is named", YES, there, policies(identity=[allow()], resource=_named(role)))
    yield Case(
        "another account: its session is named, limits count",
        SESSION_POLICY,
        there,
        policies(identity=[allow()], session=[allow(READ)], resource=_named(FOREIGN_SESSION.arn)),
    )
    yield Case(
        "another account: our role of the same name is not its role",
        RESOURCE,
        there,
        policies(identity=[allow()], resource=_named(ROLE_ARN)),
    )
    shared = f"arn:aws:mobiletargeting:eu-central-1:{OTHER_ACCOUNT}:apps/{APP}/messages"
    yield Case(
        "a resource of another account needs its policy",
        RESOURCE,
        request(resource=shared),
        policies(identity=[allow()]),
    )
    without = request(FOREIGNER, "cloudtrail:LookupEvents", "*")
    known = replace(policies(identity=[allow()]), account=ACCOUNT)
    yield Case("the account of a resource without ARN can be told", RESOURCE, without, known)
    here = request(action="cloudtrail:LookupEvents", resource="*")
    yield Case("and is one's own", YES, here, known)


def _trust() -> Iterator[Case]:
    assume = "sts:AssumeRole"

    def ask(identity: Identity) -> AccessRequest:
        return request(identity, assume, ROLE_ARN)

    def trusted(name: str, **more: Any) -> list[dict[str, Any]]:
        return [allow(assume, None, Principal={"AWS": name}, **more)]

    yield Case("trust that names the user is enough", YES, ask(USER), policies(trust=trusted(USER.arn)))
    yield Case(
        "an identity policy without trust is not",
        RESOURCE,
        ask(USER),
        policies(identity=[allow()], trust=trusted(FEDERATED.arn)),
    )
    yield Case("trust in the account needs an identity policy", IDENTITY, ask(USER), policies(trust=trusted(ACCOUNT)))
    yield Case(
        "trust in the account with one",
        YES,
        ask(USER),
        policies(identity=[allow(assume, ROLE_ARN)], trust=trusted(ACCOUNT)),
    )
    yield Case(
        "trust in another account with its policy",
        YES,
        ask(FOREIGNER),
        policies(identity=[allow()], trust=trusted(OTHER_ACCOUNT)),
    )
    yield Case("trust in another account without", IDENTITY, ask(FOREIGNER), policies(trust=trusted(FOREIGNER.arn)))
    need_mfa = {"Bool": {"aws:MultiFactorAuthPresent": "true"}}
    yield Case(
        "trust on condition, which fails", RESOURCE, ask(USER), policies(trust=trusted(USER.arn, Condition=need_mfa))
    )
    yield Case(
        "trust on condition, which holds",
        YES,
        ask(replace(USER, mfa=True)),
        policies(trust=trusted(USER.arn, Condition=need_mfa)),
    )
    federated = [allow(assume, None, Principal={"Federated": FEDERATED.arn})]
    yield Case("trust in a federated user", YES, ask(FEDERATED), policies(trust=federated))
    yield Case(
        "a deny in the trust policy",
        DENY,
        ask(USER),
        policies(identity=[allow()], trust=[*trusted(USER.arn), deny(assume, None, Principal="*")]),
    )
