"""The HTTP client that tokens are fetched with: opened once, with the first token, and closed whatever happens."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time

import pytest

from clarion_server.providers import token_http
from clarion_server.providers.token_client import TokenClient, read_token


@pytest.mark.parametrize("opened_before_close", [True, False])
async def test_caller_that_is_cancelled_while_it_opens(
    monkeypatch: pytest.MonkeyPatch,
    opened_before_close: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """What opens while its only caller is cancelled is opened once, and closed, even before it is open."""
    begun, go_on = threading.Event(), threading.Event()
    opened: list[token_http.TokenHttp] = []
    closed: list[token_http.TokenHttp] = []

    class Watched(token_http.TokenHttp):
        def __init__(self, ca_file: str | None) -> None:
            begun.set()
            assert go_on.wait(60)
            super().__init__(ca_file)
            opened.append(self)

        async def aclose(self) -> None:
            await super().aclose()
            closed.append(self)

    monkeypatch.setattr(token_http, "TokenHttp", Watched)
    client = TokenClient("the endpoint", None, time.time, pauses=())

    async def fetch() -> object:
        # Nobody listens there.
        return await client.fetch(
            "https://127.0.0.1:1/", lambda _: {}, lambda _status, _headers, body, now: read_token(body, now)
        )

    caller = asyncio.create_task(fetch())
    assert await asyncio.to_thread(begun.wait, 60)
    caller.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await caller
    assert caller.cancelled()
    if opened_before_close:
        go_on.set()
        await fetch()
        await client.aclose()
    else:
        closing = asyncio.create_task(client.aclose())
        await asyncio.sleep(0)
        go_on.set()
        await closing
    assert len(opened) == 1
    assert closed == opened
