"""What UpdateChannel does to a channel."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from typing import Any

import pytest

from clarion.v1 import channel_pb2, error_pb2
from clarion.v1.channel_pb2 import ApnsConfig, ChannelSettings, UpdateChannelRequest
from clarion_server.errors import AppNotFound, CredentialUnreadable, RequestInvalid, VersionMismatch
from clarion_server.ports import StoredChannel
from clarion_server.vault import Owner
from tests.support.fake_provider import FakeProvider
from tests.unit.channels.conftest import APP, Setup, make_setup

APNS, FCM = channel_pb2.CHANNEL_TYPE_APNS, channel_pb2.CHANNEL_TYPE_FCM
SIGNING_KEY = channel_pb2.CREDENTIAL_KIND_APNS_SIGNING_KEY
CERTIFICATE = channel_pb2.CREDENTIAL_KIND_APNS_CERTIFICATE
BY_CERTIFICATE = channel_pb2.APNS_AUTHENTICATION_METHOD_CERTIFICATE


def apns(*, bundle_id: str = "", key: str = "", certificate: str = "", method: int = 0) -> ChannelSettings:
    """Return settings of an APNs channel."""
    settings = ChannelSettings(type=APNS)
    settings.apns.bundle_id = bundle_id
    settings.apns.default_authentication_method = method  # type: ignore[assignment]
    if key:
        settings.apns.signing_key.private_key = key
        settings.apns.signing_key.key_id = "KEYID"
    if certificate:
        settings.apns.certificate.pem.certificate = certificate
    return settings


async def violations(setup: Setup, request: UpdateChannelRequest) -> dict[str, str]:
    """Return path → reason of what is wrong."""
    with pytest.raises(RequestInvalid) as caught:
        await setup.manager.update(request, updated_by="tester")
    return {each.path: error_pb2.ErrorReason.Name(each.reason)[13:] for each in caught.value.violations}


async def secret(setup: Setup, channel: StoredChannel, kind: channel_pb2.CredentialKind) -> bytes:
    """Return the opened secret of a channel's credential."""
    return await setup.vault.open(channel.credentials[kind].sealed, Owner(APP, channel.type, kind))


async def test_a_new_channel(setup: Setup) -> None:
    """A new channel is enabled, at version 1, with sealed credentials that say what they are."""
    channel = await setup.update(apns(bundle_id="com.example", key="my secret key"))
    assert (channel.enabled, channel.version, channel.updated_by) == (True, 1, "tester")
    assert channel.config == ApnsConfig(bundle_id="com.example")
    assert list(channel.credentials) == [SIGNING_KEY]
    assert channel.credentials[SIGNING_KEY].public_id == "KEYID"
    assert channel.credentials[SIGNING_KEY].update_time.tzinfo is not None
    assert b"my secret key" in await secret(setup, channel, SIGNING_KEY)
    assert b"my secret key" not in channel.credentials[SIGNING_KEY].sealed.ciphertext
    assert await setup.manager.get(APP, APNS) == channel
    assert await setup.manager.list(APP) == (channel,)


async def test_a_new_channel_may_be_disabled(setup: Setup) -> None:
    """enabled=false in the first call counts."""
    assert not (await setup.update(ChannelSettings(type=FCM, enabled=False))).enabled


async def test_without_mask_what_is_not_given_stays(setup: Setup) -> None:
    """Without a mask only given values change; credentials that are not given are kept as they are."""
    first = await setup.update(apns(bundle_id="com.example", key="key", method=BY_CERTIFICATE))
    second = await setup.update(apns(certificate="certificate"))
    assert second.config == first.config
    assert second.credentials[SIGNING_KEY] == first.credentials[SIGNING_KEY]
    assert set(second.credentials) == {SIGNING_KEY, CERTIFICATE}
    third = await setup.update(ChannelSettings(type=APNS, enabled=False))
    assert third == replace(second, enabled=False, version=third.version, update_time=third.update_time)
    assert first.version < second.version < third.version
    assert first.create_time == third.create_time < third.update_time


