"""The control API, and docs/sandbox.md about it."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from clarion_server.sandbox import Sandbox, SimulatedClock
from clarion_server.sandbox.fault import TRAITS
from clarion_server.sandbox.table import LISTENERS
from tests.integration.sandbox.clients import ApnsClient, FcmClient, reason, tls
from tests.support.process import clarion_server
from tests.support.tools import require_tool

NO_FAULTS: dict[str, list[object]] = {spec.name: [] for spec in LISTENERS}
DOCUMENT = (Path(__file__).parents[3] / "docs" / "sandbox.md").read_text()


@pytest.fixture
async def control(sandbox: Sandbox) -> AsyncIterator[httpx.AsyncClient]:
    """Provide a client of the control API."""
    async with httpx.AsyncClient(base_url=sandbox.info.control_endpoint, timeout=20) as client:
        yield client


async def test_switching(control: httpx.AsyncClient, apns: ApnsClient) -> None:
    """PUT replaces, POST adds, DELETE takes away one, a listener's, or all; GET shows what has struck."""
    assert (await control.get("/faults")).json() == NO_FAULTS
    fault = {"kind": "status", "status": 429, "count": 1, "seed": 3}
    (shown,) = (await control.put("/faults/apns", json=fault)).json()["apns"]
    assert shown == {"id": shown["id"], **fault, "when": "before", "seen": 0, "struck": 0, "active": True}
    assert [(await apns.push()).status_code for _ in range(2)] == [429, 200]
    (shown,) = (await control.get("/faults/apns")).json()["apns"]
    assert (shown["seen"], shown["struck"], shown["active"]) == (1, 1, False)
    await control.put("/faults/apns", json=[{"kind": "html"}, {"kind": "silence"}])
    listed = (await control.post("/faults/apns", json={"kind": "goaway"})).json()["apns"]
    assert [each["kind"] for each in listed] == ["html", "silence", "goaway"]
    left = (await control.delete(f"/faults/apns/{listed[1]['id']}")).json()["apns"]
    assert [each["kind"] for each in left] == ["html", "goaway"]
    await control.post("/faults/fcm", json={"kind": "status"})
    assert (await control.delete("/faults/apns")).json() == {"apns": []}
    assert len((await control.get("/faults")).json()["fcm"]) == 1
    assert (await control.delete("/faults")).json() == NO_FAULTS


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "says"),
    [
        ("PUT", "/faults/apns", b"{", 400, "the body must be JSON"),
        ("PUT", "/faults/apns", b"[" * 100_000, 400, "the body must be JSON"),
        ("PUT", "/faults/apns", {"kind": "flood"}, 400, "kind: Input should be 'goaway'"),
        ("PUT", "/faults/apns", {"kind": "status", "colour": 1}, 400, "colour: Extra inputs are not permitted"),
        ("PUT", "/faults/apns", {"kind": "status", "status": 200}, 400, "status: Input should be greater"),
        ("PUT", "/faults/apns", {"kind": "status", "probability": 0}, 400, "probability: Input should be greater"),
        ("PUT", "/faults/apns", {"kind": "goaway", "status": 503}, 400, "goaway takes no status: leave it out"),
        ("PUT", "/faults/apns", {"kind": "refused_stream", "when": "after"}, 400, "when must be before"),
        ("PUT", "/faults/apns", {"kind": "max_age", "path": "/v1"}, 400, "max_age takes no path"),
        ("PUT", "/faults/apns", {"kind": "refuse_connections", "count": 1}, 400, "takes no count"),
        ("PUT", "/faults/apns", {"kind": "cut_body", "status": 500, "when": "after"}, 400, "leave out status, or when"),
        ("PUT", "/faults/smtp", {"kind": "status"}, 404, "there are: apns, apns_sandbox, fcm"),
        ("GET", "/faults/smtp", None, 404, "there are: apns"),
        ("DELETE", "/faults/apns/77", None, 404, "GET /faults/apns lists them"),
        ("DELETE", "/faults/apns/x", None, 404, "lists them"),
        ("DELETE", "/connections/smtp", None, 404, "there are: apns"),
        ("PATCH", "/faults/apns", None, 405, "GET or PUT or POST or DELETE"),
        ("PUT", "/clock", None, 405, "GET or POST"),
        ("POST", "/clock", {}, 400, "exactly one of"),
        ("POST", "/clock", {"advance": 1, "reset": True}, 400, "exactly one of"),
        ("POST", "/clock", {"set": "soon"}, 400, "set: Input should be a valid datetime"),
        ("POST", "/clock", {"advance": 1e15}, 400, "years 1 to 9999"),
        ("GET", "/", None, 404, "there are /stats"),
    ],
)
async def test_refusals(
    control: httpx.AsyncClient, *, method: str, path: str, body: Any, status: int, says: str
) -> None:
    """What is wrong is said with the field and the remedy, and nothing is switched on."""
    content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    answer = await control.request(method, path, content=content)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/json")
    assert says in answer.json()["error"]
    if status == 405:
        assert answer.headers["allow"]
    assert not any((await control.get("/faults")).json().values())


