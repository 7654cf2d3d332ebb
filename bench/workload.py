"""What is sent: the same message and the same addresses for the server and for the bare engine."""

from __future__ import annotations

from collections.abc import Iterator

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from clarion.v1 import channel_pb2, messaging_pb2
from clarion.v1.channel_pb2 import ApnsSettings, ApnsSigningKey
from clarion.v1.message_pb2 import ApnsMessage, DefaultPushMessage, Message
from clarion.v1.messaging_pb2 import SendStart, Target

CHANNEL_TYPE = channel_pb2.CHANNEL_TYPE_APNS
SUCCESSFUL = messaging_pb2.DELIVERY_STATUS_SUCCESSFUL

#: Different addresses; each is sent to many times.
ADDRESSES = tuple(f"{number:064x}" for number in range(1000))


def message() -> Message:
    """Return a notification of common size: its APNs payload has some 200 bytes."""
    return Message(
        default_push_message=DefaultPushMessage(
            title="Your parcel is on its way",
            body="It was handed to the carrier this morning and should arrive on Thursday between 9 and 11.",
        ),
        apns=ApnsMessage(sound="default", data={"order": "4711"}),
    )


def start(app_id: str) -> SendStart:
    """Return what a call says once."""
    return SendStart(app_id=app_id, message=message())


def targets(first: int, count: int) -> Iterator[Target]:
    """Yield targets; target number n has the address n modulo 1,000."""
    for number in range(first, first + count):
        yield Target(address=ADDRESSES[number % len(ADDRESSES)], channel_type=CHANNEL_TYPE)


def apns_settings() -> ApnsSettings:
    """Return the settings of an APNs channel, with a signing key that is made here and fits nobody's account."""
    key = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return ApnsSettings(
        bundle_id="com.example.bench",
        signing_key=ApnsSigningKey(private_key=key.decode(), key_id="BENCHKEY01", team_id="BENCHTEAM1"),
    )
