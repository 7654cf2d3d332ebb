"""Amazon Device Messaging as far as this build goes: it stores and checks, and does not send."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from google.protobuf.message import Message as ProtoMessage

from clarion.v1 import channel_pb2
from clarion.v1.channel_pb2 import AdmSettings, CredentialKind
from clarion.v1.message_pb2 import AdmMessage
from clarion_server.errors import FieldViolation
from clarion_server.model import Credential
from clarion_server.providers.adm.check import check_message
from clarion_server.providers.adm.credentials import read_credentials
from clarion_server.providers.unavailable import UnavailableProvider


class AdmProvider(UnavailableProvider):
    """Amazon Device Messaging. Implements `Provider`."""

    channel_types = frozenset({channel_pb2.CHANNEL_TYPE_ADM})
    settings_field = "adm"
    credential_fields: Mapping[str, CredentialKind] = {"client": channel_pb2.CREDENTIAL_KIND_ADM_CLIENT}

    def __init__(self) -> None:
        super().__init__("Amazon Device Messaging")

    def read_credentials(self, settings: ProtoMessage) -> tuple[dict[CredentialKind, Credential], list[FieldViolation]]:
        """Read and check the credential, if there is one."""
        return read_credentials(cast("AdmSettings", settings))

    def check_message(self, message: AdmMessage) -> list[FieldViolation]:
        """Check bounds of a message."""
        return check_message(message)
