"""`clarion-server` as an operator meets it: start, signals, wrong settings."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
from pathlib import Path
from typing import Any

import grpc
import pytest

from clarion.v1 import app_pb2, app_pb2_grpc, channel_pb2, channel_pb2_grpc, messaging_pb2_grpc
from clarion.v1.messaging_pb2 import SendMessagesRequest, SendStart, Target
from clarion_server.sandbox import fcm_address
from clarion_server.settings import Settings, load
from tests.support.process import clarion_server, run_server_command

SERVING = r"serves gRPC on (\S+:\d+)"


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command that ends by itself."""
    return run_server_command(*arguments, environment=environment)


def run_fresh(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The same in a Python that is started anew."""
    return run_server_command(*arguments, environment=environment, fresh=True)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_starts_and_stops(tmp_path: Path, number: signal.Signals) -> None:
    """The server keeps its files private, answers health checks, and ends on a signal with 0, without a traceback."""
    data = tmp_path / "data"
    arguments = ("serve", "--listen", "127.0.0.1:0", "--data-dir", str(data))
    with clarion_server(*arguments, output=tmp_path / "log", fresh=True) as server:
        address = server.wait_for(SERVING)[1]
        assert run_fresh("health", "--server", address).returncode == 0
        server.send(number)
        assert server.wait() == 0
        assert "Traceback" not in server.text()
        assert run_fresh("health", "--server", address, "--timeout", "0.5").returncode == 1
    assert {path.name: path.stat().st_mode & 0o777 for path in data.iterdir() if path.is_file()}.items() >= {
        "clarion.db": 0o600,
        "keyring.json": 0o600,
    }.items()


def test_running_call_finishes(tmp_path: Path) -> None:
    """A call that runs when SIGTERM comes gets its results and summary; new calls are refused meanwhile."""
    with clarion_server(
        "dev", "--listen", "127.0.0.1:0", "--dir", str(tmp_path / "dev"), output=tmp_path / "log", fresh=True
    ) as server:
        with grpc.insecure_channel(server.wait_for(SERVING)[1]) as channel:
            app_id = _app_with_fcm(channel, tmp_path / "dev/sandbox")
            request = _request(app_id, "slow")
            stub = messaging_pb2_grpc.MessagingServiceStub(channel)
            call = stub.SendMessages(request)
            assert next(call).WhichOneof("event") == "started"
            server.send(signal.SIGTERM)
            server.wait_for("stopping")
            with pytest.raises(grpc.RpcError) as caught:
                list(stub.SendMessages(request))
            events = [event.WhichOneof("event") for event in call]
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        assert events == ["results", "summary"]
        assert server.wait() == 0


def test_second_signal_stops_at_once(tmp_path: Path) -> None:
    """A second Ctrl-C does not wait for running calls."""
    with clarion_server(
        "dev", "--listen", "127.0.0.1:0", "--dir", str(tmp_path / "dev"), output=tmp_path / "log", fresh=True
    ) as server:
        with grpc.insecure_channel(server.wait_for(SERVING)[1]) as channel:
            app_id = _app_with_fcm(channel, tmp_path / "dev/sandbox")
            request = _request(app_id, "silent")
            call = messaging_pb2_grpc.MessagingServiceStub(channel).SendMessages(request)
            next(call)
            server.send(signal.SIGINT)
            server.wait_for("stopping")
            server.send(signal.SIGINT)
            assert server.wait() == 130
        assert "Traceback" not in server.text()


def _request(app_id: str, behaviour: str) -> SendMessagesRequest:
    """Return a send to one simulated FCM device."""
    return SendMessagesRequest(
        start=SendStart(app_id=app_id, message={"default_message": {"body": "x"}}),
        targets=[Target(address=fcm_address(behaviour, 1), channel_type=channel_pb2.CHANNEL_TYPE_FCM)],
    )


def _app_with_fcm(channel: grpc.Channel, sandbox: Path) -> str:
    app = app_pb2_grpc.AppServiceStub(channel).CreateApp(app_pb2.CreateAppRequest(name="x")).app
    account = channel_pb2.FcmServiceAccount(json=(sandbox / "fcm-service-account.json").read_text())
    channel_pb2_grpc.ChannelServiceStub(channel).UpdateChannel(
        channel_pb2.UpdateChannelRequest(
            app_id=app.id,
            channel=channel_pb2.ChannelSettings(
                type=channel_pb2.CHANNEL_TYPE_FCM, fcm=channel_pb2.FcmSettings(service_account=account)
            ),
        )
    )
    return str(app.id)


def test_survives_a_restart(tmp_path: Path) -> None:
    """Apps and channels are there again after a restart, and their credentials still work."""
    arguments = ("dev", "--listen", "127.0.0.1:0", "--dir", str(tmp_path / "dev"))
    app_id = ""
    for round_number in range(2):
        with clarion_server(*arguments, output=tmp_path / f"log{round_number}") as server:
            with grpc.insecure_channel(server.wait_for(SERVING)[1]) as channel:
                app_id = app_id or _app_with_fcm(channel, tmp_path / "dev/sandbox")
                stub = messaging_pb2_grpc.MessagingServiceStub(channel)
                events = list(stub.SendMessages(_request(app_id, "ok")))
            assert [result.delivery_status for event in events for result in event.results.results] == [1]
            server.send(signal.SIGTERM)
            assert server.wait() == 0


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"CLARION_LISTEM": "x"}, "listem: there is no such setting"),
        ({"CLARION_PORT": "8080"}, "port: there is no such setting"),
        ({"CLARION_APNS__PORT": "1"}, "CLARION_APNS__PORT"),
        ({"CLARION_LISTEN": "0.0.0.0:0"}, "allow_plaintext_to_other_machines"),
        (
            {
                "CLARION_LISTEN": "0.0.0.0:0",
                "CLARION_ALLOW_PLAINTEXT_TO_OTHER_MACHINES": "true",
                "CLARION_AUTHENTICATION": "none",
            },
            "allow_anonymous_from_other_machines",
        ),
        ({"CLARION_ACCOUNT": "secret-looking"}, "account"),
        ({"CLARION_CONFIG": "/nonexistent.toml"}, "cannot read /nonexistent.toml"),
        ({"CLARION_DATABASE_URL": "nonsense"}, "database"),
        ({"CLARION_DATABASE_URL": "postgresql+psycopg2://x/y"}, "database_url: the driver of postgresql+psycopg2://"),
        ({"CLARION_DATABASE_URL": "postgresql://u:secret-looking@127.0.0.1:9/y"}, "the database does not answer"),
        ({"CLARION_DATABASE_URL": "postgresql://u:p@secret-looking@h/y"}, "database URL"),
        ({"CLARION_KEY_WRAPPER": "nosuch"}, "key_wrapper: no installed package offers 'nosuch'"),
        ({"CLARION_AUDIT_FILE": "/nonexistent/audit"}, "the audit file /nonexistent/audit cannot be opened"),
        ({"CLARION_LISTEN": "127.0.0.1:99999"}, "listen: must be HOST:PORT"),
        ({"CLARION_LISTEN": "nonsense"}, "listen: must be HOST:PORT"),
        ({"CLARION_APNS__CA_FILE": "/nonexistent.pem"}, "apns.ca_file: must be a PEM file"),
        ({"CLARION_FCM__CA_FILE": "/dev/null"}, "fcm.ca_file: must be a PEM file"),
    ],
)
def test_wrong_settings(tmp_path: Path, environment: dict[str, str], said: str) -> None:
    """A wrong setting stops the start with its name and the remedy, and no traceback."""
    ended = run("serve", "--data-dir", str(tmp_path / "data"), **environment)
    assert ended.returncode == 1
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "secret-looking" not in ended.stderr


def test_variables_of_kubernetes_are_no_settings() -> None:
    """What Kubernetes sets for Services named `clarion` and `clarion-server` is passed over; no setting has such names.

    The names are those of Kubernetes' documentation, "Accessing the Service: Environment Variables".
    """
    service = {
        "SERVICE_HOST": "10.0.0.11",
        "SERVICE_PORT": "8080",
        "SERVICE_PORT_GRPC": "8080",
        "PORT": "tcp://10.0.0.11:8080",
        "PORT_8080_TCP": "tcp://10.0.0.11:8080",
        "PORT_8080_TCP_PROTO": "tcp",
        "PORT_8080_TCP_PORT": "8080",
        "PORT_8080_TCP_ADDR": "10.0.0.11",
    }
    environment = {
        f"{prefix}_{name}": text for prefix in ("CLARION", "CLARION_SERVER") for name, text in service.items()
    }
    assert load({**environment, "CLARION_REGION": "eu-west-1"}) == Settings(region="eu-west-1")
    assert not any("service" in name or "port" in name for name in Settings.model_fields)


def test_settings_file(tmp_path: Path) -> None:
    """Settings are read from a file; the environment wins over it, and unknown keys are refused with their path."""
    file = tmp_path / "clarion.toml"
    file.write_text('account = "123456789012"\nlog_format = "json"\n[apns]\nport = 1\n')
    ended = run_fresh("serve", "--data-dir", str(tmp_path / "data"), CLARION_CONFIG=str(file))
    assert ended.returncode == 1
    assert "apns.port: there is no such setting" in ended.stderr
    file.write_text('account = "123456789012"\nlog_format = "console"\n')
    with clarion_server(
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--data-dir",
        str(tmp_path / "data"),
        output=tmp_path / "log",
        environment={"CLARION_CONFIG": str(file), "CLARION_LOG_FORMAT": "json"},
    ) as server:
        with grpc.insecure_channel(server.wait_for(SERVING)[1]) as channel:
            app = app_pb2_grpc.AppServiceStub(channel).CreateApp(app_pb2.CreateAppRequest(name="x")).app
        assert ":123456789012:" in app.arn
        line = next(line for line in server.text().splitlines() if '"serving"' in line)
        assert json.loads(line)["level"] == "info"


def test_port_in_use(tmp_path: Path) -> None:
    """A port that somebody else has is named, and the server ends with 1."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        ended = run("serve", "--listen", address, "--data-dir", str(tmp_path / "data"))
    assert ended.returncode == 1
    assert f"cannot listen on {address}" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_channelz_on_the_admin_port(tmp_path: Path) -> None:
    """The admin listener serves channelz, and the public one does not."""
    socket_path = tmp_path / "admin.sock"
    with clarion_server(
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--data-dir",
        str(tmp_path / "data"),
        output=tmp_path / "log",
        environment={"CLARION_ADMIN_LISTEN": f"unix:{socket_path}"},
    ) as server:
        public = server.wait_for(SERVING)[1]
        servers: dict[str, object] = {}
        for name, address in (("admin", f"unix:{socket_path}"), ("public", public)):
            with grpc.insecure_channel(address) as channel:
                method: Any = channel.unary_unary("/grpc.channelz.v1.Channelz/GetServers")
                try:
                    servers[name] = bool(method(b"", timeout=10))
                except grpc.RpcError as error:
                    servers[name] = error.code()
    assert servers == {"admin": True, "public": grpc.StatusCode.UNIMPLEMENTED}


def test_keyring_that_is_set_must_exist(tmp_path: Path) -> None:
    """A keyring that the settings name is never made: a wrong path would hide that stored credentials are lost."""
    missing = tmp_path / "keys.json"
    ended = run(
        "serve", "--listen", "127.0.0.1:0", "--data-dir", str(tmp_path / "data"), CLARION_KEYRING_FILE=str(missing)
    )
    assert ended.returncode == 1
    assert str(missing) in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not missing.exists()
