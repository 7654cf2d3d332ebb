"""Access tokens from a real HTTPS server on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import jwt
import pytest
import pytest_asyncio
import trustme

from clarion.v1 import error_pb2, messaging_pb2
from clarion_server.providers.access_tokens import AccessTokens
from clarion_server.providers.contract import Outcome
from clarion_server.providers.fcm.credentials import ServiceAccount
from clarion_server.providers.fcm.token_endpoint import GRANT_TYPE, SCOPE, TokenEndpoint
from clarion_server.providers.token_client import AccessToken
from tests.unit.providers.fcm import keys

_WAIT = 20.0  # against hanging only


def _answer(status: int, content: Any, *headers: str) -> bytes:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    head = [f"HTTP/1.1 {status} Status", f"content-length: {len(body)}", *headers]
    return "\r\n".join([*head, "", ""]).encode() + body


def _token(number: int, expires_in: Any = 3600) -> bytes:
    return _answer(200, {"access_token": f"ya29.token-{number}", "expires_in": expires_in, "token_type": "Bearer"})


@dataclass
class TokenServer:
    """A token endpoint that answers from a list and keeps what it was asked.

    Attributes:
        answers: bytes to answer with, first to last; then a numbered token each. Empty bytes: close without answer.
        asked: the forms that came.
        hold: while it is cleared, answers wait.
    """

    ca_file: str
    url: str = ""
    answers: list[bytes] = field(default_factory=list)
    asked: list[dict[str, str]] = field(default_factory=list)
    heads: list[str] = field(default_factory=list)
    hold: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                length = next(
                    int(line.split(":")[1]) for line in head.split("\r\n") if line.lower().startswith("content-length")
                )
                form = parse_qs((await reader.readexactly(length)).decode(), strict_parsing=True)
                self.heads.append(head)
                self.asked.append({key: values[0] for key, values in form.items()})
                await self.hold.wait()
                answer = self.answers.pop(0) if self.answers else _token(len(self.asked))
                if not answer:
                    break
                writer.write(answer)
                await writer.drain()
        writer.close()


@pytest_asyncio.fixture
async def server(tmp_path: Path) -> AsyncIterator[TokenServer]:
    """A token server with a certificate of its own authority."""
    authority = trustme.CA()
    ca_file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    made = TokenServer(str(ca_file))
    made.hold.set()
    listener = await asyncio.start_server(made.serve, "localhost", 0, ssl=context)
    made.url = f"https://localhost:{listener.sockets[0].getsockname()[1]}/token"
    yield made
    listener.close()


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still."""
    return Clock()


@pytest_asyncio.fixture
async def endpoint(server: TokenServer, clock: Clock) -> AsyncIterator[TokenEndpoint]:
    """The endpoint under test, without pauses between attempts."""
    made = TokenEndpoint(server.url, server.ca_file, clock, pauses=(0.0, 0.0))
    yield made
    await made.aclose()


def _account(token_uri: str = keys.TOKEN_URI) -> ServiceAccount:
    return ServiceAccount("demo-project", "sender@demo", keys.pem(keys.rsa_key()), "key-1", token_uri)


@pytest_asyncio.fixture
async def tokens(endpoint: TokenEndpoint, clock: Clock) -> AsyncIterator[AccessTokens]:
    """The tokens of one service account."""
    made = AccessTokens(partial(endpoint.fetch, _account()), clock, "FCM")
    yield made
    await made.aclose()


async def _authorize(tokens: AccessTokens) -> Outcome | None:
    async with asyncio.timeout(_WAIT):
        return await tokens.authorize()


async def _until(condition: Any) -> None:
    async with asyncio.timeout(_WAIT):
        while not condition():  # noqa: ASYNC110 - what is waited for is not ours to signal
            await asyncio.sleep(0.001)


async def test_the_assertion_is_what_google_checks(endpoint: TokenEndpoint, server: TokenServer, clock: Clock) -> None:
    """RS256 by the account's key, its key id, issuer, scope, audience and an hour; posted as a form."""
    answer = await endpoint.fetch(_account())
    assert answer == AccessToken("ya29.token-1", clock.now + 3600)
    (form,) = server.asked
    assert form["grant_type"] == GRANT_TYPE
    assert set(form) == {"grant_type", "assertion"}
    assert jwt.get_unverified_header(form["assertion"]) == {"alg": "RS256", "typ": "JWT", "kid": "key-1"}
    claims = jwt.decode(
        form["assertion"],
        keys.rsa_key().public_key(),
        algorithms=["RS256"],
        audience=keys.TOKEN_URI,
        options={"verify_exp": False, "verify_iat": False},
    )
    assert claims == {
        "iss": "sender@demo",
        "scope": SCOPE,
        "aud": keys.TOKEN_URI,
        "iat": int(clock.now),
        "exp": int(clock.now) + 3600,
    }
    assert server.heads[0].startswith("POST /token HTTP/1.1\r\n")
    assert "content-type: application/x-www-form-urlencoded" in server.heads[0].lower()


