"""What identity data do to calls, on a server that asks who calls: keys, sessions, simulation, changes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import pytest

from clarion.iam.v1 import access_keys_pb2, iam_pb2_grpc, policies_pb2, principals_pb2, sessions_pb2
from clarion.iam.v1 import simulation_pb2 as sim
from clarion.iam.v1.principals_pb2 import Principal
from clarion.v1 import app_pb2, app_pb2_grpc
from clarion_server.app import running
from clarion_server.iam_model import PrincipalKind, PrincipalRef
from tests.integration.iam.conftest import ACCOUNT, BUILT_IN, IamWorld, document, trust
from tests.integration.test_apps import failure, invalid
from tests.support.access import ALLOW_ALL, Guarded, bearer, open_guarded

if TYPE_CHECKING:
    from clarion.iam.v1.iam_pb2_grpc import IamServiceAsyncStub

NOT_FOUND: Any = (grpc.StatusCode.NOT_FOUND, "ENTITY_NOT_FOUND", {})
GET_APP = {"Effect": "Allow", "Action": "mobiletargeting:GetApps", "Resource": "*"}
WORKER = f"arn:aws:iam::{ACCOUNT}:role/worker"


@pytest.fixture
async def guarded(tmp_path: Path) -> AsyncIterator[Guarded]:
    """Provide a server with the administrator root, and ann, who may list apps."""
    async with open_guarded(tmp_path, {"root": ALLOW_ALL, "ann": GET_APP}) as opened:
        yield opened


def iam_of(guarded: Guarded) -> IamServiceAsyncStub:
    """Return a stub of IamService."""
    return iam_pb2_grpc.IamServiceStub(guarded.channel)


async def denied(call: Any) -> str:
    """Return the message of a call that must be denied."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED
    return str(caught.value.details())


async def outcome(call: Any) -> grpc.StatusCode:
    """Return the status of a call."""
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return error.code()
    return grpc.StatusCode.OK


async def eventually(call: Callable[[], Any], wanted: grpc.StatusCode) -> bool:
    """Call again and again; return whether the status was the wanted one before long."""
    for _ in range(600):
        if await outcome(call()) is wanted:
            return True
        await asyncio.sleep(0.05)
    return False


async def list_apps(guarded: Guarded, metadata: Any) -> None:
    """List the apps."""
    await app_pb2_grpc.AppServiceStub(guarded.channel).ListApps(app_pb2.ListAppsRequest(), metadata=metadata)


async def make_role(guarded: Guarded, *, trusted: str = "", tagged: bool = False) -> None:
    """Make the role worker, which may list apps; ann may assume it."""
    actions = ["sts:AssumeRole", *(["sts:TagSession"] if tagged else [])]
    principal = {"AWS": trusted or f"arn:aws:iam::{ACCOUNT}:user/ann"}
    text = json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Principal": principal}]}
    )
    root = guarded.metadata("root")
    request = principals_pb2.CreateRoleRequest(role_name="worker", trust_policy=text)
    await iam_of(guarded).CreateRole(request, metadata=root)
    inline = policies_pb2.PutInlinePolicyRequest(
        principal=Principal(role_name="worker"), policy_name="p", document=document(action="mobiletargeting:*")
    )
    await iam_of(guarded).PutInlinePolicy(inline, metadata=root)


async def test_a_session_of_a_role(guarded: Guarded) -> None:
    """A caller whom the role trusts gets a token with which it is the role's session, and may what the role may."""
    await make_role(guarded)
    stub = iam_of(guarded)
    request = sessions_pb2.AssumeRoleRequest(role_arn=WORKER, session_name="s-1")
    session = await stub.AssumeRole(request, metadata=guarded.metadata("ann"))
    assert session.assumed_role_arn == f"arn:aws:sts::{ACCOUNT}:assumed-role/worker/s-1"
    mine = bearer(session.token)
    who = await stub.GetCallerIdentity(sessions_pb2.GetCallerIdentityRequest(), metadata=mine)
    assert (who.arn, who.kind, who.name) == (session.assumed_role_arn, "AssumedRole", "worker")
    assert (who.session_name, who.credential, who.account) == ("s-1", "token", ACCOUNT)
    assert who.expire_time == session.expire_time
    apps = app_pb2_grpc.AppServiceStub(guarded.channel)
    await apps.CreateApp(app_pb2.CreateAppRequest(name="by the role"), metadata=mine)
    await denied(apps.CreateApp(app_pb2.CreateAppRequest(name="by ann"), metadata=guarded.metadata("ann")))
    await denied(stub.ListUsers(principals_pb2.ListUsersRequest(), metadata=mine))


