"""A server of several processes: what the parent keeps, and serves itself.

It imports neither gRPC nor SQL: the workers' start waits for it, and it lives as long as they do.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass

from clarion_server.settings import Settings
from clarion_server.starting import PortUnavailable
from clarion_server.workers import Workers, reserved

_FLAGS = ("allow_plaintext_to_other_machines", "allow_anonymous_from_other_machines")


@dataclass(frozen=True, slots=True)
class Supervised:
    """Workers that serve.

    Attributes:
        address: where, with the real port.
        client_address: the real `client_certificate_listen`; empty: nowhere.
        metrics_address: where the sum of their metrics is served; empty: nowhere.
        workers: they.
    """

    address: str
    client_address: str
    metrics_address: str
    workers: Workers


@asynccontextmanager
async def supervising(settings: Settings) -> AsyncIterator[Supervised]:
    """Run `settings.workers` servers on the same addresses; on leaving, stop them as one server stops.

    Raises:
        WorkerFailed: one cannot start.
        PortUnavailable: an address cannot be had.
    """
    async with AsyncExitStack() as stack:
        ports = stack.enter_context(ExitStack())
        address = _reserve(settings.listen, "--listen (CLARION_LISTEN)", ports)
        client_address = settings.client_certificate_listen and _reserve(
            settings.client_certificate_listen, "client_certificate_listen (CLARION_CLIENT_CERTIFICATE_LISTEN)", ports
        )
        workers = Workers(
            settings.workers,
            lambda number: _command(settings, number, address, client_address),
            settings.shutdown_grace,
        )
        metrics_address = await _serve_metrics(settings.metrics_listen, workers, stack)
        async with workers.running():
            yield Supervised(address, client_address, metrics_address, workers)


async def _serve_metrics(listen: str, workers: Workers, stack: AsyncExitStack) -> str:
    """Serve the sum of the workers' metrics until the stack is left; return the address, empty for nowhere."""
    if not listen:
        return ""
    # Only where metrics are wanted: prometheus_client is larger than all that the parent has else.
    from clarion_server.metrics.listener import serve_metrics  # noqa: PLC0415  # see above
    from clarion_server.metrics.page import Summing  # noqa: PLC0415  # see above

    summing = Summing()

    async def page() -> bytes:
        pages = await workers.pages()
        running = [worker.pid for worker in workers.serving]
        return summing.render(pages, running, away=workers.count - len(pages), restarts=workers.restarts)

    return await serve_metrics(listen, page, stack)


def _reserve(listen: str, setting: str, stack: ExitStack) -> str:
    try:
        return stack.enter_context(reserved(listen))
    except OSError as error:
        raise PortUnavailable(
            f"cannot listen on {listen}: {error.strerror or error}; {setting} takes another address"
        ) from error


def _command(settings: Settings, number: int, address: str, client_address: str) -> Sequence[str]:
    """Return program and arguments of a worker. File and environment are the parent's; what may differ is here."""
    return [
        *(sys.executable, "-P", "-m", "clarion_server", "worker", str(number)),
        *("--listen", address, "--data-dir", str(settings.data_dir)),
        *("--client-certificate-listen", client_address),
        *("--admin-listen", _further(settings.admin_listen, number)),
        *(f"--{name.replace('_', '-')}" for name in _FLAGS if getattr(settings, name)),
    ]


def _further(listen: str, number: int) -> str:
    """Return the address that is `number` ports, or names, after one; none for none, and port 0 stays what it is."""
    if listen.startswith("unix:"):
        return f"{listen}.{number}"
    host, colon, port = listen.rpartition(":")
    return f"{host}{colon}{int(port) + number if int(port) else 0}" if colon else listen
