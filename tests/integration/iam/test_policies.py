"""Policies over gRPC: managed, attached, inline, boundaries, of the account and of apps."""

from __future__ import annotations

import json
from typing import Any

import grpc
import pytest

from clarion.iam.v1 import policies_pb2 as pb
from clarion.iam.v1 import principals_pb2
from clarion.iam.v1.principals_pb2 import Principal
from clarion.v1 import app_pb2
from tests.integration.iam.conftest import ACCOUNT, BUILT_IN, IamWorld, document, trust
from tests.integration.test_apps import failure, invalid

ANN = Principal(user_name="ann")
NOT_FOUND: Any = (grpc.StatusCode.NOT_FOUND, "ENTITY_NOT_FOUND", {})
OWN = f"arn:aws:iam::{ACCOUNT}:policy/send"
NOBODY = "0" * 32


async def make_principals(iam: IamWorld) -> list[Principal]:
    """Make a user, a group and a role."""
    await iam.stub.CreateUser(principals_pb2.CreateUserRequest(user_name="ann"))
    await iam.stub.CreateGroup(principals_pb2.CreateGroupRequest(group_name="senders"))
    await iam.stub.CreateRole(principals_pb2.CreateRoleRequest(role_name="worker", trust_policy=trust(ACCOUNT)))
    return [ANN, Principal(group_name="senders"), Principal(role_name="worker")]


async def make_policy(iam: IamWorld, name: str = "send", **more: Any) -> pb.ManagedPolicy:
    """Make a managed policy."""
    request = pb.CreatePolicyRequest(policy_name=name, **{"document": document(), **more})
    return (await iam.stub.CreatePolicy(request)).policy


async def test_the_life_of_a_managed_policy(iam: IamWorld) -> None:
    """A policy is made, read, changed at its version, and removed."""
    made = await make_policy(iam, description="for people")
    assert (made.arn, made.description, made.document, made.version) == (OWN, "for people", document(), 1)
    assert not made.built_in
    assert (await iam.stub.GetPolicy(pb.GetPolicyRequest(policy_arn=OWN))).policy == made
    code, reason, _ = await failure(
        iam.stub.CreatePolicy(pb.CreatePolicyRequest(policy_name="SEND", document=document()))
    )
    assert (code, reason) == (grpc.StatusCode.ALREADY_EXISTS, "ENTITY_ALREADY_EXISTS")
    change = pb.UpdatePolicyRequest(policy_arn=OWN, document=document("Deny"), expected_version=1)
    changed = (await iam.stub.UpdatePolicy(change)).policy
    assert (changed.document, changed.description, changed.version) == (document("Deny"), "for people", 2)
    code, reason, _ = await failure(iam.stub.UpdatePolicy(change))
    assert (code, reason) == (grpc.StatusCode.ABORTED, "VERSION_MISMATCH")
    assert (await iam.stub.DeletePolicy(pb.DeletePolicyRequest(policy_arn=OWN))).policy == changed
    assert await failure(iam.stub.GetPolicy(pb.GetPolicyRequest(policy_arn=OWN))) == NOT_FOUND


async def test_lists_of_policies(iam: IamWorld) -> None:
    """Built-in policies come first, then the account's own in pages; a scope leaves the others out."""
    for number in range(3):
        await make_policy(iam, f"p{number}")
    first = await iam.stub.ListPolicies(pb.ListPoliciesRequest(page_size=2))
    second = await iam.stub.ListPolicies(pb.ListPoliciesRequest(page_size=2, page_token=first.next_page_token))
    built_in = [each.name for each in first.policies if each.built_in]
    assert "AdministratorAccess" in built_in
    assert [each.name for each in first.policies] == [*built_in, "p0", "p1"]
    assert [each.name for each in second.policies] == ["p2"]
    assert not any(each.document for each in first.policies)
    local = await iam.stub.ListPolicies(pb.ListPoliciesRequest(scope=pb.POLICY_SCOPE_LOCAL))
    assert [each.name for each in local.policies] == ["p0", "p1", "p2"]
    only = await iam.stub.ListPolicies(pb.ListPoliciesRequest(scope=pb.POLICY_SCOPE_BUILT_IN))
    assert [each.name for each in only.policies] == built_in
    unknown = pb.ListPoliciesRequest(scope=99)  # type: ignore[arg-type]
    assert await invalid(iam.stub.ListPolicies(unknown)) == {"scope": "FIELD_UNKNOWN"}


