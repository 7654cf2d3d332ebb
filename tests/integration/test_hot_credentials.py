"""Changing a channel's credentials while it sends."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator, Sequence

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from clarion.v1 import channel_pb2, error_pb2, messaging_pb2
from clarion.v1.channel_pb2 import ApnsCertificate, ApnsSettings, ApnsSigningKey, ChannelSettings, PemCertificate
from clarion.v1.messaging_pb2 import SendStart, StreamMessagesRequest, Target, TargetBatch
from clarion_server.providers.apns.sandbox_identity import ApnsKey
from clarion_server.sandbox import apns_address
from tests.support.world import World, collect

APNS_SANDBOX = channel_pb2.CHANNEL_TYPE_APNS_SANDBOX
SUCCESSFUL = messaging_pb2.DELIVERY_STATUS_SUCCESSFUL
TOTAL, FRAME = 20_000, 500


def start(world: World) -> SendStart:
    """Return the start of a plain call."""
    return SendStart(app_id=world.app_id, message={"default_message": {"body": "hello"}})


async def use(world: World, *, key_id: str = "") -> int:
    """Give the channel a fresh signing key, or its certificate in place of the key; return the channel's version.

    The key is known to Apple, that is, to the sandbox.
    """
    info = world.sandbox.info
    settings = ChannelSettings(type=APNS_SANDBOX, apns=ApnsSettings(bundle_id=info.bundle_id))
    if key_id:
        key = ec.generate_private_key(ec.SECP256R1())
        world.sandbox.register_apns_key(ApnsKey(key_id, info.team_id, key.public_key()))
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        signing_key = ApnsSigningKey(private_key=pem.decode(), key_id=key_id, team_id=info.team_id)
        settings.apns.signing_key.CopyFrom(signing_key)
    else:
        certificate = PemCertificate(
            certificate=info.files.apns_certificate.read_text(), private_key=info.files.apns_certificate_key.read_text()
        )
        settings.apns.certificate.CopyFrom(ApnsCertificate(pem=certificate))
    request = channel_pb2.UpdateChannelRequest(app_id=world.app_id, channel=settings)
    # What is named and not given is removed: so the channel has one credential at a time.
    request.update_mask.paths.extend(["apns.bundle_id", "apns.signing_key", "apns.certificate"])
    channel = (await world.channels.UpdateChannel(request)).channel
    (credential,) = channel.credentials
    assert credential.public_id == key_id or not key_id
    return int(channel.version)


def fingerprints(world: World) -> set[str]:
    """Return how connections of the present pools prove who we are: one word for each pool."""
    origins = world.server.transport.stats()
    return {origin.identity or "certificate" for origin in origins if "fcm" not in origin.host}


async def test_next_call_uses_the_new_credential(world: World) -> None:
    """A change takes effect for the next call, without a restart, whichever kind of credential replaces which."""
    for number, key_id in enumerate(("KEYAAAAAAA", "", "KEYBBBBBBB")):
        await use(world, key_id=key_id)
        results, _ = await world.send(
            start(world), [Target(address=apns_address("ok", number), channel_type=APNS_SANDBOX)]
        )
        assert results[0].delivery_status == SUCCESSFUL
    identities = fingerprints(world)
    team = world.sandbox.info.team_id
    assert {f"{team}/KEYAAAAAAA", "certificate", f"{team}/KEYBBBBBBB"} <= identities


async def test_bad_credential_takes_effect_at_once_and_is_mended_at_once(world: World) -> None:
    """A key that Apple does not know fails the next call, and a good one the next but one succeeds again."""
    info = world.sandbox.info
    target = [Target(address=apns_address("ok", 1), channel_type=APNS_SANDBOX)]
    settings = ChannelSettings(type=APNS_SANDBOX, apns=ApnsSettings(bundle_id=info.bundle_id))
    settings.apns.signing_key.CopyFrom(
        ApnsSigningKey(private_key=info.files.apns_key.read_text(), key_id="UNKNOWNKEY", team_id=info.team_id)
    )
    await world.channels.UpdateChannel(channel_pb2.UpdateChannelRequest(app_id=world.app_id, channel=settings))
    results, _ = await world.send(start(world), target)
    assert results[0].reason == error_pb2.ERROR_REASON_CREDENTIAL_REJECTED
    await use(world, key_id="KEYCCCCCCC")
    results, _ = await world.send(start(world), target)
    assert results[0].delivery_status == SUCCESSFUL


async def test_change_under_load_loses_no_address(world: World) -> None:
    """While a call sends, its channel's credential is replaced again and again: every address is delivered once."""
    sent = 0
    changes = 0
    done = asyncio.Event()

    async def frames() -> AsyncIterator[StreamMessagesRequest]:
        nonlocal sent
        yield StreamMessagesRequest(start=start(world))
        for first in range(0, TOTAL, FRAME):
            batch: Sequence[Target] = [
                Target(address=apns_address("ok", number), channel_type=APNS_SANDBOX)
                for number in range(first, first + FRAME)
            ]
            yield StreamMessagesRequest(targets=TargetBatch(targets=batch))
            sent += FRAME
            # So that it takes some seconds: a running call looks for changes once a second.
            await asyncio.sleep(0.15)

    async def change() -> None:
        nonlocal changes
        for number in itertools.count():
            await use(world, key_id=f"KEY{number:07d}" if number % 3 else "")
            changes += 1
            try:
                await asyncio.wait_for(done.wait(), 0.8)
            except TimeoutError:
                continue
            return

    changing = asyncio.create_task(change())
    try:
        results, summary = await collect(world.messaging.StreamMessages(frames()))
    finally:
        done.set()
        await changing
    assert Counter(result.delivery_status for result in results) == {SUCCESSFUL: TOTAL}
    assert [result.index for result in results] == list(range(TOTAL))
    assert {result.attempts for result in results} == {1}
    assert summary.total == TOTAL
    assert changes >= 4
    assert len(fingerprints(world)) >= 3, "the running call went over to the new credentials"
    delivered = world.sandbox.stats.apns_sandbox.delivered
    assert len(delivered) == TOTAL
    assert set(delivered.values()) == {1}
