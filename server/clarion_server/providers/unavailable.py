"""What those providers share that this build stores and checks for, and cannot send to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.protobuf.message import Message as ProtoMessage

from clarion.v1 import error_pb2
from clarion.v1.channel_pb2 import ChannelType, CredentialKind
from clarion_server.errors import FieldViolation
from clarion_server.model import Channel, Credential
from clarion_server.providers.contract import Content, Outcome, Verification, refusal
from clarion_server.providers.verifying import cannot_tell


class UnavailableProvider:
    """Half of a `Provider`: no settings but the credential, and ERROR_REASON_CHANNEL_UNAVAILABLE for every target.

    Args:
        name: the provider's, for people.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._unavailable = refusal(
            error_pb2.ERROR_REASON_CHANNEL_UNAVAILABLE,
            f"channel type not available in this build: {name} cannot be sent to yet",
        )

    def configure(
        self,
        channel_type: ChannelType,  # noqa: ARG002 - there is one
        settings: ProtoMessage,  # noqa: ARG002 - nothing but the credential
        credentials: Mapping[CredentialKind, Credential],  # noqa: ARG002
    ) -> tuple[None, list[FieldViolation]]:
        """Return None: the channel has no settings but its credential."""
        return None, []

    def sender(self, channel: Channel, message: Any) -> Outcome:  # noqa: ARG002 - the same for all
        """Refuse: this build cannot send."""
        return self._unavailable

    def render(self, channel: Channel, content: Content) -> Outcome:  # noqa: ARG002 - the same for all
        """Refuse: this build cannot send."""
        return self._unavailable

    async def verify(self, channel: Channel, kind: CredentialKind) -> Verification:  # noqa: ARG002 - the same for all
        """Say that this build cannot ask."""
        return cannot_tell(f"cannot tell: not available in this build, which cannot ask {self._name} yet")
