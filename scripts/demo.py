"""`make demo`: a message to 1,000 simulated devices, from nothing to a checked summary, in some seconds.

Starts the sandbox (APNs, FCM, ADM and Baidu, emulated on this machine) and a server in a temporary folder, makes an
app with channels to them, sends, shows the results while they stream in, checks that every device fared as it was made
to, and leaves nothing behind.
"""

from __future__ import annotations

import json
import os
import random
import shlex
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

import clarion
from clarion.cli.results import LiveCounts, Tally, reason_name, status_name, summary_table
from clarion.v1.messaging_pb2 import Result, Target
from clarion_server.rpc.probe import is_serving
from clarion_server.sandbox.devices import adm_address, apns_address, baidu_address, fcm_address

START_SECONDS = 60
STOP_SECONDS = 15
SEND_SECONDS = 3.0

Kind = tuple[str, str]
"""Delivery status and reason, in short names; the reason of success is empty."""


@dataclass(frozen=True, slots=True)
class Fate:
    """What some simulated devices do, and what their results must say.

    Attributes:
        name: for people, and the `client_ref` of the targets.
        channel: type of the channel.
        address: number → address of the device.
        devices: how many there are.
        expected: what each result must say.
    """

    name: str
    channel: str
    address: Callable[[int], str]
    devices: int
    expected: Kind


_ADDRESSES: Mapping[str, tuple[str, Callable[[str, int], str]]] = {
    "APNs": ("APNS", apns_address),
    "APNs development": ("APNS_SANDBOX", apns_address),
    "FCM": ("FCM", fcm_address),
    "ADM": ("ADM", adm_address),
    "Baidu": ("BAIDU", baidu_address),
}
"""Name of a provider for people → type of its channel, and what makes the addresses of its simulated devices."""


def _fate(provider: str, behaviour: str, devices: int, *expected: str) -> Fate:
    status, reason = (*expected, "")[:2]
    channel, address = _ADDRESSES[provider]
    return Fate(f"{provider} {behaviour}", channel, partial(address, behaviour), devices, (status, reason))


FATES = (
    _fate("APNs", "ok", 320, "SUCCESSFUL"),
    _fate("APNs", "slow-500ms", 40, "SUCCESSFUL"),
    _fate("APNs", "slow", 20, "SUCCESSFUL"),
    _fate("APNs", "unregistered", 25, "PERMANENT_FAILURE", "ADDRESS_UNREGISTERED"),
    _fate("APNs", "wrong-environment", 15, "PERMANENT_FAILURE", "ADDRESS_INVALID"),
    _fate("APNs", "wrong-topic", 10, "PERMANENT_FAILURE", "ADDRESS_OF_OTHER_APP"),
    _fate("APNs", "throttled", 10, "THROTTLED", "DEVICE_THROTTLED"),
    _fate("APNs", "unavailable", 5, "TEMPORARY_FAILURE", "PROVIDER_UNAVAILABLE"),
    _fate("APNs", "silent", 5, "UNKNOWN_FAILURE", "ANSWER_TIMEOUT"),
    _fate("APNs development", "ok", 20, "SUCCESSFUL"),
    # The same devices as those that production refuses.
    _fate("APNs development", "wrong-environment", 10, "SUCCESSFUL"),
    _fate("FCM", "ok", 280, "SUCCESSFUL"),
    _fate("FCM", "slow-500ms", 30, "SUCCESSFUL"),
    _fate("FCM", "unregistered", 25, "PERMANENT_FAILURE", "ADDRESS_UNREGISTERED"),
    _fate("FCM", "wrong-project", 10, "PERMANENT_FAILURE", "ADDRESS_OF_OTHER_APP"),
    _fate("FCM", "throttled", 10, "THROTTLED", "DEVICE_THROTTLED"),
    _fate("FCM", "unavailable", 10, "TEMPORARY_FAILURE", "PROVIDER_UNAVAILABLE"),
    _fate("ADM", "ok", 50, "SUCCESSFUL"),
    _fate("ADM", "replaced", 10, "SUCCESSFUL"),
    _fate("ADM", "unregistered", 10, "PERMANENT_FAILURE", "ADDRESS_UNREGISTERED"),
    _fate("Baidu", "ok", 50, "SUCCESSFUL"),
    _fate("Baidu", "slow-500ms", 10, "SUCCESSFUL"),
    _fate("Baidu", "unregistered", 10, "PERMANENT_FAILURE", "ADDRESS_UNREGISTERED"),
    # What Clarion finds out itself, without asking a provider.
    Fate("no device token", "APNS", "not-a-token-{}".format, 10, ("PERMANENT_FAILURE", "ADDRESS_MALFORMED")),
    Fate("no such channel", "APNS_VOIP", "{:064x}".format, 5, ("PERMANENT_FAILURE", "CHANNEL_NOT_FOUND")),
)


NAME_WIDTH = max(len(fate.name) for fate in FATES)


class DemoError(Exception):
    """The demo cannot go on; the text says why."""


