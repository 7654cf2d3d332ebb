"""APNs behind the contract: which credential sends, what a request looks like, how a channel is configured."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pydantic import ValidationError

from clarion.v1 import channel_pb2, message_pb2
from clarion.v1 import error_pb2 as err
from clarion.v1.channel_pb2 import ApnsCertificate, ApnsSettings, ApnsSigningKey, PemCertificate
from clarion.v1.message_pb2 import ApnsMessage
from clarion_server.model import Channel, Credential
from clarion_server.providers.apns import settings as apns_settings
from clarion_server.providers.apns.provider import ApnsProvider
from clarion_server.providers.apns.sandbox_identity import DEVELOPMENT, ENVIRONMENTS, PRODUCTION, write_topics
from clarion_server.providers.apns.sender import ApnsSender
from clarion_server.providers.contract import Content, HttpRequest, Outcome, Payload, Provider, Sender
from clarion_server.sandbox.certificates import make_authority, make_push_certificate, pem_key
from clarion_server.transport import Transport

MakeChannel = Callable[..., Channel]
MakeCertificate = Callable[..., x509.Certificate]

_KEY = channel_pb2.APNS_AUTHENTICATION_METHOD_SIGNING_KEY
_CERTIFICATE = channel_pb2.APNS_AUTHENTICATION_METHOD_CERTIFICATE
_APNS = channel_pb2.CHANNEL_TYPE_APNS
_APNS_SANDBOX = channel_pb2.CHANNEL_TYPE_APNS_SANDBOX
_VOIP = channel_pb2.CHANNEL_TYPE_APNS_VOIP
_BUNDLE = "com.example.app"
_ADDRESS = "00fc13adff785122b4ad28809a3420982341241421348097878e577c991de8f0"


class _Clock:
    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(now: float) -> _Clock:
    """Return a clock that stands still until it is set."""
    return _Clock(now)


@pytest.fixture
async def provider(clock: _Clock) -> Provider:
    """Return the provider; mypy checks here that it fits the contract."""
    return ApnsProvider(Transport(), apns_settings.ApnsSettings(), clock)


@pytest.fixture
async def key(provider: Provider, signing_key: ApnsSigningKey) -> Credential:
    """Return a signing key as it is stored."""
    good, _ = provider.read_credentials(ApnsSettings(signing_key=signing_key))
    return good[channel_pb2.CREDENTIAL_KIND_APNS_SIGNING_KEY]


@pytest.fixture
async def read(provider: Provider, rsa_key: rsa.RSAPrivateKey) -> Callable[[x509.Certificate], Credential]:
    """Return a function that makes a stored credential of a certificate."""

    def read(certificate: x509.Certificate) -> Credential:
        pem = PemCertificate(
            certificate=certificate.public_bytes(Encoding.PEM).decode(),
            private_key=rsa_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        )
        good, violations = provider.read_credentials(ApnsSettings(certificate=ApnsCertificate(pem=pem)))
        assert violations == []
        return good[channel_pb2.CREDENTIAL_KIND_APNS_CERTIFICATE]

    return read


@pytest.fixture
async def certificate(read: Callable[..., Credential], make_certificate: MakeCertificate) -> Credential:
    """Return a certificate as it is stored."""
    return read(make_certificate())


def _payload(provider: Provider, channel: Channel, **fields: Any) -> Payload:
    payload = provider.render(channel, Content(ApnsMessage(body="B", **fields), None, {}, ""))
    assert isinstance(payload, Payload)
    return payload


def _request(sender: Sender | Outcome, payload: Payload, address: str = _ADDRESS) -> dict[bytes, bytes]:
    assert isinstance(sender, ApnsSender)
    request = sender.request(payload, address)
    assert isinstance(request, HttpRequest)
    headers = dict(request.headers)
    assert len(headers) == len(request.headers)
    return headers


async def test_a_request_with_a_signing_key(provider: Provider, key: Credential, make_channel: MakeChannel) -> None:
    """Pseudo headers come first and in order, then the token, then what follows from the content; the body is as is."""
    channel = make_channel(key)
    sender = provider.sender(channel, ApnsMessage())
    assert isinstance(sender, ApnsSender)
    assert await sender.authorize() is None
    payload = _payload(provider, channel, collapse_id="c")
    request = sender.request(payload, _ADDRESS)
    assert isinstance(request, HttpRequest)
    names = [name for name, _ in request.headers]
    assert request.headers[:4] == (
        (b":method", b"POST"),
        (b":scheme", b"https"),
        (b":authority", b"api.push.apple.com"),
        (b":path", b"/3/device/" + _ADDRESS.encode()),
    )
    assert names[4:] == [b"authorization", b"apns-topic", b"apns-push-type", b"apns-priority", b"apns-collapse-id"]
    assert request.headers[4][1].startswith(b"bearer ey")
    assert request.body == payload.body


async def test_a_request_with_a_certificate(
    provider: Provider, certificate: Credential, make_channel: MakeChannel
) -> None:
    """With a certificate there is no authorization header."""
    channel = make_channel(certificate)
    headers = _request(provider.sender(channel, ApnsMessage()), _payload(provider, channel))
    assert b"authorization" not in headers
    assert headers[b"apns-topic"] == b"com.example.app"


async def test_payloads_do_not_mix(provider: Provider, key: Credential, make_channel: MakeChannel) -> None:
    """A sender that serves several payloads by turns gives each its own headers and body."""
    channel = make_channel(key)
    sender = provider.sender(channel, ApnsMessage())
    one, other = _payload(provider, channel, collapse_id="1"), _payload(provider, channel, collapse_id="2")
    for payload, expected in [(one, b"1"), (other, b"2"), (one, b"1"), (one, b"1")]:
        assert _request(sender, payload)[b"apns-collapse-id"] == expected


@pytest.mark.parametrize("address", ["ab", "ABcd01", "0" * 200])
async def test_addresses_are_kept_as_given(
    provider: Provider, key: Credential, make_channel: MakeChannel, address: str
) -> None:
    """Any even number of hexadecimal digits up to 200 is an address, in the case it was given."""
    channel = make_channel(key)
    headers = _request(provider.sender(channel, ApnsMessage()), _payload(provider, channel), address)
    assert headers[b":path"] == b"/3/device/" + address.encode()


@pytest.mark.parametrize(
    "address",
    ["", "a", "abc", "0" * 202, "zz", "ab ", " ab", "ab cd ef", "a b ", "ab\n1", "../x", "éé", "\uff11\uff12"],
)
async def test_a_malformed_address_is_refused_without_quoting_it(
    provider: Provider, key: Credential, make_channel: MakeChannel, address: str
) -> None:
    """What is no address never gets into a path, and the text does not hold it."""
    channel = make_channel(key)
    sender = provider.sender(channel, ApnsMessage())
    assert isinstance(sender, ApnsSender)
    outcome = sender.request(_payload(provider, channel), address)
    assert isinstance(outcome, Outcome)
    assert outcome.reason == err.ERROR_REASON_ADDRESS_MALFORMED
    assert len(address) < 2 or address not in outcome.message


async def test_senders_are_shared(provider: Provider, key: Credential, make_channel: MakeChannel) -> None:
    """Channels with the same credential and environment share sender and connections; others do not."""
    one = provider.sender(make_channel(key), ApnsMessage())
    assert one is provider.sender(make_channel(key, bundle_id="com.example.other"), ApnsMessage())
    other = provider.sender(make_channel(key, channel_type=_APNS_SANDBOX), ApnsMessage())
    renamed = provider.sender(make_channel(dataclasses.replace(key, team_id="OTHERTEAM1")), ApnsMessage())
    assert isinstance(one, ApnsSender)
    for sender in (other, renamed):
        assert isinstance(sender, ApnsSender)
        assert sender is not one
    assert isinstance(other, ApnsSender)
    assert other.pool is not one.pool


@pytest.mark.parametrize(
    ("present", "default", "preferred", "expected"),
    [
        ("both", 0, 0, "key"),
        ("both", _CERTIFICATE, 0, "certificate"),
        ("both", _CERTIFICATE, _KEY, "key"),
        ("both", _KEY, _CERTIFICATE, "certificate"),
        ("certificate", 0, 0, "certificate"),
        ("key", 0, 0, "key"),
        ("certificate", _KEY, 0, "missing"),
        ("key", 0, _CERTIFICATE, "missing"),
        ("none", 0, 0, "missing"),
    ],
)
async def test_which_credential_sends(  # noqa: PLR0917 - fixtures and parameters
    provider: Provider,
    key: Credential,
    certificate: Credential,
    make_channel: MakeChannel,
    present: str,
    default: channel_pb2.ApnsAuthenticationMethod,
    preferred: channel_pb2.ApnsAuthenticationMethod,
    expected: str,
) -> None:
    """The message's preference wins, then the channel's, then the signing key; one that is not there is missing."""
    credentials = {"both": (key, certificate), "key": (key,), "certificate": (certificate,), "none": ()}[present]
    channel = make_channel(*credentials, default=default)
    sender = provider.sender(channel, ApnsMessage(preferred_authentication_method=preferred))
    if expected == "missing":
        assert isinstance(sender, Outcome)
        assert sender.reason == err.ERROR_REASON_CREDENTIAL_MISSING
    else:
        headers = _request(sender, _payload(provider, channel))
        assert (b"authorization" in headers) == (expected == "key")


@pytest.mark.parametrize("name", ["APNS_PUSH_TYPE_LIVE_ACTIVITY", "APNS_PUSH_TYPE_LOCATION"])
async def test_some_push_types_need_the_signing_key(
    provider: Provider, key: Credential, certificate: Credential, make_channel: MakeChannel, name: str
) -> None:
    """Live Activity and location use the signing key even if the channel prefers its certificate, or ask for it."""
    message = ApnsMessage(push_type=name)
    channel = make_channel(key, certificate, default=_CERTIFICATE)
    assert b"authorization" in _request(provider.sender(channel, message), _payload(provider, channel))
    alone = provider.sender(make_channel(certificate), message)
    assert isinstance(alone, Outcome)
    assert alone.reason == err.ERROR_REASON_CREDENTIAL_MISSING
    assert name in alone.message
    message.preferred_authentication_method = _CERTIFICATE
    contradictory = provider.sender(channel, message)
    assert isinstance(contradictory, Outcome)
    assert contradictory.reason == err.ERROR_REASON_CONTENT_INVALID


async def test_voip_channels_have_their_topic_and_size(
    provider: Provider, key: Credential, make_channel: MakeChannel
) -> None:
    """A VoIP channel sends through the same pool as the app's other channels of that key, with its own limit."""
    voip, plain = make_channel(key, channel_type=_VOIP), make_channel(key)
    payload = _payload(provider, voip)
    assert payload.limit == 5120
    assert dict(payload.headers)[b"apns-topic"] == b"com.example.app.voip"
    sender = provider.sender(voip, ApnsMessage())
    assert isinstance(sender, ApnsSender)
    assert sender is provider.sender(plain, ApnsMessage())


