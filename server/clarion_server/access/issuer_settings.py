"""What an operator may set for another issuer whose tokens are taken: `CLARION_ISSUERS`."""

from __future__ import annotations

from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator

Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class IssuerSettings(BaseModel):
    """One issuer whose tokens are taken.

    Attributes:
        issuer: `iss` of its tokens, exactly.
        audience: one of the tokens' `aud` must be this.
        jwks_url: where its keys are: https, or http on this machine.
        algorithms: the only ones that are taken.
        principal_claim: the claim that names the principal.
        principal: what that claim is: `user`, the name of a user of this server; `federated`, a name that this server
            does not know, for policies that name `arn:aws:sts::ACCOUNT:federated-user/NAME`; `arn`, a whole ARN, also
            of another account: only for an issuer that is trusted to name anybody.
        tags_claim: a claim that holds an object of texts, which become principal tags; empty: none.
        ca_file: PEM file with the only authorities to trust for `jwks_url`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    issuer: str = Field(min_length=1)
    audience: str = Field(min_length=1)
    jwks_url: str
    algorithms: tuple[Algorithm, ...] = Field(default=("RS256",), min_length=1)
    principal_claim: str = Field(default="sub", min_length=1)
    principal: Literal["user", "federated", "arn"] = "user"
    tags_claim: str = ""
    ca_file: str | None = None

    @field_validator("jwks_url")
    @classmethod
    def _private(cls, value: str) -> str:
        parts = urlsplit(value)
        if not parts.hostname or not (
            parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
        ):
            raise ValueError("must be an https URL (http only on this machine): who can change the keys can be anybody")
        return value
