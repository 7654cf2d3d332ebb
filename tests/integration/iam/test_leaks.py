"""No secret of an access key and no token of a session is left behind in the database, its WAL, or the log."""

from __future__ import annotations

import signal
from pathlib import Path

import grpc

from clarion.iam.v1 import access_keys_pb2, iam_pb2_grpc, principals_pb2, sessions_pb2
from tests.integration.iam.conftest import ACCOUNT, trust
from tests.support.access import bearer, first_token
from tests.support.leaks import database_files, find_leaks
from tests.support.process import clarion_server


async def use_secrets(address: str, token: str) -> list[str]:
    """Make access keys and a session; return all their secrets."""
    me = bearer(token)
    async with grpc.aio.insecure_channel(address) as channel:
        stub = iam_pb2_grpc.IamServiceStub(channel)
        create = access_keys_pb2.CreateAccessKeyRequest(user_name="root")
        keys = [await stub.CreateAccessKey(create, metadata=me) for _ in range(2)]
        key_id = keys[1].access_key.id
        await stub.ListAccessKeys(access_keys_pb2.ListAccessKeysRequest(user_name="root"), metadata=me)
        off = access_keys_pb2.UpdateAccessKeyRequest(user_name="root", access_key_id=key_id, active=False)
        await stub.UpdateAccessKey(off, metadata=me)
        role = principals_pb2.CreateRoleRequest(
            role_name="worker", trust_policy=trust(f"arn:aws:iam::{ACCOUNT}:user/root")
        )
        arn = (await stub.CreateRole(role, metadata=me)).role.arn
        assume = sessions_pb2.AssumeRoleRequest(role_arn=arn, session_name="s-1")
        session = (await stub.AssumeRole(assume, metadata=me)).token
        await stub.GetCallerIdentity(sessions_pb2.GetCallerIdentityRequest(), metadata=bearer(session))
        gone = access_keys_pb2.DeleteAccessKeyRequest(user_name="root", access_key_id=key_id)
        await stub.DeleteAccessKey(gone, metadata=me)
    return [*(key.secret_access_key for key in keys), token, session]


async def test_nothing_of_access_keys_and_sessions_is_left_behind(tmp_path: Path) -> None:
    """After keys were made, shown, switched off and removed, and a role assumed, no file has any of the secrets."""
    data, log = tmp_path / "data", tmp_path / "log"
    token = first_token(data)
    environment = {
        "CLARION_AUTHENTICATION": "required",
        "CLARION_LOG_LEVEL": "debug",
        "CLARION_LOG_FORMAT": "json",
    }
    with clarion_server(
        "serve", "--listen", "127.0.0.1:0", "--data-dir", str(data), output=log, environment=environment
    ) as server:
        hidden = await use_secrets(server.wait_for(r"serves gRPC on (\S+:\d+)")[1], token)
        searched = [*database_files(data / "clarion.db"), log]
        assert any(path.name.endswith("-wal") for path in searched)
        assert find_leaks(searched, hidden) == []
        server.send(signal.SIGTERM)
        assert server.wait() == 0
    assert find_leaks([data, log], hidden) == []
    assert find_leaks([data], ["CreateAccessKey"]), "the audit records are where the search looks"
    assert '"event":"serving"' in log.read_text().replace('": "', '":"'), "and the log has something"
    canary = tmp_path / "canary"
    for secret in hidden:
        canary.write_text(f"x{secret}")
        assert find_leaks([canary], [secret]), "the search must find what is there"
