"""What each field of a message becomes at Baidu: in PreviewMessage, and on the wire."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from clarion.v1 import channel_pb2, message_pb2
from clarion_server.sandbox import baidu_address
from tests.golden.conftest import Apps
from tests.golden.flat_keys import HELLO, SHOWN, cases
from tests.support.golden import Case, Soon, missing_fields, previewed, sent, values_in, values_of

BAIDU = channel_pb2.CHANNEL_TYPE_BAIDU
HEADERS = {
    "content-type": "application/x-www-form-urlencoded;charset=utf-8",
    "user-agent": "BCCS_SDK/3.0 (Linux) Python/3 (Clarion)",
}


def form(msg: Any, **more: str) -> dict[str, Any]:
    """Return the parameters of a message, `msg` as what its JSON says."""
    return {"device_type": "3", "msg_expires": "604800", "msg_type": "0", "msg": msg, **more}


def case(name: str, baidu: Mapping[str, Any], **more: str) -> Case:
    """Return the case of a BaiduMessage with title and body, and the parameters that differ from the usual."""
    return Case(name, {"baidu": {**HELLO, **baidu}}, form(SHOWN, **more))


def raw(name: str, content: Any, body: Mapping[str, Any], **baidu: Any) -> Case:
    """Return the case of raw content and all parameters that it becomes."""
    return Case(name, {"baidu": {"raw_content": json.dumps(content), **baidu}}, dict(body))


_NOTIFICATION = {
    "title": "T",
    "description": "D",
    "notification_builder_id": 0,
    "notification_basic_style": 7,
    "open_type": 1,
    "url": "https://a.example/?q=ä&b=~*",
    "custom_content": {"k": "v", "n": [1, None]},
    "target_channel_id": "ch",
}

CASES = [
    *cases("baidu", form),
    case("time to live", {"time_to_live": "90.9s"}, msg_expires="90"),
    case("time to live 0", {"time_to_live": "0s"}, msg_expires="0"),
    case("time to live of a week", {"time_to_live": "604800s"}, msg_expires="604800"),
    raw(
        "raw content, the whole message",
        {"a": 1, "ä": "~*+ &", "c": "{{x}}"},
        form({"a": 1, "ä": "~*+ &", "c": "y"}, msg_expires="60"),
        substitutions={"x": {"values": ["y"]}},
        time_to_live="60s",
        title="not sent",
    ),
    raw(
        "raw content, a notification of Baidu's own",
        {"msg_type": 1, "msg": _NOTIFICATION, "msg_expires": 0, "topic_id": "news_1"},
        form(_NOTIFICATION, msg_type="1", msg_expires="0", topic_id="news_1"),
        time_to_live="300s",
    ),
    raw("raw content, a text for the app", {"msg_type": 0, "msg": '"just text"'}, form("just text")),
    Case(
        "raw content of the target",
        {"baidu": {**HELLO, "raw_content": '{"weak": "1"}', "time_to_live": "60s"}},
        form({"strong": 2}, msg_expires="60"),
        target={"overrides": {"raw_content": '{"strong": 2}'}},
    ),
]


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_golden(apps: Apps, case: Case) -> None:
    """PreviewMessage and the sandbox see exactly these headers and parameters; the preview masks the signature.

    Baidu's address is the part after the colon. The sandbox itself checks the signature of what is sent.
    """
    channel_id = baidu_address("ok", 7)
    address = f"user-1:{channel_id}"
    before = await previewed(apps.world, apps.ids["plain"], case, address, BAIDU)
    after = await sent(apps.world, apps.ids["plain"], case, address, BAIDU)
    api_key = json.loads(apps.world.sandbox.info.files.baidu_keys.read_text())["api_key"]
    for seen in (before, after):
        assert seen.url.endswith("/rest/3.0/push/single_device")
        assert {name: value for name, value in seen.headers.items() if name != "content-length"} == HEADERS
        assert (seen.body.pop("apikey"), seen.body.pop("channel_id")) == (api_key, channel_id)
        assert seen.body.pop("timestamp") == Soon()
        assert (seen.body.pop("sign") == "***") == (seen is before)
        seen.body["msg"] = json.loads(seen.body["msg"])
        assert seen.body == case.body


def test_every_field_is_in_a_case() -> None:
    """Each field of BaiduMessage and of the default messages, at any depth, is part of some case above."""
    assert not missing_fields(CASES, "baidu", message_pb2.BaiduMessage.DESCRIPTOR)


def test_every_enum_value_is_in_a_case() -> None:
    """Each action of the API is part of some case above."""
    assert set(values_of(message_pb2.BaiduMessage.DESCRIPTOR)) <= values_in(CASES, "baidu")