async def test_built_in_policies_cannot_be_changed(iam: IamWorld) -> None:
    """They are read like others; changing and removing is refused with a reason of its own."""
    policy = (await iam.stub.GetPolicy(pb.GetPolicyRequest(policy_arn=BUILT_IN))).policy
    assert policy.built_in
    assert json.loads(policy.document)["Statement"]
    for call in (
        iam.stub.UpdatePolicy(pb.UpdatePolicyRequest(policy_arn=BUILT_IN, description="x")),
        iam.stub.DeletePolicy(pb.DeletePolicyRequest(policy_arn=BUILT_IN)),
    ):
        assert (await failure(call))[:2] == (grpc.StatusCode.FAILED_PRECONDITION, "POLICY_READ_ONLY")
    nothing = "arn:aws:iam::aws:policy/Nothing"
    assert await failure(iam.stub.GetPolicy(pb.GetPolicyRequest(policy_arn=nothing))) == NOT_FOUND


async def test_attached_policies(iam: IamWorld) -> None:
    """Users, groups and roles get managed policies and lose them; one that somebody has cannot be removed."""
    await make_policy(iam)
    for principal in await make_principals(iam):
        for arn in (OWN, BUILT_IN, OWN):
            await iam.stub.AttachPolicy(pb.AttachPolicyRequest(principal=principal, policy_arn=arn))
        attached = await iam.stub.ListAttachedPolicies(pb.ListAttachedPoliciesRequest(principal=principal))
        assert list(attached.policy_arns) == [OWN, BUILT_IN]
        listed = await iam.stub.ListPolicyPrincipals(pb.ListPolicyPrincipalsRequest(policy_arn=OWN))
        assert [(each.principal, each.use) for each in listed.principals] == [(principal, pb.POLICY_USE_ATTACHED)]
        answer = await failure(iam.stub.DeletePolicy(pb.DeletePolicyRequest(policy_arn=OWN)))
        assert answer[:2] == (grpc.StatusCode.FAILED_PRECONDITION, "ENTITY_IN_USE")
        detach = pb.DetachPolicyRequest(principal=principal, policy_arn=OWN)
        await iam.stub.DetachPolicy(detach)
        assert await failure(iam.stub.DetachPolicy(detach)) == NOT_FOUND
    listed = await iam.stub.ListPolicyPrincipals(pb.ListPolicyPrincipalsRequest(policy_arn=BUILT_IN, page_size=2))
    assert len(listed.principals) == 2
    assert listed.next_page_token
    await iam.stub.DeletePolicy(pb.DeletePolicyRequest(policy_arn=OWN))
    assert await failure(iam.stub.AttachPolicy(pb.AttachPolicyRequest(principal=ANN, policy_arn=OWN))) == NOT_FOUND


async def test_a_principal_has_a_bounded_number_of_policies(iam: IamWorld) -> None:
    """The 21st managed and the 11th inline policy are refused with a reason of their own."""
    await make_principals(iam)
    for number in range(21):
        policy = await make_policy(iam, f"p{number}")
        attach = iam.stub.AttachPolicy(pb.AttachPolicyRequest(principal=ANN, policy_arn=policy.arn))
        if number < 20:
            await attach
        else:
            assert (await failure(attach))[:2] == (grpc.StatusCode.RESOURCE_EXHAUSTED, "ENTITY_LIMIT_EXCEEDED")
    for number in range(11):
        put = iam.stub.PutInlinePolicy(
            pb.PutInlinePolicyRequest(principal=ANN, policy_name=f"p{number}", document=document())
        )
        if number < 10:
            await put
        else:
            assert (await failure(put))[:2] == (grpc.StatusCode.RESOURCE_EXHAUSTED, "ENTITY_LIMIT_EXCEEDED")


