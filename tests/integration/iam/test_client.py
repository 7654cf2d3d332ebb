"""The Python clients and the command line of identity management, against a server process."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import clarion
from clarion.iam import principal, simulation_context
from clarion.iam.v1 import policies_pb2, simulation_pb2
from tests.integration.iam.conftest import ACCOUNT, BUILT_IN, document, trust
from tests.support.process import clarion_server, run_client_command

ANN = f"arn:aws:iam::{ACCOUNT}:user/ann"


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """Run a server without authentication; provide its address."""
    with clarion_server(
        "serve", "--listen", "127.0.0.1:0", "--data-dir", str(tmp_path / "data"), output=tmp_path / "log"
    ) as server:
        yield server.wait_for(r"serves gRPC on (\S+:\d+)")[1]


def test_the_client(address: str) -> None:
    """Every method does its part, and errors are the client's own."""
    with clarion.Client(address) as client:
        iam = client.iam
        assert iam.create_user("ann", tags={"a": "b"}).arn == ANN
        iam.create_user("bob")
        assert [user.name for user in iam.list_users(page_size=1)] == ["ann", "bob"]
        assert iam.rename_user("bob", "eve").name == "eve"
        assert iam.delete_user("eve").name == "eve"
        with pytest.raises(clarion.NotFound) as caught:
            iam.get_user("eve")
        assert caught.value.reason == "ERROR_REASON_ENTITY_NOT_FOUND"
        assert iam.tag_principal("user/ann", {"c": "d"}) == {"a": "b", "c": "d"}
        assert iam.untag_principal(ANN, ["a"]) == {"c": "d"}

        assert iam.create_group("g").name == "g"
        iam.add_user_to_group("g", "ann")
        assert [user.name for user in iam.list_group_members("g", page_size=1)] == ["ann"]
        assert [group.name for group in iam.list_groups_for_user("ann")] == ["g"]
        assert [group.name for group in iam.list_groups()] == ["g"]
        assert iam.rename_group("g", "senders") == iam.get_group("senders")

        role = iam.create_role("worker", json.loads(trust(ANN)), description="d", max_session=7200, tags={"x": "y"})
        assert json.loads(role.trust_policy) == json.loads(trust(ANN))
        assert role.max_session_duration.seconds == 7200
        with pytest.raises(clarion.Conflict):
            iam.update_role("worker", description="e", expected_version=7)
        assert iam.update_role("worker", description="e").description == "e"
        assert iam.update_role("worker", trust_policy=trust("*")).trust_policy == trust("*")
        assert [each.name for each in iam.list_roles()] == ["worker"]

        policy = iam.create_policy("send", document(), description="d")
        assert iam.update_policy(policy.arn, document=document("Deny"), expected_version=1).version == 2
        assert iam.get_policy(policy.arn).document == document("Deny")
        assert [each.arn for each in iam.list_policies(scope="local")] == [policy.arn]
        iam.attach_policy("group/senders", policy.arn)
        iam.attach_policy("user/ann", BUILT_IN)
        assert iam.list_attached_policies("user/ann") == [BUILT_IN]
        (holder,) = iam.list_policy_principals(policy.arn)
        assert (holder.principal, holder.use) == (principal("group/senders"), policies_pb2.POLICY_USE_ATTACHED)
        iam.detach_policy("group/senders", policy.arn)
        iam.put_permissions_boundary("role/worker", policy.arn)
        assert iam.get_role("worker").permissions_boundary == policy.arn
        iam.delete_permissions_boundary("role/worker")
        assert iam.delete_policy(policy.arn).arn == policy.arn
        iam.put_inline_policy("role/worker", "p", document())
        assert iam.list_inline_policies("role/worker") == {"p": document()}
        iam.delete_inline_policy("role/worker", "p")

        iam.put_account_policy("service-control", document())
        assert iam.get_account_policy("SERVICE_CONTROL") == document()
        iam.delete_account_policy("service_control")
        app_id = client.create_app("app").id
        iam.put_app_policy(app_id, document(Principal={"AWS": ANN}))
        assert iam.get_app_policy(app_id) == document(Principal={"AWS": ANN})
        iam.delete_app_policy(app_id)

        made = iam.create_access_key("ann")
        assert len(made.secret_access_key) == 40
        assert not iam.update_access_key("ann", made.access_key.id, active=False).active
        assert [key.id for key in iam.list_access_keys("ann")] == [made.access_key.id]
        iam.delete_access_key("ann", made.access_key.id)

        assert iam.get_caller_identity().arn == "anonymous"
        with pytest.raises(clarion.AccessDenied):
            iam.assume_role(role.arn, "s-1", policies=[document()], duration=900, tags={"a": "b"})
        (result,) = iam.simulate_policy(["mobiletargeting:SendMessages"], principal="user/ann")
        assert result.decision == simulation_pb2.POLICY_DECISION_ALLOWED
        context = simulation_context(source_ip="192.0.2.1", secure_transport=False, mfa=True)
        (result,) = iam.simulate_policy(["a:b"], ["*"], documents=[document("Deny", "*")], context=context)
        assert result.decision == simulation_pb2.POLICY_DECISION_EXPLICIT_DENY
        assert iam.validate_policy("{}", kind="trust")
        assert iam.delete_role("worker").name == "worker"
        assert iam.delete_group("senders", force=True).name == "senders"
        with pytest.raises(clarion.PreconditionFailed):
            iam.delete_user("ann")
        for wrong in ("ann", "team/ann", "user/"):
            with pytest.raises(ValueError):
                iam.list_attached_policies(wrong)
        with pytest.raises(ValueError, match="SERVICE_CONTROL, ENDPOINT"):
            iam.get_account_policy("other")


