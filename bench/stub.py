"""The provider's stand-ins, HTTP/2 servers in C on loopback with TLS.

`stub.c`, built with the system's compiler, answers as APNs does, with a status and an id, or as FCM does; after a delay
if one is wanted, and with APNs' refusals. `nghttpd`, a server that others wrote, answers every POST to a file that
exists with 200 and the file, here an empty one: six headers and a frame of data. Neither looks at headers or payloads:
what they cost is HTTP/2 and TLS.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sysconfig
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import trustme

from bench.cases import Setup
from bench.children import Child, ChildFailed, free_port
from bench.workload import ADDRESSES

#: As APNs, which allows 1,000 once it has accepted a provider token.
_STREAMS = 1000
_SOURCE = Path(__file__).with_name("stub.c")


@dataclass(frozen=True, slots=True)
class Certificate:
    """Files of a certificate for 127.0.0.1, made for the run.

    Attributes:
        ca_file: PEM file of the authority that signed it.
        key: PEM file.
        chain: PEM file.
    """

    ca_file: Path
    key: Path
    chain: Path


@dataclass(frozen=True, slots=True)
class Stub:
    """A running stand-in.

    Attributes:
        child: its process.
        port: where it listens on loopback.
        ca_file: PEM file of the authority that signed its certificate.
    """

    child: Child
    port: int
    ca_file: Path

    @property
    def endpoint(self) -> str:
        """`https://HOST:PORT`."""
        return f"https://127.0.0.1:{self.port}"


def running_provider(setup: Setup, certificate: Certificate, directory: Path) -> AbstractContextManager[Stub]:
    """Run the stand-in that a set-up names, with everything below `directory`.

    Raises:
        ChildFailed: something is not installed; the text says what.
    """
    directory.mkdir()
    if setup.provider == "stub":
        return running_stub(build(directory), certificate, directory / "files", setup.delay)
    if setup.delay:
        raise ValueError("nghttpd answers at once")
    # Debian puts it where not every user's PATH leads.
    folders = (sysconfig.get_path("scripts"), os.environ.get("PATH", os.defpath), "/usr/sbin")
    program = shutil.which("nghttpd", path=os.pathsep.join(folders))
    if program is None:
        raise ChildFailed("nghttpd is not installed; get it with: apt-get install nghttp2-server")
    return _running_nghttpd(program, certificate, directory)


def build(directory: Path) -> Path:
    """Build `stub.c` and return the program.

    Raises:
        ChildFailed: compiler or libraries are not there; the text says what to install.
    """
    program = directory / "stub"
    compiler = shutil.which("cc")
    hint = "get what it needs with: apt-get install gcc libc6-dev libnghttp2-dev libssl-dev"
    if compiler is None:
        raise ChildFailed(f"no C compiler for {_SOURCE.name}; {hint}")
    command = [compiler, "-O2", "-Wall", "-o", str(program), str(_SOURCE), "-lnghttp2", "-lssl", "-lcrypto"]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    if built.returncode:
        raise ChildFailed(f"{_SOURCE.name} does not build; {hint}\n{built.stderr}")
    return program


def make_certificate(directory: Path) -> Certificate:
    """Make a certificate for 127.0.0.1 and the authority behind it."""
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    made = Certificate(directory / "ca.pem", directory / "key.pem", directory / "chain.pem")
    authority.cert_pem.write_to_path(made.ca_file)
    issued.private_key_pem.write_to_path(made.key)
    made.chain.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    return made


@contextmanager
def _running_nghttpd(program: str, certificate: Certificate, directory: Path) -> Iterator[Stub]:
    """Run nghttpd with everything below `directory`."""
    devices = directory / "www" / "3" / "device"
    devices.mkdir(parents=True)
    for address in ADDRESSES:
        (devices / address).touch()
    port = free_port()
    options = ["-a", "127.0.0.1", "-m", str(_STREAMS), "-d", str(directory / "www")]
    command = [program, *options, str(port), str(certificate.key), str(certificate.chain)]
    with _listening("nghttpd", command, port, certificate, directory) as stub:
        yield stub


@contextmanager
def running_stub(
    program: Path, certificate: Certificate, directory: Path, delay: int, *, port: int = 0
) -> Iterator[Stub]:
    """Run what `build` built; it answers after `delay` milliseconds, and refuses `workload.DEAD`; port 0 is any."""
    directory.mkdir()
    port = port or free_port()
    command = [str(program), str(port), str(certificate.key), str(certificate.chain), str(delay)]
    with _listening("stub", command, port, certificate, directory) as stub:
        yield stub


@contextmanager
def _listening(name: str, command: list[str], port: int, certificate: Certificate, directory: Path) -> Iterator[Stub]:
    with Child(name, command, directory / f"{name}.log", os.environ) as child:
        child.wait_until_listening(port)
        yield Stub(child, port, certificate.ca_file)
