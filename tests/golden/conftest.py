"""One world for all golden requests: starting it for each would take minutes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from clarion.v1 import app_pb2, channel_pb2
from clarion.v1.channel_pb2 import AdmSettings, ApnsSettings, BaiduSettings, ChannelSettings, FcmSettings
from tests.support.world import World, open_world


class Apps:
    """A world, and the apps in it.

    Attributes:
        world: sandbox, server and stubs.
        ids: by name: `plain` (all APNs types, with key and certificate, FCM, ADM and Baidu), `website` (a website push
            certificate), `sdk` (FCM for AWS's mobile libraries), `legacy` (FCM with a legacy key alone).
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.ids: dict[str, str] = {}

    async def make(self, name: str, *channels: ChannelSettings) -> None:
        """Make an app with channels."""
        app = (await self.world.apps.CreateApp(app_pb2.CreateAppRequest(name=name))).app
        for settings in channels:
            await self.world.channels.UpdateChannel(channel_pb2.UpdateChannelRequest(app_id=app.id, channel=settings))
        self.ids[name] = app.id


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def apps(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Apps]:
    """Provide the world with its apps."""
    async with open_world(tmp_path_factory.mktemp("golden")) as world:
        made = Apps(world)
        info = world.sandbox.info
        files = info.files
        key = channel_pb2.ApnsSigningKey(
            private_key=files.apns_key.read_text(), key_id=info.key_id, team_id=info.team_id
        )
        certificate = channel_pb2.ApnsCertificate(
            pem=channel_pb2.PemCertificate(
                certificate=files.apns_certificate.read_text(), private_key=files.apns_certificate_key.read_text()
            )
        )
        website = channel_pb2.ApnsCertificate(
            pem=channel_pb2.PemCertificate(
                certificate=files.apns_website_certificate.read_text(),
                private_key=files.apns_website_certificate_key.read_text(),
            )
        )
        account = channel_pb2.FcmServiceAccount(json=files.service_account.read_text())
        client = channel_pb2.AdmClient(**json.loads(files.adm_client.read_text()))
        pair = channel_pb2.BaiduKeyPair(**json.loads(files.baidu_keys.read_text()))
        await made.make(
            "plain",
            *(
                ChannelSettings(
                    type=channel_type,
                    apns=ApnsSettings(bundle_id=info.bundle_id, signing_key=key, certificate=certificate),
                )
                for channel_type in (
                    channel_pb2.CHANNEL_TYPE_APNS,
                    channel_pb2.CHANNEL_TYPE_APNS_SANDBOX,
                    channel_pb2.CHANNEL_TYPE_APNS_VOIP,
                    channel_pb2.CHANNEL_TYPE_APNS_VOIP_SANDBOX,
                )
            ),
            ChannelSettings(type=channel_pb2.CHANNEL_TYPE_FCM, fcm=FcmSettings(service_account=account)),
            ChannelSettings(type=channel_pb2.CHANNEL_TYPE_ADM, adm=AdmSettings(client=client)),
            ChannelSettings(type=channel_pb2.CHANNEL_TYPE_BAIDU, baidu=BaiduSettings(key_pair=pair)),
        )
        await made.make(
            "website",
            ChannelSettings(type=channel_pb2.CHANNEL_TYPE_APNS, apns=ApnsSettings(certificate=website)),
        )
        presentation = channel_pb2.FCM_PRESENTATION_PINPOINT_SDK
        await made.make(
            "sdk",
            ChannelSettings(
                type=channel_pb2.CHANNEL_TYPE_FCM,
                fcm=FcmSettings(service_account=account, presentation=presentation),
            ),
        )
        legacy_key = channel_pb2.FcmLegacyKey(server_key=files.fcm_legacy_key.read_text())
        await made.make(
            "legacy",
            ChannelSettings(type=channel_pb2.CHANNEL_TYPE_FCM, fcm=FcmSettings(legacy_key=legacy_key)),
        )
        await made.make(
            "both",
            ChannelSettings(
                type=channel_pb2.CHANNEL_TYPE_FCM,
                fcm=FcmSettings(legacy_key=legacy_key, service_account=account),
            ),
        )
        yield made
