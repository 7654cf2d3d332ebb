"""Metrics as a scraper sees them: over HTTP, parsed by Prometheus' own parser, while a real server sends."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from structlog.testing import capture_logs

from clarion.v1 import app_pb2, channel_pb2
from clarion.v1.messaging_pb2 import SendMessagesRequest, SendStart, Target
from clarion_server.app import running
from clarion_server.sandbox import apns_address, fcm_address
from clarion_server.settings import SettingsError, load
from clarion_server.starting import PortUnavailable
from tests.support.world import World, open_world

APNS = channel_pb2.CHANNEL_TYPE_APNS
FCM = channel_pb2.CHANNEL_TYPE_FCM
logging.getLogger("httpx").setLevel(logging.WARNING)

Samples = dict[str, dict[tuple[tuple[str, str], ...], float]]


@pytest.fixture
async def world(tmp_path: Path, sandbox_keys: Path) -> AsyncIterator[World]:
    """Provide a server that serves metrics."""
    async with open_world(tmp_path, keys=sandbox_keys, metrics_listen="127.0.0.1:0") as opened:
        yield opened


async def scrape(world: World) -> tuple[Samples, str]:
    """Return all samples by name and labels, and the text that they were in."""
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"http://{world.server.metrics_address}/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    samples: Samples = {}
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            samples.setdefault(sample.name, {})[tuple(sorted(sample.labels.items()))] = sample.value
    return samples, answer.text


def labels(**given: str) -> tuple[tuple[str, str], ...]:
    """Return labels as a key of samples."""
    return tuple(sorted(given.items()))


async def test_what_a_send_leaves_behind(world: World) -> None:
    """Results, attempts, latency, connections and calls are counted exactly, and no address is among the labels."""
    targets = [
        *(Target(address=apns_address("ok", number), channel_type=APNS) for number in range(20)),
        *(Target(address=fcm_address("unregistered", number), channel_type=FCM) for number in range(7)),
        Target(address="not hex", channel_type=APNS),
        Target(address="x", channel_type=4711),  # type: ignore[arg-type]
    ]
    start = SendStart(app_id=world.app_id, message={"default_message": {"body": "hello"}})
    await world.send(start, targets)
    with pytest.raises(grpc.aio.AioRpcError):
        await world.apps.GetApp(app_pb2.GetAppRequest(app_id="0" * 32))
    samples, text = await scrape(world)
    results = samples["clarion_results_total"]
    apns = {"provider": "apns", "channel_type": "APNS"}
    fcm = {"provider": "fcm", "channel_type": "FCM"}
    assert results[labels(**apns, status="SUCCESSFUL", reason="")] == 20
    assert results[labels(**fcm, status="PERMANENT_FAILURE", reason="ADDRESS_UNREGISTERED")] == 7
    assert results[labels(**apns, status="PERMANENT_FAILURE", reason="ADDRESS_MALFORMED")] == 1
    unknown = {"provider": "none", "channel_type": "UNSPECIFIED"}
    assert results[labels(**unknown, status="PERMANENT_FAILURE", reason="CHANNEL_TYPE_REQUIRED")] == 1
    assert sum(results.values()) == len(targets)
    assert samples["clarion_attempts_total"] == {labels(**apns): 20, labels(**fcm): 7}
    assert samples["clarion_answer_seconds_count"][labels(**apns)] == 20
    assert samples["clarion_answer_seconds_bucket"][labels(**apns, le="+Inf")] == 20
    assert 0 < samples["clarion_answer_seconds_sum"][labels(**fcm)] < 60
    assert set(samples["clarion_pool_connections"].values()) == {1}
    assert len(samples["clarion_pool_opened_total"]) == 2
    calls = samples["clarion_calls_total"]
    assert calls[labels(method="MessagingService/SendMessages", code="OK")] == 1
    assert calls[labels(method="ChannelService/UpdateChannel", code="OK")] == 3
    assert calls[labels(method="AppService/GetApp", code="NOT_FOUND")] == 1
    assert set(samples["clarion_calls_running"].values()) == {0}
    assert samples["clarion_breaker_state"][labels(app_id=world.app_id, channel_type="FCM")] == 0
    assert samples["clarion_breakers"][labels(channel_type="APNS", state="closed")] == 1
    for target in targets[:-1]:
        assert target.address not in text


async def test_while_a_call_runs(world: World) -> None:
    """Targets without an answer, and the call that waits for them, are seen while it runs; a cancelled call is told."""
    targets = [Target(address=fcm_address("silent", number), channel_type=FCM) for number in range(5)]
    start = SendStart(app_id=world.app_id, message={"default_message": {"body": "hello"}})
    call = world.messaging.SendMessages(SendMessagesRequest(start=start, targets=targets))
    reading = asyncio.ensure_future(anext(aiter(call)))
    await reading
    async with asyncio.timeout(20):
        while world.sandbox.stats.fcm.requests < 5:  # noqa: ASYNC110 - the sandbox has no event
            await asyncio.sleep(0.01)
    samples, _ = await scrape(world)
    assert samples["clarion_targets_in_flight"] == {labels(provider="fcm", channel_type="FCM"): 5}
    assert sum(samples["clarion_pool_in_flight"].values()) == 5
    method = "MessagingService/SendMessages"
    assert samples["clarion_calls_running"][labels(method=method)] == 1
    call.cancel()
    async with asyncio.timeout(20):
        while samples["clarion_calls_running"][labels(method=method)]:
            samples, _ = await scrape(world)
    assert samples["clarion_calls_total"][labels(method=method, code="CANCELLED")] == 1


async def test_certificate_that_expires(world: World) -> None:
    """The day on which the channel's certificate ends is a metric; the signing key, which does not end, has none."""
    request = channel_pb2.GetChannelRequest(app_id=world.app_id, type=channel_pb2.CHANNEL_TYPE_APNS_SANDBOX)
    (credential,) = (await world.channels.GetChannel(request)).channel.credentials
    expires = credential.expire_time.ToDatetime(dt.UTC).timestamp()
    await world.server.expiry.look()
    samples, _ = await scrape(world)
    key = labels(app_id=world.app_id, channel_type="APNS_SANDBOX", credential="APNS_CERTIFICATE")
    assert samples["clarion_credential_expiry_timestamp_seconds"] == {key: pytest.approx(expires, abs=1)}


