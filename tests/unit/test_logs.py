"""What the logs may show."""

from __future__ import annotations

import subprocess
import sys

import pytest

FAIL = """
import logging, sys, structlog
from clarion_server.logs import configure

def fail():
    token = "".join(["sec", "ret"])
    raise ValueError("a fault")

configure(sys.argv[1], "info")
for logger in (structlog.get_logger("ours"), logging.getLogger("clarion_server.ours")):
    try:
        fail()
    except ValueError:
        logger.exception("call failed")
"""


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_tracebacks_without_local_variables(log_format: str) -> None:
    """An exception is logged with its traceback, by structlog and the standard library, but not with local variables.

    In a process of its own, for logging is set up for a whole process.
    """
    logged = subprocess.run(
        [sys.executable, "-c", FAIL, log_format], capture_output=True, text=True, timeout=60, check=True
    ).stderr
    assert logged.count("call failed") == 2
    assert logged.count("ValueError") == 2
    assert logged.count("fail") > 2
    assert "secret" not in logged
