"""Whatever a client sends to IamService, it gets an answer or a clear refusal: never INTERNAL, never UNKNOWN."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from google.protobuf.message_factory import GetMessageClass
from grpc_status import rpc_status
from hypothesis import strategies as st

from clarion.iam.v1 import iam_pb2, iam_pb2_grpc, principals_pb2
from tests.integration.iam.conftest import ACCOUNT, BUILT_IN, document, trust
from tests.integration.test_bad_input import (
    ODD_TEXTS,
    REFUSALS,
    Fields,
    anext_of,
    build,
    generate,
    messages,
    refused,
)
from tests.support.world import World, open_world

METHODS = {method.name: method for method in iam_pb2.DESCRIPTOR.services_by_name["IamService"].methods}
EXPECTED = REFUSALS | {
    grpc.StatusCode.ALREADY_EXISTS,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.PERMISSION_DENIED,  # AssumeRole, on a server without authentication
    grpc.StatusCode.RESOURCE_EXHAUSTED,
}
DOCUMENTS = [
    document(),
    document("Deny", "*"),
    document(Principal="*"),
    trust(ACCOUNT),
    trust("*"),
    document(Condition={"StringLike": {"aws:username": "${aws:username}*"}}),
    document(Condition={"NumericLessThan": {"aws:CurrentTime": "x"}}),
    '{"Statement": []}',
    '{"Version": "2012-10-17", "Statement": {"Effect": "Allow"}}',
    '{"Statement": [' * 500,
    '{"Version": 1e999}',
]
NAMES = ["a", "b", "A"]
KNOWN: dict[str, list[Any]] = {
    **dict.fromkeys(("user_name", "new_user_name", "group_name", "new_group_name", "role_name", "policy_name"), NAMES),
    "policy_arn": [BUILT_IN, *(f"arn:aws:iam::{ACCOUNT}:policy/{name}" for name in NAMES)],
    "permissions_boundary": [BUILT_IN, *DOCUMENTS],
    "role_arn": [f"arn:aws:iam::{ACCOUNT}:role/{name}" for name in NAMES],
    "session_name": ["session"],
    "actions": ["sts:AssumeRole", "iam:GetUser", "a:b"],
    "resources": [
        "*",
        f"arn:aws:iam::{ACCOUNT}:role/a",
        f"arn:aws:mobiletargeting:us-east-1:{ACCOUNT}:apps/{'1' * 32}",
    ],
    **dict.fromkeys(("document", "documents", "trust_policy", "session_policies", "resource_policy"), DOCUMENTS),
}


OFTEN_GOOD = (
    *("user_name", "new_user_name", "group_name", "new_group_name", "role_name", "policy_name"),
    *("policy_arn", "role_arn", "session_name", "document", "trust_policy", "app_id"),
)
"""Fields that are so often wrong, when they are random, that hardly a request would get past the first check."""


def mostly(good: list[str]) -> st.SearchStrategy[str]:
    """Return a strategy for texts of which most are good."""
    return st.one_of(*[st.sampled_from(good)] * 4, st.sampled_from(ODD_TEXTS), st.text(max_size=20))


class IamFuzzer:
    """Sends generated requests from hypothesis' synchronous tests to a server in an event loop.

    Attributes:
        successful: how often each method succeeded.
    """

    def __init__(self, world: World, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._channel = grpc.aio.insecure_channel(world.server.address)
        self._stub: Any = iam_pb2_grpc.IamServiceStub(self._channel)
        known = {**KNOWN, "app_id": [world.app_id]}
        self._kinds = {name: GetMessageClass(method.input_type) for name, method in METHODS.items()}
        exact = {name: mostly(known[name]) for name in OFTEN_GOOD}
        self.requests: dict[str, st.SearchStrategy[Fields]] = {
            name: messages(method.input_type, known, exact) for name, method in METHODS.items()
        }
        self.successful: Counter[str] = Counter()

    def call(self, name: str, fields: Fields) -> None:
        """Call a method: it succeeds, or is refused as it should be."""
        self._loop.run_until_complete(self._call(name, build(self._kinds[name], fields)))

    async def _call(self, name: str, request: Any) -> None:
        try:
            await getattr(self._stub, name)(request)
        except grpc.aio.AioRpcError as error:
            self._check(error)
        else:
            self.successful[name] += 1

    def _check(self, error: grpc.aio.AioRpcError) -> None:
        if error.code() in REFUSALS:
            refused(error)
        assert error.code() in EXPECTED, error
        status = rpc_status.from_call(error)  # type: ignore[arg-type]
        assert status is not None
        assert status.details

    async def make_some(self) -> None:
        """Make what many requests are about, so that more of them succeed."""
        await self._stub.CreateUser(principals_pb2.CreateUserRequest(user_name="a"))
        await self._stub.CreateGroup(principals_pb2.CreateGroupRequest(group_name="a"))
        await self._stub.CreateRole(principals_pb2.CreateRoleRequest(role_name="a", trust_policy=trust(ACCOUNT)))

    async def close(self) -> None:
        """Close the connection."""
        await self._channel.close()


@pytest.fixture
def fuzzer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IamFuzzer]:
    """Provide a server in an event loop of its own, for all generated requests."""
    loop = asyncio.new_event_loop()
    opened = open_world(tmp_path_factory.mktemp("fuzz"))
    world = loop.run_until_complete(anext_of(opened))

    async def make() -> IamFuzzer:
        return IamFuzzer(world, loop)

    fuzzer = loop.run_until_complete(make())
    loop.run_until_complete(fuzzer.make_some())
    try:
        yield fuzzer
    finally:
        loop.run_until_complete(fuzzer.close())
        loop.run_until_complete(opened.__aexit__(None, None, None))
        loop.close()


def test_generated_requests(fuzzer: IamFuzzer) -> None:
    """2,000 generated requests to all methods of IamService are answered or refused clearly; many methods succeed."""
    names = sorted(METHODS)

    def example(data: st.DataObject) -> tuple[str, Any]:
        name = data.draw(st.sampled_from(names))
        return name, data.draw(fuzzer.requests[name])

    # One after the other: what one makes, others are about.
    for name, fields in generate(2000, example):
        fuzzer.call(name, fields)
    # About 25 of 48, by chance: the guard against a test in which nothing gets past the first check.
    assert len(fuzzer.successful) >= 15, fuzzer.successful
