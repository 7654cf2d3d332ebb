"""Faults as they look on the wire, to clients that share no code with the sandbox."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from typing import Any

import h2.events
import httpx
import pytest
from hyperframe.frame import GoAwayFrame, HeadersFrame

from clarion_server.sandbox import Fault, FaultError, Faults, NoSuchListener, Sandbox, apns_address, fcm_address
from clarion_server.sandbox.fault import TRAITS
from tests.integration.sandbox.clients import ALERT, ApnsClient, FcmClient, FrameClient, eventually, reason, tls

BODY = json.dumps(ALERT).encode()


def add(sandbox: Sandbox, listener: str = "apns", **fault: Any) -> None:
    """Switch a fault on."""
    sandbox.faults.add(listener, Fault.model_validate(fault))


def path(number: int) -> str:
    """Return the path of a push to an ordinary phone."""
    return f"/3/device/{apns_address('ok', number)}"


@pytest.fixture
async def frames(sandbox: Sandbox) -> AsyncIterator[FrameClient]:
    """Provide a connection with a push certificate, which may have many streams at once."""
    files = sandbox.info.files
    context = tls(sandbox.info, files.apns_certificate, files.apns_certificate_key)
    client = await FrameClient.connect(sandbox.info.apns_endpoint, context)
    await client.until(h2.events.SettingsAcknowledged)
    yield client
    await client.close()


def push(client: FrameClient, sandbox: Sandbox, *numbers: int) -> list[int]:
    """Send pushes to ordinary phones, in one packet, and return their streams."""
    return [client.request(path(number), [("apns-topic", sandbox.info.bundle_id)], BODY) for number in numbers]


def delivered(sandbox: Sandbox) -> list[int]:
    """Return the numbers of the phones that got something, each once, in order."""
    found = sandbox.stats.apns.delivered
    assert set(found.values()) <= {1}
    return sorted(int(address, 16) for address in found)


async def test_goaway_before(sandbox: Sandbox, frames: FrameClient) -> None:
    """The last stream id excludes the struck request and all later ones; none of them is processed."""
    add(sandbox, kind="goaway", when="before", skip=2, count=1, reason="Shutdown")
    streams = push(frames, sandbox, 1, 2, 3, 4)
    (goaway,) = await frames.until(h2.events.ConnectionTerminated)
    assert (goaway.last_stream_id, goaway.error_code) == (streams[1], 0)
    assert json.loads(goaway.additional_data) == {"reason": "Shutdown"}
    ended = [event.stream_id for event in frames.events if isinstance(event, h2.events.StreamEnded)]
    assert ended == streams[:2]
    assert delivered(sandbox) == [1, 2]


async def test_goaway_after(sandbox: Sandbox, frames: FrameClient) -> None:
    """The last stream id includes the struck request, which is answered; later ones are not processed."""
    add(sandbox, kind="goaway", when="after", skip=1, count=1, error_code=11, reason="IdleTimeout")
    streams = push(frames, sandbox, 1, 2, 3)
    found = await frames.raw(GoAwayFrame)
    (goaway,) = [frame for frame in found if isinstance(frame, GoAwayFrame)]
    assert (goaway.last_stream_id, goaway.error_code) == (streams[1], 11)
    assert json.loads(goaway.additional_data) == {"reason": "IdleTimeout"}
    answered = [frame.stream_id for frame in found if isinstance(frame, HeadersFrame)]
    if streams[1] not in answered:
        answered += [frame.stream_id for frame in await frames.raw(HeadersFrame)]
    assert [stream for stream in answered if stream] == streams[:2]
    assert delivered(sandbox) == [1, 2]


async def test_goaway_never_denies_what_was_processed(sandbox: Sandbox, frames: FrameClient) -> None:
    """When a later stream was complete first, GOAWAY includes it, and the struck request is refused on its own."""
    add(sandbox, kind="goaway", when="before", skip=1, count=1)
    core = frames.core
    head = [(":method", "POST"), (":scheme", "https"), (":authority", "localhost")]
    topic = ("apns-topic", sandbox.info.bundle_id)
    core.send_headers(1, [*head, (":path", path(1)), topic])
    core.send_headers(3, [*head, (":path", path(3)), topic])
    core.send_data(3, BODY, end_stream=True)
    core.send_data(1, BODY, end_stream=True)
    frames.flush()
    (goaway,) = await frames.until(h2.events.ConnectionTerminated)
    assert goaway.last_stream_id == 3
    (refused,) = [event for event in frames.events if isinstance(event, h2.events.StreamReset)]
    assert (refused.stream_id, refused.error_code) == (1, 7)
    assert delivered(sandbox) == [3]


@pytest.mark.parametrize(("when", "got"), [("before", [2]), ("after", [1, 2])])
async def test_stream_reset(sandbox: Sandbox, frames: FrameClient, when: str, got: list[int]) -> None:
    """One stream is reset with the wanted code, processed or not; the next is served."""
    add(sandbox, kind="stream_reset", when=when, error_code=8, count=1)
    first, second = push(frames, sandbox, 1, 2)
    (ended,) = await frames.until(h2.events.StreamEnded)
    (reset,) = await frames.until(h2.events.StreamReset)
    assert (ended.stream_id, reset.stream_id, reset.error_code) == (second, first, 8)
    assert delivered(sandbox) == got


async def test_refused_stream(sandbox: Sandbox, frames: FrameClient) -> None:
    """The stream is refused, and nothing delivered."""
    add(sandbox, kind="refused_stream", count=1)
    push(frames, sandbox, 1)
    (reset,) = await frames.until(h2.events.StreamReset)
    assert reset.error_code == 7
    assert delivered(sandbox) == []
    assert sandbox.stats.apns.outcomes == {"fault refused_stream": 1}


async def test_settings_lowered(sandbox: Sandbox, frames: FrameClient) -> None:
    """SETTINGS lower the streams in mid-flight; the request is answered, and the limit holds."""
    add(sandbox, kind="settings", max_streams=2, count=1)
    push(frames, sandbox, 1)
    await frames.until(h2.events.StreamEnded)
    await frames.until(h2.events.RemoteSettingsChanged, 2)
    assert frames.max_concurrent_streams == 2
    assert delivered(sandbox) == [1]


async def test_silence_and_half_open(sandbox: Sandbox, frames: FrameClient) -> None:
    """A silent request leaves the connection alive, PING included; a half-open connection does not even answer PING."""
    add(sandbox, kind="silence", when="after", count=1)
    add(sandbox, kind="half_open", when="before", skip=1, count=1)
    _, second = push(frames, sandbox, 1, 2)
    frames.core.ping(b"12345678")
    frames.flush()
    (ended,) = await frames.until(h2.events.StreamEnded)
    await frames.until(h2.events.PingAckReceived)
    assert ended.stream_id == second
    push(frames, sandbox, 3)
    frames.core.ping(b"87654321")
    frames.flush()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(frames.until(h2.events.PingAckReceived, 2), 0.3)
    assert delivered(sandbox) == [1, 2]
    assert sandbox.stats.apns.outcomes["fault half_open"] == 1


async def test_silent_connection(sandbox: Sandbox) -> None:
    """TLS is agreed, and no SETTINGS ever come."""
    add(sandbox, kind="silent_connection")
    client = await FrameClient.connect(sandbox.info.apns_endpoint, tls(sandbox.info))
    push(client, sandbox, 1)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(client.until(h2.events.RemoteSettingsChanged), 0.3)
    await client.close()
    assert sandbox.stats.apns.requests == 0


@pytest.mark.parametrize(("when", "got"), [("before", []), ("after", [1])])
async def test_connection_reset(sandbox: Sandbox, frames: FrameClient, when: str, got: list[int]) -> None:
    """The connection ends with a TCP RST."""
    add(sandbox, kind="connection_reset", when=when)
    push(frames, sandbox, 1)
    with pytest.raises(ConnectionResetError):
        await frames.until(h2.events.StreamEnded)
    assert delivered(sandbox) == got


async def test_max_age(sandbox: Sandbox) -> None:
    """An old connection gets the notice, then the real last stream id, and ends after its answers."""
    add(sandbox, kind="max_age", seconds=0.1, reason="max_age")
    files = sandbox.info.files
    context = tls(sandbox.info, files.apns_certificate, files.apns_certificate_key)
    client = await FrameClient.connect(sandbox.info.apns_endpoint, context)
    await client.until(h2.events.SettingsAcknowledged)
    slow = f"/3/device/{apns_address('slow-500ms', 1)}"
    stream = client.request(slow, [("apns-topic", sandbox.info.bundle_id)], BODY)
    found = await client.raw(HeadersFrame)
    notice, final = [frame for frame in found if isinstance(frame, GoAwayFrame)]
    assert (notice.last_stream_id, final.last_stream_id) == (2**31 - 1, stream)
    assert json.loads(final.additional_data) == {"reason": "max_age"}
    assert found[-1].stream_id == stream
    assert await client.ended() == b""
    await client.close()


@pytest.mark.parametrize(("status", "word"), [(429, "TooManyRequests"), (500, "InternalServerError"), (503, "Wanted")])
async def test_status_of_apns(sandbox: Sandbox, apns: ApnsClient, status: int, word: str) -> None:
    """APNs answers in its own form, with Retry-After, and delivers nothing."""
    wanted = {"reason": "Wanted"} if word == "Wanted" else {}
    add(sandbox, kind="status", status=status, retry_after=7, **wanted)
    answer = await apns.push()
    assert reason(answer) == (status, word)
    assert (answer.headers["retry-after"], delivered(sandbox)) == ("7", [])


@pytest.mark.parametrize(
    ("status", "words"),
    [(429, ("RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED")), (500, ("INTERNAL", "INTERNAL")), (401, ("UNAUTHENTICATED", ""))],
)
async def test_status_of_fcm(sandbox: Sandbox, fcm: FcmClient, status: int, words: tuple[str, str]) -> None:
    """FCM answers in its own form; `path` spares the token endpoint."""
    add(sandbox, "fcm", kind="status", status=status, retry_after=7, path="/v1/")
    answer = await fcm.send_good()
    error = answer.json()["error"]
    codes = [detail["errorCode"] for detail in error.get("details", [])]
    assert (answer.status_code, error["status"], "".join(codes)) == (status, *words)
    assert answer.headers["retry-after"] == "7"
    assert sandbox.stats.fcm.outcomes == {"token issued": 1, "fault status": 1}


async def test_status_after_processing(sandbox: Sandbox, apns: ApnsClient) -> None:
    """A provider may fail although it has delivered."""
    add(sandbox, kind="status", status=500, when="after")
    assert (await apns.push(apns_address("ok", 5))).status_code == 500
    assert delivered(sandbox) == [5]


@pytest.mark.parametrize("http2", [True, False], ids=["h2", "http1"])
class TestOverBothProtocols:
    """What both protocols can express, at the listener that speaks both."""

    @pytest.fixture
    async def client(self, sandbox: Sandbox, *, http2: bool) -> AsyncIterator[FcmClient]:
        """Provide a client that has its access token."""
        async with FcmClient(sandbox.info, http2=http2) as client:
            client.access_token = (await client.ask_for_token()).json()["access_token"]
            yield client

    @staticmethod
    def got(sandbox: Sandbox) -> int:
        """Return how many messages were delivered."""
        return sum(sandbox.stats.fcm.delivered.values())

    async def test_html(self, sandbox: Sandbox, client: FcmClient) -> None:
        """A page of HTML comes with its status."""
        add(sandbox, "fcm", kind="html")
        answer = await client.send_good()
        assert (answer.status_code, answer.headers["content-type"]) == (502, "text/html; charset=UTF-8")
        assert answer.text.startswith("<!DOCTYPE html>")
        assert self.got(sandbox) == 0

    async def test_slow_body(self, sandbox: Sandbox, client: FcmClient) -> None:
        """The real answer comes in many pieces, and is whole in the end."""
        add(sandbox, "fcm", kind="slow_body", seconds=0.002)
        request = client.http.build_request(
            "POST",
            f"{sandbox.info.fcm_endpoint}/v1/projects/{sandbox.info.project_id}/messages:send",
            headers={"authorization": f"Bearer {client.access_token}"},
            content=json.dumps({"message": {"token": fcm_address("ok", 1)}}),
        )
        answer = await client.http.send(request, stream=True)
        pieces = [piece async for piece in answer.aiter_raw()]
        assert json.loads(b"".join(pieces))["name"].startswith("projects/")
        assert len(pieces) > 10
        assert self.got(sandbox) == 1

    @pytest.mark.parametrize("fault", [{}, {"status": 503}], ids=["real", "error"])
    async def test_cut_body(self, sandbox: Sandbox, client: FcmClient, fault: dict[str, Any]) -> None:
        """An answer ends in the middle of its body; a real one was processed, an error not."""
        add(sandbox, "fcm", kind="cut_body", **fault)
        with pytest.raises(httpx.RemoteProtocolError):
            await client.send_good()
        assert self.got(sandbox) == (0 if fault else 1)

    @pytest.mark.parametrize(("when", "got"), [("before", 0), ("after", 1)])
    @pytest.mark.parametrize("kind", ["connection_reset", "stream_reset"])
    async def test_resets(self, sandbox: Sandbox, client: FcmClient, kind: str, when: str, got: int) -> None:
        """There is no answer but a reset."""
        add(sandbox, "fcm", kind=kind, when=when)
        with pytest.raises(httpx.TransportError):
            await client.send_good()
        assert self.got(sandbox) == got

    @pytest.mark.parametrize(("when", "got"), [("before", 0), ("after", 1)])
    @pytest.mark.parametrize("kind", ["silence", "half_open"])
    async def test_silence(self, sandbox: Sandbox, client: FcmClient, kind: str, when: str, got: int) -> None:
        """There is no answer at all."""
        add(sandbox, "fcm", kind=kind, when=when)
        client.http.timeout = httpx.Timeout(0.4)
        with pytest.raises(httpx.ReadTimeout):
            await client.send_good()
        assert self.got(sandbox) == got


async def test_max_age_over_http_1(sandbox: Sandbox) -> None:
    """The answer that is due when a connection becomes old says that it ends; an idle one just ends."""
    async with FcmClient(sandbox.info, http2=False) as client:
        token = (await client.ask_for_token()).json()["access_token"]
    add(sandbox, "fcm", kind="max_age", seconds=0.1)
    async with FcmClient(sandbox.info, http2=False) as client:
        client.access_token = token
        answer = await client.send({"token": fcm_address("slow-500ms", 1)})
        assert (answer.status_code, answer.headers["connection"]) == (200, "close")
    url = httpx.URL(sandbox.info.fcm_endpoint)
    reader, writer = await asyncio.open_connection(url.host, url.port, ssl=tls(sandbox.info))
    async with asyncio.timeout(20):
        assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()


async def test_http_1_cannot_say_goaway(sandbox: Sandbox) -> None:
    """Faults of HTTP/2 pass over requests that come by HTTP/1.1."""
    for kind in ("goaway", "refused_stream", "settings"):
        add(sandbox, "fcm", kind=kind)
    async with FcmClient(sandbox.info, http2=False) as client:
        assert (await client.send_good()).status_code == 200
    assert [active.struck for active in sandbox.faults.of("fcm")] == [0, 0, 0]


@pytest.mark.parametrize(
    ("certificate", "says"),
    [
        ("unknown_authority", "unable to get local issuer certificate"),
        ("expired", "certificate has expired"),
        ("other_host", "IP address mismatch"),
    ],
)
async def test_other_certificate(sandbox: Sandbox, certificate: str, says: str) -> None:
    """Each certificate is wrong in just its own way; when the fault has struck, the right one is back."""
    add(sandbox, kind="other_certificate", certificate=certificate, count=1)
    async with ApnsClient(sandbox.info) as client:
        with pytest.raises(httpx.ConnectError, match=says):
            await client.push()
        assert (await client.push()).status_code == 200


async def test_tls_refused(sandbox: Sandbox) -> None:
    """The handshake is broken off."""
    add(sandbox, kind="tls_refused", count=1)
    url = httpx.URL(sandbox.info.apns_endpoint)
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await asyncio.open_connection(url.host, url.port, ssl=tls(sandbox.info))
    async with ApnsClient(sandbox.info) as client:
        assert (await client.push()).status_code == 200


async def test_refuse_connections(sandbox: Sandbox, apns: ApnsClient) -> None:
    """The listener closes, open connections end, connecting is refused; then it listens on the same port again."""
    assert (await apns.push()).status_code == 200
    for _ in range(3):
        add(sandbox, kind="refuse_connections")
        async with ApnsClient(sandbox.info) as late:
            for client in (apns, late):
                with pytest.raises(httpx.TransportError):
                    await client.push()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", sandbox.info.ports["apns"])
        sandbox.faults.clear("apns")
        assert (await apns.push()).status_code == 200


async def test_refused_until_the_end(directory: Any) -> None:
    """A sandbox whose listener is closed, or was just opened again, ends as any other."""
    for reopened in (False, True):
        async with Sandbox(directory) as sandbox:
            add(sandbox, kind="refuse_connections")
            if reopened:
                sandbox.faults.clear()


async def test_duration(sandbox: Sandbox, apns: ApnsClient) -> None:
    """A fault is over after its duration, and stays listed as over."""
    add(sandbox, kind="status", status=503, duration=0.2)
    assert (await apns.push()).status_code == 503
    await eventually(lambda: not sandbox.faults.of("apns").requests)
    assert (await apns.push()).status_code == 200
    (active,) = sandbox.faults.of("apns")
    assert (active.struck, active.seen, active.over) == (1, 1, True)


async def fates(sandbox: Sandbox, client: ApnsClient, seed: int | None) -> list[int]:
    """Return the statuses of forty pushes while every third one fails."""
    sandbox.faults.replace("apns", Fault.model_validate({"kind": "status", "probability": 1 / 3, "seed": seed}))
    return [(await client.push()).status_code for _ in range(40)]


async def test_seed(sandbox: Sandbox, apns: ApnsClient) -> None:
    """The same seed makes the same run, another one another; the one that was chosen is shown."""
    first = await fates(sandbox, apns, 4)
    assert await fates(sandbox, apns, 4) == first
    assert 5 < first.count(503) < 25
    chosen = await fates(sandbox, apns, None)
    (active,) = sandbox.faults.of("apns")
    assert chosen != first
    assert await fates(sandbox, apns, active.seed) == chosen


async def test_several_faults(sandbox: Sandbox, apns: ApnsClient) -> None:
    """The first that strikes wins; when it is used up, the next has its turn."""
    add(sandbox, kind="status", status=429, count=1)
    add(sandbox, kind="status", status=500, count=2, skip=1)
    assert [(await apns.push()).status_code for _ in range(5)] == [429, 200, 500, 500, 200]


async def test_faults_stay_where_they_are(sandbox: Sandbox, apns: ApnsClient) -> None:
    """A listener's faults do not strike another."""
    add(sandbox, "apns_sandbox", kind="status")
    assert (await apns.push()).status_code == 200
    assert (await apns.push(development=True)).status_code == 503


def test_faults_that_make_no_sense() -> None:
    """Listeners without HTTP/2 or TLS refuse what needs it, and there are no others; nothing is switched on then."""
    faults = Faults({"plain": (False, False)})
    for kind, trait in TRAITS.items():
        if trait.http2_only or trait.stage == "handshake":
            with pytest.raises(FaultError, match="this listener"):
                faults.add("plain", Fault(kind=kind))
    with pytest.raises(FaultError):
        faults.add("plain", Fault.model_validate({"kind": "status"}), Fault.model_validate({"kind": "goaway"}))
    assert faults.as_json() == {"plain": []}
    with pytest.raises(NoSuchListener, match="there are: plain"):
        faults.add("other")
