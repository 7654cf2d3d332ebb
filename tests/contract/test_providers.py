"""What every provider does, and the fakes that stand in for providers where channels are tested."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import descriptor as protobuf_descriptor
from google.protobuf.message import Message as ProtoMessage

from clarion.v1 import channel_pb2, error_pb2
from clarion.v1.channel_pb2 import ChannelSettings, ChannelType
from clarion.v1.message_pb2 import Message
from clarion_server import providers as providers_package
from clarion_server.app import by_type
from clarion_server.model import Channel
from clarion_server.providers.adm.provider import AdmProvider
from clarion_server.providers.adm.settings import AdmSettings
from clarion_server.providers.apns.provider import ApnsProvider
from clarion_server.providers.apns.settings import ApnsSettings
from clarion_server.providers.baidu.provider import BaiduProvider
from clarion_server.providers.baidu.settings import BaiduSettings
from clarion_server.providers.contract import Outcome, Provider
from clarion_server.providers.fcm.provider import FcmProvider
from clarion_server.providers.fcm.settings import FcmSettings
from clarion_server.transport import Transport
from tests.support.fake_provider import fake_providers

Field = protobuf_descriptor.FieldDescriptor

PROVIDERS = ("apns", "fcm", "adm", "baidu")
"""All providers, by folder. A new one gets its line here and in `registry`."""

NOWHERE = "https://127.0.0.1:1"
# Neither printable nor PEM, JSON, DER or an id; the fake refuses it for the word, the real ones for the form.
RUBBISH = "broken\0rubbish"


@pytest.fixture
async def registry() -> AsyncIterator[dict[str, Provider]]:
    """Provide all providers by name, as the server makes them, pointed at nothing."""
    transport = Transport()
    apns = ApnsSettings(production_endpoint=NOWHERE, sandbox_endpoint=NOWHERE)
    fcm = FcmProvider(transport, FcmSettings(endpoint=NOWHERE, token_endpoint=f"{NOWHERE}/token"))
    adm = AdmProvider(transport, AdmSettings(endpoint=NOWHERE, token_endpoint=f"{NOWHERE}/token"))
    baidu = BaiduProvider(transport, BaiduSettings(endpoint=NOWHERE))
    yield {"apns": ApnsProvider(transport, apns), "fcm": fcm, "adm": adm, "baidu": baidu}
    await adm.aclose()
    await fcm.aclose()
    await transport.aclose(0)


@pytest.fixture(params=PROVIDERS)
def provider(request: pytest.FixtureRequest, registry: dict[str, Provider]) -> Provider:
    """Provide each provider in turn."""
    return registry[request.param]


@pytest.fixture(params=[*PROVIDERS, *(f"fake-{name}" for name in PROVIDERS)])
def keeper(request: pytest.FixtureRequest, registry: dict[str, Provider]) -> Provider:
    """Provide whatever reads credentials: each provider, and each fake of one."""
    name = request.param
    fakes = {f"fake-{each.settings_field}": each for each in fake_providers().values()}
    return registry[name] if name in registry else fakes[name]


def settings_of(provider: Provider) -> Any:
    """Return the provider's settings message, empty."""
    return getattr(ChannelSettings(), provider.settings_field)


def filled(message: Any) -> Iterator[ProtoMessage]:
    """Yield copies of a message with rubbish in every text and bytes field; of a oneof one field after the other."""
    fields = message.DESCRIPTOR.fields
    choices = [field for field in fields if field.containing_oneof is not None]
    for chosen in choices or [None]:
        copy = type(message)()
        for field in fields:
            if field.containing_oneof is None or field is chosen:
                fill(copy, field)
        yield copy


def fill(message: Any, field: Any) -> None:
    """Put rubbish into one field."""
    if field.type == Field.TYPE_MESSAGE:
        inner = getattr(message, field.name)
        inner.CopyFrom(next(filled(inner)))
    else:
        setattr(message, field.name, RUBBISH.encode() if field.type == Field.TYPE_BYTES else RUBBISH)


def channel(channel_type: ChannelType) -> Channel:
    """Return a channel without credentials."""
    now = datetime.now(UTC)
    return Channel(
        app_id="0" * 32,
        type=channel_type,
        enabled=True,
        config=None,
        credentials={},
        version=1,
        create_time=now,
        update_time=now,
        updated_by="anonymous",
    )


