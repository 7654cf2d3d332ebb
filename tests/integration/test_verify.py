"""VerifyChannel: what the providers say about a channel's credentials, over real sockets, without reaching a device."""

from __future__ import annotations

import json
from pathlib import Path

import grpc
import pytest

from clarion.v1 import app_pb2, channel_pb2, error_pb2
from clarion.v1.channel_pb2 import UpdateChannelRequest, VerifyChannelRequest, VerifyChannelResponse
from tests.support.world import World, add_adm_and_baidu, open_world

APNS = channel_pb2.CHANNEL_TYPE_APNS
APNS_SANDBOX = channel_pb2.CHANNEL_TYPE_APNS_SANDBOX
FCM = channel_pb2.CHANNEL_TYPE_FCM


async def verify(world: World, channel_type: channel_pb2.ChannelType) -> VerifyChannelResponse:
    """Verify a channel of the test's app."""
    return await world.channels.VerifyChannel(VerifyChannelRequest(app_id=world.app_id, type=channel_type))


async def test_good_credentials(world: World) -> None:
    """Signing key, certificate and service account that work are valid, and no device got anything."""
    for channel_type, kind, status in (
        (APNS, channel_pb2.CREDENTIAL_KIND_APNS_SIGNING_KEY, 400),
        (APNS_SANDBOX, channel_pb2.CREDENTIAL_KIND_APNS_CERTIFICATE, 400),
        (FCM, channel_pb2.CREDENTIAL_KIND_FCM_SERVICE_ACCOUNT, 200),
    ):
        answer = await verify(world, channel_type)
        assert answer.verdict == channel_pb2.VERDICT_VALID
        (credential,) = answer.credentials
        assert (credential.kind, credential.verdict, credential.status_code) == (
            kind,
            channel_pb2.VERDICT_VALID,
            status,
        )
        assert credential.public_id or kind == channel_pb2.CREDENTIAL_KIND_APNS_CERTIFICATE
        assert not credential.reason
    stats = world.sandbox.stats
    assert [dict(each.delivered) for each in (stats.apns, stats.apns_sandbox, stats.fcm)] == [{}, {}, {}]


async def test_unknown_signing_key(world: World) -> None:
    """A signing key that APNs does not know is invalid, with APNs' word and the remedy; the certificate is not."""
    info = world.sandbox.info
    key = channel_pb2.ApnsSigningKey(
        private_key=info.files.apns_key.read_text(), key_id="ZZZZZZZZZZ", team_id=info.team_id
    )
    pem = channel_pb2.PemCertificate(
        certificate=info.files.apns_certificate.read_text(), private_key=info.files.apns_certificate_key.read_text()
    )
    settings = channel_pb2.ChannelSettings(
        type=APNS_SANDBOX,
        apns=channel_pb2.ApnsSettings(
            bundle_id=info.bundle_id, signing_key=key, certificate=channel_pb2.ApnsCertificate(pem=pem)
        ),
    )
    await world.channels.UpdateChannel(UpdateChannelRequest(app_id=world.app_id, channel=settings))
    answer = await verify(world, APNS_SANDBOX)
    assert answer.verdict == channel_pb2.VERDICT_INVALID
    by_kind = {each.kind: each for each in answer.credentials}
    bad = by_kind[channel_pb2.CREDENTIAL_KIND_APNS_SIGNING_KEY]
    assert (bad.verdict, bad.public_id) == (channel_pb2.VERDICT_INVALID, "ZZZZZZZZZZ")
    assert (bad.reason, bad.status_code, bad.provider_reason) == (
        error_pb2.ERROR_REASON_CREDENTIAL_REJECTED,
        403,
        "InvalidProviderToken",
    )
    assert "key_id" in bad.message
    good = by_kind[channel_pb2.CREDENTIAL_KIND_APNS_CERTIFICATE]
    assert good.verdict == channel_pb2.VERDICT_VALID


async def test_wrong_bundle_id(world: World) -> None:
    """A key that APNs accepts, for a topic that it does not, makes the channel invalid: nothing can be sent with it."""
    settings = channel_pb2.ChannelSettings(type=APNS, apns=channel_pb2.ApnsSettings(bundle_id="com.example.wrong"))
    await world.channels.UpdateChannel(UpdateChannelRequest(app_id=world.app_id, channel=settings))
    answer = await verify(world, APNS)
    assert answer.verdict == channel_pb2.VERDICT_INVALID
    assert "bundle_id" in answer.credentials[0].message


