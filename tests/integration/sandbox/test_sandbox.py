"""The sandbox as a whole: files, ports, counters, life and end."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
import stat
import subprocess
from dataclasses import asdict
from pathlib import Path
from typing import Any

import h2.events
import httpx
import pytest

from clarion_server.sandbox import Sandbox, SandboxError, apns_address, run_sandbox
from tests.integration.sandbox.clients import (
    ALERT,
    PHONE,
    ApnsClient,
    FcmClient,
    FrameClient,
    eventually,
    provider_token,
    tls,
)
from tests.support.tools import require_tool


def contents(directory: Path) -> dict[str, bytes]:
    """Return all files of a directory by name."""
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def modes(directory: Path) -> dict[str, int]:
    """Return the modes of a directory (as `.`) and its files."""
    paths = {".": directory} | {path.name: path for path in directory.iterdir()}
    return {name: stat.S_IMODE(path.stat().st_mode) for name, path in paths.items()}


async def test_secrets_are_for_the_owner_only(sandbox: Sandbox, directory: Path) -> None:
    """Every file with a secret has mode 0600, the directory 0700."""
    public = {"ca.pem", "apple-ca.pem", "apns-certificate.pem", "apns-website-certificate.pem", "server.env"}
    found = modes(directory)
    assert found.pop(".") == 0o700
    assert set(found) == {path.name for path in asdict(sandbox.info.files).values()}
    assert {name for name, mode in found.items() if mode != 0o600} == public
    assert not [name for name, content in contents(directory).items() if name in public and b"PRIVATE" in content]


async def test_files_are_reused(tmp_path: Path) -> None:
    """A second start on other ports keeps all keys, and writes where it listens now."""
    async with Sandbox(tmp_path) as first:
        before = contents(tmp_path)
        token = provider_token(first.info)
    async with Sandbox(tmp_path) as second:
        after = contents(tmp_path)
        assert {name for name in before if before[name] != after[name]} <= {"sandbox.json", "server.env"}
        assert second.info.p12_password == json.loads(before["sandbox.json"])["p12_password"]
        async with ApnsClient(second.info, token=token) as client:
            assert (await client.push()).status_code == 200


async def test_missing_file_makes_all_anew(tmp_path: Path) -> None:
    """Files belong together: without one of them none is kept."""
    async with Sandbox(tmp_path) as sandbox:
        files = sandbox.info.files
    key = files.apns_key.read_bytes()
    files.ca.unlink()
    async with Sandbox(tmp_path):
        assert files.apns_key.read_bytes() != key


async def test_damaged_files_say_what_helps(tmp_path: Path) -> None:
    """A file that was tampered with stops the start, with the remedy and without its content."""
    async with Sandbox(tmp_path) as sandbox:
        files = sandbox.info.files
    files.service_account.write_text('{"private_key": "hunter2"}')
    with pytest.raises(SandboxError, match="remove the directory") as raised:
        await Sandbox(tmp_path).start()
    assert "hunter2" not in str(raised.value)


async def test_settings_files(sandbox: Sandbox) -> None:
    """sandbox.json tells everything, server.env exactly what points a server here; repr hides the password."""
    info = sandbox.info
    document = json.loads(info.files.settings.read_text())
    assert document["team_id"] == info.team_id
    assert document["key_id"] == info.key_id
    assert document["bundle_id"] == info.bundle_id
    assert document["project_id"] == info.project_id
    assert document["p12_password"] == info.p12_password
    assert document["apns_endpoint"] == f"https://127.0.0.1:{document['ports']['apns']}"
    lines = [shlex.split(line)[0].partition("=") for line in info.files.server_env.read_text().splitlines()]
    assert {name: value for name, _, value in lines} == {
        "CLARION_APNS__PRODUCTION_ENDPOINT": info.apns_endpoint,
        "CLARION_APNS__SANDBOX_ENDPOINT": info.apns_sandbox_endpoint,
        "CLARION_APNS__CA_FILE": str(info.files.ca),
        "CLARION_FCM__ENDPOINT": info.fcm_endpoint,
        "CLARION_FCM__TOKEN_ENDPOINT": info.token_endpoint,
        "CLARION_FCM__CA_FILE": str(info.files.ca),
        "CLARION_ADM__ENDPOINT": info.adm_endpoint,
        "CLARION_ADM__TOKEN_ENDPOINT": info.adm_token_endpoint,
        "CLARION_ADM__CA_FILE": str(info.files.ca),
        "CLARION_BAIDU__ENDPOINT": info.baidu_endpoint,
        "CLARION_BAIDU__CA_FILE": str(info.files.ca),
    }
    assert info.p12_password not in repr(info)
    account = json.loads(info.files.service_account.read_text())
    assert (account["type"], account["token_uri"]) == ("service_account", "https://oauth2.googleapis.com/token")


async def test_port_in_use(sandbox: Sandbox, directory: Path) -> None:
    """A taken port is named, and what had been opened before is closed again."""
    taken = sandbox.info.ports["fcm"]
    second = Sandbox(directory, ports={"fcm": taken})
    with pytest.raises(SandboxError, match=rf"fcm port {taken} on 127\.0\.0\.1 is in use: choose another"):
        await second.start()
    assert second._listeners == {}
    with pytest.raises(RuntimeError, match="start it first"):
        _ = second.info


def test_unknown_listener_in_ports(directory: Path) -> None:
    """A port for a listener that does not exist is a mistake that is named."""
    with pytest.raises(ValueError, match=r"\['fmc'\]; there are: apns, apns_sandbox, fcm, adm, baidu, control"):
        Sandbox(directory, ports={"fmc": 1})


async def test_counters(sandbox: Sandbox, apns: ApnsClient) -> None:
    """Requests, outcomes, connections and deliveries are counted, in the process and at /stats."""
    for name in ("ok", "ok", "unregistered"):
        await apns.push(apns_address(name, 3))
    stats = sandbox.stats.apns
    assert (stats.connections, stats.requests, stats.accepted) == (1, 3, 2)
    assert stats.delivered == {apns_address("ok", 3): 2}
    async with httpx.AsyncClient() as client:
        shown = (await client.get(f"{sandbox.info.control_endpoint}/stats")).json()
        assert (await client.get(f"{sandbox.info.control_endpoint}/healthz")).json() == {"status": "ok"}
        assert (await client.get(f"{sandbox.info.control_endpoint}/other")).status_code == 404
        assert (await client.post(f"{sandbox.info.control_endpoint}/stats")).status_code == 405
    assert shown["apns"] == {
        "connections": 1,
        "requests": 3,
        "accepted": 2,
        "outcomes": {"Unregistered": 1, "accepted": 2},
        "devices": 1,
        "delivered": 2,
        "devices_with_repeats": 1,
    }
    assert set(shown) == {"apns", "apns_sandbox", "fcm", "adm", "baidu"}


@pytest.mark.parametrize(("limit", "counted", "elsewhere"), [(2, 2, 3), (0, 0, 5)])
async def test_devices_are_counted_up_to_a_bound(directory: Path, limit: int, counted: int, elsewhere: int) -> None:
    """Only so many devices are counted one by one, the others together."""
    async with Sandbox(directory, max_devices=limit) as sandbox, ApnsClient(sandbox.info) as client:
        for number in range(5):
            await client.push(apns_address("ok", number))
        assert len(sandbox.stats.apns.delivered) == counted
        assert sandbox.stats.apns.delivered_elsewhere == elsewhere


async def test_recorded_requests(directory: Path) -> None:
    """The last requests are kept with headers and body when asked for, and none otherwise."""
    async with Sandbox(directory, record=2) as sandbox, ApnsClient(sandbox.info) as client:
        for number in range(3):
            await client.push(apns_address("ok", number), {"apns-priority": "5"})
        assert [request.path[-1] for request in sandbox.requests] == ["1", "2"]
        last = sandbox.requests[-1]
        assert (last.listener, last.method, last.status, last.outcome) == ("apns", "POST", 200, "accepted")
        assert (last.headers["apns-priority"], json.loads(last.body)) == ("5", ALERT)
        assert PHONE[4:] not in repr(last)
        assert "bearer" not in repr(last)
    async with Sandbox(directory) as sandbox, ApnsClient(sandbox.info) as client:
        await client.push()
        assert len(sandbox.requests) == 0


async def test_http_1_is_no_way_to_apns(sandbox: Sandbox) -> None:
    """APNs speaks HTTP/2 only: a client of HTTP/1.1 gets no answer."""
    async with httpx.AsyncClient(verify=tls(sandbox.info)) as client:
        with pytest.raises(httpx.TransportError):
            await client.post(f"{sandbox.info.apns_endpoint}/3/device/{PHONE}", content=b"{}")


async def test_garbage_closes_the_connection_only(sandbox: Sandbox, fcm: FcmClient) -> None:
    """Bytes that are no HTTP end their connection, and the sandbox goes on."""
    for endpoint in (sandbox.info.apns_endpoint, sandbox.info.fcm_endpoint, sandbox.info.control_endpoint):
        url = httpx.URL(endpoint)
        context = tls(sandbox.info) if url.scheme == "https" else None
        reader, writer = await asyncio.open_connection(url.host, url.port, ssl=context)
        writer.write(b"\x00garbage\r\n\r\n" * 10)
        async with asyncio.timeout(20):
            await reader.read()
        writer.close()
        await writer.wait_closed()
    assert (await fcm.send_good()).status_code == 200


async def test_pipelined_requests_over_http_1(sandbox: Sandbox) -> None:
    """Two requests in one packet get two answers, in order."""
    url = httpx.URL(sandbox.info.control_endpoint)
    reader, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /no HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    async with asyncio.timeout(20):
        answer = await reader.read()
    assert re.findall(rb"HTTP/1\.1 (\d+)", answer) == [b"200", b"404"]
    writer.close()
    await writer.wait_closed()


async def test_stream_reset_before_its_answer(sandbox: Sandbox) -> None:
    """A client may give up a slow request: nothing fails when its time comes, and the connection serves on."""
    failures: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context))
    client = await FrameClient.connect(sandbox.info.apns_endpoint, tls(sandbox.info))
    headers = [("authorization", f"bearer {provider_token(sandbox.info)}"), ("apns-topic", sandbox.info.bundle_id)]
    body = json.dumps(ALERT).encode()
    slow = client.request(f"/3/device/{apns_address('slow-500ms', 1)}", headers, body)
    await client.until(h2.events.SettingsAcknowledged)
    client.core.reset_stream(slow, 8)
    client.flush()
    later = client.request(f"/3/device/{apns_address('slow-500ms', 2)}", headers, body)
    (ended,) = await client.until(h2.events.StreamEnded)
    assert ended.stream_id == later
    assert failures == []
    await client.close()


async def test_close_ends_open_connections(directory: Path) -> None:
    """After aclose nothing listens, and clients with unanswered requests are cut off."""
    sandbox = Sandbox(directory)
    info = await sandbox.start()
    async with ApnsClient(info) as client:
        await client.push()
        waiting = asyncio.create_task(client.push(apns_address("silent", 1)))
        await eventually(lambda: sandbox.stats.apns.outcomes["silent"])
        await sandbox.aclose()
        with pytest.raises(httpx.TransportError):
            await waiting
    async with ApnsClient(info) as client:
        with pytest.raises(httpx.ConnectError):
            await client.push()


async def test_command_announces_and_stops(directory: Path) -> None:
    """The command says where it listens and what it wrote, no secret among it, and ends when told to."""
    stop = asyncio.Event()
    banners: list[str] = []
    command = run_sandbox(directory, announce=banners.append, stop=stop, ports={})
    running = asyncio.create_task(command)
    await eventually(lambda: banners)
    document = json.loads((directory / "sandbox.json").read_text())
    for name in ("apns_endpoint", "apns_sandbox_endpoint", "fcm_endpoint", "token_endpoint", "control_endpoint"):
        assert document[name] in banners[0]
    assert str(directory / "server.env") in banners[0]
    assert document["p12_password"] not in banners[0]
    stop.set()
    await asyncio.wait_for(running, 20)


async def test_nghttp_and_h2load(sandbox: Sandbox, tmp_path: Path) -> None:
    """Clients on another HTTP/2 library are served: one request, and ten thousand on two connections."""
    nghttp, h2load = (str(require_tool(tool, "apt-get install nghttp2-client")) for tool in ("nghttp", "h2load"))
    info = sandbox.info
    body = tmp_path / "body.json"
    body.write_text(json.dumps(ALERT))
    headers = ["-H", f"authorization: bearer {provider_token(info)}", "-H", f"apns-topic: {info.bundle_id}"]
    once = [nghttp, "-v", "-d", str(body), *headers, f"{info.apns_endpoint}/3/device/{PHONE}"]
    shown = await asyncio.to_thread(subprocess.run, once, capture_output=True, check=True, timeout=60)
    assert b":status: 200" in shown.stdout
    async with FcmClient(info) as client:
        token = (await client.ask_for_token()).json()["access_token"]
    message = tmp_path / "message.json"
    message.write_text('{"message":{"token":"phone"}}')
    many = [h2load, "-n", "10000", "-c", "2", "-m", "100", "-d", str(message)]
    many += ["-H", f"authorization: Bearer {token}", "-H", "content-type: application/json"]
    many += [f"{info.fcm_endpoint}/v1/projects/{info.project_id}/messages:send"]
    shown = await asyncio.to_thread(subprocess.run, many, capture_output=True, check=True, timeout=120)
    assert b"10000 succeeded, 0 failed" in shown.stdout
    assert sandbox.stats.fcm.accepted == 10_000
