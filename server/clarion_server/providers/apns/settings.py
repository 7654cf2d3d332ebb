"""What an operator may set for APNs: `CLARION_APNS__PRODUCTION_ENDPOINT` and so on."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from clarion_server.providers.endpoints import CaFile, HttpsOrigin, https_origin


class ApnsSettings(BaseModel):
    """Where APNs is.

    Attributes:
        production_endpoint: `https://HOST` or `https://HOST:PORT` for `APNS` and `APNS_VOIP`. Apple also listens on
            port 2197, for networks that let no other HTTPS out.
        sandbox_endpoint: the same for `APNS_SANDBOX` and `APNS_VOIP_SANDBOX`.
        ca_file: PEM file with the only certificate authorities to trust; None: the system's.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    production_endpoint: HttpsOrigin = "https://api.push.apple.com"
    sandbox_endpoint: HttpsOrigin = "https://api.sandbox.push.apple.com"
    ca_file: CaFile = None

    def host_and_port(self, *, production: bool) -> tuple[str, int]:
        """Return host and port of APNs' production or development environment."""
        return https_origin(self.production_endpoint if production else self.sandbox_endpoint)
