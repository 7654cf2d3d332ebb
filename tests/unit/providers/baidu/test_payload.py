"""What becomes Baidu's parameters, and what is refused before Baidu does it."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl

import pytest
from google.protobuf.duration_pb2 import Duration

from clarion.v1 import error_pb2 as err
from clarion.v1 import message_pb2
from clarion.v1.message_pb2 import BaiduMessage
from clarion_server.providers.baidu.payload import render
from clarion_server.providers.contract import Content, Outcome, Payload


def _parameters(message: BaiduMessage | None = None, raw: dict[str, Any] | None = None) -> dict[str, str]:
    payload = render(Content(message or BaiduMessage(), raw, {}, ""))
    assert isinstance(payload, Payload), payload
    pairs = parse_qsl(payload.body.decode(), strict_parsing=True)
    assert [key for key, _ in pairs] == sorted(key for key, _ in pairs)
    parameters = dict(pairs)
    assert payload.size == len(parameters["msg"].encode())
    return parameters


def _refused(message: BaiduMessage | None = None, raw: dict[str, Any] | None = None) -> Outcome:
    outcome = render(Content(message or BaiduMessage(), raw, {}, ""))
    assert isinstance(outcome, Outcome)
    return outcome


def test_templated() -> None:
    """The keys that AWS's library reads, as a message that the app gets unseen, kept for seven days."""
    message = BaiduMessage(title="T & =", body="ä", silent_push=False, data={"b": "2", "a": "1"})
    parameters = _parameters(message)
    assert json.loads(parameters.pop("msg")) == {
        "pinpoint.campaign.campaign_id": "_DIRECT",
        "pinpoint.notification.title": "T & =",
        "pinpoint.notification.body": "ä",
        "pinpoint.notification.silentPush": "0",
        "pinpoint.openApp": "true",
        "pinpoint.jsonBody": '{"a":"1","b":"2"}',
    }
    assert parameters == {"device_type": "3", "msg_type": "0", "msg_expires": "604800"}


@pytest.mark.parametrize("seconds", [0, 1, 604_800])
def test_time_to_live(seconds: int) -> None:
    """It is sent in whole seconds, zero too."""
    message = BaiduMessage(body="B", time_to_live=Duration(seconds=seconds, nanos=5 if seconds < 604_800 else 0))
    assert _parameters(message)["msg_expires"] == str(seconds)


def test_raw_is_the_whole_msg() -> None:
    """Raw content without msg_type is sent as it is; time_to_live still applies."""
    raw = {"a": 1, "msg": {"b": None}, "ä": "~*"}
    parameters = _parameters(BaiduMessage(body="not sent", time_to_live=Duration(seconds=5)), raw)
    assert json.loads(parameters["msg"]) == raw
    assert (parameters["msg_type"], parameters["msg_expires"]) == ("0", "5")


def test_raw_with_msg_type() -> None:
    """With msg_type, raw content says the parameters itself: messages of any text, and notifications."""
    assert _parameters(raw={"msg_type": 0, "msg": "any text"})["msg"] == "any text"
    shown = {
        "title": "T",
        "description": "D",
        "notification_builder_id": 0,
        "notification_basic_style": 7,
        "open_type": 2,
        "pkg_content": "#Intent;end",
        "custom_content": {"k": 1},
        "target_channel_id": "c",
        "new_key": "left to Baidu",
    }
    message = BaiduMessage(time_to_live=Duration(seconds=5))
    parameters = _parameters(message, {"msg_type": 1, "msg": shown, "topic_id": "news_1"})
    assert json.loads(parameters.pop("msg")) == shown
    assert parameters == {"device_type": "3", "msg_type": "1", "msg_expires": "5", "topic_id": "news_1"}
    assert _parameters(message, {"msg_type": 1, "msg": shown, "msg_expires": 9})["msg_expires"] == "9"


@pytest.mark.parametrize(
    ("raw", "word"),
    [
        ({"msg_type": 2, "msg": "x"}, "msg_type"),
        ({"msg_type": True, "msg": "x"}, "msg_type"),
        ({"msg_type": "1", "msg": "x"}, "msg_type"),
        ({"msg_type": 0}, "msg must be"),
        ({"msg_type": 0, "msg": ""}, "msg must be"),
        ({"msg_type": 0, "msg": 5}, "msg must be"),
        ({"msg_type": 0, "msg": "x", "channel_id": "1"}, "`channel_id`"),
        ({"msg_type": 0, "msg": "x", "deploy_status": 1}, "`deploy_status`"),
        ({"msg_type": 0, "msg": "x", "msg_expires": 604_801}, "msg_expires"),
        ({"msg_type": 0, "msg": "x", "msg_expires": -1}, "msg_expires"),
        ({"msg_type": 0, "msg": "x", "topic_id": "a b"}, "topic_id"),
        ({"msg_type": 1, "msg": "x"}, "must be a JSON object"),
        ({"msg_type": 1, "msg": {"title": "T"}}, "description"),
        ({"msg_type": 1, "msg": {"description": 1}}, "description"),
        ({"msg_type": 1, "msg": {"description": "D", "title": 1}}, "msg.title"),
        ({"msg_type": 1, "msg": {"description": "D", "open_type": 3}}, "open_type"),
        ({"msg_type": 1, "msg": {"description": "D", "open_type": 1}}, "msg.url"),
        ({"msg_type": 1, "msg": {"description": "D", "notification_basic_style": 8}}, "notification_basic_style"),
        ({"msg_type": 1, "msg": {"description": "D", "custom_content": "x"}}, "custom_content"),
    ],
)
def test_raw_that_baidu_would_refuse(raw: dict[str, Any], word: str) -> None:
    """Each is refused with the key that is wrong."""
    outcome = _refused(raw=raw)
    assert outcome.reason == err.ERROR_REASON_CONTENT_INVALID
    assert word in outcome.message


@pytest.mark.parametrize("message", [BaiduMessage(), BaiduMessage(sound="s")])
def test_nothing_to_send(message: BaiduMessage) -> None:
    """A message without content is refused."""
    assert _refused(message).reason == err.ERROR_REASON_CONTENT_MISSING


def test_an_action_needs_its_url() -> None:
    """Without one it is refused."""
    outcome = _refused(BaiduMessage(body="B", action=message_pb2.ACTION_DEEP_LINK))
    assert outcome.reason == err.ERROR_REASON_CONTENT_INVALID


def test_size() -> None:
    """4,096 bytes of msg are sent, one more is refused with size and limit; its form may be longer."""
    assert _parameters(raw={"msg_type": 0, "msg": "ä" * 2048})
    outcome = _refused(raw={"msg_type": 0, "msg": "ä" * 2048 + "x"})
    assert outcome.reason == err.ERROR_REASON_PAYLOAD_TOO_LARGE
    assert (outcome.payload_size, outcome.payload_limit) == (4097, 4096)
