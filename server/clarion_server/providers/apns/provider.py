"""APNs behind the contract of all providers."""

from __future__ import annotations

import re
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import cast

from cryptography import x509
from google.protobuf.message import Message as ProtoMessage

from clarion.v1 import channel_pb2, message_pb2
from clarion.v1 import error_pb2 as err
from clarion.v1.channel_pb2 import ApnsAuthenticationMethod, ApnsConfig, ChannelType, CredentialKind
from clarion.v1.channel_pb2 import ApnsSettings as ApnsSettingsMessage
from clarion.v1.message_pb2 import ApnsMessage
from clarion_server.errors import FieldViolation
from clarion_server.model import Channel, Credential
from clarion_server.providers.apns import payload, verify
from clarion_server.providers.apns.auth import ProviderTokens
from clarion_server.providers.apns.certificate import (
    for_development_only,
    listed_topics,
    load_client_certificate,
    topics_of,
)
from clarion_server.providers.apns.channel_types import PRODUCTION_TYPES, VOIP_TYPES
from clarion_server.providers.apns.check import check_message
from clarion_server.providers.apns.credentials import load_signing_key, read_credentials
from clarion_server.providers.apns.sender import ApnsSender, expired
from clarion_server.providers.apns.settings import ApnsSettings
from clarion_server.providers.checks import found, known_enum
from clarion_server.providers.contract import Content, Outcome, Payload, Sender, Verification, refusal
from clarion_server.providers.verifying import of_refusal
from clarion_server.transport import Origin, PoolPolicy, TlsIdentity, Transport

_SIGNING_KEY = channel_pb2.CREDENTIAL_KIND_APNS_SIGNING_KEY
_CERTIFICATE = channel_pb2.CREDENTIAL_KIND_APNS_CERTIFICATE
_KIND_OF_METHOD = {
    channel_pb2.APNS_AUTHENTICATION_METHOD_SIGNING_KEY: _SIGNING_KEY,
    channel_pb2.APNS_AUTHENTICATION_METHOD_CERTIFICATE: _CERTIFICATE,
}
_NAMES = {_SIGNING_KEY: "signing key", _CERTIFICATE: "certificate"}

#: APNs takes these only with a signing key.
_SIGNING_KEY_ONLY = {
    message_pb2.APNS_PUSH_TYPE_LOCATION: "APNS_PUSH_TYPE_LOCATION",
    message_pb2.APNS_PUSH_TYPE_LIVE_ACTIVITY: "APNS_PUSH_TYPE_LIVE_ACTIVITY",
}

_BUNDLE_ID = re.compile(r"[A-Za-z0-9.-]{1,155}", re.ASCII)
_MAX_SENDERS = 1000
# One stream until the peer has told its limit: APNs allows a connection no more before it has accepted a token.
_POLICY = PoolPolicy(initial_streams=1)


