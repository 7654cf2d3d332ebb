"""`clarion-server sandbox` and `clarion-server dev`: the providers emulated, alone and together with a server."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path

import typer

from clarion_server import logs
from clarion_server.app import running
from clarion_server.commands.common import announce, read_settings, run
from clarion_server.sandbox import Sandbox, run_sandbox
from clarion_server.sandbox.command import banner


def sandbox(directory: Path, ports: Mapping[str, int]) -> None:
    """Emulate the providers until told to stop."""
    logs.configure("console", "info")
    run(
        lambda stop: run_sandbox(
            directory, announce=lambda text: typer.echo(text, err=True), stop=stop, ports=dict(ports)
        )
    )


def dev(directory: Path, listen: str | None) -> None:
    """Serve together with the sandbox until told to stop."""
    run(lambda stop: _dev(stop, directory, listen))


async def _dev(stop: asyncio.Event, directory: Path, listen: str | None) -> None:
    async with Sandbox(directory / "sandbox") as emulated:
        environment = {"CLARION_AUTHENTICATION": "none", **os.environ, **emulated.info.server_env()}
        settings = read_settings(environment, listen=listen, data_dir=directory / "server", workers=1)
        async with running(settings) as server:
            announce(server.address, server.server.client_address, settings)
            typer.echo(banner(emulated.info), err=True)
            typer.echo("\nNext: the grpcurl session in README.md, or `clarion --help`. Ctrl-C stops both.", err=True)
            await stop.wait()
