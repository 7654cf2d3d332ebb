"""Tokens of other issuers, and their keys, fetched from a real web server."""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.utils import base64url_encode

from clarion_server.access.issuer_settings import IssuerSettings
from clarion_server.access.jwks import KeySet, key_client
from clarion_server.access.oidc import Issuer
from clarion_server.access_model import CredentialType, Identity, IdentityKind
from clarion_server.errors import ClarionError, IdentityUnavailable, TokenExpired, TokenInvalid
from tests.support.identities import Hand, TestIssuer, open_issuer

ACCOUNT = "000000000000"


@asynccontextmanager
async def trusting(source: TestIssuer, clock: Hand | None = None, **more: Any) -> AsyncIterator[Issuer]:
    """Provide what checks the tokens of an issuer."""
    async with key_client(None) as client:
        settings = IssuerSettings.model_validate(source.settings(**more))
        keys = KeySet(settings.jwks_url, client, clock or Hand())
        issuer = Issuer(settings, keys, account=ACCOUNT, leeway=10)
        yield issuer
        await issuer.aclose()


async def verify(issuer: Issuer, token: str) -> Identity:
    """Check a token as the authenticator does."""
    return await issuer.verify(token, jwt.get_unverified_header(token))


async def test_a_user() -> None:
    """A token of the issuer is the user that its claim names, with the tags and the second factor that it says."""
    async with open_issuer() as source, trusting(source, principal_claim="name", tags_claim="tags") as issuer:
        token = source.token(name="ann", jti="7", amr=["pwd", "mfa"], tags={"team": "a", "n": 1})
        identity = await verify(issuer, token)
        assert (identity.arn, identity.kind) == (f"arn:aws:iam::{ACCOUNT}:user/ann", IdentityKind.USER)
        assert identity.credential is CredentialType.OIDC_TOKEN
        assert (identity.credential_id, identity.mfa, dict(identity.tags)) == ("7", True, {"team": "a"})
        assert identity.expire_time is not None


@pytest.mark.parametrize(
    ("principal", "subject", "kind", "account"),
    [
        ("federated", "ann", IdentityKind.FEDERATED, ACCOUNT),
        ("arn", "arn:aws:iam::111122223333:user/team/bob", IdentityKind.USER, "111122223333"),
        ("arn", "arn:aws:sts::111122223333:assumed-role/r/s-1", IdentityKind.ASSUMED_ROLE, "111122223333"),
        ("arn", "arn:aws:iam::111122223333:role/r", None, ""),
        ("arn", "arn:aws:iam::1:user/x", None, ""),
        ("arn", "ann", None, ""),
        ("user", "arn:aws:iam::111122223333:user/bob", None, ""),
        ("user", "a/b", None, ""),
        ("federated", "", None, ""),
    ],
)
async def test_other_principals(principal: str, subject: str, kind: IdentityKind | None, account: str) -> None:
    """Only an issuer that is trusted with whole ARNs can name others than this server's own users."""
    async with open_issuer() as source, trusting(source, principal=principal) as issuer:
        if kind is None:
            with pytest.raises(TokenInvalid):
                await verify(issuer, source.token(sub=subject))
        else:
            identity = await verify(issuer, source.token(sub=subject))
            assert (identity.kind, identity.account) == (kind, account)


@pytest.mark.parametrize(
    ("claims", "error"),
    [
        ({"aud": "other"}, TokenInvalid),
        ({"aud": None}, TokenInvalid),
        ({"iss": "https://other/"}, TokenInvalid),
        ({"exp": 1}, TokenExpired),
        ({"exp": None}, TokenInvalid),
        ({"nbf": 1 << 40}, TokenInvalid),
        ({"algorithm": "RS512"}, TokenInvalid),
        ({"key_id": "k2"}, TokenInvalid),
        ({"sub": 7}, TokenInvalid),
    ],
)
async def test_wrong_tokens(claims: dict[str, Any], error: type[ClarionError]) -> None:
    """Audience, issuer, times, algorithm and key must be right."""
    async with open_issuer() as source, trusting(source) as issuer:
        source.add_key("k2", publish=False)
        await verify(issuer, source.token())
        with pytest.raises(error):
            await verify(issuer, source.token(**claims))