async def test_a_session_is_limited_by_its_policies(guarded: Guarded) -> None:
    """What a session policy does not allow, the session may not, though its role may."""
    await make_role(guarded)
    request = sessions_pb2.AssumeRoleRequest(
        role_arn=WORKER, session_name="s-1", session_policies=[document(action="mobiletargeting:GetApps")]
    )
    session = await iam_of(guarded).AssumeRole(request, metadata=guarded.metadata("ann"))
    await list_apps(guarded, bearer(session.token))
    apps = app_pb2_grpc.AppServiceStub(guarded.channel)
    call = apps.CreateApp(app_pb2.CreateAppRequest(name="a"), metadata=bearer(session.token))
    assert "session policy" in await denied(call)


async def test_who_may_not_assume_a_role_learns_nothing(guarded: Guarded) -> None:
    """Also the administrator is denied when the role does not trust him, in the same words as for no role."""
    await make_role(guarded)
    messages = [
        await denied(
            iam_of(guarded).AssumeRole(
                sessions_pb2.AssumeRoleRequest(role_arn=arn, session_name="s-1"), metadata=guarded.metadata("root")
            )
        )
        for arn in (WORKER, f"{WORKER}2")
    ]
    assert "not authorized to perform: sts:AssumeRole" in messages[0]
    assert messages[1].split(" because ")[0] == messages[0].replace(WORKER, f"{WORKER}2").split(" because ")[0]


async def test_tags_of_a_session(guarded: Guarded) -> None:
    """They are the caller's tags from then on; without sts:TagSession in the trust policy they are denied."""
    await make_role(guarded, tagged=True)
    request = sessions_pb2.AssumeRoleRequest(role_arn=WORKER, session_name="s-1", tags={"team": "red"})
    session = await iam_of(guarded).AssumeRole(request, metadata=guarded.metadata("ann"))
    who = await iam_of(guarded).GetCallerIdentity(
        sessions_pb2.GetCallerIdentityRequest(), metadata=bearer(session.token)
    )
    assert dict(who.tags) == {"team": "red"}
    change = principals_pb2.UpdateRoleRequest(
        role_name="worker", trust_policy=trust(f"arn:aws:iam::{ACCOUNT}:user/ann")
    )
    await iam_of(guarded).UpdateRole(change, metadata=guarded.metadata("root"))
    assert "sts:TagSession" in await denied(iam_of(guarded).AssumeRole(request, metadata=guarded.metadata("ann")))


async def test_what_is_wrong_with_a_session(guarded: Guarded) -> None:
    """Names, times, policies and sizes are checked, each at its field."""
    await make_role(guarded, tagged=True)
    ann = guarded.metadata("ann")
    request = sessions_pb2.AssumeRoleRequest(
        role_arn=WORKER, session_name="x", session_policies=["{}"], tags={"aws:x": ""}
    )
    request.duration.seconds = 899
    assert await invalid(iam_of(guarded).AssumeRole(request, metadata=ann)) == {
        "session_name": "FIELD_OUT_OF_RANGE",
        "session_policies[0]": "POLICY_INVALID",
        "duration": "FIELD_OUT_OF_RANGE",
        'tags["aws:x"]': "FIELD_MALFORMED",
    }
    long = sessions_pb2.AssumeRoleRequest(role_arn=WORKER, session_name="s-1")
    long.duration.seconds = 3601
    assert await invalid(iam_of(guarded).AssumeRole(long, metadata=ann)) == {"duration": "FIELD_OUT_OF_RANGE"}
    large = sessions_pb2.AssumeRoleRequest(
        role_arn=WORKER, session_name="s-1", tags={f"key-{number}": "v" * 256 for number in range(10)}
    )
    assert await invalid(iam_of(guarded).AssumeRole(large, metadata=ann)) == {"session_policies": "FIELD_TOO_LONG"}
    most = sessions_pb2.AssumeRoleRequest(
        role_arn=WORKER, session_name="s" * 64, tags={f"key-{number}": "ä" * 40 for number in range(9)}
    )
    session = await iam_of(guarded).AssumeRole(most, metadata=ann)
    await list_apps(guarded, bearer(session.token))


async def test_everybody_may_ask_who_it_is(guarded: Guarded) -> None:
    """GetCallerIdentity needs no permission, not even against a denial."""
    await guarded.put_policy("ann", {"Effect": "Deny", "Action": "*", "Resource": "*"})
    who = await iam_of(guarded).GetCallerIdentity(
        sessions_pb2.GetCallerIdentityRequest(), metadata=guarded.metadata("ann")
    )
    assert (who.arn, who.kind) == (f"arn:aws:iam::{ACCOUNT}:user/ann", "User")


