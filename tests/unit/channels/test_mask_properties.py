"""The rules of update_mask, against a model of them, for any channel and any request."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarion.v1 import channel_pb2
from clarion.v1.channel_pb2 import ApnsConfig, ChannelSettings
from clarion_server.errors import RequestInvalid
from clarion_server.ports import StoredChannel
from clarion_server.vault import Owner
from tests.unit.channels.conftest import APP, Setup, make_setup

APNS = channel_pb2.CHANNEL_TYPE_APNS
KINDS = {
    "apns.signing_key": channel_pb2.CREDENTIAL_KIND_APNS_SIGNING_KEY,
    "apns.certificate": channel_pb2.CREDENTIAL_KIND_APNS_CERTIFICATE,
}
DEFAULTS: dict[str, Any] = {
    "enabled": True,
    "apns.bundle_id": "",
    "apns.default_authentication_method": 0,
    "apns.signing_key": None,
    "apns.certificate": None,
}
LEAVES = list(DEFAULTS)

# Values by path; a path that is absent is not given.
VALUES = st.fixed_dictionaries(
    {},
    optional={
        "enabled": st.booleans(),
        "apns.default_authentication_method": st.integers(1, 2),
        "apns.signing_key": st.sampled_from(["k1", "k2", "k3"]),
        "apns.certificate": st.sampled_from(["c1", "c2", "c3"]),
        "apns.bundle_id": st.sampled_from(["a", "b"]),
    },
)
PATHS = st.lists(st.sampled_from(LEAVES), min_size=1)


@st.composite
def updates(draw: st.DrawFn) -> tuple[dict[str, Any], list[str] | None]:
    """Return values and a mask: none, any, or one that names what is given and more."""
    values = draw(VALUES)
    mask = draw(st.none() | PATHS | PATHS.map(lambda more: [*more, *values]))
    return values, mask


def settings(values: dict[str, Any]) -> ChannelSettings:
    """Return the message with these values."""
    message = ChannelSettings(type=APNS)
    if "enabled" in values:
        message.enabled = values["enabled"]
    message.apns.bundle_id = values.get("apns.bundle_id", "")
    message.apns.default_authentication_method = values.get("apns.default_authentication_method", 0)
    if "apns.signing_key" in values:
        message.apns.signing_key.private_key = values["apns.signing_key"]
    if "apns.certificate" in values:
        message.apns.certificate.pem.certificate = values["apns.certificate"]
    return message


def expected(before: dict[str, Any], values: dict[str, Any], mask: list[str] | None) -> dict[str, Any]:
    """Return the state after an update: the model that the server must agree with."""
    if mask is None:
        return before | values
    return before | {path: values.get(path, DEFAULTS[path]) for path in mask}


async def state(setup: Setup, channel: StoredChannel) -> dict[str, Any]:
    """Return the channel's values by path, credentials opened."""
    assert isinstance(channel.config, ApnsConfig)
    found: dict[str, Any] = {
        "enabled": channel.enabled,
        "apns.bundle_id": channel.config.bundle_id,
        "apns.default_authentication_method": channel.config.default_authentication_method,
    }
    for path, kind in KINDS.items():
        found[path] = None
        if kind in channel.credentials:
            opened = await setup.vault.open(channel.credentials[kind].sealed, Owner(APP, APNS, kind))
            found[path] = opened.decode()[-2:]
    return found


@given(st.lists(updates(), min_size=1, max_size=5))
def test_updates_do_what_the_contract_says(steps: list[tuple[dict[str, Any], list[str] | None]]) -> None:
    """After any sequence of updates, each field has the value that the rules of channel.proto give it."""

    async def run() -> None:
        setup = make_setup()
        model = dict(DEFAULTS)
        version = 0
        for values, mask in steps:
            if mask is not None and not values.keys() <= set(mask):
                with pytest.raises(RequestInvalid):
                    await setup.update(settings(values), *mask)
                continue
            after = expected(model, values, mask)
            if after["apns.signing_key"] and not after["apns.bundle_id"]:
                continue  # the provider refuses that, whatever the mask
            channel = await setup.update(settings(values), *(mask or []))
            model, version = after, version + 1
            assert await state(setup, channel) == model
            assert channel.version == version

    asyncio.run(run())
