"""The things of identity management, as they are stored, and the bounds of how many there may be."""

from __future__ import annotations

import enum
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar

from clarion_server.ports import SealedSecret

MAX_ACCESS_KEYS = 2
"""The most access keys of a user: one to use and one to replace it."""
MAX_GROUPS = 10
"""The most groups that a user is in."""
MAX_ATTACHED = 20
"""The most managed policies of a principal."""
MAX_INLINE = 10
"""The most inline policies of a principal."""

BUILT_IN = "aws:"
"""What the keys of built-in policies begin with. No name may have a colon."""

_T = TypeVar("_T")
# Without the digits and letters that look alike.
_ID_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


class PrincipalKind(enum.IntEnum):
    """Kinds of principals. The numbers are stored."""

    USER = 1
    GROUP = 2
    ROLE = 3

    @property
    def word(self) -> str:
        """Its name in texts and ARNs."""
        return self.name.lower()


class AccountPolicy(enum.IntEnum):
    """Limits of the whole account. The numbers are stored, and are those of `AccountPolicyKind`."""

    SERVICE_CONTROL = 1
    ENDPOINT = 2


@dataclass(frozen=True, slots=True)
class Principal:
    """A user, group or role.

    Attributes:
        kind: which of them.
        name: unique in its kind without regard to case.
        id: never used twice; begins with `AIDA`, `AGPA` or `AROA`.
        version: grows with each change to the attributes here.
        create_time: aware, UTC.
        update_time: aware, UTC.
        tags: of a user or role.
        boundary: key of the policy that limits a user or role, else empty.
        description: of a role.
        trust_policy: document (JSON) that says who may assume a role.
        max_session: seconds that a session of a role may last.
    """

    kind: PrincipalKind
    name: str
    id: str
    version: int
    create_time: datetime
    update_time: datetime
    tags: Mapping[str, str] = field(default_factory=dict)
    boundary: str = ""
    description: str = ""
    trust_policy: str = ""
    max_session: int = 3600


@dataclass(frozen=True, slots=True)
class PrincipalRef:
    """Names a principal."""

    kind: PrincipalKind
    name: str

    def __str__(self) -> str:
        return f"{self.kind.word} {self.name}"


@dataclass(frozen=True, slots=True)
class ManagedPolicy:
    """A managed policy.

    Attributes:
        name: unique without regard to case.
        id: never used twice; begins with `ANPA`. Empty for a built-in one.
        description: for people.
        document: JSON, as it was given.
        version: grows with each change.
        create_time: aware, UTC; None for a built-in one.
        update_time: aware, UTC; None for a built-in one.
        built_in: whether it comes with Clarion.
    """

    name: str
    id: str
    description: str
    document: str
    version: int
    create_time: datetime | None = None
    update_time: datetime | None = None
    built_in: bool = False

    @property
    def key(self) -> str:
        """What attachments and boundaries refer to it by."""
        return f"{BUILT_IN}{self.name}" if self.built_in else self.name


@dataclass(frozen=True, slots=True)
class Holder:
    """A principal that has a certain managed policy: attached, as its boundary, or both."""

    principal: PrincipalRef
    attached: bool
    boundary: bool


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """A policy document (JSON) that stands for itself, and when it was given (aware, UTC)."""

    document: str
    update_time: datetime


@dataclass(frozen=True, slots=True)
class AccessKey:
    """An access key.

    Attributes:
        id: 20 characters; begins with `AKIA`.
        user: name of its owner.
        active: whether it works.
        create_time: aware, UTC.
        last_used_time: aware, UTC, to about a minute; None if never.
        sealed: the secret, encrypted.
    """

    id: str
    user: str
    active: bool
    create_time: datetime
    last_used_time: datetime | None
    sealed: SealedSecret


@dataclass(frozen=True, slots=True)
class Page(Generic[_T]):
    """Some things, oldest first.

    Attributes:
        items: in the order in which they were made.
        next_cursor: what a list method takes as `after` to go on; None when these were the last.
    """

    items: Sequence[_T]
    next_cursor: int | None


@dataclass(frozen=True, slots=True)
class Grants:
    """A principal and all policies that it has.

    Attributes:
        principal: who.
        attached: documents of the managed policies of the account, its own and those of its groups, by name.
        built_in: keys of the built-in policies, its own and those of its groups.
        inline: documents of inline policies by where they are: `user/ann/policy`, `group/senders/policy`.
        boundary: document of the boundary, if it is one of the account's own policies; else empty.
    """

    principal: Principal
    attached: Mapping[str, str]
    built_in: Sequence[str]
    inline: Mapping[str, str]
    boundary: str = ""


def new_id(prefix: str, length: int) -> str:
    """Return a random id of `length` characters that begins with `prefix`."""
    return prefix + "".join(secrets.choice(_ID_ALPHABET) for _ in range(length - len(prefix)))
