"""Fixtures of the conformance tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.conformance.bench import Bench, open_bench
from tests.conformance.providers import SUBJECTS


@pytest.fixture(params=SUBJECTS, ids=lambda subject: subject.name)
async def bench(request: pytest.FixtureRequest, tmp_path: Path, sandbox_keys: Path) -> AsyncIterator[Bench]:
    """Provide a server with one channel of each provider in turn, and the sandbox."""
    async with open_bench(tmp_path, sandbox_keys, [request.param]) as world:
        yield Bench(world, request.param)
