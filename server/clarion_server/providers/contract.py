"""What a provider is to the rest of the server.

Each provider folder has the same modules: `credentials.py` reads and checks what the user gave, `auth.py` makes what
proves our identity on the wire, `payload.py` renders (pure), `outcome.py` classifies answers (a pure table),
`provider.py` puts them behind `Provider`, `sandbox.py` is the emulated other side.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from google.protobuf.message import Message as ProtoMessage

from clarion.v1 import error_pb2, messaging_pb2
from clarion.v1.channel_pb2 import ApnsConfig, ChannelType, CredentialKind, FcmConfig, Verdict
from clarion.v1.error_pb2 import ErrorReason
from clarion.v1.messaging_pb2 import DeliveryStatus, Origin
from clarion_server.errors import FieldViolation
from clarion_server.model import Channel, Credential
from clarion_server.transport import Exchange, Pool


# Not frozen: one is made for every target, and making a frozen one takes several times as long.
@dataclass(slots=True)
class Outcome:
    """What became of one target. Never changed once it is made.

    Attributes:
        status: one of AWS's delivery statuses.
        reason: why it failed; unspecified on success.
        origin: who decided.
        message: for people, what happened and what helps; without secrets and addresses.
        provider_reason: the provider's own word, as it came (bounded to 256 characters).
        status_code: HTTP status of the provider's answer, 0 without one.
        message_id: the provider's id of the accepted message.
        updated_token: the address that replaces the one used.
        token_dead: the address will never work again on this channel.
        token_invalid_at: since when the provider knows that: milliseconds since the epoch, years 1970 to 9999.
        retry_after: seconds that the provider asks to wait, None if it asked nothing.
        credential_broken: the credential will not work for any other target either: stop sending with it.
        renew: what `Sender.authorize` made was refused as too old: make a new one and repeat this target once.
        repeat: surely not processed; repeating cannot double a delivery and may succeed.
        least_pause: seconds that must pass before it is repeated when there is no `retry_after`.
        payload_size: bytes that the provider would count, when that is what is wrong; else 0.
        payload_limit: the provider's limit, likewise.
    """

    status: DeliveryStatus
    reason: ErrorReason = error_pb2.ERROR_REASON_UNSPECIFIED
    origin: Origin = messaging_pb2.ORIGIN_PROVIDER
    message: str = ""
    provider_reason: str = ""
    status_code: int = 0
    message_id: str = ""
    updated_token: str = ""
    token_dead: bool = False
    token_invalid_at: int | None = None
    retry_after: float | None = None
    credential_broken: bool = False
    renew: bool = False
    repeat: bool = False
    least_pause: float = 0.0
    payload_size: int = 0
    payload_limit: int = 0


def refusal(reason: ErrorReason, message: str) -> Outcome:
    """Return the outcome of a target that Clarion itself does not send to, and never could unchanged."""
    return Outcome(
        status=messaging_pb2.DELIVERY_STATUS_PERMANENT_FAILURE,
        reason=reason,
        origin=messaging_pb2.ORIGIN_GATEWAY,
        message=message,
    )


@dataclass(frozen=True, slots=True)
class Verification:
    """What a provider thinks of a credential.

    Attributes:
        verdict: valid, invalid, or cannot be told.
        message: for people, what was found and what helps; without secrets and addresses.
        reason: why it is not valid.
        status_code: HTTP status of the provider's answer, 0 without one.
        provider_reason: the provider's own word, as it came.
    """

    verdict: Verdict
    message: str
    reason: ErrorReason = error_pb2.ERROR_REASON_UNSPECIFIED
    status_code: int = 0
    provider_reason: str = ""


@dataclass(frozen=True, slots=True)
class Content:
    """What one target is to get, before it takes the provider's form.

    Attributes:
        message: the provider's own message (`ApnsMessage`, `FcmMessage`, …) with all weaker messages merged in,
            overrides applied, variables filled; its `raw_content` is cleared.
        raw: the parsed and filled raw content (a JSON object), None when there is none. It replaces the payload.
        context: entries for the payload's `pinpoint` object.
        trace_id: the caller's trace id, empty if none.
    """

    message: Any
    raw: dict[str, Any] | None
    context: Mapping[str, str]
    trace_id: str


@dataclass(slots=True)
class Payload:
    """Content in the provider's form, still without an address. Not frozen for the same reason as `Outcome`.

    Attributes:
        headers: headers that follow from the content (topic, push type, …), in order, lower case, no pseudo headers.
        body: the body; with `hole` ≥ 0 the address goes into it at that offset, as the provider quotes it.
        hole: offset in `body` where the address is inserted, -1 when the address is not part of the body.
        size: what the provider counts against its limit, in bytes, without the address.
        limit: the provider's limit in bytes.
    """

    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    size: int
    limit: int
    hole: int = -1


@dataclass(slots=True)
class HttpRequest:
    """A request as it goes onto HTTP. Not frozen for the same reason as `Outcome`.

    Attributes:
        headers: complete and in order, `:method`, `:scheme`, `:authority`, `:path` first.
        body: the body.
        proof: what in the body proves our identity, so that previews do not show it; empty when nothing does.
    """

    headers: Sequence[tuple[bytes, bytes]]
    body: bytes
    proof: bytes = b""


class Sender(Protocol):
    """The way to a provider with one credential. Shared by all calls that use the credential."""

    @property
    def pool(self) -> Pool:
        """Connections that may carry this sender's requests."""

    def ready(self) -> bool:
        """Return whether requests can prove our identity without waiting; if not, `authorize` has to be asked.

        No I/O. What can be renewed without it is.
        """

    async def authorize(self) -> Outcome | None:
        """Make sure that requests can prove our identity. Cheap when they can already.

        Returns:
            None, or the outcome of every target while they cannot. Never raises for network or credential reasons.
        """

    def request(self, payload: Payload, address: str) -> HttpRequest | Outcome:
        """Return the request for one address, or why the address cannot be one of this provider. Hot path, no I/O."""

    def renew(self) -> None:
        """Drop what `authorize` made: the provider called it too old. The next `authorize` makes a new one."""

    def classify(self, exchange: Exchange) -> Outcome:
        """Return what the provider's answer means (`exchange.status` is set). Hot path, pure."""


