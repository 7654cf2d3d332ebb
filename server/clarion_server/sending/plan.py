"""One channel within one call: everything that does not depend on the target."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Protocol

from clarion.v1 import channel_pb2, error_pb2
from clarion.v1.channel_pb2 import ChannelType
from clarion.v1.messaging_pb2 import Overrides, SendStart
from clarion_server.errors import AppNotFound, CredentialUnreadable, StoreUnavailable
from clarion_server.model import Channel
from clarion_server.providers.contract import Outcome, Payload, Provider, Sender, refusal
from clarion_server.sending.resolve import Resolver
from clarion_server.sending.splice import Skeleton, skeleton
from clarion_server.sending.substitute import is_plain
from clarion_server.sending.tailoring import Tailoring, tailoring

# So many tailored targets are rendered one by one before it pays to look for a quicker way.
_FEW = 4


class Plan:
    """How one call sends on one channel.

    Attributes:
        channel: the channel.
        sender: the way to the provider.
        broken: outcome of all further targets, once the provider has rejected the credential.
    """

    def __init__(self, provider: Provider, channel: Channel, sender: Sender, resolver: Resolver) -> None:
        self.sender = sender
        self.broken: Outcome | None = None
        self._provider = provider
        self.channel = channel
        self._resolver = resolver
        self._shared: Payload | Outcome | None = None
        self._count = 0  # of tailored targets
        self._skeletons: dict[tuple[bool, bool], Skeleton | None] = {}  # by which texts are the message's

    def payload(self, overrides: Overrides | None) -> Payload | Outcome:
        """Return the payload for a target with these overrides; rendered once for all that have none. Hot path."""
        if overrides is not None:
            return self._spliced(overrides) or self._tailored(overrides)
        if self._shared is None:
            self._shared = self.rendered(None)
        return self._shared

    def _spliced(self, overrides: Overrides) -> Payload | None:
        """Return the payload for a target that differs in texts alone; None: render it. Hot path."""
        self._count += 1
        if self._count <= _FEW or not self._resolver.tailors:
            return None
        # Each field is read once: reading one of a protobuf message makes a new Python object each time.
        own = []
        title, body = overrides.title, overrides.body
        # A text that is empty takes the message's away.
        if title:
            own.append(title)
        elif overrides.HasField("title"):
            return None
        if body:
            own.append(body)
        elif overrides.HasField("body"):
            return None
        # Raw content that is empty takes away the message's, which has none here.
        if overrides.raw_content or overrides.context or not (is_plain(title) and is_plain(body)):
            return None
        kind = not title, not body
        if kind not in self._skeletons:
            self._skeletons[kind] = self._skeleton({"title": bool(title), "body": bool(body)})
        found = self._skeletons[kind]
        return None if found is None else found.fill(own, overrides.substitutions, self._resolver.variables)

    def _skeleton(self, own: Mapping[str, bool]) -> Skeleton | None:
        """Return the skeleton for all targets that have these texts of their own."""
        texts = self._resolver.texts(own)

        def render(values: Sequence[str]) -> Payload | None:
            content = self._resolver.with_texts(dict(zip(texts, values, strict=True)))
            payload = self._provider.render(self.channel, content)
            return payload if isinstance(payload, Payload) else None

        return skeleton(render, list(texts.values())) if texts else None

    def _tailored(self, overrides: Overrides) -> Payload | Outcome:
        """Return the payload rendered for a target alone."""
        own = tailoring(overrides)
        return own if isinstance(own, Outcome) else self.rendered(own)

    def rendered(self, own: Tailoring | None) -> Payload | Outcome:
        """Return the payload for what a target has of its own, with its exact size."""
        content = self._resolver.resolve(own)
        if isinstance(content, Outcome):
            return content
        return self._provider.render(self.channel, content)

    def stop(self, outcome: Outcome) -> Outcome:
        """Refuse all further targets, with the outcome returned: `outcome` showed that the credential is broken."""
        self.broken = refusal(
            error_pb2.ERROR_REASON_NOT_TRIED_CREDENTIAL,
            f"not tried: the credential was rejected for an earlier target ({outcome.message})",
        )
        return self.broken


ChannelMap = Mapping[ChannelType, Channel | CredentialUnreadable]


class Directory(Protocol):
    """Where channels are looked up. Cheap to ask often: it caches for about a second."""

    async def channels(self, app_id: str) -> ChannelMap:
        """Return the channels of an app; one that cannot be decrypted is given as the error that says why.

        Raises:
            AppNotFound: there is no such app.
            StoreUnavailable: the database does not answer, and nothing is cached.
        """


class Plans:
    """The plans of one call, made when the first target of a channel type comes.

    Args:
        start: what the call says once.
        directory: where its app's channels are looked up.
        providers: by channel type.
    """

    def __init__(self, start: SendStart, directory: Directory, providers: Mapping[ChannelType, Provider]) -> None:
        self._start = start
        self._directory = directory
        self._providers = providers
        self._channels: ChannelMap | None = None
        self._plans: dict[ChannelType, Plan | Outcome] = {}

    async def load(self) -> None:
        """Look the channels up for the first time.

        Raises:
            AppNotFound: there is no such app.
            StoreUnavailable: the database does not answer.
        """
        self._channels = await self._directory.channels(self._start.app_id)

    async def refresh(self) -> list[ChannelType]:
        """Look again, and drop the plans whose channel has changed; return their channel types.

        While the database does not answer, the call goes on with what it has.
        """
        try:
            channels = await self._directory.channels(self._start.app_id)
        except StoreUnavailable:
            return []
        except AppNotFound:
            self._channels = None
            stale = list(self._plans)
            self._plans.clear()
            return stale
        if channels is self._channels:
            return []
        before, self._channels = self._channels or {}, channels
        stale = [kind for kind in self._plans if _state(before, kind) != _state(channels, kind)]
        for kind in stale:
            del self._plans[kind]
        return stale

    def get(self, channel_type: ChannelType) -> Plan | Outcome:
        """Return the plan for a channel type, or the outcome of all its targets."""
        plan = self._plans.get(channel_type)
        if plan is None:
            provider = self._providers.get(channel_type)
            if provider is None:
                # Not kept: a caller can name any number.
                return _NO_SUCH_TYPE
            plan = self._plans[channel_type] = self._make(channel_type, provider)
        return plan

    def _make(self, channel_type: ChannelType, provider: Provider) -> Plan | Outcome:
        if self._channels is None:
            return refusal(AppNotFound.reason, "the app was deleted while the call was running")
        channel = self._channels.get(channel_type)
        name = channel_pb2.ChannelType.Name(channel_type)
        if channel is None:
            return refusal(
                error_pb2.ERROR_REASON_CHANNEL_NOT_FOUND,
                f"the app has no channel {name}; UpdateChannel creates it",
            )
        if isinstance(channel, CredentialUnreadable):
            return refusal(channel.reason, channel.message)
        if not channel.enabled:
            return refusal(
                error_pb2.ERROR_REASON_CHANNEL_DISABLED,
                f"the channel {name} is disabled; UpdateChannel with enabled true enables it",
            )
        resolver = Resolver(self._start, provider.settings_field)
        sender = provider.sender(channel, resolver.message)
        if isinstance(sender, Outcome):
            return sender
        return Plan(provider, channel, sender, resolver)


_NO_SUCH_TYPE = refusal(
    error_pb2.ERROR_REASON_CHANNEL_TYPE_REQUIRED,
    "channel_type is absent or unknown to this server; name one of the channel types",
)


def _state(channels: ChannelMap, channel_type: ChannelType) -> object:
    channel = channels.get(channel_type)
    return channel.version if isinstance(channel, Channel) else type(channel)


def rejected_again(outcome: Outcome) -> Outcome:
    """Return the outcome of a target whose freshly made proof of identity was called too old once more."""
    return dataclasses.replace(
        outcome,
        reason=error_pb2.ERROR_REASON_CREDENTIAL_REJECTED,
        message=f"{outcome.message}; so was a new one: check the credential and this machine's clock",
        credential_broken=True,
        renew=False,
    )
