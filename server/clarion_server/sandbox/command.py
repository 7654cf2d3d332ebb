"""The sandbox as a command: fixed ports, a banner, until it is stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path

from clarion_server.sandbox.files import SandboxInfo
from clarion_server.sandbox.server import Sandbox
from clarion_server.sandbox.table import DEFAULT_PORTS


async def run_sandbox(
    directory: Path,
    *,
    announce: Callable[[str], object],
    host: str = "127.0.0.1",
    ports: Mapping[str, int] = DEFAULT_PORTS,
    stop: asyncio.Event | None = None,
) -> None:
    """Run the sandbox until it is cancelled or told to stop.

    Args:
        directory: where keys and certificates are; made at the first start.
        announce: called once with the banner, when everything listens; `print` for example.
        host: where to listen.
        ports: as for `Sandbox`.
        stop: ends the sandbox when set.

    Raises:
        SandboxError: it cannot start.
    """
    async with Sandbox(directory, host=host, ports=ports) as sandbox:
        announce(banner(sandbox.info))
        await (stop or asyncio.Event()).wait()


def banner(info: SandboxInfo) -> str:
    """Return what a person needs to know of a running sandbox, without secrets."""
    files = info.files
    lines = {
        "APNs": info.apns_endpoint,
        "APNs, development": info.apns_sandbox_endpoint,
        "FCM": info.fcm_endpoint,
        "Google's token endpoint": info.token_endpoint,
        "ADM": info.adm_endpoint,
        "Amazon's token endpoint": info.adm_token_endpoint,
        "Baidu": info.baidu_endpoint,
        "counters": f"{info.control_endpoint}/stats",
        "faults, clock": f"{info.control_endpoint}/faults, {info.control_endpoint}/clock",
        "team, key, bundle id": f"{info.team_id}, {info.key_id}, {info.bundle_id}",
        "FCM project": info.project_id,
        "signing key": str(files.apns_key),
        "push certificate": f"{files.apns_p12} (its password is in {files.settings.name})",
        "service account": str(files.service_account),
        "authority to trust": str(files.ca),
        "for a server": f"set -a; . {files.server_env}",
    }
    width = max(map(len, lines))
    listed = "\n".join(f"  {name:<{width}}  {value}" for name, value in lines.items())
    fault = '{"kind": "status", "status": 503, "retry_after": 5, "count": 10}'
    return (
        f"The Clarion sandbox is running. No message leaves this machine.\n{listed}\n"
        f"  make APNs fail ten times: curl -X PUT {info.control_endpoint}/faults/apns -d '{fault}'"
    )
