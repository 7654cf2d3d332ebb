from __future__ import annotations

import asyncio
import dataclasses
import json
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Any, cast

import pytest
import pytest_asyncio
from google.protobuf.duration_pb2 import Duration
from pydantic import ValidationError

from clarion.v1 import channel_pb2, error_pb2, message_pb2
from clarion.v1.channel_pb2 import CredentialKind, FcmConfig, FcmLegacyKey, FcmServiceAccount
from clarion.v1.channel_pb2 import FcmSettings as FcmChannelSettings
from clarion.v1.message_pb2 import FcmMessage
from clarion_server.model import Channel, Credential
from clarion_server.providers.contract import Content, HttpRequest, Outcome, Payload, Provider, Sender
from clarion_server.providers.fcm.credentials import ServiceAccount
from clarion_server.providers.fcm.provider import FcmProvider
from clarion_server.providers.fcm.sender import FcmSender, LegacySender
from clarion_server.providers.fcm.settings import FcmSettings
from clarion_server.providers.fcm.token_endpoint import TokenEndpoint
from clarion_server.providers.token_client import AccessToken
from clarion_server.transport import Exchange, Transport
from tests.unit.providers.fcm import keys

_ACCOUNT = channel_pb2.CREDENTIAL_KIND_FCM_SERVICE_ACCOUNT
_LEGACY = channel_pb2.CREDENTIAL_KIND_FCM_LEGACY_KEY
_BY_ACCOUNT = channel_pb2.FCM_AUTHENTICATION_METHOD_SERVICE_ACCOUNT
_BY_LEGACY = channel_pb2.FCM_AUTHENTICATION_METHOD_LEGACY_KEY
_UNSPECIFIED = channel_pb2.FCM_AUTHENTICATION_METHOD_UNSPECIFIED


class _Endpoint:
    """A token endpoint that counts."""

    def __init__(self) -> None:
        self.calls = 0

    async def fetch(self, account: ServiceAccount) -> AccessToken:
        self.calls += 1
        await asyncio.sleep(0)
        return AccessToken(f"{account.client_email}-{self.calls}", 1e12)

    async def aclose(self) -> None:
        pass


@pytest.fixture
def endpoint() -> _Endpoint:
    """A token endpoint without a network."""
    return _Endpoint()


@pytest_asyncio.fixture
async def provider(endpoint: _Endpoint) -> AsyncIterator[FcmProvider]:
    """A provider with the real endpoint of FCM, to which it never connects."""
    transport = Transport()
    made = FcmProvider(transport, FcmSettings(), token_endpoint=cast("TokenEndpoint", endpoint))
    yield made
    await made.aclose()
    await transport.aclose(0)


def _settings(**changes: Any) -> FcmChannelSettings:
    return FcmChannelSettings(
        service_account=FcmServiceAccount(json=keys.service_account_json(**changes)),
        legacy_key=FcmLegacyKey(server_key="legacy"),
    )


def _credentials(provider: FcmProvider, **changes: Any) -> dict[CredentialKind, Credential]:
    credentials, violations = provider.read_credentials(_settings(**changes))
    assert not violations
    return credentials


def _channel(
    credentials: Mapping[CredentialKind, Credential], config: FcmConfig | None = None, app_id: str = "0" * 32
) -> Channel:
    now = datetime.now(UTC)
    return Channel(
        app_id=app_id,
        type=channel_pb2.CHANNEL_TYPE_FCM,
        enabled=True,
        config=config or FcmConfig(),
        credentials=credentials,
        version=1,
        create_time=now,
        update_time=now,
        updated_by="anonymous",
    )


async def _sender(provider: FcmProvider, channel: Channel) -> FcmSender:
    sender = provider.sender(channel, FcmMessage())
    assert isinstance(sender, FcmSender), sender
    assert await sender.authorize() is None
    return sender


def _payload(provider: FcmProvider, title: str = "t") -> Payload:
    payload = provider.render(_channel({}), Content(FcmMessage(title=title), None, {}, ""))
    assert isinstance(payload, Payload)
    return payload


