"""Baidu: what is stored and checked."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator

import pytest
from google.protobuf.duration_pb2 import Duration

from clarion.v1 import channel_pb2
from clarion.v1 import error_pb2 as err
from clarion.v1.channel_pb2 import BaiduKeyPair, BaiduSettings
from clarion.v1.message_pb2 import BaiduMessage
from clarion_server.providers.baidu import settings
from clarion_server.providers.baidu.provider import BaiduProvider
from clarion_server.providers.contract import Provider
from clarion_server.transport import Transport

_WEEK = 7 * 24 * 3600


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    """Return the provider; mypy checks here that it fits the contract."""
    transport = Transport()
    made = BaiduProvider(transport, settings.BaiduSettings())
    yield made
    await transport.aclose(0)


def test_a_good_pair_is_read(provider: Provider) -> None:
    """The credential tells the API key and the SHA-256 of the secret key, and hides the latter."""
    given = BaiduSettings(key_pair=BaiduKeyPair(api_key="api-1", secret_key="s3cret"))
    good, violations = provider.read_credentials(given)
    assert violations == []
    credential = good[channel_pb2.CREDENTIAL_KIND_BAIDU_KEY_PAIR]
    assert credential.public_id == "api-1"
    assert credential.fingerprint == hashlib.sha256(b"s3cret").hexdigest()
    assert json.loads(credential.secret) == {"api_key": "api-1", "secret_key": "s3cret"}
    assert "s3cret" not in repr(credential)
    assert provider.read_credentials(BaiduSettings()) == ({}, [])
    assert provider.configure(channel_pb2.CHANNEL_TYPE_BAIDU, BaiduSettings(), good) == (None, [])


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("", err.ERROR_REASON_FIELD_REQUIRED),
        ("x" * 257, err.ERROR_REASON_FIELD_TOO_LONG),
        ("钥", err.ERROR_REASON_FIELD_MALFORMED),
    ],
)
def test_a_wrong_pair_is_told(provider: Provider, value: str, reason: err.ErrorReason) -> None:
    """Both keys have 1 to 256 printable ASCII characters; all that is wrong is told at once."""
    good, violations = provider.read_credentials(BaiduSettings(key_pair=BaiduKeyPair(api_key=value, secret_key=value)))
    assert good == {}
    assert [(one.path, one.reason) for one in violations] == [
        ("key_pair.api_key", reason),
        ("key_pair.secret_key", reason),
    ]


def test_bounds_of_messages(provider: Provider) -> None:
    """time_to_live is 0 to 7 days and raw content a JSON object."""
    for good in (Duration(), Duration(seconds=_WEEK)):
        assert provider.check_message(BaiduMessage(time_to_live=good, raw_content="{}")) == []
    for bad in (Duration(seconds=-1), Duration(seconds=_WEEK + 1)):
        (violation,) = provider.check_message(BaiduMessage(time_to_live=bad))
        assert (violation.path, violation.reason) == ("time_to_live", err.ERROR_REASON_FIELD_OUT_OF_RANGE)
    (violation,) = provider.check_message(BaiduMessage(raw_content="1"))
    assert (violation.path, violation.reason) == ("raw_content", err.ERROR_REASON_JSON_INVALID)
