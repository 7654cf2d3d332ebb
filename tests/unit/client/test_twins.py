"""The two clients are one client twice."""

from __future__ import annotations

import inspect

import pytest

import clarion
import clarion.iam

PAIRS = [
    (clarion.Client, clarion.AsyncClient),
    (clarion.Send, clarion.AsyncSend),
    (clarion.iam.Iam, clarion.iam.AsyncIam),
]
# Entering, leaving and iterating have other names in asyncio.
_OF_ASYNCIO = {"__enter__": "__aenter__", "__exit__": "__aexit__", "__iter__": "__aiter__"}


@pytest.mark.parametrize(("plain", "asynchronous"), PAIRS)
def test_both_have_the_same_methods_with_the_same_parameters(plain: type, asynchronous: type) -> None:
    """A method, parameter, default or description that one client gets and the other does not is found."""
    assert _names(plain) == {_plain_name(name) for name in _names(asynchronous)}
    for name in _names(plain) - {"__init__"}:
        method = getattr(plain, name)
        twin = getattr(asynchronous, _OF_ASYNCIO.get(name, name))
        assert _parameters(method) == _parameters(twin), name
        if name not in {"send", "cancel"}:
            assert method.__doc__ == twin.__doc__, name
    if plain is clarion.Client:
        assert _parameters(vars(plain)["__init__"]) == _parameters(vars(asynchronous)["__init__"])


def _names(kind: type) -> set[str]:
    return {name for name, value in vars(kind).items() if inspect.isfunction(value) and not name.startswith("_")} | {
        name for name in vars(kind) if name.startswith("__") and inspect.isfunction(vars(kind)[name])
    }


def _plain_name(name: str) -> str:
    return {twin: plain for plain, twin in _OF_ASYNCIO.items()}.get(name, name)


def _parameters(method: object) -> list[tuple[str, object, object]]:
    signature = inspect.signature(method)  # type: ignore[arg-type]
    return [(name, parameter.kind, parameter.default) for name, parameter in signature.parameters.items()]