class Provider(Protocol):
    """A push provider: one for all its channel types."""

    @property
    def channel_types(self) -> frozenset[ChannelType]:
        """Channel types that it serves."""

    @property
    def settings_field(self) -> str:
        """Name of its field in `ChannelSettings`, and of its field in `Message`, for example `apns`."""

    @property
    def credential_fields(self) -> Mapping[str, CredentialKind]:
        """Fields of its settings message that are credentials, with their kind."""

    def read_credentials(self, settings: ProtoMessage) -> tuple[dict[CredentialKind, Credential], list[FieldViolation]]:
        """Read and check all credentials that are present in its settings message.

        Returns:
            Those that are good, and what is wrong with the others; paths start at the settings message, such as
            `signing_key.private_key`.
        """

    def configure(
        self,
        channel_type: ChannelType,
        settings: ProtoMessage,
        credentials: Mapping[CredentialKind, Credential],
    ) -> tuple[ApnsConfig | FcmConfig | None, list[FieldViolation]]:
        """Return the channel's config from its complete settings, and what is wrong with them.

        Args:
            channel_type: the channel's type.
            settings: the settings as they will be: scalar fields as merged by the caller, credential fields unset.
            credentials: all credentials that the channel will have.
        """

    def check_message(self, message: Any) -> list[FieldViolation]:
        """Check bounds and contradictions of its own message (`ApnsMessage`, …); paths start at that message."""

    def sender(self, channel: Channel, message: Any) -> Sender | Outcome:
        """Return the way to send this (merged) message through the channel, or the outcome of all its targets."""

    def render(self, channel: Channel, content: Content) -> Payload | Outcome:
        """Return the payload for a content, or why the provider would refuse it. Pure."""

    async def verify(self, channel: Channel, kind: CredentialKind) -> Verification:
        """Ask the provider whether it accepts one of the channel's credentials, in a way that reaches no device.

        Never raises for network or credential reasons; takes some 15 seconds at most for each request it needs.
        """
