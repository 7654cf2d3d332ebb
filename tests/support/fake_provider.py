"""A provider with simple rules, for tests of what lies above the providers."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from google.protobuf.message import Message as ProtoMessage

from clarion.v1 import channel_pb2, error_pb2
from clarion.v1.channel_pb2 import ApnsConfig, ChannelType, CredentialKind, FcmConfig
from clarion_server.errors import FieldViolation
from clarion_server.model import Channel, Credential
from clarion_server.providers.contract import Content, Outcome, Payload, Sender, Verification

APNS_TYPES = frozenset(
    {
        channel_pb2.CHANNEL_TYPE_APNS,
        channel_pb2.CHANNEL_TYPE_APNS_SANDBOX,
        channel_pb2.CHANNEL_TYPE_APNS_VOIP,
        channel_pb2.CHANNEL_TYPE_APNS_VOIP_SANDBOX,
    }
)
EXPIRY = datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC)
"""When every certificate of the fake APNs provider expires."""


class FakeProvider:
    """Reads any credential whose secret is not `broken`, and knows one rule of each kind that a real provider has."""

    def __init__(
        self,
        settings_field: str,
        channel_types: frozenset[ChannelType],
        credential_fields: Mapping[str, CredentialKind],
    ) -> None:
        self.settings_field = settings_field
        self.channel_types = channel_types
        self.credential_fields = credential_fields

    def read_credentials(self, settings: ProtoMessage) -> tuple[dict[CredentialKind, Credential], list[FieldViolation]]:
        """Read whatever is not broken."""
        good: dict[CredentialKind, Credential] = {}
        violations = []
        for name, kind in self.credential_fields.items():
            if not settings.HasField(name):
                continue
            message: Any = getattr(settings, name)
            secret = message.SerializeToString(deterministic=True)
            if not secret or b"broken" in secret:
                reason = error_pb2.ERROR_REASON_CREDENTIAL_INVALID
                violations.append(FieldViolation(name, reason, "cannot be read; give one that is not broken"))
                continue
            is_certificate = kind == channel_pb2.CREDENTIAL_KIND_APNS_CERTIFICATE
            good[kind] = Credential(
                kind=kind,
                public_id=getattr(message, "key_id", ""),
                fingerprint=hashlib.sha256(secret).hexdigest(),
                secret=secret,
                expire_time=EXPIRY if is_certificate else None,
                team_id=getattr(message, "team_id", ""),
            )
        return good, violations

    def configure(
        self, channel_type: ChannelType, settings: Any, credentials: Mapping[CredentialKind, Credential]
    ) -> tuple[ApnsConfig | FcmConfig | None, list[FieldViolation]]:
        """Apply one rule on a field alone, and one between a field and a credential."""
        if self.settings_field == "fcm":
            presentation = settings.presentation or channel_pb2.FCM_PRESENTATION_SYSTEM
            return FcmConfig(
                default_authentication_method=settings.default_authentication_method, presentation=presentation
            ), []
        if self.settings_field != "apns":
            return None, []
        violations = []
        if " " in settings.bundle_id:
            reason = error_pb2.ERROR_REASON_FIELD_MALFORMED
            violations.append(FieldViolation("bundle_id", reason, "has a space; remove it"))
        if not settings.bundle_id and channel_pb2.CREDENTIAL_KIND_APNS_SIGNING_KEY in credentials:
            reason = error_pb2.ERROR_REASON_FIELD_REQUIRED
            violations.append(FieldViolation("bundle_id", reason, "is required with a signing key"))
        return ApnsConfig(
            bundle_id=settings.bundle_id, default_authentication_method=settings.default_authentication_method
        ), violations

    def check_message(self, message: Any) -> list[FieldViolation]:
        """Find nothing."""
        return []

    def sender(self, channel: Channel, message: Any) -> Sender | Outcome:
        """Refuse: this provider does not send."""
        raise NotImplementedError

    def render(self, channel: Channel, content: Content) -> Payload | Outcome:
        """Refuse: this provider does not send."""
        raise NotImplementedError

    async def verify(self, channel: Channel, kind: CredentialKind) -> Verification:
        """Find every credential valid."""
        return Verification(channel_pb2.VERDICT_VALID, "fine")


def fake_providers() -> dict[ChannelType, FakeProvider]:
    """Return a provider for each of the seven channel types."""
    apns = FakeProvider(
        "apns",
        APNS_TYPES,
        {
            "signing_key": channel_pb2.CREDENTIAL_KIND_APNS_SIGNING_KEY,
            "certificate": channel_pb2.CREDENTIAL_KIND_APNS_CERTIFICATE,
        },
    )
    fcm = FakeProvider(
        "fcm",
        frozenset({channel_pb2.CHANNEL_TYPE_FCM}),
        {
            "service_account": channel_pb2.CREDENTIAL_KIND_FCM_SERVICE_ACCOUNT,
            "legacy_key": channel_pb2.CREDENTIAL_KIND_FCM_LEGACY_KEY,
        },
    )
    adm = FakeProvider(
        "adm", frozenset({channel_pb2.CHANNEL_TYPE_ADM}), {"client": channel_pb2.CREDENTIAL_KIND_ADM_CLIENT}
    )
    baidu = FakeProvider(
        "baidu", frozenset({channel_pb2.CHANNEL_TYPE_BAIDU}), {"key_pair": channel_pb2.CREDENTIAL_KIND_BAIDU_KEY_PAIR}
    )
    return {each: provider for provider in (apns, fcm, adm, baidu) for each in provider.channel_types}