async def test_an_expired_certificate_does_not_send(
    provider: Provider, certificate: Credential, make_channel: MakeChannel, clock: _Clock
) -> None:
    """From its expiry on a certificate's targets are refused with its date, also in a call that began before."""
    assert certificate.expire_time is not None
    sender = provider.sender(make_channel(certificate), ApnsMessage())
    assert isinstance(sender, ApnsSender)
    clock.now = (certificate.expire_time - timedelta(seconds=1)).timestamp()
    assert await sender.authorize() is None
    assert sender.ready()
    clock.now += 1
    outcome = await sender.authorize()
    assert not sender.ready()
    assert outcome is not None
    assert outcome.reason == err.ERROR_REASON_CREDENTIAL_EXPIRED
    assert f"{certificate.expire_time:%Y-%m-%d}" in outcome.message
    refused = provider.sender(make_channel(certificate), ApnsMessage())
    assert isinstance(refused, Outcome)
    assert refused.reason == err.ERROR_REASON_CREDENTIAL_EXPIRED


async def test_a_sender_that_is_ready_has_the_token_of_now(
    provider: Provider, key: Credential, make_channel: MakeChannel, clock: _Clock
) -> None:
    """Requests after ready() carry the provider token that is due, as they do after authorize()."""
    channel = make_channel(key)
    sender = provider.sender(channel, ApnsMessage())
    payload = _payload(provider, channel)
    old = _request(sender, payload)[b"authorization"]
    clock.now += 3600
    assert isinstance(sender, ApnsSender)
    assert sender.ready()
    assert _request(sender, payload)[b"authorization"] != old


