"""What an operator does on the server's own machine, whether it runs or not: the first administrator, and tokens.

Who can read the signing keys and write to the database needs no permission from them.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Coroutine
from typing import Any

from clarion_server.access.iam.bootstrap import create_first_administrator, restore_administrator
from clarion_server.access.names import USER_NAME, user_arn
from clarion_server.access.signing_keys import rotate_signing_keys
from clarion_server.access_model import CredentialType, Identity, IdentityKind
from clarion_server.app import open_identity, own_tokens
from clarion_server.commands.common import fail
from clarion_server.errors import ClarionError
from clarion_server.iam_model import Principal, PrincipalKind, PrincipalRef
from clarion_server.settings import Settings
from clarion_server.starting import CannotStart

FIRST_TOKEN_SECONDS = 3600
_MAX_SECONDS = 30 * 24 * 3600
_DURATION = re.compile(r"([0-9]{1,9})([smhd])")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 24 * 3600}


class UsageError(Exception):
    """What the operator gave is wrong; the text says what is right."""


def finish(job: Coroutine[Any, Any, str]) -> str:
    """Return what a job of this module returns, or end the command with what is wrong."""
    try:
        return asyncio.run(job)
    except (UsageError, ClarionError, CannotStart) as error:
        fail(str(error))


def seconds_of(text: str) -> int:
    """Return the seconds of a duration such as `15m`, `1h` or `7d`.

    Raises:
        UsageError: it is none, or longer than 30 days.
    """
    found = _DURATION.fullmatch(text)
    seconds = int(found[1]) * _UNITS[found[2]] if found else 0
    if not 0 < seconds <= _MAX_SECONDS:
        raise UsageError("--expires: give a time such as 15m, 1h or 7d, at most 30d; a token cannot be taken back")
    return seconds


async def first_administrator(settings: Settings, name: str, *, restore: bool) -> str:
    """Make database, keys and the first administrator, or let a user be administrator again; return a token for it.

    Raises:
        EntityExists: there are users already, and `restore` is not set.
        UsageError: the name is none.
        DatabaseUnusable, KeyringUnusable, SigningKeysUnusable, StoreUnavailable: as for a server.
    """
    if not USER_NAME.fullmatch(name):
        raise UsageError("--user: a name has 1 to 64 letters, digits or +=,.@_-")
    async with open_identity(settings) as store:
        user = await (restore_administrator if restore else create_first_administrator)(store, name)
        return _token(settings, user, FIRST_TOKEN_SECONDS)


async def issue_token(settings: Settings, name: str, expires: str) -> str:
    """Return a token for a user; `expires` as for `seconds_of`.

    Raises:
        EntityNotFound: there is no such user.
        UsageError: `expires` is no such time.
        DatabaseUnusable, KeyringUnusable, SigningKeysUnusable, StoreUnavailable: as for a server.
    """
    seconds = seconds_of(expires)
    async with open_identity(settings) as store:
        user = await store.get_principal(PrincipalRef(PrincipalKind.USER, name))
        return _token(settings, user, seconds)


async def rotate(settings: Settings, keep: int) -> str:
    """Make a new key for signing tokens and keep the `keep` newest ones for checking; return the new one's id.

    Raises:
        SigningKeysUnusable: the keys cannot be read or written.
    """
    return rotate_signing_keys(settings.signing_keys, keep)


def _token(settings: Settings, user: Principal, seconds: int) -> str:
    identity = Identity(
        arn=user_arn(settings.account, user.name),
        account=settings.account,
        kind=IdentityKind.USER,
        name=user.name,
        credential=CredentialType.TOKEN,
        principal_id=user.id,
    )
    return own_tokens(settings).issue(identity, seconds)[0]
