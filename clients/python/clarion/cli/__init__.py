"""The `clarion` command. What it needs beyond the client is an extra: `pip install 'clarion[cli]'`."""

from __future__ import annotations

import sys

_EXTRA = {"typer", "rich"}


def main() -> None:
    """Run the command with the process's arguments, and exit with its code (see `clarion.cli.root`)."""
    try:
        from clarion.cli.root import run  # noqa: PLC0415 (the extra may be missing)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _EXTRA:
            raise
        print(f"clarion: {error.name} is missing; get it with: pip install 'clarion[cli]'", file=sys.stderr)
        sys.exit(2)
    sys.exit(run())