async def test_without_an_override_the_account_s_token_uri_is_used(server: TokenServer, clock: Clock) -> None:
    """The assertion goes where the key file says."""
    endpoint = TokenEndpoint(None, server.ca_file, clock)
    assert isinstance(await endpoint.fetch(_account(token_uri=server.url)), AccessToken)
    await endpoint.aclose()


@pytest.mark.parametrize(
    ("expires_in", "seconds"), [("1800", 1800), (1800, 1800), (None, 3600), (10**9, 86400)], ids=str
)
async def test_expires_in(
    endpoint: TokenEndpoint, server: TokenServer, clock: Clock, expires_in: Any, seconds: int
) -> None:
    """A number or a text; an hour when absent; at most a day."""
    server.answers.append(_token(1, expires_in))
    answer = await endpoint.fetch(_account())
    assert isinstance(answer, AccessToken)
    assert answer.expires_at == clock.now + seconds


async def test_ten_waiters_one_request(tokens: AccessTokens, server: TokenServer) -> None:
    """Who asks while a request is under way waits for it, and later the token is at hand."""
    server.hold.clear()
    waiters = [asyncio.create_task(_authorize(tokens)) for _ in range(10)]
    await _until(lambda: server.asked)
    server.hold.set()
    assert await asyncio.gather(*waiters) == [None] * 10
    assert await _authorize(tokens) is None
    assert tokens.value == "ya29.token-1"
    assert len(server.asked) == 1


async def test_ready_only_while_there_is_nothing_to_do(tokens: AccessTokens, clock: Clock) -> None:
    """Without a token, with one that is to be replaced, and with one that was refused, `authorize` has to be asked."""
    assert not tokens.ready()
    assert await _authorize(tokens) is None
    assert tokens.ready()
    clock.now += 3600 - 224
    assert not tokens.ready()
    clock.now -= 3600 - 224 - 60
    assert tokens.ready()
    tokens.renew()
    assert not tokens.ready()


async def test_a_cancelled_waiter_does_not_cancel_the_others(tokens: AccessTokens, server: TokenServer) -> None:
    """The first waiter starts the request, but does not own it."""
    server.hold.clear()
    first = asyncio.create_task(tokens.authorize())
    await _until(lambda: server.asked)
    second = asyncio.create_task(_authorize(tokens))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    server.hold.set()
    assert await second is None
    assert len(server.asked) == 1


async def test_refresh_in_the_background(tokens: AccessTokens, server: TokenServer, clock: Clock) -> None:
    """225 seconds before its end the old token still serves while the new one is fetched, once."""
    assert await _authorize(tokens) is None
    clock.now += 3600 - 226
    assert await _authorize(tokens) is None
    assert len(server.asked) == 1
    clock.now += 2
    server.hold.clear()
    assert [await _authorize(tokens) for _ in range(3)] == [None] * 3
    assert tokens.value == "ya29.token-1"
    await _until(lambda: len(server.asked) == 2)
    server.hold.set()
    await _until(lambda: tokens.value == "ya29.token-2")
    assert len(server.asked) == 2


async def test_a_failed_refresh_keeps_the_token_until_its_end(
    tokens: AccessTokens, server: TokenServer, clock: Clock
) -> None:
    """A broken token endpoint is not felt while the old token is good, and is when it is over."""
    assert await _authorize(tokens) is None
    clock.now += 3600 - 100
    server.answers += [_answer(500, b"")] * 6
    assert await _authorize(tokens) is None
    await _until(lambda: len(server.asked) == 4)
    assert await _authorize(tokens) is None
    assert tokens.value == "ya29.token-1"
    clock.now += 100
    outcome = await _authorize(tokens)
    assert outcome is not None
    assert outcome.reason == error_pb2.ERROR_REASON_PROVIDER_UNAVAILABLE
    assert tokens.value == ""