async def test_no_web_page_is_in_control(control: httpx.AsyncClient) -> None:
    """A request that a browser sends for a page of another site is refused."""
    answer = await control.post("/faults/apns", json={"kind": "status"}, headers={"origin": "https://example.com"})
    assert answer.status_code == 403
    assert not any((await control.get("/faults")).json().values())


async def test_connections(sandbox: Sandbox, control: httpx.AsyncClient, apns: ApnsClient) -> None:
    """Connections are reset on demand, and counted."""
    await apns.push()
    assert (await control.delete("/connections/apns")).json() == {"reset": 1}
    assert (await control.delete("/connections/fcm")).json() == {"reset": 0}
    with pytest.raises(httpx.TransportError):
        await apns.push()


async def test_clock_moves_provider_tokens(sandbox: Sandbox, control: httpx.AsyncClient, apns: ApnsClient) -> None:
    """A provider token is too old an hour later, and good again when the clock is put back."""
    assert (await apns.push()).status_code == 200
    shown = (await control.post("/clock", json={"advance": 3700})).json()
    assert abs(shown["offset"] - 3700) < 1
    assert abs(shown["seconds"] - time.time() - 3700) < 60
    assert reason(await apns.push()) == (403, "ExpiredProviderToken")
    await control.post("/clock", json={"reset": True})
    assert (await apns.push()).status_code == 200


async def test_clock_moves_access_tokens(control: httpx.AsyncClient, fcm: FcmClient) -> None:
    """An access token has expired an hour later."""
    assert (await fcm.send_good()).status_code == 200
    await control.post("/clock", json={"advance": 3600})
    assert (await fcm.send_good()).status_code == 401


@pytest.mark.parametrize("moment", ["2000-01-01T00:00:00Z", "2000-01-01", 946684800, "2120-06-01T00:00:00+02:00"])
async def test_clock_moves_certificates(sandbox: Sandbox, control: httpx.AsyncClient, moment: object) -> None:
    """A push certificate is good in its time only: neither before nor after; and the time set is the time shown."""
    files = sandbox.info.files
    async with ApnsClient(sandbox.info, tls(sandbox.info, files.apns_certificate, files.apns_certificate_key)) as apns:
        assert (await apns.push()).status_code == 200
        shown = (await control.post("/clock", json={"set": moment})).json()
        assert shown["now"][:4] in {"2000", "2120"}
        assert reason(await apns.push()) == (403, "BadCertificate")
        assert (await control.get("/clock")).json()["now"][:4] == shown["now"][:4]


def test_clock_goes_on() -> None:
    """A clock that was moved goes on like the one below it."""
    now = 1000.0
    clock = SimulatedClock(lambda: now)
    clock.set(5000.0)
    now += 7
    assert clock() == 5007.0
    clock.advance(-10)
    assert clock() == 4997.0
    clock.reset()
    assert clock() == 1007.0
    for wrong in (float("nan"), float("inf"), -1e12):
        with pytest.raises(ValueError, match="years 1 to 9999"):
            clock.set(wrong)
    assert clock() == 1007.0


@pytest.fixture
def endpoint(tmp_path: Path) -> Iterator[str]:
    """Provide `clarion-server sandbox` as a process: its control endpoint, from its banner."""
    ports = ("--apns-port", "--apns-sandbox-port", "--fcm-port", "--control-port")
    arguments = ["sandbox", "--dir", str(tmp_path / "files"), *(word for port in ports for word in (port, "0"))]
    with clarion_server(*arguments, output=tmp_path / "log") as process:
        yield process.wait_for(r"(http://127\.0\.0\.1:\d+)/faults/apns")[1]


def test_session_of_the_document(endpoint: str) -> None:
    """The session in docs/sandbox.md works as it is written, and so does the banner's line."""
    require_tool("curl", "apt-get install curl")
    found = re.search(r"<!-- session:.*?-->\n```sh\n(.*?)```", DOCUMENT, re.DOTALL)
    assert found
    script = found[1].replace("http://127.0.0.1:8081", endpoint)
    shown = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert shown.returncode == 0, shown.stderr
    answers = [json.loads(line) for line in shown.stdout.splitlines()]
    assert len(answers) == script.count("curl ")
    assert [each["kind"] for each in answers[0]["apns"]] == ["status"]
    assert [each["kind"] for each in answers[2]["fcm"]] == ["goaway", "silence", "other_certificate"]
    assert answers[-1] == NO_FAULTS


def test_document_has_all_kinds() -> None:
    """docs/sandbox.md shows every kind of fault as the code has it, and no other."""
    section = DOCUMENT.partition("### Kinds of faults\n")[2].partition("\nFields:")[0]
    rows = [tuple(cell.strip() for cell in line.split("|")[1:-1]) for line in section.splitlines() if line[:1] == "|"]
    assert rows[2:] == [
        (
            f"`{kind}`",
            str(trait.stage),
            ", ".join(f"`{when}`" for when in trait.when) or "-",
            ", ".join(f"`{name}`" for name in sorted(trait.options)) or "-",
            trait.description,
        )
        for kind, trait in TRAITS.items()
    ]
