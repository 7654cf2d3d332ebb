"""What an operator may set for ADM: `CLARION_ADM__ENDPOINT` and so on."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from clarion_server.providers.endpoints import CaFile, HttpsOrigin, HttpsUrl


class AdmSettings(BaseModel):
    """Where ADM and Amazon's token endpoint are.

    Attributes:
        endpoint: `https://HOST` or `https://HOST:PORT` of ADM.
        token_endpoint: https URL that trades security profiles for access tokens.
        ca_file: PEM file with the only certificate authorities to trust, for both; None: the system's.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    endpoint: HttpsOrigin = "https://api.amazon.com"
    token_endpoint: HttpsUrl = "https://api.amazon.com/auth/O2/token"  # noqa: S105 - an address, no secret
    ca_file: CaFile = None
