"""Tags on the command line."""

from __future__ import annotations

import typer


def pairs(texts: list[str], option: str) -> dict[str, str]:
    """Return the pairs of texts of the form KEY=VALUE.

    Raises:
        typer.BadParameter: one has another form; it names `option`.
    """
    found = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals:
            raise typer.BadParameter(f"{text!r} is not KEY=VALUE", param_hint=option)
        found[key] = value
    return found
