"""What an operator may set for APNs: `CLARION_APNS__PRODUCTION_ENDPOINT` and so on."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, field_validator

from clarion.v1 import channel_pb2
from clarion.v1.channel_pb2 import ChannelType
from clarion_server.providers.checks import ca_file as readable_authorities
from clarion_server.providers.checks import https_origin

PRODUCTION_TYPES = frozenset({channel_pb2.CHANNEL_TYPE_APNS, channel_pb2.CHANNEL_TYPE_APNS_VOIP})
VOIP_TYPES = frozenset({channel_pb2.CHANNEL_TYPE_APNS_VOIP, channel_pb2.CHANNEL_TYPE_APNS_VOIP_SANDBOX})


class ApnsSettings(BaseModel):
    """Where APNs is.

    Attributes:
        production_endpoint: `https://HOST` or `https://HOST:PORT` for `APNS` and `APNS_VOIP`. Apple also listens on
            port 2197, for networks that let no other HTTPS out.
        sandbox_endpoint: the same for `APNS_SANDBOX` and `APNS_VOIP_SANDBOX`.
        ca_file: PEM file with the only certificate authorities to trust; None: the system's.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    production_endpoint: str = "https://api.push.apple.com"
    sandbox_endpoint: str = "https://api.sandbox.push.apple.com"
    ca_file: str | None = None

    @field_validator("production_endpoint", "sandbox_endpoint")
    @classmethod
    def _origin_only(cls, value: str) -> str:
        https_origin(value)
        return value

    @field_validator("ca_file")
    @classmethod
    def _authorities(cls, value: str | None) -> str | None:
        return readable_authorities(value)

    def host_and_port(self, channel_type: ChannelType) -> tuple[str, int]:
        """Return host and port that serve a channel type."""
        production = channel_type in PRODUCTION_TYPES
        return https_origin(self.production_endpoint if production else self.sandbox_endpoint)
