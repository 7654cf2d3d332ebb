"""May they? What the guard asks before every call."""

from __future__ import annotations

from typing import Protocol

from clarion_server.access.model import AccessRequest


class Authority(Protocol):
    """Decides."""

    async def authorise(self, request: AccessRequest) -> None:
        """Return if it is allowed.

        Raises:
            AccessDenied: it is not.
            StoreUnavailable, IdentityUnavailable: it cannot be found out now.
        """


class Everything:
    """Allows everything: for a server without authentication."""

    async def authorise(self, request: AccessRequest) -> None:
        """Return."""
