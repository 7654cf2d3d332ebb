"""ChannelService over gRPC, with the real providers' credentials."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc

from clarion.v1 import app_pb2, channel_pb2
from clarion.v1.channel_pb2 import (
    ApnsSettings,
    Channel,
    ChannelSettings,
    DeleteChannelRequest,
    GetChannelRequest,
    ListChannelsRequest,
    UpdateChannelRequest,
)
from clarion.v1.messaging_pb2 import SendStart, Target
from tests.integration.test_apps import failure, invalid
from tests.support.world import World

APNS, APNS_SANDBOX = channel_pb2.CHANNEL_TYPE_APNS, channel_pb2.CHANNEL_TYPE_APNS_SANDBOX
FCM, ADM = channel_pb2.CHANNEL_TYPE_FCM, channel_pb2.CHANNEL_TYPE_ADM
NOBODY = "0" * 32


async def update(world: World, settings: ChannelSettings, *mask: str, **more: Any) -> Channel:
    """Call UpdateChannel for the world's app."""
    request = UpdateChannelRequest(app_id=world.app_id, channel=settings, **more)
    request.update_mask.paths.extend(mask)
    return (await world.channels.UpdateChannel(request)).channel


async def get(world: World, channel_type: channel_pb2.ChannelType) -> Channel:
    """Call GetChannel for the world's app."""
    return (await world.channels.GetChannel(GetChannelRequest(app_id=world.app_id, type=channel_type))).channel


async def test_what_a_channel_shows(world: World) -> None:
    """Settings and credentials are recognisable, secrets are not there, and all answers agree."""
    listed = (await world.channels.ListChannels(ListChannelsRequest(app_id=world.app_id))).channels
    assert [channel.type for channel in listed] == [APNS, APNS_SANDBOX, FCM]
    info = world.sandbox.info
    for channel in listed:
        assert await get(world, channel.type) == channel
        assert (channel.app_id, channel.enabled, channel.updated_by) == (world.app_id, True, "anonymous")
        assert channel.create_time == channel.update_time
        assert len(channel.credentials) == 1
        assert len(channel.credentials[0].fingerprint) == 64
        assert channel.credentials[0].HasField("update_time")
        assert "PRIVATE KEY" not in str(channel)
    key, certificate, account = (channel.credentials[0] for channel in listed)
    assert listed[0].apns.bundle_id == info.bundle_id
    assert (key.public_id, key.team_id, key.HasField("expire_time")) == (info.key_id, info.team_id, False)
    assert certificate.HasField("expire_time")
    assert "@" in account.public_id
    assert listed[2].fcm.project_id == info.project_id
    assert listed[2].fcm.presentation == channel_pb2.FCM_PRESENTATION_SYSTEM


async def test_credentials_side_by_side(world: World) -> None:
    """A second credential joins the first, and is removed by a mask that names it; the config stays."""
    before = await get(world, APNS)
    info = world.sandbox.info
    pem = channel_pb2.PemCertificate(
        certificate=info.files.apns_certificate.read_text(), private_key=info.files.apns_certificate_key.read_text()
    )
    certificate = channel_pb2.ApnsCertificate(pem=pem)
    both = await update(world, ChannelSettings(type=APNS, apns=ApnsSettings(certificate=certificate)))
    assert [each.kind for each in both.credentials] == [
        channel_pb2.CREDENTIAL_KIND_APNS_SIGNING_KEY,
        channel_pb2.CREDENTIAL_KIND_APNS_CERTIFICATE,
    ]
    assert both.credentials[0] == before.credentials[0]
    after = await update(world, ChannelSettings(type=APNS), "apns.certificate")
    assert (list(after.credentials), after.apns) == (list(before.credentials), before.apns)
    assert before.version < both.version < after.version


async def test_a_change_counts_for_the_next_send(world: World) -> None:
    """Disabling, enabling, deleting a channel and deleting its app each take effect with the very next call."""
    target = Target(address="ab" * 32, channel_type=APNS)
    start = SendStart(app_id=world.app_id, message={"default_message": {"body": "hello"}})

    async def reason() -> int:
        (result,), _ = await world.send(start, [target])
        return result.reason

    assert await reason() not in {102, 3}
    await update(world, ChannelSettings(type=APNS, enabled=False))
    assert await reason() == 102  # ERROR_REASON_CHANNEL_DISABLED
    await update(world, ChannelSettings(type=APNS, enabled=True))
    assert await reason() not in {102, 3}
    await world.channels.DeleteChannel(DeleteChannelRequest(app_id=world.app_id, type=APNS))
    assert await reason() == 3  # ERROR_REASON_CHANNEL_NOT_FOUND
    await world.apps.DeleteApp(app_pb2.DeleteAppRequest(app_id=world.app_id))
    assert (await failure(world.send(start, [target])))[:2] == (grpc.StatusCode.NOT_FOUND, "APP_NOT_FOUND")


