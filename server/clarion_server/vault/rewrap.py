"""Wrapping stored data keys anew, online: what they encrypt, and servers that send meanwhile, are not touched."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from clarion_server.errors import CredentialUnreadable
from clarion_server.ports import Place, SealedRows
from clarion_server.vault.envelope import SecretOwner, Vault

_BATCH = 100
"""Secrets in one transaction: on SQLite others cannot write meanwhile."""


@dataclass(frozen=True, slots=True)
class SealedTable:
    """A table with sealed secrets.

    Attributes:
        name: what its secrets are, for people, such as `credentials of channels`.
        rows: the table.
        owner: returns the owner of the secret in a place.
    """

    name: str
    rows: SealedRows
    owner: Callable[[Place], SecretOwner]


@dataclass(frozen=True, slots=True)
class Rewrapped:
    """What `rewrap_all` did.

    Attributes:
        changed: how many data keys are wrapped by the active key now that were not before.
        problems: why others could not be; each names the secret.
    """

    changed: int
    problems: Sequence[str]


async def rewrap_all(tables: Iterable[SealedTable], vault: Vault, active: str) -> Rewrapped:
    """Wrap every data key that another master key wraps with the active one.

    Secrets that do not decrypt are left as they are, and told. Those that others change meanwhile are not overwritten;
    they were sealed with the key that was active then, so a second run finds them if that was still the old one.

    Raises:
        StoreUnavailable: the database or the key service does not answer; what was done stays done.
    """
    changed = 0
    problems: list[str] = []
    for table in tables:
        after: Place | None = None
        while batch := await table.rows.wrapped_by_others(active, after, _BATCH):
            changes = []
            for place, sealed in batch:
                try:
                    changes.append((place, sealed, await vault.rewrap(sealed, table.owner(place))))
                except CredentialUnreadable as error:
                    problems.append(f"{table.name} {'/'.join(map(str, place))}: {error.message}")
            changed += await table.rows.rewrap(changes)
            after = batch[-1][0]
    return Rewrapped(changed, problems)


async def uses(tables: Iterable[SealedTable]) -> Counter[str]:
    """Return how many secrets each master key wraps, by its id.

    Raises:
        StoreUnavailable: the database does not answer.
    """
    found: Counter[str] = Counter()
    for table in tables:
        found.update(await table.rows.key_ids())
    return found