async def test_symmetric_keys_among_published_ones_are_passed_over() -> None:
    """A token that is signed with a published symmetric key, or with a public key as HMAC secret, proves nothing."""
    async with open_issuer() as source, trusting(source) as issuer:
        source.extra = [
            {"kty": "oct", "kid": "sym", "k": base64url_encode(b"secretsecret" * 3).decode(), "alg": "HS256"}
        ]
        claims = jwt.decode(source.token(), options={"verify_signature": False})
        token = jwt.encode(claims, "secretsecret" * 3, algorithm="HS256", headers={"kid": "sym"})
        with pytest.raises(TokenInvalid):
            await verify(issuer, token)
        public = source.keys["k1"].public_key().public_bytes(Encoding.DER, PublicFormat.PKCS1)
        header = {"alg": "HS256", "typ": "JWT", "kid": "k1"}
        signed = ".".join(base64url_encode(json.dumps(part).encode()).decode() for part in (header, claims))
        token = f"{signed}.{base64url_encode(hmac.digest(public, signed.encode(), 'sha256')).decode()}"
        with pytest.raises(TokenInvalid):
            await verify(issuer, token)
        await verify(issuer, source.token())


async def test_one_fetch_for_all_who_wait() -> None:
    """A hundred callers at once make one request, and one who leaves does not take the keys from the others."""
    async with open_issuer() as source, trusting(source) as issuer:
        source.hold.clear()
        callers = [asyncio.create_task(verify(issuer, source.token())) for _ in range(100)]
        await source.asked.wait()
        callers[0].cancel()
        source.hold.set()
        results = await asyncio.gather(*callers, return_exceptions=True)
        assert isinstance(results[0], asyncio.CancelledError)
        assert all(isinstance(each, Identity) for each in results[1:])
        assert source.fetches == 1


async def test_new_keys_are_found_and_unknown_ones_do_not_flood() -> None:
    """An unknown key makes the issuer be asked again, but not more than once in ten seconds however many are named."""
    clock = Hand()
    async with open_issuer() as source, trusting(source, clock) as issuer:
        await verify(issuer, source.token())
        source.add_key("k2")
        with pytest.raises(TokenInvalid):  # asked a moment ago
            await verify(issuer, source.token(key_id="k2"))
        clock.seconds += 11
        await verify(issuer, source.token(key_id="k2"))
        source.add_key("forged", publish=False)
        for _ in range(50):
            with pytest.raises(TokenInvalid):
                await verify(issuer, source.token(key_id="forged"))
        assert source.fetches == 2


async def test_a_withdrawn_key_stops_working() -> None:
    """Keys are fetched again while they are used, so one that the issuer withdraws is refused soon."""
    clock = Hand()
    async with open_issuer() as source, trusting(source, clock) as issuer:
        source.add_key("k2")
        old = source.token()
        await verify(issuer, old)
        source.published.remove("k1")
        clock.seconds += 601
        await verify(issuer, old)  # the new keys are fetched meanwhile
        await issuer._keys._refresh()
        assert source.fetches == 2
        clock.seconds += 11
        with pytest.raises(TokenInvalid):
            await verify(issuer, old)


async def test_issuer_that_does_not_answer() -> None:
    """Without keys nobody is refused as a forger: the call is unavailable. Keys that are known are good for a day."""
    clock = Hand()
    async with open_issuer() as source, trusting(source, clock) as issuer:
        source.answers = False
        with pytest.raises(IdentityUnavailable):
            await verify(issuer, source.token())
        source.answers = True
        clock.seconds += 11
        await verify(issuer, source.token())
        source.answers = False
        clock.seconds += 23 * 3600
        await verify(issuer, source.token())
        clock.seconds += 2 * 3600
        with pytest.raises(IdentityUnavailable):
            await verify(issuer, source.token())
