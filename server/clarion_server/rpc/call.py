"""What a servicer knows about the call that it answers, beside the request."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import grpc

from clarion_server.access_model import Identity
from clarion_server.providers.contract import Outcome


@dataclass(slots=True)
class Call:
    """One call that was let in. Servicers get it in the place of gRPC's context.

    Attributes:
        id: the request id: in the audit record, and given to the caller.
        identity: who calls.
        source_ip: IP address of the caller, empty over a Unix socket.
        secure_transport: whether the call came over TLS.
        still_allowed: asks again, as a long call should about once a second: None, or the outcome of all further
            targets.
        counts: what a send puts into its audit record: results by delivery status.
    """

    id: str
    identity: Identity
    source_ip: str
    secure_transport: bool
    still_allowed: Callable[[], Awaitable[Outcome | None]]
    _context: grpc.aio.ServicerContext[Any, Any]
    counts: Mapping[str, int] = field(default_factory=dict)

    def time_remaining(self) -> float | None:
        """Return the seconds until the caller gives up, None if never."""
        return time_remaining(self._context)

    async def write(self, response: Any) -> None:
        """Give the caller a response, and wait until it may have the next: a caller that does not read is waited for.

        Raises:
            CancelledError: the call has ended: its caller has left, or its time is over. gRPC mostly says so by
                cancelling its task, but what is just being written may fail first.
        """
        try:
            await self._context.write(response)
        except grpc.aio.InternalError as error:
            raise asyncio.CancelledError from error

    def count(self, counts: Mapping[str, int]) -> None:
        """Take what a send has done."""
        self.counts = counts


def time_remaining(context: grpc.aio.ServicerContext[Any, Any]) -> float | None:
    """Return the seconds until the caller gives up, None if never (which gRPC's type stubs do not know)."""
    return context.time_remaining()
