"""FCM behind the server's `Provider` interface."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping

from google.protobuf.message import Message as ProtoMessage

from clarion.v1 import channel_pb2, error_pb2, message_pb2
from clarion.v1.channel_pb2 import ChannelType, CredentialKind, FcmConfig, FcmSettings
from clarion.v1.message_pb2 import FcmMessage
from clarion_server.errors import FieldViolation
from clarion_server.model import Channel, Credential
from clarion_server.providers import checks
from clarion_server.providers.contract import Content, HttpRequest, Outcome, Payload, Verification, refusal
from clarion_server.providers.fcm import outcome, payload, settings, verify
from clarion_server.providers.fcm.auth import AccessTokens
from clarion_server.providers.fcm.credentials import ServiceAccount, read_legacy_key, read_service_account
from clarion_server.providers.fcm.token_endpoint import TokenEndpoint
from clarion_server.providers.verifying import cannot_tell
from clarion_server.transport import Exchange, Origin, Pool, PoolPolicy, TlsIdentity, Transport

_SERVICE_ACCOUNT = channel_pb2.CREDENTIAL_KIND_FCM_SERVICE_ACCOUNT
_LEGACY_KEY = channel_pb2.CREDENTIAL_KIND_FCM_LEGACY_KEY
_BY_METHOD = {
    channel_pb2.FCM_AUTHENTICATION_METHOD_SERVICE_ACCOUNT: _SERVICE_ACCOUNT,
    channel_pb2.FCM_AUTHENTICATION_METHOD_LEGACY_KEY: _LEGACY_KEY,
}
_LONGEST_TIME_TO_LIVE = 28 * 24 * 3600
# Service accounts whose access tokens are kept; far more than are in use at a time.
_MAX_SENDERS = 4096

_ADDRESS = re.compile(r"[!-~]{1,4096}")
# Hot path: an address that JSON takes as it is.
_PLAIN_ADDRESS = re.compile(r"[!#-\[\]-~]{1,4096}")
_ADDRESS_MALFORMED = refusal(
    error_pb2.ERROR_REASON_ADDRESS_MALFORMED,
    "the address cannot be a registration token: 1 to 4,096 printable ASCII characters without spaces",
)


class FcmSender:
    """Sends with one service account. Shared by all channels and calls that use it."""

    def __init__(
        self, pool: Pool, authority: str, account: ServiceAccount, tokens: AccessTokens, clock: Callable[[], float]
    ) -> None:
        self._pool = pool
        self._tokens = tokens
        self._clock = clock
        self._pseudo_headers = (
            (b":method", b"POST"),
            (b":scheme", b"https"),
            (b":authority", authority.encode()),
            (b":path", f"/v1/projects/{account.project_id}/messages:send".encode()),
        )
        # What the prebuilt list below was built for.
        self._token = ""
        self._content_headers: tuple[tuple[bytes, bytes], ...] = ()
        self._headers: tuple[tuple[bytes, bytes], ...] = ()

    @property
    def pool(self) -> Pool:
        """The connections to FCM, which all projects share."""
        return self._pool

    async def authorize(self) -> Outcome | None:
        """Make sure that there is an access token; see `Sender.authorize`."""
        return await self._tokens.authorize()

    def request(self, payload: Payload, address: str) -> HttpRequest | Outcome:
        """Return the request for one registration token, or why it cannot be one."""
        if _PLAIN_ADDRESS.fullmatch(address):
            quoted = address.encode()
        elif _ADDRESS.fullmatch(address):
            quoted = json.dumps(address)[1:-1].encode()
        else:
            return _ADDRESS_MALFORMED
        token = self._tokens.value
        if token is not self._token or payload.headers is not self._content_headers:
            self._token, self._content_headers = token, payload.headers
            self._headers = (*self._pseudo_headers, (b"authorization", b"Bearer " + token.encode()), *payload.headers)
        hole, body = payload.hole, payload.body
        return HttpRequest(self._headers, body[:hole] + quoted + body[hole:])

    def renew(self) -> None:
        """Drop the access token, which FCM called invalid."""
        self._tokens.renew()

    def classify(self, exchange: Exchange) -> Outcome:
        """Return what FCM's answer means."""
        return outcome.classify(exchange.status, exchange.response_headers, exchange.response_body, self._clock())


