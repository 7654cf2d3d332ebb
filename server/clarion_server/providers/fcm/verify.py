"""Whether FCM accepts a service account: a message with `validate_only`, which FCM checks and does not deliver."""

from __future__ import annotations

from clarion_server.providers.contract import Outcome, Payload, Sender, Verification
from clarion_server.providers.verifying import is_success, of_refusal, try_credential, valid

# To a topic: that needs no registration token, and nobody subscribes to this one.
_HEAD = b'{"validateOnly":true,"message":{"topic":"'
_BODY = _HEAD + b'"}}'
_PAYLOAD = Payload(((b"content-type", b"application/json"),), _BODY, len(_BODY), 4096, hole=len(_HEAD))
_TOPIC = "clarion-verification"


async def verify(sender: Sender) -> Verification:
    """Ask FCM with the service account of a sender."""
    return await try_credential(sender, _PAYLOAD, _TOPIC, _judge)


def _judge(outcome: Outcome) -> Verification:
    if is_success(outcome):
        return valid(outcome, "FCM accepts the service account for its project")
    return of_refusal(outcome)