async def test_renew(tokens: AccessTokens, server: TokenServer, clock: Clock) -> None:
    """After `renew` there is a new token; refusals of the old one that come later do not cost the new one."""
    assert await _authorize(tokens) is None
    clock.now += 60
    tokens.renew()
    assert await _authorize(tokens) is None
    tokens.renew()
    assert await _authorize(tokens) is None
    assert tokens.value == "ya29.token-2"
    assert len(server.asked) == 2


async def test_renew_takes_no_token_from_those_who_are_sending(
    tokens: AccessTokens, server: TokenServer, clock: Clock
) -> None:
    """Until the new token is there the old value stays, for who is authorized already; others wait for the new one."""
    assert await _authorize(tokens) is None
    clock.now += 60
    server.hold.clear()
    tokens.renew()
    waiting = asyncio.create_task(_authorize(tokens))
    await _until(lambda: len(server.asked) == 2)
    assert tokens.value == "ya29.token-1"
    assert not waiting.done()
    server.hold.set()
    assert await waiting is None
    assert tokens.value == "ya29.token-2"


async def test_a_refused_token_is_not_used_when_there_is_no_new_one(
    tokens: AccessTokens, server: TokenServer, clock: Clock
) -> None:
    """After `renew`, a failure to get a new token is the answer, although the old one has not ended."""
    assert await _authorize(tokens) is None
    clock.now += 60
    tokens.renew()
    server.answers += [_answer(500, b"")] * 3
    outcome = await _authorize(tokens)
    assert outcome is not None
    assert outcome.reason == error_pb2.ERROR_REASON_PROVIDER_UNAVAILABLE


@pytest.mark.parametrize(
    "failure",
    [
        _answer(408, b""),
        _answer(429, b""),
        _answer(500, b"<html>"),
        _answer(503, {"error": "temporarily_unavailable"}),
        _answer(504, b""),
        _answer(400, {"error": "server_error"}),
        _answer(400, {"error": "other", "error_description": "internal_failure"}),
        b"",
        b"no HTTP at all\r\n\r\n",
    ],
)
async def test_what_may_pass_is_tried_again(endpoint: TokenEndpoint, server: TokenServer, failure: bytes) -> None:
    """Twice more at most, and the third answer counts."""
    server.answers += [failure, failure]
    assert isinstance(await endpoint.fetch(_account()), AccessToken)
    assert len(server.asked) == 3
    server.answers += [failure] * 3
    outcome = await endpoint.fetch(_account())
    assert isinstance(outcome, Outcome)
    assert outcome.status in (
        messaging_pb2.DELIVERY_STATUS_TEMPORARY_FAILURE,
        messaging_pb2.DELIVERY_STATUS_THROTTLED,
    )
    assert not outcome.credential_broken
    assert len(server.asked) == 6


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("invalid_grant", "clock"),
        ("invalid_client", "account"),
        ("invalid_scope", "account"),
        ("unauthorized_client", "account"),
        ("invalid_request", "assertion"),
        ("new_error", "check the service account"),
    ],
)
async def test_a_refused_account(
    tokens: AccessTokens, server: TokenServer, clock: Clock, error: str, words: str
) -> None:
    """It is broken for all targets, not tried again at once, and asked again after a while."""
    server.answers.append(_answer(400, {"error": error, "error_description": "Invalid JWT Signature."}))
    for _ in range(3):
        outcome = await _authorize(tokens)
        assert outcome is not None
        assert outcome.reason == error_pb2.ERROR_REASON_CREDENTIAL_REJECTED
        assert outcome.status == messaging_pb2.DELIVERY_STATUS_PERMANENT_FAILURE
        assert outcome.credential_broken
        assert outcome.provider_reason == error
        assert outcome.status_code == 400
        assert words in outcome.message
    assert len(server.asked) == 1
    clock.now += 60
    assert await _authorize(tokens) is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"access_token": 7}',
        b'{"access_token": "two\\r\\nlines"}',
        b'{"access_token": "t", "expires_in": -1}',
        b'{"access_token": "t", "expires_in": true}',
        b'{"access_token": "t", "expires_in": "soon"}',
        b'{"access_token": "' + b"t" * 100_000 + b'"}',
    ],
)
async def test_an_unusable_token_is_a_temporary_failure(
    endpoint: TokenEndpoint, server: TokenServer, body: bytes
) -> None:
    """What cannot be a header, has no life, or is endless is not used."""
    server.answers += [_answer(200, body)] * 3
    outcome = await endpoint.fetch(_account())
    assert isinstance(outcome, Outcome)
    assert outcome.reason == error_pb2.ERROR_REASON_PROVIDER_ANSWER_UNKNOWN
    assert outcome.status == messaging_pb2.DELIVERY_STATUS_TEMPORARY_FAILURE


