"""Bearer tokens of the server itself, and the keys that sign them."""

from __future__ import annotations

import base64
import dataclasses
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from clarion_server.access.authenticator import Authenticator
from clarion_server.access.model import ANONYMOUS, CredentialType, Identity, IdentityKind
from clarion_server.access.signing_keys import (
    SigningKeys,
    SigningKeysUnusable,
    create_signing_keys,
    rotate_signing_keys,
)
from clarion_server.access.tokens import MAX_TOKEN_BYTES, OwnTokens
from clarion_server.errors import ClarionError, TokenExpired, TokenInvalid, TokenRequired
from tests.support.identities import Authority, Hand

ACCOUNT = "000000000000"
ANN = Identity(f"arn:aws:iam::{ACCOUNT}:user/ann", ACCOUNT, IdentityKind.USER, "ann", CredentialType.TOKEN)


class Setting:
    """Keys, tokens and an authenticator on one clock."""

    def __init__(self, tmp_path: Path) -> None:
        self.file = tmp_path / "keys.json"
        create_signing_keys(self.file)
        self.clock = Hand()
        self.tokens = self.other(audience="clarion")
        self.authenticator = Authenticator(
            self.tokens,
            {},
            account=ACCOUNT,
            certificate_users={"spiffe://prod/billing/api": "billing"},
            leeway=10,
            now=self.clock.now,
            clock=self.clock,
        )

    def other(self, *, audience: str, issuer: str = "me") -> OwnTokens:
        """Return a signer with the same keys."""
        keys = SigningKeys(self.file, self.clock)
        return OwnTokens(keys, issuer=issuer, audience=audience, leeway=10, now=self.clock.now)

    async def identify(self, token: str | None, certificate: bytes | None = None) -> Identity:
        """Ask who bears a token."""
        return await self.authenticator.identify(f"Bearer {token}" if token is not None else None, certificate)

    async def refusal(self, token: str) -> ClarionError:
        """Return the error of a token."""
        with pytest.raises(ClarionError) as caught:
            await self.identify(token)
        assert token not in str(caught.value)
        return caught.value


@pytest.fixture
def setting(tmp_path: Path) -> Setting:
    """Provide keys and an authenticator."""
    return Setting(tmp_path)


async def test_a_token_gives_back_whom_it_was_made_for(setting: Setting) -> None:
    """Everything that is known about a session comes back from its token, with its own id and end."""
    session = Identity(
        arn=f"arn:aws:sts::{ACCOUNT}:assumed-role/sender/s-1",
        account=ACCOUNT,
        kind=IdentityKind.ASSUMED_ROLE,
        name="sender",
        credential=CredentialType.TOKEN,
        session_name="s-1",
        session_policies=('{"Version": "2012-10-17", "Statement": []}', "ü" * 500),
        tags={"team": "é"},
        mfa=True,
        principal_id="AROA1",
    )
    token, end = setting.tokens.issue(session, 900)
    got = await setting.identify(token)
    assert (end - setting.clock.now()).total_seconds() == 900
    assert got.credential_id
    assert dataclasses.replace(got, credential_id="", expire_time=None) == session
    assert got.expire_time == end
    again = setting.tokens.issue(session, 900)[0]
    assert (await setting.identify(again)).credential_id != got.credential_id


async def test_a_token_ends(setting: Setting) -> None:
    """A token works until its end and a little longer, for clocks that differ; also one that is remembered."""
    token = setting.tokens.issue(ANN, 60)[0]
    await setting.identify(token)
    setting.clock.seconds += 69
    await setting.identify(token)
    setting.clock.seconds += 2
    assert isinstance(await setting.refusal(token), TokenExpired)
    setting.authenticator._known.clear()
    assert isinstance(await setting.refusal(token), TokenExpired)


def forged(setting: Setting, *, header: dict[str, Any] | None = None, key: Any = None, **claims: Any) -> str:
    """Return a token of the server with other claims, header or key."""
    key_id, own = SigningKeys(setting.file).active()
    token = setting.tokens.issue(ANN, 600)[0]
    body = {**jwt.decode(token, options={"verify_signature": False}), **claims}
    body = {name: value for name, value in body.items() if value is not None}
    usual = {"kid": key_id, "typ": "clarion+jwt", **(header or {})}
    return jwt.encode(body, key or own, algorithm="EdDSA", headers=usual)


async def test_forged_tokens_are_refused(setting: Setting) -> None:
    """Another key, another key's id, another audience or issuer, no end, not yet begun, another type: all refused."""
    now = int(setting.clock.now().timestamp())
    await setting.identify(forged(setting))  # else this test would prove nothing
    for token in (
        forged(setting, key=Ed25519PrivateKey.generate()),
        forged(setting, header={"kid": "other"}),
        forged(setting, header={"typ": "JWT"}),
        forged(setting, aud="other"),
        forged(setting, iss="other"),
        forged(setting, exp=None),
        forged(setting, sub=None),
        forged(setting, exp="never"),
        forged(setting, exp=float("nan")),
        forged(setting, exp=float("inf")),
        forged(setting, exp=10**400),
        forged(setting, nbf=now + 60),
        forged(setting, clarion=None),
        forged(setting, clarion={"kind": "Root"}),
        setting.other(audience="elsewhere").issue(ANN, 60)[0],
    ):
        assert isinstance(await setting.refusal(token), (TokenInvalid, TokenExpired))


