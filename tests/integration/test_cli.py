"""The command `clarion` as a process of its own, against a scripted server."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from clarion.v1 import channel_pb2
from tests.support.process import run_client_command
from tests.support.scripted_server import APP_ID, ScriptedServer, fates

MAIN = [sys.executable, "-c", "from clarion.cli import main; main()"]
HANG = 60
CONTENT = ["--title", "T", "--body", "B"]


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    """Run a scripted server."""
    with ScriptedServer() as running:
        yield running


def environment(server: ScriptedServer | None) -> dict[str, str]:
    """Return the environment of a command that talks to the server."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("CLARION_", "FORCE_COLOR"))}
    return plain if server is None else plain | {"CLARION_SERVER": server.address}


def clarion(
    server: ScriptedServer | None, *arguments: str, text: str = "", fresh: bool = False
) -> subprocess.CompletedProcess[str]:
    """Run the command without a terminal; `fresh` as Python starts it, else forked."""
    return run_client_command(*arguments, environment=environment(server), text=text, fresh=fresh)


def send(server: ScriptedServer, *arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
    """Run `clarion send` in pipes."""
    return clarion(server, "send", "--app", APP_ID, *CONTENT, *arguments, text=text)


def test_apps_from_create_to_delete(server: ScriptedServer) -> None:
    """Every subcommand of `apps` does its part; `-q` prints just the id, JSON is parsable."""
    app_id = clarion(server, "apps", "create", "Shop", "--tag", "a=b", "-q", fresh=True).stdout.strip()
    assert app_id in server.apps
    for number in range(4):
        clarion(server, "apps", "create", f"[bold]{number}")
    listed = clarion(server, "apps", "list").stdout
    assert app_id in listed
    assert "[bold]3" in listed
    assert len(json.loads(clarion(server, "--output", "json", "apps", "list").stdout)) == 5
    assert json.loads(clarion(server, "-o", "json", "apps", "get", app_id).stdout)["tags"] == {"a": "b"}
    assert clarion(server, "apps", "rename", app_id, "Store").returncode == 0
    assert server.apps[app_id].name == "Store"
    clarion(server, "apps", "tag", app_id, "c=d", "e=f=g")
    clarion(server, "apps", "untag", app_id, "a")
    assert dict(server.apps[app_id].tags) == {"c": "d", "e": "f=g"}
    assert clarion(server, "apps", "delete", app_id, text="n\n").returncode != 0
    assert app_id in server.apps
    assert clarion(server, "apps", "delete", app_id, "--yes").returncode == 0
    assert app_id not in server.apps


def test_channels_verify(server: ScriptedServer) -> None:
    """`channels verify` prints the verdict on each credential, and its exit code says whether all is well."""
    assert clarion(server, "channels", "verify", "APNS", "--app", APP_ID).returncode == 2, "there is no such channel"
    server.channels[channel_pb2.CHANNEL_TYPE_APNS] = channel_pb2.Channel(type=channel_pb2.CHANNEL_TYPE_APNS)
    shown = clarion(server, "channels", "verify", "APNS", "--app", APP_ID, fresh=True)
    assert shown.returncode == 1
    assert "signing key  KEY invalid: bad key (status 403)" in shown.stdout
    as_json = clarion(server, "-o", "json", "channels", "verify", "APNS", "--app", APP_ID)
    assert json.loads(as_json.stdout)["verdict"] == "VERDICT_INVALID"


def test_channels_send_what_the_files_hold(server: ScriptedServer, tmp_path: Path) -> None:
    """Each `set-…` command puts the files' content into the right field, and prints none of it."""
    secret = "c4na7y"
    (tmp_path / "secret").write_text(f"{secret}\n")
    (tmp_path / "p12").write_bytes(b"\x30\x82binary")
    path, p12 = str(tmp_path / "secret"), str(tmp_path / "p12")
    runs = [
        clarion(server, "channels", "set-apns", "--app", APP_ID, "--bundle-id", "a.b", "--key", path,
                "--key-id", "K", "--team-id", "T"),
        clarion(server, "channels", "set-apns", "--app", APP_ID, "--type", "apns_voip", "--p12", p12,
                "--p12-password-file", path),
        clarion(server, "channels", "set-apns", "--app", APP_ID, "--cert", path, "--private-key", path),
        clarion(server, "channels", "set-fcm", "--app", APP_ID, "--service-account", path, "--legacy-key-file", path,
                "--presentation", "pinpoint-sdk"),
        clarion(server, "channels", "set-adm", "--app", APP_ID, "--client-id", "C", "--client-secret-file", path),
        clarion(server, "channels", "set-baidu", "--app", APP_ID, "--api-key", "A", "--secret-key-file", path),
    ]  # fmt: skip
    assert [run.returncode for run in runs] == [0] * 6, runs
    assert not any(secret in run.stdout + run.stderr for run in runs)
    key, certificate, pem, fcm, adm, baidu = (request.channel for request in server.requests)
    assert key.apns.signing_key.private_key == f"{secret}\n"
    assert (key.apns.signing_key.key_id, key.apns.signing_key.team_id, key.apns.bundle_id) == ("K", "T", "a.b")
    assert certificate.apns.certificate.pkcs12.content == b"\x30\x82binary"
    assert certificate.apns.certificate.pkcs12.password == secret
    assert pem.apns.certificate.pem.private_key == f"{secret}\n"
    assert fcm.fcm.service_account.json == f"{secret}\n"
    assert fcm.fcm.legacy_key.server_key == secret
    assert fcm.fcm.presentation == 2
    assert (adm.adm.client.client_id, adm.adm.client.client_secret) == ("C", secret)
    assert (baidu.baidu.key_pair.api_key, baidu.baidu.key_pair.secret_key) == ("A", secret)


def test_channels_are_switched_shown_and_deleted(server: ScriptedServer, tmp_path: Path) -> None:
    """`disable` and `enable` change only that, and create nothing; `list`, `get` and `delete` do as they say."""
    assert clarion(server, "channels", "disable", "FCM", "--app", APP_ID).returncode == 2
    assert server.channels == {}
    key = tmp_path / "key"
    key.write_text("secret")
    clarion(server, "channels", "set-fcm", "--app", APP_ID, "--legacy-key-file", str(key))
    assert clarion(server, "channels", "disable", "FCM", "--app", APP_ID).returncode == 0
    assert not server.requests[-1].channel.HasField("fcm")
    shown = json.loads(clarion(server, "-o", "json", "channels", "list", "--app", APP_ID).stdout)
    assert [channel["type"] for channel in shown] == ["CHANNEL_TYPE_FCM"]
    assert not shown[0].get("enabled")
    assert "FCM" in clarion(server, "channels", "get", "fcm", "--app", APP_ID).stdout
    assert clarion(server, "channels", "delete", "FCM", "--app", APP_ID, "-y").returncode == 0
    assert server.channels == {}


def test_send_into_a_pipe_prints_a_line_for_each_result(server: ScriptedServer) -> None:
    """Standard output has only results, as six fields between tabs; the summary goes to standard error."""
    run = send(server, "--channel", "APNS", "--to", "c0de", "--to", "dead")
    lines = [line.split("\t") for line in run.stdout.splitlines()]
    assert lines[0] == ["0", "SUCCESSFUL", "-", "APNS", "c0de", "message-0"]
    assert lines[1][:5] == ["1", "PERMANENT_FAILURE", "ADDRESS_UNREGISTERED", "APNS", "dead"]
    assert len(lines) == 2
    assert "remove the address" in run.stderr
    assert "1 of 2 accepted" in run.stderr
    assert run.returncode == 1


def test_send_exits_with_0_when_all_are_accepted(server: ScriptedServer) -> None:
    """Exit code 0 is for no failure at all."""
    assert send(server, "--channel", "FCM", "--to", "c0de").returncode == 0


def test_send_takes_all_three_forms_of_lines_and_writes_json(server: ScriptedServer, tmp_path: Path) -> None:
    """Addresses, CSV with a header, and JSON targets may be mixed; `--results` holds every result."""
    targets = tmp_path / "targets"
    json_line = '{"address": "c0de3", "channelType": "CHANNEL_TYPE_ADM", "overrides": {"title": "mine"}}'
    targets.write_text(f"channel,address\nAPNS,c0de1\n\nc0de2\r\n{json_line}\n", encoding="utf-8-sig")
    results = tmp_path / "results"
    arguments = ["--channel", "FCM", "--targets", str(targets), "--results", str(results)]
    run = clarion(server, "-o", "json", "send", "--app", APP_ID, *CONTENT, *arguments)
    assert run.returncode == 0, run.stderr
    assert run.stdout == results.read_text()
    got = [json.loads(line) for line in run.stdout.splitlines()]
    assert [(one["address"], one["channelType"].removeprefix("CHANNEL_TYPE_")) for one in got] == [
        ("c0de1", "APNS"),
        ("c0de2", "FCM"),
        ("c0de3", "ADM"),
    ]
    assert server.requests[1].targets.targets[2].overrides.title == "mine"


def test_send_takes_a_request_in_json(server: ScriptedServer, tmp_path: Path) -> None:
    """`--request` brings message, options and targets; `--app` replaces its app."""
    request = tmp_path / "request.json"
    document = {
        "start": {
            "appId": "of the file",
            "message": {"apns": {"badge": 0}},
            "context": {"a": "b"},
            "options": {"sendTimeout": "2.500s"},
        },
        "targets": [{"address": "c0de", "channelType": "CHANNEL_TYPE_APNS"}],
    }
    request.write_text(json.dumps(document))
    run = clarion(server, "send", "--request", str(request), "--app", APP_ID)
    assert run.returncode == 0, run.stderr
    start = server.requests[0].start
    assert start.app_id == APP_ID
    assert start.message.apns.HasField("badge")
    assert dict(start.context) == {"a": "b"}
    assert start.options.send_timeout.ToMilliseconds() == 2500


def test_a_bad_line_of_a_file_is_found_before_anything_is_sent(server: ScriptedServer, tmp_path: Path) -> None:
    """The error names the line, not the address, and the server has not heard of the call."""
    targets = tmp_path / "targets"
    targets.write_text("APNS,c0de1\nNOPE,5ec4e7\n")
    run = send(server, "--targets", str(targets))
    assert run.returncode == 2
    assert "line 2" in run.stderr
    assert "5ec4e7" not in run.stderr
    assert server.requests == []


def test_a_bad_line_of_standard_input_cancels_the_call(server: ScriptedServer) -> None:
    """What was known is printed, and the exit code is that of wrong usage."""
    text = "".join(f"APNS,c0de{number}\n" for number in range(500)) + "NOPE,5ec4e7\n"
    run = send(server, "--targets", "-", text=text)
    assert run.returncode == 2
    assert "line 501" in run.stderr
    assert "5ec4e7" not in run.stderr
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["send", "--app", "x", *CONTENT, "--to", "a"], "--channel"),
        (["send", "--app", "x", *CONTENT, "--to", "a", "--channel", "PIGEON"], "PIGEON"),
        (["send", *CONTENT, "--to", "a", "--channel", "APNS"], "--app"),
        (["send", "--app", "x", "--channel", "APNS", "--to", "a"], "--title"),
        (["send", "--app", "x", *CONTENT], "--targets"),
        (["send", "--app", "x", *CONTENT, "--targets", "/no/such/file"], "no such file"),
        (["channels", "set-apns", "--app", "x", "--key", "/dev/null"], "--key-id"),
        (["channels", "set-adm", "--app", "x", "--client-id", "c"], "--client-secret-file"),
        (["--server", "elsewhere", "apps", "list"], "host:port"),
        (["--server", "http://127.0.0.1:8080", "apps", "list"], "host:port"),
    ],
)
def test_wrong_usage_exits_with_2_and_names_the_option(arguments: list[str], told: str) -> None:
    """What is wrong with the options is said before any server is asked."""
    run = clarion(None, *arguments)
    assert run.returncode == 2, run.stderr
    assert told in run.stderr
    assert "Traceback" not in run.stderr