async def test_it_is_a_provider(provider: FcmProvider) -> None:
    """The class and its sender have the shape that the rest of the server relies on."""
    typed: Provider = provider
    sender: Sender = await _sender(provider, _channel(_credentials(provider)))
    assert typed.settings_field == "fcm"
    assert set(typed.channel_types) == {channel_pb2.CHANNEL_TYPE_FCM}
    assert set(typed.credential_fields) <= {field.name for field in FcmChannelSettings.DESCRIPTOR.fields}
    assert sender.pool is not None


async def test_bad_credentials_do_not_hide_good_ones(provider: FcmProvider) -> None:
    """Each credential is read for itself; paths start at the settings message."""
    settings = FcmChannelSettings(service_account=FcmServiceAccount(), legacy_key=FcmLegacyKey(server_key="k"))
    credentials, violations = provider.read_credentials(settings)
    assert set(credentials) == {_LEGACY}
    assert [(violation.path, violation.reason) for violation in violations] == [
        ("service_account.json", error_pb2.ERROR_REASON_FIELD_REQUIRED)
    ]
    assert provider.read_credentials(FcmChannelSettings()) == ({}, [])


async def test_configure(provider: FcmProvider) -> None:
    """The config tells the project, and never an unspecified presentation."""
    config, violations = provider.configure(
        channel_pb2.CHANNEL_TYPE_FCM,
        FcmChannelSettings(default_authentication_method=_BY_LEGACY),
        _credentials(provider),
    )
    assert not violations
    assert config == FcmConfig(
        default_authentication_method=_BY_LEGACY,
        presentation=channel_pb2.FCM_PRESENTATION_SYSTEM,
        project_id="demo-project",
    )
    config, _ = provider.configure(channel_pb2.CHANNEL_TYPE_FCM, FcmChannelSettings(), {})
    assert config is not None
    assert not config.project_id


async def test_configure_with_unknown_enums(provider: FcmProvider) -> None:
    """Numbers of a newer client are refused by name."""
    settings = FcmChannelSettings(default_authentication_method=99, presentation=98)  # type: ignore[arg-type]
    config, violations = provider.configure(channel_pb2.CHANNEL_TYPE_FCM, settings, {})
    assert config is None
    assert [violation.path for violation in violations] == ["default_authentication_method", "presentation"]


@pytest.mark.parametrize(
    ("preferred", "default", "present", "expected"),
    [
        (_UNSPECIFIED, _UNSPECIFIED, {_ACCOUNT, _LEGACY}, "sends"),
        (_UNSPECIFIED, _UNSPECIFIED, {_ACCOUNT}, "sends"),
        (_UNSPECIFIED, _UNSPECIFIED, {_LEGACY}, "legacy"),
        (_UNSPECIFIED, _UNSPECIFIED, set(), "CREDENTIAL_MISSING"),
        (_UNSPECIFIED, _BY_ACCOUNT, {_LEGACY}, "CREDENTIAL_MISSING"),
        (_UNSPECIFIED, _BY_LEGACY, {_ACCOUNT, _LEGACY}, "sends"),
        (_UNSPECIFIED, _BY_LEGACY, {_ACCOUNT}, "sends"),
        (_UNSPECIFIED, _BY_LEGACY, {_LEGACY}, "legacy"),
        (_UNSPECIFIED, _BY_LEGACY, set(), "CREDENTIAL_MISSING"),
        (_BY_ACCOUNT, _BY_LEGACY, {_ACCOUNT, _LEGACY}, "sends"),
        (_BY_ACCOUNT, _UNSPECIFIED, {_LEGACY}, "CREDENTIAL_MISSING"),
        (_BY_LEGACY, _BY_ACCOUNT, {_ACCOUNT, _LEGACY}, "sends"),
        (_BY_LEGACY, _UNSPECIFIED, {_ACCOUNT}, "sends"),
        (_BY_LEGACY, _BY_ACCOUNT, {_LEGACY}, "legacy"),
        (_BY_LEGACY, _UNSPECIFIED, set(), "CREDENTIAL_MISSING"),
    ],
)
async def test_choice_of_the_credential(
    provider: FcmProvider, preferred: Any, default: Any, present: set[CredentialKind], expected: str
) -> None:
    """Wherever there is a service account it sends; else preference and default decide, and the legacy key is there."""
    credentials = {kind: value for kind, value in _credentials(provider).items() if kind in present}
    channel = _channel(credentials, FcmConfig(default_authentication_method=default))
    sender = provider.sender(channel, FcmMessage(preferred_authentication_method=preferred))
    if isinstance(sender, Outcome):
        assert error_pb2.ErrorReason.Name(sender.reason) == f"ERROR_REASON_{expected}"
    else:
        assert expected == ("legacy" if isinstance(sender, LegacySender) else "sends")


