"""The search that other tests rely on when they say that no secret is left behind."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest

from tests.support.leaks import Leak, find_leaks

SECRET = b"a secret/with+odd ?&= characters\nand a second line \xc3\xa4"


@pytest.mark.parametrize("before", [b"", b"x", b"xy", b"xyz"])
@pytest.mark.parametrize(
    ("form", "write"),
    [
        ("plain", lambda text: text),
        ("plain", lambda text: text.replace(b"\n", b"\\n")),
        ("utf-16", lambda text: text.decode("latin-1").encode("utf-16-le")),
        ("hex", lambda text: text.hex().encode()),
        ("hex", lambda text: text.hex().upper().encode()),
        ("base64", base64.b64encode),
        ("base64", base64.urlsafe_b64encode),
        ("base64", base64.encodebytes),
        ("url", lambda text: quote(text).encode()),
        ("url", lambda text: quote(text, safe="").lower().encode()),
        ("url", lambda text: quote_plus(text).encode()),
    ],
)
def test_a_canary_is_found_in_each_form(
    tmp_path: Path, form: str, write: Callable[[bytes], bytes], before: bytes
) -> None:
    """A planted secret is found in every form it may leak in, in the midst of other bytes and at any offset."""
    path = tmp_path / "folder" / "file"
    path.parent.mkdir()
    path.write_bytes(b"\0\xff" * 10 + write(before + SECRET + b"xyz") + b"\xff" * 10)
    assert Leak(path, 1, form) in find_leaks([tmp_path], ["not in there", SECRET])


def test_nothing_is_found_where_nothing_is(tmp_path: Path) -> None:
    """A file with parts of the secret is no leak of it."""
    path = tmp_path / "file"
    path.write_bytes(SECRET[:-1] + SECRET[1:] + base64.b64encode(SECRET[:-3]))
    assert find_leaks([path], [SECRET]) == []


def test_short_secrets_are_refused() -> None:
    """The search refuses secrets so short that a hit would be an accident."""
    with pytest.raises(ValueError):
        find_leaks([], ["short"])