async def test_with_mask_exactly_the_named_is_set(setup: Setup) -> None:
    """With a mask, what it names is set, or reset when it is not given; the rest stays."""
    await setup.update(apns(bundle_id="com.example", certificate="certificate", method=BY_CERTIFICATE))
    channel = await setup.update(apns(key="key"), "apns.signing_key", "apns.default_authentication_method")
    assert channel.enabled
    assert channel.config == ApnsConfig(bundle_id="com.example")
    assert set(channel.credentials) == {SIGNING_KEY, CERTIFICATE}


async def test_what_is_given_must_be_named(setup: Setup) -> None:
    """Given values that the mask does not name are refused rather than passed over in silence."""
    settings = apns(bundle_id="com.example", key="key", certificate="certificate", method=BY_CERTIFICATE)
    settings.enabled = False
    request = UpdateChannelRequest(app_id=APP, channel=settings)
    request.update_mask.paths.append("apns.certificate")
    assert await violations(setup, request) == {
        "channel.enabled": "FIELD_CONFLICT",
        "channel.apns.bundle_id": "FIELD_CONFLICT",
        "channel.apns.default_authentication_method": "FIELD_CONFLICT",
        "channel.apns.signing_key": "FIELD_CONFLICT",
    }


async def test_a_named_credential_that_is_absent_is_removed(setup: Setup) -> None:
    """This is the one way to remove a credential; the other one stays."""
    await setup.update(apns(bundle_id="com.example", key="key", certificate="certificate"))
    channel = await setup.update(ChannelSettings(type=APNS), "apns.certificate")
    assert set(channel.credentials) == {SIGNING_KEY}


async def test_enabled_in_the_mask_without_value_is_the_default(setup: Setup) -> None:
    """`enabled` named but not given becomes true."""
    await setup.update(ChannelSettings(type=FCM, enabled=False))
    assert (await setup.update(ChannelSettings(type=FCM), "enabled")).enabled


async def test_an_empty_mask_is_no_mask(setup: Setup) -> None:
    """A mask without paths, as some clients always send it, sets what is given."""
    request = UpdateChannelRequest(app_id=APP, channel=apns(bundle_id="com.example"))
    request.update_mask.SetInParent()
    assert (await setup.manager.update(request, updated_by="tester")).config == ApnsConfig(bundle_id="com.example")


async def test_replacing_a_credential_renews_its_time_only(setup: Setup) -> None:
    """update_time of a credential is when it was given; that of others does not move."""
    first = await setup.update(apns(bundle_id="com.example", key="key", certificate="old"))
    second = await setup.update(apns(certificate="new"))
    assert second.credentials[CERTIFICATE].update_time > first.credentials[CERTIFICATE].update_time
    assert second.credentials[SIGNING_KEY].update_time == first.credentials[SIGNING_KEY].update_time
    assert b"new" in await secret(setup, second, CERTIFICATE)


@pytest.mark.parametrize(
    "path",
    [
        *("*", "apns.*", "", "nonsense", "apns.nonsense", "apns.signing_key.key_id", "apns.signing_key.", "Enabled"),
        *("type", "apns", "fcm", "fcm.presentation", "app_id", "channel.enabled", "apns.signing_key.private_key"),
    ],
)
async def test_mask_paths_that_cannot_be_set_are_refused(setup: Setup, path: str) -> None:
    """Unknown paths, wildcards, paths inside a credential and those of other providers are refused, by position."""
    request = UpdateChannelRequest(app_id=APP, channel=ChannelSettings(type=APNS))
    request.update_mask.paths.extend(["enabled", path])
    assert await violations(setup, request) == {"update_mask.paths[1]": "FIELD_UNKNOWN"}


async def test_a_mask_of_thousands_of_paths_is_refused_once(setup: Setup) -> None:
    """A huge mask gives one violation, not thousands."""
    request = UpdateChannelRequest(app_id=APP, channel=ChannelSettings(type=FCM))
    request.update_mask.paths.extend(["x"] * 5000)
    assert await violations(setup, request) == {"update_mask.paths": "FIELD_TOO_LONG"}


