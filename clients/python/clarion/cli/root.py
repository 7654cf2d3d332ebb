"""The `clarion` command: its global options, and what becomes of errors."""

from __future__ import annotations

import os
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from clarion.cli import apps, audit, channels, iam, quotas
from clarion.cli import send as sending
from clarion.cli.exits import Exit, exit_code, print_error, say
from clarion.cli.session import Output, Session
from clarion.connection import DEFAULT_SERVER
from clarion.errors import ClarionError

application = typer.Typer(
    name="clarion",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Talk to a Clarion server, the self-hosted push gateway.",
)
application.add_typer(apps.commands, name="apps")
application.add_typer(channels.commands, name="channels")
application.add_typer(audit.commands, name="audit")
application.add_typer(iam.commands, name="iam")
application.add_typer(quotas.commands, name="quotas")
application.command()(sending.send)
application.command()(sending.preview)


def _show_version(wanted: bool) -> None:  # noqa: FBT001 - typer's callback
    if wanted:
        typer.echo(f"clarion {installed_version('clarion-client')}")
        raise typer.Exit


@application.callback()
def options(
    context: typer.Context,
    *,
    server: Annotated[
        str, typer.Option(envvar="CLARION_SERVER", metavar="HOST:PORT", help="The server.")
    ] = DEFAULT_SERVER,
    tls: Annotated[
        bool, typer.Option("--tls", help="Use TLS on loopback too; other machines are always reached by TLS.")
    ] = False,
    tls_ca: Annotated[
        Path | None, typer.Option(metavar="FILE", help="PEM file of root certificates. Default: the system's.")
    ] = None,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="No TLS to another machine: credentials can be read on the way.")
    ] = False,
    token_file: Annotated[
        Path | None,
        typer.Option(
            envvar="CLARION_TOKEN_FILE",
            metavar="FILE",
            help="File with the bearer token that says who calls. Default: the token in CLARION_TOKEN.",
        ),
    ] = None,
    client_certificate: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="PEM file of a client certificate, for servers that ask for one."),
    ] = None,
    client_key: Annotated[Path | None, typer.Option(metavar="FILE", help="PEM file of its private key.")] = None,
    output: Annotated[Output, typer.Option("--output", "-o", help="Tables for people, or JSON.")] = Output.TABLE,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Keep the global options for the commands."""
    del version  # its callback has done its work
    if (client_certificate is None) != (client_key is None):
        raise typer.BadParameter("one needs the other", param_hint="--client-certificate, --client-key")
    context.obj = Session(
        server=server,
        tls=tls,
        tls_ca=tls_ca,
        insecure=insecure,
        # Never an option: other users of the machine see arguments in the list of processes.
        token=token_file or os.environ.get("CLARION_TOKEN") or None,
        client_certificate=(client_certificate, client_key) if client_certificate and client_key else None,
        output=output,
    )


def run() -> int:
    """Run the command with the process's arguments and return its exit code (see `Exit`)."""
    errors = Console(stderr=True, markup=False, highlight=False, emoji=False)
    try:
        application(prog_name="clarion")
    except ClarionError as error:
        print_error(errors, error)
        return exit_code(error)
    except OSError as error:
        say(errors, f"{error.filename or 'input or output'}: {error.strerror or error}")
        return Exit.CALL_FAILED
    return Exit.DONE
