"""What an operator may set for Baidu: `CLARION_BAIDU__ENDPOINT` and so on."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from clarion_server.providers.endpoints import CaFile, HttpsOrigin


class BaiduSettings(BaseModel):
    """Where Baidu Cloud Push is.

    Attributes:
        endpoint: `https://HOST` or `https://HOST:PORT`; `https://api.push.baidu.com` is another name of the service.
        ca_file: PEM file with the only certificate authorities to trust; None: the system's.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    endpoint: HttpsOrigin = "https://api.tuisong.baidu.com"
    ca_file: CaFile = None
