"""A real PostgreSQL, started by the tests themselves: nothing of the machine's own clusters is touched."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
from psycopg import sql

from tests.support.tools import require_tool

_HINT = "apt-get install postgresql"
_USER = "clarion"


class PostgreSQL:
    """A PostgreSQL of our own: on a Unix socket in a folder of its own, with a password.

    Args:
        directory: its folder, empty; belongs to the user that runs it.
        account: user and group id to run as; None: as this process does.
    """

    def __init__(self, directory: Path, account: tuple[int, int] | None) -> None:
        self.directory = directory
        self.password = secrets.token_urlsafe(18)
        self._as_account: list[str] = []
        if account is not None:
            # Not by subprocess's own `user`: it forks, which a process with gRPC's threads does not always survive.
            setpriv = str(require_tool("setpriv", "apt-get install util-linux"))
            self._as_account = [setpriv, f"--reuid={account[0]}", f"--regid={account[1]}", "--clear-groups"]
        self._process: subprocess.Popen[bytes] | None = None
        password_file = directory / "password"
        password_file.write_text(self.password)
        password_file.chmod(0o644)
        self._run("initdb", "-D", str(self.data), "-U", _USER, "-A", "scram-sha-256", "--pwfile", str(password_file))

    @property
    def data(self) -> Path:
        """The folder with its files, its WAL among them."""
        return self.directory / "data"

    @property
    def log(self) -> Path:
        """What it wrote to standard error."""
        return self.directory / "log"

    def start(self) -> None:
        """Start it and wait until it takes connections."""
        with self.log.open("ab") as sink:
            self._process = subprocess.Popen(
                [
                    *self._as_account,
                    *(require_tool("postgres", _HINT), "-D", self.data, "-k", self.directory),
                    *("-c", "listen_addresses=", "-c", "fsync=off", "-c", "log_statement=none"),
                ],
                stdout=sink,
                stderr=subprocess.STDOUT,
                cwd="/",
            )
        until = time.monotonic() + 60
        while True:
            try:
                self._connect("postgres").close()
            except psycopg.OperationalError:
                if self._process.poll() is not None or time.monotonic() > until:
                    raise AssertionError(f"PostgreSQL does not start:\n{self.log.read_text()}") from None
                time.sleep(0.05)
            else:
                return

    def freeze(self, number: signal.Signals) -> None:
        """Send SIGSTOP or SIGCONT to its main process and to those that serve connections."""
        assert self._process is not None
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        for pid in (self._process.pid, *map(int, children)):
            os.kill(pid, number)

    def stop(self, number: signal.Signals = signal.SIGINT) -> None:
        """Stop it and wait for its end: SIGINT ends it in order, SIGQUIT as a crash would."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self._process.send_signal(number)
            try:
                self._process.wait(60)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    def create_database(self, template: str | None = None) -> str:
        """Make a database and return its URL, the password in it: empty, or a copy of the one with this URL."""
        name = f"test_{secrets.token_hex(6)}"
        with self._connect("postgres") as connection:
            connection.autocommit = True
            source = sql.Identifier(_name(template) if template else "template1")
            connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), source))
        return f"postgresql+psycopg://{_USER}:{self.password}@/{name}?host={quote(str(self.directory), safe='')}"

    def execute(self, url: str, statement: str) -> list[tuple[Any, ...]]:
        """Run a statement of the test's own in a database and return its rows, if any."""
        with self._connect(_name(url)) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def dump(self, url: str) -> bytes:
        """Return the database as SQL text, all columns in full."""
        return self._run("pg_dump", "--host", str(self.directory), "--username", _USER, "--dbname", _name(url))

    def files(self, url: str) -> list[Path]:
        """Return where a database's content is on disk, written out: its files, the WAL, and the server's log."""
        ((oid,),) = self.execute(url, f"SELECT oid FROM pg_database WHERE datname = '{_name(url)}'")
        self.execute(url, "CHECKPOINT")
        return [self.data / "base" / str(oid), self.data / "pg_wal", self.log]

    def _connect(self, database: str) -> psycopg.Connection[tuple[Any, ...]]:
        return psycopg.connect(
            host=str(self.directory), dbname=database, user=_USER, password=self.password, connect_timeout=10
        )

    def _run(self, tool: str, *arguments: str) -> bytes:
        return subprocess.run(
            [*self._as_account, require_tool(tool, _HINT), *arguments],
            check=True,
            capture_output=True,
            cwd="/",
            env={"PATH": os.defpath, "LC_ALL": "C.UTF-8", "PGPASSWORD": self.password},
        ).stdout


def _name(url: str) -> str:
    return url.rpartition("/")[2].partition("?")[0]


def _account() -> tuple[int, int] | None:
    """PostgreSQL refuses to run as root; Debian's package brings a user for it."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return entry.pw_uid, entry.pw_gid
    raise AssertionError("there is no user `postgres` or `nobody` to run PostgreSQL as")


@contextmanager
def postgresql_server() -> Iterator[PostgreSQL]:
    """Run a PostgreSQL; skip the test (in CI: fail) when the machine has none."""
    require_tool("initdb", _HINT)
    account = _account()
    # Not below pytest's folder, into which no other user may go, and whose path is too long for a socket.
    directory = Path(tempfile.mkdtemp(prefix="clarion-pg-", dir="/tmp"))
    try:
        if account is not None:
            os.chown(directory, *account)
        server = PostgreSQL(directory, account)
        try:
            server.start()
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(directory, ignore_errors=True)
