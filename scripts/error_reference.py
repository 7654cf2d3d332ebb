"""Write the tables of docs/errors.md from the comments in error.proto and from the providers' outcome tables.

    python -m scripts.error_reference          writes docs/errors.md
    python -m scripts.error_reference --check  fails when it is not up to date

The text around the tables is written by hand; each table stands between a pair of markers.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import re
from collections.abc import Iterator

from clarion.v1 import error_pb2, messaging_pb2
from clarion_server import providers
from clarion_server.providers.outcomes import Row, Tables
from scripts.reference import ROOT, Page

PROTO = ROOT / "protos/clarion/v1/error.proto"

_VALUE = re.compile(r"((?:^  //.*\n)+)^  ERROR_REASON_(\w+) = (\d+);", re.MULTILINE)


def reasons() -> Iterator[tuple[str, str, str, str]]:
    """Yield name, cause, where, and remedy of each reason."""
    for comment, name, number in _VALUE.findall(PROTO.read_text(encoding="utf-8")):
        if number == "0":
            continue
        text = " ".join(line.strip().removeprefix("//").strip() for line in comment.splitlines())
        text = text.removeprefix(f"ERROR_REASON_{name}: ")
        cause, _, rest = text.partition(" Where: ")
        where, _, remedy = rest.partition(" Remedy: ")
        yield name, cause, where.rstrip("."), remedy


def reason_table() -> str:
    """Return the table of all reasons."""
    rows = [f"| `{name}` | {cause} | {where} | {remedy} |" for name, cause, where, remedy in reasons()]
    return "\n".join(["| reason | cause | where | remedy |", "|---|---|---|---|", *rows])


def outcome_tables() -> str:
    """Return the tables of what the providers' answers mean, one for each API."""
    return "\n\n".join(
        "\n".join([f"### {title}", "", *_OUTCOME_HEAD, *map(_outcome_row, rows)])
        for tables in _provider_tables()
        for title, rows in tables.items()
    )


_OUTCOME_HEAD = (
    "| HTTP | answer | delivery status | reason | address | credential | repeated by Clarion |",
    "|---|---|---|---|---|---|---|",
)


def _provider_tables() -> Iterator[Tables]:
    """Yield the tables of each provider that has some, in the order of their names."""
    for module in sorted(pkgutil.iter_modules(providers.__path__), key=lambda module: module.name):
        name = f"{providers.__name__}.{module.name}.outcome"
        if module.ispkg and importlib.util.find_spec(name) is not None:
            yield getattr(importlib.import_module(name), "TABLES", {})


def _outcome_row(row: Row) -> str:
    succeeded = row.status == messaging_pb2.DELIVERY_STATUS_SUCCESSFUL
    later = row.status in {messaging_pb2.DELIVERY_STATUS_TEMPORARY_FAILURE, messaging_pb2.DELIVERY_STATUS_THROTTLED}
    address = "dead" if row.token_dead else "replaced: `updated_token`" if row.replaces_token else ""
    if row.renew:
        repeated = "once, with a new proof of identity"
    elif row.repeat:
        repeated = "yes"
    else:
        repeated = "" if succeeded else "no; later by the caller" if later else "no"
    cells = (
        row.http,
        row.answer,
        f"`{messaging_pb2.DeliveryStatus.Name(row.status).removeprefix('DELIVERY_STATUS_')}`",
        "" if succeeded else f"`{error_pb2.ErrorReason.Name(row.reason).removeprefix('ERROR_REASON_')}`",
        address,
        "broken" if row.credential_broken else "",
        repeated,
    )
    return f"| {' | '.join(cells)} |"


PAGE = Page("docs/errors.md", {"reasons": reason_table, "outcomes": outcome_tables}, "scripts.error_reference")

if __name__ == "__main__":
    PAGE.main()
