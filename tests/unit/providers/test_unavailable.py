"""Providers that this build cannot send to."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from clarion.v1 import channel_pb2
from clarion.v1 import error_pb2 as err
from clarion.v1.message_pb2 import AdmMessage, BaiduMessage
from clarion_server.model import Channel
from clarion_server.providers.adm.provider import AdmProvider
from clarion_server.providers.baidu.provider import BaiduProvider
from clarion_server.providers.contract import Content, Outcome, Provider


@pytest.mark.parametrize(
    ("provider", "message", "channel_type"),
    [
        (AdmProvider(), AdmMessage(body="B"), channel_pb2.CHANNEL_TYPE_ADM),
        (BaiduProvider(), BaiduMessage(body="B"), channel_pb2.CHANNEL_TYPE_BAIDU),
    ],
    ids=["adm", "baidu"],
)
def test_it_says_that_this_build_cannot(
    provider: Provider, message: AdmMessage | BaiduMessage, channel_type: channel_pb2.ChannelType
) -> None:
    """Sending and rendering both give the outcome that the channel type is not available in this build."""
    now = datetime.now(UTC)
    channel = Channel("0" * 32, channel_type, True, None, {}, 1, now, now, "anonymous")  # noqa: FBT003
    assert provider.channel_types == {channel_type}
    for outcome in (
        provider.sender(channel, message),
        provider.render(channel, Content(message, None, {}, "")),
    ):
        assert isinstance(outcome, Outcome)
        assert outcome.reason == err.ERROR_REASON_CHANNEL_UNAVAILABLE
        assert "channel type not available in this build" in outcome.message
