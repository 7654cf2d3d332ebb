"""ADM and Baidu, from the call to the sandbox's devices and back, over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote

import pytest
import pytest_asyncio
from google.protobuf import json_format

from clarion.v1 import channel_pb2, error_pb2, message_pb2, messaging_pb2
from clarion.v1.message_pb2 import Message
from clarion.v1.messaging_pb2 import PreviewMessageRequest, Result, SendOptions, SendStart, Target
from clarion_server.sandbox import (
    ADM_DEVICES,
    BAIDU_DEVICES,
    Fault,
    FaultKind,
    RecordedRequest,
    adm_address,
    baidu_address,
)
from tests.support.world import World, add_adm_and_baidu, open_world

ADM, BAIDU = channel_pb2.CHANNEL_TYPE_ADM, channel_pb2.CHANNEL_TYPE_BAIDU
_HELLO = Message(default_message=message_pb2.DefaultMessage(body="Hello"))

# What becomes of each simulated device: delivery status, reason, token dead, retry_after.
_FATES: Mapping[str, tuple[str, str, bool, int]] = {
    "ok": ("SUCCESSFUL", "UNSPECIFIED", False, 0),
    "slow": ("SUCCESSFUL", "UNSPECIFIED", False, 0),
    "slow-500ms": ("SUCCESSFUL", "UNSPECIFIED", False, 0),
    "replaced": ("SUCCESSFUL", "UNSPECIFIED", False, 0),
    "unregistered": ("PERMANENT_FAILURE", "ADDRESS_UNREGISTERED", True, 0),
    "bad-gateway": ("TEMPORARY_FAILURE", "PROVIDER_UNAVAILABLE", False, 0),
    "internal": ("TEMPORARY_FAILURE", "PROVIDER_UNAVAILABLE", False, 0),
    "silent": ("UNKNOWN_FAILURE", "ANSWER_TIMEOUT", False, 0),
}
_ADM_FATES = {
    **_FATES,
    "malformed": ("PERMANENT_FAILURE", "ADDRESS_INVALID", True, 0),
    "throttled": ("THROTTLED", "PROVIDER_THROTTLED", False, 60),
    "unavailable": ("TEMPORARY_FAILURE", "PROVIDER_UNAVAILABLE", False, 10),
}
_BAIDU_FATES = {
    **_FATES,
    "malformed": ("PERMANENT_FAILURE", "MESSAGE_REJECTED", False, 0),
    "unknown": ("PERMANENT_FAILURE", "ADDRESS_INVALID", False, 0),
    "timed-out": ("PERMANENT_FAILURE", "ADDRESS_INVALID", False, 0),
    "blocked": ("PERMANENT_FAILURE", "MESSAGE_REJECTED", False, 0),
    "unavailable": ("TEMPORARY_FAILURE", "PROVIDER_UNAVAILABLE", False, 0),
    "quota": ("THROTTLED", "PROVIDER_THROTTLED", False, 0),
    "throttled": ("THROTTLED", "PROVIDER_THROTTLED", False, 0),
}


@pytest_asyncio.fixture
async def world(tmp_path: Path, sandbox_keys: Path) -> AsyncIterator[World]:
    """A sandbox, and a server with channels to ADM and Baidu."""
    async with open_world(tmp_path, keys=sandbox_keys) as made:
        await add_adm_and_baidu(made)
        yield made


def start(world: World, message: Message, *, seconds: int = 60, **fields: Any) -> SendStart:
    """Return the start of a call."""
    options = SendOptions()
    options.send_timeout.FromSeconds(seconds)
    return SendStart(app_id=world.app_id, message=message, options=options, **fields)


def fate(result: Result) -> tuple[str, str, bool, int]:
    """Return what became of a target, in short."""
    return (
        messaging_pb2.DeliveryStatus.Name(result.delivery_status).removeprefix("DELIVERY_STATUS_"),
        error_pb2.ErrorReason.Name(result.reason).removeprefix("ERROR_REASON_"),
        result.token_dead,
        result.retry_after.seconds,
    )


async def test_every_device_of_adm(world: World) -> None:
    """Each simulated device of ADM has the result that its table promises, over HTTP/1.1 and with one access token."""
    names = [behaviour.name for behaviour in ADM_DEVICES]
    targets = [Target(channel_type=ADM, address=adm_address(name, 1)) for name in names]
    results, _ = await world.send(start(world, _HELLO, seconds=4), targets)
    assert {name: fate(result) for name, result in zip(names, results, strict=True)} == {
        name: _ADM_FATES[name] for name in names
    }
    by_name = dict(zip(names, results, strict=True))
    assert by_name["replaced"].updated_token == adm_address("ok", 1)
    assert not by_name["ok"].updated_token
    assert by_name["unregistered"].provider_reason == "Unregistered"
    assert by_name["unregistered"].status_code == 400
    assert len({by_name[name].message_id for name in ("ok", "slow", "replaced")}) == 3
    assert world.sandbox.stats.adm.outcomes["token issued"] == 1
    assert world.sandbox.stats.adm.delivered[adm_address("ok", 1)] == 1


async def test_every_device_of_baidu(world: World) -> None:
    """Each simulated device of Baidu has the result that its table promises, over HTTP/2."""
    names = [behaviour.name for behaviour in BAIDU_DEVICES]
    targets = [Target(channel_type=BAIDU, address=baidu_address(name, 1)) for name in names]
    results, _ = await world.send(start(world, _HELLO, seconds=4), targets)
    assert {name: fate(result) for name, result in zip(names, results, strict=True)} == {
        name: _BAIDU_FATES[name] for name in names
    }
    by_name = dict(zip(names, results, strict=True))
    assert by_name["unregistered"].provider_reason == "30608"
    assert by_name["ok"].message_id.isdigit()
    assert world.sandbox.stats.baidu.connections <= 4


async def test_many_at_once(world: World) -> None:
    """A thousand targets over HTTP/1.1 and as many over HTTP/2 arrive exactly once each."""
    targets = [Target(channel_type=ADM, address=adm_address("ok", number)) for number in range(1000)]
    targets += [Target(channel_type=BAIDU, address=baidu_address("ok", number)) for number in range(1000)]
    results, summary = await world.send(start(world, _HELLO), targets)
    assert {result.delivery_status for result in results} == {messaging_pb2.DELIVERY_STATUS_SUCCESSFUL}
    assert summary.total == 2000
    for stats in (world.sandbox.stats.adm, world.sandbox.stats.baidu):
        assert (len(stats.delivered), set(stats.delivered.values())) == (1000, {1})
    assert world.sandbox.stats.adm.connections <= 64 + 4  # and those to the token endpoint


async def on_the_wire(world: World, message: dict[str, Any], target: Target, **fields: Any) -> RecordedRequest:
    """Send to one target, check that it arrived as PreviewMessage shows it, and return what the sandbox got."""
    begin = start(world, json_format.ParseDict(message, Message()), **fields)
    (preview,) = (await world.messaging.PreviewMessage(PreviewMessageRequest(start=begin, targets=[target]))).previews
    assert not preview.HasField("failure"), preview.failure
    ((result,), _) = await world.send(begin, [target])
    assert result.delivery_status == messaging_pb2.DELIVERY_STATUS_SUCCESSFUL, result
    sent = world.sandbox.requests[-1]
    assert (preview.request.method, preview.request.url.partition("://")[2].partition("/")[2]) == (
        sent.method,
        sent.path[1:],
    )
    shown = {header.name: header.value for header in preview.request.headers}
    assert shown.pop("authorization", "***") == "***"
    assert shown.items() <= sent.headers.items()
    if target.channel_type == ADM:
        assert preview.request.body.encode() == sent.body
    else:
        masked = {key: "***" if key == "sign" else value for key, value in form(sent.body.decode()).items()}
        assert form(preview.request.body) | {"timestamp": ""} == masked | {"timestamp": ""}
    return sent


def form(body: str) -> dict[str, str]:
    """Return the parameters of a form, each once."""
    parsed = parse_qs(body, strict_parsing=True)
    assert all(len(values) == 1 for values in parsed.values())
    return {key: values[0] for key, values in parsed.items()}


async def test_addresses_are_quoted(world: World) -> None:
    """A registration id with characters of URLs reaches ADM as it is; one that cannot be one is refused here."""
    address = "amzn1.adm-registration.v2/a%2F?b=c#d&e"
    sent = await on_the_wire(world, {"adm": {"body": "B"}}, Target(channel_type=ADM, address=address))
    assert unquote(sent.path.split("/")[3]) == address
    assert world.sandbox.stats.adm.delivered == {address: 1}
    bad = [
        Target(channel_type=ADM, address="two words"),
        Target(channel_type=ADM, address=".."),
        Target(channel_type=BAIDU, address="user:"),
        Target(channel_type=BAIDU, address="频道"),
    ]
    results, _ = await world.send(start(world, _HELLO), bad)
    assert {result.reason for result in results} == {error_pb2.ERROR_REASON_ADDRESS_MALFORMED}


async def test_too_large(world: World) -> None:
    """What the provider would find too large is not sent; the limits are 6,144 and 4,096 bytes."""
    targets = [
        Target(channel_type=ADM, address=adm_address("ok", 1)),
        Target(channel_type=BAIDU, address=baidu_address("ok", 1)),
    ]
    message = Message(default_message=message_pb2.DefaultMessage(body="ä" * 3500))
    results, _ = await world.send(start(world, message), targets)
    assert {result.reason for result in results} == {error_pb2.ERROR_REASON_PAYLOAD_TOO_LARGE}
    previews = await world.messaging.PreviewMessage(PreviewMessageRequest(start=start(world, message), targets=targets))
    assert [preview.payload_limit for preview in previews.previews] == [6144, 4096]
    assert world.sandbox.stats.adm.requests + world.sandbox.stats.baidu.requests <= 1  # a token at most


async def test_broken_credentials(world: World) -> None:
    """A wrong secret is told with its remedy, and stops the call's other targets on that channel at once."""
    for settings in (
        channel_pb2.ChannelSettings(
            type=ADM,
            adm=channel_pb2.AdmSettings(client=channel_pb2.AdmClient(client_id="a", client_secret="wrong-secret")),
        ),
        channel_pb2.ChannelSettings(
            type=BAIDU,
            baidu=channel_pb2.BaiduSettings(key_pair=channel_pb2.BaiduKeyPair(api_key="a", secret_key="wrong-secret")),
        ),
    ):
        await world.channels.UpdateChannel(channel_pb2.UpdateChannelRequest(app_id=world.app_id, channel=settings))
    targets = [Target(channel_type=ADM, address=adm_address("ok", number)) for number in range(200)]
    targets += [Target(channel_type=BAIDU, address=baidu_address("ok", number)) for number in range(200)]
    results, _ = await world.send(start(world, _HELLO), targets)
    assert {result.reason for result in results} <= {
        error_pb2.ERROR_REASON_CREDENTIAL_REJECTED,
        error_pb2.ERROR_REASON_NOT_TRIED_CREDENTIAL,
    }
    assert {result.provider_reason for result in results} - {""} == {"invalid_client", "30603"}
    assert "wrong-secret" not in str(results)
    assert not any(result.token_dead for result in results)


