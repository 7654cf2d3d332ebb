"""The sandbox as a command: fixed ports, a banner, until it is stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from clarion_server.sandbox.files import SandboxInfo
from clarion_server.sandbox.server import Sandbox

DEFAULT_APNS_PORT = 2197
DEFAULT_APNS_SANDBOX_PORT = 2198
DEFAULT_FCM_PORT = 8443
DEFAULT_CONTROL_PORT = 8081


async def run_sandbox(
    directory: Path,
    *,
    announce: Callable[[str], object],
    host: str = "127.0.0.1",
    apns_port: int = DEFAULT_APNS_PORT,
    apns_sandbox_port: int = DEFAULT_APNS_SANDBOX_PORT,
    fcm_port: int = DEFAULT_FCM_PORT,
    control_port: int = DEFAULT_CONTROL_PORT,
    stop: asyncio.Event | None = None,
) -> None:
    """Run the sandbox until it is cancelled or told to stop.

    Args:
        directory: where keys and certificates are; made at the first start.
        announce: called once with the banner, when everything listens; `print` for example.
        host: where to listen.
        apns_port: as for `Sandbox`, like the other ports.
        apns_sandbox_port: the emulated development environment.
        fcm_port: FCM and the token endpoint.
        control_port: counters.
        stop: ends the sandbox when set.

    Raises:
        SandboxError: it cannot start.
    """
    sandbox = Sandbox(
        directory,
        host=host,
        apns_port=apns_port,
        apns_sandbox_port=apns_sandbox_port,
        fcm_port=fcm_port,
        control_port=control_port,
    )
    async with sandbox:
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
        "counters": f"{info.control_endpoint}/stats",
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
    return f"The Clarion sandbox is running. No message leaves this machine.\n{listed}"
