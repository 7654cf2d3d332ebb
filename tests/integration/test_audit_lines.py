"""Audit lines of several processes on one standard output."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter

WRITER = """
import asyncio, sys
from clarion_server.audit import AuditLines
from tests.support.audit import audit_record
records = [audit_record(user_agent=sys.argv[1] * (number % 200)) for number in range(500)]
asyncio.run(AuditLines("-").append(records))
"""


def test_lines_of_several_processes_stay_whole() -> None:
    """Three processes that write many records to the same pipe at once do not break each other's lines."""
    reading, writing = os.pipe()
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, letter], stdout=writing) for letter in "abc"]
    os.close(writing)
    with os.fdopen(reading, "rb") as lines:
        agents = [json.loads(line).get("user_agent", "") for line in lines]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    assert len(agents) == 1500
    counts = Counter(agent[:1] for agent in agents)
    assert counts["a"] == counts["b"] == counts["c"] > 400