async def test_channels_share_sender_and_token(provider: FcmProvider, endpoint: _Endpoint) -> None:
    """Two apps with the same service account ask for one access token."""
    credentials = _credentials(provider)
    first = await _sender(provider, _channel(credentials, app_id="1" * 32))
    second = await _sender(provider, _channel(credentials, app_id="2" * 32))
    assert first is second
    assert endpoint.calls == 1


async def test_accounts_share_the_pool_but_not_the_token(provider: FcmProvider, endpoint: _Endpoint) -> None:
    """FCM authenticates each request, so all projects use the same connections."""
    first = await _sender(provider, _channel(_credentials(provider)))
    other_key = keys.pem(keys.rsa_key(2048, 1))
    second = await _sender(provider, _channel(_credentials(provider, private_key=other_key, client_email="b@b")))
    third = await _sender(provider, _channel(_credentials(provider, project_id="other-project")))
    assert first.pool is second.pool is third.pool
    assert endpoint.calls == 3
    paths = {dict(_request(sender, _payload(provider), "t").headers)[b":path"] for sender in (first, third)}
    assert len(paths) == 2


def _request(sender: FcmSender, payload: Payload, address: str) -> HttpRequest:
    request = sender.request(payload, address)
    assert isinstance(request, HttpRequest), request
    return request


async def test_request(provider: FcmProvider) -> None:
    """Headers are complete and in order, and the address is in the body."""
    sender = await _sender(provider, _channel(_credentials(provider)))
    request = _request(sender, _payload(provider, title="t"), "device-1")
    assert list(request.headers) == [
        (b":method", b"POST"),
        (b":scheme", b"https"),
        (b":authority", b"fcm.googleapis.com"),
        (b":path", b"/v1/projects/demo-project/messages:send"),
        (b"authorization", b"Bearer sender@demo-project.iam.gserviceaccount.com-1"),
        (b"content-type", b"application/json"),
    ]
    assert json.loads(request.body)["message"] == {
        "token": "device-1",
        "notification": {"title": "t"},
        "data": {"pinpoint.openApp": "true"},
    }


async def test_headers_follow_the_token(endpoint: _Endpoint) -> None:
    """After `renew` and `authorize` the next request carries the new access token."""
    now = [1000.0]
    transport = Transport()
    provider = FcmProvider(transport, FcmSettings(), lambda: now[0], cast("TokenEndpoint", endpoint))
    sender = await _sender(provider, _channel(_credentials(provider)))
    payload = _payload(provider)
    before = dict(_request(sender, payload, "t").headers)[b"authorization"]
    now[0] += 60
    sender.renew()
    assert await sender.authorize() is None
    after = dict(_request(sender, payload, "t").headers)[b"authorization"]
    assert before.endswith(b"-1")
    assert after.endswith(b"-2")
    await provider.aclose()
    await transport.aclose(0)


@pytest.mark.parametrize("address", ['quote"', "back\\slash", '"},"topic":"x', "a" * 4096, "~!#"])
async def test_any_printable_address_is_quoted(provider: FcmProvider, address: str) -> None:
    """An address cannot break out of its JSON string."""
    sender = await _sender(provider, _channel(_credentials(provider)))
    message = json.loads(_request(sender, _payload(provider), address).body)["message"]
    assert message["token"] == address
    assert set(message) == {"token", "notification", "data"}


@pytest.mark.parametrize("address", ["", "a b", "a\n", "é", "a" * 4097, "\x7f", "a\x00"])
async def test_malformed_address(provider: FcmProvider, address: str) -> None:
    """What cannot be a registration token is refused without being quoted."""
    sender = await _sender(provider, _channel(_credentials(provider)))
    outcome = sender.request(_payload(provider), address)
    assert isinstance(outcome, Outcome)
    assert outcome.reason == error_pb2.ERROR_REASON_ADDRESS_MALFORMED
    assert not address or address not in outcome.message


