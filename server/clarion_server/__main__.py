"""`python -m clarion_server` is the command `clarion-server`."""

from __future__ import annotations

from clarion_server.cli import main

if __name__ == "__main__":
    main()
