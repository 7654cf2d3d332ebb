"""APNs and FCM to the full, end to end: VoIP, wrong environments, the retired API, and what the channel says of it."""

from __future__ import annotations

import json

import grpc
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from clarion.v1 import app_pb2, channel_pb2, error_pb2, message_pb2, messaging_pb2
from clarion.v1.channel_pb2 import ApnsSettings, ChannelSettings, ChannelType, FcmSettings
from clarion.v1.messaging_pb2 import Result, SendStart, Target
from clarion_server.providers.apns.sandbox_identity import DEVELOPMENT, PRODUCTION, ApnsKey
from clarion_server.sandbox import apns_address, fcm_address
from clarion_server.sandbox.certificates import pem_key
from tests.support.world import World

APNS = channel_pb2.CHANNEL_TYPE_APNS
APNS_SANDBOX = channel_pb2.CHANNEL_TYPE_APNS_SANDBOX
VOIP = channel_pb2.CHANNEL_TYPE_APNS_VOIP
VOIP_SANDBOX = channel_pb2.CHANNEL_TYPE_APNS_VOIP_SANDBOX
FCM = channel_pb2.CHANNEL_TYPE_FCM
SUCCESSFUL = messaging_pb2.DELIVERY_STATUS_SUCCESSFUL
PERMANENT = messaging_pb2.DELIVERY_STATUS_PERMANENT_FAILURE


async def app_with(world: World, *channels: ChannelSettings) -> tuple[str, list[channel_pb2.Channel]]:
    """Make an app with these channels; return its id and the channels as the server tells them."""
    app = (await world.apps.CreateApp(app_pb2.CreateAppRequest(name="x"))).app
    made = [
        (await world.channels.UpdateChannel(channel_pb2.UpdateChannelRequest(app_id=app.id, channel=settings))).channel
        for settings in channels
    ]
    return app.id, made


async def send(world: World, app_id: str, address: str, channel_type: ChannelType, **fields: object) -> Result:
    """Send a plain message to one address, and return its result."""
    start = SendStart(app_id=app_id, message={"default_push_message": {"title": "Hi", "body": "there"}, **fields})
    (result,) = (await world.send(start, [Target(address=address, channel_type=channel_type)]))[0]
    return result


def apns_channel(world: World, channel_type: ChannelType, *, certificate: bool = False) -> ChannelSettings:
    """Return an APNs channel with the sandbox's signing key or certificate."""
    info = world.sandbox.info
    if certificate:
        pem = channel_pb2.PemCertificate(
            certificate=info.files.apns_certificate.read_text(),
            private_key=info.files.apns_certificate_key.read_text(),
        )
        return ChannelSettings(type=channel_type, apns=ApnsSettings(certificate=channel_pb2.ApnsCertificate(pem=pem)))
    key = channel_pb2.ApnsSigningKey(
        private_key=info.files.apns_key.read_text(), key_id=info.key_id, team_id=info.team_id
    )
    return ChannelSettings(type=channel_type, apns=ApnsSettings(bundle_id=info.bundle_id, signing_key=key))


@pytest.mark.parametrize("certificate", [False, True])
@pytest.mark.parametrize(("channel_type", "listener"), [(VOIP, "apns"), (VOIP_SANDBOX, "apns_sandbox")])
async def test_voip(world: World, channel_type: ChannelType, listener: str, *, certificate: bool) -> None:
    """A call goes out on the VoIP topic with key and with certificate, up to 5,120 bytes and not a byte more."""
    app_id, _ = await app_with(world, apns_channel(world, channel_type, certificate=certificate))
    address = apns_address("ok", 1)
    empty = len(
        json.dumps({"aps": {"alert": {"title": "Hi", "body": ""}}, "data": {"pinpoint": {}}}, separators=(",", ":"))
    )
    fits = await send(world, app_id, address, channel_type, apns={"body": "x" * (5120 - empty)})
    assert fits.delivery_status == SUCCESSFUL, fits
    request = world.sandbox.requests[-1]
    assert request.listener == listener
    assert request.headers["apns-topic"] == f"{world.sandbox.info.bundle_id}.voip"
    assert request.headers["apns-push-type"] == "voip"
    assert ("authorization" in request.headers) is not certificate
    assert len(request.body) == 5120
    over = await send(world, app_id, address, channel_type, apns={"body": "x" * (5121 - empty)})
    assert over.reason == error_pb2.ERROR_REASON_PAYLOAD_TOO_LARGE
    gone = await send(world, app_id, apns_address("unregistered", 1), channel_type)
    assert (gone.reason, gone.token_dead) == (error_pb2.ERROR_REASON_ADDRESS_UNREGISTERED, True)


