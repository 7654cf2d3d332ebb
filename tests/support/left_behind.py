"""Every test with a whole world ends with a search for what its server must not leave behind."""

from __future__ import annotations

import base64
import json
import re
import tempfile
from pathlib import Path

from clarion_server.sandbox import Sandbox
from clarion_server.sandbox.files import SandboxFiles
from clarion_server.settings import Settings
from tests.support.leaks import database_files, find_leaks

USED: list[str] = []
"""Secrets, provider tokens and addresses of the test that runs: for the search of its log, by tests/conftest.py."""

_MOST = 40
_KINDS = 3
_APNS_PATH = re.compile(r"/3/device/([0-9a-f]{16,})")


def check_left_behind(sandbox: Sandbox, files: SandboxFiles, settings: Settings) -> None:
    """Search database, WAL and audit lines for all that the server was given and seen with.

    Raises:
        AssertionError: something was found.
    """
    hidden = _hidden(sandbox, files, settings)
    USED.extend(text for text in hidden if isinstance(text, str))
    kept = [
        *database_files(settings.data_dir / "clarion.db"),
        *([Path(settings.audit_file)] if _lines(settings) else []),
    ]
    found = find_leaks(kept, hidden)
    assert found == [], f"left behind: {found}"


def check_log(text: str) -> list[str]:
    """Return the forms in which what was used is in a log."""
    if not USED:
        return []
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        log.write_text(text, encoding="utf-8")
        return [leak.form for leak in find_leaks([log], USED)]


def _lines(settings: Settings) -> bool:
    return settings.audit_file not in {"", "-"} and Path(settings.audit_file).exists()


def _hidden(sandbox: Sandbox, files: SandboxFiles, settings: Settings) -> list[str | bytes]:
    key = files.apns_key.read_text()
    account = json.loads(files.service_account.read_text())["private_key"]
    proofs, addresses = set(), set()
    for request in list(sandbox.requests)[-_MOST:]:
        proof = request.headers.get("authorization", "").rpartition(" ")[2]
        proofs.add(proof)
        # Those of zeros alone are found where two ids of zeros stand side by side.
        if (match := _APNS_PATH.match(request.path)) and len(set(match[1])) >= _KINDS:
            addresses.add(match[1])
    hidden: list[str | bytes] = [
        *("".join(text.splitlines()[1:-1]) for text in (key, account)),
        *(each for each in (*proofs, *addresses) if len(each) >= 16),
    ]
    if settings.keyring_path.exists():
        keys = json.loads(settings.keyring_path.read_text())["keys"].values()
        hidden += [base64.b64decode(each) for each in keys]
    return hidden
