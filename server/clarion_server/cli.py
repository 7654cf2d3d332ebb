"""The command `clarion-server`."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
from collections.abc import Awaitable, Callable, Mapping
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from clarion_server import keys, logs
from clarion_server.app import running
from clarion_server.audit import AuditFileUnusable
from clarion_server.errors import StoreUnavailable
from clarion_server.rpc.probe import is_serving
from clarion_server.rpc.server import PortUnavailable
from clarion_server.sandbox import Sandbox, SandboxError, run_sandbox
from clarion_server.sandbox.command import banner
from clarion_server.settings import Settings, SettingsError, load
from clarion_server.store import DatabaseUnusable
from clarion_server.vault import KeyringUnusable

cli = typer.Typer(
    name="clarion-server",
    help="Clarion, a self-hosted push gateway.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

cli.add_typer(keys.commands, name="keys")

ListenOption = Annotated[
    str | None,
    typer.Option(help="Where to serve gRPC: HOST:PORT or unix:PATH. [CLARION_LISTEN; default 127.0.0.1:8080]"),
]
PlaintextOption = Annotated[
    bool,
    typer.Option(
        "--allow-plaintext-without-authentication",
        help="Serve on an address that other machines reach although this version has neither TLS nor authentication.",
    ),
]


@cli.command()
def serve(
    listen: ListenOption = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="Folder of database and keyring. [CLARION_DATA_DIR; default clarion-data]")
    ] = None,
    *,
    allow_plaintext_without_authentication: PlaintextOption = False,
) -> None:
    """Serve until SIGTERM or Ctrl-C; then finish running calls, and stop. A second signal stops at once."""
    settings = _settings(
        listen=listen,
        data_dir=data_dir,
        allow_plaintext_without_authentication=allow_plaintext_without_authentication or None,
    )
    _run(lambda stop: _serve(settings, stop))


@cli.command()
def sandbox(
    directory: Annotated[
        Path, typer.Option("--dir", help="Folder for certificates, sample credentials and server.env.")
    ] = Path(".clarion/sandbox"),
    apns_port: Annotated[int, typer.Option(help="Port of APNs; 0 takes any free one.")] = 2197,
    apns_sandbox_port: Annotated[int, typer.Option(help="Port of APNs' development environment.")] = 2198,
    fcm_port: Annotated[int, typer.Option(help="Port of FCM and of Google's token endpoint.")] = 8443,
    control_port: Annotated[int, typer.Option(help="Port of GET /stats and /healthz, plain HTTP.")] = 8081,
) -> None:
    """Emulate APNs and FCM on this machine, for development, demos and tests."""
    logs.configure("console", "info")
    _run(
        lambda stop: run_sandbox(
            directory,
            announce=lambda text: typer.echo(text, err=True),
            stop=stop,
            apns_port=apns_port,
            apns_sandbox_port=apns_sandbox_port,
            fcm_port=fcm_port,
            control_port=control_port,
        )
    )


@cli.command()
def dev(
    listen: ListenOption = None,
    directory: Annotated[Path, typer.Option("--dir", help="Folder for everything that is stored.")] = Path(".clarion"),
) -> None:
    """Serve together with the sandbox, for playing: what is sent goes to simulated devices."""
    _run(lambda stop: _dev(stop, directory, listen))


@cli.command()
def health(
    server: Annotated[str, typer.Option(help="Address of the server.", envvar="CLARION_LISTEN")] = "127.0.0.1:8080",
    timeout: Annotated[float, typer.Option(help="Seconds to wait for the answer.")] = 3.0,
) -> None:
    """Ask a running server whether it is serving: exit code 0 if it is, 1 if not."""
    if not is_serving(server, timeout):
        typer.echo(f"{server} is not serving", err=True)
        raise typer.Exit(1)
    typer.echo("serving")


@cli.command()
def version() -> None:
    """Print the version."""
    typer.echo(installed_version("clarion-server"))


async def _serve(settings: Settings, stop: asyncio.Event) -> None:
    async with running(settings) as server:
        typer.echo(_banner(server.address, settings), err=True)
        await stop.wait()


async def _dev(stop: asyncio.Event, directory: Path, listen: str | None) -> None:
    async with Sandbox(directory / "sandbox") as emulated:
        environment = {**os.environ, **emulated.info.server_env()}
        settings = _settings(environment, listen=listen, data_dir=directory / "server")
        async with running(settings) as server:
            typer.echo(_banner(server.address, settings), err=True)
            typer.echo(banner(emulated.info), err=True)
            typer.echo("\nNext: the grpcurl session in README.md, or `clarion --help`. Ctrl-C stops both.", err=True)
            await stop.wait()


def _banner(address: str, settings: Settings) -> str:
    reach = "" if settings.allow_plaintext_without_authentication else ", this machine only"
    return (
        f"Clarion {installed_version('clarion-server')} serves gRPC on {address}\n"
        f"  data            {settings.data_dir.absolute()}\n"
        f"  transport       plaintext{reach}\n"
        "  authentication  none"
    )


def _settings(environment: Mapping[str, str] = os.environ, **overrides: Any) -> Settings:
    try:
        settings = load(environment, **overrides)
    except SettingsError as error:
        _fail(f"settings:\n{error}")
    logs.configure(settings.log_format, settings.log_level)
    return settings


def _collect_garbage_less_often() -> None:
    """Raise the collector's thresholds from those of a small script.

    A send keeps some thousand objects alive for a short time, which the collector would look at again and again for
    nothing: about a tenth of the CPU time per notification (`make bench` shows it).
    """
    gc.set_threshold(10_000, 20, 20)


def _run(job: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    _collect_garbage_less_often()

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

    try:
        asyncio.run(until_told())
    except asyncio.CancelledError:
        _fail("stopped at once", code=130)
    except (
        AuditFileUnusable,
        DatabaseUnusable,
        KeyringUnusable,
        PortUnavailable,
        SandboxError,
        StoreUnavailable,
    ) as error:
        _fail(str(error))


def _fail(message: str, code: int = 1) -> NoReturn:
    typer.echo(f"clarion-server: {message}", err=True)
    raise typer.Exit(code)


def main() -> None:
    """Run the command line."""
    cli()
