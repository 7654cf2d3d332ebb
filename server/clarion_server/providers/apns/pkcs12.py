"""Opens PKCS#12 (`.p12`) files within bounds of time, whatever they hold."""

from __future__ import annotations

import base64
import json
import subprocess
import sys

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from clarion_server.providers.apns import pkcs12_child

# The child limits its processor time itself; this is for one that cannot go on at all.
_MAX_SECONDS = 10.0
_KILLED = -9


class Pkcs12Problem(ValueError):
    """Why a file cannot be opened: `unsupported`, `password`, `damaged` or `laborious`. No text, so no secret."""


def open_pkcs12(content: bytes, password: str) -> tuple[PrivateKeyTypes | None, list[x509.Certificate]]:
    """Return a file's private key and certificates, that of the key first; without that one there are none.

    Blocks for up to ten seconds: not for the event loop.

    Raises:
        Pkcs12Problem: it cannot be opened, or not with two seconds of processor time.
    """
    question = json.dumps({"content": base64.b64encode(content).decode(), "password": password})
    # -I: nothing of the environment or the current folder changes what runs.
    command = [sys.executable, "-I", pkcs12_child.__file__]
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter and file
            command, input=question.encode(), capture_output=True, timeout=_MAX_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise Pkcs12Problem("laborious") from None
    if done.returncode == _KILLED:
        raise Pkcs12Problem("laborious")
    if done.returncode != 0:  # the library gave up in a way that is none of its documented ones
        raise Pkcs12Problem("damaged")
    answer = json.loads(done.stdout)
    if "problem" in answer:
        raise Pkcs12Problem(answer["problem"])
    # The child has checked the key already.
    key = answer["key"].encode()
    try:
        opened = load_pem_private_key(key, password=None, unsafe_skip_rsa_key_validation=True) if key else None
        return opened, [x509.load_pem_x509_certificate(one.encode()) for one in answer["chain"]]
    except ValueError:
        raise Pkcs12Problem("damaged") from None
