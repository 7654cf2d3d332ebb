"""Opens a PKCS#12 file as a process of its own; `pkcs12.py` starts it by this file's path and speaks with it.

A file says itself how much work opening it takes: up to 2^31 iterations for each of its parts, some of which only come
to light once others are decrypted, and an RSA key of any length, whose check takes hours. The library does that without
a pause in which another thread could run. A process can be stopped.

On standard input: a JSON object with `content` (base64) and `password`. On standard output: an object with `key` (PEM)
and `chain` (PEM texts, the key's own certificate first), of which any may be absent, or with a `problem`.
"""

from __future__ import annotations

import base64
import json
import resource
import sys

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, pkcs12

MAX_CPU_SECONDS = 2


def _open(content: bytes, password: bytes) -> dict[str, object]:
    try:
        key, certificate, others = pkcs12.load_key_and_certificates(content, password)
        chain = [certificate, *others] if certificate is not None else []
        return {
            "key": key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode() if key else "",
            "chain": [one.public_bytes(Encoding.PEM).decode() for one in chain],
        }
    except UnsupportedAlgorithm:
        return {"problem": "unsupported"}
    except ValueError as error:
        return {"problem": "password" if "password" in str(error).lower() else "damaged"}


def main() -> None:
    """Answer one question."""
    # Equal limits end the process at once; a core file would hold the key.
    resource.setrlimit(resource.RLIMIT_CPU, (MAX_CPU_SECONDS, MAX_CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    question = json.load(sys.stdin)
    answer = _open(base64.b64decode(question["content"]), question["password"].encode())
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