async def test_renewal_changes_the_token_of_later_requests(
    provider: Provider, key: Credential, make_channel: MakeChannel, clock: _Clock
) -> None:
    """After renew() and authorize() requests for the same payload carry another token; a second renew() keeps it."""
    clock.now = clock.now // 2100 * 2100 + 1300
    channel = make_channel(key)
    sender = provider.sender(channel, ApnsMessage())
    payload = _payload(provider, channel)
    old = _request(sender, payload)[b"authorization"]
    assert isinstance(sender, ApnsSender)
    sender.renew()
    await sender.authorize()
    fresh = _request(sender, payload)[b"authorization"]
    assert fresh != old
    sender.renew()
    await sender.authorize()
    assert _request(sender, payload)[b"authorization"] == fresh


def _configure(
    provider: Provider, bundle_id: str, *credentials: Credential, channel_type: channel_pb2.ChannelType = _APNS
) -> tuple[str | None, list[tuple[str, err.ErrorReason]]]:
    by_kind = {credential.kind: credential for credential in credentials}
    config, violations = provider.configure(channel_type, ApnsSettings(bundle_id=bundle_id), by_kind)
    bundle = None if config is None else getattr(config, "bundle_id", None)
    return bundle, [(violation.path, violation.reason) for violation in violations]


