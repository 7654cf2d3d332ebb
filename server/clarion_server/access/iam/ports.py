"""What identity management needs from the outside: a store, and something that signs session tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from clarion_server.access_model import Identity
from clarion_server.iam_model import (
    AccessKey,
    AccountPolicy,
    Grants,
    Holder,
    ManagedPolicy,
    Page,
    Principal,
    PrincipalKind,
    PrincipalRef,
    StoredDocument,
)
from clarion_server.ports import SealedSecret


class SessionIssuer(Protocol):
    """Signs the tokens of sessions."""

    def issue(self, identity: Identity, seconds: int) -> tuple[str, datetime]:
        """Return a token with which `identity` is recognised for `seconds`, and when it ends (aware, UTC).

        The identity that the token gives back has the same ARN, name, session name, session policies, tags and
        principal id.
        """


class IamStore(Protocol):
    """Keeps all data of identity management.

    Names, tags and documents are already checked. Every method may raise `StoreUnavailable`; every one that names
    something, `EntityNotFound`; every one that makes something, `EntityExists` and `EntityLimitExceeded`. A method that
    raises has changed nothing.
    """

    async def revision(self) -> int:
        """Return a number that grows with every change, but not with the use of access keys: one cheap look-up."""

    # --- principals ---

    async def create_principal(
        self,
        who: PrincipalRef,
        *,
        tags: Mapping[str, str],
        boundary: str = "",
        description: str = "",
        trust_policy: str = "",
        max_session: int = 3600,
    ) -> Principal:
        """Make a principal with a fresh id."""

    async def get_principal(self, who: PrincipalRef) -> Principal:
        """Return a principal."""

    async def list_principals(
        self, kind: PrincipalKind, page_size: int, after: int | None = None, *, group: str | None = None
    ) -> Page[Principal]:
        """Return up to `page_size` principals of a kind, or members of a group, made after the cursor `after`."""

    async def rename_principal(self, who: PrincipalRef, new_name: str) -> Principal:
        """Give a principal another name, of which only the case may be another."""

    async def update_role(
        self,
        name: str,
        *,
        trust_policy: str | None,
        description: str | None,
        max_session: int | None,
        expected_version: int | None,
    ) -> Principal:
        """Change what is not None of a role.

        Raises:
            EntityChanged: it is not at `expected_version`.
        """

    async def delete_principal(self, who: PrincipalRef, *, force: bool) -> Principal:
        """Remove a principal with all that it has.

        Raises:
            EntityInUse: it has access keys, memberships or policies, and `force` is not set.
        """

    async def tag_principal(self, who: PrincipalRef, tags: Mapping[str, str]) -> Principal:
        """Add tags, or replace their values.

        Raises:
            TooManyTags: it would have more than `MAX_TAGS`.
        """

    async def untag_principal(self, who: PrincipalRef, keys: Sequence[str]) -> Principal:
        """Remove tags. Keys that it does not have are passed over."""

    async def set_boundary(self, who: PrincipalRef, policy: str) -> Principal:
        """Limit a principal by the policy with this key; an empty one takes the limit away."""

    async def add_member(self, group: str, user: str) -> None:
        """Make a user a member of a group, if it is none."""

    async def remove_member(self, group: str, user: str) -> None:
        """End a membership. `EntityNotFound` also when there is none."""

    async def groups_of(self, user: str) -> Sequence[Principal]:
        """Return the groups of a user."""

    # --- policies ---

    async def create_policy(self, name: str, document: str, description: str) -> ManagedPolicy:
        """Make a managed policy."""

    async def get_policy(self, name: str) -> ManagedPolicy:
        """Return a managed policy of the account."""

    async def list_policies(self, page_size: int, after: int | None = None) -> Page[ManagedPolicy]:
        """Return up to `page_size` managed policies of the account, made after the cursor `after`."""

    async def update_policy(
        self, name: str, *, document: str | None, description: str | None, expected_version: int | None
    ) -> ManagedPolicy:
        """Change what is not None of a managed policy.

        Raises:
            EntityChanged: it is not at `expected_version`.
        """

    async def delete_policy(self, name: str) -> ManagedPolicy:
        """Remove a managed policy.

        Raises:
            EntityInUse: somebody has it.
        """

    async def attach(self, who: PrincipalRef, policy: str) -> None:
        """Attach the policy with this key, if it is not attached. Whether a built-in one exists is not looked at."""

    async def detach(self, who: PrincipalRef, policy: str) -> None:
        """Take a policy away. `EntityNotFound` also when it is not attached."""

    async def attached(self, who: PrincipalRef) -> Sequence[str]:
        """Return the keys of the attached policies, sorted."""

    async def holders(self, policy: str, page_size: int, after: int | None = None) -> Page[Holder]:
        """Return up to `page_size` principals that have the policy with this key, made after the cursor `after`."""

    async def put_inline(self, who: PrincipalRef, name: str, document: str) -> None:
        """Write a policy into a principal, or replace the one of the same name."""

    async def delete_inline(self, who: PrincipalRef, name: str) -> None:
        """Remove an inline policy."""

    async def inline(self, who: PrincipalRef) -> Mapping[str, str]:
        """Return the documents of the inline policies by name, sorted."""

    async def put_account_policy(self, kind: AccountPolicy, document: str) -> None:
        """Set a limit of the account."""

    async def get_account_policy(self, kind: AccountPolicy) -> StoredDocument | None:
        """Return a limit of the account."""

    async def delete_account_policy(self, kind: AccountPolicy) -> None:
        """Take a limit of the account away. `EntityNotFound` when there is none."""

    async def put_app_policy(self, app_id: str, document: str) -> None:
        """Set the resource-based policy of an app. `AppNotFound` when there is no such app."""

    async def get_app_policy(self, app_id: str) -> StoredDocument | None:
        """Return the resource-based policy of an app. `AppNotFound` when there is no such app."""

    async def delete_app_policy(self, app_id: str) -> None:
        """Remove it. `AppNotFound` when there is no such app, `EntityNotFound` when it has none."""

    async def grants(self, who: PrincipalRef) -> Grants | None:
        """Return all policies of a user (with those of its groups) or role, None if there is no such principal."""

    # --- access keys ---

    async def create_access_key(self, user: str, key_id: str, sealed: SealedSecret) -> AccessKey:
        """Keep a new, active access key."""

    async def list_access_keys(self, user: str) -> Sequence[AccessKey]:
        """Return the access keys of a user, oldest first."""

    async def set_access_key_active(self, user: str, key_id: str, *, active: bool) -> AccessKey:
        """Switch an access key on or off."""

    async def delete_access_key(self, user: str, key_id: str) -> None:
        """Remove an access key."""

    async def find_access_key(self, key_id: str) -> tuple[AccessKey, Principal] | None:
        """Return an access key and the user who owns it, None if there is no such key."""

    async def note_use(self, key_id: str, moment: datetime) -> None:
        """Write down when a key was last used. Nothing if there is no such key."""
