"""What an operator may set for FCM: `CLARION_FCM__ENDPOINT` and so on."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, field_validator

from clarion_server.providers import endpoints


class FcmSettings(BaseModel):
    """Where FCM and Google's token endpoint are.

    Attributes:
        endpoint: `https://HOST` or `https://HOST:PORT` of FCM.
        token_endpoint: https URL that trades service accounts for access tokens, whatever their `token_uri` says; None:
            the service account's own `token_uri`.
        ca_file: PEM file with the only certificate authorities to trust, for both; None: the system's.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    endpoint: str = "https://fcm.googleapis.com"
    token_endpoint: str | None = None
    ca_file: str | None = None

    @field_validator("endpoint")
    @classmethod
    def _origin(cls, value: str) -> str:
        endpoints.https_origin(value)
        return value

    @field_validator("token_endpoint")
    @classmethod
    def _url(cls, value: str | None) -> str | None:
        if value is not None:
            endpoints.https_url(value)
        return value

    @field_validator("ca_file")
    @classmethod
    def _authorities(cls, value: str | None) -> str | None:
        return endpoints.ca_file(value)
