"""What all commands share: the global options, the connection, the two output streams."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import typer
from rich.console import Console

from clarion.client import Client


class Output(StrEnum):
    """How results and objects are printed."""

    TABLE = "table"
    JSON = "json"


_PIPE_WIDTH = 200


def _console(*, stderr: bool) -> Console:
    # Names and messages are the user's text: neither markup nor numbers to colour.
    console = Console(stderr=stderr, markup=False, highlight=False, emoji=False)
    if not stderr and not console.is_terminal:
        console.width = _PIPE_WIDTH  # what reads a pipe wants whole lines
    return console


@dataclass(frozen=True, slots=True)
class Session:
    """The global options of one run.

    Attributes:
        server: `host:port`.
        tls: TLS asked for though the server may be on loopback.
        tls_ca: PEM file of root certificates.
        insecure: plaintext to another machine.
        token: a bearer token, or the file that holds one.
        client_certificate: PEM files of certificate and private key.
        output: how to print.
        out: standard output.
        err: standard error.
    """

    server: str
    tls: bool
    tls_ca: Path | None
    insecure: bool
    token: str | Path | None
    client_certificate: tuple[Path, Path] | None
    output: Output
    out: Console = field(default_factory=lambda: _console(stderr=False))
    err: Console = field(default_factory=lambda: _console(stderr=True))

    def client(self) -> Client:
        """Return a client for the server; nothing is sent yet."""
        with bad_usage("--server"):
            return Client(
                self.server,
                tls=self.tls_ca or self.tls or None,
                insecure=self.insecure,
                token=self.token,
                client_certificate=self.client_certificate,
            )

    @property
    def people(self) -> Console:
        """The stream for what people read beside results: standard error when a program reads the output."""
        return self.out if self.out.is_terminal and self.output is Output.TABLE else self.err


def session(context: typer.Context) -> Session:
    """Return the session that the root command made."""
    found = context.find_object(Session)
    if found is None:
        raise RuntimeError("a command ran without the root command's options")
    return found


@contextmanager
def bad_usage(option: str) -> Iterator[None]:
    """Turn an unreadable file or a wrong value into a usage error of `option` (exit code 2)."""
    try:
        yield
    except OSError as error:
        raise typer.BadParameter(f"{error.filename or ''}: {error.strerror or error}", param_hint=option) from None
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from None


def read_secret(file: Path | None, variable: str | None, prompt: str, options: str) -> str:
    """Return a secret from a file (its last newline removed), an environment variable, or a prompt without echo.

    A secret is never an argument: other users of the machine see arguments in the list of processes.

    Args:
        file: where it is, if in a file.
        variable: name of the environment variable, if there.
        prompt: what to ask for on a terminal.
        options: the options that name file and variable, for errors.

    Raises:
        typer.BadParameter: it is in neither, and there is no terminal to ask.
    """
    if file is not None and variable is not None:
        raise typer.BadParameter("give one of them, not both", param_hint=options)
    if file is not None:
        with bad_usage(options):
            return file.read_text(encoding="utf-8").removesuffix("\n").removesuffix("\r")
    if variable is not None:
        if variable not in os.environ:
            raise typer.BadParameter(f"the environment has no variable {variable}", param_hint=options)
        return os.environ[variable]
    if not sys.stdin.isatty():
        raise typer.BadParameter("needed, as there is no terminal to ask for it", param_hint=options)
    secret: str = typer.prompt(prompt, hide_input=True, default="", show_default=False, err=True)
    return secret
