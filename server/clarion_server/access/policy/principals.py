"""Whom a statement is about: `Principal` and `NotPrincipal`."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable
from dataclasses import dataclass

from clarion_server.access_model import Identity, IdentityKind

_ACCOUNT = re.compile(r"\d{12}", re.ASCII)
_ARN = re.compile(r"arn:[a-z0-9-]+:(iam|sts)::(\d{12}):([a-z-]+)(?:/(\S+))?", re.ASCII)

TYPES = ("AWS", "Federated", "Service", "CanonicalUser")
"""The types of principals of AWS's grammar. Only `AWS` and `Federated` occur here; the others match nobody."""


class PrincipalInvalid(ValueError):
    """A text names no principal. The text of the error says what would be right."""


class Reach(enum.IntEnum):
    """How directly a statement names somebody. Within an account, the limits of a session depend on it."""

    NONE = 0
    ACCOUNT = 1
    """Its account: the account may pass the permission on by identity-based policies."""
    ROLE = 2
    """The role of the session."""
    DIRECT = 3
    """The user or the session itself."""
    EVERYONE = 4


@dataclass(frozen=True, slots=True)
class Principals:
    """The principals of a statement.

    Attributes:
        inverted: whether they stand in `NotPrincipal`.
        everyone: whether one of them is `*`.
        accounts: 12 digits each.
        roles: account and name, the path left out: the name is unique in its account.
        named: the ARNs of users and sessions, and what `Federated` names.
    """

    inverted: bool
    everyone: bool
    accounts: frozenset[str]
    roles: frozenset[tuple[str, str]]
    named: frozenset[str]

    def reach(self, identity: Identity, *, bounded: bool) -> Reach:
        """Return how directly the statement names the identity, `NONE` if it is not about it.

        Args:
            identity: who calls.
            bounded: whether it has a permissions boundary: as in AWS, a `NotPrincipal` excepts no such principal.
        """
        if self.inverted:
            return Reach.NONE if not bounded and self._excepted(identity) else Reach.EVERYONE
        if self.everyone:
            return Reach.EVERYONE
        if identity.arn in self.named:
            return Reach.DIRECT
        if identity.kind is IdentityKind.ASSUMED_ROLE and (identity.account, identity.name) in self.roles:
            return Reach.ROLE
        return Reach.ACCOUNT if identity.account and identity.account in self.accounts else Reach.NONE

    def _excepted(self, identity: Identity) -> bool:
        """Tell whether `NotPrincipal` names the identity, its account and, for a session, its role: AWS wants all."""
        if self.everyone:
            return True
        if identity.arn not in self.named or identity.account not in self.accounts:
            return False
        return identity.kind is not IdentityKind.ASSUMED_ROLE or (identity.account, identity.name) in self.roles


def read_principals(names: Iterable[tuple[str, str]], *, inverted: bool) -> Principals:
    """Make the principals of a statement.

    Args:
        names: pairs of a type (one of `TYPES`) and a name.
        inverted: whether they stand in `NotPrincipal`.

    Raises:
        PrincipalInvalid: a name is none.
    """
    everyone = False
    accounts, roles, named = set[str](), set[tuple[str, str]](), set[str]()
    for kind, name in names:
        if kind != "AWS":
            named.add(_without_wildcards(name))
        elif name == "*":
            everyone = True
        elif _ACCOUNT.fullmatch(name):
            accounts.add(name)
        else:
            found = _ARN.fullmatch(_without_wildcards(name))
            if found is None:
                raise PrincipalInvalid(
                    f"`{name[:100]}` names no principal; write `*`, an account's 12 digits, or the ARN of a user, "
                    "role, session or account (…:root)"
                )
            _, account, kind_of_arn, path = found.groups()
            if kind_of_arn == "root" and path is None:
                accounts.add(account)
            elif kind_of_arn == "role" and path:
                roles.add((account, path.rpartition("/")[2]))
            elif path:
                named.add(name)
            else:
                raise PrincipalInvalid(f"`{name[:100]}` lacks a name; write it after a slash, as in …:user/ann")
    return Principals(inverted, everyone, frozenset(accounts), frozenset(roles), frozenset(named))


def _without_wildcards(name: str) -> str:
    if "*" in name or "?" in name:
        raise PrincipalInvalid(
            f"`{name[:100]}` has a wildcard, which a principal's name cannot have; write `*` for everyone and limit it "
            "with a condition on aws:PrincipalArn"
        )
    if not name:
        raise PrincipalInvalid("the name is empty; write `*`, an account's 12 digits, or an ARN")
    return name