async def test_revoked_access_token(world: World) -> None:
    """When ADM calls the access token expired, a new one is fetched and the targets are repeated once."""
    target = Target(channel_type=ADM, address=adm_address("ok", 1))
    await world.send(start(world, _HELLO), [target])
    world.sandbox.revoke_access_tokens()
    # A token this young is not the one meant: it is not fetched anew at once.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("clarion_server.providers.access_tokens._YOUNG", 0.0)
        ((result,), _) = await world.send(start(world, _HELLO), [target])
    assert result.delivery_status == messaging_pb2.DELIVERY_STATUS_SUCCESSFUL
    assert world.sandbox.stats.adm.outcomes == {"token issued": 2, "accepted": 2, "AccessTokenExpired": 1}


async def test_wrong_clock(world: World) -> None:
    """When Baidu calls the timestamp too old twice, the result names the clock."""
    world.sandbox.clock.advance(3600)
    target = Target(channel_type=BAIDU, address=baidu_address("ok", 1))
    ((result,), _) = await world.send(start(world, _HELLO), [target])
    assert result.reason == error_pb2.ERROR_REASON_CREDENTIAL_REJECTED
    assert result.provider_reason == "30606"
    assert "clock" in result.status_message
    assert world.sandbox.stats.baidu.outcomes == {"30606": 2}


@pytest.mark.parametrize("kind", [FaultKind.CONNECTION_RESET, FaultKind.SILENCE, FaultKind.CUT_BODY])
async def test_faults_over_http_1(world: World, kind: FaultKind) -> None:
    """Among faults of the HTTP/1.1 connection every target has one result, and none is delivered twice."""
    world.sandbox.faults.add("adm", Fault(kind=kind, count=5, path="/messaging/"))
    targets = [Target(channel_type=ADM, address=adm_address("ok", number)) for number in range(100)]
    async with asyncio.timeout(60):
        results, _ = await world.send(start(world, _HELLO, seconds=3), targets)
    assert len(results) == 100
    unknown = {
        result.address for result in results if result.delivery_status == messaging_pb2.DELIVERY_STATUS_UNKNOWN_FAILURE
    }
    delivered = world.sandbox.stats.adm.delivered
    assert max(delivered.values()) == 1
    sure = {result.address for result in results if result.delivery_status == messaging_pb2.DELIVERY_STATUS_SUCCESSFUL}
    assert sure <= delivered.keys() <= sure | unknown
