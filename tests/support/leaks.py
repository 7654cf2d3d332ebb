"""Search of files for secrets, in the forms in which secrets usually leak."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, quote_plus


@dataclass(frozen=True, slots=True)
class Leak:
    """A secret that was found.

    Attributes:
        path: the file.
        secret: number of the secret in the list that was searched for.
        form: the form in which it was found, for example `hex`.
    """

    path: Path
    secret: int
    form: str


def database_files(path: Path) -> list[Path]:
    """Return an SQLite database file and what is beside it: its WAL and shared memory, as far as they exist."""
    return [each for each in (path, Path(f"{path}-wal"), Path(f"{path}-shm"), Path(f"{path}-journal")) if each.exists()]


def find_leaks(paths: Iterable[Path], secrets: Iterable[str | bytes]) -> list[Leak]:
    """Search files for secrets in plain, base64 (both alphabets, at any offset), hex and URL-encoded form.

    Args:
        paths: files to search; of folders, all files in them.
        secrets: at least 8 bytes each, so that a hit is no accident.

    Returns:
        One entry for each file, secret and form.
    """
    forms = [(number, _forms(_as_bytes(secret))) for number, secret in enumerate(secrets)]
    found = []
    for path in _files(paths):
        content = path.read_bytes()
        # Hex comes in either case; base64 may be broken into lines.
        lower, joined = content.lower(), content.replace(b"\r", b"").replace(b"\n", b"")
        haystacks = {"hex": lower, "base64": joined}
        for number, by_form in forms:
            found += [
                Leak(path, number, form)
                for form, needles in by_form.items()
                if any(needle in haystacks.get(form, content) for needle in needles)
            ]
    return found


def _files(paths: Iterable[Path]) -> Iterable[Path]:
    for path in paths:
        yield from (each for each in sorted(path.rglob("*")) if each.is_file()) if path.is_dir() else (path,)


def _as_bytes(secret: str | bytes) -> bytes:
    value = secret.encode() if isinstance(secret, str) else secret
    if len(value) < 8:
        raise ValueError("a secret to search for must have at least 8 bytes")
    return value


def _forms(secret: bytes) -> dict[str, set[bytes]]:
    escaped = secret.replace(b"\n", b"\\n")  # as JSON and Python's repr write the lines of a PEM
    encoded = {quote(secret).encode(), quote(secret, safe="").encode(), quote_plus(secret).encode()}
    return {
        "plain": {secret, escaped},
        "utf-16": {secret.decode("latin-1").encode("utf-16-le")},
        "hex": {secret.hex().encode()},
        "base64": set(_base64_forms(secret)),
        "url": {each for form in encoded for each in (form, _lower_escapes(form))},
    }


def _base64_forms(secret: bytes) -> Iterable[bytes]:
    """Return the base64 digits that only the secret decides, for each place in a longer text that it may have."""
    for offset in range(3):
        digits = base64.b64encode(b"\0" * offset + secret)
        first = (offset * 8 + 5) // 6  # the digit before shares bits with what comes before the secret
        last = (offset + len(secret)) * 8 // 6  # the digit after, with what follows
        yield digits[first:last]
        yield digits[first:last].translate(bytes.maketrans(b"+/", b"-_"))


def _lower_escapes(text: bytes) -> bytes:
    parts = text.split(b"%")
    return b"%".join([parts[0], *(part[:2].lower() + part[2:] for part in parts[1:])])
