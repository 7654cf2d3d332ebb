"""Set-up that holds for every test. Fixtures live beside the tests that use them, or in tests/support."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import settings

from tests.support.left_behind import USED, check_log
from tests.support.postgresql import PostgreSQL, postgresql_server

# No deadline: a shared machine may be slow without a defect in the code. A failing example prints the
# decorator that repeats it elsewhere.
settings.register_profile("clarion", deadline=None, print_blob=True)
settings.load_profile("clarion")

# As the server logs. structlog's own choice draws all local variables of a traceback, which can hold a loop up for
# seconds on a busy machine.
_processors = structlog.get_config()["processors"]
_renderer = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
structlog.configure(processors=[*_processors[:-1], _renderer])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Search what the servers of a test have logged for what they were given, and fail the test if some is there."""
    report = yield
    if report.when == "teardown":
        forms = check_log("\n".join(text for _, text in report.sections))
        USED.clear()
        if forms and report.passed:
            report.outcome = "failed"
            report.longrepr = f"{item.nodeid}: secrets, tokens or addresses are in the log, as {', '.join(set(forms))}"
    return report


@pytest.fixture(scope="session")
def sandbox_keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Provide a folder for the keys and certificates of all sandboxes: the first makes them, which takes its time."""
    return tmp_path_factory.mktemp("sandbox") / "keys"


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """Provide a PostgreSQL for all tests; each makes a database of its own. Who stops it needs one for itself."""
    with postgresql_server() as server:
        yield server
