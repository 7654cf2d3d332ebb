"""Sealing and opening of secrets."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from clarion.v1 import channel_pb2, error_pb2
from clarion_server.errors import CredentialUnreadable
from clarion_server.ports import SealedSecret
from clarion_server.vault import Keyring, Owner, Vault

SECRET = b"-----BEGIN PRIVATE KEY----- not really"
OWNER = Owner("a" * 32, channel_pb2.CHANNEL_TYPE_APNS, channel_pb2.CREDENTIAL_KIND_APNS_SIGNING_KEY)
OLD, NEW = b"o" * 32, b"n" * 32


@pytest.fixture
def vault() -> Vault:
    """Provide a vault with one key."""
    return Vault(Keyring({"old": OLD}, "old"))


async def refused(vault: Vault, sealed: SealedSecret, owner: Owner = OWNER) -> str:
    """Return the text of the error, which must be the right one and give nothing away."""
    with pytest.raises(CredentialUnreadable) as caught:
        await vault.open(sealed, owner)
    assert caught.value.reason == error_pb2.ERROR_REASON_CREDENTIAL_UNREADABLE
    assert "give the credential again" in caught.value.message
    assert SECRET.decode() not in caught.value.message
    return caught.value.message


async def test_what_is_sealed_opens_again(vault: Vault) -> None:
    """The owner gets back the secret, also an empty one."""
    for secret in (SECRET, b""):
        assert await vault.open(await vault.seal(secret, OWNER), OWNER) == secret


async def test_nothing_shows_and_nothing_repeats(vault: Vault) -> None:
    """Neither record nor its repr holds the secret, and sealing the same twice gives nothing in common."""
    first, second = await vault.seal(SECRET, OWNER), await vault.seal(SECRET, OWNER)
    assert SECRET not in first.ciphertext
    assert repr(first) == "SealedSecret(format=1, key_id='old')"
    assert first.wrapped_key != second.wrapped_key
    assert first.ciphertext != second.ciphertext


@pytest.mark.parametrize(
    "other",
    [
        replace(OWNER, app_id="b" * 32),
        replace(OWNER, channel_type=channel_pb2.CHANNEL_TYPE_APNS_SANDBOX),
        replace(OWNER, kind=channel_pb2.CREDENTIAL_KIND_APNS_CERTIFICATE),
    ],
)
async def test_a_copied_record_does_not_open(vault: Vault, other: Owner) -> None:
    """A record that is copied to another app, channel type or kind does not decrypt there."""
    assert "altered" in await refused(vault, await vault.seal(SECRET, OWNER), other)


@pytest.mark.parametrize("part", ["wrapped_key", "ciphertext"])
async def test_an_altered_record_does_not_open(vault: Vault, part: str) -> None:
    """Any changed or missing byte of the record is noticed."""
    sealed = await vault.seal(SECRET, OWNER)
    content: bytes = getattr(sealed, part)
    for place in range(len(content)):
        changed = content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]
        for damaged in (changed, content[:place]):
            parts: dict[str, Any] = {part: damaged}
            await refused(vault, replace(sealed, **parts))


async def test_parts_of_two_records_do_not_open(vault: Vault) -> None:
    """The data key of one record does not open another one of the same owner."""
    first, second = await vault.seal(SECRET, OWNER), await vault.seal(SECRET, OWNER)
    await refused(vault, replace(first, wrapped_key=second.wrapped_key))


async def test_a_lost_key_is_named(vault: Vault) -> None:
    """Without the key that wrapped it, the text says which key is missing and what helps."""
    sealed = await vault.seal(SECRET, OWNER)
    text = await refused(Vault(Keyring({"new": NEW}, "new")), sealed)
    assert "'old'" in text
    assert "give the server the keyring" in text


async def test_a_wrong_key_of_the_same_name_does_not_open(vault: Vault) -> None:
    """A keyring that has another key under the same id does not decrypt, and says so."""
    await refused(Vault(Keyring({"old": NEW}, "old")), await vault.seal(SECRET, OWNER))


async def test_two_keys_serve_side_by_side(vault: Vault) -> None:
    """With a second key active, old records still open and new ones use the second."""
    before = await vault.seal(SECRET, OWNER)
    both = Vault(Keyring({"old": OLD, "new": NEW}, "new"))
    after = await both.seal(SECRET, OWNER)
    assert (before.key_id, after.key_id) == ("old", "new")
    assert await both.open(before, OWNER) == await both.open(after, OWNER) == SECRET
    assert "'new'" in await refused(vault, after)


async def test_an_unknown_format_is_refused(vault: Vault) -> None:
    """A record of a later format is not guessed at."""
    assert "format 2" in await refused(vault, replace(await vault.seal(SECRET, OWNER), format=2))
