"""Reading and changing the channels of apps."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from clarion.v1 import channel_pb2, error_pb2
from clarion.v1.channel_pb2 import ChannelType, CredentialKind, UpdateChannelRequest
from clarion_server.channels.cache import ChannelDirectory, open_channel, open_credential
from clarion_server.channels.change import Change, read_change
from clarion_server.errors import FieldViolation, RequestInvalid, VersionMismatch
from clarion_server.model import Channel, utc_now
from clarion_server.ports import AppChannels, ChannelStore, RevisionConflict, StoredChannel, StoredCredential
from clarion_server.providers.contract import Provider, Verification
from clarion_server.vault import Owner, Vault

# Seconds.
_LONGEST_VERIFICATION = 20.0

_RELATIONS = frozenset(
    {
        error_pb2.ERROR_REASON_FIELD_REQUIRED,
        error_pb2.ERROR_REASON_FIELD_CONFLICT,
        error_pb2.ERROR_REASON_CREDENTIAL_INVALID,
    }
)
"""Reasons that may depend on more than one field."""


class ChannelManager:
    """What ChannelService does, without gRPC.

    Channels come back as they are stored, with sealed credentials: nobody who asks here needs a secret, and a lost
    keyring does not keep anyone from looking at channels or mending them.

    Args:
        store: keeps the channels.
        vault: seals their credentials.
        providers: by the channel types that they serve.
        directory: told about every change, so that the next send sees it.
        clock: returns the time, aware.
    """

    def __init__(
        self,
        store: ChannelStore,
        vault: Vault,
        providers: Mapping[ChannelType, Provider],
        directory: ChannelDirectory,
        *,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._store = store
        self._vault = vault
        self._providers = providers
        self._directory = directory
        self._clock = clock
        self._reader = ThreadPoolExecutor(max_workers=1, thread_name_prefix="credentials")

    async def get(self, app_id: str, channel_type: ChannelType) -> StoredChannel:
        """Return a channel.

        Raises:
            AppNotFound, ChannelNotFound, StoreUnavailable: see there.
        """
        return await self._store.get_channel(app_id, channel_type)

    async def list(self, app_id: str) -> tuple[StoredChannel, ...]:
        """Return all channels of an app in the order of `ChannelType`.

        Raises:
            AppNotFound, StoreUnavailable: see there.
        """
        return tuple((await self._store.list_channels(app_id)).channels.values())

    async def delete(
        self, app_id: str, channel_type: ChannelType, *, expected_version: int | None = None
    ) -> StoredChannel:
        """Remove a channel and return it as it last was.

        Raises:
            VersionMismatch: the channel is not at `expected_version`.
            AppNotFound, ChannelNotFound, StoreUnavailable: see there.
        """
        try:
            return await self._store.delete_channel(app_id, channel_type, expected_version=expected_version)
        finally:
            # Also after an error: a commit whose answer got lost may have happened.
            self._directory.forget(app_id)

    async def update(self, request: UpdateChannelRequest, *, updated_by: str) -> StoredChannel:
        """Create or change a channel as the request says; see channel.proto for the rules.

        Args:
            request: as it came; its app_id has the form of one.
            updated_by: ARN of a principal, or `anonymous`.

        Returns:
            The channel after the change.

        Raises:
            RequestInvalid: with everything that is wrong, paths from the root of the request.
            VersionMismatch: the channel is not at `expected_version`.
            CredentialUnreadable: a credential that the change keeps, and depends on, does not decrypt.
            AppNotFound, StoreUnavailable: see there.
        """
        # Reading a credential may take long, which must not hold up the event loop; one thread, so that many such
        # requests do not take all of the processor.
        loop = asyncio.get_running_loop()
        change, violations = await loop.run_in_executor(self._reader, read_change, request, self._providers)
        if change is None:
            raise RequestInvalid(violations)
        if violations:
            raise RequestInvalid([*violations, *_wrong_values(change)])
        expected_version = request.expected_version if request.HasField("expected_version") else None
        new = await self._seal(request.app_id, change)
        # Each try works on what it read and saves only if that still holds; so no change of others is lost. It ends,
        # because a try fails only when another caller's succeeded.
        while True:
            known = await self._store.list_channels(request.app_id)
            before = known.channels.get(change.channel_type)
            version = before.version if before else 0
            if expected_version not in {None, version}:
                raise VersionMismatch(version)
            after = await self._merge(request.app_id, known, change, new, updated_by)
            try:
                await self._store.save_channel(after, expected_revision=known.revision)
            except RevisionConflict:
                continue
            finally:
                self._directory.forget(request.app_id)
            return after

    async def verify(self, app_id: str, channel_type: ChannelType) -> dict[CredentialKind, tuple[str, Verification]]:
        """Ask the provider about each credential of a channel; return its public id and the answer.

        Raises:
            CredentialUnreadable: a credential does not decrypt.
            AppNotFound, ChannelNotFound, StoreUnavailable: see there.
        """
        channel = await open_channel(self._vault, await self._store.get_channel(app_id, channel_type))
        kinds = sorted(channel.credentials)
        answers = await asyncio.gather(*(self._verify(channel, kind) for kind in kinds))
        return {
            kind: (channel.credentials[kind].public_id, answer) for kind, answer in zip(kinds, answers, strict=True)
        }

    async def _verify(self, channel: Channel, kind: CredentialKind) -> Verification:
        try:
            async with asyncio.timeout(_LONGEST_VERIFICATION):
                return await self._providers[channel.type].verify(channel, kind)
        except TimeoutError:
            return Verification(
                channel_pb2.VERDICT_UNKNOWN,
                "cannot tell: the provider did not answer in time",
                error_pb2.ERROR_REASON_ANSWER_TIMEOUT,
            )

    async def _seal(self, app_id: str, change: Change) -> dict[CredentialKind, StoredCredential]:
        now = self._clock()
        return {
            kind: StoredCredential(
                kind=kind,
                public_id=credential.public_id,
                fingerprint=credential.fingerprint,
                sealed=await self._vault.seal(credential.secret, Owner(app_id, change.channel_type, kind)),
                expire_time=credential.expire_time,
                team_id=credential.team_id,
                update_time=now,
            )
            for kind, credential in change.given.items()
        }

    async def _merge(
        self,
        app_id: str,
        known: AppChannels,
        change: Change,
        new: Mapping[CredentialKind, StoredCredential],
        updated_by: str,
    ) -> StoredChannel:
        now = self._clock()
        before = known.channels.get(change.channel_type)
        stored = before.credentials if before else {}
        kept = {kind: each for kind, each in stored.items() if kind not in change.removed and kind not in new}
        config = before.config if before else None
        # Secrets are opened only if need be: a channel whose key is lost can still be disabled.
        if before is None or change.touches_settings:
            credentials = {
                kind: await open_credential(self._vault, app_id, change.channel_type, each)
                for kind, each in kept.items()
            }
            config, violations = change.provider.configure(
                change.channel_type, change.settings(config), {**credentials, **change.given}
            )
            if violations:
                raise RequestInvalid([each.under(change.path) for each in violations])
        enabled = before.enabled if before else True
        return StoredChannel(
            app_id=app_id,
            type=change.channel_type,
            enabled=enabled if change.enabled is None else change.enabled,
            config=config,
            credentials=dict(sorted({**kept, **new}.items())),
            version=known.revision + 1,  # the revision that saving makes: no other state has, or ever had, it
            create_time=before.create_time if before else now,
            update_time=now,
            updated_by=updated_by,
        )


def _wrong_values(change: Change) -> list[FieldViolation]:
    """Return what is wrong with single settings of a change that is refused anyway, so that all is told at once.

    What seems to be missing or contradictory may only follow from what was refused already: that must wait.
    """
    _, violations = change.provider.configure(change.channel_type, change.settings(None), change.given)
    return [each.under(change.path) for each in violations if each.reason not in _RELATIONS]