def test_all_providers_are_here() -> None:
    """The list above names every folder of `clarion_server.providers`."""
    folders = {path.parent.name for path in Path(providers_package.__path__[0]).glob("*/provider.py")}
    assert folders == set(PROVIDERS)


def test_every_channel_type_has_one_provider(registry: dict[str, Provider]) -> None:
    """Each channel type of the API is served by exactly one provider, and no other type is."""
    served = Counter(each for provider in registry.values() for each in provider.channel_types)
    types = set(ChannelType.values()) - {channel_pb2.CHANNEL_TYPE_UNSPECIFIED}
    assert served == dict.fromkeys(types, 1)
    assert by_type(registry.values()).keys() == types


def test_its_names_are_fields_of_the_api(keeper: Provider) -> None:
    """The settings field is one of ChannelSettings and of Message; credential fields are messages in the settings."""
    assert keeper.settings_field in ChannelSettings.DESCRIPTOR.fields_by_name
    assert keeper.settings_field in Message.DESCRIPTOR.fields_by_name
    fields = settings_of(keeper).DESCRIPTOR.fields_by_name
    credentials = {name for name, field in fields.items() if field.type == Field.TYPE_MESSAGE}
    assert set(keeper.credential_fields) == credentials
    kinds = list(keeper.credential_fields.values())
    assert len(set(kinds)) == len(kinds)
    assert channel_pb2.CREDENTIAL_KIND_UNSPECIFIED not in kinds


def test_no_credential_is_no_error(keeper: Provider) -> None:
    """Settings without credentials are read without complaint."""
    assert keeper.read_credentials(settings_of(keeper)) == ({}, [])


def test_rubbish_is_refused_by_its_path(keeper: Provider) -> None:
    """A credential of rubbish is refused, at or below its field, and the text does not quote it."""
    for name in keeper.credential_fields:
        for credential in filled(getattr(settings_of(keeper), name)):
            settings = settings_of(keeper)
            getattr(settings, name).CopyFrom(credential)
            good, violations = keeper.read_credentials(settings)
            assert good == {}
            assert violations
            for violation in violations:
                assert f"{violation.path}.".startswith(f"{name}.")
                assert violation.reason in {
                    error_pb2.ERROR_REASON_CREDENTIAL_INVALID,
                    error_pb2.ERROR_REASON_FIELD_MALFORMED,
                }
                assert "rubbish" not in violation.message


def test_an_empty_credential_is_refused(keeper: Provider) -> None:
    """A credential that is present and empty is refused at or below its field; it does not count as absent."""
    for name in keeper.credential_fields:
        settings = settings_of(keeper)
        getattr(settings, name).SetInParent()
        good, violations = keeper.read_credentials(settings)
        assert good == {}
        assert violations
        assert all(f"{violation.path}.".startswith(f"{name}.") for violation in violations)


def test_a_channel_may_begin_empty(keeper: Provider) -> None:
    """Settings that are all default, without credentials, make a channel of each type; credentials may come later."""
    for channel_type in keeper.channel_types:
        _, violations = keeper.configure(channel_type, settings_of(keeper), {})
        assert violations == []


def test_an_empty_message_is_fine(provider: Provider) -> None:
    """No field of a message is required."""
    assert provider.check_message(getattr(Message(), provider.settings_field)) == []


@pytest.mark.parametrize("text", ["[", "", "[]", '{"a":NaN}', '{"a":1} x'])
def test_raw_content_must_be_a_json_object(provider: Provider, text: str) -> None:
    """Raw content that is no JSON object is refused before anything is sent."""
    message = getattr(Message(), provider.settings_field)
    message.raw_content = text
    violations = provider.check_message(message)
    assert [(each.path, each.reason) for each in violations] == [("raw_content", error_pb2.ERROR_REASON_JSON_INVALID)]


def test_without_a_credential_nothing_is_sent(provider: Provider) -> None:
    """On a channel without credentials, every target has an outcome that says so."""
    for channel_type in provider.channel_types:
        outcome = provider.sender(channel(channel_type), getattr(Message(), provider.settings_field))
        assert isinstance(outcome, Outcome)
        assert outcome.reason == error_pb2.ERROR_REASON_CREDENTIAL_MISSING
        assert outcome.message
