"""The parts of README.md that programs write: each between marks of its own."""

from __future__ import annotations

import re
from pathlib import Path

README = Path(__file__).with_name("README.md")


def fill(name: str, text: str, readme: Path = README) -> None:
    """Replace what stands between `<!-- NAME: … -->` and `<!-- end of NAME -->`."""
    marks = re.compile(rf"(<!-- {name}: [^\n]*-->\n).*?(<!-- end of {name} -->)", re.DOTALL)
    page, found = marks.subn(lambda match: f"{match[1]}{text}\n{match[2]}", readme.read_text(encoding="utf-8"))
    assert found == 1, f"{readme} has lost the marks of {name!r}"
    readme.write_text(page, encoding="utf-8")
