"""The README's session, run as it is written."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.process import clarion_server
from tests.support.tools import require_tool

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted(path.stem for path in (ROOT / "examples").glob("*.json"))


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """Provide `clarion-server dev`, which `make run` starts: its address, and the folder it was started in."""
    folder = tmp_path_factory.mktemp("session")
    (folder / "examples").symlink_to(ROOT / "examples")
    with clarion_server(
        "dev", "--listen", "127.0.0.1:0", "--dir", str(folder / ".clarion"), output=folder / "log"
    ) as server:
        yield server.wait_for(r"serves gRPC on (\S+:\d+)")[1], folder


def shell(script: str, folder: Path, **environment: str) -> str:
    """Run a script as a person would paste it, but stop at the first failure; return what it printed."""
    ended = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def session() -> str:
    """Return the shell session of the README."""
    found = re.search(r"<!-- session:.*?-->\n```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert found
    return found[1]


def test_the_session_works(address: tuple[str, Path]) -> None:
    """Pasted into a shell, the session shows services, makes app and channels, and every message has its results."""
    grpcurl = require_tool("grpcurl", "go install github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.1")
    server, folder = address
    printed = shell(
        session().replace("127.0.0.1:8080", server), folder, PATH=f"{Path(grpcurl).parent}:{os.environ['PATH']}"
    )
    assert "clarion.v1.MessagingService" in printed
    assert "rpc StreamMessages" in printed
    for kind in ("APNS_SIGNING_KEY", "FCM_SERVICE_ACCOUNT", "ADM_CLIENT", "BAIDU_KEY_PAIR"):
        assert printed.count(f'"CREDENTIAL_KIND_{kind}"') == 1
    assert printed.count('"started"') == printed.count('"summary"') == 1 + len(EXAMPLES)
    # Two phones and one that threw the app away; then the examples, all of which are accepted. The only reason stands
    # in its result and once in a summary.
    assert printed.count('"reason": "ERROR_REASON_ADDRESS_UNREGISTERED"') == printed.count('"reason": ') == 1 + 1
    wanted = 2 + sum(len(json.loads((ROOT / f"examples/{name}.json").read_text())["targets"]) for name in EXAMPLES)
    # Versions of grpcurl differ in how they spell field names.
    accepted = re.findall(r'"index": "\d+",[^}]*"delivery_?[sS]tatus": "DELIVERY_STATUS_SUCCESSFUL"', printed)
    assert len(accepted) == wanted


def test_the_session_sends_all_examples() -> None:
    """The session leaves no example out."""
    named = re.search(r"for example in (.*); do", session())
    assert named
    assert sorted(named[1].split()) == EXAMPLES


@pytest.mark.parametrize("example", EXAMPLES)
def test_examples_with_buf(address: tuple[str, Path], example: str) -> None:
    """By reflection alone, buf curl sends each example, and every target is accepted."""
    buf = require_tool("buf", "it is in requirements/dev.txt")
    server, folder = address
    base = f"http://{server}/clarion.v1."
    curl = f"{buf} curl --protocol grpc --http2-prior-knowledge"
    app = shell(f'{curl} --data \'{{"name": "x"}}\' {base}AppService/CreateApp', folder)
    app_id = json.loads(app)["app"]["id"]
    for channel in ("apns", "fcm", "adm", "baidu"):
        shell(
            f"sed s/APP_ID/{app_id}/ .clarion/sandbox/channel-{channel}.json |"
            f" {curl} --data @- {base}ChannelService/UpdateChannel",
            folder,
        )
    printed = shell(
        f"sed s/APP_ID/{app_id}/ examples/{example}.json | {curl} --data @- {base}MessagingService/SendMessages", folder
    )
    decoder = json.JSONDecoder()
    events, rest = [], printed.strip()
    while rest:
        event, end = decoder.raw_decode(rest)
        events.append(event)
        rest = rest[end:].strip()
    results = [result for event in events for result in event.get("results", {}).get("results", [])]
    targets = json.loads((ROOT / f"examples/{example}.json").read_text())["targets"]
    assert len(results) == len(targets)
    for result in results:
        assert result["deliveryStatus"] == "DELIVERY_STATUS_SUCCESSFUL", result
