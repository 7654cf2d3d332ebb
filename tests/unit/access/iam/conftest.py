"""Identity management on a database of its own, with a clock that is moved by hand."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from clarion_server.access.iam.keys import AccessKeys
from clarion_server.access.iam.revision import RevisionWatch
from clarion_server.access.iam.sessions import Sessions
from clarion_server.access.iam.source import PolicySource
from clarion_server.access_model import AccessRequest, CredentialType, Identity, IdentityKind
from clarion_server.errors import StoreUnavailable
from clarion_server.iam_model import PrincipalKind, PrincipalRef
from clarion_server.store import Database, SqlAppStore, SqlIamStore
from clarion_server.vault import Keyring, Vault

ACCOUNT = "111122223333"
OTHER_ACCOUNT = "999988887777"
ANN = PrincipalRef(PrincipalKind.USER, "ann")
SENDERS = PrincipalRef(PrincipalKind.GROUP, "senders")
WORKER = PrincipalRef(PrincipalKind.ROLE, "worker")
WORKER_ARN = f"arn:aws:iam::{ACCOUNT}:role/worker"
NOW = datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)


def document(effect: str, action: str | list[str], resource: str | None = "*", **more: Any) -> str:
    """Return a policy document with one statement."""
    statement: dict[str, Any] = {"Effect": effect, "Action": action, **more}
    if resource is not None:
        statement["Resource"] = resource
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def user(name: str = "ann", account: str = ACCOUNT, **more: Any) -> Identity:
    """Return a user who proved itself."""
    arn = f"arn:aws:iam::{account}:user/{name}"
    return Identity(arn, account, IdentityKind.USER, name, CredentialType.TOKEN, **more)


def session_of(role: str = "worker", **more: Any) -> Identity:
    """Return a session of a role."""
    arn = f"arn:aws:sts::{ACCOUNT}:assumed-role/{role}/s1"
    return Identity(arn, ACCOUNT, IdentityKind.ASSUMED_ROLE, role, CredentialType.TOKEN, session_name="s1", **more)


class SwitchedStore(SqlIamStore):
    """A store whose database can be away, and that counts what it is asked."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.away = False
        self.asked: dict[str, int] = {"revision": 0, "grants": 0, "find_access_key": 0}

    async def _ask(self, name: str) -> None:
        self.asked[name] += 1
        if self.away:
            raise StoreUnavailable

    async def revision(self) -> int:
        await self._ask("revision")
        return await super().revision()

    async def grants(self, who: PrincipalRef) -> Any:
        await self._ask("grants")
        return await super().grants(who)

    async def find_access_key(self, key_id: str) -> Any:
        await self._ask("find_access_key")
        return await super().find_access_key(key_id)


@dataclass
class Issuer:
    """Keeps the identities that it should make tokens for."""

    issued: list[tuple[Identity, int]] = field(default_factory=list)

    def issue(self, identity: Identity, seconds: int) -> tuple[str, datetime]:
        self.issued.append((identity, seconds))
        return f"token-{len(self.issued)}", NOW + timedelta(seconds=seconds)


@dataclass
class Iam:
    """All parts, put together."""

    store: SwitchedStore
    apps: SqlAppStore
    watch: RevisionWatch
    source: PolicySource
    keys: AccessKeys
    sessions: Sessions
    issuer: Issuer
    seconds: float = 0.0

    async def allowed(self, identity: Identity, action: str, resource: str = "*", **more: Any) -> bool:
        """Return whether a request is allowed."""
        request = AccessRequest(identity, action, resource, {}, {}, "192.0.2.1", secure_transport=True, time=NOW)
        return (await self.source.decide(replace(request, **more))).allowed

    async def grant(self, who: PrincipalRef, text: str, name: str = "p") -> None:
        """Give a principal an inline policy, as another process would."""
        await self.store.put_inline(who, name, text)

    def later(self) -> None:
        """Let more than a second pass."""
        self.seconds += 1.5


@pytest.fixture
async def iam(tmp_path: Path) -> AsyncIterator[Iam]:
    """Provide identity management with the user ann, the group senders and the role worker, all without policies."""
    database = Database(f"sqlite:///{tmp_path / 'clarion.db'}")
    await database.migrate()
    store = SwitchedStore(database)
    issuer = Issuer()
    vault = Vault(Keyring({"k": b"k" * 32}, "k"))
    parts: list[Iam] = []
    watch = RevisionWatch(store, clock=lambda: parts[0].seconds)
    source = PolicySource(store, watch, account=ACCOUNT)
    keys = AccessKeys(store, vault, watch, account=ACCOUNT, now=lambda: NOW + timedelta(seconds=parts[0].seconds))
    sessions = Sessions(source, issuer, account=ACCOUNT, now=lambda: NOW)
    parts.append(Iam(store, SqlAppStore(database), watch, source, keys, sessions, issuer))
    await store.create_principal(ANN, tags={"team": "red"})
    await store.create_principal(SENDERS, tags={})
    trust = document("Allow", "sts:AssumeRole", None, Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:user/ann"})
    await store.create_principal(WORKER, tags={"unit": "push"}, trust_policy=trust, max_session=7200)
    yield parts[0]
    await database.close()
