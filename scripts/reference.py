"""Pages whose tables are written from the code, and the rest by hand.

Each table stands between `<!-- table: NAME -->` and `<!-- end: NAME -->`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Page:
    """A page with such tables.

    Attributes:
        name: its path from the root of the checkout.
        tables: what makes each table, by name.
        script: the module that writes the page.
    """

    name: str
    tables: Mapping[str, Callable[[], str]]
    script: str

    def read(self) -> str:
        """Return the page as it is."""
        return (ROOT / self.name).read_text(encoding="utf-8")

    def renewed(self) -> str:
        """Return the page with its tables renewed.

        Raises:
            SystemExit: it has no place for one.
        """
        text = self.read()
        for name, table in self.tables.items():
            pattern = re.compile(rf"(<!-- table: {name} -->\n).*?(<!-- end: {name} -->)", re.DOTALL)
            found = pattern.search(text)
            if not found:
                raise SystemExit(f"{self.name} has no markers for the table {name!r}")
            text = f"{text[: found.start()]}{found[1]}\n{table()}\n\n{found[2]}{text[found.end() :]}"
        return text

    def main(self) -> None:
        """Write the page, or check it when the command line says `--check`.

        Raises:
            SystemExit: it is not up to date, or has no place for a table.
        """
        fresh = self.renewed()
        if "--check" not in sys.argv[1:]:
            (ROOT / self.name).write_text(fresh, encoding="utf-8")
        elif fresh != self.read():
            raise SystemExit(f"{self.name} is not up to date: run `.venv/bin/python -m {self.script}`")
