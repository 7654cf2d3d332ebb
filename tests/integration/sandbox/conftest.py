from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from clarion_server.sandbox import Sandbox
from tests.integration.sandbox.clients import ApnsClient, FcmClient


@dataclass
class SimulatedClock:
    """The time of day, moved forward by tests."""

    moved: float = 0.0

    def __call__(self) -> float:
        return time.time() + self.moved


@pytest.fixture(scope="session")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keys and certificates, made once for all tests."""
    return tmp_path_factory.mktemp("sandbox") / "files"


@pytest.fixture
def clock() -> SimulatedClock:
    """The sandbox's clock."""
    return SimulatedClock()


@pytest.fixture
async def sandbox(directory: Path, clock: SimulatedClock) -> AsyncIterator[Sandbox]:
    """A running sandbox that records what it gets."""
    async with Sandbox(directory, clock=clock, record=True) as running:
        yield running


@pytest.fixture
async def apns(sandbox: Sandbox) -> AsyncIterator[ApnsClient]:
    """A client of it with a good provider token."""
    async with ApnsClient(sandbox.info) as client:
        yield client


@pytest.fixture
async def fcm(sandbox: Sandbox) -> AsyncIterator[FcmClient]:
    """A client of it that fetches its access token itself."""
    async with FcmClient(sandbox.info) as client:
        yield client
