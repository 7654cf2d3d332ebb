"""FCM behind the server's `Provider` interface."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import partial

from google.protobuf.message import Message as ProtoMessage

from clarion.v1 import channel_pb2, error_pb2, message_pb2
from clarion.v1.channel_pb2 import ChannelType, CredentialKind, FcmConfig, FcmSettings
from clarion.v1.message_pb2 import FcmMessage
from clarion_server.errors import FieldViolation
from clarion_server.model import Channel, Credential
from clarion_server.providers import checks, endpoints
from clarion_server.providers.access_tokens import AccessTokens
from clarion_server.providers.contract import Content, Outcome, Payload, Verification, refusal
from clarion_server.providers.fcm import payload, settings, verify
from clarion_server.providers.fcm.credentials import ServiceAccount, read_legacy_key, read_service_account
from clarion_server.providers.fcm.sender import FcmSender, LegacySender
from clarion_server.providers.fcm.token_endpoint import TokenEndpoint
from clarion_server.providers.verifying import cannot_tell
from clarion_server.transport import Origin, Pool, PoolPolicy, TlsIdentity, Transport

_SERVICE_ACCOUNT = channel_pb2.CREDENTIAL_KIND_FCM_SERVICE_ACCOUNT
_LEGACY_KEY = channel_pb2.CREDENTIAL_KIND_FCM_LEGACY_KEY
_BY_METHOD = {
    channel_pb2.FCM_AUTHENTICATION_METHOD_SERVICE_ACCOUNT: _SERVICE_ACCOUNT,
    channel_pb2.FCM_AUTHENTICATION_METHOD_LEGACY_KEY: _LEGACY_KEY,
}
_LONGEST_TIME_TO_LIVE = 28 * 24 * 3600
# Service accounts whose access tokens are kept; far more than are in use at a time.
_MAX_SENDERS = 4096


class FcmProvider:
    """Firebase Cloud Messaging through its HTTP v1 API; with a legacy key alone, through the API before it (RETIRED).

    Args:
        transport: carries the messages.
        settings: where FCM is.
        clock: seconds since the epoch.
        token_endpoint: trades service accounts for access tokens; by default the one that the settings say.
    """

    channel_types: frozenset[ChannelType] = frozenset({channel_pb2.CHANNEL_TYPE_FCM})
    settings_field = "fcm"
    credential_fields: Mapping[str, CredentialKind] = {"service_account": _SERVICE_ACCOUNT, "legacy_key": _LEGACY_KEY}

    def __init__(
        self,
        transport: Transport,
        settings: settings.FcmSettings,
        clock: Callable[[], float] = time.time,
        token_endpoint: TokenEndpoint | None = None,
    ) -> None:
        self._transport = transport
        self._clock = clock
        self._any_token_uri = settings.token_endpoint is not None
        self._endpoint = token_endpoint or TokenEndpoint(settings.token_endpoint, settings.ca_file, clock)
        host, port = endpoints.https_origin(settings.endpoint)
        self._authority = checks.authority(host, port)
        # No identity: FCM authenticates each request, so one pool serves all projects.
        self._origin = Origin(host, port, TlsIdentity(ca_file=settings.ca_file))
        # The third ping without a request between makes FCM end the connection.
        self._policy = PoolPolicy(max_pings_between_requests=2)
        self._senders: OrderedDict[tuple[str, bytes], tuple[FcmSender, AccessTokens]] = OrderedDict()
        self._legacy_senders: OrderedDict[str, LegacySender] = OrderedDict()

    def read_credentials(self, settings: ProtoMessage) -> tuple[dict[CredentialKind, Credential], list[FieldViolation]]:
        """Read and check the credentials that are present; see `Provider.read_credentials`."""
        assert isinstance(settings, FcmSettings)  # noqa: S101 - for the type checker
        credentials: dict[CredentialKind, Credential] = {}
        violations: list[FieldViolation] = []
        read: list[tuple[str, Credential | FieldViolation]] = []
        if settings.HasField("service_account"):
            account = read_service_account(settings.service_account, any_token_uri=self._any_token_uri)
            read.append(("service_account", account))
        if settings.HasField("legacy_key"):
            read.append(("legacy_key", read_legacy_key(settings.legacy_key)))
        for path, result in read:
            if isinstance(result, FieldViolation):
                violations.append(result.under(path))
            else:
                credentials[result.kind] = result
        return credentials, violations

    def configure(
        self,
        channel_type: ChannelType,  # noqa: ARG002 - there is only one
        settings: ProtoMessage,
        credentials: Mapping[CredentialKind, Credential],
    ) -> tuple[FcmConfig | None, list[FieldViolation]]:
        """Return the channel's config; see `Provider.configure`."""
        assert isinstance(settings, FcmSettings)  # noqa: S101 - for the type checker
        method, presentation = settings.default_authentication_method, settings.presentation
        violations = checks.found(
            checks.known_enum("default_authentication_method", method, channel_pb2.FcmAuthenticationMethod),
            checks.known_enum("presentation", presentation, channel_pb2.FcmPresentation),
        )
        if violations:
            return None, violations
        credential = credentials.get(_SERVICE_ACCOUNT)
        config = FcmConfig(
            default_authentication_method=method,
            presentation=presentation or channel_pb2.FCM_PRESENTATION_SYSTEM,
            project_id=ServiceAccount.from_secret(credential.secret).project_id if credential else "",
        )
        return config, []

    def check_message(self, message: FcmMessage) -> list[FieldViolation]:
        """Check what message.proto says about the bounds of an `FcmMessage`; paths start at it."""
        return checks.found(
            checks.known_enum("action", message.action, message_pb2.Action),
            checks.known_enum("priority", message.priority, message_pb2.Priority),
            checks.known_enum(
                "preferred_authentication_method",
                message.preferred_authentication_method,
                channel_pb2.FcmAuthenticationMethod,
            ),
            checks.raw_content("raw_content", message.raw_content) if message.HasField("raw_content") else None,
            checks.duration(
                "time_to_live",
                message.time_to_live,
                minimum=0,
                maximum=_LONGEST_TIME_TO_LIVE,
                words="from 0 seconds to 28 days (2,419,200 seconds)",
            )
            if message.HasField("time_to_live")
            else None,
        )

    def sender(self, channel: Channel, message: FcmMessage) -> FcmSender | LegacySender | Outcome:
        """Return the sender for the credential that message and channel choose; see `Provider.sender`."""
        credential = choose_credential(channel, message)
        if isinstance(credential, Outcome):
            return credential
        return self._legacy_sender(credential) if credential.kind == _LEGACY_KEY else self._sender_with(credential)

    async def verify(self, channel: Channel, kind: CredentialKind) -> Verification:
        """Ask FCM with `validate_only`. A legacy key cannot be tried: Google has shut down its API."""
        if kind != _SERVICE_ACCOUNT:
            return cannot_tell(
                "cannot tell: Google has shut down the API of legacy keys; give the channel a service account"
            )
        return await verify.verify(self._sender_with(channel.credentials[kind]))

    def _sender_with(self, credential: Credential) -> FcmSender:
        # The secret, not the fingerprint alone: that is the key's, and a copy of the file may name another project.
        key = (credential.fingerprint, credential.secret)
        known = self._senders.get(key)
        if known is not None:
            self._senders.move_to_end(key)
            return known[0]
        account = ServiceAccount.from_secret(credential.secret)
        tokens = AccessTokens(partial(self._endpoint.fetch, account), self._clock, "FCM")
        sender = FcmSender(self._pool(), self._authority, account, tokens, self._clock)
        self._senders[key] = (sender, tokens)
        if len(self._senders) > _MAX_SENDERS:
            self._senders.popitem(last=False)
        return sender

    def _legacy_sender(self, credential: Credential) -> LegacySender:
        sender = self._legacy_senders.get(credential.fingerprint)
        if sender is None:
            sender = LegacySender(self._pool(), self._authority, credential.secret.decode(), self._clock)
            self._legacy_senders[credential.fingerprint] = sender
            if len(self._legacy_senders) > _MAX_SENDERS:
                self._legacy_senders.popitem(last=False)
        self._legacy_senders.move_to_end(credential.fingerprint)
        return sender

    def _pool(self) -> Pool:
        return self._transport.pool(self._origin, self._policy)

    def render(self, channel: Channel, content: Content) -> Payload | Outcome:
        """Return the payload for a content, or why FCM would refuse it."""
        config = channel.config
        presentation = config.presentation if isinstance(config, FcmConfig) else channel_pb2.FCM_PRESENTATION_SYSTEM
        credential = choose_credential(channel, content.message)
        for_legacy_api = isinstance(credential, Credential) and credential.kind == _LEGACY_KEY
        return payload.render(content, presentation, self._clock(), for_legacy_api=for_legacy_api)

    async def aclose(self) -> None:
        """Stop fetching access tokens and close the connections to the token endpoint."""
        await asyncio.gather(*(tokens.aclose() for _, tokens in self._senders.values()))
        await self._endpoint.aclose()


def choose_credential(channel: Channel, message: FcmMessage) -> Credential | Outcome:
    """Return the credential to send with, or the outcome of all targets.

    The message's preference counts first, then the channel's default, then what is there. The legacy key gives way to a
    service account wherever there is one, since Google has shut down the API that it belongs to.
    """
    account = channel.credentials.get(_SERVICE_ACCOUNT)
    default = (
        _BY_METHOD.get(channel.config.default_authentication_method) if isinstance(channel.config, FcmConfig) else None
    )
    wanted = _BY_METHOD.get(message.preferred_authentication_method) or default
    if account is not None:
        return account
    if wanted is None:
        wanted = _LEGACY_KEY if _LEGACY_KEY in channel.credentials else _SERVICE_ACCOUNT
    if wanted not in channel.credentials:
        what = "service account" if wanted == _SERVICE_ACCOUNT else "legacy key"
        return refusal(
            error_pb2.ERROR_REASON_CREDENTIAL_MISSING, f"the channel has no {what}; give it with UpdateChannel"
        )
    return channel.credentials[wanted]
