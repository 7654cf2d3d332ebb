"""Set-up that holds for every test. Fixtures live beside the tests that use them, or in tests/support."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.support.postgresql import PostgreSQL, postgresql_server

# No deadline: a shared machine may be slow without a defect in the code. A failing example prints the
# decorator that repeats it elsewhere.
settings.register_profile("clarion", deadline=None, print_blob=True)
settings.load_profile("clarion")


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """Provide a PostgreSQL for all tests; each makes a database of its own. Who stops it needs one for itself."""
    with postgresql_server() as server:
        yield server
