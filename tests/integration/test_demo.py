"""`make demo` as a newcomer and as CI run it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from collections import Counter
from pathlib import Path

import pytest

from scripts import demo

ROOT = Path(__file__).parents[2]
PROC = Path("/proc")
HANG = 120


def start(tmp_path: Path, mark: str) -> subprocess.Popen[str]:
    """Start the demo without a terminal; `mark` is in the environment of whatever it starts."""
    environment = os.environ | {"TMPDIR": str(tmp_path), "DEMO_TEST_MARK": mark, "PYTHONUNBUFFERED": "1"}
    # A setting of the caller's own server, which would break the demo's if it reached it.
    environment["CLARION_NO_SUCH_SETTING"] = "1"
    return subprocess.Popen(
        [sys.executable, str(ROOT / "scripts" / "demo.py")],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def left_behind(tmp_path: Path, mark: str) -> list[str]:
    """Return what the demo has left: files, and processes that have the mark in their environment."""
    left = [str(path) for path in tmp_path.iterdir()]
    for process in PROC.glob("[0-9]*"):
        try:
            if mark.encode() in (process / "environ").read_bytes():
                left.append((process / "cmdline").read_text().replace("\0", " "))
        except OSError:  # not ours, or gone meanwhile
            continue
    return left


def test_the_demo_counts_every_fate_right_and_leaves_nothing(tmp_path: Path) -> None:
    """Without a terminal it ends with exit code 0, names every fate, and neither files nor processes stay."""
    mark = uuid.uuid4().hex
    process = start(tmp_path, mark)
    output, _ = process.communicate(timeout=HANG)
    assert process.returncode == 0, output
    for fate in demo.FATES:
        assert fate.name in output
    assert "Every simulated device has the result it should have" in output
    assert "WRONG" not in output
    assert left_behind(tmp_path, mark) == []


@pytest.mark.skipif(not PROC.is_dir(), reason="looks for processes in /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_demo_stopped_in_the_middle_leaves_nothing(tmp_path: Path, number: signal.Signals) -> None:
    """Ctrl-C (or SIGTERM) during the send ends it with 130, without a traceback; nothing stays."""
    mark = uuid.uuid4().hex
    process = start(tmp_path, mark)
    assert process.stdout is not None
    seen = ""
    while "first result" not in seen:
        line = process.stdout.readline()
        assert line, seen
        seen += line
    # Two children and their temporary folder: the look finds what there is to find.
    assert len(left_behind(tmp_path, mark)) >= 3
    time.sleep(0.5)
    process.send_signal(number)
    output, _ = process.communicate(timeout=HANG)
    assert process.returncode == 130, output
    assert "Traceback" not in output
    assert left_behind(tmp_path, mark) == []


def test_the_check_finds_a_wrong_count() -> None:
    """One device too few, and one result of another kind, are both found."""
    fates = demo.FATES[:2]
    got = {fate.name: Counter({fate.expected: fate.devices}) for fate in fates}
    assert demo.check(fates, got)[1]
    got[fates[0].name][fates[0].expected] -= 1
    assert not demo.check(fates, got)[1]
    got[fates[0].name]["PERMANENT_FAILURE", "ADDRESS_INVALID"] += 1
    assert not demo.check(fates, got)[1]


def test_the_demo_has_a_thousand_devices_of_distinct_addresses() -> None:
    """The fates add up to 1,000 targets, and no two have the same address on the same channel."""
    targets = demo.targets(demo.FATES)
    assert len(targets) == 1_000
    assert len({(target.channel_type, target.address) for target in targets}) == 1_000
