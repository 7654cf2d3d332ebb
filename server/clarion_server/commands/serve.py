"""`clarion-server serve` with one process, and its workers with several."""

from __future__ import annotations

import asyncio
import gc

import typer

from clarion_server.app import running
from clarion_server.commands.common import announce, fail, run
from clarion_server.settings import Settings
from clarion_server.starting import CannotStart
from clarion_server.worker_link import WorkerLink


def serve(settings: Settings) -> None:
    """Serve until told to stop."""

    async def job(stop: asyncio.Event) -> None:
        async with running(settings) as server:
            announce(server.address, server.server.client_address, settings)
            _spare_what_stays()
            await stop.wait()

    run(job)


def work(settings: Settings, number: int) -> None:
    """Be worker `number` until told to stop."""
    run(lambda stop: _work(settings, number, stop))


async def _work(settings: Settings, number: int, stop: asyncio.Event) -> None:
    try:
        link = await WorkerLink.open()
    except OSError:
        fail("workers are started by `clarion-server serve --workers`, not by hand", code=2)
    try:
        if not await link.told_to_start(stop):
            return
        async with running(settings, worker=number) as server:
            serving = asyncio.create_task(link.serve(server.page, stop.set))
            _spare_what_stays()
            await stop.wait()
        # Metrics were answered until now.
        serving.cancel()
    except CannotStart as error:
        # The parent says it once for all.
        await link.cannot_start(str(error))
        raise typer.Exit(1) from error
    finally:
        link.close()


def _spare_what_stays() -> None:
    """Keep the garbage collector from what a server has when it is ready, which stays until it ends.

    A full collection would go through modules, classes and tables again and again, and all calls stand still meanwhile.
    """
    gc.freeze()
