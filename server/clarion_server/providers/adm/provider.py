"""Amazon Device Messaging as far as this build goes: it stores and checks, and does not send."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from google.protobuf.message import Message as ProtoMessage

from clarion.v1 import channel_pb2, error_pb2
from clarion.v1.channel_pb2 import AdmSettings, ChannelType, CredentialKind
from clarion.v1.message_pb2 import AdmMessage
from clarion_server.errors import FieldViolation
from clarion_server.model import Channel, Credential
from clarion_server.providers.adm.check import check_message
from clarion_server.providers.adm.credentials import read_credentials
from clarion_server.providers.contract import Content, Outcome, refusal

_UNAVAILABLE = refusal(
    error_pb2.ERROR_REASON_CHANNEL_UNAVAILABLE,
    "channel type not available in this build: Amazon Device Messaging cannot be sent to yet",
)


class AdmProvider:
    """Amazon Device Messaging. Implements `Provider`; every target gets ERROR_REASON_CHANNEL_UNAVAILABLE."""

    channel_types = frozenset({channel_pb2.CHANNEL_TYPE_ADM})
    settings_field = "adm"
    credential_fields: Mapping[str, CredentialKind] = {"client": channel_pb2.CREDENTIAL_KIND_ADM_CLIENT}

    def read_credentials(self, settings: ProtoMessage) -> tuple[dict[CredentialKind, Credential], list[FieldViolation]]:
        """Read and check the credential, if there is one."""
        return read_credentials(cast("AdmSettings", settings))

    def configure(
        self,
        channel_type: ChannelType,  # noqa: ARG002 - there is one
        settings: ProtoMessage,  # noqa: ARG002 - nothing but the credential
        credentials: Mapping[CredentialKind, Credential],  # noqa: ARG002
    ) -> tuple[None, list[FieldViolation]]:
        """Return None: the channel has no settings but its credential."""
        return None, []

    def check_message(self, message: AdmMessage) -> list[FieldViolation]:
        """Check bounds of a message."""
        return check_message(message)

    def sender(self, channel: Channel, message: AdmMessage) -> Outcome:  # noqa: ARG002 - the same for all
        """Refuse: this build cannot send."""
        return _UNAVAILABLE

    def render(self, channel: Channel, content: Content) -> Outcome:  # noqa: ARG002 - the same for all
        """Refuse: this build cannot send."""
        return _UNAVAILABLE
