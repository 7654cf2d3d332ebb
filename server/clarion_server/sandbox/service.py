"""A provider at a listener: the emulator, what is counted of it, and what goes wrong there."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from clarion_server.providers.emulation import Emulator, SandboxConnection, SandboxRequest, SandboxResponse
from clarion_server.sandbox.fault import Fault, FaultKind
from clarion_server.sandbox.faults import ListenerFaults
from clarion_server.sandbox.stats import ListenerStats, RecordedRequest

ErrorAnswer = Callable[[int, str | None], SandboxResponse]
"""Makes an error in the provider's form from an HTTP status and a reason; None = the provider's usual one."""

_HTML_TYPE = ((b"content-type", b"text/html; charset=UTF-8"),)
_HTML = "<!DOCTYPE html><title>Error {0}</title><h1>Error {0}</h1><p>The server could not answer the request.\n"


def plain_error(status: int, reason: str | None) -> SandboxResponse:
    """Return an error as text."""
    body = f"{reason or 'error'}\n".encode()
    return SandboxResponse(status, "fault", ((b"content-type", b"text/plain; charset=UTF-8"),), body)


class Service:
    """What connections of one listener need.

    Args:
        name: the listener's, for recorded requests.
        emulator: what answers.
        stats: where to count; None = nowhere.
        requests: where to record; None = nowhere.
        faults: what goes wrong.
        error: makes the errors of faults.

    Attributes:
        connections: the open connections.
    """

    def __init__(
        self,
        name: str,
        emulator: Emulator,
        faults: ListenerFaults,
        *,
        stats: ListenerStats | None = None,
        requests: deque[RecordedRequest] | None = None,
        error: ErrorAnswer = plain_error,
    ) -> None:
        self._name = name
        self._emulator = emulator
        self._stats = stats
        self._requests = requests
        self._error = error
        self.faults = faults
        self.connections: set[asyncio.Transport] = set()

    def connect(self, client_certificate: bytes | None) -> SandboxConnection:
        """See `Emulator.connect`."""
        if self._stats is not None:
            self._stats.connections += 1
        return self._emulator.connect(client_certificate)

    def handle(self, request: SandboxRequest) -> SandboxResponse:
        """Process a request, and return its answer. See `Emulator.handle`."""
        response = self._emulator.handle(request)
        self._count(request, response)
        return response

    def spare(self, request: SandboxRequest, fault: Fault) -> SandboxResponse:
        """Do not process a request that a fault struck; return the fault's answer, of use where it has one."""
        response = self.error(fault)
        self._count(request, response)
        return response

    def error(self, fault: Fault) -> SandboxResponse:
        """Return the answer that a fault gives."""
        status = fault.answer_status or 503
        if fault.kind is FaultKind.HTML:
            response = SandboxResponse(status, "", _HTML_TYPE, _HTML.format(status).encode())
        else:
            response = self._error(status, fault.reason)
        response.outcome = f"fault {fault.kind}"
        if fault.retry_after is not None:
            response.headers = (*response.headers, (b"retry-after", b"%d" % fault.retry_after))
        return response

    def _count(self, request: SandboxRequest, response: SandboxResponse) -> None:
        if self._stats is not None:
            self._stats.count(response)
        if self._requests is not None:
            self._requests.append(
                RecordedRequest(
                    self._name,
                    request.method,
                    request.path,
                    {name.decode("latin-1"): value.decode("latin-1") for name, value in request.headers},
                    request.body,
                    response.status,
                    response.outcome,
                )
            )
