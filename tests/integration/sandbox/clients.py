"""Clients that share no code with the sandbox: httpx, and h2 by hand where single frames matter."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import h2.config
import h2.connection
import h2.events
import httpx
import jwt
from hyperframe.frame import Frame

from clarion_server.sandbox import SandboxInfo, apns_address, fcm_address

PHONE = apns_address("ok", 1)
ALERT = {"aps": {"alert": "Hello"}}
MESSAGING = "https://www.googleapis.com/auth/firebase.messaging"
GRANT_TYPE = "urn:ietf:params:oauth:grant-type:jwt-bearer"


def tls(info: SandboxInfo, certificate: Path | None = None, key: Path | None = None) -> ssl.SSLContext:
    """Return a context that trusts the sandbox, with a client certificate if one is given."""
    context = ssl.create_default_context(cafile=info.files.ca)
    if certificate is not None:
        context.load_cert_chain(certificate, key)
    return context


async def eventually(condition: Callable[[], object]) -> None:
    """Wait until something that no event tells of has happened."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.01)


def provider_token(info: SandboxInfo, *, private_key: str = "", key_id: str = "", **claims: Any) -> str:
    """Sign a provider token; claims given as None are left out."""
    content = {"iss": info.team_id, "iat": int(time.time())} | claims
    return jwt.encode(
        {name: value for name, value in content.items() if value is not None},
        private_key or info.files.apns_key.read_text(),
        "ES256",
        headers={"kid": key_id or info.key_id},
    )


class ApnsClient:
    """Sends to the emulated APNs: a good request, but for what a test changes."""

    def __init__(self, info: SandboxInfo, context: ssl.SSLContext | None = None, *, token: str = "") -> None:
        self.info = info
        self.http = httpx.AsyncClient(http2=True, verify=context or tls(info), timeout=20)
        self.headers = {"apns-topic": info.bundle_id, "apns-push-type": "alert"}
        if context is None:
            self.headers["authorization"] = f"bearer {token or provider_token(info)}"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *details: object) -> None:
        await self.http.aclose()

    async def push(
        self,
        device: str = PHONE,
        headers: Mapping[str, str | None] | None = None,
        body: bytes | dict[str, Any] = ALERT,
        *,
        development: bool = False,
        method: str = "POST",
        path: str | None = None,
    ) -> httpx.Response:
        """Send one request; headers given as None are left out."""
        endpoint = self.info.apns_sandbox_endpoint if development else self.info.apns_endpoint
        changed = {**self.headers, **(headers or {})}
        return await self.http.request(
            method,
            endpoint + (f"/3/device/{device}" if path is None else path),
            headers={name: value for name, value in changed.items() if value is not None},
            content=body if isinstance(body, bytes) else json.dumps(body).encode(),
        )


def reason(response: httpx.Response) -> tuple[int, str]:
    """Return status and APNs' reason."""
    return response.status_code, response.json()["reason"]


class FcmClient:
    """Sends to the emulated FCM and its token endpoint."""

    def __init__(self, info: SandboxInfo, *, http2: bool = True) -> None:
        self.info = info
        self.http = httpx.AsyncClient(http2=http2, verify=tls(info), timeout=20)
        self.account = json.loads(info.files.service_account.read_text())
        self.access_token = ""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *details: object) -> None:
        await self.http.aclose()

    def assertion(self, *, private_key: str = "", key_id: str = "", **claims: Any) -> str:
        """Sign a good assertion, but for the claims given; None leaves one out."""
        now = int(time.time())
        content = {
            "iss": self.account["client_email"],
            "scope": MESSAGING,
            "aud": self.account["token_uri"],
            "iat": now,
            "exp": now + 3600,
        } | claims
        return jwt.encode(
            {name: value for name, value in content.items() if value is not None},
            private_key or self.account["private_key"],
            "RS256",
            headers={"kid": key_id or self.account["private_key_id"]},
        )

    async def ask_for_token(self, form: Mapping[str, str] | None = None, **claims: Any) -> httpx.Response:
        """Ask the token endpoint with an assertion, or with a form of one's own."""
        fields = form if form is not None else {"grant_type": GRANT_TYPE, "assertion": self.assertion(**claims)}
        return await self.http.post(self.info.token_endpoint, data=dict(fields))

    async def send(
        self, message: Any, *, project: str = "", authorization: str | None = None, **rest: Any
    ) -> httpx.Response:
        """Send a message (JSON value, or the whole body as bytes)."""
        if authorization is None:
            if not self.access_token:
                self.access_token = (await self.ask_for_token()).json()["access_token"]
            authorization = f"Bearer {self.access_token}"
        return await self.http.post(
            f"{self.info.fcm_endpoint}/v1/projects/{project or self.info.project_id}/messages:send",
            headers={"authorization": authorization, "content-type": "application/json"},
            content=message if isinstance(message, bytes) else json.dumps({"message": message, **rest}),
        )

    async def send_good(self, **fields: Any) -> httpx.Response:
        """Send a message to an ordinary phone, with further fields."""
        return await self.send({"token": fcm_address("ok", 1), **fields})


class FrameClient:
    """One HTTP/2 connection, driven event by event."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        # Not validated: tests send what a good client would not.
        self.core = h2.connection.H2Connection(
            h2.config.H2Configuration(validate_outbound_headers=False, normalize_outbound_headers=False)
        )
        self.events: list[h2.events.Event] = []
        self.core.initiate_connection()
        self.flush()

    @classmethod
    async def connect(cls, endpoint: str, context: ssl.SSLContext) -> FrameClient:
        """Open a connection."""
        context.set_alpn_protocols(["h2"])
        url = httpx.URL(endpoint)
        return cls(*await asyncio.open_connection(url.host, url.port, ssl=context))

    def flush(self) -> None:
        """Write what is to be sent."""
        self._writer.write(self.core.data_to_send())

    def request(self, path: str, headers: Sequence[tuple[str, str]], body: bytes) -> int:
        """Send one request and return its stream."""
        stream = self.core.get_next_available_stream_id()
        head = [(":method", "POST"), (":scheme", "https"), (":authority", "localhost"), (":path", path), *headers]
        self.core.send_headers(stream, head)
        self.core.send_data(stream, body, end_stream=True)
        self.flush()
        return stream

    async def until(self, kind: type[h2.events.Event], count: int = 1) -> list[Any]:
        """Read until that many events of a kind have come, and return them."""
        async with asyncio.timeout(20):
            while len(found := [event for event in self.events if isinstance(event, kind)]) < count:
                data = await self._reader.read(65536)
                if not data:
                    raise ConnectionError("the sandbox closed the connection")
                self.events += self.core.receive_data(data)
                self.flush()
        return found

    async def raw(self, *wanted: type[Frame]) -> list[Frame]:
        """Read until one frame of each kind has come, in any order, and return all: h2 takes nothing after GOAWAY."""
        frames: list[Frame] = []
        async with asyncio.timeout(20):
            while any(not any(isinstance(frame, kind) for frame in frames) for kind in wanted):
                frame, length = Frame.parse_frame_header(memoryview(await self._reader.readexactly(9)))
                frame.parse_body(memoryview(await self._reader.readexactly(length)))
                frames.append(frame)
        return frames

    async def ended(self) -> bytes:
        """Return what still comes until the sandbox closes the connection."""
        async with asyncio.timeout(20):
            return await self._reader.read()

    @property
    def max_concurrent_streams(self) -> int:
        """The limit that the sandbox has announced."""
        return self.core.remote_settings.max_concurrent_streams

    async def close(self) -> None:
        """Close the connection."""
        self._writer.close()
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            await self._writer.wait_closed()
