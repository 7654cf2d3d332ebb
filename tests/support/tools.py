"""Programs from outside Python that some tests need: nghttpd, grpcurl, buf, PostgreSQL."""

from __future__ import annotations

import os
import shutil
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_FOLDERS = (
    sysconfig.get_path("scripts"),  # what the lock file installed
    str(ROOT / ".tools" / "bin"),  # what .ci/run installed
    os.environ.get("PATH", os.defpath),
    "/usr/sbin",  # Debian's nghttpd, which is not on every user's PATH
    *map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)),  # Debian's PostgreSQL, on nobody's PATH
)


def in_ci() -> bool:
    """Tell whether this run is a CI run, in which nothing may be left out (environment variable ``CI``)."""
    return os.environ.get("CI", "").lower() not in {"", "0", "false"}


def require_tool(name: str, hint: str) -> Path:
    """Return the path of the program ``name``, or do without the test that needs it.

    Without the program the calling test is skipped, and in CI it fails, so that a forgotten
    installation cannot pass for a green run.

    Args:
        name: The program's file name, such as ``"nghttpd"``.
        hint: How to get it, such as ``"apt-get install nghttp2-server"``.
    """
    found = shutil.which(name, path=os.pathsep.join(_FOLDERS))
    if found:
        return Path(found)
    message = f"{name} is not installed; get it with: {hint}"
    if in_ci():
        pytest.fail(message, pytrace=False)
    pytest.skip(message)
