"""The program `clarion-server`, which `python -m clarion_server` is too."""

from __future__ import annotations

import gc

from clarion_server.cli import cli


def set_up_collector() -> None:
    """Have the garbage collector come less often.

    Its thresholds are those of a small script. A send keeps some thousand objects alive for a short time, which it
    would look at again and again for nothing: about a tenth of the CPU time per notification (`make bench` shows it).
    """
    gc.set_threshold(10_000, 20, 20)


def main() -> None:
    """Run the command line."""
    set_up_collector()
    cli()


if __name__ == "__main__":
    main()
