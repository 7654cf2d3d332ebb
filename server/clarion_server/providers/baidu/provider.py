"""Baidu behind the server's `Provider` interface."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import cast

from google.protobuf.message import Message as ProtoMessage

from clarion.v1 import channel_pb2, error_pb2
from clarion.v1.channel_pb2 import BaiduSettings, ChannelType, CredentialKind
from clarion.v1.message_pb2 import BaiduMessage
from clarion_server.errors import FieldViolation
from clarion_server.model import Channel, Credential
from clarion_server.providers import checks, endpoints
from clarion_server.providers.baidu import payload, settings, verify
from clarion_server.providers.baidu.check import check_message
from clarion_server.providers.baidu.credentials import KeyPair, read_credentials
from clarion_server.providers.baidu.sender import BaiduSender
from clarion_server.providers.contract import Content, Outcome, Payload, Verification, refusal
from clarion_server.transport import Origin, PoolPolicy, TlsIdentity, Transport

_KEY_PAIR = channel_pb2.CREDENTIAL_KIND_BAIDU_KEY_PAIR
# Making a sender is cheap, but calls that share one share its prepared payload.
_MAX_SENDERS = 4096
_NO_KEY_PAIR = refusal(
    error_pb2.ERROR_REASON_CREDENTIAL_MISSING, "the channel has no key pair; give it with UpdateChannel"
)


class BaiduProvider:
    """Baidu Cloud Push. Implements `Provider`.

    Args:
        transport: carries the messages.
        settings: where Baidu is.
        clock: seconds since the epoch.
    """

    channel_types: frozenset[ChannelType] = frozenset({channel_pb2.CHANNEL_TYPE_BAIDU})
    settings_field = "baidu"
    credential_fields: Mapping[str, CredentialKind] = {"key_pair": _KEY_PAIR}

    def __init__(
        self, transport: Transport, settings: settings.BaiduSettings, clock: Callable[[], float] = time.time
    ) -> None:
        self._transport = transport
        self._clock = clock
        host, port = endpoints.https_origin(settings.endpoint)
        self._authority = checks.authority(host, port)
        # No identity: every request is signed by itself, so one pool serves all apps.
        self._origin = Origin(host, port, TlsIdentity(ca_file=settings.ca_file))
        # Baidu says nothing of HTTP/2.
        self._policy = PoolPolicy(http1=True)
        self._senders: OrderedDict[bytes, BaiduSender] = OrderedDict()

    def read_credentials(self, settings: ProtoMessage) -> tuple[dict[CredentialKind, Credential], list[FieldViolation]]:
        """Read and check the credential, if there is one."""
        return read_credentials(cast("BaiduSettings", settings))

    def configure(
        self,
        channel_type: ChannelType,  # noqa: ARG002 - there is one
        settings: ProtoMessage,  # noqa: ARG002 - nothing but the credential
        credentials: Mapping[CredentialKind, Credential],  # noqa: ARG002
    ) -> tuple[None, list[FieldViolation]]:
        """Return None: the channel has no settings but its credential."""
        return None, []

    def check_message(self, message: BaiduMessage) -> list[FieldViolation]:
        """Check bounds of a message."""
        return check_message(message)

    def sender(self, channel: Channel, message: BaiduMessage) -> BaiduSender | Outcome:  # noqa: ARG002 - has no say in it
        """Return the sender for the channel's pair of keys; see `Provider.sender`."""
        credential = channel.credentials.get(_KEY_PAIR)
        return _NO_KEY_PAIR if credential is None else self._sender_with(credential)

    async def verify(self, channel: Channel, kind: CredentialKind) -> Verification:
        """Ask Baidu for statistics, which reaches no device."""
        credential = channel.credentials[kind]
        keys = KeyPair.from_secret(credential.secret)
        return await verify.verify(self._sender_with(credential), self._authority, keys, self._clock())

    def _sender_with(self, credential: Credential) -> BaiduSender:
        known = self._senders.get(credential.secret)
        if known is not None:
            self._senders.move_to_end(credential.secret)
            return known
        pool = self._transport.pool(self._origin, self._policy)
        sender = BaiduSender(pool, self._authority, KeyPair.from_secret(credential.secret), self._clock)
        self._senders[credential.secret] = sender
        if len(self._senders) > _MAX_SENDERS:
            self._senders.popitem(last=False)
        return sender

    def render(self, channel: Channel, content: Content) -> Payload | Outcome:  # noqa: ARG002 - the same for all
        """Return the payload for a content, or why Baidu would refuse it."""
        return payload.render(content)