class ApnsProvider:
    """Sends through the Apple Push Notification service. Implements `Provider`."""

    channel_types = frozenset(
        {
            channel_pb2.CHANNEL_TYPE_APNS,
            channel_pb2.CHANNEL_TYPE_APNS_SANDBOX,
            channel_pb2.CHANNEL_TYPE_APNS_VOIP,
            channel_pb2.CHANNEL_TYPE_APNS_VOIP_SANDBOX,
        }
    )
    settings_field = "apns"
    credential_fields: Mapping[str, CredentialKind] = {"signing_key": _SIGNING_KEY, "certificate": _CERTIFICATE}

    def __init__(self, transport: Transport, settings: ApnsSettings, clock: Callable[[], float] = time.time) -> None:
        """Make the provider; opens no connection.

        Args:
            transport: what carries the requests.
            settings: where APNs is.
            clock: seconds since the epoch.
        """
        self._transport = transport
        self._settings = settings
        self._clock = clock
        self._senders: OrderedDict[tuple[str, int, str, str, str], ApnsSender] = OrderedDict()
        self._topics_listed: OrderedDict[str, frozenset[str]] = OrderedDict()

    def read_credentials(self, settings: ProtoMessage) -> tuple[dict[CredentialKind, Credential], list[FieldViolation]]:
        """Read and check signing key and certificate, as far as they are present."""
        return read_credentials(cast("ApnsSettingsMessage", settings), self._clock())

    def configure(
        self,
        channel_type: ChannelType,
        settings: ProtoMessage,
        credentials: Mapping[CredentialKind, Credential],
    ) -> tuple[ApnsConfig | None, list[FieldViolation]]:
        """Return the channel's config; without a bundle id it is read from the certificate."""
        given = cast("ApnsSettingsMessage", settings)
        method = given.default_authentication_method
        violations = found(known_enum("default_authentication_method", method, ApnsAuthenticationMethod))
        certificate = _certificate(credentials)
        topics = () if certificate is None else topics_of(certificate)
        bundle_id = given.bundle_id
        if not bundle_id and topics:
            bundle_id = topics[0].removesuffix(".voip") if channel_type in VOIP_TYPES else topics[0]
        if certificate is not None and channel_type in PRODUCTION_TYPES and for_development_only(certificate):
            text = "is for Apple's development environment only: it works on *_SANDBOX channels; give a production one"
            violations.append(FieldViolation("certificate", err.ERROR_REASON_CREDENTIAL_INVALID, text))
        if violation := _check_bundle_id(bundle_id, topics, has_signing_key=_SIGNING_KEY in credentials):
            violations.append(violation)
        if violations:
            return None, violations
        return ApnsConfig(bundle_id=bundle_id, default_authentication_method=method), []

    def check_message(self, message: ApnsMessage) -> list[FieldViolation]:
        """Check bounds and contradictions of an `ApnsMessage`."""
        return check_message(message)

    def sender(self, channel: Channel, message: ApnsMessage) -> Sender | Outcome:
        """Return the way to APNs with the credential that message and channel prefer."""
        kind = _choose(channel, message)
        if isinstance(kind, Outcome):
            return kind
        credential = channel.credentials[kind]
        return expired(credential.expire_time, self._clock()) or self._sender_with(credential, channel.type)

    def render(self, channel: Channel, content: Content) -> Payload | Outcome:
        """Return the payload for a content; time_to_live counts from now."""
        bundle_id = channel.config.bundle_id if isinstance(channel.config, ApnsConfig) else ""
        return payload.render(
            content,
            channel_type=channel.type,
            bundle_id=bundle_id,
            now=self._clock(),
            topics=self._listed_topics(channel, content.message),
        )

    def _listed_topics(self, channel: Channel, message: ApnsMessage) -> frozenset[str]:
        """Return what the certificate lists with which a message is sent; nothing when it lists none or none is used.

        A certificate without a list is left to APNs: it may be of an older kind.
        """
        if _choose(channel, message) != _CERTIFICATE:
            return frozenset()
        credential = channel.credentials[_CERTIFICATE]
        topics = self._topics_listed.get(credential.fingerprint)
        if topics is None:
            topics = frozenset(listed_topics(load_client_certificate(credential.secret)[1]))
            self._topics_listed[credential.fingerprint] = topics
            if len(self._topics_listed) > _MAX_SENDERS:
                self._topics_listed.popitem(last=False)
        return topics

    async def verify(self, channel: Channel, kind: CredentialKind) -> Verification:
        """Ask APNs with a push that cannot reach a device."""
        credential = channel.credentials[kind]
        if (refused := expired(credential.expire_time, self._clock())) is not None:
            return of_refusal(refused)
        bundle_id = channel.config.bundle_id if isinstance(channel.config, ApnsConfig) else ""
        return await verify.verify(self._sender_with(credential, channel.type), channel.type, bundle_id)

    def _sender_with(self, credential: Credential, channel_type: ChannelType) -> ApnsSender:
        host, port = self._settings.host_and_port(production=channel_type in PRODUCTION_TYPES)
        # Two credentials with the same fingerprint may still differ in key id or team: what is wrong in one of them
        # must not hit the other.
        key = (host, port, credential.fingerprint, credential.team_id, credential.public_id)
        sender = self._senders.get(key)
        if sender is None:
            sender = self._senders[key] = self._make_sender(credential, host, port)
            if len(self._senders) > _MAX_SENDERS:
                self._senders.popitem(last=False)
        self._senders.move_to_end(key)
        return sender

    def _make_sender(self, credential: Credential, host: str, port: int) -> ApnsSender:
        authority = host if port == 443 else f"{host}:{port}"
        if credential.kind == _CERTIFICATE:
            client_certificate, _ = load_client_certificate(credential.secret)
            tls = TlsIdentity(ca_file=self._settings.ca_file, client_certificate=client_certificate)
            pool = self._transport.pool(Origin(host, port, tls), _POLICY)
            return ApnsSender(pool, authority, self._clock, expire_time=credential.expire_time)
        signing_key = load_signing_key(credential.secret)
        # APNs ties a connection to the team and key of its first request.
        identity = f"{signing_key.team_id}/{signing_key.key_id}"
        pool = self._transport.pool(Origin(host, port, TlsIdentity(self._settings.ca_file), identity), _POLICY)
        return ApnsSender(pool, authority, self._clock, tokens=ProviderTokens(signing_key, self._clock))


