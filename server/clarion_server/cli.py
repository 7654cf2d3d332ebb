"""The command `clarion-server`: its commands and their options.

What a command does is in `commands/`, and is imported when it is run: `health` is run every few seconds, and the
server is a hundred times as large as what it needs.
"""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Annotated

import typer

cli = typer.Typer(
    name="clarion-server",
    help="Clarion, a self-hosted push gateway.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

tokens = typer.Typer(help="Bearer tokens of this server.", no_args_is_help=True)
cli.add_typer(tokens, name="tokens")

keys = typer.Typer(
    no_args_is_help=True,
    help="Look at, add, activate, rotate and remove the master keys of the keyring file.\n\n"
    "The commands take the server's own settings (CLARION_CONFIG and the environment). Servers that run notice a "
    "changed keyring file within a second.",
)
cli.add_typer(keys, name="keys")

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
    gc.disable()  # Imports make next to no garbage, and looking for it is a tenth of them. `run` ends it.
    from clarion_server.commands.common import read_settings

    settings = read_settings(
        listen=listen,
        data_dir=data_dir,
        workers=workers,
        allow_plaintext_to_other_machines=allow_plaintext_to_other_machines or None,
        allow_anonymous_from_other_machines=allow_anonymous_from_other_machines or None,
    )
    if settings.workers > 1:
        from clarion_server.commands.supervise import supervise

        supervise(settings)
    else:
        from clarion_server.commands.serve import serve as serve_alone

        serve_alone(settings)


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
    gc.disable()  # As above.
    from clarion_server import logs
    from clarion_server.commands.common import read_settings
    from clarion_server.commands.serve import work

    settings = read_settings(
        listen=listen,
        data_dir=data_dir,
        client_certificate_listen=client_certificate_listen,
        admin_listen=admin_listen,
        # The parent has looked at what concerns all of them.
        workers=1,
        allow_plaintext_to_other_machines=allow_plaintext_to_other_machines or None,
        allow_anonymous_from_other_machines=allow_anonymous_from_other_machines or None,
    )
    logs.mark(worker=number)
    work(settings, number)


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
    from clarion_server.commands.play import sandbox as emulate

    emulate(
        directory,
        {
            "apns": apns_port,
            "apns_sandbox": apns_sandbox_port,
            "fcm": fcm_port,
            "adm": adm_port,
            "baidu": baidu_port,
            "control": control_port,
        },
    )


@cli.command()
def dev(
    listen: ListenOption = None,
    directory: Annotated[Path, typer.Option("--dir", help="Folder for everything that is stored.")] = Path(".clarion"),
) -> None:
    """Serve together with the sandbox, for playing: what is sent goes to simulated devices."""
    from clarion_server.commands.play import dev as play

    play(directory, listen)


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
    from clarion_server.commands import administration, common

    settings = common.read_settings(data_dir=data_dir)
    token = administration.finish(administration.first_administrator(settings, user, restore=restore))
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
    from clarion_server.commands import administration, common

    settings = common.read_settings(data_dir=data_dir)
    typer.echo(administration.finish(administration.issue_token(settings, user, expires)))


@tokens.command("rotate")
def tokens_rotate(
    keep: Annotated[
        int, typer.Option(min=0, max=10, help="Older keys whose tokens stay good; 0 ends all tokens at once.")
    ] = 1,
    data_dir: DataDirOption = None,
) -> None:
    """Sign tokens with a new key from now on. Running servers see it within a second."""
    from clarion_server.commands import administration, common

    settings = common.read_settings(data_dir=data_dir)
    key_id = administration.finish(administration.rotate(settings, keep))
    typer.echo(f"new tokens are signed with {key_id}", err=True)


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
    from clarion_server.rpc.probe import ProbeTls, is_serving

    tls = ProbeTls(tls_certificate, client_certificate, client_key) if tls_certificate else None
    try:
        serving = is_serving(server, timeout, tls)
    except (OSError, ValueError) as error:
        typer.echo(f"clarion-server: the certificates cannot be read: {error}", err=True)
        raise typer.Exit(1) from error
    if not serving:
        typer.echo(f"{server} is not serving", err=True)
        raise typer.Exit(1)
    typer.echo("serving")


@cli.command()
def version() -> None:
    """Print the version."""
    from importlib.metadata import version as installed_version

    typer.echo(installed_version("clarion-server"))


KeyId = Annotated[str, typer.Argument(metavar="KEY_ID", help="Id of the key, as `keys list` shows it.")]


@keys.command("list")
def keys_list(data_dir: DataDirOption = None) -> None:
    """Show the keys: which is active, and how many stored secrets each protects."""
    from clarion_server.commands import common
    from clarion_server.commands import keys as work

    settings = common.read_settings(log_level="warning", data_dir=data_dir)
    work.show(settings)


@keys.command("add")
def keys_add(data_dir: DataDirOption = None) -> None:
    """Add a new random key, not active yet, and print its id. Copy the file to all servers before `activate`."""
    from clarion_server.commands import common
    from clarion_server.commands import keys as work

    settings = common.read_settings(log_level="warning", data_dir=data_dir)
    work.add(settings)


@keys.command("activate")
def keys_activate(key_id: KeyId, data_dir: DataDirOption = None) -> None:
    """Protect what is stored from now on with this key. What is stored already stays under its own: see `rewrap`."""
    from clarion_server.commands import common
    from clarion_server.commands import keys as work

    settings = common.read_settings(log_level="warning", data_dir=data_dir)
    work.activate(settings, key_id)


@keys.command("rotate")
def keys_rotate(data_dir: DataDirOption = None) -> None:
    """Add a new key, activate it, and wrap all stored data keys with it, while servers send. Print its id."""
    from clarion_server.commands import common
    from clarion_server.commands import keys as work

    settings = common.read_settings(log_level="warning", data_dir=data_dir)
    work.rotate(settings)


@keys.command("rewrap")
def keys_rewrap(data_dir: DataDirOption = None) -> None:
    """Wrap all stored data keys with the active key. What they encrypt is not touched; repeat it as you like."""
    from clarion_server.commands import common
    from clarion_server.commands import keys as work

    settings = common.read_settings(log_level="warning", data_dir=data_dir)
    work.rewrap(settings)


@keys.command("remove")
def keys_remove(key_id: KeyId, data_dir: DataDirOption = None) -> None:
    """Remove a key that no stored secret needs. Backups of the database from before `rewrap` still need it."""
    from clarion_server.commands import common
    from clarion_server.commands import keys as work

    settings = common.read_settings(log_level="warning", data_dir=data_dir)
    work.remove(settings, key_id)
