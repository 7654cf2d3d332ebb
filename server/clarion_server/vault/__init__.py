"""Encryption of credentials before they are stored: a keyring of master keys, and envelopes around secrets."""

from __future__ import annotations

from clarion_server.vault.envelope import Owner, SecretOwner, Vault
from clarion_server.vault.keyring import Keyring, KeyringUnusable, create_keyring, load_keyring, load_or_create_keyring

__all__ = [
    "Keyring",
    "KeyringUnusable",
    "Owner",
    "SecretOwner",
    "Vault",
    "create_keyring",
    "load_keyring",
    "load_or_create_keyring",
]