async def test_a_change_counts_at_once_in_the_same_process(guarded: Guarded) -> None:
    """The call after a change of policies, groups, or the user itself is decided by the new state."""
    root, ann = guarded.metadata("root"), guarded.metadata("ann")
    stub = iam_of(guarded)
    await list_apps(guarded, ann)
    ref = Principal(user_name="ann")
    await stub.PutInlinePolicy(
        policies_pb2.PutInlinePolicyRequest(principal=ref, policy_name="no", document=document("Deny", "*")),
        metadata=root,
    )
    assert "explicit deny" in await denied(list_apps(guarded, ann))
    await stub.DeleteInlinePolicy(
        policies_pb2.DeleteInlinePolicyRequest(principal=ref, policy_name="no"), metadata=root
    )
    await list_apps(guarded, ann)
    await stub.DeleteUser(principals_pb2.DeleteUserRequest(user_name="ann", force=True), metadata=root)
    await denied(list_apps(guarded, ann))


async def test_a_change_counts_in_another_process_within_a_second_or_two(guarded: Guarded) -> None:
    """A second server on the same database denies soon after the first one was told to."""
    settings = guarded.settings.model_copy(update={"listen": "127.0.0.1:0"})
    root, ann = guarded.metadata("root"), guarded.metadata("ann")
    async with running(settings) as second, grpc.aio.insecure_channel(second.address) as channel:
        other = replace(guarded, channel=channel)
        await list_apps(other, ann)
        limit = policies_pb2.PutAccountPolicyRequest(
            kind=policies_pb2.ACCOUNT_POLICY_KIND_SERVICE_CONTROL, document=document("Allow", "iam:*")
        )
        await iam_of(guarded).PutAccountPolicy(limit, metadata=root)
        assert await eventually(lambda: list_apps(other, ann), grpc.StatusCode.PERMISSION_DENIED)


async def test_iam_itself_needs_permission(guarded: Guarded) -> None:
    """Who may not is denied with principal, action and resource, whether what he names exists or not."""
    ann, stub = guarded.metadata("ann"), iam_of(guarded)
    for name in ("root", "nobody"):
        text = await denied(stub.GetUser(principals_pb2.GetUserRequest(user_name=name), metadata=ann))
        assert text.startswith(
            f"User: arn:aws:iam::{ACCOUNT}:user/ann is not authorized to perform: iam:GetUser on resource: "
            f"arn:aws:iam::{ACCOUNT}:user/{name} because no identity-based policy allows"
        )
    await guarded.put_policy(
        "ann",
        {"Effect": "Allow", "Action": "iam:AttachUserPolicy", "Resource": f"arn:aws:iam::{ACCOUNT}:user/helper"},
    )
    await guarded.iam.create_principal(PrincipalRef(PrincipalKind.USER, "helper"), tags={})
    attach = policies_pb2.AttachPolicyRequest(principal=Principal(user_name="helper"), policy_arn=BUILT_IN)
    # Changed behind the server's back: seen after a second.
    assert await eventually(lambda: stub.AttachPolicy(attach, metadata=ann), grpc.StatusCode.OK)
    himself = policies_pb2.AttachPolicyRequest(principal=Principal(user_name="ann"), policy_arn=BUILT_IN)
    assert "iam:AttachUserPolicy" in await denied(stub.AttachPolicy(himself, metadata=ann))


# --- access keys ----------------------------------------------------------------------------------


async def test_the_life_of_an_access_key(iam: IamWorld) -> None:
    """A key is made with a secret that is told once, listed, switched off and removed; a user has two."""
    stub = iam.stub
    create = access_keys_pb2.CreateAccessKeyRequest(user_name="ann")
    assert await failure(stub.CreateAccessKey(create)) == NOT_FOUND
    await stub.CreateUser(principals_pb2.CreateUserRequest(user_name="ann"))
    made = await stub.CreateAccessKey(create)
    assert len(made.secret_access_key) == 40
    key = made.access_key
    assert (key.id[:4], key.user_name, key.active, key.HasField("last_used_time")) == ("AKIA", "ann", True, False)
    second = (await stub.CreateAccessKey(create)).access_key
    assert (await failure(stub.CreateAccessKey(create)))[:2] == (
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        "ENTITY_LIMIT_EXCEEDED",
    )
    ask = access_keys_pb2.ListAccessKeysRequest(user_name="ann")
    assert list((await stub.ListAccessKeys(ask)).access_keys) == [key, second]
    off = access_keys_pb2.UpdateAccessKeyRequest(user_name="ann", access_key_id=key.id, active=False)
    assert not (await stub.UpdateAccessKey(off)).access_key.active
    unsaid = access_keys_pb2.UpdateAccessKeyRequest(user_name="ann", access_key_id=key.id)
    assert await invalid(stub.UpdateAccessKey(unsaid)) == {"active": "FIELD_REQUIRED"}
    delete = access_keys_pb2.DeleteAccessKeyRequest(user_name="ann", access_key_id=key.id)
    await stub.DeleteAccessKey(delete)
    assert await failure(stub.DeleteAccessKey(delete)) == NOT_FOUND
    assert list((await stub.ListAccessKeys(ask)).access_keys) == [second]
    nothing = access_keys_pb2.DeleteAccessKeyRequest()
    assert await invalid(stub.DeleteAccessKey(nothing)) == {
        "user_name": "FIELD_REQUIRED",
        "access_key_id": "FIELD_REQUIRED",
    }