def test_an_invalid_request_exits_with_2_and_no_server_with_3(server: ScriptedServer) -> None:
    """Exit codes tell the caller's mistakes from a server that is not there."""
    invalid = clarion(server, "apps", "create", "")
    assert invalid.returncode == 2
    assert "name: must have 1 to 64 characters" in invalid.stderr
    assert clarion(server, "apps", "get", "nope").returncode == 2
    absent = clarion(None, "--server", "127.0.0.1:9", "apps", "list")
    assert absent.returncode == 3
    assert "no Clarion server answers" in absent.stderr


def test_preview_shows_requests_and_failures(server: ScriptedServer) -> None:
    """The request is printed as it would be sent; a failure makes the exit code 1."""
    run = clarion(server, "preview", "--app", APP_ID, *CONTENT, "--channel", "APNS", "--to", "c0de", "--to", "dead",
                  fresh=True)  # fmt: skip
    assert "POST https://push.invalid/3/device/c0de" in run.stdout
    assert "17 of 4,096 bytes" in run.stdout
    assert "CHANNEL_DISABLED: the channel is disabled" in run.stdout
    assert run.returncode == 1


def test_ctrl_c_cancels_the_call_and_tells_what_is_known(server: ScriptedServer) -> None:
    """SIGINT while standard input stays open: exit code 130, the known results, no traceback, the call is cancelled."""
    left = threading.Event()

    def script(frames: Any, context: Any) -> Iterator[Any]:
        context.add_callback(left.set)
        yield from fates(frames, context)

    server.script = script
    process = subprocess.Popen(
        [*MAIN, "send", "--app", APP_ID, *CONTENT, "--targets", "-"],
        env=environment(server) | {"PYTHONUNBUFFERED": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("APNS,c0de\n" * 500)
    process.stdin.flush()
    for _ in range(500):
        assert process.stdout.readline()
    process.send_signal(signal.SIGINT)
    # Standard input is still open while the process ends.
    code = process.wait(HANG)
    assert process.stderr is not None
    errors = process.stderr.read()
    for stream in (process.stdin, process.stdout, process.stderr):
        stream.close()
    assert code == 130, errors
    assert "500 targets have a result" in errors
    assert "Traceback" not in errors
    assert "Fatal" not in errors
    assert left.wait(HANG)


def test_a_closed_pipe_ends_the_send(server: ScriptedServer) -> None:
    """`clarion send | head -1` stops sending, says so, and shows no traceback."""
    shell = f"""{sys.executable} -c 'from clarion.cli import main; main()' send --app {APP_ID} --title T --body B \
        --targets - | head -1; exit ${{PIPESTATUS[0]}}"""
    text = "APNS,c0de\n" * 200_000
    run = subprocess.run(
        ["bash", "-c", shell],
        env=environment(server),
        input=text,
        capture_output=True,
        text=True,
        timeout=HANG,
        check=False,
    )
    assert run.returncode == 3, run.stderr
    assert len(run.stdout.splitlines()) == 1
    assert "standard output was closed" in run.stderr
    assert "Traceback" not in run.stderr


def test_a_terminal_gets_a_progress_bar_and_tables(server: ScriptedServer, tmp_path: Path) -> None:
    """On a terminal there are no result lines but a bar, examples of failures with short addresses, and a summary."""
    targets = tmp_path / "targets"
    address = "dead" + "0" * 50 + "123456"
    targets.write_text("APNS,c0de\n" * 999 + f"APNS,{address}\n")
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*MAIN, "send", "--app", APP_ID, *CONTENT, "--targets", str(targets)],
        env=environment(server) | {"TERM": "xterm", "COLUMNS": "100", "LINES": "40"},
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    shown = b""
    try:
        while chunk := os.read(ours, 65536):
            shown += chunk
    except OSError:  # the terminal's other side has closed: that is how its end is told
        pass
    os.close(ours)
    text = shown.decode()
    assert process.wait(HANG) == 1, text
    assert "1000/1000" in text
    assert "dead00000…123456" in text
    assert "999 of 1,000 accepted" in text
    assert "message-5" not in text


@pytest.mark.parametrize("missing", ["typer", "rich"])
def test_without_the_extra_the_command_says_how_to_get_it(missing: str) -> None:
    """Without typer or rich there is one line with the remedy, no traceback."""
    program = f"import sys; sys.modules[{missing!r}] = None; from clarion.cli import main; main()"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=HANG, check=False)
    assert run.returncode == 2
    assert "pip install 'clarion[cli]'" in run.stderr
    assert "Traceback" not in run.stderr
