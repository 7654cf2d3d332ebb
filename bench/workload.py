"""What is sent: the same message for all; over APNs, the same addresses for the server and for the bare engine."""

from __future__ import annotations

import json
from collections.abc import Iterator

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from clarion.v1 import channel_pb2, messaging_pb2
from clarion.v1.channel_pb2 import (
    ApnsSettings,
    ApnsSigningKey,
    ChannelSettings,
    ChannelType,
    FcmServiceAccount,
    FcmSettings,
)
from clarion.v1.message_pb2 import ApnsMessage, DefaultPushMessage, FcmMessage, Message, VariableValues
from clarion.v1.messaging_pb2 import Overrides, SendStart, Target

CHANNEL_TYPE = channel_pb2.CHANNEL_TYPE_APNS
CHANNEL_TYPES = {"APNs": CHANNEL_TYPE, "FCM": channel_pb2.CHANNEL_TYPE_FCM}
SUCCESSFUL = messaging_pb2.DELIVERY_STATUS_SUCCESSFUL
REFUSED = messaging_pb2.DELIVERY_STATUS_PERMANENT_FAILURE

#: Different addresses; each is sent to many times.
ADDRESSES = tuple(f"{number:064x}" for number in range(1000))
#: The stand-in refuses those as unregistered.
DEAD = tuple(f"dead{number:060x}" for number in range(1000))
#: As FCM makes them: 163 characters.
REGISTRATION_TOKENS = tuple(f"{number:022}:APA91b{number:0134}" for number in range(1000))


def message() -> Message:
    """Return a notification of common size: its APNs payload has some 200 bytes."""
    return _message(
        DefaultPushMessage(
            title="Your parcel is on its way",
            body="It was handed to the carrier this morning and should arrive on Thursday between 9 and 11.",
        )
    )


def personal_message() -> Message:
    """Return a notification of the same size with two variables; titles come with the targets."""
    return _message(
        DefaultPushMessage(
            body="{{name}}, it was handed to the carrier this morning and should arrive on {{day}} between 9 and 11.",
        )
    )


def _message(words: DefaultPushMessage) -> Message:
    return Message(
        default_push_message=words,
        apns=ApnsMessage(sound="default", data={"order": "4711"}),
        fcm=FcmMessage(sound="default", data={"order": "4711"}),
    )


def start(app_id: str, *, personalised: bool = False) -> SendStart:
    """Return what a call says once."""
    return SendStart(app_id=app_id, message=personal_message() if personalised else message())


def is_dead(number: int, failing: float) -> bool:
    """Return whether the provider refuses target number n, when it refuses this share of them."""
    return number % 100 < failing * 100


def targets(
    first: int,
    count: int,
    *,
    channel_type: ChannelType = CHANNEL_TYPE,
    failing: float = 0.0,
    personalised: bool = False,
) -> Iterator[Target]:
    """Yield targets; target number n has the address n modulo 1,000.

    Args:
        first: number of the first.
        count: how many.
        channel_type: APNs or FCM.
        failing: share of those with an address that the provider refuses; APNs only.
        personalised: give each a title and two values for variables, which no other target has.

    Raises:
        ValueError: FCM is to refuse some.
    """
    if failing and channel_type != CHANNEL_TYPE:
        raise ValueError("the stand-in refuses requests of APNs only")
    good = REGISTRATION_TOKENS if channel_type == channel_pb2.CHANNEL_TYPE_FCM else ADDRESSES
    for number in range(first, first + count):
        known = DEAD if is_dead(number, failing) else good
        target = Target(address=known[number % len(known)], channel_type=channel_type)
        if personalised:
            target.overrides.CopyFrom(_overrides(number))
        yield target


def _overrides(number: int) -> Overrides:
    return Overrides(
        title=f"Parcel {number} is on its way",
        substitutions={
            "name": VariableValues(values=[f"Recipient {number}"]),
            "day": VariableValues(values=[f"day {number % 7}"]),
        },
    )


def apns_settings() -> ApnsSettings:
    """Return the settings of an APNs channel, with a signing key that is made here and fits nobody's account."""
    key = _pem(ec.generate_private_key(ec.SECP256R1()))
    return ApnsSettings(
        bundle_id="com.example.bench",
        signing_key=ApnsSigningKey(private_key=key, key_id="BENCHKEY01", team_id="BENCHTEAM1"),
    )


def channel_settings(channel_type: ChannelType) -> ChannelSettings:
    """Return the settings of a channel, with a credential that is made here and fits nobody's account."""
    if channel_type == CHANNEL_TYPE:
        return ChannelSettings(type=channel_type, apns=apns_settings())
    account = {
        "type": "service_account",
        "project_id": "benchmark",
        "private_key": _pem(rsa.generate_private_key(65537, 2048)),
        "client_email": "bench@benchmark.iam.gserviceaccount.com",
        "token_uri": "https://oauth2.googleapis.com/token",
    }
    return ChannelSettings(
        type=channel_type, fcm=FcmSettings(service_account=FcmServiceAccount(json=json.dumps(account)))
    )


def _pem(key: PrivateKeyTypes) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