# --- simulation and validation ---------------------------------------------------------------------


async def test_simulation_of_a_user(iam: IamWorld) -> None:
    """A decision is told with its reason and the statements behind it, for each action on each resource."""
    stub = iam.stub
    await stub.CreateUser(principals_pb2.CreateUserRequest(user_name="ann", tags={"team": "red"}))
    ann = Principal(user_name="ann")
    policy = policies_pb2.CreatePolicyRequest(
        policy_name="red",
        document=json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [
                    {"Effect": "Deny", "Action": "mobiletargeting:DeleteApp", "Resource": "*"},
                    {
                        "Sid": "Red",
                        "Effect": "Allow",
                        "Action": "mobiletargeting:*",
                        "Resource": "*",
                        "Condition": {"StringEquals": {"aws:PrincipalTag/team": "${aws:ResourceTag/team}"}},
                    },
                ],
            }
        ),
    )
    arn = (await stub.CreatePolicy(policy)).policy.arn
    await stub.AttachPolicy(policies_pb2.AttachPolicyRequest(principal=ann, policy_arn=arn))
    request = sim.SimulatePolicyRequest(
        principal=ann,
        actions=["mobiletargeting:GetApp", "mobiletargeting:DeleteApp", "clarion:UpdateApp"],
        context=sim.SimulationContext(resource_tags={"team": "red"}),
    )
    allowed, explicit, implicit = (await stub.SimulatePolicy(request)).results
    assert (allowed.action, allowed.resource) == ("mobiletargeting:GetApp", "*")
    assert allowed.decision == sim.POLICY_DECISION_ALLOWED
    (matched,) = allowed.matched_statements
    assert (matched.policy, matched.sid, matched.index, matched.effect) == (arn, "Red", 1, "Allow")
    assert matched.policy_kind == sim.POLICY_KIND_IDENTITY
    assert explicit.decision == sim.POLICY_DECISION_EXPLICIT_DENY
    assert [each.effect for each in explicit.matched_statements] == ["Deny"]
    assert implicit.decision == sim.POLICY_DECISION_IMPLICIT_DENY
    assert "no identity-based policy allows the clarion:UpdateApp action" in implicit.explanation
    request.context.resource_tags["team"] = "blue"
    assert (await stub.SimulatePolicy(request)).results[0].decision == sim.POLICY_DECISION_IMPLICIT_DENY
    request.context.principal_tags["team"] = "blue"
    assert (await stub.SimulatePolicy(request)).results[0].decision == sim.POLICY_DECISION_ALLOWED
    boundary = sim.SimulatePolicyRequest()
    boundary.CopyFrom(request)
    boundary.permissions_boundary = document(action="clarion:*")
    found = (await stub.SimulatePolicy(boundary)).results[0]
    assert found.decision == sim.POLICY_DECISION_IMPLICIT_DENY
    assert "permissions boundary" in found.explanation


async def test_simulation_of_documents(iam: IamWorld) -> None:
    """Documents alone are asked for nobody in particular; time and address are those of the request."""
    condition = {
        "IpAddress": {"aws:SourceIp": "192.0.2.0/24"},
        "DateGreaterThan": {"aws:CurrentTime": "2030-01-01T00:00:00Z"},
        "Bool": {"aws:SecureTransport": "false", "aws:MultiFactorAuthPresent": "true"},
    }
    request = sim.SimulatePolicyRequest(
        documents=[document(Condition=condition)],
        actions=["mobiletargeting:GetApp"],
        resources=["*", "arn:aws:mobiletargeting:us-east-1:000000000000:apps/1"],
    )
    request.context.source_ip = "192.0.2.7"
    request.context.time.FromJsonString("2031-01-01T00:00:00Z")
    request.context.secure_transport = False
    request.context.multi_factor_auth = True
    answers = (await iam.stub.SimulatePolicy(request)).results
    assert [answer.decision for answer in answers] == [sim.POLICY_DECISION_ALLOWED] * 2
    assert answers[0].matched_statements[0].policy == "documents[0]"
    request.context.ClearField("secure_transport")
    answers = (await iam.stub.SimulatePolicy(request)).results
    assert [answer.decision for answer in answers] == [sim.POLICY_DECISION_IMPLICIT_DENY] * 2


