"""Audit records as JSON lines, in a file that others may rotate, or on standard output."""

from __future__ import annotations

import asyncio
import os
import select
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from clarion_server.access_model import AuditRecord
from clarion_server.audit.document import to_line
from clarion_server.starting import CannotStart

_STDOUT = 1


class AuditFileUnusable(CannotStart):
    """The audit file cannot be written; the text names it, the problem and the remedy."""


class AuditLines:
    """Writes records to a file, appending.

    Before each write it looks whether the file still has its name: a rotated one is left alone and a new one begun
    (mode 0600). No signal is needed. Several processes may write to the same file, or to the same standard output.

    Args:
        target: path of the file, or `-` for standard output.

    Raises:
        AuditFileUnusable: it cannot be opened.
    """

    def __init__(self, target: str) -> None:
        self._path = None if target == "-" else Path(target)
        self._descriptor = _STDOUT
        self._broken = False
        try:
            self._open()
        except OSError as error:
            raise AuditFileUnusable(
                f"the audit file {target} cannot be opened: {error.strerror}; give the server's user the right to "
                "write there, or correct audit_file"
            ) from error

    async def append(self, records: Sequence[AuditRecord]) -> None:
        """Write records, each as a line. After an error some of them may be there already.

        Raises:
            OSError: they cannot be written.
            TypeError, ValueError: a record is no JSON; none was written.
        """
        lines = list(map(to_line, records))
        await asyncio.to_thread(self._write_all, [b"".join(lines)] if self._path is not None else _pieces(lines))

    def close(self) -> None:
        """Close the file."""
        if self._path is not None:
            os.close(self._descriptor)

    def _write_all(self, contents: Iterable[bytes]) -> None:
        for content in contents:
            self._write(content)

    def _write(self, content: bytes) -> None:
        if self._path is not None and not self._is_current(self._path):
            old = self._descriptor
            self._open()
            os.close(old)
            self._broken = False
        # What an error cut off shall not run into the next line.
        left = memoryview(b"\n" + content if self._broken else content)
        while left:
            self._broken = True
            left = left[os.write(self._descriptor, left) :]
        self._broken = False

    def _open(self) -> None:
        if self._path is not None:
            self._descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def _is_current(self, path: Path) -> bool:
        try:
            named = path.stat()
        except FileNotFoundError:
            return False
        opened = os.fstat(self._descriptor)
        return (named.st_dev, named.st_ino) == (opened.st_dev, opened.st_ino)


def _pieces(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Join lines to pieces that a pipe takes whole, so that nothing of other processes comes between.

    A line that is longer is a piece of its own.
    """
    piece = b""
    for line in lines:
        if piece and len(piece) + len(line) > select.PIPE_BUF:
            yield piece
            piece = b""
        piece += line
    if piece:
        yield piece