async def test_other_requests(world: World) -> None:
    """Only GET and HEAD of /metrics are served; rubbish and silence cost nothing but their own connection."""
    base = f"http://{world.server.metrics_address}"
    async with httpx.AsyncClient() as client:
        assert (await client.get(f"{base}/")).status_code == 404
        assert (await client.post(f"{base}/metrics")).status_code == 405
        head = await client.head(f"{base}/metrics")
        assert (head.status_code, head.content) == (200, b"")
    host, _, port = world.server.metrics_address.rpartition(":")
    for text in (b"\x00\xff\r\n\r\n", b"x" * 100_000, b"GET"):
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(text)
        writer.write_eof()
        await asyncio.gather(reader.read(), return_exceptions=True)
        writer.close()
    await scrape(world)


async def test_port_in_use(tmp_path: Path) -> None:
    """A port that is taken stops the start, and the text names the setting."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        settings = load({}, listen="127.0.0.1:0", data_dir=tmp_path, metrics_listen=address)
        with pytest.raises(PortUnavailable, match="metrics_listen"):
            async with running(settings):
                pass


def test_metrics_stay_on_this_machine() -> None:
    """Metrics are not served to other machines unless that is asked for."""
    with pytest.raises(SettingsError, match="metrics_listen"):
        load({"CLARION_METRICS_LISTEN": "0.0.0.0:9090"})
    allowed = {"allow_plaintext_to_other_machines": True, "allow_anonymous_from_other_machines": True}
    load({"CLARION_METRICS_LISTEN": "0.0.0.0:9090"}, **allowed)
    for name in allowed:
        with pytest.raises(SettingsError, match="metrics_listen"):
            load({"CLARION_METRICS_LISTEN": "0.0.0.0:9090"}, **{**allowed, name: False})


async def test_provider_that_is_down_is_seen(tmp_path: Path, sandbox_keys: Path) -> None:
    """An operator sees which provider is ill: its breaker in the metrics, and a line in the log; the other is well."""
    async with open_world(tmp_path, keys=sandbox_keys, metrics_listen="127.0.0.1:0") as world:
        start = SendStart(app_id=world.app_id, message={"default_message": {"body": "hello"}})
        start.options.send_timeout.FromSeconds(4)
        fcm = [Target(address=fcm_address("unavailable", number), channel_type=FCM) for number in range(40)]
        apns = [Target(address=apns_address("ok", number), channel_type=APNS) for number in range(40)]
        with capture_logs() as logs:
            async with asyncio.timeout(60):
                while not any("provider is failing" in entry["event"] for entry in logs):
                    await world.send(start, [*fcm, *apns])
                    await asyncio.sleep(0.3)
        (entry,) = [entry for entry in logs if "provider is failing" in entry["event"]][:1]
        assert (entry["app_id"], entry["channel_type"]) == (world.app_id, "CHANNEL_TYPE_FCM")
        samples, _ = await scrape(world)
        states = samples["clarion_breaker_state"]
        assert states[labels(app_id=world.app_id, channel_type="FCM")] > 0
        assert states[labels(app_id=world.app_id, channel_type="APNS")] == 0