def targets(fates: Sequence[Fate]) -> list[Target]:
    """Return the devices of all fates, well mixed and always in the same order."""
    made = [
        clarion.target(fate.address(number), fate.channel, client_ref=fate.name)
        for fate in fates
        for number in range(fate.devices)
    ]
    random.Random(1).shuffle(made)  # noqa: S311 (an order, no secret)
    return made


def check(fates: Sequence[Fate], got: Mapping[str, Counter[Kind]]) -> tuple[Table, bool]:
    """Compare the results with what was expected.

    Args:
        fates: what was expected.
        got: fate name → what its results said.

    Returns:
        A table for people, and whether everything is as expected.
    """
    table = Table(box=SIMPLE_HEAD, header_style="bold", pad_edge=False)
    for title in ("DEVICES THAT ARE", "EXPECTED RESULT"):
        table.add_column(title, overflow="fold")
    for title in ("SENT", "GOT", ""):
        table.add_column(title, justify="right", no_wrap=True)
    right = True
    for fate in fates:
        counts = got.get(fate.name, Counter())
        good = counts == Counter({fate.expected: fate.devices})
        right &= good
        mark = "[green]ok[/]" if good else "[bold red]WRONG[/]"
        table.add_row(fate.name, _short(fate.expected), str(fate.devices), str(counts[fate.expected]), mark)
        for other, count in counts.items():
            if other != fate.expected:
                table.add_row("", f"[red]instead: {_words(other)}[/]", "", str(count), "")
    return table, right


def _words(kind: Kind) -> str:
    return " ".join(part for part in kind if part)


def _short(kind: Kind) -> str:
    status, reason = kind
    return reason or status


def _kind(result: Result) -> Kind:
    return status_name(result.delivery_status), reason_name(result.reason)


@contextmanager
def running(
    name: str, arguments: Iterable[str], environment: Mapping[str, str], log: Path
) -> Iterator[Callable[[], None]]:
    """Run `clarion-server` with these arguments, and stop it at the end.

    Yields:
        A function that raises DemoError, with the end of its log, if the process has ended too early.
    """
    command = Path(sysconfig.get_path("scripts")) / "clarion-server"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [command, *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            # Ctrl-C in a terminal reaches every process of its session; this one is stopped below, in order.
            start_new_session=True,
        )

    try:
        yield lambda: _must_run(name, process, log)
    finally:
        # Stopping takes a moment, and a second Ctrl-C must not leave it half done.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _must_run(name: str, process: subprocess.Popen[bytes], log: Path) -> None:
    if process.poll() is not None:
        told = "\n".join(log.read_text(errors="replace").splitlines()[-20:])
        raise DemoError(f"{name} ended with exit code {process.returncode}:\n{told}")


def wait_for(name: str, ready: Callable[[], bool], alive: Callable[[], None]) -> None:
    """Wait until `ready` returns True.

    Raises:
        DemoError: the process has ended, or takes too long.
    """
    until = time.monotonic() + START_SECONDS
    while not ready():
        alive()
        if time.monotonic() > until:
            raise DemoError(f"{name} is not ready after {START_SECONDS} seconds")
        time.sleep(0.05)


def sandbox_is_ready(folder: Path) -> bool:
    """Return whether the sandbox has written its files (`server.env` is the last) and answers."""
    if not (folder / "server.env").is_file():
        return False
    endpoint = json.loads((folder / "sandbox.json").read_text(encoding="utf-8"))["control_endpoint"]
    try:
        with urllib.request.urlopen(f"{endpoint}/healthz", timeout=1) as answer:  # noqa: S310 (our own, on loopback)
            return bool(answer.status == 200)
    except OSError:
        return False


def server_environment(folder: Path) -> dict[str, str]:
    """Return the environment that points a server at the sandbox; no setting of the caller's own server is in it."""
    lines = shlex.split((folder / "server.env").read_text(encoding="utf-8"))
    return clean_environment() | dict(line.split("=", 1) for line in lines)


def clean_environment() -> dict[str, str]:
    """Return this process's environment without settings of Clarion."""
    return {name: value for name, value in os.environ.items() if not name.startswith("CLARION_")}


def free_port() -> int:
    """Return a port of the loopback interface that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def create_app(client: clarion.Client, folder: Path) -> str:
    """Make an app with channels to all four providers from the sandbox's files, and return its id."""

    def read(name: str) -> dict[str, Any]:
        document: dict[str, Any] = json.loads((folder / name).read_text(encoding="utf-8"))
        return document

    sandbox = read("sandbox.json")
    app = client.create_app("Demo", tags={"made-by": "make demo"})
    key = clarion.ApnsKey.from_file(folder / "apns-key.p8", sandbox["key_id"], sandbox["team_id"])
    account = clarion.FcmServiceAccount.from_file(folder / "fcm-service-account.json")
    for settings in (
        clarion.apns_channel("APNS", bundle_id=sandbox["bundle_id"], key=key),
        clarion.apns_channel("APNS_SANDBOX", bundle_id=sandbox["bundle_id"], key=key),
        clarion.fcm_channel(service_account=account),
        clarion.adm_channel(**read("adm-client.json")),
        clarion.baidu_channel(**read("baidu-keys.json")),
    ):
        client.update_channel(app.id, settings)
    return app.id


