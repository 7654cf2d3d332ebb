"""What an operator may set for ADM: `CLARION_ADM__ENDPOINT` and so on."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, field_validator

from clarion_server.providers import endpoints


class AdmSettings(BaseModel):
    """Where ADM and Amazon's token endpoint are.

    Attributes:
        endpoint: `https://HOST` or `https://HOST:PORT` of ADM.
        token_endpoint: https URL that trades security profiles for access tokens.
        ca_file: PEM file with the only certificate authorities to trust, for both; None: the system's.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    endpoint: str = "https://api.amazon.com"
    token_endpoint: str = "https://api.amazon.com/auth/O2/token"  # noqa: S105 - an address, no secret
    ca_file: str | None = None

    @field_validator("endpoint")
    @classmethod
    def _origin(cls, value: str) -> str:
        endpoints.https_origin(value)
        return value

    @field_validator("token_endpoint")
    @classmethod
    def _url(cls, value: str) -> str:
        endpoints.https_url(value)
        return value

    @field_validator("ca_file")
    @classmethod
    def _authorities(cls, value: str | None) -> str | None:
        return endpoints.ca_file(value)
