"""The control listener: what the sandbox has counted, for tools outside its process."""

from __future__ import annotations

import json

from clarion_server.providers.emulation import SandboxConnection, SandboxRequest, SandboxResponse
from clarion_server.sandbox.stats import SandboxStats


class ControlEmulator:
    """`GET /stats` and `GET /healthz`."""

    def __init__(self, stats: SandboxStats) -> None:
        self._stats = stats

    def connect(self, client_certificate: bytes | None) -> SandboxConnection:  # noqa: ARG002 - plain HTTP has none
        """See `Emulator.connect`."""
        return SandboxConnection()

    def handle(self, request: SandboxRequest) -> SandboxResponse:
        """See `Emulator.handle`."""
        if request.method != "GET":
            return SandboxResponse(405, "control", ((b"allow", b"GET"),))
        if request.path == "/healthz":
            return _json({"status": "ok"})
        if request.path == "/stats":
            return _json(self._stats.as_json())
        return SandboxResponse(404, "control")


def _json(document: dict[str, object]) -> SandboxResponse:
    return SandboxResponse(
        200, "control", ((b"content-type", b"application/json"),), (json.dumps(document) + "\n").encode()
    )