def send(client: clarion.Client, app_id: str, console: Console) -> dict[str, Counter[Kind]]:
    """Send to all devices, show the results while they come, and return what those of each fate said.

    Raises:
        DemoError: a target has no result or two, or the server's summary says something else than the results.
    """
    message = clarion.message(title="Hello from Clarion", body="{{greeting}}", substitutions={"greeting": "It works."})
    devices = targets(FATES)
    got: dict[str, Counter[Kind]] = {}
    seen: set[int] = set()
    tally = Tally()
    begin = time.monotonic()
    sending = client.send(app_id, message, devices, send_timeout=SEND_SECONDS, trace_id="demo")
    console.print("   the first result of each kind of device:")
    with LiveCounts(console, tally, lambda: len(devices)) as live:
        for result in sending:
            if result.client_ref not in got:
                after = f"{time.monotonic() - begin:6.2f} s"
                console.print(f"{after}  {result.client_ref:<{NAME_WIDTH}}  {_words(_kind(result))}", soft_wrap=True)
            tally.add(result)
            seen.add(result.index)
            got.setdefault(result.client_ref, Counter())[_kind(result)] += 1
            live.tick()
    console.print(f"{time.monotonic() - begin:6.2f} s  all {tally.total:,} results are here:")
    console.print(summary_table(tally))
    if sending.summary is None or not sending.summary.total == tally.total == len(seen) == len(devices):
        raise DemoError(f"{len(devices)} targets, but {tally.total} results for {len(seen)} of them")
    by_status = {status_name(count.delivery_status): count.count for count in sending.summary.by_status}
    counted = Counter(status for kinds in got.values() for status, _ in kinds.elements())
    if by_status != counted:
        raise DemoError(f"the summary says {by_status}, but the results {dict(counted)}")
    return got


def run(console: Console) -> bool:
    """Run the demo, and return whether every device fared as expected.

    Raises:
        DemoError: it cannot be run to its end.
        clarion.ClarionError: a call failed.
    """
    with tempfile.TemporaryDirectory(prefix="clarion-demo-") as name:
        folder = Path(name)
        sandbox = folder / "sandbox"
        console.print("[bold]1.[/] starting the sandbox: APNs, FCM, ADM and Baidu, emulated on this machine")
        ports = ("--apns-port", "--apns-sandbox-port", "--fcm-port", "--adm-port", "--baidu-port", "--control-port")
        arguments = ["sandbox", "--dir", str(sandbox), *(word for port in ports for word in (port, "0"))]
        with running("the sandbox", arguments, clean_environment(), folder / "sandbox.log") as sandbox_alive:
            wait_for("the sandbox", lambda: sandbox_is_ready(sandbox), sandbox_alive)
            address = f"127.0.0.1:{free_port()}"
            console.print(f"[bold]2.[/] starting a server on {address}, with an empty SQLite database")
            arguments = ["serve", "--listen", address, "--data-dir", str(folder / "data")]
            environment = server_environment(sandbox) | {"CLARION_AUTHENTICATION": "none"}
            with running("the server", arguments, environment, folder / "server.log") as server_alive:
                wait_for("the server", lambda: is_serving(address, timeout=1), server_alive)
                with clarion.Client(address) as client:
                    console.print("[bold]3.[/] making an app with channels to all four")
                    app_id = create_app(client, sandbox)
                    devices = sum(fate.devices for fate in FATES)
                    console.print(f"[bold]4.[/] sending one message to {devices:,} simulated devices")
                    got = send(client, app_id, console)
                console.print("[bold]5.[/] stopping both, and comparing every result with what its device does")
    table, right = check(FATES, got)
    console.print(table)
    return right


def _stop(_number: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt


def main() -> int:
    """Run the demo and return the exit code: 0 if every simulated fate was counted right."""
    console = Console(highlight=False, emoji=False)
    signal.signal(signal.SIGTERM, _stop)
    try:
        right = run(console)
    except KeyboardInterrupt:
        console.print("stopped; nothing is left running")
        return 130
    except (DemoError, clarion.ClarionError) as error:
        console.print("[bold red]The demo failed:[/]", end=" ")
        console.print(str(error), markup=False)
        return 1
    if not right:
        console.print("[bold red]Some devices fared otherwise than expected.[/]")
        return 1
    console.print("[bold green]Every simulated device has the result it should have.[/] Nothing is left running.\n")
    console.print(
        "What to try next:\n"
        "  make run                    server and sandbox, staying up; then, elsewhere:\n"
        "  .venv/bin/clarion --help    the command: apps, channels, send, preview, …\n"
        "  README.md                   a session with grpcurl, and the map of the code"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