async def test_algorithm_is_pinned(setting: Setting) -> None:
    """`none`, and HMAC with the public key as its secret, prove nothing."""
    key_id, key = SigningKeys(setting.file).active()
    token = setting.tokens.issue(ANN, 600)[0]
    claims = jwt.decode(token, options={"verify_signature": False})

    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    header = {"alg": "none", "kid": key_id, "typ": "clarion+jwt"}
    assert isinstance(await setting.refusal(f"{part(header)}.{part(claims)}."), TokenInvalid)
    hmac = jwt.encode(
        claims,
        key.public_key().public_bytes_raw(),
        algorithm="HS256",
        headers={"kid": key_id, "typ": "clarion+jwt"},
    )
    assert isinstance(await setting.refusal(hmac), TokenInvalid)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer  ",
        "Basic dTpw",
        "Bearer x",
        "Bearer a.b.c",
        "Bearer é",
        "Bearer " + "x" * 100_000,
        "token",
    ],
)
async def test_what_is_no_token(setting: Setting, header: str) -> None:
    """What is no token is refused as such, and is no fault of the server."""
    with pytest.raises(TokenInvalid):
        await setting.authenticator.identify(header, None)


async def test_nothing_given(setting: Setting) -> None:
    """Who gives neither token nor certificate is told what to give."""
    with pytest.raises(TokenRequired, match="Bearer"):
        await setting.authenticator.identify(None, None)


async def test_rotation(setting: Setting) -> None:
    """After a rotation new tokens have the new key and old ones go on, until their key is not kept any more."""
    old = setting.tokens.issue(ANN, 3600)[0]
    key_id = rotate_signing_keys(setting.file, keep=1)
    setting.clock.seconds += 2
    new = setting.tokens.issue(ANN, 3600)[0]
    assert jwt.get_unverified_header(new)["kid"] == key_id != jwt.get_unverified_header(old)["kid"]
    for token in (old, new):
        assert (await setting.identify(token)).arn == ANN.arn
    rotate_signing_keys(setting.file, keep=1)
    setting.clock.seconds += 62  # what is remembered is checked again after a minute
    assert isinstance(await setting.refusal(old), TokenInvalid)
    await setting.identify(new)


def test_key_file(tmp_path: Path) -> None:
    """The file is private, is never replaced by a second start, and is refused when others can read it."""
    file = tmp_path / "deep" / "keys.json"
    create_signing_keys(file)
    content = file.read_bytes()
    create_signing_keys(file)
    assert file.read_bytes() == content
    assert file.stat().st_mode & 0o777 == 0o600
    assert "PRIVATE" not in repr(SigningKeys(file))
    file.chmod(0o640)
    with pytest.raises(SigningKeysUnusable, match="chmod 600"):
        SigningKeys(file)


@pytest.mark.parametrize(
    "content", ["", "[]", '{"version": 1}', '{"version": 1, "active": "a", "keys": {"b": "c2VjcmV0"}}', "c2Vj"]
)
def test_broken_key_file(tmp_path: Path, content: str) -> None:
    """A file that holds no keys is refused by its name, and none of it is quoted."""
    file = tmp_path / "keys.json"
    file.write_text(content)
    file.chmod(0o600)
    with pytest.raises(SigningKeysUnusable, match=r"keys\.json") as caught:
        SigningKeys(file)
    assert "c2VjcmV0" not in str(caught.value)


def test_a_broken_change_keeps_the_old_keys(setting: Setting) -> None:
    """A key file that is damaged while the server runs does not take its keys away."""
    keys = SigningKeys(setting.file, setting.clock)
    before = keys.active()[0]
    setting.file.write_text("nonsense")
    setting.clock.seconds += 2
    assert keys.active()[0] == before


def test_too_large_for_a_request(setting: Setting) -> None:
    """No token is made that would not fit into the headers of a request."""
    with pytest.raises(ValueError, match=str(MAX_TOKEN_BYTES)):
        setting.tokens.issue(dataclasses.replace(ANN, session_policies=("x" * MAX_TOKEN_BYTES,)), 60)


@pytest.mark.parametrize(
    ("common_name", "uris", "expected"),
    [
        ("ann", (), "ann"),
        ("ann", ("spiffe://prod/bob",), "bob"),
        ("ann", ("spiffe://prod/billing/api",), "billing"),
        (None, ("spiffe://prod/bob", "https://x/"), "bob"),
        ("ann", ("https://x/",), "ann"),
        ("ann", ("spiffe://prod/a/b",), None),
        ("ann", ("spiffe://prod/a", "spiffe://prod/b"), None),
        ("not a name", (), None),
        (None, (), None),
    ],
)
async def test_client_certificates(
    setting: Setting, common_name: str | None, uris: tuple[str, ...], expected: str | None
) -> None:
    """A certificate is the user of its SPIFFE id, else of its common name; one that names nobody is refused."""
    setting.clock.seconds = datetime.now(UTC).timestamp() - 1_700_000_000
    pem, _ = Authority().issue(common_name, uris=uris)
    if expected is None:
        with pytest.raises(TokenInvalid):
            await setting.identify(None, pem)
        return
    identity = await setting.identify(None, pem)
    assert identity.arn == f"arn:aws:iam::{ACCOUNT}:user/{expected}"
    assert identity.credential is CredentialType.CLIENT_CERTIFICATE
    assert len(identity.credential_id) == 64
    setting.clock.seconds += 2 * 3600
    with pytest.raises(TokenExpired):
        await setting.identify(None, pem)


async def test_a_token_counts_more_than_a_certificate(setting: Setting) -> None:
    """Over a connection with a certificate a token says who calls, and a wrong one is not made up for."""
    pem, _ = Authority().issue("bob")
    token = setting.tokens.issue(ANN, 60)[0]
    assert (await setting.identify(token, pem)).name == "ann"
    with pytest.raises(TokenInvalid):
        await setting.identify("nonsense", pem)


def test_nobody() -> None:
    """Nobody has no account, so that no policy of an account applies to it."""
    assert (ANONYMOUS.arn, ANONYMOUS.account) == ("anonymous", "")
