"""Provider tokens: their form, and when they change."""

from __future__ import annotations

from itertools import pairwise

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarion.v1.channel_pb2 import ApnsSigningKey
from clarion_server.providers.apns.auth import BUCKET, MIN_INTERVAL, ProviderTokens, sign_token
from clarion_server.providers.apns.credentials import SigningKey, load_signing_key, read_signing_key

_START = 1_900_000_000 // BUCKET * BUCKET
_DAY = 24 * 3600


class _Clock:
    def __init__(self, now: float = _START) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def key(signing_key: ApnsSigningKey) -> SigningKey:
    """Return a signing key, ready to sign."""
    credential, _ = read_signing_key(signing_key)
    assert credential is not None
    return load_signing_key(credential.secret)


def _issued_at(token: str) -> int:
    issued_at = jwt.decode(token, options={"verify_signature": False})["iat"]
    assert isinstance(issued_at, int)
    return issued_at


def test_the_token_is_what_apple_asks_for(key: SigningKey) -> None:
    """An independent JWT library verifies the token as ES256; header and claims are kid, iss and iat alone."""
    token = sign_token(key, _START)
    claims = jwt.decode(token, key.private_key.public_key(), algorithms=["ES256"], options={"verify_iat": False})
    assert claims == {"iss": "TEAM123456", "iat": _START}
    assert jwt.get_unverified_header(token) == {"alg": "ES256", "kid": "KEY1234567"}


def test_all_workers_present_the_same_token(key: SigningKey) -> None:
    """Two sources asked at different times of one bucket give the same bytes."""
    one, other = ProviderTokens(key, _Clock(_START + 3)), ProviderTokens(key, _Clock(_START + BUCKET - 1))
    assert one.current() == other.current()


def test_a_simulated_day(key: SigningKey) -> None:
    """Asked each minute of a day, the token is never of the future nor 60 minutes old, and changes each 35 minutes."""
    clock = _Clock()
    tokens = ProviderTokens(key, clock)
    seen: list[int] = []
    for second in range(0, _DAY, 60):
        clock.now = _START + second + 0.5
        issued_at = _issued_at(tokens.current())
        assert 0 <= clock.now - issued_at < 3600
        if not seen or seen[-1] != issued_at:
            seen.append(issued_at)
    assert seen == [_START + n * BUCKET for n in range(len(seen))]
    assert len(seen) == _DAY // BUCKET + 1


def test_a_renewed_token_is_fresh_and_stays_until_a_bucket_begins(key: SigningKey) -> None:
    """After renew() the `iat` is that of now, to the minute, until the next bucket takes over."""
    clock = _Clock(_START + MIN_INTERVAL + 30)
    tokens = ProviderTokens(key, clock)
    old = tokens.current()
    assert tokens.renew()
    fresh = tokens.current()
    assert fresh != old
    assert _issued_at(fresh) == _START + MIN_INTERVAL
    clock.now = _START + 2 * BUCKET - 1
    assert tokens.current() == fresh
    clock.now = _START + 2 * BUCKET
    assert _issued_at(tokens.current()) == _START + 2 * BUCKET


def test_a_young_token_is_not_renewed(key: SigningKey) -> None:
    """Many answers that call the old token expired renew it once; within 20 minutes nothing changes it again."""
    clock = _Clock(_START + MIN_INTERVAL - 1)
    tokens = ProviderTokens(key, clock)
    assert not tokens.renew()
    clock.now += 1
    assert [tokens.renew() for _ in range(1000)] == [True] + [False] * 999
    fresh = tokens.current()
    clock.now += MIN_INTERVAL - 60
    assert not tokens.renew()
    assert tokens.current() == fresh


def test_a_clock_set_back_gives_no_token_of_the_future(key: SigningKey) -> None:
    """When the clock goes back behind a renewed token, the bucket's token is used again."""
    clock = _Clock(_START + MIN_INTERVAL)
    tokens = ProviderTokens(key, clock)
    assert tokens.renew()
    clock.now = _START + 10
    assert _issued_at(tokens.current()) == _START


@given(
    start=st.integers(0, BUCKET),
    steps=st.lists(st.tuples(st.integers(1, 2000), st.booleans()), min_size=1, max_size=60),
)
def test_however_often_it_is_renewed(key: SigningKey, start: int, steps: list[tuple[int, bool]]) -> None:
    """Whatever renewals come, a token is below 60 minutes old and renewals leave 20 minutes (less rounding) between."""
    clock = _Clock(_START + start)
    tokens = ProviderTokens(key, clock)
    issued = [_issued_at(tokens.current())]
    for wait, renew in steps:
        clock.now += wait
        if renew:
            tokens.renew()
        issued_at = _issued_at(tokens.current())
        assert 0 <= clock.now - issued_at < 3600
        if issued_at != issued[-1]:
            issued.append(issued_at)
    gaps = [later - earlier for earlier, later in pairwise(issued)]
    assert all(gap >= MIN_INTERVAL for gap in gaps)
