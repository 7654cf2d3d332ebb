"""How a client proves who it is: bearer tokens, sent with every call."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

_Channel = TypeVar("_Channel")

Token = str | os.PathLike[str] | Callable[[], str] | None
"""A token; the path of a file that holds one, read for every call, so that it may be renewed there; or a function that
returns the current one, called for every call."""


def token_source(token: Token) -> Callable[[], str] | None:
    """Return what gives the current token, None for none.

    Raises:
        ValueError: the token has a character that no token has.
    """
    if token is None or callable(token):
        return token
    if isinstance(token, os.PathLike):
        path = Path(token)
        return lambda: path.read_text(encoding="utf-8").strip()
    text = token.strip()
    if not text or not text.isascii() or not text.isprintable() or " " in text:
        # Not quoted: it is a secret.
        raise ValueError("token: is not a bearer token, which has neither spaces nor characters outside of ASCII")
    return lambda: text


class AuthorizedChannel:
    """A gRPC channel, of either kind, whose calls carry a token.

    It stands for the channel where stubs are made. (Call credentials, gRPC's own way, do not work without TLS, not
    even on this machine.)

    Args:
        channel: the channel.
        token: gives the current token.
    """

    def __init__(self, channel: Any, token: Callable[[], str]) -> None:
        self._channel = channel
        self._token = token

    def unary_unary(self, *args: Any, **options: Any) -> Callable[..., Any]:
        """Return a method as the channel's own."""
        return self._authorized(self._channel.unary_unary(*args, **options))

    def unary_stream(self, *args: Any, **options: Any) -> Callable[..., Any]:
        """Return a method as the channel's own."""
        return self._authorized(self._channel.unary_stream(*args, **options))

    def stream_unary(self, *args: Any, **options: Any) -> Callable[..., Any]:
        """Return a method as the channel's own."""
        return self._authorized(self._channel.stream_unary(*args, **options))

    def stream_stream(self, *args: Any, **options: Any) -> Callable[..., Any]:
        """Return a method as the channel's own."""
        return self._authorized(self._channel.stream_stream(*args, **options))

    def _authorized(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            return method(*args, metadata=(("authorization", f"Bearer {self._token()}"),), **options)

        return call


def authorized(channel: _Channel, token: Callable[[], str] | None) -> _Channel:
    """Return what stubs are made from: the channel, or what stands for the channel with a token."""
    return channel if token is None else cast("_Channel", AuthorizedChannel(channel, token))
