"""Encryption of secrets before they are stored: a keyring of master keys, and envelopes around secrets."""

from __future__ import annotations

from clarion_server.vault.adapters import load_key_wrapper
from clarion_server.vault.envelope import Owner, SecretOwner, Vault
from clarion_server.vault.keyring import Keyring, KeyringUnusable, create_keyring, load_keyring, load_or_create_keyring
from clarion_server.vault.keyring_file import KeyringFile, editing
from clarion_server.vault.rewrap import SealedTable, rewrap_all, uses

__all__ = [
    "Keyring",
    "KeyringFile",
    "KeyringUnusable",
    "Owner",
    "SealedTable",
    "SecretOwner",
    "Vault",
    "create_keyring",
    "editing",
    "load_key_wrapper",
    "load_keyring",
    "load_or_create_keyring",
    "rewrap_all",
    "uses",
]
