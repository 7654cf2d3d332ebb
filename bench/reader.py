"""A reader that stops, and a client that leaves: to how many further targets is sent.

`python -m bench.reader` streams a million targets through a server twice, and reads the first results. Then the client
reads nothing for a while, and the provider's stand-in tells how far the sending goes on; the second time the client
goes away while all goes at full speed.
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
from bench import page, workload
from bench.cases import Setup
from bench.children import ChildFailed, unwind_on_signals
from bench.server import Server, running_server
from bench.stub import Stub, build, make_certificate, running_stub

_TARGETS = 1_000_000
_READ = 20_000
# Long enough for everything to come to rest.
_PAUSE = 3.0
_STOPPED = "further targets after the reader had stopped"
_LEFT = "further targets after a client had left at full speed"


def main() -> int:
    """Run both, and print what was found."""
    parser = argparse.ArgumentParser(prog="python -m bench.reader", description=__doc__)
    parser.add_argument("--write", action="store_true", help="bring bench/README.md up to date")
    arguments = parser.parse_args()
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
                counts = asyncio.run(_measure(server, stub))
    except ChildFailed as failed:
        print(f"bench: {failed}", file=sys.stderr)
        return 1
    for what, count in counts.items():
        print(f"{what:56}{count:>9,}")
    if arguments.write:
        further = [f"| {what} | {counts[what]:,} |" for what in (_STOPPED, _LEFT)]
        page.fill("reader", "\n".join(["| of a million targets | sent |", "| --- | ---: |", *further]))
        print(f"written: {page.README}")
    return 0


async def _measure(server: Server, stub: Stub) -> dict[str, int]:
    """Return what was found, in the order in which it happened."""
    app = server.apps.read_text().split()[0]
    trusted = ssl.create_default_context(cafile=stub.ca_file)
    async with (
        httpx.AsyncClient(http1=False, http2=True, verify=trusted) as http,
        clarion.AsyncClient(server.address) as client,
    ):

        async def sent() -> int:
            """Return how many requests have reached the provider."""
            return int((await http.get(f"{stub.endpoint}/count")).text)

        async def reading() -> Any:
            """Return a stream of which the first results have been read."""
            results: Any = aiter(client.send(app, workload.message(), _pairs()))
            for _ in range(_READ):
                await anext(results)
            return results

        before = await sent()
        results = await reading()
        at_once = await sent() - before
        await asyncio.sleep(_PAUSE)
        rested = await sent() - before
        await results.aclose()
        await asyncio.sleep(_PAUSE)
        resting = await sent()
        results = await reading()
        leaving = await sent()
        await results.aclose()
        await asyncio.sleep(_PAUSE)
        left = await sent()
    return {
        "results read before the reader stopped": _READ,
        "targets sent to when it stopped": at_once,
        _STOPPED: rested - at_once,
        "targets sent to when a client left at full speed": leaving - resting,
        _LEFT: left - leaving,
    }


def _pairs() -> Iterator[tuple[str, str]]:
    for number in range(_TARGETS):
        yield workload.ADDRESSES[number % len(workload.ADDRESSES)], "APNS"


if __name__ == "__main__":
    sys.exit(main())
