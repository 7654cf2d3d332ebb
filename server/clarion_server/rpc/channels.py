"""ChannelService: converts and checks; `ChannelManager` does the work."""

# ruff: noqa: N802, ARG002 - gRPC gives the methods their names and arguments
from __future__ import annotations

from typing import Any

from clarion.v1 import channel_pb2, channel_pb2_grpc
from clarion.v1.channel_pb2 import ApnsConfig, FcmConfig, Verdict
from clarion_server.channels import ChannelManager
from clarion_server.errors import FieldViolation
from clarion_server.ports import StoredChannel, StoredCredential
from clarion_server.providers.notices import credential_notices
from clarion_server.rpc import validation
from clarion_server.rpc.call import Call


class ChannelServicer(channel_pb2_grpc.ChannelServiceServicer):
    """ChannelService. Errors leave as `ClarionError`; the server's interceptor makes statuses of them.

    Args:
        channels: does the work.
    """

    def __init__(self, channels: ChannelManager) -> None:
        self._channels = channels

    async def UpdateChannel(
        self, request: channel_pb2.UpdateChannelRequest, context: Any
    ) -> channel_pb2.UpdateChannelResponse:
        """See channel.proto."""
        call: Call = context
        if request.app_id:  # its absence is told together with all else that is wrong
            validation.refuse([], request.app_id)
        channel = await self._channels.update(request, updated_by=call.identity.arn)
        return channel_pb2.UpdateChannelResponse(channel=_message(channel))

    async def GetChannel(self, request: channel_pb2.GetChannelRequest, context: Any) -> channel_pb2.GetChannelResponse:
        """See channel.proto."""
        violations: list[FieldViolation] = []
        validation.check_app_id(request.app_id, violations)
        validation.check_channel_type(request.type, violations)
        validation.refuse(violations, request.app_id)
        channel = await self._channels.get(request.app_id, request.type)
        return channel_pb2.GetChannelResponse(channel=_message(channel))

    async def ListChannels(
        self, request: channel_pb2.ListChannelsRequest, context: Any
    ) -> channel_pb2.ListChannelsResponse:
        """See channel.proto."""
        violations: list[FieldViolation] = []
        validation.check_app_id(request.app_id, violations)
        validation.refuse(violations, request.app_id)
        channels = await self._channels.list(request.app_id)
        return channel_pb2.ListChannelsResponse(channels=map(_message, channels))

    async def DeleteChannel(
        self, request: channel_pb2.DeleteChannelRequest, context: Any
    ) -> channel_pb2.DeleteChannelResponse:
        """See channel.proto."""
        violations: list[FieldViolation] = []
        expected_version = request.expected_version if request.HasField("expected_version") else None
        validation.check_app_id(request.app_id, violations)
        validation.check_channel_type(request.type, violations)
        validation.check_existing_version(expected_version, violations)
        validation.refuse(violations, request.app_id)
        channel = await self._channels.delete(request.app_id, request.type, expected_version=expected_version)
        return channel_pb2.DeleteChannelResponse(channel=_message(channel))

    async def VerifyChannel(
        self, request: channel_pb2.VerifyChannelRequest, context: Any
    ) -> channel_pb2.VerifyChannelResponse:
        """See channel.proto."""
        violations: list[FieldViolation] = []
        validation.check_app_id(request.app_id, violations)
        validation.check_channel_type(request.type, violations)
        validation.refuse(violations, request.app_id)
        found = await self._channels.verify(request.app_id, request.type)
        return channel_pb2.VerifyChannelResponse(
            verdict=_overall({answer.verdict for _, answer in found.values()}),
            credentials=[
                channel_pb2.CredentialVerdict(
                    kind=kind,
                    public_id=public_id,
                    verdict=answer.verdict,
                    reason=answer.reason,
                    message=answer.message,
                    status_code=answer.status_code or None,
                    provider_reason=answer.provider_reason,
                )
                for kind, (public_id, answer) in found.items()
            ],
        )


def _overall(verdicts: set[Verdict]) -> Verdict:
    """Return the verdict on a channel whose credentials have these."""
    if not verdicts or channel_pb2.VERDICT_INVALID in verdicts:
        return channel_pb2.VERDICT_INVALID
    return channel_pb2.VERDICT_VALID if channel_pb2.VERDICT_VALID in verdicts else channel_pb2.VERDICT_UNKNOWN


def _message(channel: StoredChannel) -> channel_pb2.Channel:
    return channel_pb2.Channel(
        app_id=channel.app_id,
        type=channel.type,
        enabled=channel.enabled,
        apns=channel.config if isinstance(channel.config, ApnsConfig) else None,
        fcm=channel.config if isinstance(channel.config, FcmConfig) else None,
        credentials=[_credential(each, channel) for _, each in sorted(channel.credentials.items())],
        version=channel.version,
        create_time=channel.create_time,
        update_time=channel.update_time,
        updated_by=channel.updated_by,
    )


def _credential(credential: StoredCredential, channel: StoredChannel) -> channel_pb2.Credential:
    return channel_pb2.Credential(
        kind=credential.kind,
        public_id=credential.public_id,
        fingerprint=credential.fingerprint,
        expire_time=credential.expire_time,
        update_time=credential.update_time,
        team_id=credential.team_id,
        notices=credential_notices(credential.kind, channel.credentials),
    )
