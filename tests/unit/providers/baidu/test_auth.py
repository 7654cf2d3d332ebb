"""Baidu's signature and the form that carries it."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from urllib.parse import parse_qsl, quote_plus

import pytest

from clarion.v1 import channel_pb2
from clarion.v1.channel_pb2 import BaiduKeyPair, BaiduSettings
from clarion.v1.message_pb2 import BaiduMessage
from clarion_server.model import Channel
from clarion_server.providers.baidu.auth import encode, signature, signed_form
from clarion_server.providers.baidu.provider import BaiduProvider
from clarion_server.providers.baidu.sender import BaiduSender
from clarion_server.providers.baidu.settings import BaiduSettings as OperatorSettings
from clarion_server.providers.contract import Content, HttpRequest, Payload
from clarion_server.transport import Transport

NOW = 1_700_000_000.9


def test_the_reference_vector() -> None:
    """Method, URL, sorted parameters and secret give the signature that the rule gives when applied by hand."""
    parameters = {
        "apikey": "Ljc710pzAa99GULCo8y48NvB",
        "channel_id": "4099091116498016469",
        "device_type": "3",
        "msg": '{"title":"a b*~","description":"x"}',
        "msg_type": "1",
        "timestamp": "1700000000",
    }
    form = "&".join(f"{key}={encode(value)}" for key, value in parameters.items())
    start = encode("POSThttp://api.tuisong.baidu.com/rest/3.0/push/single_device")
    assert signature(start, signed_form(form), encode("SECRET")) == "ef00ee6564f242ed7a489ac1f8a0b289"


@pytest.mark.parametrize(
    ("text", "encoded"), [("a b", "a+b"), ("*~-_.", "%2A%7E-_."), (":/ä&=", "%3A%2F%C3%A4%26%3D"), ("+%", "%2B%25")]
)
def test_encoding(text: str, encoded: str) -> None:
    """A space is a plus, hexadecimal digits are capitals, and only letters, digits and -_. stay."""
    assert encode(text) == encoded


async def _request(message: BaiduMessage, raw: dict[str, object] | None, address: str) -> HttpRequest:
    transport = Transport()
    provider = BaiduProvider(transport, OperatorSettings(endpoint="https://localhost:8445"), lambda: NOW)
    pair = BaiduKeyPair(api_key="key~1", secret_key="sec ret*")
    credentials, _ = provider.read_credentials(BaiduSettings(key_pair=pair))
    now = datetime.now(UTC)
    channel = Channel("0" * 32, channel_pb2.CHANNEL_TYPE_BAIDU, True, None, credentials, 1, now, now, "anonymous")  # noqa: FBT003
    sender = provider.sender(channel, message)
    assert isinstance(sender, BaiduSender)
    assert provider.sender(channel, message) is sender
    payload = provider.render(channel, Content(message, raw, {}, ""))
    assert isinstance(payload, Payload)
    request = sender.request(payload, address)
    assert isinstance(request, HttpRequest)
    await transport.aclose(0)
    return request


@pytest.mark.parametrize("raw", [None, {"msg_type": 0, "msg": "plain & text", "topic_id": "zzz"}])
async def test_a_request_is_signed_as_a_whole(raw: dict[str, object] | None) -> None:
    """The signature covers all parameters of the form in the order of their keys; the address' last part is sent."""
    request = await _request(BaiduMessage(body="Grüße & = ~*", title="T"), raw, "user:4099")
    pairs = parse_qsl(request.body.decode(), strict_parsing=True)
    parameters = dict(pairs)
    sign = parameters.pop("sign")
    assert request.proof == sign.encode()
    assert len(pairs) == len(parameters) + 1
    assert parameters["channel_id"] == "4099"
    assert parameters["timestamp"] == "1700000000"
    assert parameters["msg_expires"] == "604800"
    joined = "".join(f"{key}={parameters[key]}" for key in sorted(parameters))
    text = f"POSThttps://localhost:8445/rest/3.0/push/single_device{joined}sec ret*"
    expected = quote_plus(text).replace("~", "%7E").encode()
    assert sign == hashlib.md5(expected, usedforsecurity=False).hexdigest()
    assert b"sec+ret" not in request.body
