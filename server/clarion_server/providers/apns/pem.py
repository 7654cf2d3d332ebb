"""Reads PEM private keys, and says precisely what else a text is."""

from __future__ import annotations

import re

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from clarion_server.providers import checks

_LABEL = re.compile(r"-----BEGIN ([A-Z0-9 ]{1,40})-----")


class PemProblem(ValueError):
    """Why a text is not the PEM that was asked for; never quotes it."""


def load_private_key(text: str, *, what: str) -> PrivateKeyTypes:
    """Return the only private key of a PEM text.

    Args:
        text: PEM text.
        what: where a good one comes from, for messages.

    Raises:
        PemProblem: it is not PEM, encrypted, a public key or certificate, more than one block, or damaged.
    """
    labels = _LABEL.findall(text)
    if not labels:
        raise PemProblem(f"is not PEM text: it must be {what}, from -----BEGIN PRIVATE KEY----- on")
    if "\n" not in text.strip():
        broken = "its line breaks are the two characters \\ and n" if "\\n" in text else "its line breaks are lost"
        raise PemProblem(f"is not valid PEM: {broken}; give the file with its lines as they are")
    if "ENCRYPTED PRIVATE KEY" in labels or "Proc-Type: 4,ENCRYPTED" in text:
        raise PemProblem("is encrypted; give it without a password (openssl pkey -in FILE removes it)")
    keys = [label for label in labels if label.endswith("PRIVATE KEY")]
    if not keys:
        kind = {"PUBLIC KEY": "a public key", "CERTIFICATE": "a certificate"}.get(labels[0], "something else")
        raise PemProblem(f"is {kind}, not a private key; give {what}")
    if len(keys) > 1:
        raise PemProblem(f"holds {len(keys)} private keys; give one")
    try:
        # A text may hold parameters or a certificate before the key; the loader wants the key alone.
        return checks.private_key(text[text.index(f"-----BEGIN {keys[0]}-----") :].encode())
    except checks.RsaKeyTooLong as error:
        raise PemProblem(str(error)) from None
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise PemProblem("is PEM text, but its content is damaged or of an unknown kind; export it again") from None
