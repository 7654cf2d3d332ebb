"""How many streams the emulated APNs allows, read from its SETTINGS frames."""

from __future__ import annotations

import json

import h2.errors
import h2.events

from clarion_server.sandbox import Sandbox
from tests.integration.sandbox.clients import ALERT, PHONE, FrameClient, provider_token, tls

BODY = json.dumps(ALERT).encode()
PATH = f"/3/device/{PHONE}"


def good_headers(sandbox: Sandbox) -> list[tuple[str, str]]:
    """Return the headers of a good request."""
    return [("authorization", f"bearer {provider_token(sandbox.info)}"), ("apns-topic", sandbox.info.bundle_id)]


async def test_one_stream_until_a_token_is_trusted(sandbox: Sandbox) -> None:
    """A connection begins with one stream, keeps it after a bad token, and gets 1000 after a good one."""
    client = await FrameClient.connect(sandbox.info.apns_endpoint, tls(sandbox.info))
    await client.until(h2.events.RemoteSettingsChanged)
    assert client.max_concurrent_streams == 1
    client.request(PATH, [("authorization", "bearer x.y.z"), ("apns-topic", sandbox.info.bundle_id)], BODY)
    await client.until(h2.events.StreamEnded, 1)
    assert client.max_concurrent_streams == 1
    client.request(PATH, good_headers(sandbox), BODY)
    await client.until(h2.events.StreamEnded, 2)
    assert client.max_concurrent_streams == 1000
    headers = good_headers(sandbox)
    for _ in range(250):
        client.request(PATH, headers, BODY)
    await client.until(h2.events.StreamEnded, 252)
    assert sandbox.stats.apns.outcomes == {"InvalidProviderToken": 1, "accepted": 251}
    await client.close()


async def test_streams_beyond_the_limit_are_refused(sandbox: Sandbox) -> None:
    """A client that does not wait for SETTINGS has all but its first stream refused, unprocessed."""
    client = await FrameClient.connect(sandbox.info.apns_endpoint, tls(sandbox.info))
    for _ in range(3):
        client.request(PATH, good_headers(sandbox), BODY)
    resets = await client.until(h2.events.StreamReset, 2)
    await client.until(h2.events.StreamEnded, 1)
    assert {event.error_code for event in resets} == {h2.errors.ErrorCodes.REFUSED_STREAM}
    assert sandbox.stats.apns.requests == 1
    await client.close()


async def test_certificate_connections_begin_with_all_streams(sandbox: Sandbox) -> None:
    """A client certificate is trusted from the start."""
    files = sandbox.info.files
    context = tls(sandbox.info, files.apns_certificate, files.apns_certificate_key)
    client = await FrameClient.connect(sandbox.info.apns_endpoint, context)
    await client.until(h2.events.RemoteSettingsChanged)
    assert client.max_concurrent_streams == 1000
    await client.close()


async def test_fcm_allows_a_hundred_streams(sandbox: Sandbox) -> None:
    """FCM's limit is about a hundred."""
    client = await FrameClient.connect(sandbox.info.fcm_endpoint, tls(sandbox.info))
    await client.until(h2.events.RemoteSettingsChanged)
    assert client.max_concurrent_streams == 100
    await client.close()
