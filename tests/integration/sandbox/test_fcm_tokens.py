"""The emulated token endpoint."""

from __future__ import annotations

import time
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from clarion_server.sandbox import Sandbox
from clarion_server.sandbox.certificates import pem_key
from tests.integration.sandbox.clients import GRANT_TYPE, FcmClient
from tests.integration.sandbox.conftest import SimulatedClock


def error(answer: httpx.Response) -> str:
    """Return the error of a refused request, which must have a description."""
    assert answer.status_code == 400
    assert answer.json()["error_description"]
    return str(answer.json()["error"])


async def test_token_for_a_good_assertion(sandbox: Sandbox) -> None:
    """A good assertion gets a new bearer token each time, in HTTP/1.1 and HTTP/2."""
    tokens = set()
    for http2 in (False, True):
        async with FcmClient(sandbox.info, http2=http2) as client:
            answer = await client.ask_for_token()
            assert answer.status_code == 200
            assert answer.http_version == ("HTTP/2" if http2 else "HTTP/1.1")
            body = answer.json()
            assert (body["token_type"], body["expires_in"]) == ("Bearer", 3599)
            tokens.add(body["access_token"])
    assert len(tokens) == 2


async def test_audience(sandbox: Sandbox, fcm: FcmClient) -> None:
    """Google's address and the sandbox's own are the audience, nothing else is."""
    assert (await fcm.ask_for_token(aud=sandbox.info.token_endpoint)).status_code == 200
    for audience in ("https://example.com/token", None):
        assert error(await fcm.ask_for_token(aud=audience)) == "invalid_grant"


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "stranger@example.com"},
        {"iss": None},
        {"iat": None},
        {"exp": None},
        {"exp": "soon"},
    ],
)
async def test_bad_claims_are_an_invalid_grant(fcm: FcmClient, claims: dict[str, Any]) -> None:
    """Issuer and times must be there and of the right kind."""
    assert error(await fcm.ask_for_token(**claims)) == "invalid_grant"


@pytest.mark.parametrize("times", [{"exp": -10}, {"exp": 4000}, {"iat": 600, "exp": 1200}], ids=str)
async def test_bad_times_are_an_invalid_grant(fcm: FcmClient, times: dict[str, int]) -> None:
    """An assertion that has ended, one for more than an hour, and one from the future are refused."""
    now = int(time.time())
    claims: dict[str, Any] = {name: now + seconds for name, seconds in times.items()}
    assert error(await fcm.ask_for_token(**claims)) == "invalid_grant"


async def test_assertion_is_checked_by_the_sandbox_s_clock(fcm: FcmClient, clock: SimulatedClock) -> None:
    """An assertion of an hour ago is too old."""
    clock.moved = 3700
    assert error(await fcm.ask_for_token()) == "invalid_grant"


@pytest.mark.parametrize("scope", [None, "", "messaging", "https://www.googleapis.com/auth/firebase.messaging openid"])
async def test_bad_scopes(fcm: FcmClient, scope: str | None) -> None:
    """Scopes must be there and be Google's."""
    assert error(await fcm.ask_for_token(scope=scope)) == "invalid_scope"


async def test_signature(fcm: FcmClient) -> None:
    """The assertion must be signed with the account's own key, by RS256 and under its id."""
    stranger = pem_key(rsa.generate_private_key(public_exponent=65537, key_size=2048)).decode()
    claims = jwt.decode(fcm.assertion(), options={"verify_signature": False})
    for assertion in (
        fcm.assertion(private_key=stranger),
        fcm.assertion(key_id="0" * 40),
        jwt.encode(claims, "secret" * 10, "HS256"),
        jwt.encode(claims, "", "none"),
        "no.jwt.atall",
        "ü",
    ):
        form = {"grant_type": GRANT_TYPE, "assertion": assertion}
        assert error(await fcm.ask_for_token(form)) == "invalid_grant"


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ({"assertion": "x"}, "invalid_request"),
        ({"grant_type": GRANT_TYPE}, "invalid_request"),
        ({"grant_type": "password", "assertion": "x"}, "unsupported_grant_type"),
    ],
)
async def test_form(fcm: FcmClient, form: dict[str, str], expected: str) -> None:
    """The form must have both fields, and the grant type of assertions."""
    assert error(await fcm.ask_for_token(form)) == expected


async def test_method_and_content_type(fcm: FcmClient) -> None:
    """Only a form by POST is served, with each field once."""
    url = fcm.info.token_endpoint
    assert error(await fcm.http.get(url)) == "invalid_request"
    as_json = {"grant_type": GRANT_TYPE, "assertion": fcm.assertion()}
    assert error(await fcm.http.post(url, json=as_json)) == "invalid_request"
    form = {"content-type": "application/x-www-form-urlencoded"}
    assert error(await fcm.http.post(url, content=b"grant_type=a&grant_type=b", headers=form)) == "invalid_request"