async def test_all_that_is_wrong_is_told_at_once(world: World) -> None:
    """A request with many faults gets all of them, with paths from the root of the request."""
    settings = ChannelSettings(type=APNS, apns=ApnsSettings(bundle_id="no spaces please"))
    settings.apns.signing_key.private_key = "not a key"
    settings.apns.default_authentication_method = 99  # type: ignore[assignment]
    fields = await invalid(update(world, settings, "*", expected_version=-1))
    assert fields.pop("update_mask.paths[0]") == "FIELD_UNKNOWN"
    assert fields.pop("expected_version") == "FIELD_OUT_OF_RANGE"
    assert set(fields) == {
        "channel.apns.bundle_id",
        "channel.apns.signing_key",
        "channel.apns.default_authentication_method",
    }
    fields = await invalid(update(world, settings))
    assert fields["channel.apns.bundle_id"] == "FIELD_MALFORMED"
    assert fields["channel.apns.default_authentication_method"] == "FIELD_UNKNOWN"
    assert any(path.startswith("channel.apns.signing_key") for path in fields)


async def test_versions(world: World) -> None:
    """A stale expected_version is ABORTED for changes and removals; 0 means that the channel must not exist yet."""
    aborted: tuple[grpc.StatusCode, str, dict[str, str]] = (grpc.StatusCode.ABORTED, "VERSION_MISMATCH", {})
    version = (await get(world, FCM)).version
    disabled = ChannelSettings(type=FCM, enabled=False)
    changed = await update(world, disabled, expected_version=version)
    assert changed.version > version
    assert await failure(update(world, disabled, expected_version=version)) == aborted
    assert await failure(update(world, disabled, expected_version=0)) == aborted
    request = DeleteChannelRequest(app_id=world.app_id, type=FCM, expected_version=version)
    assert await failure(world.channels.DeleteChannel(request)) == aborted
    request.expected_version = 0
    assert await invalid(world.channels.DeleteChannel(request)) == {"expected_version": "FIELD_OUT_OF_RANGE"}
    request.expected_version = changed.version
    assert (await world.channels.DeleteChannel(request)).channel == changed
    assert (await update(world, disabled, expected_version=0)).version > changed.version


async def test_simultaneous_changes_are_all_kept(world: World) -> None:
    """Ten calls at once, each with a change of its own, lose nothing."""
    client = channel_pb2.AdmClient(client_id="client", client_secret="secret of adm")
    changes = [
        ChannelSettings(type=APNS, enabled=False),
        ChannelSettings(type=APNS, apns=ApnsSettings(bundle_id="com.example.other")),
        ChannelSettings(type=ADM, adm=channel_pb2.AdmSettings(client=client)),
        ChannelSettings(type=FCM, fcm={"presentation": channel_pb2.FCM_PRESENTATION_PINPOINT_SDK}),
        ChannelSettings(type=FCM, enabled=False),
    ]
    await asyncio.gather(*(update(world, change) for change in changes * 2))
    apns, fcm, adm = await get(world, APNS), await get(world, FCM), await get(world, ADM)
    assert (apns.enabled, apns.apns.bundle_id, len(apns.credentials)) == (False, "com.example.other", 1)
    assert (fcm.enabled, fcm.fcm.presentation) == (False, channel_pb2.FCM_PRESENTATION_PINPOINT_SDK)
    assert [each.kind for each in adm.credentials] == [channel_pb2.CREDENTIAL_KIND_ADM_CLIENT]


def calls(world: World, app_id: str, channel_type: Any) -> dict[str, Any]:
    """Return each call that takes an app id and a channel type, otherwise valid."""
    channels, settings = world.channels, ChannelSettings(type=channel_type)
    return {
        "get": lambda: channels.GetChannel(GetChannelRequest(app_id=app_id, type=channel_type)),
        "delete": lambda: channels.DeleteChannel(DeleteChannelRequest(app_id=app_id, type=channel_type)),
        "update": lambda: channels.UpdateChannel(UpdateChannelRequest(app_id=app_id, channel=settings)),
    }


async def test_what_is_not_there(world: World) -> None:
    """Unknown and malformed apps, absent channels, and absent and unknown types each have their own answer."""
    for app_id in (NOBODY, "x", "\0"):
        for call in calls(world, app_id, FCM).values():
            assert await failure(call()) == (grpc.StatusCode.NOT_FOUND, "APP_NOT_FOUND", {})
    absent = calls(world, world.app_id, ADM)
    for name in ("get", "delete"):
        assert await failure(absent[name]()) == (grpc.StatusCode.NOT_FOUND, "CHANNEL_NOT_FOUND", {})
    for name, path in (("get", "type"), ("delete", "type"), ("update", "channel.type")):
        assert await invalid(calls(world, world.app_id, 99)[name]()) == {path: "FIELD_UNKNOWN"}
        assert await invalid(calls(world, "", 0)[name]()) == {"app_id": "FIELD_REQUIRED", path: "FIELD_REQUIRED"}


async def test_listing_needs_an_app(world: World) -> None:
    """An app without channels has an empty list; no app, and none given, are errors."""
    empty = (await world.apps.CreateApp(app_pb2.CreateAppRequest(name="empty"))).app.id
    assert not (await world.channels.ListChannels(ListChannelsRequest(app_id=empty))).channels
    answer = await failure(world.channels.ListChannels(ListChannelsRequest(app_id=NOBODY)))
    assert answer[:2] == (grpc.StatusCode.NOT_FOUND, "APP_NOT_FOUND")
    assert await invalid(world.channels.ListChannels(ListChannelsRequest())) == {"app_id": "FIELD_REQUIRED"}
