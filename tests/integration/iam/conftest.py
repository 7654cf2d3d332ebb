"""IamService on a real server. `iam` is a server without authentication; tests of access have one with it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import pytest

from clarion.iam.v1 import iam_pb2_grpc
from clarion.v1 import app_pb2_grpc
from clarion_server.app import running
from clarion_server.settings import load

if TYPE_CHECKING:
    from clarion.iam.v1.iam_pb2_grpc import IamServiceAsyncStub
    from clarion.v1.app_pb2_grpc import AppServiceAsyncStub

ACCOUNT = "000000000000"
BUILT_IN = "arn:aws:iam::aws:policy/PushSendAccess"


@dataclass
class IamWorld:
    """A server, and stubs for it."""

    address: str
    stub: IamServiceAsyncStub
    apps: AppServiceAsyncStub


def document(effect: str = "Allow", action: Any = "mobiletargeting:*", **more: Any) -> str:
    """Return a policy document with one statement."""
    statement = {"Effect": effect, "Action": action, **({} if "Resource" in more else {"Resource": "*"}), **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def trust(arn: str) -> str:
    """Return a trust policy for one principal."""
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": arn}}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.fixture
async def iam(tmp_path: Path) -> AsyncIterator[IamWorld]:
    """Provide a server that asks nobody who it is."""
    settings = load({}, listen="127.0.0.1:0", data_dir=tmp_path / "server", authentication="none")
    async with running(settings) as server, grpc.aio.insecure_channel(server.address) as channel:
        yield IamWorld(server.address, iam_pb2_grpc.IamServiceStub(channel), app_pb2_grpc.AppServiceStub(channel))
