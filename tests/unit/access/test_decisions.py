from __future__ import annotations

import pytest

from clarion_server.access.policy import DecisionKind, Policy, PolicyKind, PolicySet, decide, explain, parse
from tests.unit.access.decisions import Case, cases
from tests.unit.access.worlds import APP_ARN, NOBODY, PREFIX, SEND, USER, allow, deny, policies, policy, request

_CASES = list(cases())


def test_the_table_is_complete() -> None:
    """At least 200 decisions, each with a name of its own."""
    assert len(_CASES) >= 200
    assert len({case.name for case in _CASES}) == len(_CASES)


@pytest.mark.parametrize("case", _CASES, ids=lambda case: case.name)
def test_decision(case: Case) -> None:
    """The decision, and what it rests on, is AWS's; explaining it does not change it."""
    decision = decide(case.request, case.policies)
    assert decision.kind is case.expected
    assert decision.allowed is (case.expected is DecisionKind.ALLOWED)
    assert explain(case.request, case.policies).decision == decision


def test_what_a_decision_names() -> None:
    """A denial names all statements that deny; a permission those that allow."""
    found = policies(identity=[allow(Sid="All"), deny(SEND, Sid="NoSending"), deny(Sid="Nothing")])
    assert [(each.sid, each.index) for each in decide(request(), found).matched] == [("NoSending", 1), ("Nothing", 2)]
    found = policies(identity=[allow("iam:*"), allow(Sid="All")], boundary=[allow(Sid="Limit")])
    matched = decide(request(), found).matched
    assert [(each.kind, each.sid, each.index) for each in matched] == [
        (PolicyKind.IDENTITY, "All", 1),
        (PolicyKind.BOUNDARY, "Limit", 0),
    ]


def test_words_of_a_denial() -> None:
    """The end of a denial's message is in AWS's words."""
    silent = decide(request(), policies())
    assert silent.because(SEND) == f"because no identity-based policy allows the {SEND} action"
    explicit = decide(request(), policies(identity=[deny()]))
    assert explicit.because(SEND) == "with an explicit deny in an identity-based policy"
    assert decide(request(), policies(identity=[allow()])).because(SEND) == ""


def test_explanation() -> None:
    """It says of each statement what keeps it from applying, and which keys the request does not have."""
    found = policies(
        identity=[
            allow("iam:*"),
            allow(SEND, f"{PREFIX}apps/x/*"),
            allow(SEND, f"{APP_ARN}/*", Condition={"StringEquals": {"aws:PrincipalTag/shift": "night"}}),
            allow(SEND),
        ],
        resource=[allow(Principal={"AWS": "444455556666"})],
    )
    explanation = explain(request(), found)
    assert [each.obstacle for each in explanation.statements] == [
        "principal",
        "action",
        "resource",
        "StringEquals aws:PrincipalTag/shift",
        "",
    ]
    assert [each.applies for each in explanation.statements] == [False] * 4 + [True]
    assert explanation.missing_keys == ("aws:PrincipalTag/shift",)


class TestExamplesOfTheGuide:
    """The example policies of AWS's guide load, and decide as there."""

    def test_console_access(self) -> None:
        """Full console access: `UpdateApnsSandboxChannel` is not in it, so that call is denied."""
        channels = ["Adm", "Apns", "ApnsSandbox", "ApnsVoip", "ApnsVoipSandbox", "Baidu", "Gcm"]
        updates = [channel for channel in channels if channel != "ApnsSandbox"]
        actions = ["CreateApp", "GetApp", "GetApps", "DeleteApp", "GetChannels"]
        actions += [f"Get{channel}Channel" for channel in channels]
        actions += [f"Update{channel}Channel" for channel in updates]
        console = policy(
            PolicyKind.IDENTITY,
            allow([f"mobiletargeting:{action}" for action in actions], Sid="VisualEditor0"),
        )
        held = policies()
        for action in actions:
            asked = request(action=f"mobiletargeting:{action}", resource=f"{APP_ARN}/channels/apns")
            assert decide(asked, _with(console)).allowed, action
            assert not decide(asked, held).allowed
        denied = request(action="mobiletargeting:UpdateApnsSandboxChannel", resource=f"{APP_ARN}/channels/apns_sandbox")
        assert decide(denied, _with(console)).kind is DecisionKind.NOT_ALLOWED_BY_IDENTITY

    def test_own_permissions(self) -> None:
        """Users see their own permissions only."""
        own = policy(
            PolicyKind.IDENTITY,
            allow(
                [
                    "iam:GetUserPolicy",
                    "iam:ListGroupsForUser",
                    "iam:ListAttachedUserPolicies",
                    "iam:ListUserPolicies",
                    "iam:GetUser",
                ],
                ["arn:aws:iam::*:user/${aws:username}"],
                Sid="ViewOwnUserInfo",
            ),
            allow(["iam:GetGroupPolicy", "iam:ListPolicies", "iam:ListUsers"], Sid="NavigateInConsole"),
        )
        assert decide(request(action="iam:GetUser", resource=USER.arn), _with(own)).allowed
        assert not decide(request(action="iam:GetUser", resource=USER.arn.replace("ann", "zoe")), _with(own)).allowed
        assert decide(request(action="iam:ListUsers", resource="*"), _with(own)).allowed

    def test_endpoint(self) -> None:
        """An endpoint policy without Version: through that listener apps are made and deleted, and nothing else."""
        text = """{"Statement": [{"Principal": "*", "Effect": "Allow",
            "Action": ["mobiletargeting:CreateApp", "mobiletargeting:DeleteApp"], "Resource": ["*"]}]}"""
        endpoint = parse(text, PolicyKind.ENDPOINT)
        everything = policies(identity=[allow()])
        through = PolicySet(identity=everything.identity, endpoint=(endpoint,))
        for action, allowed in (("CreateApp", True), ("DeleteApp", True), ("GetApp", False), ("SendMessages", False)):
            assert decide(request(action=f"mobiletargeting:{action}"), through).allowed is allowed
        assert not decide(request(NOBODY, action="mobiletargeting:CreateApp"), through).allowed


def _with(identity: Policy) -> PolicySet:
    return PolicySet(identity=(identity,))
