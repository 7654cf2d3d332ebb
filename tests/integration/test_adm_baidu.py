"""ADM and Baidu, from the call to the sandbox's devices and back, over real sockets."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote

import pytest
import pytest_asyncio
from google.protobuf import json_format

from clarion.v1 import channel_pb2, error_pb2, message_pb2, messaging_pb2
from clarion.v1.message_pb2 import Message
from clarion.v1.messaging_pb2 import Overrides, PreviewMessageRequest, Result, SendOptions, SendStart, Target
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
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A sandbox, and a server with channels to ADM and Baidu."""
    async with open_world(tmp_path) as made:
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


_FULL: dict[str, Any] = {
    "action": "ACTION_DEEP_LINK",
    "body": "Your table, {{name}}",
    "data": {"seat": "7", "area": "{{area}}"},
    "iconReference": "ic_table",
    "imageIconUrl": "https://img.example.com/large.png",
    "imageUrl": "https://img.example.com/hero.png",
    "silentPush": False,
    "smallImageIconUrl": "https://img.example.com/small.png",
    "sound": "chime",
    "substitutions": {"name": {"values": ["Zoë"]}, "area": {"values": ["garden"]}},
    "title": "Grüße ~*",
    "url": "tables://7",
}
_KEYS = {
    "pinpoint.campaign.campaign_id": "_DIRECT",
    "pinpoint.notification.title": "Grüße ~*",
    "pinpoint.notification.body": "Your table, Zoë",
    "pinpoint.notification.silentPush": "0",
    "pinpoint.notification.sound": "chime",
    "pinpoint.notification.icon": "ic_table",
    "pinpoint.notification.imageUrl": "https://img.example.com/hero.png",
    "pinpoint.notification.imageIconUrl": "https://img.example.com/large.png",
    "pinpoint.notification.imageSmallIconUrl": "https://img.example.com/small.png",
    "pinpoint.deeplink": "tables://7",
    "pinpoint.jsonBody": '{"area":"garden","seat":"7"}',
    "pinpoint": '{"campaign":"spring","trace_id":"trace-1"}',
}


def _checksum(data: Mapping[str, str]) -> str:
    text = ",".join(f"{key}:{value}" for key, value in sorted(data.items()))
    return base64.b64encode(hashlib.md5(text.encode(), usedforsecurity=False).digest()).decode()


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


def test_the_golden_messages_are_complete() -> None:
    """Together they set every field of AdmMessage and BaiduMessage but raw_content."""
    adm = {name for name in message_pb2.AdmMessage.DESCRIPTOR.fields_by_name if name != "raw_content"}
    baidu = {name for name in message_pb2.BaiduMessage.DESCRIPTOR.fields_by_name if name != "raw_content"}
    full = json_format.ParseDict(_FULL, message_pb2.AdmMessage())
    common = {descriptor.name for descriptor, _ in full.ListFields()}
    assert adm - common == {"consolidation_key", "expires_after", "md5"}
    assert baidu - common == {"time_to_live"}


async def test_every_field_of_adm(world: World) -> None:
    """Every field of AdmMessage, context and trace id are where docs/providers.md says, previewed and on the wire."""
    message = {**_FULL, "consolidationKey": "table", "expiresAfter": "90.5s", "md5": "of data with variables"}
    target = Target(channel_type=ADM, address=adm_address("ok", 1))
    sent = await on_the_wire(world, {"adm": message}, target, context={"campaign": "spring"}, trace_id="trace-1")
    assert sent.path == f"/messaging/registrations/{adm_address('ok', 1)}/messages"
    assert sent.headers["content-type"] == sent.headers["accept"] == "application/json"
    assert sent.headers["x-amzn-type-version"] == "com.amazon.device.messaging.ADMMessage@1.0"
    assert sent.headers["x-amzn-accept-type"] == "com.amazon.device.messaging.ADMSendResult@1.0"
    assert sent.headers["authorization"].startswith("Bearer Atc|sandbox-")
    assert json.loads(sent.body) == {
        "data": _KEYS,
        "consolidationKey": "table",
        "expiresAfter": 90,
        "md5": _checksum(_KEYS),
    }