async def test_inline_policies(iam: IamWorld) -> None:
    """They are written, replaced, listed with their documents and removed."""
    for principal in await make_principals(iam):
        for text in (document(), document("Deny")):
            await iam.stub.PutInlinePolicy(
                pb.PutInlinePolicyRequest(principal=principal, policy_name="p", document=text)
            )
        listed = await iam.stub.ListInlinePolicies(pb.ListInlinePoliciesRequest(principal=principal))
        assert list(listed.policies) == [pb.InlinePolicy(name="p", document=document("Deny"))]
        remove = pb.DeleteInlinePolicyRequest(principal=principal, policy_name="p")
        await iam.stub.DeleteInlinePolicy(remove)
        assert await failure(iam.stub.DeleteInlinePolicy(remove)) == NOT_FOUND


async def test_permissions_boundaries(iam: IamWorld) -> None:
    """Users and roles get a limit and lose it; groups have none; a policy that limits cannot be removed."""
    user, group, role = await make_principals(iam)
    await make_policy(iam)
    for principal in (user, role):
        await iam.stub.PutPermissionsBoundary(pb.PutPermissionsBoundaryRequest(principal=principal, policy_arn=OWN))
    found = await iam.stub.GetUser(principals_pb2.GetUserRequest(user_name="ann"))
    assert found.user.permissions_boundary == OWN
    listed = await iam.stub.ListPolicyPrincipals(pb.ListPolicyPrincipalsRequest(policy_arn=OWN))
    assert [each.use for each in listed.principals] == [pb.POLICY_USE_PERMISSIONS_BOUNDARY] * 2
    answer = await failure(iam.stub.DeletePolicy(pb.DeletePolicyRequest(policy_arn=OWN)))
    assert answer[1] == "ENTITY_IN_USE"
    for principal in (user, role):
        await iam.stub.DeletePermissionsBoundary(pb.DeletePermissionsBoundaryRequest(principal=principal))
    await iam.stub.DeletePolicy(pb.DeletePolicyRequest(policy_arn=OWN))
    refused = iam.stub.PutPermissionsBoundary(pb.PutPermissionsBoundaryRequest(principal=group, policy_arn=BUILT_IN))
    assert await invalid(refused) == {"principal.group_name": "FIELD_CONFLICT"}


@pytest.mark.parametrize("kind", [pb.ACCOUNT_POLICY_KIND_SERVICE_CONTROL, pb.ACCOUNT_POLICY_KIND_ENDPOINT])
async def test_policies_of_the_account(iam: IamWorld, kind: Any) -> None:
    """Each kind is set, read and removed; a document of the other kind is refused."""
    endpoint = kind == pb.ACCOUNT_POLICY_KIND_ENDPOINT
    right, wrong = document(), document(Principal="*")
    if endpoint:
        right, wrong = wrong, right
    put = pb.PutAccountPolicyRequest(kind=kind, document=wrong)
    assert set((await invalid(iam.stub.PutAccountPolicy(put))).values()) == {"POLICY_INVALID"}
    get, delete = pb.GetAccountPolicyRequest(kind=kind), pb.DeleteAccountPolicyRequest(kind=kind)
    assert await failure(iam.stub.GetAccountPolicy(get)) == NOT_FOUND
    await iam.stub.PutAccountPolicy(pb.PutAccountPolicyRequest(kind=kind, document=right))
    found = await iam.stub.GetAccountPolicy(get)
    assert found.document == right
    assert found.update_time.seconds > 0
    await iam.stub.DeleteAccountPolicy(delete)
    assert await failure(iam.stub.DeleteAccountPolicy(delete)) == NOT_FOUND