async def test_the_bundle_id(
    provider: Provider,
    key: Credential,
    certificate: Credential,
    read: Callable[..., Credential],
    make_certificate: MakeCertificate,
) -> None:
    """It is required with a signing key, read from a certificate, bounded, and one of the certificate's apps."""
    assert _configure(provider, "") == ("", [])
    assert _configure(provider, _BUNDLE, key) == (_BUNDLE, [])
    assert _configure(provider, "web.com.example-1", key) == ("web.com.example-1", [])
    assert _configure(provider, "", key) == (None, [("bundle_id", err.ERROR_REASON_FIELD_REQUIRED)])
    assert _configure(provider, "", certificate) == (_BUNDLE, [])
    assert _configure(provider, "", key, certificate) == (_BUNDLE, [])
    assert _configure(provider, _BUNDLE, certificate) == (_BUNDLE, [])
    assert _configure(provider, "com.other", certificate) == (None, [("bundle_id", err.ERROR_REASON_FIELD_CONFLICT)])
    assert _configure(provider, "x" * 155, key) == ("x" * 155, [])
    assert _configure(provider, "x" * 156, key) == (None, [("bundle_id", err.ERROR_REASON_FIELD_TOO_LONG)])
    for wrong in ("com example", "com.exämple", "a/b", "a\n"):
        assert _configure(provider, wrong, key) == (None, [("bundle_id", err.ERROR_REASON_FIELD_MALFORMED)])
    voip = read(make_certificate(uid=f"{_BUNDLE}.voip"))
    assert _configure(provider, "", voip, channel_type=_VOIP) == (_BUNDLE, [])
    assert _configure(provider, _BUNDLE, voip, channel_type=_VOIP) == (_BUNDLE, [])
    several = read(make_certificate(uid="x", topics=write_topics({_BUNDLE: "app"})))
    assert _configure(provider, _BUNDLE, several) == (_BUNDLE, [])


async def test_a_development_certificate_is_for_sandbox_channels(
    provider: Provider, rsa_key: rsa.RSAPrivateKey
) -> None:
    """What Apple marked for development alone is refused on a production channel, with the channel that takes it."""
    authority = make_authority("Apple of this test")
    marked = {
        environments: make_push_certificate(authority, _BUNDLE, {}, environments)
        for environments in (ENVIRONMENTS, frozenset({DEVELOPMENT}), frozenset({PRODUCTION}))
    }

    def problems(environments: frozenset[str], channel_type: channel_pb2.ChannelType) -> list[str]:
        pem = PemCertificate(
            certificate=marked[environments].pem.decode(), private_key=pem_key(marked[environments].key).decode()
        )
        good, _ = provider.read_credentials(ApnsSettings(certificate=ApnsCertificate(pem=pem)))
        _, violations = provider.configure(channel_type, ApnsSettings(), good)
        assert all(each.path == "certificate" for each in violations)
        return [each.message for each in violations]

    for channel_type in (_APNS, _VOIP):
        (text,) = problems(frozenset({DEVELOPMENT}), channel_type)
        assert "*_SANDBOX" in text
        assert problems(ENVIRONMENTS, channel_type) == problems(frozenset({PRODUCTION}), channel_type) == []
    assert problems(frozenset({DEVELOPMENT}), _APNS_SANDBOX) == []


