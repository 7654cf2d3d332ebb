"""`serve --workers`: several real processes on one port, what they share, and what happens when one ends."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any

import grpc
import pytest
from structlog.testing import capture_logs

from clarion.v1 import app_pb2, app_pb2_grpc, channel_pb2
from clarion.v1.messaging_pb2 import DELIVERY_STATUS_SUCCESSFUL, SendMessagesRequest, SendStart, Target
from clarion_server.sandbox import apns_address, fcm_address
from clarion_server.worker_link import START, WorkerLink
from clarion_server.workers import WorkerFailed, Workers, reserved
from tests.integration.test_process import run
from tests.support.access import bearer
from tests.support.identities import server_files
from tests.support.process import clarion_server
from tests.support.workers import SERVING, is_alive, open_cluster, worker_pids
from tests.support.world import World, collect

FCM = channel_pb2.CHANNEL_TYPE_FCM
APNS = channel_pb2.CHANNEL_TYPE_APNS


def _start(world: World) -> SendStart:
    return SendStart(app_id=world.app_id, message={"default_message": {"body": "x"}})


async def _slow_call(world: World, count: int) -> Any:
    """Begin to send to devices that answer after two seconds; return the call, which is on its way."""
    targets = [Target(address=fcm_address("slow", number), channel_type=FCM) for number in range(count)]
    call = world.messaging.SendMessages(SendMessagesRequest(start=_start(world), targets=targets))
    assert (await anext(aiter(call))).WhichOneof("event") == "started"
    return call


async def _until_gone(pids: list[int]) -> None:
    async with asyncio.timeout(60):
        while any(map(is_alive, pids)):  # noqa: ASYNC110 - nobody tells of processes that are not ours
            await asyncio.sleep(0.05)


async def test_workers_share_the_port_and_are_counted_together(tmp_path: Path) -> None:
    """All workers get connections; what they send is one sum in the metrics, and APNs sees the same token from all."""
    async with open_cluster(tmp_path, 3) as cluster:
        assert sorted(worker_pids(cluster.process.pid)) == [0, 1, 2]
        for number, world in cluster.connections.items():
            targets = [Target(address=apns_address("ok", each), channel_type=APNS) for each in range(10 + number)]
            results, _ = await world.send(_start(world), targets)
            assert {result.delivery_status for result in results} == {DELIVERY_STATUS_SUCCESSFUL}
        samples = await cluster.samples()
        assert sum(samples["clarion_results_total"].values()) == 33
        assert sum(samples["clarion_answer_seconds_count"].values()) == 33
        assert set(samples["clarion_answer_seconds_bucket"].values()) >= {33.0}
        assert set(samples["clarion_build_info"].values()) == {1}
        assert sum(samples["clarion_pool_connections"].values()) == 3
        assert samples["clarion_workers"] == {(("state", "serving"),): 3, (("state", "away"),): 0}
        tokens = {
            request.headers["authorization"] for request in cluster.sandbox.requests if request.listener == "apns"
        }
        # Two if a period of the tokens has just begun.
        assert 1 <= len(tokens) <= 2
        assert set(samples["clarion_worker_restarts_total"].values()) == {0}


async def test_worker_that_is_killed(tmp_path: Path) -> None:
    """Calls of a killed worker end with UNAVAILABLE, those of another go on; it serves again, and no counter falls."""
    async with open_cluster(tmp_path, 2) as cluster:
        mine, others = cluster.connections[0], cluster.connections[1]
        targets = [Target(address=fcm_address("ok", each), channel_type=FCM) for each in range(5)]
        await mine.send(_start(mine), targets)
        before = (await cluster.samples())["clarion_results_total"]
        cut_off, whole = await _slow_call(mine, 5), await _slow_call(others, 5)
        killed = worker_pids(cluster.process.pid)[0]
        os.kill(killed, signal.SIGKILL)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await collect(cut_off)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        results, summary = await collect(whole)
        assert len(results) == summary.total == 5
        await cluster.wait_for("a worker serves again")
        pids = worker_pids(cluster.process.pid)
        assert pids[0] != killed
        samples = await cluster.samples()
        assert sum(samples["clarion_results_total"].values()) == sum(before.values()) + 5
        assert samples["clarion_workers"] == {(("state", "serving"),): 2, (("state", "away"),): 0}
        assert set(samples["clarion_worker_restarts_total"].values()) == {1}
        await cluster.anew(0)
        results, _ = await cluster.connections[0].send(_start(mine), targets)
        assert {result.delivery_status for result in results} == {DELIVERY_STATUS_SUCCESSFUL}
        cluster.process.send(signal.SIGTERM)
        assert await cluster.ended() == 0
        assert "Traceback" not in cluster.process.text()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_stopping_finishes_the_calls_of_all(tmp_path: Path, number: signal.Signals) -> None:
    """On a signal to the parent the running calls of all workers get their results; the server ends with 0."""
    async with open_cluster(tmp_path, 2) as cluster:
        pids = list(worker_pids(cluster.process.pid).values())
        calls = [await _slow_call(world, 20) for world in cluster.connections.values()]
        cluster.process.send(number)
        for results, summary in await asyncio.gather(*map(collect, calls)):
            assert len(results) == summary.total == 20
            assert {result.delivery_status for result in results} == {DELIVERY_STATUS_SUCCESSFUL}
        assert await cluster.ended() == 0
        assert not any(map(is_alive, pids))
        assert "Traceback" not in cluster.process.text()


async def test_second_signal_stops_all_at_once(tmp_path: Path) -> None:
    """A second signal to the parent does not wait for running calls, and leaves no worker."""
    async with open_cluster(tmp_path, 2, CLARION_SHUTDOWN_GRACE="3600") as cluster:
        pids = list(worker_pids(cluster.process.pid).values())
        world = cluster.connections[1]
        request = SendMessagesRequest(
            start=_start(world), targets=[Target(address=fcm_address("silent", 1), channel_type=FCM)]
        )
        request.start.options.send_timeout.FromSeconds(600)
        call = world.messaging.SendMessages(request)
        await anext(aiter(call))
        cluster.process.send(signal.SIGTERM)
        await cluster.wait_for("stopping")
        cluster.process.send(signal.SIGTERM)
        assert await cluster.ended() == 130
        await _until_gone(pids)


async def test_parent_that_is_killed_leaves_no_workers(tmp_path: Path) -> None:
    """When the parent is killed the workers finish their calls and end by themselves, and the port is free."""
    async with open_cluster(tmp_path, 2) as cluster:
        pids = list(worker_pids(cluster.process.pid).values())
        call = await _slow_call(cluster.connections[0], 5)
        cluster.process.send(signal.SIGKILL)
        results, _ = await collect(call)
        assert len(results) == 5
        await _until_gone(pids)
        with reserved(cluster.address):
            pass


async def test_workers_change_the_same_database(tmp_path: Path) -> None:
    """Channels that are changed and used through three workers at once on SQLite: no call fails, all see the last one.

    Nor is a line of the audit file that all of them write broken.
    """
    async with open_cluster(tmp_path, 3, CLARION_AUDIT_FILE=str(tmp_path / "audit")) as cluster:
        worlds = list(cluster.connections.values())
        info = cluster.sandbox.info
        key = channel_pb2.FcmServiceAccount(json=info.files.service_account.read_text())

        def settings(*, enabled: bool) -> channel_pb2.UpdateChannelRequest:
            channel = channel_pb2.ChannelSettings(
                type=FCM, enabled=enabled, fcm=channel_pb2.FcmSettings(service_account=key)
            )
            return channel_pb2.UpdateChannelRequest(app_id=cluster.app_id, channel=channel)

        async def change(world: World) -> None:
            for _ in range(15):
                await world.channels.UpdateChannel(settings(enabled=True))

        async def send(world: World) -> None:
            for each in range(15):
                targets = [Target(address=apns_address("ok", each), channel_type=APNS)]
                results, _ = await world.send(_start(world), targets)
                assert results[0].delivery_status == DELIVERY_STATUS_SUCCESSFUL, results

        await asyncio.gather(*map(change, worlds), *map(send, worlds), *map(change, worlds))
        await worlds[0].channels.UpdateChannel(settings(enabled=False))
        target = Target(address=fcm_address("ok", 1), channel_type=FCM)
        async with asyncio.timeout(60):
            for world in worlds[1:]:
                while (await world.send(_start(world), [target]))[0][0].delivery_status == DELIVERY_STATUS_SUCCESSFUL:
                    pass
        cluster.process.send(signal.SIGTERM)
        assert await cluster.ended() == 0
        calls = [json.loads(line) for line in (tmp_path / "audit").read_text().splitlines()]
        assert len(calls) >= 3 * 15 * 3
        assert "Traceback" not in cluster.process.text()


def test_workers_know_the_same_callers(tmp_path: Path) -> None:
    """Workers share TLS, both addresses, users and the keys of tokens: each connection works, whoever gets it.

    The token is of keys that the server made when it started.
    """
    files = server_files(tmp_path / "tls")
    certificate, key = files.authority.issue("admin")
    data = ("--data-dir", str(tmp_path / "data"))
    environment = {
        "CLARION_AUTHENTICATION": "required",
        "CLARION_TLS_CERTIFICATE_FILE": str(files.certificate),
        "CLARION_TLS_KEY_FILE": str(files.key),
        "CLARION_TLS_CLIENT_CERTIFICATES": "optional",
        "CLARION_TLS_CLIENT_CA_FILE": str(files.ca),
        "CLARION_CLIENT_CERTIFICATE_LISTEN": "localhost:0",
    }
    arguments = ("serve", *data, "--listen", "localhost:0", "--workers", "2")
    with clarion_server(*arguments, output=tmp_path / "log", environment=environment) as server:
        first = server.wait_for(SERVING)[1]
        second = server.wait_for(r"certificates required on (\S+:\d+)")[1]
        token = run("init", *data).stdout.strip()

        def ask(address: str, credentials: grpc.ChannelCredentials, metadata: Any) -> None:
            options = [("grpc.use_local_subchannel_pool", 1)]
            with grpc.secure_channel(address, credentials, options) as channel:
                stub = app_pb2_grpc.AppServiceStub(channel)
                stub.ListApps(app_pb2.ListAppsRequest(), metadata=metadata, timeout=60)

        for _ in range(12):
            ask(first, grpc.ssl_channel_credentials(files.authority.pem), bearer(token))
            ask(second, grpc.ssl_channel_credentials(files.authority.pem, key, certificate), None)
        server.send(signal.SIGTERM)
        assert server.wait() == 0
        assert server.text().count("nobody can call yet") == 1
        assert server.text().count("making a new keyring") == 1
        assert "Traceback" not in server.text()


def test_two_servers_on_one_port_by_mistake(tmp_path: Path) -> None:
    """A second server on the port of workers is refused, whether it has workers or not."""
    arguments = ("serve", "--data-dir", str(tmp_path / "one"), "--workers", "2")
    with clarion_server(*arguments, "--listen", "127.0.0.1:0", output=tmp_path / "log") as server:
        address = server.wait_for(SERVING)[1]
        for workers in ("1", "2"):
            ended = run(
                *("serve", "--data-dir", str(tmp_path / "two"), "--workers", workers, "--listen", address),
                CLARION_AUTHENTICATION="none",
            )
            assert ended.returncode == 1
            assert f"cannot listen on {address}" in ended.stderr
            assert "Traceback" not in ended.stderr
        server.send(signal.SIGTERM)
        assert server.wait() == 0


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"CLARION_WORKERS": "0"}, "workers: Input should be greater than or equal to 1"),
        ({"CLARION_WORKERS": "65"}, "workers: Input should be less than or equal to 64"),
        ({"CLARION_LISTEN": "unix:/tmp/x"}, "listen is a Unix socket, which several workers cannot share"),
        ({"CLARION_ADMIN_LISTEN": "127.0.0.1:65535"}, "admin_listen: each worker takes a port"),
        # What only the workers find out.
        ({"CLARION_AUDIT_FILE": "/nonexistent/audit"}, "the audit file /nonexistent/audit cannot be opened"),
        ({"CLARION_ADMIN_LISTEN": "192.0.2.1:5000", "CLARION_ALLOW_PLAINTEXT_TO_OTHER_MACHINES": "1"}, "cannot listen"),
    ],
)
def test_wrong_settings_are_told_once(tmp_path: Path, environment: dict[str, str], said: str) -> None:
    """Workers that cannot start at all end the server, with one message and no traceback."""
    environment = {
        "CLARION_AUTHENTICATION": "none",
        "CLARION_ALLOW_ANONYMOUS_FROM_OTHER_MACHINES": "1",
        "CLARION_LISTEN": "127.0.0.1:0",
        "CLARION_WORKERS": "2",
        **environment,
    }
    ended = run("serve", "--data-dir", str(tmp_path / "data"), **environment)
    assert ended.returncode == 1
    assert ended.stderr.count(said) == 1
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(("said", "starts"), [(START, True), (b"", False)])
async def test_worker_waits_for_its_turn(said: bytes, starts: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """A worker does not start before its parent says so, and not at all when the parent is gone."""
    link, parent = await _link()
    waiting = asyncio.create_task(link.told_to_start(asyncio.Event()))
    done, _ = await asyncio.wait({waiting}, timeout=0.2)
    assert not done
    with parent:
        parent.sendall(said)
    assert await waiting is starts
    link.close()


async def test_worker_is_stopped_before_its_turn() -> None:
    """A worker that is told to stop while it waits for its turn does not start."""
    link, parent = await _link()
    stop = asyncio.Event()
    waiting = asyncio.create_task(link.told_to_start(stop))
    stop.set()
    assert await waiting is False
    link.close()
    parent.close()


async def _link() -> tuple[WorkerLink, socket.socket]:
    parent, worker = socket.socketpair()
    return WorkerLink(*await asyncio.open_unix_connection(sock=worker)), parent


# What workers do in place of serving; the argument is a FIFO.
_READY = "import os; os.read(0, 6); os.write(0, b'ready\\n'); "
_SERVE = _READY + "os.read(0, 1)"
_SERVE_AFTER_THE_OTHER = "import sys; open(sys.argv[1]).read(); " + _SERVE
_DIE_UNREAD = "import os, select; select.select([0], [], []); os._exit(3)"
_DIE_WAITING = "import os, sys; os.open(sys.argv[1], os.O_WRONLY); os._exit(3)"


@pytest.mark.parametrize(
    "codes", [(_DIE_UNREAD, _SERVE), (_SERVE, _DIE_UNREAD), (_SERVE_AFTER_THE_OTHER, _DIE_WAITING)]
)
async def test_worker_ends_without_reading_its_start(tmp_path: Path, codes: tuple[str, str]) -> None:
    """A worker that ends before it has read that it shall start is told of by its code, whichever worker it is."""
    os.mkfifo(tmp_path / "fifo")
    workers = Workers(2, lambda number: (sys.executable, "-c", codes[number], str(tmp_path / "fifo")), 0)
    with pytest.raises(WorkerFailed, match="a worker ended with code 3 before it served"):
        async with workers.running():
            pass


async def test_worker_started_anew_ends_without_reading_its_start() -> None:
    """The log tells of a worker that ends so when it is started anew by its code, and the parent goes on."""
    codes = iter((_READY, _DIE_UNREAD))
    workers = Workers(1, lambda _: (sys.executable, "-c", next(codes, _SERVE)), 0)
    with capture_logs() as logs:
        async with workers.running(), asyncio.timeout(60):
            while not (workers.restarts == 2 and workers.serving):  # noqa: ASYNC110 - nobody tells of it
                await asyncio.sleep(0.02)
    (failed,) = (line for line in logs if line["event"] == "a worker does not start")
    assert failed["reason"].startswith("a worker ended with code 3 before it served")


def test_worker_by_hand() -> None:
    """A worker that no parent started says how workers are started."""
    ended = run("worker", "0", "--listen", "127.0.0.1:0", "--data-dir", "/nonexistent")
    assert ended.returncode == 2
    assert "serve --workers" in ended.stderr


def test_port_of_an_earlier_server() -> None:
    """Connections that a server without workers has just closed are not in the way of one with workers."""
    with socket.create_server(("127.0.0.1", 0)) as earlier:
        port = earlier.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client:
            accepted, _ = earlier.accept()
            # Who closes first keeps the port for a while.
            accepted.close()
            assert client.recv(1) == b""
    with reserved(f"127.0.0.1:{port}") as address:
        assert address == f"127.0.0.1:{port}"


def test_reserved_port() -> None:
    """A port that is kept for workers cannot be had by others, though nobody listens there yet; later it is free."""
    with reserved("localhost:0") as address:
        with pytest.raises(OSError, match="in use"), reserved(address):
            pass
        with pytest.raises(OSError, match="in use"):
            socket.create_server(("127.0.0.1", int(address.rpartition(":")[2])))
    with reserved(address):
        pass
