"""Exit codes, and how a failed call is told."""

from __future__ import annotations

from enum import IntEnum

from rich.console import Console
from rich.text import Text

from clarion.errors import ClarionError, Conflict, InvalidRequest, NotFound, Unavailable


class Exit(IntEnum):
    """Exit codes of the command."""

    DONE = 0
    SOME_FAILED = 1
    BAD_REQUEST = 2
    CALL_FAILED = 3
    INTERRUPTED = 130


def exit_code(error: ClarionError) -> Exit:
    """Return `BAD_REQUEST` for what the caller can mend, `CALL_FAILED` for all else."""
    return Exit.BAD_REQUEST if isinstance(error, (InvalidRequest, NotFound, Conflict)) else Exit.CALL_FAILED


def print_error(console: Console, error: ClarionError) -> None:
    """Print what went wrong, field by field, and what helps."""
    reason = f" ({error.reason.removeprefix('ERROR_REASON_')})" if error.reason else ""
    if isinstance(error, Unavailable) and not error.reason:
        say(console, f"no Clarion server answers: {error.message}")
        console.print(
            "Is it running, and are --server (or CLARION_SERVER), --tls and --tls-ca right? "
            "`clarion-server serve` starts one."
        )
        return
    say(console, f"{error.message}{reason}")
    if error.reason.startswith("ERROR_REASON_TOKEN_"):
        console.print("Give a token with --token-file or CLARION_TOKEN; `clarion-server tokens issue` makes one.")
    for field in error.violations:
        if field.message not in error.message:
            console.print(f"  {field.path}: {field.message}")
    if error.retry_after is not None:
        console.print(f"Try again in {error.retry_after:g} s.")


def say(console: Console, problem: str) -> None:
    """Print a problem in one paragraph."""
    console.print(Text("error: ", style="bold red").append(Text(problem, style="not bold")), soft_wrap=True)
