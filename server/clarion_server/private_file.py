"""Files that only the server's own user may read: keys."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from pathlib import Path

_MAX_SIZE = 1 << 20


class OpenToOthers(Exception):
    """The file can be read by other users; `mode` is its mode."""

    def __init__(self, mode: int) -> None:
        super().__init__(f"the file is open to other users (mode {mode:04o})")
        self.mode = mode


def read_private(path: Path) -> bytes:
    """Return the content of a file that nobody else can read, at most 1 MiB.

    Raises:
        OpenToOthers: others can.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        # Asked of the open file, so that nobody can put another in its place in between.
        mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
        if mode & 0o077:
            raise OpenToOthers(mode)
        return file.read(_MAX_SIZE)


def write_private(path: Path, content: bytes, *, replace: bool) -> None:
    """Write a file of mode 0600, making its folder (0700) if need be. It appears whole or not at all.

    Args:
        path: where.
        content: what.
        replace: whether to put it in the place of a file that is there; else that one stays, and of two processes
            that write at the same time exactly one wins.

    Raises:
        OSError: it cannot be written.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if replace:
            draft.replace(path)
        else:
            # link, unlike rename, fails when the name is taken.
            with contextlib.suppress(FileExistsError):
                os.link(draft, path)
    finally:
        draft.unlink(missing_ok=True)
    # Makes the new name in the folder survive a power cut.
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