def _certificate(credentials: Mapping[CredentialKind, Credential]) -> x509.Certificate | None:
    credential = credentials.get(_CERTIFICATE)
    return None if credential is None else load_client_certificate(credential.secret)[1]


def _choose(channel: Channel, message: ApnsMessage) -> CredentialKind | Outcome:
    """Return the kind of credential to send with: what the message prefers, else the channel, else what is there."""
    present = channel.credentials
    default = (
        channel.config.default_authentication_method
        if isinstance(channel.config, ApnsConfig)
        else channel_pb2.APNS_AUTHENTICATION_METHOD_UNSPECIFIED
    )
    preferred = _KIND_OF_METHOD.get(message.preferred_authentication_method)
    kind = preferred or _KIND_OF_METHOD.get(default)
    if kind is None:
        kind = _CERTIFICATE if _CERTIFICATE in present and _SIGNING_KEY not in present else _SIGNING_KEY
    push_type = payload.effective_push_type(message, channel.type)
    if push_type in _SIGNING_KEY_ONLY:
        name = _SIGNING_KEY_ONLY[push_type]
        if preferred == _CERTIFICATE:
            text = f"APNs takes {name} with a signing key only, and the message prefers the certificate"
            return refusal(err.ERROR_REASON_CONTENT_INVALID, text)
        if _SIGNING_KEY not in present:
            text = f"APNs takes {name} with a signing key only, and the channel has none"
            return refusal(err.ERROR_REASON_CREDENTIAL_MISSING, text)
        return _SIGNING_KEY
    if not present:
        text = "the channel has no credential; UpdateChannel with a signing key or a certificate"
        return refusal(err.ERROR_REASON_CREDENTIAL_MISSING, text)
    if kind not in present:
        text = f"the channel has no {_NAMES[kind]}, which message or channel prefers; UpdateChannel with it"
        return refusal(err.ERROR_REASON_CREDENTIAL_MISSING, text)
    return kind


def _check_bundle_id(bundle_id: str, topics: tuple[str, ...], *, has_signing_key: bool) -> FieldViolation | None:
    if not bundle_id:
        if has_signing_key:
            text = "is required with a signing key, which serves all apps of a team"
            return FieldViolation("bundle_id", err.ERROR_REASON_FIELD_REQUIRED, text)
        return None
    if len(bundle_id) > 155:
        text = f"has {len(bundle_id)} characters; the most is 155"
        return FieldViolation("bundle_id", err.ERROR_REASON_FIELD_TOO_LONG, text)
    if not _BUNDLE_ID.fullmatch(bundle_id):
        text = "must consist of letters, digits, . and -, such as com.example.app"
        return FieldViolation("bundle_id", err.ERROR_REASON_FIELD_MALFORMED, text)
    if topics and not any(topic == bundle_id or topic.startswith(f"{bundle_id}.") for topic in topics):
        text = f"is not what the channel's certificate is for, which is {topics[0]}; give one or remove the other"
        return FieldViolation("bundle_id", err.ERROR_REASON_FIELD_CONFLICT, text)
    return None
