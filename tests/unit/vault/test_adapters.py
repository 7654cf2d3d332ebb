"""Adapters to key management services: how they are found, and what happens when they do not answer."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import EntryPoint, EntryPoints
from typing import Any

import pytest

from clarion.v1 import channel_pb2, error_pb2
from clarion_server.errors import StoreUnavailable
from clarion_server.ports import KeyServiceUnavailable, KeyWrapper
from clarion_server.vault import Keyring, KeyringUnusable, Owner, Vault, adapters, load_key_wrapper

OWNER = Owner("a" * 32, channel_pb2.CHANNEL_TYPE_FCM, channel_pb2.CREDENTIAL_KIND_FCM_SERVICE_ACCOUNT)


def offered(options: Mapping[str, str]) -> KeyWrapper:
    """Return a key wrapper; the function that an adapter's entry point names."""
    if options["password"] != "right":
        raise PermissionError(f"{options['password']} is wrong")
    return Keyring({options["key"]: b"k" * 32}, options["key"])


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pretend that a package with this adapter is installed."""
    points = EntryPoints([EntryPoint("kms", f"{__name__}:offered", adapters.GROUP)])
    monkeypatch.setattr(EntryPoint, "load", lambda _self: offered)
    monkeypatch.setattr(adapters, "entry_points", points.select)


async def test_an_installed_adapter_is_used() -> None:
    """The entry point's function gets the options, and what it returns wraps the data keys."""
    vault = Vault(load_key_wrapper("kms", {"password": "right", "key": "alias/clarion"}))
    sealed = await vault.seal(b"secret", OWNER)
    assert sealed.key_id == "alias/clarion"
    assert await vault.open(sealed, OWNER) == b"secret"


def test_an_adapter_that_is_not_installed_is_named() -> None:
    """The text says what there is."""
    with pytest.raises(KeyringUnusable, match=r"'vault'.*there is: file, kms"):
        load_key_wrapper("vault", {})


def test_an_adapter_that_fails_tells_no_option() -> None:
    """Its options may hold a password; the text of its own error is not repeated."""
    with pytest.raises(KeyringUnusable, match="PermissionError") as caught:
        load_key_wrapper("kms", {"password": "hunter2", "key": "x"})
    assert "hunter2" not in str(caught.value)


async def test_a_key_service_that_does_not_answer_is_no_lost_key() -> None:
    """The caller hears STORE_UNAVAILABLE, try again later; not that the credential is unreadable."""
    sealed = await Vault(Keyring({"a": b"k" * 32}, "a")).seal(b"secret", OWNER)

    class Away:
        async def wrap(self, data_key: bytes, associated_data: bytes) -> tuple[str, bytes]:
            raise KeyServiceUnavailable

        async def unwrap(self, key_id: str, wrapped_key: bytes, associated_data: bytes) -> bytes:
            raise KeyServiceUnavailable

    vault = Vault(Away())
    calls: list[Any] = [vault.seal(b"x", OWNER), vault.open(sealed, OWNER), vault.rewrap(sealed, OWNER)]
    for call in calls:
        with pytest.raises(StoreUnavailable, match="key service") as caught:
            await call
        assert caught.value.reason == error_pb2.ERROR_REASON_STORE_UNAVAILABLE
