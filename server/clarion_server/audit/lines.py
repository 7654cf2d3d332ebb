"""Audit records as JSON lines, in a file that others may rotate, or on standard output."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

from clarion_server.access_model import AuditRecord
from clarion_server.audit.document import to_line

_STDOUT = 1


class AuditFileUnusable(Exception):
    """The audit file cannot be written; the text names it, the problem and the remedy."""


class AuditLines:
    """Writes records to a file, appending.

    Before each write it looks whether the file still has its name: a rotated one is left alone and a new one begun
    (mode 0600). No signal is needed.

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
        content = b"".join(map(to_line, records))
        await asyncio.to_thread(self._write, content)

    def close(self) -> None:
        """Close the file."""
        if self._path is not None:
            os.close(self._descriptor)

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