class FcmProvider:
    """Firebase Cloud Messaging through its HTTP v1 API.

    Args:
        transport: carries the messages.
        settings: where FCM is.
        clock: seconds since the epoch.
        token_endpoint: trades service accounts for access tokens; by default the one that the settings say.

    Raises:
        OSError: `settings.ca_file` cannot be read.
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
        host, port = checks.https_origin(settings.endpoint)
        name = f"[{host}]" if ":" in host else host
        self._authority = name if port == 443 else f"{name}:{port}"
        # No identity: FCM authenticates each request, so one pool serves all projects.
        self._origin = Origin(host, port, TlsIdentity(ca_file=settings.ca_file))
        # The third ping without a request between makes FCM end the connection.
        self._policy = PoolPolicy(max_pings_between_requests=2)
        self._senders: OrderedDict[tuple[str, bytes], tuple[FcmSender, AccessTokens]] = OrderedDict()

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

    def sender(self, channel: Channel, message: FcmMessage) -> FcmSender | Outcome:
        """Return the sender for the credential that message and channel choose; see `Provider.sender`."""
        credential = choose_credential(channel, message)
        return credential if isinstance(credential, Outcome) else self._sender_with(credential)

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
        tokens = AccessTokens(account, self._endpoint, self._clock)
        pool = self._transport.pool(self._origin, self._policy)
        sender = FcmSender(pool, self._authority, account, tokens, self._clock)
        self._senders[key] = (sender, tokens)
        if len(self._senders) > _MAX_SENDERS:
            self._senders.popitem(last=False)
        return sender

    def render(self, channel: Channel, content: Content) -> Payload | Outcome:
        """Return the payload for a content, or why FCM would refuse it."""
        config = channel.config
        presentation = config.presentation if isinstance(config, FcmConfig) else channel_pb2.FCM_PRESENTATION_SYSTEM
        return payload.render(content, presentation, self._clock())

    async def aclose(self) -> None:
        """Stop fetching access tokens and close the connections to the token endpoint."""
        await asyncio.gather(*(tokens.aclose() for _, tokens in self._senders.values()))
        await self._endpoint.aclose()


def choose_credential(channel: Channel, message: FcmMessage) -> Credential | Outcome:
    """Return the service account to send with, or the outcome of all targets.

    The message's preference counts first, then the channel's default, then the service account before the legacy key.
    The legacy key cannot send: Google has shut down the API that it belongs to. A channel's default that names it
    therefore gives way to a service account if there is one; a message's preference does not.
    """
    preferred = _BY_METHOD.get(message.preferred_authentication_method)
    default = (
        _BY_METHOD.get(channel.config.default_authentication_method) if isinstance(channel.config, FcmConfig) else None
    )
    account = channel.credentials.get(_SERVICE_ACCOUNT)
    if preferred is None:
        wanted = default or (_SERVICE_ACCOUNT if account or _LEGACY_KEY not in channel.credentials else _LEGACY_KEY)
        if wanted == _LEGACY_KEY and account is not None:
            wanted = _SERVICE_ACCOUNT
    else:
        wanted = preferred
    if wanted not in channel.credentials:
        what = "service account" if wanted == _SERVICE_ACCOUNT else "legacy key"
        return refusal(
            error_pb2.ERROR_REASON_CREDENTIAL_MISSING, f"the channel has no {what}; give it with UpdateChannel"
        )
    if wanted == _LEGACY_KEY:
        return refusal(
            error_pb2.ERROR_REASON_CHANNEL_UNAVAILABLE,
            "this build cannot send with a legacy key, and Google has shut down its API; give the channel a service "
            "account",
        )
    return channel.credentials[wanted]
