"""Access keys: made, and found again for the check of a signed request."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from clarion_server.access.iam import arns
from clarion_server.access.iam.ports import IamStore
from clarion_server.access.iam.revision import RevisionWatch
from clarion_server.access_model import CredentialType, Identity, IdentityKind
from clarion_server.errors import StoreUnavailable
from clarion_server.iam_model import AccessKey, PrincipalKind, PrincipalRef, new_id
from clarion_server.model import utc_now
from clarion_server.vault import Vault

_log = structlog.get_logger(__name__)

ID_PREFIX = "AKIA"
_ID_LENGTH = 20
_ID = re.compile(r"AKIA[A-Z2-7]{16}")
_SECRET_LENGTH = 40
_SECRET_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"  # noqa: S105 - no secret itself
_FORMAT = 1
_USE_INTERVAL = timedelta(minutes=1)
_MAX_KEYS = 10_000


@dataclass(frozen=True, slots=True)
class AccessKeyOwner:
    """An access key as the owner of its secret, for the vault."""

    key_id: str

    def associated_data(self) -> bytes:
        """See `SecretOwner`."""
        return f"clarion/access-key/{_FORMAT}/{self.key_id}".encode()

    def description(self) -> str:
        """See `SecretOwner`."""
        return f"secret of the access key {self.key_id}"

    def replacement(self) -> str:
        """See `SecretOwner`."""
        return "delete the access key and make another one"


@dataclass(frozen=True, slots=True)
class SigningKey:
    """What the check of a signed request needs.

    Attributes:
        secret: with which the request must be signed.
        identity: who signed it, if it was.
    """

    secret: str = field(repr=False)
    identity: Identity


class AccessKeys:
    """Makes access keys and finds them.

    Args:
        store: keeps identity data.
        vault: encrypts the secrets.
        watch: tells when identity data change.
        account: of this server, 12 digits.
        now: the time.
    """

    def __init__(
        self,
        store: IamStore,
        vault: Vault,
        watch: RevisionWatch,
        *,
        account: str,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._store = store
        self._vault = vault
        self._watch = watch
        self._account = account
        self._now = now
        self._generation = -1
        self._known: dict[str, SigningKey] = {}
        self._used: dict[str, datetime] = {}

    async def create(self, user: str) -> tuple[AccessKey, str]:
        """Make an access key of a user; return it with its secret, which is not to be had again.

        Raises:
            EntityNotFound: there is no such user.
            EntityLimitExceeded: it has two.
        """
        key_id = new_id(ID_PREFIX, _ID_LENGTH)
        secret = "".join(secrets.choice(_SECRET_ALPHABET) for _ in range(_SECRET_LENGTH))
        sealed = await self._vault.seal(secret.encode(), AccessKeyOwner(key_id))
        return await self._store.create_access_key(user, key_id, sealed), secret

    async def find(self, key_id: str) -> SigningKey | None:
        """Return what is needed to check a request that says it is signed with this key.

        None when there is no such key, or it is switched off: not to be told apart by who calls.

        Raises:
            StoreUnavailable: the store does not answer, and the key is not known.
            CredentialUnreadable: the secret does not decrypt.
        """
        if not _ID.fullmatch(key_id):
            return None  # whoever sends nonsense shall not keep the database busy
        generation = await self._watch.generation()
        if generation != self._generation:
            self._generation = generation
            self._known.clear()
        known = self._known.get(key_id)
        if known is not None:
            return known
        found = await self._store.find_access_key(key_id)
        if found is None or not found[0].active:
            return None
        key, user = found
        secret = await self._vault.open(key.sealed, AccessKeyOwner(key_id))
        who = PrincipalRef(PrincipalKind.USER, user.name)
        signing_key = SigningKey(
            secret.decode(),
            Identity(
                arn=arns.principal_arn(self._account, who),
                account=self._account,
                kind=IdentityKind.USER,
                name=user.name,
                credential=CredentialType.ACCESS_KEY,
                credential_id=key_id,
                tags=user.tags,
                principal_id=user.id,
            ),
        )
        if generation == self._generation and len(self._known) < _MAX_KEYS:
            self._known[key_id] = signing_key
        return signing_key

    async def used(self, key_id: str) -> None:
        """Write down that a request was rightly signed with a key, at most once a minute.

        Never raises: a database that does not answer does not fail the request.
        """
        now = self._now()
        before = self._used.get(key_id)
        if before is not None and now - before < _USE_INTERVAL:
            return
        if len(self._used) >= _MAX_KEYS:
            self._used.clear()
        self._used[key_id] = now
        try:
            await self._store.note_use(key_id, now)
        except StoreUnavailable:
            _log.warning("the use of an access key could not be written down", key_id=key_id)
