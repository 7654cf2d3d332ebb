"""What the methods of IamService share."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import Any, TypeVar

from clarion_server.access.iam.keys import AccessKeys
from clarion_server.access.iam.ports import IamStore
from clarion_server.access.iam.revision import RevisionWatch
from clarion_server.access.iam.sessions import Sessions
from clarion_server.access.iam.simulation import Simulator

_Response = TypeVar("_Response")


@dataclass(frozen=True, slots=True)
class IamParts:
    """What IamService needs.

    Attributes:
        account: of this server, 12 digits.
        store: keeps identity data.
        watch: told of every change.
        keys: makes access keys.
        sessions: opens sessions of roles.
        simulator: decides about what nobody does.
        known_actions: all actions of this server, in AWS's spelling.
    """

    account: str
    store: IamStore
    watch: RevisionWatch
    keys: AccessKeys
    sessions: Sessions
    simulator: Simulator
    known_actions: Collection[str]


class Part:
    """The base of the groups of methods."""

    def __init__(self, parts: IamParts) -> None:
        self._account = parts.account
        self._store = parts.store
        self._watch = parts.watch
        self._keys = parts.keys
        self._sessions = parts.sessions
        self._simulator = parts.simulator
        self._known_actions = parts.known_actions


_Method = Callable[[Any, Any, Any], Awaitable[_Response]]


def changes(method: _Method[_Response]) -> _Method[_Response]:
    """Make this process see at once what a method changes."""

    @functools.wraps(method)
    async def wrapper(self: Part, request: Any, context: Any) -> _Response:
        try:
            return await method(self, request, context)
        finally:
            # Also after an error: a commit whose answer got lost may have happened.
            self._watch.changed()

    return wrapper
