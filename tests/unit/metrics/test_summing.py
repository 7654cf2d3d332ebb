"""The metrics of several processes as one page."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from clarion_server.metrics.page import Summing

PAGE = """\
# HELP clarion_results_total Results.
# TYPE clarion_results_total counter
clarion_results_total{{channel_type="APNS",reason="a\\"b"}} {results}
# HELP clarion_answer_seconds Time.
# TYPE clarion_answer_seconds histogram
clarion_answer_seconds_bucket{{le="0.1"}} {results}
clarion_answer_seconds_bucket{{le="+Inf"}} {results}
clarion_answer_seconds_count {results}
clarion_answer_seconds_sum 0.5
# HELP clarion_targets_in_flight Targets.
# TYPE clarion_targets_in_flight gauge
clarion_targets_in_flight {gauge}
# HELP clarion_breaker_state State.
# TYPE clarion_breaker_state gauge
clarion_breaker_state{{app_id="x"}} {gauge}
"""


def _page(results: int, gauge: int) -> bytes:
    return PAGE.format(results=results, gauge=gauge).encode()


def _values(page: bytes) -> dict[str, float]:
    """Return the samples by name; none has two with different labels but buckets, which are told apart."""
    return {
        sample.name + sample.labels.get("le", "") + sample.labels.get("state", ""): sample.value
        for family in text_string_to_metric_families(page.decode())
        for sample in family.samples
    }


def test_counters_and_loads_are_added_and_states_are_not() -> None:
    """Counters, histograms and what is in flight are summed; of a state that all see the worst counts; types stay."""
    page = Summing().render({1: _page(3, 2), 2: _page(4, 1)}, [1, 2], away=0, restarts=0)
    assert _values(page) == {
        "clarion_results_total": 7,
        "clarion_answer_seconds_bucket0.1": 7,
        "clarion_answer_seconds_bucket+Inf": 7,
        "clarion_answer_seconds_count": 7,
        "clarion_answer_seconds_sum": 1.0,
        "clarion_targets_in_flight": 3,
        "clarion_breaker_state": 2,
        "clarion_workersserving": 2,
        "clarion_workersaway": 0,
        "clarion_worker_restarts_total": 0,
    }
    text = page.decode()
    assert "# TYPE clarion_results_total counter" in text
    assert "# TYPE clarion_answer_seconds histogram" in text
    assert 'clarion_results_total{channel_type="APNS",reason="a\\"b"} 7.0' in text


def test_counters_never_fall() -> None:
    """What a process counted goes on counting when it is silent for a scrape, and when it has ended; a gauge does not.

    Else Prometheus would take the fall for a restart, and count all that the others have once more.
    """
    summing = Summing()
    seen = [
        _values(summing.render(pages, running, away=2 - len(pages), restarts=0))
        for pages, running in (
            ({1: _page(10, 5), 2: _page(20, 6)}, [1, 2]),
            ({2: _page(21, 6)}, [1, 2]),
            ({1: _page(12, 5), 2: _page(22, 6)}, [1, 2]),
            ({2: _page(23, 6)}, [2]),
            ({3: _page(1, 1), 2: _page(24, 6)}, [3, 2]),
            ({}, [3, 2]),
        )
    ]
    assert [each["clarion_results_total"] for each in seen] == [30, 31, 34, 35, 37, 37]
    assert [each.get("clarion_targets_in_flight") for each in seen] == [11, 6, 11, 6, 7, None]
