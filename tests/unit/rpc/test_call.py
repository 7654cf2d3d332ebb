"""What a servicer can do with its call."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import pytest

from clarion_server.access_model import ANONYMOUS
from clarion_server.providers.contract import Outcome
from clarion_server.rpc.call import Call


class Ended:
    """gRPC's context of a call that has ended while something was being written."""

    async def write(self, _response: Any) -> None:
        raise grpc.aio.InternalError("Failed ExecuteBatch")


async def still_allowed() -> Outcome | None:
    """Return None."""
    return None


async def test_a_write_to_a_call_that_has_ended_is_its_end() -> None:
    """A caller that leaves while it is written to is no fault of the server: it ends like one that leaves otherwise."""
    context: Any = Ended()
    call = Call("1" * 32, ANONYMOUS, "127.0.0.1", False, still_allowed, context)  # noqa: FBT003 - as the guard does
    with pytest.raises(asyncio.CancelledError):
        await call.write("response")