async def test_the_kind_of_an_account_policy_is_checked(iam: IamWorld) -> None:
    """It must be given and known."""
    kind: Any
    for kind, reason in ((0, "FIELD_REQUIRED"), (77, "FIELD_UNKNOWN")):
        for call in (
            iam.stub.PutAccountPolicy(pb.PutAccountPolicyRequest(kind=kind, document=document())),
            iam.stub.GetAccountPolicy(pb.GetAccountPolicyRequest(kind=kind)),
            iam.stub.DeleteAccountPolicy(pb.DeleteAccountPolicyRequest(kind=kind)),
        ):
            assert await invalid(call) == {"kind": reason}


async def test_policies_of_apps(iam: IamWorld) -> None:
    """An app's policy is set, read and removed, and goes with the app."""
    app_id = (await iam.apps.CreateApp(app_pb2.CreateAppRequest(name="app"))).app.id
    text = document(Principal={"AWS": "123456789012"})
    get = pb.GetAppPolicyRequest(app_id=app_id)
    assert await failure(iam.stub.GetAppPolicy(get)) == NOT_FOUND
    assert await failure(iam.stub.DeleteAppPolicy(pb.DeleteAppPolicyRequest(app_id=app_id))) == NOT_FOUND
    await iam.stub.PutAppPolicy(pb.PutAppPolicyRequest(app_id=app_id, document=text))
    assert (await iam.stub.GetAppPolicy(get)).document == text
    await iam.stub.DeleteAppPolicy(pb.DeleteAppPolicyRequest(app_id=app_id))
    await iam.stub.PutAppPolicy(pb.PutAppPolicyRequest(app_id=app_id, document=text))
    await iam.apps.DeleteApp(app_pb2.DeleteAppRequest(app_id=app_id))
    for missing in (app_id, NOBODY, "x"):
        answer = await failure(iam.stub.GetAppPolicy(pb.GetAppPolicyRequest(app_id=missing)))
        assert answer == (grpc.StatusCode.NOT_FOUND, "APP_NOT_FOUND", {})
    assert await invalid(iam.stub.PutAppPolicy(pb.PutAppPolicyRequest())) == {
        "app_id": "FIELD_REQUIRED",
        "document": "FIELD_REQUIRED",
    }


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "FIELD_REQUIRED"),
        (" \n", "FIELD_REQUIRED"),
        ("x" * 40_000, "FIELD_TOO_LONG"),
        ("not JSON", "POLICY_INVALID"),
        ("[]", "POLICY_INVALID"),
        (
            '{"Version": "2012-10-17", "Statement": [{"Effect": "Maybe", "Action": "a:b", "Resource": "*"}]}',
            "POLICY_INVALID",
        ),
        ('{"a": ' * 10_000, "FIELD_TOO_LONG"),
        ("[" * 30_000, "POLICY_INVALID"),
        ('{"Version": "2012-10-17", "Statement": "\\ud800"}', "POLICY_INVALID"),
    ],
)
async def test_documents_are_checked(iam: IamWorld, text: str, reason: str) -> None:
    """What is no policy is refused at its field, with what is wrong, wherever documents are taken."""
    await make_principals(iam)
    for call in (
        iam.stub.CreatePolicy(pb.CreatePolicyRequest(policy_name="p", document=text)),
        iam.stub.PutInlinePolicy(pb.PutInlinePolicyRequest(principal=ANN, policy_name="p", document=text)),
        iam.stub.PutAccountPolicy(
            pb.PutAccountPolicyRequest(kind=pb.ACCOUNT_POLICY_KIND_SERVICE_CONTROL, document=text)
        ),
    ):
        assert await invalid(call) == {"document": reason}


@pytest.mark.parametrize("arn", ["send", "arn:aws:iam::1:policy/send", "arn:aws:iam::aws:policy/", f"{OWN}/../x", "ä"])
async def test_arns_are_checked(iam: IamWorld, arn: str) -> None:
    """What is not the ARN of a policy here is refused at its field."""
    call = iam.stub.GetPolicy(pb.GetPolicyRequest(policy_arn=arn))
    assert await invalid(call) == {"policy_arn": "FIELD_MALFORMED"}