async def test_all_that_is_wrong_is_told_at_once(setup: Setup) -> None:
    """Violations of the request, its mask, its credentials and its settings come together, with paths from the root."""
    request = UpdateChannelRequest(expected_version=-1, channel=apns(bundle_id="a b", key="broken", method=99))
    request.update_mask.paths.extend(
        ["apns.bundle_id", "nonsense", "apns.signing_key", "apns.default_authentication_method"]
    )
    assert await violations(setup, request) == {
        "app_id": "FIELD_REQUIRED",
        "expected_version": "FIELD_OUT_OF_RANGE",
        "update_mask.paths[1]": "FIELD_UNKNOWN",
        "channel.apns.default_authentication_method": "FIELD_UNKNOWN",
        "channel.apns.signing_key": "CREDENTIAL_INVALID",
        "channel.apns.bundle_id": "FIELD_MALFORMED",
    }


async def test_what_may_follow_from_a_bad_credential_waits(setup: Setup) -> None:
    """A setting that is required only because of how another field came out is not complained about beside it."""
    request = UpdateChannelRequest(app_id=APP, channel=apns(key="good", certificate="broken"))
    assert await violations(setup, request) == {"channel.apns.certificate": "CREDENTIAL_INVALID"}
    request = UpdateChannelRequest(app_id=APP, channel=apns(key="good"))
    assert await violations(setup, request) == {"channel.apns.bundle_id": "FIELD_REQUIRED"}


async def test_an_empty_credential_is_given_not_absent(setup: Setup) -> None:
    """An empty credential message is a bad credential, and never keeps or removes the stored one silently."""
    settings = ChannelSettings(type=APNS)
    settings.apns.signing_key.SetInParent()
    request = UpdateChannelRequest(app_id=APP, channel=settings)
    assert await violations(setup, request) == {"channel.apns.signing_key": "CREDENTIAL_INVALID"}


async def test_the_settings_must_be_those_of_the_type(setup: Setup) -> None:
    """Settings of another provider contradict the type."""
    settings = ChannelSettings(type=FCM)
    settings.apns.bundle_id = "com.example"
    request = UpdateChannelRequest(app_id=APP, channel=settings)
    assert await violations(setup, request) == {"channel.apns": "FIELD_CONFLICT"}


async def test_the_type_is_required_and_known(setup: Setup) -> None:
    """No channel, no type, and a type of a newer API are each refused in their own words."""
    assert await violations(setup, UpdateChannelRequest()) == {
        "app_id": "FIELD_REQUIRED",
        "channel": "FIELD_REQUIRED",
    }
    untyped = UpdateChannelRequest(app_id=APP, channel=ChannelSettings(enabled=True))
    assert await violations(setup, untyped) == {"channel.type": "FIELD_REQUIRED"}
    untyped.channel.type = 99  # type: ignore[assignment]
    assert await violations(setup, untyped) == {"channel.type": "FIELD_UNKNOWN"}


async def test_an_unknown_app_is_not_found(setup: Setup) -> None:
    """A sound request for an app that does not exist says that."""
    with pytest.raises(AppNotFound):
        await setup.manager.update(
            UpdateChannelRequest(app_id="b" * 32, channel=ChannelSettings(type=FCM)), updated_by="tester"
        )


async def test_expected_version(setup: Setup) -> None:
    """A change is made only at the expected version; 0 stands for a channel that does not exist yet."""
    settings = ChannelSettings(type=FCM)
    with pytest.raises(VersionMismatch) as caught:
        await setup.update(settings, expected_version=1)
    assert caught.value.actual == 0
    assert (await setup.update(settings, expected_version=0)).version == 1
    with pytest.raises(VersionMismatch) as caught:
        await setup.update(settings, expected_version=0)
    assert caught.value.actual == 1
    assert (await setup.update(settings, expected_version=1)).version == 2
    for wrong in (0, 1, 3):
        with pytest.raises(VersionMismatch):
            await setup.manager.delete(APP, FCM, expected_version=wrong)
    assert (await setup.manager.delete(APP, FCM, expected_version=2)).version == 2


