from __future__ import annotations

from clarion_server.quotas.model import ProcessBeat
from clarion_server.quotas.sharing import ALIVE, BEAT_INTERVAL, FORGOTTEN, IDLE, Sharing

SETTLED = 1.5


class _Database:
    """The signs of life that all see."""

    def __init__(self) -> None:
        self.beats: dict[str, ProcessBeat] = {}

    def look(self, sharing: Sharing, now: float) -> float:
        sign = sharing.sign(now)
        if sign is not None:
            self.beats[sign.id] = sign
            sharing.told(sign, now)
        for ended in sharing.observe(list(self.beats.values()), now):
            del self.beats[ended]
        return sharing.share(now, SETTLED)


def test_alone() -> None:
    """One process has all, whether it sends or not."""
    database, one = _Database(), Sharing("1")
    assert database.look(one, 0.0) == 1
    one.used(0.1)
    assert database.look(one, 0.5) == 1
    assert database.look(one, 50.0) == 1


def test_processes_that_send_share_equally() -> None:
    """Idle ones leave their part to the others, and take an equal part of all while they begin."""
    database, one, two, three = _Database(), Sharing("1"), Sharing("2"), Sharing("3")
    for each in (one, two, three):
        database.look(each, 0.0)
    for tick in range(10):
        now = 0.5 * tick
        one.used(now)
        share = database.look(one, now)
        database.look(two, now)
        assert share == (1 / 3 if now < SETTLED else 1)
    two.used(5.0)
    assert database.look(two, 5.0) == 1 / 3
    one.used(5.1)
    assert database.look(one, 5.5) == 1 / 2
    two.used(6.4)
    assert database.look(two, 6.5) == 1 / 2
    # Two has stopped sending, and says so.
    later = 6.5 + 2 * IDLE
    database.look(two, later)
    one.used(later)
    assert database.look(one, later) == 1


def test_signs_are_rare() -> None:
    """A process about which nothing changes writes every few seconds, not with every look."""
    one = Sharing("1")
    written = 0
    for tick in range(101):
        now = 0.5 * tick
        sign = one.sign(now)
        if sign is not None:
            written += 1
            one.told(sign, now)
    assert written == 1 + 50 / BEAT_INTERVAL


def test_a_process_that_ended_without_a_word() -> None:
    """Its part is free after its signs have been missing for a while, and later its row is removed."""
    database, one = _Database(), Sharing("1")
    database.beats["dead"] = ProcessBeat("dead", 7, active=True)
    now = 0.0
    seen = {}
    while now < FORGOTTEN + 10:
        one.used(now)
        seen[now] = database.look(one, now)
        now += 0.5
    assert seen[ALIVE] == 1 / 2
    assert seen[ALIVE + 0.5] == 1
    assert list(database.beats) == ["1"]
