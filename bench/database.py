"""A PostgreSQL of the tests' for the benchmarks that need one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from bench.children import ChildFailed
from tests.support.postgresql import PostgreSQL, postgresql_server


@contextmanager
def running_postgresql() -> Iterator[PostgreSQL]:
    """Run a PostgreSQL.

    Raises:
        ChildFailed: the machine has none; the text says what to install.
    """
    with ExitStack() as stack:
        try:
            server = stack.enter_context(postgresql_server())
        except (pytest.skip.Exception, pytest.fail.Exception) as without:
            raise ChildFailed(str(without)) from None
        yield server
