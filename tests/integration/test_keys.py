"""`clarion-server keys` as an operator uses it, beside a server that runs."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from clarion.v1 import app_pb2, app_pb2_grpc, channel_pb2, channel_pb2_grpc, error_pb2, messaging_pb2_grpc
from clarion.v1.messaging_pb2 import Result, SendMessagesRequest, SendStart, Target
from clarion_server.sandbox import fcm_address
from clarion_server.vault import Keyring, create_keyring, load_keyring
from clarion_server.vault.keyring import save_keyring
from tests.support.process import Process, clarion_server, run_server_command

FCM = channel_pb2.CHANNEL_TYPE_FCM


class Site:
    """A server with an app that has an FCM channel."""

    def __init__(self, process: Process, channel: grpc.Channel, directory: Path) -> None:
        self.process = process
        self.data = directory / "server"
        self.keyring = self.data / "keyring.json"
        self._channels = channel_pb2_grpc.ChannelServiceStub(channel)
        self._messaging = messaging_pb2_grpc.MessagingServiceStub(channel)
        self._account = (directory / "sandbox/fcm-service-account.json").read_text()
        self.app_id = app_pb2_grpc.AppServiceStub(channel).CreateApp(app_pb2.CreateAppRequest(name="x")).app.id
        self.give()

    def give(self) -> None:
        """Give the channel its credential anew."""
        account = channel_pb2.FcmServiceAccount(json=self._account)
        settings = channel_pb2.ChannelSettings(type=FCM, fcm=channel_pb2.FcmSettings(service_account=account))
        self._channels.UpdateChannel(channel_pb2.UpdateChannelRequest(app_id=self.app_id, channel=settings))

    def send(self) -> Result:
        """Send to one device."""
        request = SendMessagesRequest(
            start=SendStart(app_id=self.app_id, message={"default_message": {"body": "x"}}),
            targets=[Target(address=fcm_address("ok", 1), channel_type=FCM)],
        )
        (result,) = [result for event in self._messaging.SendMessages(request) for result in event.results.results]
        return result

    def keys(self, *arguments: str, fresh: bool = False) -> subprocess.CompletedProcess[str]:
        """Run `clarion-server keys` on the server's data."""
        return run_server_command("keys", *arguments, "--data-dir", str(self.data), environment={}, fresh=fresh)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """Provide a running server."""
    directory = tmp_path / "dev"
    arguments = ("dev", "--listen", "127.0.0.1:0", "--dir", str(directory))
    with clarion_server(*arguments, output=tmp_path / "log") as process:
        with grpc.insecure_channel(process.wait_for(r"serves gRPC on (\S+:\d+)")[1]) as channel:
            yield Site(process, channel, directory)
        process.send(signal.SIGTERM)
        assert process.wait() == 0
        assert "Traceback" not in process.text()


def test_step_by_step(site: Site) -> None:
    """Add, activate, rewrap, remove: the server follows without a restart, and no key that is needed can be removed."""
    old = load_keyring(site.keyring).active
    new = site.keys("add", fresh=True).stdout.strip()
    assert site.keys("list", fresh=True).stdout.split("\n")[:2] == [
        f"{old}  active  1 secrets",
        f"{new}          0 secrets",
    ]
    refused = site.keys("remove", old)
    assert (refused.returncode, "active key" in refused.stderr) == (1, True)
    assert site.keys("activate", new, fresh=True).returncode == 0
    refused = site.keys("remove", old)
    assert refused.returncode == 1
    assert f"{old} protects 1 stored secrets" in refused.stderr
    assert "keys rewrap" in refused.stderr
    assert site.keys("rewrap", fresh=True).returncode == 0
    assert site.keys("remove", old, fresh=True).returncode == 0
    assert site.keys("list").stdout == f"{new}  active  1 secrets\n"
    site.give()  # the server seals with the new key
    assert site.keys("list").stdout == f"{new}  active  1 secrets\n"
    assert site.send().delivery_status == 1


def test_a_lost_key_is_told_and_its_return_is_noticed(site: Site) -> None:
    """Without the key, sends and `keys list` name it and the remedy; when the file is back, the server goes on."""
    good = load_keyring(site.keyring)
    save_keyring(site.keyring, Keyring({"other": b"o" * 32}, "other"), replace=True)
    listed = site.keys("list")
    assert listed.returncode == 1
    assert f"{good.active}  LOST    1 secrets" in listed.stdout
    assert "put back a keyring" in listed.stderr
    rewrapped = site.keys("rewrap")
    assert rewrapped.returncode == 1
    assert f"'{good.active}'" in rewrapped.stderr
    save_keyring(site.keyring, good, replace=True)
    assert site.keys("rewrap").returncode == 0
    site.give()
    assert site.send().delivery_status == 1


def test_a_server_without_the_key_names_it(tmp_path: Path) -> None:
    """A send whose credential is under a lost key fails with the key's id; once the keyring is back, it succeeds."""
    directory = tmp_path / "dev"
    arguments = ("dev", "--listen", "127.0.0.1:0", "--dir", str(directory))
    with clarion_server(*arguments, output=tmp_path / "log1") as process:
        with grpc.insecure_channel(process.wait_for(r"serves gRPC on (\S+:\d+)")[1]) as channel:
            site = Site(process, channel, directory)
        process.send(signal.SIGTERM)
        assert process.wait() == 0
    kept = site.keyring.rename(site.keyring.with_name("kept.json"))
    create_keyring(site.keyring)
    with (
        clarion_server(*arguments, output=tmp_path / "log2") as process,
        grpc.insecure_channel(process.wait_for(r"serves gRPC on (\S+:\d+)")[1]) as channel,
    ):
        site._messaging = messaging_pb2_grpc.MessagingServiceStub(channel)
        result = site.send()
        assert error_pb2.ErrorReason.Name(result.reason) == "ERROR_REASON_CREDENTIAL_UNREADABLE"
        assert load_keyring(kept).active in result.status_message
        assert "give the server the keyring" in result.status_message
        kept.replace(site.keyring)
        until = time.monotonic() + 60
        while site.send().delivery_status != 1:
            assert time.monotonic() < until, "the keyring that was put back was not noticed"
            time.sleep(0.1)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("activate", "k-none"), "the keyring has no key 'k-none'"),
        (("remove", "k-none"), "the keyring has no key 'k-none'"),
    ],
)
def test_an_unknown_key_is_named(site: Site, arguments: tuple[str, ...], said: str) -> None:
    """A key that is not there is named, with the way to see those that are."""
    ended = site.keys(*arguments)
    assert ended.returncode == 1
    assert said in ended.stderr
    assert "keys list" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_without_a_keyring_nothing_is_made(tmp_path: Path) -> None:
    """The commands never make a keyring: with a wrong path it would not be the servers'."""
    arguments = ("keys", "rotate", "--data-dir", str(tmp_path / "nothing"))
    ended = run_server_command(*arguments, environment={}, fresh=True)
    assert ended.returncode == 1
    assert "keyring" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not (tmp_path / "nothing").exists()
