from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Postgres:
    def new_database(self) -> str:
        raise NotImplementedError


@contextmanager
def running_postgres(directory: Path) -> Iterator[Postgres]:
    raise NotImplementedError
    yield Postgres()
