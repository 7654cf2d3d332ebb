"""Baidu Cloud Push as far as this build goes: it stores and checks, and does not send."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from google.protobuf.message import Message as ProtoMessage

from clarion.v1 import channel_pb2
from clarion.v1.channel_pb2 import BaiduSettings, CredentialKind
from clarion.v1.message_pb2 import BaiduMessage
from clarion_server.errors import FieldViolation
from clarion_server.model import Credential
from clarion_server.providers.baidu.check import check_message
from clarion_server.providers.baidu.credentials import read_credentials
from clarion_server.providers.unavailable import UnavailableProvider


class BaiduProvider(UnavailableProvider):
    """Baidu Cloud Push. Implements `Provider`."""

    channel_types = frozenset({channel_pb2.CHANNEL_TYPE_BAIDU})
    settings_field = "baidu"
    credential_fields: Mapping[str, CredentialKind] = {"key_pair": channel_pb2.CREDENTIAL_KIND_BAIDU_KEY_PAIR}

    def __init__(self) -> None:
        super().__init__("Baidu Cloud Push")

    def read_credentials(self, settings: ProtoMessage) -> tuple[dict[CredentialKind, Credential], list[FieldViolation]]:
        """Read and check the credential, if there is one."""
        return read_credentials(cast("BaiduSettings", settings))

    def check_message(self, message: BaiduMessage) -> list[FieldViolation]:
        """Check bounds of a message."""
        return check_message(message)
