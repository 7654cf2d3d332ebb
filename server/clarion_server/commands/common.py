"""What commands have in common: settings, signals, and how they end."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
from collections.abc import Awaitable, Callable, Mapping
from importlib.metadata import version
from typing import Any, NoReturn

import typer

from clarion_server import logs
from clarion_server.settings import Settings, SettingsError, is_local, load
from clarion_server.starting import CannotStart


def fail(message: str, code: int = 1) -> NoReturn:
    """End the command with a message."""
    typer.echo(f"clarion-server: {message}", err=True)
    raise typer.Exit(code)


def read_settings(
    environment: Mapping[str, str] = os.environ, *, log_level: str | None = None, **overrides: Any
) -> Settings:
    """Return the settings, and set logging up as they say; end the command if they are wrong.

    Args:
        environment: where they are.
        log_level: the least severe level, in place of the settings' own.
        overrides: of the command line; None is passed over.
    """
    try:
        settings = load(environment, **overrides)
    except SettingsError as error:
        fail(f"settings:\n{error}")
    logs.configure(settings.log_format, log_level or settings.log_level)
    return settings


def run(job: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    """Run a job, and end the command if it cannot start.

    Args:
        job: gets an event that the first signal sets; the second signal cancels it.
    """

    async def until_told() -> None:
        stop = asyncio.Event()
        task = asyncio.current_task()
        loop = asyncio.get_running_loop()

        def told() -> None:
            if stop.is_set() and task is not None:
                task.cancel()
            stop.set()

        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, told)
        await job(stop)

    # What the imports made stays for ever: the collector need not look at it again and again.
    gc.freeze()
    gc.enable()
    try:
        asyncio.run(until_told())
    except asyncio.CancelledError:
        fail("stopped at once", code=130)
    except CannotStart as error:
        fail(str(error))


def announce(address: str, client_address: str, settings: Settings) -> None:
    """Say that a server serves, where, and who reaches it."""
    reach = "this machine only" if is_local(address) else "OTHER MACHINES TOO"
    asked_for = {
        "none": "",
        "optional": f", client certificates required on {client_address}",
        "required": ", client certificates required",
    }
    encrypted = "TLS 1.2 and 1.3" + asked_for[settings.tls_client_certificates]
    proofs = ["tokens of this server"]
    proofs += [f"tokens of {len(settings.issuers)} other issuer(s)"] if settings.issuers else []
    proofs += ["client certificates"] if settings.tls_client_ca_file else []
    workers = f"  workers         {settings.workers}\n" if settings.workers > 1 else ""
    asked = f"required: {', '.join(proofs)}" if settings.authentication == "required" else f"none, {reach}"
    typer.echo(
        f"Clarion {version('clarion-server')} serves gRPC on {address}\n"
        f"  data            {settings.data_dir.absolute()}\n"
        f"{workers}"
        f"  transport       {encrypted if settings.tls else f'plaintext, {reach}'}\n"
        f"  authentication  {asked}",
        err=True,
    )
