"""ADM: what is stored and checked."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator

import pytest
from google.protobuf.duration_pb2 import Duration

from clarion.v1 import channel_pb2
from clarion.v1 import error_pb2 as err
from clarion.v1.channel_pb2 import AdmClient, AdmSettings
from clarion.v1.message_pb2 import AdmMessage
from clarion_server.providers.adm import settings
from clarion_server.providers.adm.check import checksum
from clarion_server.providers.adm.provider import AdmProvider
from clarion_server.providers.contract import Provider
from clarion_server.transport import Transport

_DAY = 24 * 3600


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    """Return the provider; mypy checks here that it fits the contract."""
    transport = Transport()
    made = AdmProvider(transport, settings.AdmSettings())
    yield made
    await made.aclose()
    await transport.aclose(0)


def test_a_good_client_is_read(provider: Provider) -> None:
    """The credential tells the client id and the SHA-256 of the secret, and hides the secret."""
    given = AdmSettings(client=AdmClient(client_id="id-1", client_secret="s3cret"))
    good, violations = provider.read_credentials(given)
    assert violations == []
    credential = good[channel_pb2.CREDENTIAL_KIND_ADM_CLIENT]
    assert credential.public_id == "id-1"
    assert credential.fingerprint == hashlib.sha256(b"s3cret").hexdigest()
    assert json.loads(credential.secret) == {"client_id": "id-1", "client_secret": "s3cret"}
    assert "s3cret" not in repr(credential)
    assert provider.read_credentials(AdmSettings()) == ({}, [])
    assert provider.configure(channel_pb2.CHANNEL_TYPE_ADM, AdmSettings(), good) == (None, [])


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("", err.ERROR_REASON_FIELD_REQUIRED),
        ("x" * 257, err.ERROR_REASON_FIELD_TOO_LONG),
        ("ä", err.ERROR_REASON_FIELD_MALFORMED),
        ("a\nb", err.ERROR_REASON_FIELD_MALFORMED),
        ("a ", err.ERROR_REASON_FIELD_MALFORMED),
    ],
)
def test_a_wrong_client_is_told(provider: Provider, value: str, reason: err.ErrorReason) -> None:
    """Both fields have 1 to 256 printable ASCII characters; all that is wrong is told at once."""
    good, violations = provider.read_credentials(AdmSettings(client=AdmClient(client_id=value, client_secret=value)))
    assert good == {}
    assert [(one.path, one.reason) for one in violations] == [
        ("client.client_id", reason),
        ("client.client_secret", reason),
    ]


@pytest.mark.parametrize(
    ("message", "path", "reason"),
    [
        (AdmMessage(consolidation_key=""), "consolidation_key", err.ERROR_REASON_FIELD_REQUIRED),
        (AdmMessage(consolidation_key="é" * 65), "consolidation_key", err.ERROR_REASON_FIELD_TOO_LONG),
        (AdmMessage(expires_after=Duration(seconds=59)), "expires_after", err.ERROR_REASON_FIELD_OUT_OF_RANGE),
        (
            AdmMessage(expires_after=Duration(seconds=31 * _DAY + 1)),
            "expires_after",
            err.ERROR_REASON_FIELD_OUT_OF_RANGE,
        ),
        (AdmMessage(data={"a": "b"}, md5="x"), "md5", err.ERROR_REASON_FIELD_CONFLICT),
        (AdmMessage(raw_content="{'a': 1}"), "raw_content", err.ERROR_REASON_JSON_INVALID),
    ],
)
def test_what_is_out_of_bounds(provider: Provider, message: AdmMessage, path: str, reason: err.ErrorReason) -> None:
    """Each bound of the API's description is held."""
    assert [(violation.path, violation.reason) for violation in provider.check_message(message)] == [(path, reason)]


@pytest.mark.parametrize(
    "message",
    [
        AdmMessage(),
        AdmMessage(consolidation_key="é" * 64, raw_content="{}"),
        AdmMessage(expires_after=Duration(seconds=60)),
        AdmMessage(expires_after=Duration(seconds=31 * _DAY)),
        AdmMessage(data={"message": "your message"}, md5="qzF+HgArKZjJrpfcTbiFxg=="),
        AdmMessage(data={"message": "{{name}}"}, md5="x"),
        AdmMessage(md5="x"),
    ],
)
def test_what_is_within(provider: Provider, message: AdmMessage) -> None:
    """The bounds themselves are allowed; md5 counts only once data is known."""
    assert provider.check_message(message) == []


def test_the_checksum_sorts_and_joins() -> None:
    """The checksum is that of a published client's test, and of sorted pairs in UTF-8."""
    assert checksum({"message": "your message"}) == "qzF+HgArKZjJrpfcTbiFxg=="
    assert checksum({"b": "2", "a": "1 é"}) == "uI9F3pW34PawgZOcmmHwOg=="