@pytest.mark.parametrize(
    ("channel_type", "environment"), [(APNS, DEVELOPMENT), (APNS_SANDBOX, PRODUCTION), (VOIP, DEVELOPMENT)]
)
async def test_a_key_of_the_other_environment(world: World, channel_type: ChannelType, environment: str) -> None:
    """The result says that the key is for the other environment; no address is condemned, and the rest is not tried."""
    private = ec.generate_private_key(ec.SECP256R1())
    info = world.sandbox.info
    key = ApnsKey("ONEENVKEY1", info.team_id, private.public_key(), frozenset({environment}))
    world.sandbox.register_apns_key(key)
    settings = apns_channel(world, channel_type)
    settings.apns.signing_key.private_key = pem_key(private).decode()
    settings.apns.signing_key.key_id = key.key_id
    app_id, _ = await app_with(world, settings)
    start = SendStart(app_id=app_id, message={"default_message": {"body": "x"}})
    targets = [Target(address=apns_address("ok", n), channel_type=channel_type) for n in range(50)]
    results, _ = await world.send(start, targets)
    reasons = {result.reason for result in results}
    assert reasons <= {error_pb2.ERROR_REASON_CREDENTIAL_REJECTED, error_pb2.ERROR_REASON_NOT_TRIED_CREDENTIAL}
    told = [result for result in results if result.reason == error_pb2.ERROR_REASON_CREDENTIAL_REJECTED]
    assert told
    assert {result.provider_reason for result in told} == {"BadEnvironmentKeyInToken"}
    assert all("other environment" in result.status_message for result in results)
    assert not any(result.token_dead for result in results)


async def test_a_topic_beyond_the_certificate(world: World) -> None:
    """The target learns which topics the certificate is for, and APNs is not asked."""
    app_id, _ = await app_with(world, apns_channel(world, APNS, certificate=True))
    result = await send(
        world, app_id, apns_address("ok", 1), APNS, apns={"push_type": message_pb2.APNS_PUSH_TYPE_WIDGETS}
    )
    assert result.reason == error_pb2.ERROR_REASON_TOPIC_NOT_CERTIFIED
    assert f"{world.sandbox.info.bundle_id}.voip" in result.status_message
    assert world.sandbox.stats.apns.requests == 0


def fcm_channel(world: World, *, account: bool, legacy: bool = True) -> ChannelSettings:
    """Return an FCM channel with the sandbox's legacy key, its service account, or both."""
    files = world.sandbox.info.files
    settings = FcmSettings()
    if account:
        settings.service_account.json = files.service_account.read_text()
    if legacy:
        settings.legacy_key.server_key = files.fcm_legacy_key.read_text()
    return ChannelSettings(type=FCM, fcm=settings)


async def test_the_legacy_key_is_marked(world: World) -> None:
    """The channel says that the key is for a retired API, and that it is not used where there is a service account."""
    _, (alone,) = await app_with(world, fcm_channel(world, account=False))
    assert [list(each.notices) for each in alone.credentials] == [[channel_pb2.CREDENTIAL_NOTICE_RETIRED]]
    app_id, (both,) = await app_with(world, fcm_channel(world, account=True))
    expected = {
        channel_pb2.CREDENTIAL_KIND_FCM_SERVICE_ACCOUNT: [],
        channel_pb2.CREDENTIAL_KIND_FCM_LEGACY_KEY: [
            channel_pb2.CREDENTIAL_NOTICE_RETIRED,
            channel_pb2.CREDENTIAL_NOTICE_NOT_USED,
        ],
    }
    assert {each.kind: list(each.notices) for each in both.credentials} == expected
    got = (await world.channels.GetChannel(channel_pb2.GetChannelRequest(app_id=app_id, type=FCM))).channel
    assert {each.kind: list(each.notices) for each in got.credentials} == expected


@pytest.mark.parametrize(
    ("behaviour", "reason", "word"),
    [
        ("ok", "UNSPECIFIED", ""),
        ("unregistered", "ADDRESS_UNREGISTERED", "NotRegistered"),
        ("malformed", "ADDRESS_INVALID", "InvalidRegistration"),
        ("wrong-project", "ADDRESS_OF_OTHER_APP", "MismatchSenderId"),
        ("throttled", "DEVICE_THROTTLED", "DeviceMessageRateExceeded"),
        ("internal", "PROVIDER_UNAVAILABLE", "InternalServerError"),
        ("bad-gateway", "PROVIDER_UNAVAILABLE", ""),
        ("third-party-auth", "CREDENTIAL_REJECTED", "InvalidApnsCredential"),
    ],
)
async def test_fates_by_the_legacy_key(world: World, behaviour: str, reason: str, word: str) -> None:
    """The retired API's answers arrive as results, whether it says them by status or within a 200."""
    app_id, _ = await app_with(world, fcm_channel(world, account=False))
    result = await send(world, app_id, fcm_address(behaviour, 1), FCM)
    assert error_pb2.ErrorReason.Name(result.reason) == f"ERROR_REASON_{reason}"
    assert result.provider_reason == word
    assert result.token_dead == (behaviour in {"unregistered", "malformed"})
    assert world.sandbox.requests[-1].path == "/fcm/send"