async def test_classify(provider: FcmProvider) -> None:
    """The sender reads status, headers and body of the exchange."""
    sender = await _sender(provider, _channel(_credentials(provider)))
    exchange = Exchange((), b"", 0.0)
    exchange.status, exchange.response_headers, exchange.response_body = 503, ((b"retry-after", b"7"),), b"<html>"
    outcome = sender.classify(exchange)
    assert outcome.reason == error_pb2.ERROR_REASON_PROVIDER_UNAVAILABLE
    assert outcome.retry_after == 7.0


@pytest.mark.parametrize(
    ("message", "path", "reason"),
    [
        (FcmMessage(action=77), "action", "FIELD_UNKNOWN"),  # type: ignore[arg-type]
        (FcmMessage(priority=77), "priority", "FIELD_UNKNOWN"),  # type: ignore[arg-type]
        (
            FcmMessage(preferred_authentication_method=77),  # type: ignore[arg-type]
            "preferred_authentication_method",
            "FIELD_UNKNOWN",
        ),
        (FcmMessage(time_to_live=Duration(seconds=-1)), "time_to_live", "FIELD_OUT_OF_RANGE"),
        (FcmMessage(time_to_live=Duration(seconds=2419200, nanos=1)), "time_to_live", "FIELD_OUT_OF_RANGE"),
        (FcmMessage(time_to_live=Duration(seconds=1, nanos=-1)), "time_to_live", "FIELD_MALFORMED"),
        (FcmMessage(raw_content=""), "raw_content", "JSON_INVALID"),
        (FcmMessage(raw_content="{'a': 1}"), "raw_content", "JSON_INVALID"),
        (FcmMessage(raw_content="[]"), "raw_content", "JSON_INVALID"),
        (FcmMessage(raw_content=json.dumps({"a": "x" * 65536})), "raw_content", "FIELD_TOO_LONG"),
    ],
)
async def test_message_out_of_bounds(provider: FcmProvider, message: FcmMessage, path: str, reason: str) -> None:
    """Each bound of message.proto is checked, with the field's path and reason."""
    (violation,) = provider.check_message(message)
    assert violation.path == path
    assert error_pb2.ErrorReason.Name(violation.reason) == f"ERROR_REASON_{reason}"


async def test_message_within_bounds(provider: FcmProvider) -> None:
    """The bounds themselves are allowed, and so is nothing at all."""
    edge = FcmMessage(
        action=message_pb2.ACTION_URL, time_to_live=Duration(seconds=2419200), raw_content='{"data": {"a": "b"}}'
    )
    assert provider.check_message(edge) == []
    assert provider.check_message(FcmMessage(time_to_live=Duration())) == []
    assert provider.check_message(FcmMessage()) == []


async def test_presentation_is_the_channel_s(provider: FcmProvider) -> None:
    """A channel for AWS's mobile libraries gets data only."""
    content = Content(FcmMessage(title="t"), None, {}, "")
    config = FcmConfig(presentation=channel_pb2.FCM_PRESENTATION_PINPOINT_SDK)
    payload = provider.render(_channel({}, config), content)
    assert isinstance(payload, Payload)
    assert b'"notification"' not in payload.body
    system = provider.render(dataclasses.replace(_channel({}), config=None), content)
    assert isinstance(system, Payload)
    assert b'"notification"' in system.body


@pytest.mark.parametrize(
    "settings",
    [
        {"endpoint": "http://fcm.googleapis.com"},
        {"endpoint": "https://fcm.googleapis.com/v1"},
        {"endpoint": "fcm.googleapis.com"},
        {"token_endpoint": "http://oauth2.googleapis.com/token"},
        {"token_endpoint": ""},
        {"endpoints": "https://x"},
    ],
)
def test_settings_are_checked(settings: dict[str, str]) -> None:
    """Only https, only an origin as endpoint, and no unknown key."""
    with pytest.raises(ValidationError):
        FcmSettings.model_validate(settings)


async def test_authority_has_the_port_when_it_is_not_443() -> None:
    """A private endpoint on another port is named in :authority."""
    transport = Transport()
    endpoint = cast("TokenEndpoint", _Endpoint())
    provider = FcmProvider(transport, FcmSettings(endpoint="https://localhost:8443"), token_endpoint=endpoint)
    sender = await _sender(provider, _channel(_credentials(provider)))
    assert dict(_request(sender, _payload(provider), "t").headers)[b":authority"] == b"localhost:8443"
    await provider.aclose()
    await transport.aclose(0)
