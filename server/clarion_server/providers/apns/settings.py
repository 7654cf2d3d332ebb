"""What an operator may set for APNs: `CLARION_APNS__PRODUCTION_ENDPOINT` and so on."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, field_validator

from clarion_server.providers import endpoints


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
        endpoints.https_origin(value)
        return value

    @field_validator("ca_file")
    @classmethod
    def _authorities(cls, value: str | None) -> str | None:
        return endpoints.ca_file(value)

    def host_and_port(self, *, production: bool) -> tuple[str, int]:
        """Return host and port of APNs' production or development environment."""
        return endpoints.https_origin(self.production_endpoint if production else self.sandbox_endpoint)
