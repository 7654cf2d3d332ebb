"""May they? What the guard asks before every call."""

from __future__ import annotations

from typing import Protocol

from clarion_server.access.policy import Decision
from clarion_server.access_model import AccessRequest
from clarion_server.errors import AccessDenied

_FREE = frozenset({"sts:GetCallerIdentity"})
"""What everybody may do who has proved who it is."""


class Authority(Protocol):
    """Lets requests pass, or not."""

    async def authorise(self, request: AccessRequest) -> None:
        """Return if it is allowed.

        Raises:
            AccessDenied: it is not.
            StoreUnavailable, IdentityUnavailable: it cannot be found out now.
        """


class Decider(Protocol):
    """Knows all policies, and decides by them."""

    async def decide(self, request: AccessRequest) -> Decision:
        """Return whether a request is allowed, and why.

        Raises:
            StoreUnavailable: it cannot be found out now.
        """


class PolicyAuthority:
    """Denies what policies do not allow, in AWS's words.

    Args:
        decider: decides.
    """

    def __init__(self, decider: Decider) -> None:
        self._decider = decider

    async def authorise(self, request: AccessRequest) -> None:
        """See `Authority`."""
        if request.action in _FREE:
            return
        decision = await self._decider.decide(request)
        if not decision.allowed:
            raise AccessDenied(
                f"User: {request.identity.arn} is not authorized to perform: {request.action} on resource: "
                f"{request.resource} {decision.because(request.action)}"
            )


class Everything:
    """Allows everything: for a server without authentication."""

    async def authorise(self, request: AccessRequest) -> None:
        """Return."""