@pytest.mark.parametrize("body", [b"", b"<html>blocked</html>", b'{"error": [], "error_description": []}'])
async def test_a_refusal_that_is_not_of_google_condemns_nothing(
    endpoint: TokenEndpoint, server: TokenServer, body: bytes
) -> None:
    """A proxy's 403 is no verdict on the service account."""
    server.answers += [_answer(403, body)] * 3
    outcome = await endpoint.fetch(_account())
    assert isinstance(outcome, Outcome)
    assert outcome.reason == error_pb2.ERROR_REASON_PROVIDER_ANSWER_UNKNOWN
    assert not outcome.credential_broken


async def test_redirects_are_not_followed(endpoint: TokenEndpoint, server: TokenServer) -> None:
    """The assertion does not go where an answer points."""
    server.answers += [_answer(307, b"", f"location: {server.url}2")] * 3
    outcome = await endpoint.fetch(_account())
    assert isinstance(outcome, Outcome)
    assert outcome.status_code == 307
    assert all(head.startswith("POST /token HTTP") for head in server.heads)


async def test_an_unknown_authority(server: TokenServer, clock: Clock) -> None:
    """Without `ca_file` the server's certificate is not trusted, and nothing is sent."""
    endpoint = TokenEndpoint(server.url, None, clock, pauses=())
    outcome = await endpoint.fetch(_account())
    assert isinstance(outcome, Outcome)
    assert outcome.reason == error_pb2.ERROR_REASON_TLS_FAILED
    assert outcome.origin == messaging_pb2.ORIGIN_TRANSPORT
    assert not server.asked
    await endpoint.aclose()


async def test_nobody_there(clock: Clock) -> None:
    """A closed port is a temporary failure that says so."""
    listener = await asyncio.start_server(lambda *_: None, "localhost", 0)
    port = listener.sockets[0].getsockname()[1]
    listener.close()
    await listener.wait_closed()
    endpoint = TokenEndpoint(f"https://localhost:{port}/token", None, clock, pauses=())
    outcome = await endpoint.fetch(_account())
    assert isinstance(outcome, Outcome)
    assert outcome.reason == error_pb2.ERROR_REASON_CONNECT_FAILED
    assert outcome.status == messaging_pb2.DELIVERY_STATUS_TEMPORARY_FAILURE
    await endpoint.aclose()


async def test_a_missing_ca_file(clock: Clock, tmp_path: Path) -> None:
    """One that is gone since the server started, and looked at it, is told with the setting's name."""
    endpoint = TokenEndpoint(None, str(tmp_path / "none.pem"), clock, pauses=())
    outcome = await endpoint.fetch(_account())
    assert isinstance(outcome, Outcome)
    assert outcome.reason == error_pb2.ERROR_REASON_TLS_FAILED
    assert outcome.status == messaging_pb2.DELIVERY_STATUS_TEMPORARY_FAILURE
    assert "ca_file" in outcome.message
    await endpoint.aclose()


async def test_closing_answers_those_who_wait(tokens: AccessTokens, server: TokenServer) -> None:
    """A server that stops does not leave a target without a result."""
    server.hold.clear()
    waiter = asyncio.create_task(_authorize(tokens))
    await _until(lambda: server.asked)
    await tokens.aclose()
    outcome = await waiter
    assert outcome is not None
    assert outcome.reason == error_pb2.ERROR_REASON_SHUTTING_DOWN
    server.hold.set()


async def test_nothing_secret_is_logged_or_shown(
    tokens: AccessTokens, server: TokenServer, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither assertion nor token appears in logs, reprs and outcomes, even if the answer echoes the assertion."""
    caplog.set_level(logging.DEBUG)
    server.hold.clear()
    waiter = asyncio.create_task(_authorize(tokens))
    await _until(lambda: server.asked)
    sent = server.asked[0]["assertion"]
    server.answers.append(_answer(400, {"error": "invalid_grant", "error_description": sent}))
    server.hold.set()
    outcome = await waiter
    assert outcome is not None
    printed = capsys.readouterr()
    seen = caplog.text + printed.out + printed.err + repr(outcome) + repr(AccessToken("ya29.secret", 0.0))
    assert "no access token" in seen
    assert "ya29.secret" not in seen
    assert sent not in seen
    assert sent.rsplit(".", 1)[1] not in seen
