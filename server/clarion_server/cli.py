"""The command `clarion-server`."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from clarion_server import administration, keys, logs
from clarion_server.access.signing_keys import SigningKeysUnusable
from clarion_server.app import running
from clarion_server.audit import AuditFileUnusable
from clarion_server.errors import ClarionError, StoreUnavailable
from clarion_server.rpc.probe import ProbeTls, is_serving
from clarion_server.rpc.server import PortUnavailable
from clarion_server.rpc.tls import TlsUnusable
from clarion_server.sandbox import Sandbox, SandboxError, run_sandbox
from clarion_server.sandbox.command import banner
from clarion_server.settings import Settings, SettingsError, is_local, load
from clarion_server.store import DatabaseUnusable
from clarion_server.supervisor import supervising
from clarion_server.vault import KeyringUnusable
from clarion_server.worker_link import WorkerLink
from clarion_server.workers import WorkerFailed

cli = typer.Typer(
    name="clarion-server",
    help="Clarion, a self-hosted push gateway.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

tokens = typer.Typer(help="Bearer tokens of this server.", no_args_is_help=True)
cli.add_typer(tokens, name="tokens")
cli.add_typer(keys.commands, name="keys")

_CANNOT_START = (
    AuditFileUnusable,
    DatabaseUnusable,
    KeyringUnusable,
    PortUnavailable,
    SandboxError,
    SigningKeysUnusable,
    StoreUnavailable,
    TlsUnusable,
    WorkerFailed,
)

ListenOption = Annotated[
    str | None,
    typer.Option(help="Where to serve gRPC: HOST:PORT or unix:PATH. [CLARION_LISTEN; default 127.0.0.1:8080]"),
]
PlaintextOption = Annotated[
    bool,
    typer.Option(
        "--allow-plaintext-to-other-machines", help="Serve without TLS on an address that other machines reach."
    ),
]
AnonymousOption = Annotated[
    bool,
    typer.Option(
        "--allow-anonymous-from-other-machines",
        help="Serve without authentication on an address that other machines reach.",
    ),
]


@cli.command()
def serve(
    listen: ListenOption = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="Folder of database and keyring. [CLARION_DATA_DIR; default clarion-data]")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Processes that share the port, 1 to 64. [CLARION_WORKERS; default 1]")
    ] = None,
    *,
    allow_plaintext_to_other_machines: PlaintextOption = False,
    allow_anonymous_from_other_machines: AnonymousOption = False,
) -> None:
    """Serve until SIGTERM or Ctrl-C; then finish running calls, and stop. A second signal stops at once."""
    settings = _settings(
        listen=listen,
        data_dir=data_dir,
        workers=workers,
        allow_plaintext_to_other_machines=allow_plaintext_to_other_machines or None,
        allow_anonymous_from_other_machines=allow_anonymous_from_other_machines or None,
    )
    _run(lambda stop: (_serve if settings.workers == 1 else _supervise)(settings, stop))


@cli.command(hidden=True)
def worker(
    number: Annotated[int, typer.Argument(min=0)],
    listen: Annotated[str, typer.Option()],
    data_dir: Annotated[Path, typer.Option()],
    client_certificate_listen: Annotated[str, typer.Option()] = "",
    admin_listen: Annotated[str, typer.Option()] = "",
    *,
    allow_plaintext_to_other_machines: PlaintextOption = False,
    allow_anonymous_from_other_machines: AnonymousOption = False,
) -> None:
    """Be one of the workers of `serve --workers`, which starts them."""
    settings = _settings(
        listen=listen,
        data_dir=data_dir,
        client_certificate_listen=client_certificate_listen,
        admin_listen=admin_listen,
        # The parent serves the sum of the workers', and has looked at what concerns all of them.
        metrics_listen="",
        workers=1,
        allow_plaintext_to_other_machines=allow_plaintext_to_other_machines or None,
        allow_anonymous_from_other_machines=allow_anonymous_from_other_machines or None,
    )
    logs.mark(worker=number)
    _run(lambda stop: _work(settings, number, stop))


@cli.command()
def sandbox(
    *,
    directory: Annotated[
        Path, typer.Option("--dir", help="Folder for certificates, sample credentials and server.env.")
    ] = Path(".clarion/sandbox"),
    apns_port: Annotated[int, typer.Option(help="Port of APNs; 0 takes any free one.")] = 2197,
    apns_sandbox_port: Annotated[int, typer.Option(help="Port of APNs' development environment.")] = 2198,
    fcm_port: Annotated[int, typer.Option(help="Port of FCM and of Google's token endpoint.")] = 8443,
    adm_port: Annotated[int, typer.Option(help="Port of ADM and of Amazon's token endpoint.")] = 8444,
    baidu_port: Annotated[int, typer.Option(help="Port of Baidu.")] = 8445,
    control_port: Annotated[
        int, typer.Option(help="Port of counters, faults and clock, plain HTTP on loopback.")
    ] = 8081,
) -> None:
    """Emulate APNs, FCM, ADM and Baidu on this machine, for development, demos and tests."""
    logs.configure("console", "info")
    _run(
        lambda stop: run_sandbox(
            directory,
            announce=lambda text: typer.echo(text, err=True),
            stop=stop,
            ports={
                "apns": apns_port,
                "apns_sandbox": apns_sandbox_port,
                "fcm": fcm_port,
                "adm": adm_port,
                "baidu": baidu_port,
                "control": control_port,
            },
        )
    )


@cli.command()
def dev(
    listen: ListenOption = None,
    directory: Annotated[Path, typer.Option("--dir", help="Folder for everything that is stored.")] = Path(".clarion"),
) -> None:
    """Serve together with the sandbox, for playing: what is sent goes to simulated devices."""
    _run(lambda stop: _dev(stop, directory, listen))


DataDirOption = Annotated[
    Path | None, typer.Option(help="Folder of database and keys. [CLARION_DATA_DIR; default clarion-data]")
]


@cli.command()
def init(
    user: Annotated[str, typer.Option(help="Name of the administrator.")] = "admin",
    data_dir: DataDirOption = None,
    *,
    restore: Annotated[
        bool,
        typer.Option(
            "--restore",
            help="Let the user be administrator again: for when nobody can do anything. Lifts the account's limits.",
        ),
    ] = False,
) -> None:
    """Make the database, the keys and a first administrator; print a token for it, good for an hour, once."""
    settings = _settings(data_dir=data_dir)
    token = _job(lambda: administration.first_administrator(settings, user, restore=restore))
    typer.echo(
        f"{user} may do everything. This token is {user} for an hour, and is not shown again;\n"
        f"`clarion-server tokens issue --user {user}` makes others, on this machine.",
        err=True,
    )
    typer.echo(token)


@tokens.command("issue")
def tokens_issue(
    user: Annotated[str, typer.Option(help="Name of the user.")],
    expires: Annotated[str, typer.Option(help="How long it is good: 15m, 1h, 7d; at most 30d.")] = "1h",
    data_dir: DataDirOption = None,
) -> None:
    """Print a token with which its bearer is a user."""
    settings = _settings(data_dir=data_dir)
    typer.echo(_job(lambda: administration.issue_token(settings, user, administration.seconds_of(expires))))


@tokens.command("rotate")
def tokens_rotate(
    keep: Annotated[
        int, typer.Option(min=0, max=10, help="Older keys whose tokens stay good; 0 ends all tokens at once.")
    ] = 1,
    data_dir: DataDirOption = None,
) -> None:
    """Sign tokens with a new key from now on. Running servers see it within a second."""
    settings = _settings(data_dir=data_dir)

    async def job() -> str:
        return administration.rotate(settings, keep)

    typer.echo(f"new tokens are signed with {_job(job)}", err=True)


@cli.command()
def health(
    server: Annotated[str, typer.Option(help="Address of the server.", envvar="CLARION_LISTEN")] = "127.0.0.1:8080",
    timeout: Annotated[float, typer.Option(help="Seconds to wait for the answer.")] = 3.0,
    tls_certificate: Annotated[
        Path | None,
        typer.Option(help="PEM file with the server's certificate, for TLS.", envvar="CLARION_TLS_CERTIFICATE_FILE"),
    ] = None,
    client_certificate: Annotated[
        Path | None, typer.Option(help="PEM file of a client certificate, if the server asks for one.")
    ] = None,
    client_key: Annotated[Path | None, typer.Option(help="PEM file of its private key.")] = None,
) -> None:
    """Ask a running server whether it is serving: exit code 0 if it is, 1 if not."""
    tls = ProbeTls(tls_certificate, client_certificate, client_key) if tls_certificate else None
    try:
        serving = is_serving(server, timeout, tls)
    except (OSError, ValueError) as error:
        _fail(f"the certificates cannot be read: {error}")
    if not serving:
        typer.echo(f"{server} is not serving", err=True)
        raise typer.Exit(1)
    typer.echo("serving")


@cli.command()
def version() -> None:
    """Print the version."""
    typer.echo(installed_version("clarion-server"))


async def _serve(settings: Settings, stop: asyncio.Event) -> None:
    async with running(settings) as server:
        typer.echo(_banner(server.address, server.server.client_address, settings), err=True)
        _spare_what_stays()
        await stop.wait()


async def _supervise(settings: Settings, stop: asyncio.Event) -> None:
    async with supervising(settings) as supervised:
        typer.echo(_banner(supervised.address, supervised.client_address, settings), err=True)
        await stop.wait()


async def _work(settings: Settings, number: int, stop: asyncio.Event) -> None:
    try:
        link = await WorkerLink.open()
    except OSError:
        _fail("workers are started by `clarion-server serve --workers`, not by hand", code=2)
    try:
        async with running(settings, worker=number) as server:
            serving = asyncio.create_task(link.serve(server.page, stop.set))
            _spare_what_stays()
            await stop.wait()
        # Metrics were answered until now.
        serving.cancel()
    except _CANNOT_START as error:
        # The parent says it once for all.
        await link.cannot_start(str(error))
        raise typer.Exit(1) from error
    finally:
        link.close()


def _spare_what_stays() -> None:
    """Keep the garbage collector from what a server has when it is ready, which stays until it ends.

    A full collection would go through modules, classes and tables again and again, and all calls stand still meanwhile.
    """
    gc.freeze()


async def _dev(stop: asyncio.Event, directory: Path, listen: str | None) -> None:
    async with Sandbox(directory / "sandbox") as emulated:
        environment = {"CLARION_AUTHENTICATION": "none", **os.environ, **emulated.info.server_env()}
        settings = _settings(environment, listen=listen, data_dir=directory / "server", workers=1)
        async with running(settings) as server:
            typer.echo(_banner(server.address, server.server.client_address, settings), err=True)
            typer.echo(banner(emulated.info), err=True)
            typer.echo("\nNext: the grpcurl session in README.md, or `clarion --help`. Ctrl-C stops both.", err=True)
            await stop.wait()


def _banner(address: str, client_address: str, settings: Settings) -> str:
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
    return (
        f"Clarion {installed_version('clarion-server')} serves gRPC on {address}\n"
        f"  data            {settings.data_dir.absolute()}\n"
        f"{workers}"
        f"  transport       {encrypted if settings.tls else f'plaintext, {reach}'}\n"
        f"  authentication  {asked}"
    )


def _settings(environment: Mapping[str, str] = os.environ, **overrides: Any) -> Settings:
    try:
        settings = load(environment, **overrides)
    except SettingsError as error:
        _fail(f"settings:\n{error}")
    logs.configure(settings.log_format, settings.log_level)
    return settings


def _run(job: Callable[[asyncio.Event], Awaitable[None]]) -> None:
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
    except _CANNOT_START as error:
        _fail(str(error))


def _job(job: Callable[[], Coroutine[Any, Any, str]]) -> str:
    """Return what a short job returns, or end with what is wrong."""
    try:
        return asyncio.run(job())
    except (administration.UsageError, ClarionError) as error:
        _fail(str(error))
    except _CANNOT_START as error:
        _fail(str(error))


def _fail(message: str, code: int = 1) -> NoReturn:
    typer.echo(f"clarion-server: {message}", err=True)
    raise typer.Exit(code)
