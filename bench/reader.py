"""A reader that stops, and a client that leaves: to how many further targets is sent.

`python -m bench.reader` streams a million targets through a server and reads the first results. Then the client reads
nothing for a while, and the provider's stand-in tells how far the sending goes on; then the client goes away.
"""

from __future__ import annotations

import argparse
import asyncio
import ssl
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

import clarion
from bench import workload
from bench.cases import Setup
from bench.children import ChildFailed, unwind_on_signals
from bench.server import Server, running_server
from bench.stub import Stub, build, make_certificate, running_stub

_TARGETS = 1_000_000
_READ = 20_000
# Long enough for everything to come to rest.
_PAUSE = 3.0


def main() -> int:
    """Run both, and print what was found."""
    argparse.ArgumentParser(prog="python -m bench.reader", description=__doc__).parse_args()
    unwind_on_signals()
    try:
        with tempfile.TemporaryDirectory(prefix="clarion-reader-") as folder:
            directory = Path(folder)
            certificate = make_certificate(directory)
            with (
                running_stub(build(directory), certificate, directory / "provider", 0) as stub,
                running_server(
                    Setup(), stub, directory / "server", "ngh2", certificate=certificate, database_url=""
                ) as server,
            ):
                asyncio.run(_measure(server, stub))
    except ChildFailed as failed:
        print(f"bench: {failed}", file=sys.stderr)
        return 1
    return 0


async def _measure(server: Server, stub: Stub) -> None:
    app = server.apps.read_text().split()[0]
    trusted = ssl.create_default_context(cafile=stub.ca_file)
    async with (
        httpx.AsyncClient(http1=False, http2=True, verify=trusted) as http,
        clarion.AsyncClient(server.address) as client,
    ):

        async def sent() -> int:
            """Return how many requests have reached the provider."""
            return int((await http.get(f"{stub.endpoint}/count")).text)

        before = await sent()
        results: Any = aiter(client.send(app, workload.message(), _pairs()))
        for _ in range(_READ):
            await anext(results)
        at_once = await sent() - before
        await asyncio.sleep(_PAUSE)
        rested = await sent() - before
        await results.aclose()
        await asyncio.sleep(_PAUSE)
        left = await sent() - before
    print(f"results read before the reader stopped      {_READ:>9,}")
    print(f"targets sent to when it stopped             {at_once:>9,}")
    print(f"further targets until everything rested     {rested - at_once:>9,}")
    print(f"further targets after the client had left   {left - rested:>9,}")


def _pairs() -> Iterator[tuple[str, str]]:
    for number in range(_TARGETS):
        yield workload.ADDRESSES[number % len(workload.ADDRESSES)], "APNS"


if __name__ == "__main__":
    sys.exit(main())
