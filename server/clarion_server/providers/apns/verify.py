"""Whether APNs accepts a credential: a push to a device token that no device has.

APNs looks at the credential and the topic before it looks the token up. So `BadDeviceToken` means that both are good.
"""

from __future__ import annotations

from clarion.v1 import channel_pb2, error_pb2
from clarion.v1.channel_pb2 import ChannelType
from clarion_server.providers.apns.channel_types import VOIP_TYPES
from clarion_server.providers.contract import Outcome, Payload, Sender, Verification
from clarion_server.providers.verifying import is_success, of_refusal, try_credential, valid

# The form of a device token, and the value of none.
_NO_DEVICE = "bad0".ljust(64, "0")
_ABOUT_THE_DEVICE = frozenset(
    {
        error_pb2.ERROR_REASON_ADDRESS_INVALID,
        error_pb2.ERROR_REASON_ADDRESS_UNREGISTERED,
        error_pb2.ERROR_REASON_ADDRESS_OF_OTHER_APP,
        error_pb2.ERROR_REASON_DEVICE_THROTTLED,
    }
)
_ABOUT_THE_TOPIC = frozenset({"BadTopic", "MissingTopic", "TopicDisallowed"})


async def verify(sender: Sender, channel_type: ChannelType, bundle_id: str) -> Verification:
    """Ask APNs with the credential of a sender; the notification would be silent if anything ever got it."""
    return await try_credential(sender, _payload(channel_type, bundle_id), _NO_DEVICE, _judge)


def _payload(channel_type: ChannelType, bundle_id: str) -> Payload:
    voip = channel_type in VOIP_TYPES
    headers = [(b"apns-push-type", b"voip" if voip else b"background"), (b"apns-priority", b"5")]
    if voip:
        headers[1] = (b"apns-priority", b"10")
    if bundle_id:
        headers.append((b"apns-topic", f"{bundle_id}{'.voip' if voip else ''}".encode()))
    body = b'{"aps":{"content-available":1}}'
    return Payload(tuple(headers), body, len(body), 4096)


def _judge(outcome: Outcome) -> Verification:
    if is_success(outcome) or outcome.reason in _ABOUT_THE_DEVICE:
        return valid(outcome, "APNs accepts the credential for the channel's topic")
    if outcome.provider_reason in _ABOUT_THE_TOPIC:
        return Verification(
            channel_pb2.VERDICT_INVALID,
            f"{outcome.message}; APNs accepts the credential, but not with the channel's bundle_id",
            outcome.reason,
            outcome.status_code,
            outcome.provider_reason,
        )
    return of_refusal(outcome)
