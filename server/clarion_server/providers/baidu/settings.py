"""What an operator may set for Baidu: `CLARION_BAIDU__ENDPOINT` and so on."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, field_validator

from clarion_server.providers import endpoints


class BaiduSettings(BaseModel):
    """Where Baidu Cloud Push is.

    Attributes:
        endpoint: `https://HOST` or `https://HOST:PORT`; `https://api.push.baidu.com` is another name of the service.
        ca_file: PEM file with the only certificate authorities to trust; None: the system's.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    endpoint: str = "https://api.tuisong.baidu.com"
    ca_file: str | None = None

    @field_validator("endpoint")
    @classmethod
    def _origin(cls, value: str) -> str:
        endpoints.https_origin(value)
        return value

    @field_validator("ca_file")
    @classmethod
    def _authorities(cls, value: str | None) -> str | None:
        return endpoints.ca_file(value)