async def test_topics_of_the_certificate_count_only_when_it_sends(
    provider: Provider,
    key: Credential,
    read: Callable[..., Credential],
    make_certificate: MakeCertificate,
    make_channel: MakeChannel,
) -> None:
    """A topic that the certificate does not list is refused with the certificate, and sent with the signing key."""
    listed = read(make_certificate(topics=write_topics({_BUNDLE: "app", f"{_BUNDLE}.voip": "voip"})))
    channel = make_channel(key, listed)
    content = {
        method: Content(
            ApnsMessage(
                body="B",
                push_type=message_pb2.APNS_PUSH_TYPE_COMPLICATION,
                preferred_authentication_method=method,
            ),
            None,
            {},
            "",
        )
        for method in (_KEY, _CERTIFICATE)
    }
    assert isinstance(provider.render(channel, content[_KEY]), Payload)
    for _ in range(2):
        refused = provider.render(channel, content[_CERTIFICATE])
        assert isinstance(refused, Outcome)
        assert refused.reason == err.ERROR_REASON_TOPIC_NOT_CERTIFIED
    single = make_channel(read(make_certificate()))
    assert isinstance(provider.render(single, content[_CERTIFICATE]), Payload)


async def test_a_live_activity_goes_with_the_signing_key(
    provider: Provider, key: Credential, certificate: Credential, make_channel: MakeChannel
) -> None:
    """Also when the push type is not said, and the channel prefers its certificate."""
    message = ApnsMessage(live_activity={"event": "APNS_LIVE_ACTIVITY_EVENT_END"})
    channel = make_channel(key, certificate, default=_CERTIFICATE)
    assert provider.sender(channel, message) is provider.sender(make_channel(key), ApnsMessage())
    refused = provider.sender(make_channel(certificate), message)
    assert isinstance(refused, Outcome)
    assert refused.reason == err.ERROR_REASON_CREDENTIAL_MISSING


async def test_an_unknown_default_method_is_refused(provider: Provider) -> None:
    """A number that this server does not know is told as such."""
    settings = ApnsSettings()
    settings.MergeFromString(b"\x10\x63")
    _, violations = provider.configure(_APNS, settings, {})
    assert [(one.path, one.reason) for one in violations] == [
        ("default_authentication_method", err.ERROR_REASON_FIELD_UNKNOWN)
    ]


async def test_the_environment_chooses_the_endpoint(signing_key: ApnsSigningKey, make_channel: MakeChannel) -> None:
    """Sandbox channels go to the sandbox endpoint; a port other than 443 is part of :authority."""
    settings = apns_settings.ApnsSettings(sandbox_endpoint="https://localhost:8443")
    provider: Provider = ApnsProvider(Transport(), settings)
    good, _ = provider.read_credentials(ApnsSettings(signing_key=signing_key))
    for channel_type, expected in [(_APNS, b"api.push.apple.com"), (_APNS_SANDBOX, b"localhost:8443")]:
        channel = make_channel(*good.values(), channel_type=channel_type)
        headers = _request(provider.sender(channel, ApnsMessage()), _payload(provider, channel))
        assert headers[b":authority"] == expected


@pytest.mark.parametrize(
    "url",
    [
        "",
        "api.push.apple.com",
        "http://h",
        "https://",
        "https://h/3",
        "https://h?q",
        "https://u@h",
        "https://h:x",
        "https://h:0",
        "https://h:99999",
    ],
)
def test_an_endpoint_is_a_host_alone(url: str) -> None:
    """What is not https with host and port alone is refused when the server starts."""
    with pytest.raises(ValidationError):
        apns_settings.ApnsSettings(production_endpoint=url)
