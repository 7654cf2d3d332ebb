"""A provider without a network: its pool answers as the test says."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

from google.protobuf.message import Message as ProtoMessage

from clarion.v1 import channel_pb2, error_pb2, messaging_pb2
from clarion.v1.channel_pb2 import ChannelType, CredentialKind
from clarion_server.errors import CredentialUnreadable, FieldViolation
from clarion_server.model import Channel, Credential
from clarion_server.providers.contract import Content, HttpRequest, Outcome, Payload, Verification, refusal
from clarion_server.transport import Exchange

NOW = dt.datetime(2026, 1, 2, tzinfo=dt.UTC)
ACCEPTED = Outcome(status=messaging_pb2.DELIVERY_STATUS_SUCCESSFUL, status_code=200, message_id="provider-id")


def channel(
    channel_type: ChannelType = channel_pb2.CHANNEL_TYPE_FCM, *, enabled: bool = True, version: int = 1
) -> Channel:
    """Return a channel without credentials."""
    return Channel("a" * 32, channel_type, enabled, None, {}, version, NOW, NOW, "anonymous")


class FakePool:
    """Hands each exchange to `answer` in a later turn of the loop, as the real pool does."""

    def __init__(self, answer: Callable[[Exchange], None]) -> None:
        self.answer = answer
        self.submitted: list[Exchange] = []

    def submit(self, exchange: Exchange) -> None:
        self.submitted.append(exchange)
        asyncio.get_running_loop().call_soon(self._finish, exchange)

    def _finish(self, exchange: Exchange) -> None:
        if not exchange.cancelled and not exchange.status:
            exchange.attempts += 1
            exchange.sent_at = asyncio.get_running_loop().time()
            self.answer(exchange)
            if self.answers(exchange):
                exchange.done()

    @staticmethod
    def answers(exchange: Exchange) -> bool:
        return bool(exchange.status) or exchange.failure is not None


def accept(exchange: Exchange) -> None:
    """Answer 200."""
    exchange.status = 200


class FakeSender:
    """A sender whose authorization and classification the test sets."""

    def __init__(self, answer: Callable[[Exchange], None] = accept) -> None:
        self.pool: Any = FakePool(answer)
        self.refused: Outcome | None = None
        self.gate: asyncio.Event | None = None
        self.is_ready = False
        self.authorizations = 0
        self.renewals = 0
        self.outcomes: Callable[[Exchange], Outcome] = lambda _: ACCEPTED

    def ready(self) -> bool:
        return self.is_ready

    async def authorize(self) -> Outcome | None:
        self.authorizations += 1
        if self.gate is not None:
            await self.gate.wait()
        return self.refused

    def request(self, payload: Payload, address: str) -> HttpRequest | Outcome:
        if address.startswith("malformed"):
            return refusal(error_pb2.ERROR_REASON_ADDRESS_MALFORMED, "not an address")
        return HttpRequest(((b":path", address.encode()),), payload.body)

    def renew(self) -> None:
        self.renewals += 1

    def classify(self, exchange: Exchange) -> Outcome:
        return self.outcomes(exchange)


class FakeProvider:
    """Serves FCM's message with a sender that the test holds."""

    channel_types = frozenset({channel_pb2.CHANNEL_TYPE_FCM})
    settings_field = "fcm"
    credential_fields: Mapping[str, CredentialKind] = {}

    def __init__(self, sender: FakeSender) -> None:
        self.the_sender = sender
        self.rendered: list[Content] = []

    def read_credentials(self, settings: ProtoMessage) -> tuple[dict[CredentialKind, Credential], list[FieldViolation]]:
        raise NotImplementedError

    def configure(
        self, channel_type: ChannelType, settings: ProtoMessage, credentials: Mapping[CredentialKind, Credential]
    ) -> tuple[None, list[FieldViolation]]:
        raise NotImplementedError

    def check_message(self, message: Any) -> list[FieldViolation]:
        if message.collapse_key == "bad":
            return [FieldViolation("collapse_key", error_pb2.ERROR_REASON_FIELD_MALFORMED, "is bad")]
        return []

    def sender(self, channel: Channel, message: Any) -> FakeSender:
        return self.the_sender

    def render(self, channel: Channel, content: Content) -> Payload | Outcome:
        self.rendered.append(content)
        if content.message.body == "too large":
            return refusal(error_pb2.ERROR_REASON_PAYLOAD_TOO_LARGE, "too large")
        return Payload((), content.message.body.encode(), len(content.message.body), 4096)

    async def verify(self, channel: Channel, kind: CredentialKind) -> Verification:
        raise NotImplementedError


class FakeDirectory:
    """Returns the channels that the test sets."""

    def __init__(self, channels: Mapping[ChannelType, Channel | CredentialUnreadable]) -> None:
        self.found = channels
        self.error: Exception | None = None

    async def channels(self, app_id: str) -> Mapping[ChannelType, Channel | CredentialUnreadable]:
        if self.error is not None:
            raise self.error
        return self.found