async def test_no_version_is_used_twice(setup: Setup) -> None:
    """A channel that is deleted and made again has nothing of the old one and a version that the old one never had."""
    first = await setup.update(apns(bundle_id="com.example", key="key"))
    await setup.manager.delete(APP, APNS)
    again = await setup.update(ChannelSettings(type=APNS))
    assert again.version > first.version
    assert (again.config, again.credentials) == (ApnsConfig(), {})
    with pytest.raises(VersionMismatch):
        await setup.update(ChannelSettings(type=APNS), expected_version=first.version)


async def test_simultaneous_changes_are_all_kept(setup: Setup) -> None:
    """Concurrent calls without expected_version that set different things lose nothing."""
    await setup.update(apns(bundle_id="com.example"))
    await asyncio.gather(
        setup.update(apns(key="key")),
        setup.update(apns(certificate="certificate")),
        setup.update(ChannelSettings(type=APNS, enabled=False)),
        setup.update(apns(method=BY_CERTIFICATE)),
        setup.update(ChannelSettings(type=FCM)),
    )
    channel = await setup.manager.get(APP, APNS)
    assert await setup.store.channels_revision(APP) == 6  # six changes, each counted once
    assert not channel.enabled
    assert channel.config == ApnsConfig(bundle_id="com.example", default_authentication_method=BY_CERTIFICATE)
    assert set(channel.credentials) == {SIGNING_KEY, CERTIFICATE}


async def test_of_simultaneous_changes_with_one_expected_version_one_is_made(setup: Setup) -> None:
    """expected_version holds against changes between reading and saving, too."""
    updates = [setup.update(ChannelSettings(type=FCM), expected_version=0) for _ in range(5)]
    answers = await asyncio.gather(*updates, return_exceptions=True)
    assert sum(isinstance(answer, VersionMismatch) for answer in answers) == 4
    assert (await setup.manager.get(APP, FCM)).version == 1


async def test_a_channel_with_a_lost_key_can_be_looked_at_disabled_and_mended(setup: Setup) -> None:
    """Without the key: reading and disabling work, what depends on the secret says so, a new credential mends it."""
    await setup.update(apns(bundle_id="com.example", key="key"))
    lost = make_setup("another key", setup.store)
    assert (await lost.manager.get(APP, APNS)).credentials[SIGNING_KEY].public_id == "KEYID"
    assert not (await lost.update(ChannelSettings(type=APNS, enabled=False))).enabled
    with pytest.raises(CredentialUnreadable, match="SIGNING_KEY"):
        await lost.update(apns(bundle_id="org.other"))
    mended = await lost.update(apns(bundle_id="org.other", key="new key"))
    assert b"new key" in await secret(lost, mended, SIGNING_KEY)
    assert mended.config == ApnsConfig(bundle_id="org.other")


async def test_slow_credentials_do_not_hold_up_the_event_loop(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a credential is being read, the loop goes on; a second request waits until the first was read."""
    entered, leave = threading.Semaphore(0), threading.Semaphore(0)
    read = FakeProvider.read_credentials

    def slow(provider: FakeProvider, settings: Any) -> Any:
        entered.release()
        assert leave.acquire(timeout=30)
        return read(provider, settings)

    monkeypatch.setattr(FakeProvider, "read_credentials", slow)
    settings = ChannelSettings(type=APNS)
    settings.apns.signing_key.private_key = "key"
    settings.apns.bundle_id = "com.example"
    updates = [asyncio.create_task(setup.update(settings)) for _ in range(2)]
    assert await asyncio.to_thread(entered.acquire, timeout=30)
    await asyncio.sleep(0.01)
    assert not entered.acquire(blocking=False)
    leave.release(2)
    assert {channel.version for channel in await asyncio.gather(*updates)} == {1, 2}
