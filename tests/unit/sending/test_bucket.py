from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from clarion_server.sending.bucket import Bucket


def test_burst_and_rate() -> None:
    """A full bucket gives its burst at once, then as much as comes in."""
    bucket = Bucket(8, 5, 100.0)
    assert bucket.available(100.0) == 5
    bucket.take(5)
    assert bucket.available(100.0) == 0
    assert bucket.wait(3, 100.0) == 0.375
    assert bucket.available(100.25) == 2
    assert bucket.available(100.375) == 3
    assert bucket.wait(3, 100.375) == 0.0
    assert bucket.available(200.0) == 5


def test_changes_count_from_now_on() -> None:
    """What came in at the old rate stays, up to the new burst; then the new rate counts."""
    bucket = Bucket(10, 100, 0.0)
    bucket.take(100)
    bucket.change(1024, 20, 1.0)
    assert bucket.available(1.0) == 10
    assert bucket.available(1.0078125) == 18
    assert bucket.available(2.0) == 20
    bucket.change(1, 2, 2.0)
    assert bucket.available(2.0) == 2


def test_the_clock_may_stand_still() -> None:
    """A time before the last one fills nothing, and takes nothing away."""
    bucket = Bucket(8, 10, 5.0)
    bucket.take(10)
    assert bucket.available(4.0) == 0
    assert bucket.available(5.125) == 1


@given(
    st.floats(0.5, 1e6),
    st.floats(1, 1e6),
    st.lists(st.tuples(st.floats(0, 10), st.integers(1, 1000)), max_size=50),
)
def test_never_more_than_burst_and_rate(rate: float, burst: float, wanted: list[tuple[float, int]]) -> None:
    """Whatever is asked when, what is given never exceeds the burst and what has come in since."""
    now, given_ = 0.0, 0
    bucket = Bucket(rate, burst, now)
    for pause, tokens in wanted:
        now += pause
        granted = min(tokens, bucket.available(now))
        bucket.take(granted)
        given_ += granted
        assert given_ <= burst + rate * now + 1e-6 * (1 + rate * now)
