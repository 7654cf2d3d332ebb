"""What sending needs to know of quotas. `clarion_server.quotas` keeps them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol


class Pacer(Protocol):
    """Says how fast one call may take targets in. Cheap: asked once for a few hundred targets."""

    def take(self, wanted: int) -> int:
        """Return how many of so many targets may be taken in now, 0 to `wanted`. They count as taken in."""

    def wait(self, targets: int) -> float:
        """Return the seconds until so many could be taken in if nobody else did."""


class SendQuotas(Protocol):
    """The quotas of sending calls."""

    def pacer(self, app_id: str) -> Pacer:
        """Return the pacer of a call."""

    def running(self, principal: str) -> AbstractContextManager[None]:
        """Count a call of a principal while the `with` statement runs.

        Raises:
            TooManyStreams: it has too many already.
        """

    def check_request(self, app_id: str, size: Callable[[], int], targets: int = 0) -> None:
        """Check a request, or a frame of a stream.

        Args:
            app_id: whose quotas count.
            size: returns its size in bytes; asked only if it matters.
            targets: of a call that has no more; 0 for a frame of a stream.

        Raises:
            QuotaExceeded: it is too large, or has too many targets.
        """


class _Unpaced:
    def take(self, wanted: int) -> int:
        return wanted

    def wait(self, targets: int) -> float:  # noqa: ARG002 - of the protocol
        return 0.0


class Unlimited:
    """No quotas: for benchmarks and tests of what lies below."""

    def pacer(self, app_id: str) -> Pacer:  # noqa: ARG002 - of the protocol
        """See `SendQuotas`."""
        return _Unpaced()

    def running(self, principal: str) -> AbstractContextManager[None]:  # noqa: ARG002 - of the protocol
        """See `SendQuotas`."""
        return nullcontext()

    def check_request(self, app_id: str, size: Callable[[], int], targets: int = 0) -> None:
        """See `SendQuotas`."""