async def test_foreign_service_account(world: World) -> None:
    """A service account that Google's token endpoint does not know is invalid."""
    account = json.loads(world.sandbox.info.files.service_account.read_text())
    account["client_email"] = "nobody@other-project.iam.gserviceaccount.com"
    settings = channel_pb2.ChannelSettings(
        type=FCM,
        fcm=channel_pb2.FcmSettings(service_account=channel_pb2.FcmServiceAccount(json=json.dumps(account))),
    )
    await world.channels.UpdateChannel(UpdateChannelRequest(app_id=world.app_id, channel=settings))
    answer = await verify(world, FCM)
    assert answer.verdict == channel_pb2.VERDICT_INVALID
    assert answer.credentials[0].reason == error_pb2.ERROR_REASON_CREDENTIAL_REJECTED


async def test_provider_that_is_not_there(tmp_path: Path, sandbox_keys: Path) -> None:
    """When the provider cannot be asked, the verdict is unknown, and says why."""
    async with open_world(tmp_path, keys=sandbox_keys) as world:
        await world.sandbox.aclose()
        answer = await verify(world, APNS)
        assert answer.verdict == channel_pb2.VERDICT_UNKNOWN
        assert answer.credentials[0].reason == error_pb2.ERROR_REASON_CONNECT_FAILED
        assert "cannot tell" in answer.credentials[0].message
        assert not answer.credentials[0].HasField("status_code")


async def test_what_cannot_be_verified(world: World) -> None:
    """A channel without credentials is invalid, one that does not exist is NOT_FOUND, and bad input is refused."""
    app = (await world.apps.CreateApp(app_pb2.CreateAppRequest(name="Empty"))).app
    await world.channels.UpdateChannel(
        UpdateChannelRequest(app_id=app.id, channel=channel_pb2.ChannelSettings(type=FCM))
    )
    answer = await world.channels.VerifyChannel(VerifyChannelRequest(app_id=app.id, type=FCM))
    assert (answer.verdict, len(answer.credentials)) == (channel_pb2.VERDICT_INVALID, 0)
    for request, code in (
        (VerifyChannelRequest(app_id=app.id, type=APNS), grpc.StatusCode.NOT_FOUND),
        (VerifyChannelRequest(app_id="0" * 32, type=APNS), grpc.StatusCode.NOT_FOUND),
        (VerifyChannelRequest(type=APNS), grpc.StatusCode.INVALID_ARGUMENT),
        (VerifyChannelRequest(app_id=app.id), grpc.StatusCode.INVALID_ARGUMENT),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await world.channels.VerifyChannel(request)
        assert caught.value.code() is code


async def test_adm_and_baidu(world: World) -> None:
    """A client that gets tokens of Amazon, and keys with which Baidu answers, are valid, and nothing is sent."""
    await add_adm_and_baidu(world)
    for channel_type, status in ((channel_pb2.CHANNEL_TYPE_ADM, 0), (channel_pb2.CHANNEL_TYPE_BAIDU, 200)):
        answer = await verify(world, channel_type)
        (credential,) = answer.credentials
        assert (answer.verdict, credential.verdict) == (channel_pb2.VERDICT_VALID, channel_pb2.VERDICT_VALID)
        assert credential.status_code == status
    # An older token that is still good says nothing of the secret.
    await verify(world, channel_pb2.CHANNEL_TYPE_ADM)
    assert world.sandbox.stats.adm.outcomes["token issued"] == 2
    assert [dict(each.delivered) for each in (world.sandbox.stats.adm, world.sandbox.stats.baidu)] == [{}, {}]


async def test_wrong_secrets_of_adm_and_baidu(world: World) -> None:
    """A wrong client secret, and a wrong secret key, are invalid with the remedy."""
    adm = channel_pb2.AdmSettings(client=channel_pb2.AdmClient(client_id="amzn1.other", client_secret="wrong"))
    baidu = channel_pb2.BaiduSettings(key_pair=channel_pb2.BaiduKeyPair(api_key="other", secret_key="wrong"))
    for settings in (
        channel_pb2.ChannelSettings(type=channel_pb2.CHANNEL_TYPE_ADM, adm=adm),
        channel_pb2.ChannelSettings(type=channel_pb2.CHANNEL_TYPE_BAIDU, baidu=baidu),
    ):
        await world.channels.UpdateChannel(UpdateChannelRequest(app_id=world.app_id, channel=settings))
        (credential,) = (await verify(world, settings.type)).credentials
        assert credential.verdict == channel_pb2.VERDICT_INVALID
        assert credential.reason == error_pb2.ERROR_REASON_CREDENTIAL_REJECTED
        assert "secret" in credential.message