async def test_every_field_of_baidu(world: World) -> None:
    """Every field of BaiduMessage, context and trace id are where docs/providers.md says, previewed and on the wire."""
    target = Target(channel_type=BAIDU, address=f"user-1:{baidu_address('ok', 1)}")
    message = {**_FULL, "timeToLive": "90.5s"}
    sent = await on_the_wire(world, {"baidu": message}, target, context={"campaign": "spring"}, trace_id="trace-1")
    assert sent.path == "/rest/3.0/push/single_device"
    assert sent.headers["content-type"] == "application/x-www-form-urlencoded;charset=utf-8"
    assert sent.headers["user-agent"] == "BCCS_SDK/3.0 (Linux) Python/3 (Clarion)"
    parameters = form(sent.body.decode())
    assert json.loads(parameters.pop("msg")) == _KEYS
    assert parameters.pop("sign")
    assert parameters.pop("timestamp")
    assert parameters == {
        "apikey": json.loads(world.sandbox.info.files.baidu_keys.read_text())["api_key"],
        "channel_id": baidu_address("ok", 1),
        "device_type": "3",
        "msg_expires": "90",
        "msg_type": "0",
    }


async def test_default_push_message_and_overrides(world: World) -> None:
    """Weaker messages fill what the provider's leaves open; a target's overrides win."""
    message = {
        "defaultPushMessage": {"title": "Weak", "body": "Weak", "action": "ACTION_URL", "url": "https://a.example"},
        "adm": {"title": "Strong {{name}}"},
        "baidu": {"title": "Strong {{name}}"},
    }
    overrides = Overrides(body="Own")
    overrides.substitutions["name"].values.append("Zoë")
    for target in (
        Target(channel_type=ADM, address=adm_address("ok", 2), overrides=overrides),
        Target(channel_type=BAIDU, address=baidu_address("ok", 2), overrides=overrides),
    ):
        sent = await on_the_wire(world, message, target)
        body = sent.body.decode()
        data = json.loads(body)["data"] if target.channel_type == ADM else json.loads(form(body)["msg"])
        assert data == {
            "pinpoint.campaign.campaign_id": "_DIRECT",
            "pinpoint.notification.title": "Strong Zoë",
            "pinpoint.notification.body": "Own",
            "pinpoint.notification.silentPush": "0",
            "pinpoint.url": "https://a.example",
        }


async def test_raw_content(world: World) -> None:
    """Raw content is the keys of the payload, or the provider's own form; a target's replaces the message's."""
    target = Target(channel_type=ADM, address=adm_address("ok", 3))
    flat = {"adm": {"rawContent": '{"a": 1, "b": true, "c": "{{x}}"}', "substitutions": {"x": {"values": ["y"]}}}}
    sent = await on_the_wire(world, flat, target)
    data = {"a": "1", "b": "true", "c": "y"}
    assert json.loads(sent.body) == {"data": data, "md5": _checksum(data)}
    notification = {"title": "T", "body": "B", "color": "#ff0000"}
    own = json.dumps({"notification": notification, "priority": "high", "expiresAfter": "60"})
    target.overrides.raw_content = own
    sent = await on_the_wire(world, {"adm": {"consolidationKey": "k", "expiresAfter": "300s", "body": "B"}}, target)
    assert json.loads(sent.body) == {
        "data": {},
        "notification": notification,
        "consolidationKey": "k",
        "expiresAfter": 60,
        "priority": "high",
    }

    target = Target(channel_type=BAIDU, address=baidu_address("ok", 3))
    sent = await on_the_wire(world, {"baidu": {"rawContent": '{"a": 1, "ä": "~*"}'}}, target)
    assert json.loads(form(sent.body.decode())["msg"]) == {"a": 1, "ä": "~*"}
    shown = {"title": "T", "description": "D", "open_type": 1, "url": "https://a.example", "custom_content": {"k": "v"}}
    target.overrides.raw_content = json.dumps({"msg_type": 1, "msg": shown, "msg_expires": 0, "topic_id": "news"})
    sent = await on_the_wire(world, {"baidu": {"body": "B", "timeToLive": "300s"}}, target)
    parameters = form(sent.body.decode())
    assert json.loads(parameters["msg"]) == shown
    assert [parameters[key] for key in ("msg_type", "msg_expires", "topic_id")] == ["1", "0", "news"]


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