async def test_the_client_for_asyncio(address: str) -> None:
    """One method of each kind does its part: an answer, pages, none, a list, a dictionary."""
    async with clarion.AsyncClient(address) as client:
        iam = client.iam
        for name in ("ann", "bob"):
            await iam.create_user(name)
        assert [user.name async for user in iam.list_users(page_size=1)] == ["ann", "bob"]
        await iam.attach_policy("user/ann", BUILT_IN)
        assert await iam.list_attached_policies("user/ann") == [BUILT_IN]
        await iam.put_inline_policy("user/ann", "p", document())
        assert await iam.list_inline_policies("user/ann") == {"p": document()}
        assert await iam.tag_principal("user/ann", {"a": "b"}) == {"a": "b"}
        assert len((await iam.create_access_key("ann")).secret_access_key) == 40
        assert (await iam.get_caller_identity()).kind == "Anonymous"
        with pytest.raises(clarion.NotFound):
            await iam.get_role("worker")


class Command:
    """The command `clarion`, as a process of its own."""

    def __init__(self, address: str, directory: Path) -> None:
        plain = {name: value for name, value in os.environ.items() if not name.startswith(("CLARION_", "FORCE_COLOR"))}
        self._environment = plain | {"CLARION_SERVER": address}
        self._directory = directory

    def run(self, *arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
        """Run `clarion iam`."""
        return run_client_command("-o", "json", "iam", *arguments, environment=self._environment, text=text)

    def good(self, *arguments: str, text: str = "") -> Any:
        """Run `clarion iam`, which must succeed; return what it prints, None for nothing."""
        done = self.run(*arguments, text=text)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None

    def file(self, name: str, text: str) -> str:
        """Return the path of a new file."""
        path = self._directory / name
        path.write_text(text)
        return str(path)


def test_the_usual_work_on_the_command_line(address: str, tmp_path: Path) -> None:
    """From a user to what it may do: users, groups, policies, roles, keys, simulation, validation."""
    command = Command(address, tmp_path)
    good, send = command.good, command.file("send.json", document(action="mobiletargeting:SendMessages"))
    assert good("users", "create", "ann", "--tag", "team=red")["arn"] == ANN
    assert [user["name"] for user in good("users", "list")] == ["ann"]
    assert good("tag", "user/ann", "x=y") == {"team": "red", "x": "y"}
    assert good("untag", "user/ann", "x") == {"team": "red"}
    good("groups", "create", "senders")
    good("groups", "add", "senders", "ann")
    assert [user["name"] for user in good("groups", "members", "senders")] == ["ann"]
    arn = good("policies", "create", "send", send, "--description", "may send")["arn"]
    good("policies", "attach", "group/senders", arn)
    good("policies", "put-inline", "user/ann", "more", "-", text=document(action="clarion:PreviewMessage"))
    assert good("policies", "of", "user/ann") == {
        "attached": [],
        "inline": {"more": document(action="clarion:PreviewMessage")},
    }
    assert [each["name"] for each in good("policies", "list", "--scope", "local")] == ["send"]
    actions = ["mobiletargeting:SendMessages", "clarion:PreviewMessage"]
    asked = good("simulate", *actions, "--principal", "user/ann")
    assert [each["decision"] for each in asked] == ["POLICY_DECISION_ALLOWED"] * 2
    good("policies", "set-boundary", "user/ann", arn)
    assert good("users", "get", "ann")["permissionsBoundary"] == arn
    limited = command.run("simulate", *actions, "--principal", "user/ann")
    assert limited.returncode == 1
    assert [each["decision"].rpartition("_")[2] for each in json.loads(limited.stdout)] == ["ALLOWED", "DENY"]
    good("policies", "clear-boundary", "user/ann")
    role = good("roles", "create", "worker", command.file("trust.json", trust(ANN)), "--max-session", "7200")
    assert role["maxSessionDuration"] == "7200s"
    assert good("roles", "update", "worker", "--description", "works")["description"] == "works"
    denied = command.run("assume-role", role["arn"], "s-1")
    assert denied.returncode == 3
    assert "not authorized to perform: sts:AssumeRole" in denied.stderr
    key = good("keys", "create", "ann")
    assert len(key["secretAccessKey"]) == 40
    key_id = key["accessKey"]["id"]
    assert good("keys", "disable", "ann", key_id)["active"] is False
    assert [each["id"] for each in good("keys", "list", "ann")] == [key_id]
    good("keys", "delete", "ann", key_id)
    assert good("validate", send) == []
    wrong = command.run("validate", send, "--kind", "trust")
    assert wrong.returncode == 1
    assert any(each["severity"] == "FINDING_SEVERITY_ERROR" for each in json.loads(wrong.stdout))
    assert good("whoami")["arn"] == "anonymous"
    assert command.run("users", "delete", "ann").returncode == 3
    assert good("users", "delete", "ann", "--force")["name"] == "ann"


def test_wrong_use_of_the_command_line(address: str, tmp_path: Path) -> None:
    """A wrong principal, kind or file is an error of usage that names it; so is what the server refuses."""
    command = Command(address, tmp_path)
    for arguments, told in (
        (("policies", "of", "ann"), "names no principal"),
        (("policies", "get-account", "other"), "is not one of"),
        (("policies", "create", "x", str(tmp_path / "nothing")), "No such file"),
        (("users", "create", "ann", "--tag", "x"), "KEY=VALUE"),
        (("users", "create", "a b"), "user_name"),
        (("policies", "create", "x", command.file("bad.json", "{}")), "MISSING_ELEMENT"),
    ):
        done = command.run(*arguments)
        assert done.returncode == 2, (arguments, done.stderr)
        assert told in " ".join(done.stderr.replace("│", "").split()), done.stderr


def test_tables_for_people(address: str, tmp_path: Path) -> None:
    """Without JSON, tables and fields show what is there."""
    environment = {**os.environ, "CLARION_SERVER": address}

    def plain(*arguments: str) -> str:
        return run_client_command("iam", *arguments, environment=environment).stdout

    assert ANN in run_client_command("iam", "users", "create", "ann", environment=environment, fresh=True).stdout
    assert "ann" in plain("users", "list")
    assert "AdministratorAccess" in plain("policies", "list")
    assert "AKIA" in plain("keys", "create", "ann")
    assert "never" in plain("keys", "list", "ann")
    assert "implicit deny" in plain("simulate", "iam:GetUser", "--principal", "user/ann")
    assert "MISSING_ELEMENT" in plain("validate", str(Path(_written(tmp_path))))


def _written(directory: Path) -> str:
    path = directory / "empty.json"
    path.write_text("{}")
    return str(path)