async def test_a_replaced_address(world: World) -> None:
    """A canonical id arrives as updated_token; the message was delivered."""
    app_id, _ = await app_with(world, fcm_channel(world, account=False))
    result = await send(world, app_id, "sim-moved-000001", FCM)
    assert (result.delivery_status, result.updated_token) == (SUCCESSFUL, "sim-ok-000001")
    assert result.message_id.startswith("0:")


async def test_a_wrong_legacy_key(world: World) -> None:
    """The result names the remedy, and later targets of the call are not tried."""
    settings = fcm_channel(world, account=False)
    settings.fcm.legacy_key.server_key = "AAAA-wrong"
    app_id, _ = await app_with(world, settings)
    start = SendStart(app_id=app_id, message={"default_message": {"body": "x"}})
    results, _ = await world.send(start, [Target(address=fcm_address("ok", n), channel_type=FCM) for n in range(300)])
    reasons = {result.reason for result in results}
    assert error_pb2.ERROR_REASON_CREDENTIAL_REJECTED in reasons
    assert reasons <= {error_pb2.ERROR_REASON_CREDENTIAL_REJECTED, error_pb2.ERROR_REASON_NOT_TRIED_CREDENTIAL}
    assert all("service account" in result.status_message for result in results)
    assert world.sandbox.stats.fcm.accepted == 0


async def test_v1_content_needs_a_service_account(world: World) -> None:
    """Raw content for HTTP v1 cannot go through the retired API, and the result says what is missing."""
    raw = json.dumps({"fcmV1Message": {"message": {"data": {"k": "v"}}}})
    for account, expected in ((False, error_pb2.ERROR_REASON_CONTENT_INVALID), (True, 0)):
        app_id, _ = await app_with(world, fcm_channel(world, account=account))
        result = await send(world, app_id, fcm_address("ok", 1), FCM, fcm={"raw_content": raw})
        assert result.reason == expected, result
        assert account or "service account" in result.status_message


async def test_a_service_account_takes_over_within_a_second_or_so(world: World) -> None:
    """When a channel with a legacy key gets a service account, the next call is sent by HTTP v1."""
    app_id, _ = await app_with(world, fcm_channel(world, account=False))
    assert (await send(world, app_id, fcm_address("ok", 1), FCM)).delivery_status == SUCCESSFUL
    update = channel_pb2.UpdateChannelRequest(app_id=app_id, channel=fcm_channel(world, account=True, legacy=False))
    await world.channels.UpdateChannel(update)
    assert (await send(world, app_id, fcm_address("ok", 1), FCM)).delivery_status == SUCCESSFUL
    assert [
        request.path.partition("/projects")[0] for request in world.sandbox.requests if request.path != "/token"
    ] == [
        "/fcm/send",
        "/v1",
    ]


@pytest.mark.parametrize(
    ("apns", "path"),
    [
        ({"critical_sound": {"volume": 1.5}}, "critical_sound.volume"),
        ({"critical_sound": {"volume": float("nan")}}, "critical_sound.volume"),
        ({"relevance_score": 2}, "relevance_score"),
        ({"relevance_score": float("inf"), "live_activity": {"event": 3}}, "relevance_score"),
        ({"url_args": ["x"] * 101}, "url_args"),
        ({"localization": {"title_args": ["x"] * 101}}, "localization.title_args"),
        ({"localization": {"body_key": "x" * 16385}}, "localization"),
        ({"url_args": ["x" * 16385]}, "url_args"),
        ({"live_activity": {}}, "live_activity.event"),
        ({"live_activity": {"event": 2}}, "live_activity.content_state"),
        ({"live_activity": {"event": 3}, "push_type": "APNS_PUSH_TYPE_ALERT"}, "live_activity"),
        ({"live_activity": {"event": 3, "attributes_type": "A"}}, "live_activity.attributes_type"),
        ({"live_activity": {"event": 3, "input_push_token": True}}, "live_activity.input_push_token"),
        (
            {"live_activity": {"event": 2, "content_state": {}, "dismissal_date": {"seconds": 1}}},
            "live_activity.dismissal_date",
        ),
        ({"live_activity": {"event": 3, "timestamp": {"seconds": -1}}}, "live_activity.timestamp"),
        ({"live_activity": {"event": 1, "content_state": {}, "attributes_type": "A"}}, "live_activity.attributes"),
        ({"live_activity": {"event": 99}}, "live_activity.event"),
        ({"interruption_level": 99}, "interruption_level"),
    ],
)
async def test_bounds_of_apns_fields(world: World, apns: dict[str, object], path: str) -> None:
    """Each bound is told with the field's path before anything is sent."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await send(world, world.app_id, apns_address("ok", 1), APNS, apns=apns)
    status = rpc_status.from_call(caught.value)  # type: ignore[arg-type]
    assert status is not None
    paths = set()
    for detail in status.details:
        bad = error_details_pb2.BadRequest()
        if detail.Unpack(bad):
            paths |= {violation.field for violation in bad.field_violations}
    assert f"start.message.apns.{path}" in paths, paths
    assert world.sandbox.stats.apns.requests == 0
