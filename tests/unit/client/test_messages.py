from __future__ import annotations

import pytest

import clarion
from clarion.messages import as_target, enum_name
from clarion.v1 import channel_pb2, message_pb2
from clarion.v1.messaging_pb2 import Target


def test_a_message_holds_only_what_was_given() -> None:
    """Fields that were not given are absent, not empty: the server tells the two apart."""
    push = clarion.message(title="", silent_push=False, substitutions={"a": "1", "b": ["2", "3"]}).default_push_message
    assert push.HasField("title")
    assert push.HasField("silent_push")
    assert not push.HasField("body")
    assert not push.HasField("url")
    assert push.action == message_pb2.ACTION_UNSPECIFIED
    assert list(push.substitutions["a"].values) == ["1"]
    assert list(push.substitutions["b"].values) == ["2", "3"]


def test_a_message_takes_the_providers_own_messages() -> None:
    """`apns=…` and its sisters travel beside the message for all."""
    made = clarion.message(body="b", action="deep_link", url="app://x", apns=message_pb2.ApnsMessage(badge=0))
    assert made.apns.HasField("badge")
    assert made.default_push_message.action == message_pb2.ACTION_DEEP_LINK


def test_json_reads_as_the_api_prints_it() -> None:
    """Messages and targets are read from protobuf's JSON; what has no such field is refused."""
    assert clarion.message_from_json('{"apns": {"badge": 3}}').apns.badge == 3
    assert clarion.target_from_json('{"address": "a", "channelType": "CHANNEL_TYPE_FCM"}').channel_type == 5
    with pytest.raises(ValueError, match=r"clarion\.v1\.Message"):
        clarion.message_from_json('{"nonsense": 1}')
    with pytest.raises(ValueError, match=r"clarion\.v1\.SendMessagesRequest"):
        clarion.request_from_json("{")


def test_a_target_has_overrides_only_if_something_is_overridden() -> None:
    """Plain targets stay small; raw content may be given as a dictionary."""
    assert not clarion.target("a", "APNS").HasField("overrides")
    tailored = clarion.target("a", "APNS", raw_content={"aps": {}}, substitutions={"n": "v"}, client_ref="r")
    assert tailored.overrides.raw_content == '{"aps": {}}'
    assert list(tailored.overrides.substitutions["n"].values) == ["v"]
    assert tailored.client_ref == "r"


def test_pairs_become_targets() -> None:
    """(address, channel type) is enough; targets pass through as they are."""
    made = as_target(("a", "apns-sandbox"))
    assert made == Target(address="a", channel_type="CHANNEL_TYPE_APNS_SANDBOX")
    assert as_target(made) is made


@pytest.mark.parametrize("name", ["APNS", "apns", "CHANNEL_TYPE_APNS", channel_pb2.CHANNEL_TYPE_APNS])
def test_channel_types_have_short_names(name: str) -> None:
    """Short, full and lower-case names and the enum's own value mean the same."""
    assert clarion.channel_type(name) == channel_pb2.CHANNEL_TYPE_APNS


@pytest.mark.parametrize("name", ["GCM", "UNSPECIFIED", "", "CHANNEL_TYPE_"])
def test_what_is_no_channel_type_is_refused_with_the_choices(name: str) -> None:
    """The error lists the names that exist; the zero value is not one of them."""
    with pytest.raises(ValueError, match=r"use one of APNS, .*BAIDU$"):
        clarion.channel_type(name)


def test_a_number_of_a_newer_server_stays_a_number() -> None:
    """An enum value that this client does not know is shown, not a crash."""
    assert enum_name(channel_pb2.ChannelType, 99) == "99"
    assert enum_name(channel_pb2.ChannelType, 1) == "APNS"
