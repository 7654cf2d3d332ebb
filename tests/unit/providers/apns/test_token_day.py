"""Provider tokens of many processes over a day, by a simulated clock and an APNs that counts."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise

import jwt
import pytest

from clarion.v1.channel_pb2 import ApnsSigningKey
from clarion_server.providers.apns.auth import BUCKET, ProviderTokens
from clarion_server.providers.apns.credentials import SigningKey, load_signing_key, read_signing_key

_DAY = 24 * 3600
_STEP = 20
_HOUR = 3600
_SHORTEST = 20 * 60


@dataclass
class _Clock:
    now: float

    def __call__(self) -> float:
        return self.now


@dataclass
class _Worker:
    """One process: its tokens, since when it runs, and the times at which its token changed."""

    clock: _Clock
    tokens: ProviderTokens
    starts: float
    last: str = ""
    issued: list[float] = field(default_factory=list)

    def present(self, now: float, made: dict[str, float]) -> str:
        """Return the token that the process presents now; note when it changes."""
        self.clock.now = now
        token = self.tokens.current()
        made.setdefault(token, now)
        if token != self.last:
            self.last = token
            self.issued.append(now)
        return token


@pytest.fixture(scope="module")
def key(signing_key: ApnsSigningKey) -> SigningKey:
    """Return a signing key, ready to sign."""
    credential, _ = read_signing_key(signing_key)
    assert credential is not None
    return load_signing_key(credential.secret)


@cache
def _issue_time(token: str) -> int:
    issued_at = jwt.decode(token, options={"verify_signature": False})["iat"]
    assert isinstance(issued_at, int)
    return issued_at


@pytest.mark.parametrize("phase", [0, 1, 600, BUCKET // 2, BUCKET - 1200, BUCKET - 1])
def test_a_day_of_many_processes(key: SigningKey, phase: int) -> None:
    """Processes that start at any time present the same token at each moment, below 60 minutes old, 35 minutes long."""
    begin = 1_900_000_000 // BUCKET * BUCKET + phase
    chosen = random.Random(phase)
    workers = []
    for _ in range(6):
        clock = _Clock(begin)
        workers.append(_Worker(clock, ProviderTokens(key, clock), begin + chosen.uniform(0, _DAY / 2)))
    made: dict[str, float] = {}
    for step in range(0, _DAY, _STEP):
        now = begin + step + 0.5
        presented = {worker.present(now, made) for worker in workers if worker.starts <= now}
        assert len(presented) <= 1
        for token in presented:
            assert 0 <= now - _issue_time(token) < _HOUR
    for worker in workers:
        # The first is as old as its period when the process starts.
        assert all(later - earlier >= _SHORTEST for earlier, later in pairwise(worker.issued[1:]))
    issued = sorted({_issue_time(token) for token in made})
    assert all(later - earlier == BUCKET for earlier, later in pairwise(issued))


@pytest.mark.parametrize("seed", range(8))
def test_processes_that_are_forced_to_renew_agree(key: SigningKey, seed: int) -> None:
    """Of many processes some are told, at different times within a period, that their token expired.

    At each moment they all present one token, and the others one. No process changes its token within 20 minutes, none
    presents one of 60 minutes, and when the forced one ends all present the same again.
    """
    begin = 1_900_000_000 // BUCKET * BUCKET
    chosen = random.Random(seed)
    workers = []
    for _ in range(6):
        clock = _Clock(begin)
        workers.append(_Worker(clock, ProviderTokens(key, clock), begin))
    # In one period, since when the token has been there for 20 minutes.
    told = {index: begin + 3 * BUCKET + chosen.uniform(_SHORTEST, BUCKET) for index in chosen.sample(range(6), 3)}
    over = begin + 5 * BUCKET
    made: dict[str, float] = {}
    forced: set[int] = set()
    for step in range(0, _DAY, _STEP):
        now = begin + step + 0.5
        for index, when in told.items():
            if index not in forced and now >= when:
                workers[index].present(now, made)
                assert workers[index].tokens.renew()
                assert not any(workers[index].tokens.renew() for _ in range(100))
                forced.add(index)
        presented = [worker.present(now, made) for worker in workers]
        assert all(0 <= now - _issue_time(token) < _HOUR for token in presented)
        others = {token for index, token in enumerate(presented) if index not in forced or now >= over}
        assert len(others) == 1
        assert len({presented[index] for index in forced}) <= 1
        if forced and now < over:
            assert {presented[index] for index in forced} != others
    assert forced == set(told)
    for worker in workers:
        assert all(later - earlier >= _SHORTEST for earlier, later in pairwise(worker.issued))
    assert len(made) == -(-_DAY // BUCKET) + 1, "one renewal for all of them"


def test_a_clock_that_stays_wrong(key: SigningKey) -> None:
    """A process that is told so again and again renews, but never within 20 minutes, nor gets a token an hour old."""
    begin = 1_900_000_000 // BUCKET * BUCKET
    clock = _Clock(begin)
    worker = _Worker(clock, ProviderTokens(key, clock), begin)
    made: dict[str, float] = {}
    for step in range(0, _DAY, _STEP):
        now = begin + step + 0.5
        worker.present(now, made)
        worker.tokens.renew()
        assert 0 <= now - _issue_time(worker.present(now, made)) < _HOUR
    assert all(later - earlier >= _SHORTEST for earlier, later in pairwise(worker.issued))


@pytest.mark.parametrize("phase", range(0, BUCKET, 137))
def test_only_an_expired_token_forces_a_renewal(key: SigningKey, phase: int) -> None:
    """One process is told at some time that its token expired: it changes once for that, and never within 20 minutes.

    What it presented before the answer may be of any age up to 35 minutes. The answer forces one change, and none when
    the token was younger than 20 minutes, for then the clock is wrong.
    """
    begin = 1_900_000_000 // BUCKET * BUCKET
    clock = _Clock(begin)
    worker = _Worker(clock, ProviderTokens(key, clock), begin)
    made: dict[str, float] = {}
    told_at = begin + 3 * BUCKET + phase
    told = False
    for step in range(0, _DAY // 4, _STEP):
        now = begin + step + 0.5
        if not told and now >= told_at:
            told = True
            before = worker.present(now, made)
            forced = worker.tokens.renew()
            assert forced == (now - _issue_time(before) >= _SHORTEST)
            assert (worker.present(now, made) != before) == forced
            # All others that were under way say the same, and change nothing.
            assert not any(worker.tokens.renew() for _ in range(100))
        token = worker.present(now, made)
        assert 0 <= now - _issue_time(token) < _HOUR
    assert told
    assert all(later - earlier >= _SHORTEST for earlier, later in pairwise(worker.issued))
    issued = [_issue_time(token) for token in made]
    assert all(later - earlier >= _SHORTEST for earlier, later in pairwise(issued))
