"""The provider's stand-in: nghttpd, an HTTP/2 server in C, on loopback with TLS.

It answers every POST to a file that exists with 200 and the file, here an empty one. It does not look at headers and
payloads: what it costs is HTTP/2 and TLS.
"""

from __future__ import annotations

import os
import shutil
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import trustme

from bench.children import Child, free_port
from bench.workload import ADDRESSES

#: As APNs, which allows 1,000 once it has accepted a provider token.
_STREAMS = 1000


@dataclass(frozen=True, slots=True)
class Stub:
    """A running stand-in.

    Attributes:
        child: its process.
        endpoint: `https://HOST:PORT`.
        ca_file: PEM file of the authority that signed its certificate.
    """

    child: Child
    endpoint: str
    ca_file: Path


def find_nghttpd() -> str | None:
    """Return the path of nghttpd, None if it is not installed."""
    # Debian puts it where not every user's PATH leads.
    folders = (sysconfig.get_path("scripts"), os.environ.get("PATH", os.defpath), "/usr/sbin")
    return shutil.which("nghttpd", path=os.pathsep.join(folders))


@contextmanager
def running_stub(program: str, directory: Path) -> Iterator[Stub]:
    """Run nghttpd with everything below `directory`."""
    devices = directory / "www" / "3" / "device"
    devices.mkdir(parents=True)
    for address in ADDRESSES:
        (devices / address).touch()
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    ca_file, key, chain = directory / "ca.pem", directory / "key.pem", directory / "chain.pem"
    authority.cert_pem.write_to_path(ca_file)
    certificate.private_key_pem.write_to_path(key)
    for blob in certificate.cert_chain_pems:
        blob.write_to_path(chain, append=True)
    port = free_port()
    command = [
        program,
        "-a",
        "127.0.0.1",
        "-m",
        str(_STREAMS),
        "-d",
        str(directory / "www"),
        str(port),
        str(key),
        str(chain),
    ]
    with Child("nghttpd", command, directory / "nghttpd.log", os.environ) as child:
        child.wait_until_listening(port)
        yield Stub(child, f"https://127.0.0.1:{port}", ca_file)