async def test_simulation_of_a_resource_policy(iam: IamWorld) -> None:
    """A resource's policy takes part; for AssumeRole the role's trust policy does by itself."""
    await iam.stub.CreateUser(principals_pb2.CreateUserRequest(user_name="ann"))
    ann = f"arn:aws:iam::{ACCOUNT}:user/ann"
    request = sim.SimulatePolicyRequest(
        principal=Principal(user_name="ann"),
        actions=["mobiletargeting:GetApp"],
        resources=[f"arn:aws:mobiletargeting:us-east-1:{ACCOUNT}:apps/{'1' * 32}"],
        resource_policy=document(Principal={"AWS": ann}),
    )
    (answer,) = (await iam.stub.SimulatePolicy(request)).results
    assert answer.decision == sim.POLICY_DECISION_ALLOWED
    assert answer.matched_statements[0].policy_kind == sim.POLICY_KIND_RESOURCE
    await iam.stub.CreateRole(principals_pb2.CreateRoleRequest(role_name="worker", trust_policy=trust(ann)))
    asked = sim.SimulatePolicyRequest(
        principal=request.principal, actions=["sts:AssumeRole"], resources=[WORKER, f"{WORKER}2"]
    )
    decisions = [each.decision for each in (await iam.stub.SimulatePolicy(asked)).results]
    assert decisions == [sim.POLICY_DECISION_ALLOWED, sim.POLICY_DECISION_IMPLICIT_DENY]


async def test_what_is_wrong_with_a_simulation(iam: IamWorld) -> None:
    """Unknown principals are not found; everything else is told at its field."""
    ask = iam.stub.SimulatePolicy
    assert await invalid(ask(sim.SimulatePolicyRequest(actions=["a:b"]))) == {"documents": "FIELD_REQUIRED"}
    nobody = sim.SimulatePolicyRequest(principal=Principal(user_name="nobody"), actions=["a:b"])
    assert await failure(ask(nobody)) == NOT_FOUND
    bad = sim.SimulatePolicyRequest(
        documents=[document()], actions=["a:*", "a"], resources=["x"] * 101, context={"source_ip": "1"}
    )
    assert await invalid(ask(bad)) == {"context.source_ip": "FIELD_MALFORMED"}
    bad.context.source_ip = ""
    assert await invalid(ask(bad)) == {
        "actions[0]": "FIELD_MALFORMED",
        "actions[1]": "FIELD_MALFORMED",
        "resources": "FIELD_TOO_LONG",
    }
    late = sim.SimulatePolicyRequest(documents=[document()], actions=["a:b"])
    late.context.time.seconds = 1 << 60
    assert await invalid(ask(late)) == {"context.time": "FIELD_OUT_OF_RANGE"}


async def test_validation(iam: IamWorld) -> None:
    """Findings have severity, code, place and remedy; actions are those that this server has."""
    text = document(action=["mobiletargeting:GetWidget", "iam:CreateUser", "mobiletargeting:GetApp"])
    answer = await iam.stub.ValidatePolicy(sim.ValidatePolicyRequest(document=text))
    (finding,) = (each for each in answer.findings if each.code == "UNKNOWN_ACTION")
    assert finding.path == "Statement[0].Action"
    assert finding.message
    assert finding.remedy
    assert finding.severity
    wide = await iam.stub.ValidatePolicy(sim.ValidatePolicyRequest(document=document(action="*")))
    assert sim.FINDING_SEVERITY_SECURITY_WARNING in {each.severity for each in wide.findings}
    broken = await iam.stub.ValidatePolicy(sim.ValidatePolicyRequest(document=document(), kind=sim.POLICY_KIND_TRUST))
    assert sim.FINDING_SEVERITY_ERROR in {each.severity for each in broken.findings}
    unknown: Any = 99
    assert await invalid(iam.stub.ValidatePolicy(sim.ValidatePolicyRequest(kind=unknown))) == {
        "document": "FIELD_REQUIRED",
        "kind": "FIELD_UNKNOWN",
    }
