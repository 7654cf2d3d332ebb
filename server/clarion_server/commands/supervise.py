"""`clarion-server serve` with several processes: the parent, which imports nothing of the server itself."""

from __future__ import annotations

import asyncio

from clarion_server.commands.common import announce, run
from clarion_server.settings import Settings
from clarion_server.supervisor import supervising


def supervise(settings: Settings) -> None:
    """Run workers until told to stop."""

    async def job(stop: asyncio.Event) -> None:
        async with supervising(settings) as supervised:
            announce(supervised.address, supervised.client_address, settings)
            await stop.wait()

    run(job)
