"""ADM behind the server's `Provider` interface."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import partial
from typing import cast

from google.protobuf.message import Message as ProtoMessage

from clarion.v1 import channel_pb2, error_pb2
from clarion.v1.channel_pb2 import AdmSettings, ChannelType, CredentialKind
from clarion.v1.message_pb2 import AdmMessage
from clarion_server.errors import FieldViolation
from clarion_server.model import Channel, Credential
from clarion_server.providers import checks, endpoints
from clarion_server.providers.access_tokens import AccessTokens
from clarion_server.providers.adm import payload, settings
from clarion_server.providers.adm.auth import TokenEndpoint
from clarion_server.providers.adm.check import check_message
from clarion_server.providers.adm.credentials import SecurityProfile, read_credentials
from clarion_server.providers.adm.sender import AdmSender
from clarion_server.providers.contract import Content, Outcome, Payload, Verification, refusal
from clarion_server.providers.verifying import of_refusal
from clarion_server.transport import Origin, PoolPolicy, TlsIdentity, Transport

_CLIENT = channel_pb2.CREDENTIAL_KIND_ADM_CLIENT
# Security profiles whose access tokens are kept; far more than are in use at a time.
_MAX_SENDERS = 4096
_NO_CLIENT = refusal(error_pb2.ERROR_REASON_CREDENTIAL_MISSING, "the channel has no client; give it with UpdateChannel")


class AdmProvider:
    """Amazon Device Messaging. Implements `Provider`.

    Args:
        transport: carries the messages.
        settings: where ADM is.
        clock: seconds since the epoch.
        token_endpoint: trades security profiles for access tokens; by default the one that the settings say.
    """

    channel_types: frozenset[ChannelType] = frozenset({channel_pb2.CHANNEL_TYPE_ADM})
    settings_field = "adm"
    credential_fields: Mapping[str, CredentialKind] = {"client": _CLIENT}

    def __init__(
        self,
        transport: Transport,
        settings: settings.AdmSettings,
        clock: Callable[[], float] = time.time,
        token_endpoint: TokenEndpoint | None = None,
    ) -> None:
        self._transport = transport
        self._clock = clock
        self._endpoint = token_endpoint or TokenEndpoint(settings.token_endpoint, settings.ca_file, clock)
        host, port = endpoints.https_origin(settings.endpoint)
        self._authority = checks.authority(host, port)
        # No identity: ADM authenticates each request, so one pool serves all security profiles.
        self._origin = Origin(host, port, TlsIdentity(ca_file=settings.ca_file))
        # Amazon asks for HTTPS and says nothing of HTTP/2.
        self._policy = PoolPolicy(http1=True)
        self._senders: OrderedDict[bytes, tuple[AdmSender, AccessTokens]] = OrderedDict()

    def read_credentials(self, settings: ProtoMessage) -> tuple[dict[CredentialKind, Credential], list[FieldViolation]]:
        """Read and check the credential, if there is one."""
        return read_credentials(cast("AdmSettings", settings))

    def configure(
        self,
        channel_type: ChannelType,  # noqa: ARG002 - there is one
        settings: ProtoMessage,  # noqa: ARG002 - nothing but the credential
        credentials: Mapping[CredentialKind, Credential],  # noqa: ARG002
    ) -> tuple[None, list[FieldViolation]]:
        """Return None: the channel has no settings but its credential."""
        return None, []

    def check_message(self, message: AdmMessage) -> list[FieldViolation]:
        """Check bounds of a message."""
        return check_message(message)

    def sender(self, channel: Channel, message: AdmMessage) -> AdmSender | Outcome:  # noqa: ARG002 - has no say in it
        """Return the sender for the channel's security profile; see `Provider.sender`."""
        credential = channel.credentials.get(_CLIENT)
        return _NO_CLIENT if credential is None else self._sender_with(credential)

    async def verify(self, channel: Channel, kind: CredentialKind) -> Verification:
        """Ask Amazon for an access token: what a client may do beyond that shows only with a device."""
        # A new one: that an older one is still good says nothing of the client's secret.
        answer = await self._endpoint.fetch(SecurityProfile.from_secret(channel.credentials[kind].secret))
        if isinstance(answer, Outcome):
            return of_refusal(answer)
        return Verification(channel_pb2.VERDICT_VALID, "Amazon gives the client access tokens for ADM")

    def _sender_with(self, credential: Credential) -> AdmSender:
        known = self._senders.get(credential.secret)
        if known is not None:
            self._senders.move_to_end(credential.secret)
            return known[0]
        profile = SecurityProfile.from_secret(credential.secret)
        tokens = AccessTokens(partial(self._endpoint.fetch, profile), self._clock, "ADM")
        pool = self._transport.pool(self._origin, self._policy)
        sender = AdmSender(pool, self._authority, tokens, self._clock)
        self._senders[credential.secret] = (sender, tokens)
        if len(self._senders) > _MAX_SENDERS:
            self._senders.popitem(last=False)
        return sender

    def render(self, channel: Channel, content: Content) -> Payload | Outcome:  # noqa: ARG002 - the same for all
        """Return the payload for a content, or why ADM would refuse it."""
        return payload.render(content)

    async def aclose(self) -> None:
        """Stop fetching access tokens and close the connections to the token endpoint."""
        await asyncio.gather(*(tokens.aclose() for _, tokens in self._senders.values()))
        await self._endpoint.aclose()
