"""Which permission each call of IamService needs, and what of it is recorded."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.message_factory import GetMessageClass

from clarion.iam.v1 import iam_pb2, policies_pb2, principals_pb2, sessions_pb2, simulation_pb2
from clarion.iam.v1.principals_pb2 import Principal
from clarion_server.access.actions import RULES, Scope, access_of
from clarion_server.rpc.audited import PARAMETERS, parameters

SERVICE = iam_pb2.DESCRIPTOR.services_by_name["IamService"]
SCOPE = Scope("us-east-1", "111122223333")
IAM = "arn:aws:iam::111122223333:"
ROLE = Principal(role_name="worker")
GROUP = Principal(group_name="senders")
POLICY = f"{IAM}policy/send"


def test_every_call_has_a_rule_and_a_list_of_what_is_recorded() -> None:
    """A new RPC without either fails here."""
    for method in SERVICE.methods:
        assert f"{SERVICE.full_name}/{method.name}" in RULES
        assert method.input_type.full_name in PARAMETERS


def test_what_is_recorded_exists_and_no_secret_is() -> None:
    """Each path names a field of its request; documents of sessions and simulations are only counted."""
    for method in SERVICE.methods:
        fields = PARAMETERS[method.input_type.full_name]
        for path in fields:
            message: Any = method.input_type
            for step in path.rstrip("?#").split("."):
                assert step in message.fields_by_name, (message.full_name, path)
                message = message.fields_by_name[step].message_type
        assert not any(parameters(GetMessageClass(method.input_type)()).values())
    asked = sessions_pb2.AssumeRoleRequest(role_arn="r", session_name="s-1", session_policies=["a", "b"])
    assert parameters(asked) == {"role_arn": "r", "session_name": "s-1", "session_policies": 2}


@pytest.mark.parametrize(
    ("method", "request_", "action", "resource"),
    [
        ("CreateUser", principals_pb2.CreateUserRequest(user_name="ann"), "iam:CreateUser", f"{IAM}user/ann"),
        ("ListUsers", principals_pb2.ListUsersRequest(), "iam:ListUsers", f"{IAM}user/*"),
        ("GetUser", principals_pb2.GetUserRequest(user_name="a/b"), "iam:GetUser", f"{IAM}user/unknown"),
        ("GetUser", principals_pb2.GetUserRequest(user_name="*"), "iam:GetUser", f"{IAM}user/unknown"),
        (
            "AddUserToGroup",
            principals_pb2.AddUserToGroupRequest(group_name="senders", user_name="ann"),
            "iam:AddUserToGroup",
            f"{IAM}group/senders",
        ),
        (
            "UpdateRole",
            principals_pb2.UpdateRoleRequest(role_name="worker", description=""),
            "iam:UpdateRole",
            f"{IAM}role/worker",
        ),
        (
            "UpdateRole",
            principals_pb2.UpdateRoleRequest(role_name="worker", trust_policy=""),
            "iam:UpdateAssumeRolePolicy",
            f"{IAM}role/worker",
        ),
        (
            "AttachPolicy",
            policies_pb2.AttachPolicyRequest(principal=GROUP),
            "iam:AttachGroupPolicy",
            f"{IAM}group/senders",
        ),
        ("AttachPolicy", policies_pb2.AttachPolicyRequest(), "iam:AttachUserPolicy", f"{IAM}user/unknown"),
        (
            "PutInlinePolicy",
            policies_pb2.PutInlinePolicyRequest(principal=ROLE),
            "iam:PutRolePolicy",
            f"{IAM}role/worker",
        ),
        (
            "PutPermissionsBoundary",
            policies_pb2.PutPermissionsBoundaryRequest(principal=ROLE),
            "iam:PutRolePermissionsBoundary",
            f"{IAM}role/worker",
        ),
        ("TagPrincipal", principals_pb2.TagPrincipalRequest(principal=ROLE), "iam:TagRole", f"{IAM}role/worker"),
        ("UpdatePolicy", policies_pb2.UpdatePolicyRequest(policy_arn=POLICY), "iam:CreatePolicyVersion", POLICY),
        ("GetPolicy", policies_pb2.GetPolicyRequest(policy_arn="secret"), "iam:GetPolicy", f"{IAM}unknown"),
        (
            "PutAppPolicy",
            policies_pb2.PutAppPolicyRequest(app_id="1" * 32),
            "clarion:PutAppPolicy",
            f"arn:aws:mobiletargeting:us-east-1:111122223333:apps/{'1' * 32}",
        ),
        (
            "AssumeRole",
            sessions_pb2.AssumeRoleRequest(role_arn=f"{IAM}role/worker"),
            "sts:AssumeRole",
            f"{IAM}role/worker",
        ),
        ("AssumeRole", sessions_pb2.AssumeRoleRequest(role_arn="*"), "sts:AssumeRole", f"{IAM}unknown"),
        (
            "SimulatePolicy",
            simulation_pb2.SimulatePolicyRequest(principal=ROLE),
            "iam:SimulatePrincipalPolicy",
            f"{IAM}role/worker",
        ),
        ("SimulatePolicy", simulation_pb2.SimulatePolicyRequest(), "iam:SimulateCustomPolicy", "*"),
    ],
)
def test_actions_and_resources(method: str, request_: Any, action: str, resource: str) -> None:
    """The action is AWS's for the kind of principal, the resource its ARN; what fits nothing is not taken over."""
    access = access_of(f"clarion.iam.v1.IamService/{method}", request_, SCOPE)
    assert (access.action, access.resource) == (action, resource)


def test_tags_of_requests() -> None:
    """Policies see the tags that a call gives or removes."""
    access = access_of(
        "clarion.iam.v1.IamService/CreateUser",
        principals_pb2.CreateUserRequest(user_name="ann", tags={"team": "red"}),
        SCOPE,
    )
    assert access.request_tags == {"team": "red"}
    access = access_of(
        "clarion.iam.v1.IamService/UntagPrincipal",
        principals_pb2.UntagPrincipalRequest(principal=ROLE, tag_keys=["team"]),
        SCOPE,
    )
    assert access.request_tags == {"team": ""}
