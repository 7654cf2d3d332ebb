"""What an operator may set for FCM: `CLARION_FCM__ENDPOINT` and so on."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from clarion_server.providers.endpoints import CaFile, HttpsOrigin, HttpsUrl


class FcmSettings(BaseModel):
    """Where FCM and Google's token endpoint are.

    Attributes:
        endpoint: `https://HOST` or `https://HOST:PORT` of FCM.
        token_endpoint: https URL that trades service accounts for access tokens, whatever their `token_uri` says; None:
            the service account's own `token_uri`.
        ca_file: PEM file with the only certificate authorities to trust, for both; None: the system's.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    endpoint: HttpsOrigin = "https://fcm.googleapis.com"
    token_endpoint: HttpsUrl | None = None
    ca_file: CaFile = None
