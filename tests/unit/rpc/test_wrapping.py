"""Wrapped handlers are made once for each method."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from clarion_server.rpc.wrapping import Remembering


class Wrappers:
    """The interceptors inside: count for which methods they are asked, and know one method."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def __call__(self, details: Any) -> object:
        """Return a new handler, None for a method that does not exist."""
        self.asked.append(details.method)
        return object() if details.method == "/clarion.v1.AppService/GetApp" else None


async def test_a_method_is_wrapped_once() -> None:
    """The second call of a method gets the handler of the first, and nothing is wrapped again."""
    remembering, wrappers = Remembering(), Wrappers()
    details: Any = SimpleNamespace(method="/clarion.v1.AppService/GetApp")
    first = await remembering.intercept_service(wrappers, details)
    assert await remembering.intercept_service(wrappers, details) is first
    assert wrappers.asked == [details.method]


async def test_a_method_that_does_not_exist_is_not_remembered() -> None:
    """Callers can name any method: nothing is kept of those that do not exist."""
    remembering, wrappers = Remembering(), Wrappers()
    details: Any = SimpleNamespace(method="/clarion.v1.AppService/Nothing")
    assert await remembering.intercept_service(wrappers, details) is None
    assert await remembering.intercept_service(wrappers, details) is None
    assert wrappers.asked == [details.method, details.method]
