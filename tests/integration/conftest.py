"""Fixtures of the integration tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.world import World, open_world


@pytest.fixture
async def world(tmp_path: Path, sandbox_keys: Path) -> AsyncIterator[World]:
    """Provide a sandbox, a server and stubs."""
    async with open_world(tmp_path, keys=sandbox_keys) as opened:
        yield opened
